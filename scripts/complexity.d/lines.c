/* SPDX-License-Identifier: ISC */
/*
 * lines FILE...: lines of C (or of anything with the same comments) that hold something beside
 * blanks and comments; one number, of all files together. "-": file names come on standard input,
 * each ending with a NUL.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static unsigned long count(FILE *f)
{
	enum { CODE, STAR, LINE, STRING, CHARACTER } in = CODE;
	unsigned long lines = 0;
	bool something = false;
	int c, next;

	while ((c = getc_unlocked(f)) != EOF) {
		if (c == '\n') {
			lines += something;
			something = false;
			if (in != STAR)
				in = CODE;
			continue;
		}
		if (in == STAR && c == '*') {
			next = getc_unlocked(f);
			if (next == '/')
				in = CODE;
			else
				ungetc(next, f);
			continue;
		}
		if (in == STAR || in == LINE)
			continue;
		if (in == CODE && c == '/') {
			next = getc_unlocked(f);
			in = next == '*' ? STAR : next == '/' ? LINE : CODE;
			if (in != CODE)
				continue;
			ungetc(next, f);
		}
		if (c != ' ' && c != '\t' && c != '\r')
			something = true;
		if (in != CODE && c == '\\') {
			next = getc_unlocked(f);
			if (next == '\n')
				ungetc(next, f);
		} else if (in == CODE && c == '"') {
			in = STRING;
		} else if (in == CODE && c == '\'') {
			in = CHARACTER;
		} else if ((in == STRING && c == '"') || (in == CHARACTER && c == '\'')) {
			in = CODE;
		}
	}
	return lines + something;
}

static unsigned long count_name(const char *name)
{
	FILE *f = fopen(name, "r");
	unsigned long lines = 0;

	if (f == NULL) {
		perror(name);
		return 0;
	}
	lines = count(f);
	fclose(f);
	return lines;
}

int main(int argc, char **argv)
{
	static char name[4096];
	unsigned long lines = 0;
	size_t len = 0;
	int c;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-") != 0) {
			lines += count_name(argv[i]);
			continue;
		}
		while ((c = getchar()) != EOF) {
			if (len < sizeof(name))
				name[len++] = (char)c;
			if (c == '\0') {
				lines += count_name(name);
				len = 0;
			}
		}
	}
	printf("%lu\n", lines);
	return 0;
}
