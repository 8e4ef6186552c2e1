/* SPDX-License-Identifier: ISC */
/*
 * Show-and-pay without its loop, between a guest, a display, a storage and a clock that are this
 * file's. After whatever they do, and before the call returns, it is checked that nothing but a
 * payment was asked about, each once; that a receipt went only to the connection that waits for
 * it, when the storage had signed that payment and its result had been seen; and that answers
 * are whole, of printable ASCII, one on a connection. If not: abort().
 */
#ifndef TEST_SHOWPAY_DRIVER_H
#define TEST_SHOWPAY_DRIVER_H

#include "critical_settings.h"
#include "payment_chunks.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DRIVER_NONCE "00112233445566778899aabbccddeeff"
#define DRIVER_ORDER                                                                           \
	"payee=Bean+and+Leaf+GmbH&account=DE89370400440532013000&item-1-name=Espresso"         \
	"&item-1-quantity=2&item-1-price=450&item-2-name=Tea&item-2-quantity=1"                \
	"&item-2-price=449&total=1349&currency=EUR&reference=Order+4711&nonce=" DRIVER_NONCE

struct driver {
	uint64_t now_ms;
	/* The guest's connection. */
	char guest[32768]; /* what it was told since it connected */
	size_t guest_len;
	uint8_t wires; /* of showpay */
	bool connected;
	/* The display. */
	struct payment_chunks text;
	uint64_t stands; /* the id that is asked about; 0: none */
	struct payment asks;
	unsigned asked, withdrawn;
	uint32_t result;   /* that it was told last; 0: none */
	bool display_full; /* it takes nothing */
	/* The storage. */
	uint64_t reserves, fetches; /* the id; 0: none */
	unsigned reserved, fetched;
	uint64_t count;
	struct payment_chunks signed_text; /* its last receipt; len 0: none */
	unsigned receipts;		   /* given to the guest */
};
extern struct driver driver;

/* One that has just begun; a storage that has signed nothing. */
void driver_open(void);

/* The guest: DTR up, bytes, DTR down; a whole request with a body, or as it is. */
void driver_connect(void);
void driver_type(const void *bytes, size_t len);
void driver_hang_up(void);
void driver_post(const char *body);
void driver_request(const char *text);
void driver_get(const char *path);

/* 0: no answer yet, or none that is complete. */
int driver_status(void);
bool driver_told(const char *text);

/* The display. */
void driver_answer(uint32_t type, uint64_t id);
void driver_says(uint32_t type); /* about what stands, or its result */
void driver_room(void);

/* The storage. */
void driver_storage(const struct payment_message *m);
void driver_ready(void); /* count and key for what is reserved */
void driver_unable(void);
void driver_sign(void); /* what stands, and tells */
void driver_refuse(void);
void driver_tell_last(void); /* what was fetched */

/* Up to the question; to a paid one whose receipt the guest has. */
void driver_to_question(const char *order);
void driver_pay(const char *order);

enum driver_peer { DRIVER_GUEST, DRIVER_DISPLAY, DRIVER_STORAGE };
void driver_restart(enum driver_peer peer);
void driver_wait(uint64_t ms);

/* What the table says: the state after event in state. */
unsigned driver_state(unsigned state, unsigned event);

#endif /* TEST_SHOWPAY_DRIVER_H */
