/* SPDX-License-Identifier: ISC */
/*
 * QEMU's firmware configuration device (QEMU docs/specs/fw_cfg): named, read-only data for the
 * firmware, by a selector and a data port, or by DMA.
 *
 * Invariant: what is selected is one of item[] or nothing, and offset <= its length; past the end,
 * and where nothing is, there are zeros. Nothing can be written.
 */
#ifndef FW_CFG_H
#define FW_CFG_H

#include "bus.h"
#include "gmem.h"

#include <pthread.h>

#define FW_CFG_PORT	 0x510
#define FW_CFG_REGS	 12
#define FW_CFG_ITEMS_MAX 16
#define FW_CFG_NAME_MAX	 56	    /* bytes with the final NUL */
#define FW_CFG_DMA_MAX	 (1u << 20) /* bytes of one transfer; nothing here is as long */

enum fw_cfg_key {
	FW_CFG_SIGNATURE = 0x00,
	FW_CFG_FEATURES = 0x01,
	FW_CFG_CPUS = 0x05,
	FW_CFG_CPUS_MAX = 0x0f,
	FW_CFG_DIRECTORY = 0x19,
	FW_CFG_FILES = 0x20, /* the first file's */
};

struct fw_cfg_item {
	uint16_t key;
	const uint8_t *data;
	uint32_t len;
};

struct fw_cfg {
	const struct gmem *mem;
	struct fw_cfg_item
		item[FW_CFG_ITEMS_MAX]; /* constant once the guest runs, and so is ... */
	unsigned count, file_count;
	uint8_t directory[4 + 64 * FW_CFG_ITEMS_MAX];

	pthread_mutex_t lock;		    /* protects what follows */
	const struct fw_cfg_item *selected; /* NULL: nothing */
	uint32_t offset;
	uint32_t dma_high;
};

/* With the signature, the features and an empty directory. mem is where DMA may write. */
void fw_cfg_init(struct fw_cfg *f, const struct gmem *mem);

/* At start-up. The data is the caller's and stays; too many items are our own bug. */
void fw_cfg_add(struct fw_cfg *f, uint16_t key, const void *data, uint32_t len);
void fw_cfg_add_file(struct fw_cfg *f, const char *name, const void *data, uint32_t len);

void fw_cfg_access(void *dev, const struct bus_access *a); /* bus_handler */

#endif /* FW_CFG_H */
