/* SPDX-License-Identifier: ISC */
#include "json.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 16

struct reader {
	const char *at;
	unsigned depth;
};

static void skip(struct reader *r)
{
	while (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')
		r->at++;
}

static bool take(struct reader *r, const char *word)
{
	size_t len = strlen(word);

	skip(r);
	if (strncmp(r->at, word, len) != 0)
		return false;
	r->at += len;
	return true;
}

void json_free(struct json *v)
{
	while (v != NULL) {
		struct json *next = v->next;

		json_free(v->item);
		free(v->text);
		free(v->name);
		free(v);
		v = next;
	}
}

/* \uXXXX becomes '?': nothing that we compare has one. */
static bool copy_text(struct reader *r, char *p)
{
	while (*r->at != '"') {
		char c = *r->at;

		if ((unsigned char)c < ' ') /* also the end */
			return false;
		r->at++;
		if (c == '\\') {
			static const char from[] = "\"\\/bfnrtu", to[] = "\"\\/\b\f\n\r\t?";
			const char *found = *r->at != '\0' ? strchr(from, *r->at) : NULL;

			if (found == NULL)
				return false;
			c = to[found - from];
			r->at++;
			for (unsigned i = 0; *found == 'u' && i < 4; i++)
				if (!isxdigit((unsigned char)*r->at++)) {
					r->at--;
					return false;
				}
		}
		*p++ = c;
	}
	r->at++;
	*p = '\0';
	return true;
}

static char *read_text(struct reader *r)
{
	char *out = take(r, "\"") ? malloc(strlen(r->at) + 1) : NULL;

	if (out != NULL && copy_text(r, out))
		return out;
	free(out);
	return NULL;
}

static struct json *read_value(struct reader *r);

static bool read_items(struct reader *r, struct json *v, const char *end)
{
	struct json **last = &v->item;

	if (take(r, end))
		return true;
	do {
		char *name = NULL;

		if (v->kind == JSON_OBJECT && (name = read_text(r)) == NULL)
			return false;
		if (name == NULL || take(r, ":"))
			*last = read_value(r);
		if (*last == NULL) {
			free(name);
			return false;
		}
		(*last)->name = name;
		last = &(*last)->next;
	} while (take(r, ","));
	return take(r, end);
}

static bool read_number(struct reader *r, struct json *v)
{
	char *end;

	skip(r);
	if (*r->at != '-' && !isdigit((unsigned char)*r->at))
		return false;
	v->kind = JSON_NUMBER;
	v->number = strtod(r->at, &end);
	r->at = end;
	return true;
}

static struct json *read_value(struct reader *r)
{
	struct json *v = calloc(1, sizeof(*v));
	bool ok;

	if (v == NULL || ++r->depth > DEPTH_MAX) {
		free(v);
		return NULL;
	}
	skip(r);
	if (*r->at == '"') {
		v->kind = JSON_TEXT;
		v->text = read_text(r);
		ok = v->text != NULL;
	} else if (take(r, "{")) {
		v->kind = JSON_OBJECT;
		ok = read_items(r, v, "}");
	} else if (take(r, "[")) {
		v->kind = JSON_ARRAY;
		ok = read_items(r, v, "]");
	} else if (take(r, "null")) {
		ok = true;
	} else if (take(r, "true") || take(r, "false")) {
		v->kind = JSON_BOOL;
		v->number = r->at[-2] == 'u'; /* tr-u-e, fal-s-e */
		ok = true;
	} else {
		ok = read_number(r, v);
	}
	r->depth--;
	if (ok)
		return v;
	json_free(v);
	return NULL;
}

struct json *json_read(const char *text, size_t *where)
{
	struct reader r = { .at = text };
	struct json *v = read_value(&r);

	skip(&r);
	*where = (size_t)(r.at - text);
	if (v != NULL && *r.at == '\0')
		return v;
	json_free(v);
	return NULL;
}

const struct json *json_member(const struct json *o, const char *name)
{
	if (o == NULL || o->kind != JSON_OBJECT)
		return NULL;
	for (const struct json *i = o->item; i != NULL; i = i->next)
		if (strcmp(i->name, name) == 0)
			return i;
	return NULL;
}

const char *json_text(const struct json *o, const char *name)
{
	const struct json *m = json_member(o, name);

	return m != NULL && m->kind == JSON_TEXT ? m->text : "";
}
