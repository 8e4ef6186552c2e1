/* SPDX-License-Identifier: ISC */
/*
 * Programs that are started only if they are what a manifest says: the file is copied into a
 * sealed memfd, the copy is hashed, and the copy is what runs. Nobody can change it in between.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#define MEASURE_BYTES 32 /* SHA-256 */

/* Copies what exe refers to and hashes it. Returns the copy, the caller's; -1: errno. */
int measure_copy(int exe, uint8_t sha256[MEASURE_BYTES]);

/* The same as text: 64 hexadecimal digits and a NUL. */
void measure_text(const uint8_t sha256[MEASURE_BYTES], char text[2 * MEASURE_BYTES + 1]);

#endif /* MEASURE_H */
