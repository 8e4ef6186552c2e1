/* SPDX-License-Identifier: ISC */
#include "device_spec.h"

#include "device_config.h"
#include "log.h"
#include "number.h"
#include "options.h"
#include "vm_config.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ON(kind)  (1u << KIND_##kind)
#define AT(field) offsetof(struct device_spec, field)
#define PATH	  4095

enum type { FLAG, TEXT, NUMBER, SIZE, MAC, PORTS, RAW };

static const struct key {
	const char *name;
	unsigned kinds; /* that have it */
	enum type type;
	size_t at;	   /* in struct device_spec */
	uint64_t min, max; /* of a number, or of a text's length */
	const char *with;  /* the key without which it makes no sense */
	const char *what;  /* its value is */
} keys[] = {
	{ "file", ON(DISK), TEXT, AT(file), 1, PATH, NULL, "a path" },
	{ "path", ON(SHARE), TEXT, AT(path), 1, PATH, NULL, "a path" },
	/* "_4294967295" comes behind it, and 107 characters are all that fit: unix(7). */
	{ "path", ON(VSOCK), TEXT, AT(path), 1, 96, NULL, "a path of up to 96 characters" },
	{ "name", ON(CONSOLE), TEXT, AT(name), 1, DEVICE_NAME_MAX - 1, "socket",
	  "a text of up to 31 characters" },
	{ "socket", ON(CONSOLE), TEXT, AT(socket), 1, 107, "name",
	  "a path of up to 107 characters" },
	{ "socket", ON(DISK) | ON(SHARE) | ON(BALLOON), TEXT, AT(socket), 1, 107, NULL,
	  "a path of up to 107 characters" },
	{ "hvc", ON(CONSOLE), FLAG, AT(hvc), 0, 0, NULL, "" },
	{ "format", ON(DISK), RAW, AT(raw), 0, 0, "file",
	  "raw; qemu-storage-daemon serves others, for --disk socket=PATH" },
	{ "serial", ON(DISK), TEXT, AT(serial), 1, DEVICE_SERIAL_MAX, "file",
	  "a text of up to 20 characters" },
	{ "readonly", ON(DISK), FLAG, AT(readonly), 0, 0, "file", "" },
	{ "readonly", ON(SHARE), FLAG, AT(readonly), 0, 0, "path", "" },
	{ "direct", ON(DISK), FLAG, AT(direct), 0, 0, "file", "" },
	{ "bootindex", ON(DISK), NUMBER, AT(bootindex), 1, VM_DEVICES_MAX, NULL,
	  "a number from 1 to 16, of which 1 is tried first" },
	{ "tap", ON(NET), TEXT, AT(tap), 1, 15, NULL, "a name of up to 15 characters" },
	{ "fd", ON(NET), NUMBER, AT(fd), 3, 65535, NULL, "a number from 3 to 65535" },
	{ "passt", ON(NET), FLAG, AT(passt), 0, 0, NULL, "" },
	{ "port", ON(NET), PORTS, AT(ports), 0, 0, "passt",
	  "of the form HOST:GUEST, 1 to 65535 each" },
	{ "mac", ON(NET), MAC, AT(mac), 0, 0, NULL,
	  "the address of one card, like 52:54:00:01:02:03" },
	{ "mtu", ON(NET), NUMBER, AT(mtu), 68, 65535, NULL,
	  "a number from 68 to 65535" }, /* 5.1.4.1 */
	{ "queues", ON(DISK), NUMBER, AT(queues), 1, 64, "file", "a number from 1 to 64" },
	{ "queues", ON(NET), NUMBER, AT(queues), 1, DEVICE_BACKENDS_MAX, "tap",
	  "a number from 1 to 24" },
	{ "rate", ON(DISK), SIZE, AT(rate), 1, 1ull << 40, "file",
	  "a size like 10M, up to 1T" },
	{ "rate", ON(NET), SIZE, AT(rate), 1, 1ull << 40, NULL, "a size like 10M, up to 1T" },
	{ "ops", ON(DISK), NUMBER, AT(ops), 1, 1000000000, "file",
	  "a number from 1 to 1000000000" },
	{ "ops", ON(NET), NUMBER, AT(ops), 1, 1000000000, NULL,
	  "a number from 1 to 1000000000" },
	{ "cid", ON(VSOCK), NUMBER, AT(cid), 3, UINT32_MAX - 1, NULL,
	  "a number from 3 to 4294967294" },
	{ "tag", ON(SHARE), TEXT, AT(tag), 1, 36, NULL,
	  "a text of up to 36 characters" }, /* 5.11.4 */
	{ "size", ON(BALLOON), SIZE, AT(size), 0, UINT64_MAX, NULL, "a size like 64M or 1G" },
};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static const struct {
	const char *name, *example;
	const char *first;     /* the key that may be left out */
	const char *one_of[2]; /* of each list exactly one is needed */
} kinds[KIND_COUNT] = {
	[KIND_DISK] = { "disk", "file=disk.img,readonly", "file", { "file, socket" } },
	[KIND_NET] = { "net", "tap=tap0", "tap", { "tap, fd, passt" } },
	[KIND_CONSOLE] = { "console", "name=log,socket=log.sock", "name", { "name, hvc" } },
	[KIND_VSOCK] = { "vsock", "cid=3,path=vsock", "cid", { "cid", "path" } },
	[KIND_SHARE] = { "share", "path=/srv,tag=srv", "path", { "path, socket", "tag" } },
	[KIND_BALLOON] = { "balloon", "size=128M", "size", { NULL } },
	[KIND_RNG] = { "rng", "", "", { NULL } },
};

