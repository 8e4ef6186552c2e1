/* SPDX-License-Identifier: ISC */
/*
 * The dialler without its loop, between a guest, a display, a modem and a clock that are this
 * file's. After whatever they do, and before the call returns, it is checked that the modem was
 * told nothing but what may be told: a number only if the question about that very number stood
 * and was just answered with yes, or if it is an emergency number; an answer only if the question
 * about the call was; and that of the modem's own words none came to the guest. If not: abort().
 */
#ifndef TEST_DIALLER_DRIVER_H
#define TEST_DIALLER_DRIVER_H

#include "critical_settings.h"
#include "prompt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct driver {
	uint64_t now_ms;
	bool stands; /* a question, and which */
	struct prompt_message asks;
	struct prompt_message call; /* what the display was told last about the call */
	unsigned asked, dialled, answered, tones, hung_up;
	char modem[256];  /* what it was told by the last call, lines with \r */
	char guest[1024]; /* what the guest was told by the last call */
	uint8_t wires;
};
extern struct driver driver;

/* A dialler that has just begun. */
void driver_open(void);

/* Bytes on the guest's channel; its wires, enum modem_wire. */
void driver_type(const void *bytes, size_t len, uint8_t wires);
void driver_line(const char *text);

/* The guest's channel, or the display's, ends and begins anew. */
void driver_restart_guest(void);
void driver_restart_display(void);

/* Any answer; the one to the question that stands. */
void driver_answer(const struct prompt_answer *a);
void driver_say(enum answer_type type);

/* The modem's line, as it comes. */
void driver_modem(const void *bytes, size_t len);
void driver_modem_says(const char *line);

void driver_wait(uint64_t ms);

#endif /* TEST_DIALLER_DRIVER_H */
