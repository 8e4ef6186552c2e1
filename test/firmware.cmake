# Booting through a PC's BIOS: its devices by themselves, boot sectors of ours, stock disks.
unit_test(test_fw_cfg NEEDS zw_firmware)
add_test(NAME firmware COMMAND ${PROJECT_SOURCE_DIR}/test/e2e/firmware_lab.sh ${CMAKE_BINARY_DIR})
set_tests_properties(firmware PROPERTIES LABELS lab TIMEOUT 700 RUN_SERIAL ON)
# Stock disks with GRUB. The installation of another kernel takes many minutes in the lab: only with ZW_LONG=1.
set(disk_boot ${PROJECT_SOURCE_DIR}/test/e2e/disk_boot_lab.sh $<TARGET_FILE:zwinger>)
add_test(NAME disk_boot COMMAND ${disk_boot} login memtest)
set_tests_properties(disk_boot PROPERTIES LABELS lab TIMEOUT 1800 RUN_SERIAL ON)
add_test(NAME disk_boot_kernel COMMAND ${disk_boot} kernel)
set_tests_properties(disk_boot_kernel PROPERTIES LABELS "lab;long" TIMEOUT 7500 RUN_SERIAL ON SKIP_RETURN_CODE 77)
if(ZW_FUZZ)
  fuzz_test(fuzz_firmware 20 FLAGS -close_fd_mask=2 -max_len=4096
    SOURCES vmm/firmware/fw_cfg.c vmm/firmware/no_boot.c vmm/firmware/debug_port.c vmm/rtc.c vmm/bus.c
            lib/gmem.c lib/log.c)
  target_include_directories(fuzz_firmware PRIVATE ${PROJECT_SOURCE_DIR}/vmm/firmware)
endif()
