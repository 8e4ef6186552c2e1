# The Debian package, and the unit of systemd.
add_test(NAME package COMMAND ${PROJECT_SOURCE_DIR}/test/e2e/package.sh ${CMAKE_BINARY_DIR})
set_tests_properties(package PROPERTIES LABELS e2e TIMEOUT 900 SKIP_RETURN_CODE 77)
add_test(NAME service COMMAND ${PROJECT_SOURCE_DIR}/test/e2e/service.sh ${CMAKE_BINARY_DIR})
set_tests_properties(service PROPERTIES LABELS e2e TIMEOUT 120 SKIP_RETURN_CODE 77)
# Both install from the build directory, which has one place for what is made for it.
set_tests_properties(package service PROPERTIES RESOURCE_LOCK installation)
