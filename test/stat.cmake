# zwinger stat: what a running system counts, as tables, JSON, and a page for Prometheus.
unit_test(test_stat NEEDS zw_launcher)
target_include_directories(test_stat PRIVATE ${PROJECT_SOURCE_DIR}/launcher)
add_test(NAME stat COMMAND ${PROJECT_SOURCE_DIR}/test/e2e/stat.sh ${CMAKE_BINARY_DIR})
set_tests_properties(stat PROPERTIES LABELS lab TIMEOUT 500 RUN_SERIAL ON)
