# Show-and-pay without its web server: texts, receipts, the store, PINs, and the programs around them.
unit_test(test_payment NEEDS zw_payment)
if(ZW_FUZZ)
  fuzz_test(fuzz_payment 20 FLAGS -max_len=4200 SOURCES lib/payment.c)
endif()
