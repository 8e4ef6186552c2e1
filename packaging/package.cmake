# What `cmake --install` puts beside the programs, and the Debian package: cpack -G DEB.

find_program(GZIP gzip REQUIRED)
# zw_compressed(<source> <name>): <name>.gz in the build tree, the same bytes each time.
function(zw_compressed source name)
  add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/packaging/${name}.gz
    COMMAND ${GZIP} -9nc ${source} > ${CMAKE_BINARY_DIR}/packaging/${name}.gz
    DEPENDS ${source} VERBATIM)
  set_property(GLOBAL APPEND PROPERTY ZW_COMPRESSED ${CMAKE_BINARY_DIR}/packaging/${name}.gz)
endfunction()

set(pages zwinger.1 zwinger-audit.1 zwinger-bench.1 zwinger-check.1 zwinger-device.1 zwinger-display.1 zwinger-ps.1 zwinger-run.1
    zwinger-show.1 zwinger-stat.1 zwinger-stop.1 zwinger-store.1 zwinger-verify.1)
foreach(page IN LISTS pages)
  zw_compressed(${PROJECT_SOURCE_DIR}/doc/man/${page} ${page})
  install(FILES ${CMAKE_BINARY_DIR}/packaging/${page}.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/doc/completion/zwinger.bash
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME zwinger)
install(FILES ${PROJECT_SOURCE_DIR}/doc/completion/zwinger.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
# Debian's zsh looks elsewhere than others do.
install(FILES ${PROJECT_SOURCE_DIR}/doc/completion/_zwinger
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT local)
install(FILES ${PROJECT_SOURCE_DIR}/doc/completion/_zwinger
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT debian EXCLUDE_FROM_ALL)

# The hashes of what has just been installed, stripped or not, for manifests to include.
install(CODE "execute_process(COMMAND \"${PROJECT_SOURCE_DIR}/scripts/measure\"
    \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${ZW_LIBEXECDIR}\"
  OUTPUT_FILE \"${CMAKE_BINARY_DIR}/packaging/measured.dtsi\" COMMAND_ERROR_IS_FATAL ANY)")
install(FILES ${CMAKE_BINARY_DIR}/packaging/measured.dtsi DESTINATION ${CMAKE_INSTALL_DATADIR}/zwinger)

# A manifest as a service of systemd; the unit names where zwinger is.
install(CODE "set(ZW_BINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
  configure_file(\"${CMAKE_CURRENT_LIST_DIR}/zwinger@.service.in\" \"${CMAKE_BINARY_DIR}/packaging/zwinger@.service\" @ONLY)")
install(FILES ${CMAKE_BINARY_DIR}/packaging/zwinger@.service DESTINATION lib/systemd/system)

# Debian. The component `debian` is in the package alone, `local` in an installation by hand alone.
set(ZW_PACKAGER "Zwinger developers <zwinger@localhost>" CACHE STRING "Who answers for the Debian package")
set(doc ${CMAKE_INSTALL_DATADIR}/doc/zwinger)
configure_file(${CMAKE_CURRENT_LIST_DIR}/debian/changelog.in ${CMAKE_BINARY_DIR}/packaging/changelog @ONLY)
zw_compressed(${CMAKE_BINARY_DIR}/packaging/changelog changelog)
install(FILES ${CMAKE_BINARY_DIR}/packaging/changelog.gz DESTINATION ${doc} COMPONENT debian EXCLUDE_FROM_ALL)
# The licence, as a field of this format: indented, a dot for an empty line.
file(STRINGS ${PROJECT_SOURCE_DIR}/LICENSE lines)
set(LICENSE "")
foreach(line IN LISTS lines)
  if(line STREQUAL "")
    set(line .)
  endif()
  string(APPEND LICENSE "\n ${line}")
endforeach()
configure_file(${CMAKE_CURRENT_LIST_DIR}/debian/copyright.in ${CMAKE_BINARY_DIR}/packaging/copyright @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/packaging/copyright ${CMAKE_CURRENT_LIST_DIR}/debian/README.Debian
        DESTINATION ${doc} COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES ${PROJECT_SOURCE_DIR}/guests/phone.dts DESTINATION ${doc}/examples
        COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/debian/lintian-overrides RENAME zwinger
        DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides COMPONENT debian EXCLUDE_FROM_ALL)

get_property(compressed GLOBAL PROPERTY ZW_COMPRESSED)
add_custom_target(packaging ALL DEPENDS ${compressed})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME zwinger)
set(CPACK_PACKAGE_CONTACT "${ZW_PACKAGER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "small hypervisor on KVM beside small critical processes")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
    WORLD_READ WORLD_EXECUTE)
set(CPACK_INSTALL_CMAKE_PROJECTS "${CMAKE_BINARY_DIR};zwinger;Unspecified;/;${CMAKE_BINARY_DIR};zwinger;debian;/")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION otherosfs)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "") # every program is linked statically
# A manifest's source needs dtc; a network card without root, a shared directory and other disk
# formats their servers. virtiofsd is in qemu-system-common in Debian 12.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS
    "device-tree-compiler, passt, qemu-utils, seabios, virtiofsd | qemu-system-common")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "graphviz")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Zwinger runs an unmodified Linux as the guest of a virtual machine monitor
on Linux KVM. The monitor and each device are processes of their own that
have shut themselves in before they read their first hostile byte.

Beside the guest, outside its reach, run small programs that must not fail
even if that Linux is fully compromised: a trusted display, an auditor, a
number display that confirms what a phone dials. A manifest describes the
whole system and the expected hash of every program.

/dev/kvm is needed, by a processor with hardware virtualisation.")
include(CPack)
