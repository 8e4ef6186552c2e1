# Show-and-pay without its web server: texts, receipts, the store, PINs, and the programs around them.
unit_test(test_payment NEEDS zw_payment)
unit_test(test_receipt NEEDS zw_receipt ${SODIUM_LIBRARY})
target_compile_definitions(test_receipt PRIVATE RECEIPTS_MD="${PROJECT_SOURCE_DIR}/doc/receipts.md")
if(ZW_FUZZ)
  fuzz_test(fuzz_receipt 20 FLAGS -max_len=4600 SOURCES lib/payment.c lib/receipt.c)
  fuzz_test(fuzz_payment 20 FLAGS -max_len=4200 SOURCES lib/payment.c)
endif()
