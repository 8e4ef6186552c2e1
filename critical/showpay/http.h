/* SPDX-License-Identifier: ISC */
/*
 * One HTTP request, from its first byte to its last (RFC 9110, RFC 9112): HTTP/1.0 and as much of
 * 1.1 as an unmodified browser or curl needs. What could be read in two ways is refused: no
 * folded line, no bare line feed, no transfer coding, no length said twice, nothing behind the end.
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_MAX  8192 /* bytes of a whole request */
#define HTTP_PATH 64

enum http_method { HTTP_GET, HTTP_POST };

struct http {
	size_t len; /* of what has come; <= HTTP_MAX */
	char bytes[HTTP_MAX];
	size_t head_len; /* with the empty line; 0: it is not complete */
	size_t body_len; /* that the head promises */

	/* Of a head that is complete and good: */
	enum http_method method;
	char path[HTTP_PATH];
	bool plain; /* wants text/plain */
};

void http_begin(struct http *h);

/* 0: more is to come. 200: complete. Otherwise it is over, with that status; why: what is wrong. */
int http_input(struct http *h, char byte, const char **why);

const char *http_body(const struct http *h);

#endif /* HTTP_H */