const char *device_kind_name(enum device_kind kind)
{
	return kinds[kind].name;
}

static const struct key *find(enum device_kind kind, const char *name)
{
	for (const struct key *k = keys; k < keys + KEY_COUNT; k++)
		if ((k->kinds & 1u << kind) != 0 && strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

static bool unknown(enum device_kind kind, const char *word)
{
	const char *names[KEY_COUNT + 1] = { NULL }, *nearest;
	char list[128] = "";
	size_t len = 0;
	unsigned count = 0;

	for (const struct key *k = keys; k < keys + KEY_COUNT; k++)
		if ((k->kinds & 1u << kind) != 0) {
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
						count > 0 ? ", " : "", k->name);
			names[count++] = k->name;
		}
	nearest = options_nearest(word, names);
	if (nearest != NULL)
		log_error("--%s: unknown key '%s'; did you mean '%s'? There are %s",
			  kinds[kind].name, word, nearest, list);
	else
		log_error("--%s: unknown key '%s'; there are %s", kinds[kind].name, word, list);
	return false;
}

/* sscanf() would take signs and blanks, so what may stand there at all is looked at first. */
static bool made_of(const char *text, const char *characters, size_t max)
{
	return strlen(text) <= max && strspn(text, characters) == strlen(text);
}

static bool parse_mac(const char *text, uint8_t m[6])
{
	int end = 0;

	return made_of(text, "0123456789abcdefABCDEF:", 17) &&
	       sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &m[0], &m[1], &m[2], &m[3],
		      &m[4], &m[5], &end) == 6 &&
	       end == 17 && (m[0] & 1) == 0 && memcmp(m, "\0\0\0\0\0", 6) != 0;
}

static bool parse_ports(const char *text, char *ports, size_t size)
{
	size_t len = strlen(ports);
	unsigned host, guest;
	int end = 0;

	if (!made_of(text, "0123456789:", 11) ||
	    sscanf(text, "%5u:%5u%n", &host, &guest, &end) != 2 || text[end] != '\0' ||
	    host - 1 >= UINT16_MAX || guest - 1 >= UINT16_MAX || size - len < 13)
		return false;
	snprintf(ports + len, size - len, "%s%s", len > 0 ? "," : "", text);
	return true;
}

