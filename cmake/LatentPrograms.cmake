# How Latent's own programs are built: the command, the tests, the benchmarks. Nothing of this
# reaches a consumer, who gets latent::latent without any flag.

include(CheckCXXCompilerFlag)

set(latent_program_options "")
if(MSVC)
  list(APPEND latent_program_options /W4 /permissive- /utf-8 $<$<BOOL:${LATENT_WERROR}>:/WX>)
else()
  # clang counts the change of a sign among -Wconversion's warnings, g++ does not: follow g++.
  list(APPEND latent_program_options -Wall -Wextra -Wpedantic -Wshadow -Wconversion
    -Wno-sign-conversion $<$<BOOL:${LATENT_WERROR}>:-Werror>)
  # Four warnings of g++ 12 at -O3 are false alarms in headers that are not ours: uninitialised
  # values in its AVX-512 intrinsics, overlaps and overflows in "text" + std::string. The
  # sanitizers and clang watch over the same mistakes.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND latent_program_options
      -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds
      $<$<CONFIG:Debug>:-Wno-uninitialized>)
  endif()
endif()

if(LATENT_NATIVE AND NOT MSVC)
  check_cxx_compiler_flag(-march=native LATENT_HAS_MARCH_NATIVE)
  if(LATENT_HAS_MARCH_NATIVE)
    list(APPEND latent_program_options -march=native)
    # g++ tunes for the processor it names, and that slows Eigen's matrix product down.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      list(APPEND latent_program_options -mtune=generic)
    endif()
  endif()
endif()

# Warnings, errors and tuning for one of our own targets. The standard is cxx_std_20 with the
# compiler's default dialect, as consumers get it: g++ then contracts a * b + c, as clang does.
function(latent_program target)
  target_compile_features(${target} PRIVATE cxx_std_20) # clang 14's own default is C++14
  target_compile_options(${target} PRIVATE ${latent_program_options})
endfunction()

# The command and the tests, many files that are rarely hot: the operations are compiled once,
# at full optimisation, in tools/instances; the files themselves at -O1, in half the time.
if(LATENT_BUILD_CLI OR LATENT_BUILD_TESTS)
  add_library(latent_instances STATIC "${PROJECT_SOURCE_DIR}/tools/instances/instances.cpp")
  target_include_directories(latent_instances PUBLIC "${PROJECT_SOURCE_DIR}/tools/instances")
  target_link_libraries(latent_instances PUBLIC latent::latent)
  latent_program(latent_instances)
endif()
set(latent_precompiled "<instances.hpp>" "<latent/io.hpp>" "<nlohmann/json.hpp>")

function(latent_quick_program target)
  latent_program(${target})
  target_link_libraries(${target} PRIVATE latent_instances $<TARGET_NAME_IF_EXISTS:latent::io>)
  if(NOT MSVC)
    target_compile_options(${target} PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O1>)
  endif()
endfunction()

# Every tests/bench/NAME.cpp becomes the program bench/NAME in the build folder. (./dev bench
# compiles them once more, with each compiler that it finds.)
function(latent_add_benchmarks)
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/bench/*.cpp")
  foreach(source IN LISTS sources)
    cmake_path(GET source STEM name)
    add_executable(bench_${name} "${source}")
    target_link_libraries(bench_${name} PRIVATE latent::io)
    latent_program(bench_${name})
    set_target_properties(bench_${name} PROPERTIES
      OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bench")
  endforeach()
endfunction()
