# The demonstration at a terminal, on this host or in the lab.
add_test(NAME demo COMMAND ${PROJECT_SOURCE_DIR}/test/e2e/demo.sh ${CMAKE_BINARY_DIR})
set_tests_properties(demo PROPERTIES LABELS lab TIMEOUT 1200 RUN_SERIAL ON)
