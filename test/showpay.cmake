# Show-and-pay: its web server, and the display's payments.
unit_test(test_showpay SOURCES unit/test_showpay_driver.c NEEDS zw_showpay)
if(ZW_FUZZ)
  fuzz_test(fuzz_showpay 20 FLAGS -close_fd_mask=2 -max_len=4096
    SOURCES critical/showpay/http.c critical/showpay/order.c critical/showpay/answer.c critical/showpay/date.c
            test/unit/test_showpay_driver.c lib/payment.c lib/payment_chunks.c lib/receipt.c lib/log.c)
  target_include_directories(fuzz_showpay PRIVATE unit ${PROJECT_SOURCE_DIR}/critical/showpay)
endif()
unit_test(test_display_payment SOURCES unit/test_display_driver.c NEEDS zw_display zw_chan zw_log)
target_include_directories(test_display_payment PRIVATE ${PROJECT_SOURCE_DIR}/critical/display)
if(ZW_FUZZ)
  fuzz_test(fuzz_display_payment 20 FLAGS -close_fd_mask=2 -max_len=2048
    SOURCES critical/display/pages.c critical/display/prompt_state.c critical/display/draw.c critical/display/typed_ahead.c
            critical/display/payment_pin.c critical/display/payment_state.c
            critical/display/payment_pages.c lib/payment.c lib/payment_chunks.c
            test/unit/test_display_driver.c lib/chan.c lib/log.c)
  target_include_directories(fuzz_display_payment PRIVATE unit ${PROJECT_SOURCE_DIR}/critical/display)
endif()
