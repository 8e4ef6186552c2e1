/* SPDX-License-Identifier: ISC */
#include "answer.h"

#include "bug.h"

#include <stdio.h>
#include <string.h>

/* The only style that a browser takes, by its SHA-256, whatever else should ever get into a page. */
#define STYLE                                                                                  \
	"body{font:17px/1.5 sans-serif;margin:1em}h1{font-size:1.3em}"                         \
	"pre{font-size:14px;white-space:pre-wrap;overflow-wrap:anywhere}"
#define STYLE_SHA256 "Qsd0T+cpLX9iGB4nA9RcxDPGyDo2mBuD2cqFHelAG08="

static void begin(struct answer *a)
{
	a->at = a->end = ANSWER_HEAD;
}

static void put(struct answer *a, const char *text, size_t len)
{
	BUG_ON(len > sizeof(a->bytes) - a->end);
	memcpy(a->bytes + a->end, text, len);
	a->end += len;
}

static void put_text(struct answer *a, const char *text)
{
	put(a, text, strlen(text));
}

static void put_escaped(struct answer *a, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '&')
			put_text(a, "&amp;");
		else if (text[i] == '<')
			put_text(a, "&lt;");
		else if (text[i] == '>')
			put_text(a, "&gt;");
		else if (text[i] == '"')
			put_text(a, "&quot;");
		else if (text[i] == '\'')
			put_text(a, "&#39;");
		else if (text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'))
			put(a, text + i, 1);
		else
			put_text(a, "?");
	}
}

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 402, "Payment Required" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	BUG_ON(true);
	return "";
}

/* The head goes in front of the body, whose length is known now. */
static void finish(struct answer *a, int status, bool plain)
{
	char head[ANSWER_HEAD];
	int len = snprintf(head, sizeof(head),
			   "HTTP/1.1 %d %s\r\n"
			   "Content-Type: text/%s; charset=us-ascii\r\n"
			   "Content-Length: %zu\r\n"
			   "Connection: close\r\n"
			   "Cache-Control: no-store\r\n"
			   "X-Content-Type-Options: nosniff\r\n"
			   "Content-Security-Policy: default-src 'none'; style-src "
			   "'sha256-" STYLE_SHA256 "'\r\n"
			   "%s\r\n",
			   status, reason(status), plain ? "plain" : "html", a->end - a->at,
			   status == 503 ? "Retry-After: 5\r\n" : "");

	BUG_ON(len < 0 || len >= ANSWER_HEAD);
	a->at -= (size_t)len;
	memcpy(a->bytes + a->at, head, (size_t)len);
}

static void begin_page(struct answer *a, const char *title)
{
	begin(a);
	put_text(a, "<!doctype html>\n<html lang=\"en\">\n<meta name=\"viewport\" "
		    "content=\"width=device-width\">\n<style>" STYLE "</style>\n<title>");
	put_text(a, title);
	put_text(a, "</title>\n<h1>");
	put_text(a, title);
	put_text(a, "</h1>\n");
}

void answer_status(struct answer *a, int status, bool plain, const char *text)
{
	begin(a);
	if (plain) {
		put_escaped(a, text, strlen(text));
		put_text(a, "\n");
	} else {
		begin_page(a, status == 402 || status == 403 ? "Not paid" : reason(status));
		put_text(a, "<p>");
		put_escaped(a, text, strlen(text));
		put_text(a, "</p>\n</html>\n");
	}
	finish(a, status, plain);
}

void answer_receipt(struct answer *a, bool plain, const char *receipt, size_t len)
{
	begin(a);
	if (plain) {
		put(a, receipt, len);
	} else {
		begin_page(a, "Paid");
		put_text(a, "<p>This is the receipt. The shop needs all of it.</p>\n<pre>");
		put_escaped(a, receipt, len);
		put_text(a, "</pre>\n</html>\n");
	}
	finish(a, 200, plain);
}

void answer_home(struct answer *a, bool busy)
{
	begin_page(a, "Zwinger show-and-pay");
	put_text(a, busy ? "<p>A payment is under way.</p>\n" : "<p>Ready for an order.</p>\n");
	put_text(a, "<p>A shop posts an order to /order; what is paid is shown on the trusted "
		    "display, and nowhere else.</p>\n</html>\n");
	finish(a, 200, false);
}
