# SPDX-License-Identifier: Apache-2.0
# c-ares: by its own package configuration, which not every distribution ships, or by finding it.
find_package(c-ares CONFIG QUIET)
if(TARGET c-ares::cares)
    set(CAres_LIBRARY c-ares::cares)
else()
    find_path(CAres_INCLUDE_DIR ares.h)
    find_library(CAres_LIBRARY cares)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CAres REQUIRED_VARS CAres_LIBRARY)
if(CAres_FOUND AND NOT TARGET c-ares::cares)
    add_library(c-ares::cares UNKNOWN IMPORTED)
    set_target_properties(c-ares::cares PROPERTIES
        IMPORTED_LOCATION "${CAres_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${CAres_INCLUDE_DIR}")
endif()
mark_as_advanced(CAres_INCLUDE_DIR CAres_LIBRARY)
