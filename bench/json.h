/* SPDX-License-Identifier: ISC */
/* Reads JSON (RFC 8259) into a tree, for files that we have written ourselves. */
#ifndef JSON_H
#define JSON_H

#include <stddef.h>

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_TEXT, JSON_ARRAY, JSON_OBJECT };

struct json {
	enum json_kind kind;
	double number; /* also of a BOOL: 0 or 1 */
	char *text;
	char *name;	   /* in an object */
	struct json *item; /* of an array or object: the first */
	struct json *next; /* after this one in an array or object */
};

/* NULL if it is not JSON; then *where is how far it was read. */
struct json *json_read(const char *text, size_t *where);

void json_free(struct json *v); /* may be NULL */

/* A member of an object, or NULL; also if o is NULL or no object. */
const struct json *json_member(const struct json *o, const char *name);

/* The text of a member, or "". */
const char *json_text(const struct json *o, const char *name);

#endif /* JSON_H */
