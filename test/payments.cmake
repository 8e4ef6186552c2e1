# Show-and-pay in whole systems. A guest that is played needs no /dev/kvm.
add_library(play STATIC e2e/play.c)
target_link_libraries(play PRIVATE zw_flags PUBLIC zw_launcher)
target_include_directories(play PUBLIC e2e ${PROJECT_SOURCE_DIR}/launcher)
add_executable(played e2e/played.c)
target_link_libraries(played PRIVATE zw_flags play)
target_link_options(played PRIVATE -pie)
add_test(NAME payment COMMAND ${PROJECT_SOURCE_DIR}/test/e2e/payment.sh ${CMAKE_BINARY_DIR})
set_tests_properties(payment PROPERTIES LABELS e2e TIMEOUT 900 RUN_SERIAL ON)
