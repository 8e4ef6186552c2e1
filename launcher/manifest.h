/* SPDX-License-Identifier: ISC */
/*
 * A system as its manifest describes it: processes, what each may hold, every channel. What is
 * not in here does not exist. doc/manifest.md is the schema.
 */
#ifndef MANIFEST_H
#define MANIFEST_H

#include "critical_settings.h"
#include "vm_config.h"

#include <stdbool.h>
#include <stdint.h>

#define MANIFEST_PROCESSES 16
#define MANIFEST_CHANNELS  32
#define MANIFEST_BINARIES  32
#define MANIFEST_PATH	   256 /* bytes with the final NUL */
#define MANIFEST_CMDLINE   "console=ttyS0"
#define MANIFEST_INPUTS	   8
#define MANIFEST_DEVICES   VM_DEVICES_MAX

enum manifest_kind {
	MANIFEST_VM,
	MANIFEST_TERMINAL,
	MANIFEST_DISPLAY,
	MANIFEST_AUDITOR,
	MANIFEST_DIALLER,
	MANIFEST_SHOWPAY,
	MANIFEST_AUTH,
	MANIFEST_STORAGE,
	MANIFEST_KINDS
};

/* A device of a VM, as on the command line: option "disk", value "file=debian.img,readonly". */
struct manifest_device {
	char option[12];
	char value[MANIFEST_PATH];
};

struct manifest_vm {
	char kernel[MANIFEST_PATH], initrd[MANIFEST_PATH]; /* "": none */
	char firmware[MANIFEST_PATH]; /* "seabios" or a path; "": there is a kernel */
	char cmdline[VM_CMDLINE_MAX];
	uint64_t memory_size; /* bytes */
	uint32_t cpu_count;
	bool no_rng;
	unsigned device_count;
	struct manifest_device device[MANIFEST_DEVICES];
};

struct manifest_process {
	char name[CRITICAL_NAME];
	enum manifest_kind kind;
	bool restart;  /* may be started again when it ends by itself, not by a signal */
	unsigned line; /* in the source; 0: unknown */
	union {
		struct manifest_vm vm;
		struct terminal_settings terminal;
		struct {
			struct display_settings settings; /* without the phrase */
			char phrase_file[MANIFEST_PATH];  /* "": none */
			char drm[MANIFEST_PATH];	  /* the device; "": none */
			char input[MANIFEST_INPUTS][MANIFEST_PATH];
		} display;
		struct {
			struct audit_settings settings;
			char directory[MANIFEST_PATH];
		} auditor;
		struct {
			struct dialler_settings settings;
			char modem[MANIFEST_PATH];
		} dialler;
		struct {
			struct showpay_settings settings;
		} showpay;
		struct {
			struct storage_settings settings;
			char directory[MANIFEST_PATH];
			char tpm[MANIFEST_PATH]; /* the device; "": none */
		} storage;
	};
};

enum manifest_link {
	LINK_MESSAGES, /* a channel, chan.h */
	LINK_GRID,     /* cells from a terminal to a display, grid.h */
	LINK_STREAM,   /* bytes both ways between a VM's console and a terminal */
};

struct manifest_channel {
	char name[CRITICAL_NAME];
	enum manifest_link link;
	unsigned from, to;	       /* indices of processes */
	struct chan_geometry geometry; /* of messages; follows from the kinds at the ends */
	enum channel_audit audit;
	bool sync;
	unsigned line;
};

struct manifest_binary {
	char name[32]; /* "zwinger-dialler" */
	uint8_t sha256[32];
};

struct manifest {
	char name[CRITICAL_NAME];
	char directory[MANIFEST_PATH]; /* where the source is; relative paths start here */
	unsigned process_count, channel_count, binary_count;
	struct manifest_process process[MANIFEST_PROCESSES]; /* in start order */
	struct manifest_channel channel[MANIFEST_CHANNELS];
	struct manifest_binary binary[MANIFEST_BINARIES];
};

/*
 * Reads a .dts (by running dtc) or .dtb file. False: at least one line of the form
 * "phone.dts:12: /processes/dialler: modem: ..." has been logged. *m is large: make it static.
 */
bool manifest_read(struct manifest *m, const char *path) __attribute__((warn_unused_result));

/* The same from a flattened tree in memory, without lines. For manifest_read() and the fuzzer. */
bool manifest_parse(struct manifest *m, const void *fdt, size_t size)
	__attribute__((warn_unused_result));

/* The executable of a process: "zwinger-dialler". */
const char *manifest_program(const struct manifest_process *p);

/* As a manifest says it: "dialler", "messages", "full". */
const char *manifest_kind_name(enum manifest_kind k);
const char *manifest_link_name(enum manifest_link l);
const char *manifest_audit_name(enum channel_audit a);

/*
 * The executables that a process is started with: its own, then those of its devices, each once.
 * Returns how many. Programs that are not Zwinger's (passt, virtiofsd) are not among them.
 */
#define MANIFEST_PROGRAMS 8
unsigned manifest_programs(const struct manifest_process *p,
			   const char *list[MANIFEST_PROGRAMS]);

/* What the manifest expects of a binary, or NULL: it must not be started. */
const struct manifest_binary *manifest_binary(const struct manifest *m, const char *program);

#endif /* MANIFEST_H */
