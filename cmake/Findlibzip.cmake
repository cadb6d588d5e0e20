# Finds libzip and defines libzip::zip. Debian's libzip-dev ships a CMake package that refuses
# to load unless the command line tools are installed too, so header and library are found here.

if(NOT TARGET libzip::zip)
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(latent_pkg_libzip QUIET libzip)
  endif()
  find_path(LIBZIP_INCLUDE_DIR zip.h HINTS ${latent_pkg_libzip_INCLUDE_DIRS})
  find_library(LIBZIP_LIBRARY NAMES zip HINTS ${latent_pkg_libzip_LIBRARY_DIRS})
  mark_as_advanced(LIBZIP_INCLUDE_DIR LIBZIP_LIBRARY)

  include(FindPackageHandleStandardArgs)
  find_package_handle_standard_args(libzip
    REQUIRED_VARS LIBZIP_LIBRARY LIBZIP_INCLUDE_DIR
    VERSION_VAR latent_pkg_libzip_VERSION
    REASON_FAILURE_MESSAGE "libzip's header zip.h and its library (Debian: libzip-dev)")
  if(libzip_FOUND)
    add_library(libzip::zip UNKNOWN IMPORTED)
    set_target_properties(libzip::zip PROPERTIES
      IMPORTED_LOCATION "${LIBZIP_LIBRARY}"
      INTERFACE_INCLUDE_DIRECTORIES "${LIBZIP_INCLUDE_DIR}")
  endif()
else()
  set(libzip_FOUND TRUE)
endif()
