/* SPDX-License-Identifier: ISC */
#include "http.h"

#include <stdio.h>
#include <string.h>

enum http_verdict http_judge(const char *request, size_t len)
{
	char line[HTTP_REQUEST_MAX], *path, *version;
	size_t end;

	if (memmem(request, len, "\r\n\r\n", 4) == NULL)
		return len < HTTP_REQUEST_MAX ? HTTP_MORE : HTTP_BAD;
	end = (size_t)((const char *)memmem(request, len, "\r\n", 2) - request);
	memcpy(line, request, end); /* at least four bytes shorter than all of it */
	line[end] = '\0';
	path = strchr(line, ' ');
	version = path != NULL ? strchr(path + 1, ' ') : NULL;
	if (version == NULL || strncmp(version + 1, "HTTP/1.", 7) != 0)
		return HTTP_BAD;
	*path++ = *version = '\0';
	if (strcmp(line, "GET") != 0)
		return HTTP_NOT_ALLOWED;
	path[strcspn(path, "?")] = '\0';
	return strcmp(path, "/metrics") == 0 || strcmp(path, "/") == 0 ? HTTP_PAGE
								       : HTTP_NOT_FOUND;
}

size_t http_head(enum http_verdict verdict, size_t body, char head[HTTP_HEAD_MAX])
{
	const char *status = verdict == HTTP_PAGE	 ? "200 OK"
			     : verdict == HTTP_NOT_FOUND ? "404 Not Found"
			     : verdict == HTTP_NOT_ALLOWED
				     ? "405 Method Not Allowed\r\nAllow: GET"
				     : "400 Bad Request";

	return (size_t)snprintf(
		head, HTTP_HEAD_MAX,
		"HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; "
		"charset=utf-8\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
		status, body);
}
