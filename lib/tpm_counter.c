/* SPDX-License-Identifier: ISC */
#include "tpm_counter.h"

#include "log.h"

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* Part 2: 6.5.2 command codes, 6.9 structure tags, 7.4 handles, 13.4 attributes of an index. */
#define TAG_SESSIONS	0x8002
#define TAG_NO_SESSIONS 0x8001
#define NV_INCREMENT	0x134
#define NV_READ		0x14e
#define NV_READ_PUBLIC	0x169
#define PASSWORD	0x40000009
#define ATTRIBUTE_TYPE	0xf0u
#define TYPE_COUNTER	0x10u
#define ORDERLY		(1u << 26)
#define WRITTEN		(1u << 29)
#define RESPONSE_MAX	4096

struct header {
	uint16_t tag;
	uint32_t size;
	uint32_t code; /* of the command, or of the response */
} __attribute__((packed));

/* The index is authorised by itself, with a password that is empty; 0 parameter bytes follow, or NV_Read's. */
struct command {
	struct header header;
	uint32_t authorised, index;
	uint32_t authorisation_size;
	uint32_t session;
	uint16_t nonce_size;
	uint8_t attributes;
	uint16_t password_size;
	uint16_t size, offset;
} __attribute__((packed));
#define AUTHORISATION_SIZE 9

struct read_public {
	struct header header;
	uint32_t index;
} __attribute__((packed));

struct public_response {
	struct header header;
	uint16_t size;
	uint32_t index;
	uint16_t algorithm;
	uint32_t attributes;
	uint16_t policy_size; /* 0: none, or the data's size would not be the next */
	uint16_t data_size;
} __attribute__((packed));

struct read_response {
	struct header header;
	uint32_t parameter_size;
	uint16_t size;
	uint64_t value;
} __attribute__((packed));

/* False, with a line in the log, unless at least `want` bytes of success come back. */
static bool transact(int fd, const char *name, const void *command, size_t size, void *out,
		     size_t want)
{
	uint8_t response[RESPONSE_MAX];
	struct header h;
	ssize_t n = write(fd, command, size);

	if (n == (ssize_t)size)
		do
			n = read(fd, response, sizeof(response));
		while (n < 0 && errno == EINTR);
	else
		n = -1;
	if (n < (ssize_t)sizeof(h)) {
		log_error("TPM: %s: %s", name, n < 0 ? strerror(errno) : "no response");
		return false;
	}
	memcpy(&h, response, sizeof(h));
	if (be32toh(h.code) != 0 || be32toh(h.size) != (uint32_t)n || (size_t)n < want) {
		log_error("TPM: %s: refused, code 0x%x; scripts/tpm-counter makes the counter",
			  name, be32toh(h.code));
		return false;
	}
	memcpy(out, response, want);
	return true;
}

static struct command authorised(uint32_t code, uint32_t index, size_t size)
{
	return (struct command){
		.header = { htobe16(TAG_SESSIONS), htobe32((uint32_t)size), htobe32(code) },
		.authorised = htobe32(index),
		.index = htobe32(index),
		.authorisation_size = htobe32(AUTHORISATION_SIZE),
		.session = htobe32(PASSWORD),
	};
}

enum tpm_counter_status tpm_counter_read(int fd, uint32_t index, uint64_t *value)
{
	struct read_public ask = {
		.header = { htobe16(TAG_NO_SESSIONS), htobe32(sizeof(ask)),
			    htobe32(NV_READ_PUBLIC) },
		.index = htobe32(index),
	};
	struct command c = authorised(NV_READ, index, sizeof(c));
	struct public_response public;
	struct read_response r;
	uint32_t attributes;

	if (!transact(fd, "NV_ReadPublic", &ask, sizeof(ask), &public, sizeof(public)))
		return TPM_COUNTER_FAILED;
	attributes = be32toh(public.attributes);
	/* An orderly one is kept in RAM for a while, and a power cut takes it back. */
	if (be32toh(public.index) != index || (attributes & ATTRIBUTE_TYPE) != TYPE_COUNTER ||
	    (attributes & ORDERLY) != 0 || public.policy_size != 0 ||
	    be16toh(public.data_size) != sizeof(*value)) {
		log_error(
			"TPM: index 0x%x is not a counter, or an orderly one, or has a policy",
			index);
		return TPM_COUNTER_FAILED;
	}
	if ((attributes & WRITTEN) == 0)
		return TPM_COUNTER_UNUSED;
	c.size = htobe16(sizeof(*value));
	if (!transact(fd, "NV_Read", &c, sizeof(c), &r, sizeof(r)) ||
	    be16toh(r.size) != sizeof(*value))
		return TPM_COUNTER_FAILED;
	*value = be64toh(r.value);
	return TPM_COUNTER_GOOD;
}

bool tpm_counter_increment(int fd, uint32_t index)
{
	size_t size = offsetof(struct command, size);
	struct command c = authorised(NV_INCREMENT, index, size);
	struct header h;

	return transact(fd, "NV_Increment", &c, size, &h, sizeof(h));
}
