# Builds a consumer from an empty folder, with no option but the compiler, and runs it.
#   cmake -DNAME=find_package -DSOURCE=... -DWORK=... -DLATENT_SOURCE=... -DLATENT_BUILD=...
#         -DCOMPILER=... -DGENERATOR=... -P run.cmake

function(step)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    list(JOIN ARGV " " line)
    message(FATAL_ERROR "${NAME}: failed: ${line}")
  endif()
endfunction()

set(ENV{CXX} "${COMPILER}")
set(ENV{CMAKE_GENERATOR} "${GENERATOR}")
set(ENV{CMAKE_BUILD_PARALLEL_LEVEL} 1) # ctest runs several tests at a time
file(REMOVE_RECURSE "${WORK}")
file(MAKE_DIRECTORY "${WORK}")

if(NAME STREQUAL "find_package")
  step(${CMAKE_COMMAND} --install "${LATENT_BUILD}" --prefix "${WORK}/prefix"
    --component development)
  set(ENV{CMAKE_PREFIX_PATH} "${WORK}/prefix")
elseif(NAME STREQUAL "readme")
  set(ENV{LATENT_README_EXAMPLE} "${WORK}/readme_example.cpp")
  step(${CMAKE_COMMAND} "-DREADME=${LATENT_SOURCE}/README.md"
    "-DEXAMPLE=${WORK}/readme_example.cpp" -P "${CMAKE_CURRENT_LIST_DIR}/extract_example.cmake")
endif()

step(${CMAKE_COMMAND} -S "${SOURCE}" -B "${WORK}/build")
step(${CMAKE_COMMAND} --build "${WORK}/build")
file(GLOB programs "${WORK}/build/consumer" "${WORK}/build/consumer_*")
if(NOT programs)
  message(FATAL_ERROR "${NAME}: no program was built")
endif()
foreach(program IN LISTS programs)
  execute_process(COMMAND "${program}" WORKING_DIRECTORY "${WORK}" RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${NAME}: ${program} ended with ${result}")
  endif()
endforeach()
