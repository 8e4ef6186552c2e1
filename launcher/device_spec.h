/* SPDX-License-Identifier: ISC */
/*
 * What the user says of one device: "--disk file=x.img,readonly". One table has every key of every
 * kind, so that parsing and messages agree. Words only: nothing is opened here.
 */
#ifndef DEVICE_SPEC_H
#define DEVICE_SPEC_H

#include <stdbool.h>
#include <stdint.h>

enum device_kind {
	KIND_DISK,
	KIND_NET,
	KIND_CONSOLE,
	KIND_VSOCK,
	KIND_SHARE,
	KIND_BALLOON,
	KIND_RNG,
	KIND_COUNT
};

/* What is not given is NULL, false or 0. */
struct device_spec {
	const char *file, *socket, *serial, *tap, *name, *path, *tag;
	bool raw, readonly, direct, passt, hvc;
	uint64_t queues, rate, ops, fd, mtu, cid, size, bootindex;
	uint8_t mac[6];
	char ports[256]; /* TCP, "8080:80,2222:22" */
	char *copy; /* of the option's text, where all texts are; whoever has the spec frees it */
};

/*
 * Parses "KEY=VALUE,KEY,...": the first word may stand without its key, ",," is a comma. False: one
 * line has been logged, and there is nothing to free.
 */
bool device_spec_parse(struct device_spec *s, enum device_kind kind, const char *text)
	__attribute__((warn_unused_result));

/* The option of a kind, without its dashes. */
const char *device_kind_name(enum device_kind kind);

#endif /* DEVICE_SPEC_H */
