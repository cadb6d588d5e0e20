# The package: headers, and what find_package(latent [COMPONENTS io cuda]) reads.

include(CMakePackageConfigHelpers)
set(latent_package_dir "${CMAKE_INSTALL_DATADIR}/cmake/latent")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/latent" TYPE INCLUDE COMPONENT development)
install(TARGETS latent EXPORT latent-targets INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT latent-targets NAMESPACE latent::
  DESTINATION "${latent_package_dir}" COMPONENT development)
if(TARGET latent_io)
  install(TARGETS latent_io EXPORT latent-io-targets)
  install(EXPORT latent-io-targets NAMESPACE latent::
    DESTINATION "${latent_package_dir}" COMPONENT development)
endif()
set(latent_any_architecture ARCH_INDEPENDENT)
if(TARGET latent_cuda)
  set(latent_any_architecture "")
  install(FILES "${PROJECT_SOURCE_DIR}/kernels/launch.hpp"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/latent/cuda/kernels" COMPONENT development)
  install(TARGETS latent_cuda EXPORT latent-cuda-targets ARCHIVE COMPONENT development)
  install(EXPORT latent-cuda-targets NAMESPACE latent::
    DESTINATION "${latent_package_dir}" COMPONENT development)
endif()

configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/latent-config.cmake.in"
  "${PROJECT_BINARY_DIR}/latent-config.cmake"
  INSTALL_DESTINATION "${latent_package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/latent-config-version.cmake"
  COMPATIBILITY SameMinorVersion ${latent_any_architecture})
install(FILES
  "${PROJECT_BINARY_DIR}/latent-config.cmake"
  "${PROJECT_BINARY_DIR}/latent-config-version.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/Findlibzip.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/Findstb.cmake"
  DESTINATION "${latent_package_dir}" COMPONENT development)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/latent" COMPONENT development)

if(TARGET latent_cli)
  install(TARGETS latent_cli COMPONENT command)
endif()
