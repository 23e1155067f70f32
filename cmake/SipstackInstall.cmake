# SPDX-License-Identifier: Apache-2.0
# Installed like any library: headers, archives, a package configuration with components, pkg-config.
#
# Each library has an export set of its own, so that finding the component parser neither looks for
# nor mentions Boost or OpenSSL.
include(CMakePackageConfigHelpers)

set(sipstack_config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/sipstack")
set(sipstack_components parser)
if(NOT SIPSTACK_PARSER_ONLY)
    list(APPEND sipstack_components core sipstack testing ${sipstack_stores})
endif()

foreach(component IN LISTS sipstack_components)
    install(TARGETS sipstack_${component} EXPORT sipstack-${component}
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
        RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
    install(EXPORT sipstack-${component} NAMESPACE sipstack:: DESTINATION "${sipstack_config_dir}"
        FILE sipstack-${component}-targets.cmake)
    foreach(layer IN LISTS sipstack_${component}_layers)
        foreach(pattern IN LISTS sipstack_${component}_files)
            install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/sipstack/${layer}"
                DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/sipstack" FILES_MATCHING PATTERN "${pattern}.hpp")
        endforeach()
    endforeach()
endforeach()
if(NOT SIPSTACK_PARSER_ONLY)
    file(GLOB umbrellas CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/sipstack/*.hpp")
    install(FILES ${umbrellas} DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/sipstack")
endif()
install(FILES "${PROJECT_BINARY_DIR}/include/sipstack/version.hpp"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/sipstack")
if(TARGET sipstack_cli)
    install(TARGETS sipstack_cli RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
    if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
        configure_file(packaging/sipstack.service.in sipstack.service @ONLY)
        install(FILES "${PROJECT_BINARY_DIR}/sipstack.service" DESTINATION lib/systemd/system)
        install(FILES packaging/serve.toml packaging/b2bua.toml DESTINATION "${CMAKE_INSTALL_DOCDIR}")
    endif()
endif()

set(sipstack_static TRUE)  # whose users link what it links
if(BUILD_SHARED_LIBS)
    set(sipstack_static FALSE)
endif()
configure_package_config_file(cmake/sipstackConfig.cmake.in sipstackConfig.cmake
    INSTALL_DESTINATION "${sipstack_config_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(sipstackConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/sipstackConfig.cmake" "${PROJECT_BINARY_DIR}/sipstackConfigVersion.cmake"
    cmake/FindTlExpected.cmake cmake/FindCAres.cmake cmake/FindHiredis.cmake
    DESTINATION "${sipstack_config_dir}")

# ---- pkg-config ----

foreach(folder LIBDIR INCLUDEDIR)
    if(IS_ABSOLUTE "${CMAKE_INSTALL_${folder}}")
        set(sipstack_pc_${folder} "${CMAKE_INSTALL_${folder}}")
    else()
        # By the file's own place, so that an installed tree may be moved.
        set(sipstack_pc_${folder} "\${prefix}/${CMAKE_INSTALL_${folder}}")
    endif()
endforeach()
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(sipstack_pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
    file(RELATIVE_PATH sipstack_pc_up "/p/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/p")
    string(REGEX REPLACE "/$" "" sipstack_pc_up "${sipstack_pc_up}")
    set(sipstack_pc_prefix "\${pcfiledir}/${sipstack_pc_up}")
endif()

# `needs` and `needs_libs` are what an archive's users have to link and a shared library's have not. In
# Requires, not in Requires.private: an archive of ours goes with shared libraries of theirs, which
# `pkg-config --static` would make static, too.
function(sipstack_pkg_config component file description requires needs needs_libs)
    set(libs "")
    if(sipstack_${component}_compiled)
        set(libs "-L\${libdir} -l${file}")
    endif()
    if(sipstack_static)
        string(JOIN ", " requires ${requires} ${needs})
        string(JOIN " " libs ${libs} ${needs_libs})
    endif()
    configure_file("${PROJECT_SOURCE_DIR}/cmake/sipstack.pc.in" ${file}.pc @ONLY)
    install(FILES "${PROJECT_BINARY_DIR}/${file}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endfunction()

sipstack_pkg_config(parser sipstack-parser "The parser and writer of SIP messages" "" "" "")
if(NOT SIPSTACK_PARSER_ONLY)
    sipstack_pkg_config(core sipstack-core "The SIP protocol without I/O: transactions, dialogs, server roles"
        "sipstack-parser = ${PROJECT_VERSION}" "libcrypto" "")
    sipstack_pkg_config(sipstack sipstack "SIP over UDP, TCP, TLS and WebSocket on Boost.Asio"
        "sipstack-core = ${PROJECT_VERSION}" "libssl;libcrypto;libcares;fmt" "-pthread")
    sipstack_pkg_config(testing sipstack-testing "A simulated network for tests of SIP programs"
        "sipstack-core = ${PROJECT_VERSION}" "" "")
    if("sqlite" IN_LIST sipstack_stores)
        sipstack_pkg_config(sqlite sipstack-sqlite "Stores of sipstack in SQLite files"
            "sipstack-core = ${PROJECT_VERSION}" "sqlite3" "-pthread")
    endif()
    if("redis" IN_LIST sipstack_stores)
        sipstack_pkg_config(redis sipstack-redis "A store of sipstack in Redis"
            "sipstack-core = ${PROJECT_VERSION}" "hiredis" "-pthread")
    endif()
endif()
