/* SPDX-License-Identifier: ISC */
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(MEASURE_BYTES == crypto_hash_sha256_BYTES, "one kind of hash");

static bool copy(int from, int to, uint8_t sha256[MEASURE_BYTES])
{
	static uint8_t bytes[65536];
	crypto_hash_sha256_state hash;
	off_t at = 0;
	ssize_t n;

	crypto_hash_sha256_init(&hash);
	while ((n = pread(from, bytes, sizeof(bytes), at)) > 0) {
		crypto_hash_sha256_update(&hash, bytes, (unsigned long long)n);
		if (write(to, bytes, (size_t)n) != n)
			return false;
		at += n;
	}
	crypto_hash_sha256_final(&hash, sha256);
	return n == 0;
}

int measure_copy(int exe, uint8_t sha256[MEASURE_BYTES])
{
	int memory = memfd_create("program", MFD_CLOEXEC | MFD_ALLOW_SEALING), sealed = -1,
	    error;
	char path[32];

	/* What is open for writing anywhere cannot be executed, so the copy is opened anew. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	if (memory >= 0 && copy(exe, memory, sha256) && fchmod(memory, 0555) == 0 &&
	    fcntl(memory, F_ADD_SEALS,
		  F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		sealed = open(path, O_RDONLY | O_CLOEXEC);
	error = errno;
	if (memory >= 0)
		close(memory);
	errno = error;
	return sealed;
}

void measure_text(const uint8_t sha256[MEASURE_BYTES], char text[2 * MEASURE_BYTES + 1])
{
	sodium_bin2hex(text, 2 * MEASURE_BYTES + 1, sha256, MEASURE_BYTES);
}
