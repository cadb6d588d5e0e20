# A strict project's warnings are its own business: neither Eigen nor Latent may trip them. And
# Latent adds no flag of its own.
if(NOT MSVC)
  foreach(program IN ITEMS consumer consumer_io)
    if(TARGET ${program})
      target_compile_options(${program} PRIVATE
        -Wall -Wextra -Wconversion -Wno-sign-conversion -Werror)
    endif()
  endforeach()
endif()
get_target_property(options latent::latent INTERFACE_COMPILE_OPTIONS)
get_target_property(definitions latent::latent INTERFACE_COMPILE_DEFINITIONS)
if(options OR definitions)
  message(FATAL_ERROR "latent::latent brings flags: ${options} ${definitions}")
endif()
