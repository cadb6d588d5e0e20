# Finds the headers of stb and defines stb::stb. Only headers: nothing is linked.

if(NOT TARGET stb::stb)
  find_path(STB_INCLUDE_DIR stb_image.h PATH_SUFFIXES stb)
  mark_as_advanced(STB_INCLUDE_DIR)

  include(FindPackageHandleStandardArgs)
  find_package_handle_standard_args(stb
    REQUIRED_VARS STB_INCLUDE_DIR
    REASON_FAILURE_MESSAGE "the header stb_image.h (Debian: libstb-dev)")
  if(stb_FOUND)
    add_library(stb::stb INTERFACE IMPORTED)
    set_target_properties(stb::stb PROPERTIES
      INTERFACE_INCLUDE_DIRECTORIES "${STB_INCLUDE_DIR}")
  endif()
else()
  set(stb_FOUND TRUE)
endif()
