# The measuring tools: their statistics, and that what they measure happens.
unit_test(test_statistics NEEDS zw_bench)
unit_test(test_json NEEDS zw_bench)
foreach(name IN ITEMS bench_exits bench_compare)
  add_test(NAME ${name} COMMAND ${PROJECT_SOURCE_DIR}/test/bench/${name}.sh $<TARGET_FILE:zwinger>)
  set_tests_properties(${name} PROPERTIES LABELS e2e TIMEOUT 600 SKIP_RETURN_CODE 77)
endforeach()
set_tests_properties(bench_exits PROPERTIES LABELS lab RUN_SERIAL ON)
