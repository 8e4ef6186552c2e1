# Show-and-pay in whole systems. A guest that is played needs no /dev/kvm.
add_library(play STATIC e2e/play.c)
target_link_libraries(play PRIVATE zw_flags PUBLIC zw_launcher)
target_include_directories(play PUBLIC e2e ${PROJECT_SOURCE_DIR}/launcher)
add_executable(played e2e/played.c)
target_link_libraries(played PRIVATE zw_flags play)
target_link_options(played PRIVATE -pie)
