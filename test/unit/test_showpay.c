/* SPDX-License-Identifier: ISC */
/*
 * Show-and-pay's web server: an HTTP corpus, the schema of an order, every event in every state,
 * every short sequence of what its peers do.
 */
#include "test_showpay_driver.h"

#include "date.h"
#include "modem_line.h"
#include "order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define OTHER_NONCE "ffeeddccbbaa99887766554433221100"
#define FORM	    "Content-Type: application/x-www-form-urlencoded\r\n"
#define RECEIPT	    "zwinger receipt 1\n"

static int set_up(void **state)
{
	(void)state;
	driver_open();
	return 0;
}

/* attack_P8: what an HTTP request must not be, and what is said to it. */
static void test_attack_P8_http(void **state)
{
	static const struct {
		const char *request;
		int status; /* 0: it is not complete */
	} rows[] = {
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200 },
		{ "GET / HTTP/1.0\r\n\r\n", 200 },
		{ "GET / HTTP/1.1\r\nhOsT:a\r\nUser-Agent: x (y; z)\r\nAccept: */*\r\n\r\n",
		  200 },
		{ "GET / HTTP/1.1\r\nHost: \t a \t\r\nConnection: keep-alive\r\n\r\n", 200 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 200 },
		/* The request line. */
		{ "", 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\n", 0 },
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r", 0 },
		{ "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "GET /\r\n\r\n", 400 },
		{ "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400 },
		{ "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "GET / http/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505 },
		{ "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505 },
		{ "GET / HTTP/0.9\r\n\r\n", 505 },
		{ "GET / HTTP/1.11\r\nHost: a\r\n\r\n", 400 },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
		{ "get / HTTP/1.1\r\nHost: a\r\n\r\n", 501 },
		{ "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 501 },
		{ "PUT /order HTTP/1.1\r\nHost: a\r\n\r\n", 501 },
		{ "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "G\x01T / HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		/* The path. */
		{ "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
		{ "GET /. HTTP/1.1\r\nHost: a\r\n\r\n", 404 },
		{ "GET /../ HTTP/1.1\r\nHost: a\r\n\r\n", 404 },
		{ "GET //order HTTP/1.1\r\nHost: a\r\n\r\n", 404 },
		{ "GET /order/../receipt/ HTTP/1.1\r\nHost: a\r\n\r\n", 404 },
		{ "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 404 },
		{ "GET /?a=b HTTP/1.1\r\nHost: a\r\n\r\n", 404 },
		{ "GET /# HTTP/1.1\r\nHost: a\r\n\r\n", 404 },
		{ "GET /%2e%2e/etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 404 },
		{ "GET /order HTTP/1.1\r\nHost: a\r\n\r\n", 405 },
		{ "POST / HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: 0\r\n\r\n", 405 },
		{ "POST /receipt/00 HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: 0\r\n\r\n",
		  405 },
		{ "GET /0123456789012345678901234567890123456789012345678901234567890123 "
		  "HTTP/1.1\r\nHost: a\r\n\r\n",
		  404 },
		/* Lines and fields. */
		{ "GET / HTTP/1.1\nHost: a\n\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\r\n\tfolded\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n: a\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX(: y\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa4\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nX: \033[2J\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400 },
		/* Lengths, codings, smuggling. */
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 400 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
		  400 },
		{ "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n",
		  400 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\n" FORM "\r\n", 411 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: \r\n\r\n", 400 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: -1\r\n\r\n",
		  400 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: +1\r\n\r\n",
		  400 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: 01\r\n\r\n",
		  400 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: 0x1\r\n\r\n",
		  400 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: 1, 1\r\n\r\n",
		  400 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\n" FORM
		  "Content-Length: 18446744073709551617\r\n\r\na",
		  400 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: 9000\r\n\r\n",
		  413 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\n" FORM
		  "Transfer-Encoding: chunked\r\n\r\n"
		  "0\r\n\r\n",
		  400 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: 1\r\n"
		  "Transfer-Encoding: chunked\r\n\r\n0",
		  400 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\n" FORM "Transfer-encoding: identity\r\n"
		  "Content-Length: 1\r\n\r\n0",
		  400 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\n" FORM "Content-Encoding: gzip\r\n"
		  "Content-Length: 1\r\n\r\n0",
		  415 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\n" FORM "Expect: 100-continue\r\n"
		  "Content-Length: 1\r\n\r\n0",
		  417 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n0", 415 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n"
		  "Content-Length: 1\r\n\r\n0",
		  415 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\n" FORM FORM "Content-Length: 1\r\n\r\n0",
		  415 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data\r\n"
		  "Content-Length: 1\r\n\r\n0",
		  415 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: 3\r\n\r\nab", 0 },
		{ "POST /order HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: 0\r\n\r\n", 400 },
		/* A second request behind the first. */
		{ "POST /order HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: 1\r\n\r\n0"
		  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		  400 },
	};

	for (unsigned i = 0; i < COUNT(rows); i++) {
		set_up(state);
		driver_request(rows[i].request);
		if (driver_status() != rows[i].status)
			fail_msg("row %u: %d: %s", i, driver_status(), rows[i].request);
		assert_int_equal(driver.reserved + driver.asked, 0);
	}
}

/* attack_P1: 8 KiB, and one more. */
static void test_attack_P1_P8_limits(void **state)
{
	static char text[16384], body[8400];

	for (unsigned more = 0; more < 2; more++) {
		set_up(state);
		strcpy(text, "GET / HTTP/1.0\r\nX: ");
		memset(text + 19, 'x', sizeof(text) - 19);
		strcpy(text + 8192 - 4 + more, "\r\n\r\n");
		driver_request(text);
		assert_int_equal(driver_status(), more ? 431 : 200);
	}
	for (unsigned more = 0; more < 2; more++) {
		static const char head[] = "POST /order HTTP/1.0\r\n" FORM "Content-Length: ";
		size_t len = 8192 - (sizeof(head) - 1) - 8 + more;

		set_up(state);
		memset(body, 'x', len);
		body[len] = '\0';
		snprintf(text, sizeof(text), "%s%zu\r\n\r\n%s", head, len, body);
		assert_int_equal(strlen(text), 8192 + more);
		driver_request(text);
		assert_int_equal(driver_status(), more ? 413 : 400);
		assert_int_equal(driver_told("payee"), !more);
	}
}

/* attack_P8: a byte now and then is no way to hold the line; nor is taking nothing. */
static void test_attack_P8_slowloris(void **state)
{
	(void)state;
	driver_connect();
	for (unsigned i = 0; i < 9; i++) {
		driver_type("G", 1);
		driver_wait(1000);
	}
	assert_int_equal(driver_status(), 0);
	driver_wait(1000);
	assert_int_equal(driver_status(), 408);
	assert_true((driver.wires & MODEM_DCD) != 0); /* until it was read */
	driver_wait(3000);
	assert_true((driver.wires & MODEM_DCD) == 0);
	driver_type("GET / HTTP/1.0\r\n\r\n", 18);
	driver_hang_up();
	assert_true((driver.wires & MODEM_DCD) != 0);
	driver_get("/");
	assert_int_equal(driver_status(), 200);
}

/* attack_P8: a second request, when the first one is asked about: both are refused. */
static void test_attack_P8_I14_pipelined(void **state)
{
	(void)state;
	driver_to_question(DRIVER_ORDER);
	assert_true(driver.stands != 0);
	driver_type("G", 1);
	assert_int_equal(driver_status(), 400);
	assert_true(driver.stands == 0 && driver.withdrawn == 1);
	driver_says(PAYMENT_YES); /* too late */
	assert_int_equal(driver.receipts, 0);
}

/* attack_P9: one order, changed in one place; the answer names the field. */
static void test_attack_P9_D8_D10_D13_D14_order(void **state)
{
	static const struct {
		const char *from, *to, *names;
	} rows[] = {
		{ "payee=Bean+and+Leaf+GmbH&", "", "payee" },
		{ "payee=", "Payee=", "?" },
		{ "payee=", "p%61yee=", "?" },
		{ "payee=Bean+and+Leaf+GmbH", "payee=", "payee" },
		{ "payee=Bean+and", "payee=Bean++and", "payee" },
		{ "payee=Bean", "payee=+Bean", "payee" },
		{ "GmbH", "GmbH+", "payee" },
		{ "GmbH", "GmbH%00", "payee" },
		{ "GmbH", "GmbH%0A", "payee" },
		{ "GmbH", "GmbH%0D%0AAmount%3A+1", "payee" },
		{ "GmbH", "GmbH%C3%A4", "payee" },
		{ "GmbH", "GmbH%E2%80%AE", "payee" },
		{ "GmbH", "GmbH%7F", "payee" },
		{ "GmbH", "GmbH%", "payee" },
		{ "GmbH", "GmbH%2", "payee" },
		{ "GmbH", "GmbH%2g", "payee" },
		{ "GmbH", "GmbH%2f", "payee" },
		{ "GmbH", "Gm\xc3\xa4H", "payee" },
		{ "GmbH", "Gm bH", "payee" },
		{ "GmbH", "%3Cscript%3E", "payee" },
		{ "GmbH", "%22%26", "payee" },
		{ "GmbH", "012345678901234567890123456789012345678901234567890123456",
		  "payee" },
		{ "GmbH&", "GmbH&payee=x&", "payee" },
		{ "GmbH&", "GmbH&&", "?" },
		{ "GmbH&", "GmbH;", "payee" },
		{ "account=DE89", "account=DE88", "account" },
		{ "account=DE89370400440532013000", "account=de89370400440532013000",
		  "account" },
		{ "account=DE89370400440532013000", "account=DE89+3704+0044+0532+0130+00",
		  "account" },
		{ "account=DE89370400440532013000", "account=DE8937040044053201300",
		  "account" },
		{ "&item-1-name=Espresso&item-1-quantity=2&item-1-price=450", "",
		  "item-2-name" },
		{ "item-1-name", "item-01-name", "item-01-name" },
		{ "item-2-name", "item-3-name", "item-3-name" },
		{ "item-1-quantity=2", "item-1-quantity=0", "item-1-quantity" },
		{ "item-1-quantity=2", "item-1-quantity=02", "item-1-quantity" },
		{ "item-1-quantity=2", "item-1-quantity=%2B2", "item-1-quantity" },
		{ "item-1-quantity=2", "item-1-quantity=-2", "item-1-quantity" },
		{ "item-1-quantity=2", "item-1-quantity=10000", "item-1-quantity" },
		{ "item-1-quantity=2", "item-1-quantity=", "item-1-quantity" },
		{ "item-1-quantity=2", "item-1-quantity=2.0", "item-1-quantity" },
		{ "item-1-quantity=2&", "", "item-1-price" },
		{ "item-1-price=450", "item-1-price=4.50", "item-1-price" },
		{ "item-1-price=450", "item-1-price=4,50", "item-1-price" },
		{ "item-1-price=450", "item-1-price=4e2", "item-1-price" },
		{ "item-1-price=450", "item-1-price=+450", "item-1-price" },
		{ "item-1-price=450", "item-1-price=0x1", "item-1-price" },
		{ "item-1-price=450", "item-1-price=1000000000000", "item-1-price" },
		{ "item-1-price=450", "item-1-price=4294967746", "total" },
		{ "item-1-price=450", "item-1-price=9223372036854776258", "item-1-price" },
		{ "item-1-price=450", "item-1-price=18446744073709552066", "item-1-price" },
		{ "item-1-price=450", "item-1-price=999999999999", "item-1-price" },
		{ "total=1349", "total=1348", "total" },
		{ "total=1349", "total=13.49", "total" },
		{ "total=1349", "total=0", "total" },
		{ "total=1349&", "total=1349&total=1349&", "total" },
		{ "total=1349&", "", "currency" },
		{ "currency=EUR", "currency=eur", "currency" },
		{ "currency=EUR", "currency=XXX", "currency" },
		{ "currency=EUR", "currency=EU", "currency" },
		{ "currency=EUR", "currency=EURO", "currency" },
		{ "currency=EUR&reference=Order+4711", "reference=Order+4711&currency=EUR",
		  "reference" },
		{ "reference=Order+4711", "reference=", "reference" },
		{ "reference=", "ref=", "ref" },
		{ "nonce=0", "nonce=", "nonce" },
		{ "nonce=0", "nonce=00", "nonce" },
		{ "nonce=00112233445566778899aabb", "nonce=00112233445566778899AABB", "nonce" },
		{ "nonce=0", "nonce=g", "nonce" },
		{ "&nonce=" DRIVER_NONCE, "", "nonce" },
		{ "ddeeff", "ddeeff&", "nonce" },
		{ "ddeeff", "ddeeff&tip=100", "tip" },
		{ "ddeeff", "ddeeff&fee=100&note=x", "fee" },
		{ "ddeeff", "ddeeff&note=a&note=b", "note" },
		{ "ddeeff", "ddeeff&note=a&x", "?" },
		{ "ddeeff", "ddeeff&note=-", "note" },
		{ "ddeeff", "ddeeff&note=%0A", "note" },
		{ "ddeeff", "ddeeff&note=012345678901234567890123456789012345", "note" },
		{ "ddeeff", "ddeeff&from=DE02120300000000202051", "from" },
		{ "ddeeff", "ddeeff&count=1", "count" },
	};
	char order[2048], names[64], before[64];

	for (unsigned i = 0; i < COUNT(rows); i++) {
		const char *at = strstr(DRIVER_ORDER, rows[i].from);

		assert_non_null(at);
		snprintf(order, sizeof(order), "%.*s%s%s", (int)(at - DRIVER_ORDER),
			 DRIVER_ORDER, rows[i].to, at + strlen(rows[i].from));
		snprintf(names, sizeof(names), "\n%s: ", rows[i].names);
		snprintf(before, sizeof(before), "before %s\n", rows[i].names);
		set_up(state);
		driver_post(order);
		if (driver_status() != 400 || (!driver_told(names) && !driver_told(before)))
			fail_msg("row %u: %s: %s", i, order, driver.guest);
		assert_int_equal(driver.fetched + driver.reserved + driver.asked, 0);
	}
}

/* attack_K5, attack_K6: all of an order is its items, and all of them are there. */
static void test_attack_K5_K6_items(void **state)
{
	static struct payment p;
	static char order[8192];
	char fault[ORDER_FAULT];
	int n;

	(void)state;
	for (int items = 0; items <= PAYMENT_ITEMS + 1; items++) {
		n = sprintf(order, "payee=A&account=DE89370400440532013000");
		for (int i = 1; i <= items; i++)
			n += sprintf(order + n,
				     "&item-%d-name=N%d&item-%d-quantity=1&item-%d-price=%d", i,
				     i, i, i, i);
		n += sprintf(order + n,
			     "&total=%d&currency=JPY&reference=R&nonce=" DRIVER_NONCE,
			     items * (items + 1) / 2);
		assert_int_equal(order_parse(order, (size_t)n, &p, fault),
				 items >= 1 && items <= PAYMENT_ITEMS);
		if (items >= 1 && items <= PAYMENT_ITEMS)
			assert_int_equal(p.item_count, items);
	}
}

/* Browsers and curl encode differently; what they mean is the same. */
static void test_encodings(void **state)
{
	static const char *const notes[] = { "note=a%20b%2Fc%27", "note=a+b/c'",
					     "note=a+b%2Fc%27" };
	static struct payment p;
	char order[1024], fault[ORDER_FAULT];

	(void)state;
	for (unsigned i = 0; i < COUNT(notes); i++) {
		snprintf(order, sizeof(order), DRIVER_ORDER "&%s", notes[i]);
		assert_true(order_parse(order, strlen(order), &p, fault));
		assert_string_equal(p.note, "a b/c'");
	}
	snprintf(order, sizeof(order), DRIVER_ORDER "&note=");
	assert_true(order_parse(order, strlen(order), &p, fault));
	assert_string_equal(p.note, "");
}

/* attack_D23: whatever bit of an order is flipped, it is refused or the text is another. */
static void test_attack_D23_flip_any_bit(void **state)
{
	static struct payment p;
	static char was[PAYMENT_TEXT_MAX], is[PAYMENT_TEXT_MAX];
	char order[] = DRIVER_ORDER "&note=two+cups";
	char fault[ORDER_FAULT];
	size_t len = sizeof(order) - 1, n, taken = 0;

	(void)state;
	for (size_t bit = 0; bit <= len * 8; bit++) {
		if (bit > 0)
			order[(bit - 1) / 8] ^= (char)(1 << (bit - 1) % 8);
		if (order_parse(order, len, &p, fault)) {
			strcpy(p.from, "DE02120300000000202051");
			strcpy(p.date, "2026-11-29T14:55:01Z");
			p.count = 1;
			memset(p.key, '0', PAYMENT_KEY - 1);
			assert_null(payment_fault(&p));
			memset(is, 0, sizeof(is));
			n = payment_format(&p, is);
			assert_true(n > 0);
			if (bit == 0)
				memcpy(was, is, sizeof(was));
			else
				assert_memory_not_equal(is, was, sizeof(was));
			taken++;
		}
		if (bit > 0)
			order[(bit - 1) / 8] ^= (char)(1 << (bit - 1) % 8);
	}
	assert_true(taken > 100);
}

/* A whole payment, in both forms; and again, without a question. */
static void test_attack_K4_K15_payment(void **state)
{
	static char first[sizeof(driver.guest)];

	(void)state;
	driver_post(DRIVER_ORDER);
	assert_true(driver.fetches != 0); /* is there an older receipt? */
	driver_tell_last();
	assert_true(driver.reserves != 0);
	driver_ready();
	assert_true(driver.stands != 0);
	assert_string_equal(driver.asks.payee, "Bean and Leaf GmbH");
	assert_int_equal(driver.asks.total, 1349);
	assert_memory_equal(driver.asks.key, "abcd0000", 8);
	driver_says(PAYMENT_SHOWN);
	driver_says(PAYMENT_YES);
	driver_sign();
	assert_int_equal(driver.result, PAYMENT_PAID);
	assert_int_equal(driver_status(), 0); /* not before the person has seen it */
	driver_says(PAYMENT_SEEN);
	assert_int_equal(driver_status(), 200);
	assert_true(driver_told("Content-Type: text/plain") && driver_told("\r\n\r\n" RECEIPT));
	strcpy(first, driver.guest);

	/* The same order again, or its receipt: the same bytes, and nobody is asked. */
	driver_post(DRIVER_ORDER);
	assert_string_equal(driver.guest, first);
	driver_get("/receipt/" DRIVER_NONCE);
	assert_string_equal(driver.guest, first);
	driver_restart(DRIVER_STORAGE);
	driver_get("/receipt/" DRIVER_NONCE);
	assert_true(driver.fetches != 0);
	driver_tell_last();
	assert_string_equal(driver.guest, first);
	driver_get("/receipt/" OTHER_NONCE);
	assert_int_equal(driver_status(), 404);
	driver_get("/receipt/" DRIVER_NONCE "0");
	assert_int_equal(driver_status(), 404);
	driver_post(DRIVER_ORDER "&note=another+note");
	assert_string_equal(driver.guest, first);
	assert_int_equal(driver.asked, 1);

	/* Another one with its nonce is none. */
	driver_post("payee=B");
	assert_int_equal(driver_status(), 400);
	driver_post(
		"payee=Somebody+Else&account=DE89370400440532013000&item-1-name=Espresso"
		"&item-1-quantity=2&item-1-price=450&item-2-name=Tea&item-2-quantity=1"
		"&item-2-price=449&total=1349&currency=EUR&reference=Order+4711&nonce=" DRIVER_NONCE);
	assert_int_equal(driver_status(), 409);
	assert_int_equal(driver.asked, 1);
}

static void test_page(void **state)
{
	static const char order[] = DRIVER_ORDER "&note=it%27s+for+%28you%29";
	char head[256];

	(void)state;
	snprintf(head, sizeof(head),
		 "POST /order HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: %zu\r\n\r\n",
		 strlen(order));
	driver_request(head);
	driver_type(order, strlen(order));
	driver_tell_last();
	driver_ready();
	assert_true(driver.stands != 0);
	driver_says(PAYMENT_YES);
	driver_sign();
	driver_says(PAYMENT_SEEN);
	assert_int_equal(driver_status(), 200);
	assert_true(driver_told("Content-Type: text/html") && driver_told("<pre>" RECEIPT));
	assert_true(driver_told("Note: it&#39;s for (you)\n") && !driver_told("it's"));
}

/* What the person says, and what the guest hears. */
static void test_answers(void **state)
{
	static const struct {
		uint32_t type;
		int status;
	} rows[] = {
		{ PAYMENT_NO, 403 },	  { PAYMENT_TIMEOUT, 402 }, { PAYMENT_BUSY, 503 },
		{ PAYMENT_BACKOFF, 503 }, { PAYMENT_INVALID, 400 }, { PAYMENT_LOCKED, 403 },
		{ PAYMENT_SHOWN, 0 },	  { PAYMENT_SEEN, 0 },	    { PAYMENT_YES, 0 },
	};

	for (unsigned i = 0; i < COUNT(rows); i++) {
		set_up(state);
		driver_to_question(DRIVER_ORDER);
		driver_says(rows[i].type);
		assert_int_equal(driver_status(), rows[i].status);
		assert_int_equal(driver_told("Retry-After"), rows[i].status == 503);
	}
	set_up(state);
	driver_to_question(DRIVER_ORDER);
	driver_wait(900000);
	assert_int_equal(driver_status(), 402);
	assert_int_equal(driver.withdrawn, 1);
}

/* The person has said yes; whatever happens then, the receipt can be had later. */
static void test_attack_K4_P10_after_yes(void **state)
{
	for (unsigned how = 0; how < 5; how++) {
		set_up(state);
		driver_to_question(DRIVER_ORDER);
		if (how != 4)
			driver_says(PAYMENT_YES);
		if (how == 0 || how == 4)
			driver_hang_up();
		else if (how == 1)
			driver_restart(DRIVER_GUEST);
		else if (how == 2)
			driver_restart(DRIVER_DISPLAY);
		else
			driver_wait(10000); /* the storage is slow */
		driver_sign();
		driver_says(PAYMENT_SEEN);
		driver_post(DRIVER_ORDER);
		driver_tell_last();
		if (driver_status() != 200)
			fail_msg("%u: %s", how, driver.guest);
		assert_true(driver_told(RECEIPT));
		assert_int_equal(driver.asked, 1);
	}
}

/* A guest that connects anew meanwhile hears that there is a payment, and nothing of it. */
static void test_attack_K3_busy(void **state)
{
	(void)state;
	driver_to_question(DRIVER_ORDER);
	driver_says(PAYMENT_YES);
	driver_post(DRIVER_ORDER);
	assert_int_equal(driver_status(), 503);
	driver_get("/receipt/" DRIVER_NONCE);
	assert_int_equal(driver_status(), 503);
	driver_get("/");
	assert_true(driver_told("under way"));
	driver_connect(); /* a half request while the receipt comes */
	driver_sign();
	driver_says(PAYMENT_SEEN);
	assert_int_equal(driver.guest_len, 0);
}

/* The display takes nothing for a while: what is withdrawn before it was asked is never asked. */
static void test_attack_C12_I14_slow_display(void **state)
{
	(void)state;
	driver.display_full = true;
	driver_to_question(DRIVER_ORDER);
	driver_hang_up();
	driver.display_full = false;
	driver_room();
	assert_int_equal(driver.asked, 0);
	driver_to_question(DRIVER_ORDER);
	assert_int_equal(driver.asked, 1);
	driver.display_full = true;
	driver_hang_up();
	driver_to_question(DRIVER_ORDER);
	driver_hang_up();
	driver_to_question(DRIVER_ORDER);
	driver.display_full = false;
	driver_room();
	assert_int_equal(driver.withdrawn, 1);
	assert_int_equal(driver.asked, 2);
}

/* attack_K2: a receipt of another payment, or of none, is not given to anybody. */
static void test_attack_K2_C7_false_receipts(void **state)
{
	for (unsigned how = 0; how < 6; how++) {
		struct payment_signatures s = { .signature = { 1 } };
		struct payment_message m;
		struct payment_chunks t;
		uint32_t value;

		set_up(state);
		driver_to_question(DRIVER_ORDER);
		driver_says(PAYMENT_YES);
		t = driver.text;
		if (how == 0)
			memcpy(strstr(t.text, "Order 4711"), "Order 4712", 10);
		if (how == 1)
			memcpy(strstr(t.text, "Count: 18"), "Count: 19", 9);
		if (how == 2)
			t.text[3] ^= 1;
		for (uint32_t at = 0; at < t.len;) {
			at = payment_chunk(&m, t.id, t.text, t.len, at);
			driver_storage(&m);
		}
		value = how == 3 ? t.len - 1 : t.len;
		m = (struct payment_message){ .type = PAYMENT_SIGNED,
					      .length = how == 4 ? 64 : sizeof(s),
					      .id = t.id + (how == 5),
					      .value = value };
		memcpy(m.bytes, &s, m.length);
		driver_storage(&m);
		assert_int_not_equal(driver.result, PAYMENT_PAID);
		driver_says(PAYMENT_SEEN);
		assert_int_equal(driver_status(), how == 5 ? 0 : 500);
	}
}

/* attack_P5: the table of states and events, said a second time. */
static void test_attack_P5_state_and_event(void **state)
{
	static const char names[] =
		"IFRAGS"; /* idle, fetching, reserving, asking, signing, showing */
	/* The guest is gone; the storage: ready, unable, receipt, none, refuses, gone; the person:
	 * yes, no, silent, busy, invalid, locked, seen, gone; time. */
	static const char *const next[] = {
		"IIIIIIIIIIIIIIII", "IFIIIIIFFFFFFFFI", "IAIRRIIRRRRRRRII",
		"IAASASIGIIIIIAII", "GGGSSSSGGGGGGGGS", "SSSSSSSSSSSSSIII",
	};

	(void)state;
	for (unsigned s = 0; s < 6; s++)
		for (unsigned e = 0; e < 16; e++) {
			unsigned found = driver_state(s, e);

			if (names[found] != next[s][e])
				fail_msg("state %c, event %u: %c", names[s], e, names[found]);
		}
}

/* What anybody may do. */
enum { STIMULI = 24 };

static void stimulate(unsigned what)
{
	static const uint32_t answers[] = { PAYMENT_YES,  PAYMENT_NO,	  PAYMENT_TIMEOUT,
					    PAYMENT_BUSY, PAYMENT_LOCKED, PAYMENT_SEEN };

	if (what < COUNT(answers)) {
		driver_says(answers[what]);
		return;
	}
	switch (what) {
	case 6:
		driver_post(DRIVER_ORDER);
		return;
	case 7:
		driver_post("payee=x");
		return;
	case 8:
		driver_get("/");
		return;
	case 9:
		driver_get("/receipt/" DRIVER_NONCE);
		return;
	case 10:
		driver_hang_up();
		return;
	case 11:
		driver_type("x", 1);
		return;
	case 12:
		driver_ready();
		return;
	case 13:
		driver_unable();
		return;
	case 14:
		driver_sign();
		return;
	case 15:
		driver_refuse();
		return;
	case 16:
		driver_tell_last();
		return;
	case 17:
	case 18:
	case 19:
		driver_restart((enum driver_peer)(what - 17));
		return;
	case 20:
		driver_wait(2001);
		return;
	case 21:
		driver_wait(60001);
		return;
	case 22:
		driver.display_full = !driver.display_full;
		driver_room();
		return;
	default:
		driver_answer(PAYMENT_YES, 12345);
	}
}

/* Sequences at random, each beginning at one of the stages of a payment; the driver judges. */
static void test_attack_C13_I9_I14_K1_sequences(void **state)
{
	unsigned long paid = 0, asked = 0;
	uint32_t seed = 1;

	(void)state;
	for (unsigned n = 0; n < 60000; n++) {
		driver_open();
		if (n % 4 > 0)
			driver_to_question(DRIVER_ORDER);
		if (n % 4 > 1)
			driver_says(PAYMENT_YES);
		if (n % 4 > 2)
			driver_sign();
		for (unsigned k = 0; k < 6; k++) {
			seed = seed * 1664525 + 1013904223;
			stimulate((seed >> 16) % STIMULI);
		}
		paid += driver.receipts;
		asked += driver.asked;
	}
	printf("60000 sequences: %lu questions, %lu receipts\n", asked, paid);
	assert_true(asked > 0 && paid > 0);
}

/* attack_D20: dates without a time zone, of any second. */
static void test_attack_D20_dates(void **state)
{
	static const struct {
		int64_t seconds;
		const char *date;
	} rows[] = {
		{ INT64_MIN, "1970-01-01T00:00:00Z" },
		{ 0, "1970-01-01T00:00:00Z" },
		{ 951782399, "2000-02-28T23:59:59Z" },
		{ 951782400, "2000-02-29T00:00:00Z" },
		{ 951868800, "2000-03-01T00:00:00Z" },
		{ 1795964101, "2026-11-29T14:55:01Z" },
		{ 2147483648, "2038-01-19T03:14:08Z" },
		{ 4107542400, "2100-03-01T00:00:00Z" },
		{ 253402300799, "9999-12-31T23:59:59Z" },
		{ INT64_MAX, "9999-12-31T23:59:59Z" },
	};
	char date[PAYMENT_DATE];

	(void)state;
	for (unsigned i = 0; i < COUNT(rows); i++) {
		date_format(rows[i].seconds, date);
		assert_string_equal(date, rows[i].date);
	}
	for (int64_t s = 946684800; s < 32503680000; s += 86400 * 7 + 3661) { /* 2000 to 2999 */
		date_format(s, date);
		assert_true(payment_date_valid(date));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_attack_P8_http, set_up),
		cmocka_unit_test_setup(test_attack_P1_P8_limits, set_up),
		cmocka_unit_test_setup(test_attack_P8_slowloris, set_up),
		cmocka_unit_test_setup(test_attack_P8_I14_pipelined, set_up),
		cmocka_unit_test_setup(test_attack_P9_D8_D10_D13_D14_order, set_up),
		cmocka_unit_test_setup(test_attack_K5_K6_items, set_up),
		cmocka_unit_test_setup(test_encodings, set_up),
		cmocka_unit_test_setup(test_attack_D23_flip_any_bit, set_up),
		cmocka_unit_test_setup(test_attack_K4_K15_payment, set_up),
		cmocka_unit_test_setup(test_page, set_up),
		cmocka_unit_test_setup(test_answers, set_up),
		cmocka_unit_test_setup(test_attack_K4_P10_after_yes, set_up),
		cmocka_unit_test_setup(test_attack_K3_busy, set_up),
		cmocka_unit_test_setup(test_attack_C12_I14_slow_display, set_up),
		cmocka_unit_test_setup(test_attack_K2_C7_false_receipts, set_up),
		cmocka_unit_test_setup(test_attack_P5_state_and_event, set_up),
		cmocka_unit_test_setup(test_attack_C13_I9_I14_K1_sequences, set_up),
		cmocka_unit_test_setup(test_attack_D20_dates, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
