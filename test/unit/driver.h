/* SPDX-License-Identifier: ISC */
/*
 * A driver, for unit tests of one device's file: guest memory, rings, and the functions of
 * device.h that backend.c has in a real process (device_call() and so on), here counted.
 */
#ifndef DRIVER_H
#define DRIVER_H

#include "device.h"

#define DRIVER_MEMORY (8u << 20) /* bytes, from guest address 0; a memfd */
#define DRIVER_QUEUE  64	 /* elements of each queue */

struct driver {
	struct device device;
	uint8_t *memory;
	unsigned calls[DEVICE_QUEUES_MAX]; /* device_call() when it would have notified */
	unsigned broken[DEVICE_QUEUES_MAX];
	unsigned config_changes;
	struct device_command told; /* the last message of device_tell() */
	unsigned tells;
	/* The rest is driver.c's. */
	uint64_t next_free;
	uint64_t descs[DEVICE_QUEUES_MAX], heads[DEVICE_QUEUES_MAX]; /* in use, a bit each */
	uint16_t avail[DEVICE_QUEUES_MAX], seen_used[DEVICE_QUEUES_MAX];
};

/* The one driver; the device's file is linked with the test. */
extern struct driver driver;

/* Opens device_ops and accepts all features that it offers but those in `without`. */
enum status driver_open(const struct device_config *c, uint64_t without);

/* Starts one queue, or all, with empty rings; stops all; stops all and resets the device. */
void driver_start(unsigned queue);
void driver_start_all(void);
void driver_stop_all(void);
void driver_reset(void);

/* Fresh, zeroed guest memory; never given back until the next driver_open(). */
gpa_t driver_alloc(uint32_t len);
void *driver_at(gpa_t addr);

/* Part of a request: len bytes at addr; writable is the device's right to write. */
struct driver_part {
	gpa_t addr;
	uint32_t len;
	bool writable;
};

/*
 * Makes a chain available and returns its head; kicks nothing. More than DRIVER_QUEUE parts
 * become an indirect table.
 */
uint16_t driver_add(unsigned queue, const struct driver_part *part, unsigned count);

/* Calls the device's kick for the queue, if it runs. */
void driver_kick(unsigned queue);

/* Takes the next used element; false if there is none. */
bool driver_used(unsigned queue, uint16_t *head, uint32_t *len);

/* Serves the loop until a used element of the queue is there (true) or a second has passed. */
bool driver_wait(unsigned queue, uint16_t *head, uint32_t *len);

/* Serves the loop for so many milliseconds. */
void driver_serve(unsigned ms);

#endif /* DRIVER_H */
