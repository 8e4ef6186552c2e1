# No permitted system call is unused: what the runs of whole systems have shown, against the policies.
add_executable(policy_use e2e/policy_use.c)
target_link_libraries(policy_use PRIVATE zw_policyc_text)
target_link_options(policy_use PRIVATE -pie)
add_test(NAME policy_use COMMAND ${PROJECT_SOURCE_DIR}/test/e2e/policy_use.sh)
set_tests_properties(devices robin display_drm PROPERTIES FIXTURES_SETUP calls)
set_tests_properties(policy_use PROPERTIES LABELS lab FIXTURES_REQUIRED calls TIMEOUT 60 SKIP_RETURN_CODE 77)
