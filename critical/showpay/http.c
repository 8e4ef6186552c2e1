/* SPDX-License-Identifier: ISC */
#include "http.h"

#include <string.h>
#include <strings.h>

#define FORM "application/x-www-form-urlencoded"

struct part {
	const char *at;
	size_t len;
};

/* What the header fields of one head have said so far. */
struct fields {
	unsigned hosts, lengths, types, accepts;
	size_t length;
	bool form, plain, version_1_1;
};

void http_begin(struct http *h)
{
	h->len = h->head_len = h->body_len = 0;
	h->plain = false;
}

const char *http_body(const struct http *h)
{
	return h->bytes + h->head_len;
}

static bool equal(struct part p, const char *text)
{
	return p.len == strlen(text) && memcmp(p.at, text, p.len) == 0;
}

/* Names of fields and their fixed values; letters of either case. */
static bool alike(struct part p, const char *text)
{
	return p.len == strlen(text) && strncasecmp(p.at, text, p.len) == 0;
}

/* tchar of RFC 9110, 5.6.2. */
static bool token(struct part p)
{
	for (size_t i = 0; i < p.len; i++) {
		char c = p.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') ||
		      (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL)))
			return false;
	}
	return p.len > 0;
}

/* What is before the next `stop`, which is taken too; false: there is none. */
static bool split(struct part *rest, char stop, struct part *first)
{
	const char *at = memchr(rest->at, stop, rest->len);

	if (at == NULL)
		return false;
	*first = (struct part){ rest->at, (size_t)(at - rest->at) };
	rest->len -= first->len + 1;
	rest->at = at + 1;
	return true;
}

static int request_line(struct http *h, struct part line, struct fields *f, const char **why)
{
	struct part method, path;

	*why = "the request line";
	if (!split(&line, ' ', &method) || !split(&line, ' ', &path) || !token(method))
		return 400;
	f->version_1_1 = equal(line, "HTTP/1.1");
	if (!f->version_1_1 && !equal(line, "HTTP/1.0"))
		return line.len == 8 && memcmp(line.at, "HTTP/", 5) == 0 ? 505 : 400;
	if (path.len == 0 || path.at[0] != '/')
		return 400;
	*why = "only GET and POST are taken";
	if (!equal(method, "GET") && !equal(method, "POST"))
		return 501;
	h->method = equal(method, "GET") ? HTTP_GET : HTTP_POST;
	*why = "there is no such page";
	if (path.len >= HTTP_PATH)
		return 404;
	memcpy(h->path, path.at, path.len);
	h->path[path.len] = '\0';
	return 0;
}

/* Digits without a sign, a leading zero, or so many that they could mean something else. */
static bool length_value(struct part value, size_t *length)
{
	*length = 0;
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] < '0' || value.at[i] > '9')
			return false;
		*length = *length * 10 + (size_t)(value.at[i] - '0');
	}
	return value.len > 0 && value.len <= 9 && (value.len == 1 || value.at[0] != '0');
}

static int field(struct part name, struct part value, struct fields *f, const char **why)
{
	if (alike(name, "Host")) {
		f->hosts++;
	} else if (alike(name, "Content-Length")) {
		*why = "Content-Length";
		if (f->lengths++ > 0 || !length_value(value, &f->length))
			return 400;
	} else if (alike(name, "Transfer-Encoding")) {
		*why = "Transfer-Encoding is not taken: say Content-Length";
		return 400;
	} else if (alike(name, "Content-Type")) {
		f->types++;
		f->form = alike(value, FORM) || alike(value, FORM "; charset=utf-8") ||
			  alike(value, FORM ";charset=utf-8");
	} else if (alike(name, "Content-Encoding")) {
		*why = "Content-Encoding is not taken";
		return 415;
	} else if (alike(name, "Expect")) {
		*why = "Expect is not taken";
		return 417;
	} else if (alike(name, "Accept")) {
		f->plain = f->accepts++ == 0 && alike(value, "text/plain");
	}
	return 0;
}

static int field_line(struct part line, struct fields *f, const char **why)
{
	struct part name, value = line;

	*why = "a header line";
	if (!split(&value, ':', &name) || !token(name)) /* or it is folded */
		return 400;
	while (value.len > 0 && (value.at[0] == ' ' || value.at[0] == '\t')) {
		value.at++;
		value.len--;
	}
	while (value.len > 0 &&
	       (value.at[value.len - 1] == ' ' || value.at[value.len - 1] == '\t'))
		value.len--;
	return field(name, value, f, why);
}

/* What no single line shows. */
static int judge(struct http *h, const struct fields *f, const char **why)
{
	*why = "Host";
	if (f->hosts > 1 || (f->version_1_1 && f->hosts == 0))
		return 400;
	*why = "a GET has no body";
	if (h->method == HTTP_GET && f->length > 0)
		return 400;
	*why = "Content-Length is missing";
	if (h->method == HTTP_POST && f->lengths == 0)
		return 411;
	*why = "Content-Type: only " FORM " is taken";
	if (h->method == HTTP_POST && (f->types != 1 || !f->form))
		return 415;
	*why = "a request has at most 8192 bytes";
	if (f->length > HTTP_MAX - h->head_len)
		return 413;
	h->body_len = f->length;
	h->plain = f->plain;
	return 0;
}

static int head(struct http *h, const char **why)
{
	struct part rest = { h->bytes, h->head_len - 2 }, line;
	struct fields f = { 0 };
	int status = 0;

	for (unsigned n = 0; status == 0 && split(&rest, '\n', &line); n++) {
		line.len--; /* the CR: see http_input() */
		status = n == 0 ? request_line(h, line, &f, why) : field_line(line, &f, why);
	}
	return status != 0 ? status : judge(h, &f, why);
}

/* A head is printable ASCII and blanks, and its lines end with CR LF. */
static bool possible(const struct http *h, char byte)
{
	bool after_cr = h->len > 0 && h->bytes[h->len - 1] == '\r';

	if (after_cr || byte == '\n')
		return after_cr && byte == '\n';
	return byte == '\r' || byte == '\t' || (byte >= ' ' && byte <= '~');
}

int http_input(struct http *h, char byte, const char **why)
{
	int status;

	*why = "";
	if (h->head_len == 0) {
		*why = "a byte that no header has";
		if (!possible(h, byte))
			return 400;
	}
	*why = h->head_len == 0 ? "a request has at most 8192 bytes"
				: "more than one request on a connection";
	if (h->len == HTTP_MAX || (h->head_len > 0 && h->len == h->head_len + h->body_len))
		return h->head_len == 0 ? 431 : 400;
	h->bytes[h->len++] = byte;
	if (h->head_len == 0) {
		*why = "the request line";
		if (h->len == 2 && byte == '\n') /* it is empty */
			return 400;
		if (h->len < 4 || memcmp(h->bytes + h->len - 4, "\r\n\r\n", 4) != 0)
			return 0;
		h->head_len = h->len;
		status = head(h, why);
		if (status != 0)
			return status;
	}
	return h->len == h->head_len + h->body_len ? 200 : 0;
}
