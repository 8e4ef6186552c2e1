/* SPDX-License-Identifier: ISC */
/* As much of HTTP/1.1 as a scraper of one page needs (RFC 9112): a request's head, then an answer. */
#ifndef HTTP_H
#define HTTP_H

#include <stddef.h>

#define HTTP_REQUEST_MAX 2048
#define HTTP_HEAD_MAX	 256

enum http_verdict {
	HTTP_MORE, /* the head is not complete */
	HTTP_PAGE, /* GET of / or /metrics */
	HTTP_NOT_FOUND,
	HTTP_NOT_ALLOWED, /* a method that this server has not */
	HTTP_BAD,	  /* no request at all */
};

/* len: at most HTTP_REQUEST_MAX. */
enum http_verdict http_judge(const char *request, size_t len);

/* The head of the answer with that many bytes behind it; returns its length. verdict: not HTTP_MORE. */
size_t http_head(enum http_verdict verdict, size_t body, char head[HTTP_HEAD_MAX]);

#endif /* HTTP_H */
