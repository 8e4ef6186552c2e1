# The shop's pages in a real browser, from the choice of goods to the receipt. Skipped where there is none.
add_test(NAME shop COMMAND ${PROJECT_SOURCE_DIR}/test/e2e/shop.sh ${CMAKE_BINARY_DIR})
set_tests_properties(shop PROPERTIES LABELS e2e TIMEOUT 300 RUN_SERIAL ON SKIP_RETURN_CODE 77)
