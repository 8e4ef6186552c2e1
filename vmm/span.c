/* SPDX-License-Identifier: ISC */
#include "span.h"

#include <string.h>

bool span_inside(uint64_t offset, uint64_t len, uint64_t size)
{
	return offset <= size && len <= size - offset;
}

bool span_read(struct span s, uint64_t offset, void *dst, size_t len)
{
	if (!span_inside(offset, len, s.len))
		return false;
	memcpy(dst, s.at + offset, len);
	return true;
}
