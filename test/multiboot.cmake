# Multiboot images, as kvm-unit-tests' are, beside QEMU.
foreach(image_and_flags IN ITEMS "multiboot 0" "multiboot_video 4")
  separate_arguments(words UNIX_COMMAND "${image_and_flags}")
  list(GET words 0 image)
  list(GET words 1 flags)
  add_custom_command(OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${image}.elf
    COMMAND ${CMAKE_C_COMPILER} -m32 -O1 -Wall -Wextra -Werror -ffreestanding -fno-pic -fno-stack-protector
            -fcf-protection=none -mno-sse -mno-mmx -fno-asynchronous-unwind-tables -static -nostdlib -DFLAGS=${flags}
            -Wl,--build-id=none,--no-warn-rwx-segments -T ${CMAKE_CURRENT_SOURCE_DIR}/guest/multiboot.ld
            ${CMAKE_CURRENT_SOURCE_DIR}/guest/multiboot.c -o ${CMAKE_CURRENT_BINARY_DIR}/${image}.elf
    DEPENDS guest/multiboot.c guest/multiboot.ld VERBATIM)
  list(APPEND images ${CMAKE_CURRENT_BINARY_DIR}/${image}.elf)
endforeach()
add_custom_target(multiboot_images ALL DEPENDS ${images})
add_test(NAME multiboot COMMAND ${PROJECT_SOURCE_DIR}/test/e2e/multiboot.sh ${CMAKE_BINARY_DIR})
set_tests_properties(multiboot PROPERTIES LABELS lab TIMEOUT 500 SKIP_RETURN_CODE 77 RUN_SERIAL ON)
unit_test(test_multiboot SOURCES ${PROJECT_SOURCE_DIR}/vmm/testing/multiboot.c NEEDS zw_boot)
target_include_directories(test_multiboot PRIVATE ${PROJECT_SOURCE_DIR}/vmm/testing)
unit_test(test_pc SOURCES ${PROJECT_SOURCE_DIR}/vmm/testing/pc.c NEEDS zw_machine)
target_include_directories(test_pc PRIVATE ${PROJECT_SOURCE_DIR}/vmm/testing)
