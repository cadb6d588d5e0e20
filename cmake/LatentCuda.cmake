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

if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  find_program(LATENT_NVCC nvcc HINTS ENV CUDA_PATH /usr/local/cuda PATH_SUFFIXES bin)
  mark_as_advanced(LATENT_NVCC)
  if(LATENT_NVCC)
    set(CMAKE_CUDA_COMPILER "${LATENT_NVCC}")
  endif()
endif()
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  execute_process(COMMAND nvidia-smi -L OUTPUT_VARIABLE latent_gpus ERROR_QUIET)
  if(latent_gpus MATCHES "^GPU ")
    set(CMAKE_CUDA_ARCHITECTURES native)
  else()
    # The last is PTX, for GPUs that are newer than nvcc.
    set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 86-real 89-real 90a-real 90-virtual)
  endif()
endif()
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  if(NOT LATENT_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "LATENT_CUDA=${LATENT_CUDA}: got no CUDA compiler, expected nvcc; "
      "-DCMAKE_CUDA_COMPILER=.../nvcc names one that is not found")
  endif()
  message(STATUS "latent::cuda is left out: no nvcc")
  return()
endif()
enable_language(CUDA)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12)
  message(FATAL_ERROR "${CMAKE_CUDA_COMPILER}: got nvcc ${CMAKE_CUDA_COMPILER_VERSION}, "
    "expected 12 or newer; LATENT_CUDA=OFF does without")
endif()
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
