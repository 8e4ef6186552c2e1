/* SPDX-License-Identifier: ISC */
/*
 * The modem that the guest sees: lines of AT commands (ITU-T V.250) in, result codes out. What has
 * an effect outside becomes an enum at_action; everything else is answered here and changes only
 * how later answers look. There is no data mode: no byte of the guest's is ever passed on.
 */
#ifndef AT_H
#define AT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AT_LINE	  80  /* characters; a longer line is an ERROR */
#define AT_OUTPUT 512 /* bytes of answers that wait for the guest */

enum at_action { AT_NOTHING, AT_DIAL, AT_HANG_UP, AT_ANSWER, AT_RESULT_ERROR };

enum at_result {
	AT_OK,
	AT_RING,
	AT_NO_CARRIER,
	AT_ERROR,
	AT_NO_DIALTONE,
	AT_BUSY,
	AT_NO_ANSWER
};

struct at {
	char line[AT_LINE + 1], last[AT_LINE + 1]; /* last: for A/ */
	size_t len;
	bool too_long;
	bool echo, quiet, verbose;
	uint8_t s[13]; /* registers; S3, S4 and S5 are used */
	char out[AT_OUTPUT];
	size_t out_len;
	size_t dial_at, dial_len; /* of AT_DIAL: where in line[] the dial string is */
};

void at_init(struct at *a);

/* One byte of the guest's. For AT_DIAL the string is in a->line until the next byte. */
enum at_action at_input(struct at *a, uint8_t byte);

/* A result code; what finds no room is lost, as on a wire that nobody listens at. */
void at_result(struct at *a, enum at_result r);

#endif /* AT_H */
