/* SPDX-License-Identifier: ISC */
/* Multiboot images that are not what they should be: each is refused, with its own reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "multiboot.h"

#define FILE_SIZE 0x2000u

/* The beginning of a good image: two segments, a header behind the program headers. */
struct image {
	Elf32_Ehdr eh;
	Elf32_Phdr ph[2];
	uint32_t header[3];
};

static struct image good(void)
{
	return (struct image){
		.eh = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, 1 },
			.e_type = ET_EXEC,
			.e_machine = EM_386,
			.e_entry = 0x400000,
			.e_phoff = offsetof(struct image, ph),
			.e_phentsize = sizeof(Elf32_Phdr),
			.e_phnum = 2 },
		.ph = { { PT_LOAD, 0x1000, 0x400000, 0x400000, 0x800, 0x800, 7, 4096 },
			{ PT_LOAD, 0x1800, 0x500000, 0x500000, 0x100, 0x4000, 6, 4096 } },
		.header = { 0x1badb002, 0, -0x1badb002u },
	};
}

/* A heap block of the very size, so that a sanitizer sees a look behind it. */
static const char *decode(const struct image *i, size_t len)
{
	uint8_t *bytes = malloc(len + 1);
	struct span head = { bytes, len };
	const char *error = "is not recognised";
	struct elf elf;
	uint32_t flags;

	memcpy(bytes, i, len);
	if (multiboot_recognise(head, &flags))
		error = multiboot_decode(head, flags, FILE_SIZE, &elf);
	free(bytes);
	return error;
}

static const struct {
	const char *name, *error;
	size_t at;
	uint32_t value;
	unsigned size;
} rows[] = {
#define ROW(name, error, f, value)                                                             \
	{                                                                                      \
		name, error, offsetof(struct image, f), value, sizeof(((struct image *)0)->f)  \
	}
	ROW("another magic", "not recognised", header[0], 0x1badb003),
	ROW("a wrong checksum", "not recognised", header[2], 1),
	ROW("64 bits", "no executable for 32-bit", eh.e_ident[EI_CLASS], ELFCLASS64),
	ROW("big-endian", "no executable for 32-bit", eh.e_ident[EI_DATA], ELFDATA2MSB),
	ROW("for arm", "no executable for 32-bit", eh.e_machine, EM_ARM),
	ROW("an object", "no executable for 32-bit", eh.e_type, ET_REL),
	ROW("no ELF file", "no ELF file", eh.e_ident[0], 0),
	ROW("other program headers", "unknown size", eh.e_phentsize, 56),
	ROW("no segment", "entry point", eh.e_phnum, 0),
	ROW("more headers than there are", "no room", eh.e_phnum, 0xffff),
	ROW("headers far away", "no room", eh.e_phoff, 0xffffffff),
	ROW("entry behind the file's part", "entry point", eh.e_entry, 0x500100),
	ROW("entry nowhere", "entry point", eh.e_entry, 0),
	ROW("segment behind the file", "truncated", ph[1].p_offset, 0x1f01),
	ROW("segment's file range wraps", "truncated", ph[1].p_offset, 0xffffffff),
	ROW("more in the file than in memory", "larger in the file", ph[1].p_memsz, 0xff),
	ROW("below 1 MiB", "below 1 MiB", ph[1].p_paddr, 0xff000),
	ROW("one in the other", "overlap", ph[1].p_paddr, 0x4007ff),
};

static void test_refused(void **state)
{
	struct image i = good();
	unsigned wrong = 0;

	(void)state;
	assert_null(decode(&i, sizeof(i)));
	for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		const char *error;

		i = good();
		memcpy((char *)&i + rows[n].at, &rows[n].value, rows[n].size);
		error = decode(&i, sizeof(i));
		if (error == NULL || strstr(error, rows[n].error) == NULL) {
			print_error("%s: %s\n", rows[n].name,
				    error != NULL ? error : "accepted");
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

/* What a loader has to refuse, and what it may pass over (3.1.2). */
static void test_flags(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 32; bit++) {
		struct image i = good();

		i.header[1] = 1u << bit;
		i.header[2] = -(i.header[0] + i.header[1]);
		if (bit < 2 || bit > 16)
			assert_null(decode(&i, sizeof(i)));
		else
			assert_non_null(decode(&i, sizeof(i)));
	}
}

static void test_cut_anywhere(void **state)
{
	struct image i = good();

	(void)state;
	for (size_t len = 0; len < sizeof(i); len++)
		assert_non_null(decode(&i, len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