static bool parse_value(struct device_spec *s, const struct key *k, const char *text)
{
	void *at = (char *)s + k->at;
	uint64_t number = 0;

	switch (k->type) {
	case TEXT:
		for (const char *c = text; *c != '\0' && k->max < PATH; c++)
			if (*c < ' ' || *c > '~')
				return false;
		memcpy(at, &text, sizeof(text));
		return strlen(text) >= k->min && strlen(text) <= k->max;
	case NUMBER:
	case SIZE:
		if (k->type == NUMBER ? !number_parse(text, k->min, k->max, &number)
				      : !number_parse_size(text, &number))
			return false;
		memcpy(at, &number, sizeof(number));
		return number >= k->min && number <= k->max;
	case MAC:
		return parse_mac(text, s->mac);
	case PORTS:
		return parse_ports(text, s->ports, sizeof(s->ports));
	case RAW:
		if (strcmp(text, "raw") != 0)
			return false;
		break;
	case FLAG:
		break;
	}
	memset(at, true, sizeof(bool));
	return true;
}

/* One "key=value", "flag" or, as the first, "value"; changes the '=' of word. */
static bool take(struct device_spec *s, enum device_kind kind, char *word, unsigned *given)
{
	const char *name = kinds[kind].name;
	char *value = strchr(word, '=');
	const struct key *k;

	if (value != NULL)
		*value++ = '\0';
	k = find(kind, word);
	if (k == NULL && *given == 0 && value == NULL && word[0] != '\0') {
		k = find(kind, kinds[kind].first);
		value = word;
	}
	if (k == NULL)
		return unknown(kind, word);
	if (k->type == FLAG && value != NULL)
		log_error("--%s: '%s' takes no value", name, k->name);
	else if (k->type != FLAG && value == NULL)
		log_error("--%s: '%s' needs a value, %s", name, k->name, k->what);
	else if ((*given & 1u << (k - keys)) != 0 && k->type != PORTS)
		log_error("--%s: '%s' is given twice", name, k->name);
	else if (!parse_value(s, k, value))
		log_error("--%s: %s: '%s' is not %s", name, k->name, value, k->what);
	else {
		*given |= 1u << (k - keys);
		return true;
	}
	return false;
}

/* What belongs together is together. */
static bool complete(enum device_kind kind, unsigned given)
{
	const char *name = kinds[kind].name;

	for (unsigned i = 0; i < 2 && kinds[kind].one_of[i] != NULL; i++) {
		const char *list = kinds[kind].one_of[i];
		unsigned count = 0;

		for (unsigned k = 0; k < KEY_COUNT; k++)
			count += (given & 1u << k) != 0 && strstr(list, keys[k].name) != NULL;
		if (count == 1)
			continue;
		log_error("--%s: %s%s is needed, for example --%s %s", name,
			  strchr(list, ',') != NULL ? "exactly one of " : "", list, name,
			  kinds[kind].example);
		return false;
	}
	for (unsigned k = 0; k < KEY_COUNT; k++)
		if ((given & 1u << k) != 0 && keys[k].with != NULL &&
		    (given & 1u << (find(kind, keys[k].with) - keys)) == 0) {
			log_error("--%s: '%s' goes only with '%s'", name, keys[k].name,
				  keys[k].with);
			return false;
		}
	return true;
}

bool device_spec_parse(struct device_spec *s, enum device_kind kind, const char *text)
{
	char *to = strdup(text), *word;
	bool ok = true, more = kind != KIND_RNG;
	unsigned given = 0;

	*s = (struct device_spec){ .copy = to };
	if (to == NULL) {
		log_error("out of memory");
		return false;
	}
	/* Each word is unfolded in place: it only gets shorter. */
	for (; ok && more; text++) {
		for (word = to; *text != '\0' && (*text != ',' || text[1] == ','); text++) {
			text += *text == ',';
			*to++ = *text;
		}
		*to++ = '\0';
		more = *text != '\0';
		ok = take(s, kind, word, &given);
	}
	ok = ok && complete(kind, given);
	if (!ok)
		free(s->copy);
	return ok;
}
