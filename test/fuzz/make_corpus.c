/* SPDX-License-Identifier: ISC */
/* Writes the files from which the fuzzer starts: make_corpus <directory>. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tiny_image.h"

static int save(const char *dir, const char *name, const struct tiny_image *image)
{
	char path[4096];
	FILE *f;
	int bad;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (f == NULL)
		return 1;
	bad = fwrite(image->bytes, 1, image->size, f) != image->size;
	return fclose(f) != 0 || bad;
}

int main(int argc, char **argv)
{
	static const uint32_t table[] = { 0, 0x81000040, 0, 0x81000010 };
	static const uint32_t long_table[] = { 0, 0x81000040, 0, 0x81000020, 0, 0x81000010 };
	static struct tiny_image elf, other, bz;
	int bad;

	if (argc != 2) {
		fprintf(stderr, "usage: make_corpus <directory>\n");
		return 2;
	}
	if (mkdir(argv[1], 0777) < 0 && errno != EEXIST) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	tiny_elf(&elf, "\xf4", 1);
	bad = save(argv[1], "elf", &elf);
	tiny_bzimage(&bz, &elf);
	bad |= save(argv[1], "bzimage", &bz);
	other = elf;
	tiny_append(&other, table, 4);
	tiny_bzimage(&bz, &other);
	bad |= save(argv[1], "bzimage-two-lists", &bz);
	other = elf;
	tiny_append(&other, long_table, 6);
	tiny_bzimage(&bz, &other);
	bad |= save(argv[1], "bzimage-three-lists", &bz);
	return bad;
}
