# latent::cuda, a static library: the kernels for NVIDIA's GPUs. Needs nvcc, 12 or newer.
#
#   LATENT_CUDA   AUTO: where nvcc is found; ON: an error where it is not; OFF
#   CMAKE_CUDA_ARCHITECTURES   for which GPUs; where it is not given, for this machine's, or
#                              else for all that there are, which takes minutes

set(latent_cuda_default OFF)
if(PROJECT_IS_TOP_LEVEL)
  set(latent_cuda_default AUTO)
endif()
set(LATENT_CUDA ${latent_cuda_default} CACHE STRING "Build latent::cuda: AUTO, ON or OFF")
set_property(CACHE LATENT_CUDA PROPERTY STRINGS AUTO ON OFF)
if(NOT LATENT_CUDA STREQUAL "AUTO" AND NOT LATENT_CUDA)
  return()
endif()

set(latent_nvcc "${CMAKE_CUDA_COMPILER}")
if(NOT latent_nvcc)
  set(latent_nvcc "$ENV{CUDACXX}")
endif()
if(NOT latent_nvcc)
  find_program(LATENT_NVCC nvcc PATHS ENV CUDA_PATH /usr/local/cuda PATH_SUFFIXES bin)
  mark_as_advanced(LATENT_NVCC)
  set(latent_nvcc "${LATENT_NVCC}")
endif()

# Whether it is there, new enough, and gets on with the compiler: or else why not.
set(latent_cuda_hindrance "")
if(NOT latent_nvcc)
  set(latent_cuda_hindrance "no nvcc (-DCMAKE_CUDA_COMPILER=.../nvcc names one)")
else()
  execute_process(COMMAND "${latent_nvcc}" --version
    OUTPUT_VARIABLE latent_nvcc_version ERROR_QUIET RESULT_VARIABLE latent_result)
  if(NOT latent_nvcc_version MATCHES "release ([0-9]+)")
    set(latent_cuda_hindrance "${latent_nvcc} tells no version")
  elseif(CMAKE_MATCH_1 LESS 12)
    set(latent_cuda_hindrance "${latent_nvcc} is of CUDA ${CMAKE_MATCH_1}, before 12")
  else()
    set(latent_probe "${PROJECT_BINARY_DIR}/CMakeFiles/latent_cuda_probe.cu")
    file(WRITE "${latent_probe}" "#include <string>\n__global__ void probe() {}\n")
    execute_process(
      COMMAND "${latent_nvcc}" -std=c++20 -c "${latent_probe}" -o "${latent_probe}.o"
      OUTPUT_QUIET ERROR_VARIABLE latent_error RESULT_VARIABLE latent_result)
    if(NOT latent_result EQUAL 0)
      string(REGEX MATCH "[^\n]*error[^\n]*" latent_error "${latent_error}")
      set(latent_cuda_hindrance "${latent_nvcc} compiles no C++20: ${latent_error}")
    endif()
  endif()
endif()
if(latent_cuda_hindrance)
  if(NOT LATENT_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "LATENT_CUDA=${LATENT_CUDA}: got ${latent_cuda_hindrance}, expected "
      "nvcc 12 or newer; LATENT_CUDA=OFF does without")
  endif()
  message(STATUS "latent::cuda is left out: ${latent_cuda_hindrance}")
  return()
endif()
set(CMAKE_CUDA_COMPILER "${latent_nvcc}")

if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  execute_process(COMMAND nvidia-smi -L OUTPUT_VARIABLE latent_gpus ERROR_QUIET)
  if(latent_gpus MATCHES "^GPU ")
    set(CMAKE_CUDA_ARCHITECTURES native)
  else()
    # The last is PTX, for GPUs that are newer than nvcc.
    set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 86-real 89-real 90a-real 90-virtual)
  endif()
endif()
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)

add_library(latent_cuda STATIC "${PROJECT_SOURCE_DIR}/kernels/kernels.cu")
add_library(latent::cuda ALIAS latent_cuda)
set_target_properties(latent_cuda PROPERTIES EXPORT_NAME cuda POSITION_INDEPENDENT_CODE ON)
target_include_directories(latent_cuda INTERFACE
  "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>"
  "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/latent/cuda>")
target_link_libraries(latent_cuda INTERFACE latent PRIVATE CUDA::cudart_static)
# Not by cuda_std_20, which CMake 3.25.1 does not know nvcc to have.
target_compile_options(latent_cuda PRIVATE
  $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20 $<$<BOOL:${LATENT_WERROR}>:-Werror=all-warnings>>)
