/* SPDX-License-Identifier: ISC */
/*
 * Each critical process's own part of its configuration, made by the launcher from the manifest,
 * and which of its resources is which.
 */
#ifndef CRITICAL_SETTINGS_H
#define CRITICAL_SETTINGS_H

#include "prompt.h"

#include <stdint.h>

/* The display. Resources: the grid's memfd (read-only) and its bell; with a screen of its own
 * also the DRM device, then its input devices. Channels: any number of pairs with critical
 * applications (prompt_message in, prompt_answer out; the pair is found by the application's
 * name), one grid_input to the terminal process. */
#define DISPLAY_PHRASE 48
#define DISPLAY_TITLE  24
enum display_resource { DISPLAY_GRID, DISPLAY_GRID_BELL, DISPLAY_DRM, DISPLAY_INPUT };
struct display_settings {
	char phrase[DISPLAY_PHRASE]; /* the user's secret, printable ASCII, or "" */
	char guest[CRITICAL_NAME];   /* the owner of the keyboard when nothing is asked */
	uint32_t timeout_ms;	     /* how long a question stands; 0: the default, 60 s */
	uint32_t dead_time_ms;	     /* 0: the default, 1000 */
	uint32_t drm;		     /* 1: there is a screen of its own */
	uint32_t input_count;	     /* its input devices */
	char layout[8];		     /* of its keyboard: "us" or "de" */
};

/* The terminal process (untrusted). Resources: the grid's memfd (read-write), its bell, a stream
 * socket to the guest's console. Channel: grid_input from the display. */
enum terminal_resource { TERMINAL_GRID, TERMINAL_GRID_BELL, TERMINAL_CONSOLE };
struct terminal_settings {
	uint32_t rows, columns; /* at first */
};

/* The dialler. Resource: the modem's tty. Channels: modem_line from and to the guest,
 * prompt_message to and prompt_answer from the display. */
enum dialler_resource { DIALLER_MODEM };
#define DIALLER_RULES 64
struct dialler_rule {
	char prefix
		[12]; /* digits as dialled nationally, or '+' and digits; longest match wins */
	uint32_t number_class; /* enum number_class */
	uint32_t cents_per_minute, cents_per_call;
};
struct dialler_settings {
	char country[6];       /* "+49": what a leading 00CC or +CC is national for */
	char international[6]; /* "00" */
	char trunk[4];	       /* "0" */
	uint32_t rule_count;
	struct dialler_rule rule[DIALLER_RULES];
};

/* The auditor. Resources: the head of the log, then its files, 2 to AUDIT_SEGMENTS of them, all
 * open for reading and writing. Channels: as auditor of each audited one. */
enum audit_resource { AUDIT_HEAD, AUDIT_FILES };
struct audit_settings {
	uint64_t segment_bytes; /* a new file begins after this many; 0: 16 MiB */
	uint64_t
		keep_bytes; /* 0: the log stops when all files are full; else the oldest goes */
	uint32_t checkpoint_every; /* records; 0: 1024 */
	uint32_t reserved;
};

/* Show-and-pay. No resources. Channels: modem_line from and to the guest, payment_message to and
 * payment_answer from the display, payment_message to and from the storage. */
struct showpay_settings {
	char account[36]; /* the payer's, an IBAN */
};

/* User authentication. No resources, no settings. Channels: pin_message from and pin_answer to the
 * display, verifier_message to and from the storage. */
struct auth_settings {
	uint32_t reserved;
};

/* Secure storage. Resources: the key that seals the store (32 bytes), two files that are its
 * slots, and what knows how often it was written: a file, or a TPM. Channels: payment_message
 * from the display, from and to show-and-pay; verifier_message from and to the authentication. */
enum storage_resource { STORAGE_KEY, STORAGE_SLOT_A, STORAGE_SLOT_B, STORAGE_ANCHOR };
struct storage_settings {
	uint32_t tpm_index; /* of its NV counter, 0x01000000 and up; 0: the anchor is a file */
	uint32_t tries;	    /* for a PIN, at most; 1 to PIN_TRIES */
};

#endif /* CRITICAL_SETTINGS_H */
