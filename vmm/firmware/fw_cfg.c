/* SPDX-License-Identifier: ISC */
#include "fw_cfg.h"

#include "bug.h"

#include <string.h>

enum { REG_SELECTOR = 0, REG_DATA = 1, REG_DMA_HIGH = 4, REG_DMA_LOW = 8 };

#define FEATURE_PORTS 1u
#define FEATURE_DMA   2u
#define DMA_SIGNATURE 0x51454d5520434647ull /* "QEMU CFG", read from the DMA register */

enum { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };

/* In guest memory, big-endian. */
struct dma_request {
	uint8_t control[4], len[4], address[8];
};
_Static_assert(sizeof(struct dma_request) == 16, "as on the wire");

static uint64_t load(const uint8_t *bytes, unsigned len)
{
	uint64_t v = 0;

	while (len-- > 0)
		v = v << 8 | *bytes++;
	return v;
}

static void store(uint8_t *bytes, unsigned len, uint64_t v)
{
	for (; len-- > 0; v >>= 8)
		bytes[len] = (uint8_t)v;
}

void fw_cfg_init(struct fw_cfg *f, const struct gmem *mem)
{
	static const uint8_t features[4] = { FEATURE_PORTS | FEATURE_DMA };

	*f = (struct fw_cfg){ .mem = mem };
	pthread_mutex_init(&f->lock, NULL);
	fw_cfg_add(f, FW_CFG_SIGNATURE, "QEMU", 4);
	fw_cfg_add(f, FW_CFG_FEATURES, features, sizeof(features));
	fw_cfg_add(f, FW_CFG_DIRECTORY, f->directory, sizeof(f->directory));
}

void fw_cfg_add(struct fw_cfg *f, uint16_t key, const void *data, uint32_t len)
{
	BUG_ON(f->count == FW_CFG_ITEMS_MAX);
	f->item[f->count++] = (struct fw_cfg_item){ key, data, len };
}

void fw_cfg_add_file(struct fw_cfg *f, const char *name, const void *data, uint32_t len)
{
	uint8_t *entry = f->directory + 4 + 64 * f->file_count;
	uint16_t key = (uint16_t)(FW_CFG_FILES + f->file_count);

	BUG_ON(strlen(name) >= FW_CFG_NAME_MAX);
	fw_cfg_add(f, key, data, len);
	store(f->directory, 4, ++f->file_count);
	store(entry, 4, len);
	store(entry + 4, 2, key);
	memcpy(entry + 8, name, strlen(name));
}

static void select_item(struct fw_cfg *f, uint16_t key)
{
	f->selected = NULL;
	f->offset = 0;
	for (unsigned i = 0; i < f->count; i++)
		if (f->item[i].key == key)
			f->selected = &f->item[i];
}

/* Goes on by len bytes. Returns how many of them there are, and where. */
static uint32_t advance(struct fw_cfg *f, uint32_t len, const uint8_t **data)
{
	uint32_t left = f->selected != NULL ? f->selected->len - f->offset : 0;

	if (len > left)
		len = left;
	if (len > 0)
		*data = f->selected->data + f->offset;
	f->offset += len;
	return len;
}

static bool read_into(struct fw_cfg *f, uint64_t to, uint32_t len)
{
	static const uint8_t zeros[4096];
	const uint8_t *data = zeros;
	struct iovec whole;
	uint32_t n;

	/* All or nothing, whatever pieces it is written in. */
	if (len > FW_CFG_DMA_MAX || !gmem_iovec(f->mem, gpa(to), len, &whole))
		return false;
	for (n = advance(f, len, &data); len > 0; data = zeros) {
		if (!gmem_write(f->mem, gpa(to), data, n))
			return false;
		to += n;
		len -= n;
		n = len < sizeof(zeros) ? len : sizeof(zeros);
	}
	return true;
}

/* The request is read once; what it says of itself afterwards is the guest's own affair. */
static void transfer(struct fw_cfg *f, uint64_t at)
{
	struct dma_request r;
	const uint8_t *skipped;
	uint32_t control, len;
	bool ok;

	if (!gmem_read(f->mem, gpa(at), &r, sizeof(r)))
		return;
	control = (uint32_t)load(r.control, 4);
	len = (uint32_t)load(r.len, 4);
	if (control & DMA_SELECT)
		select_item(f, (uint16_t)(control >> 16));
	ok = (control & DMA_WRITE) == 0;
	if (ok && control & DMA_READ)
		ok = read_into(f, load(r.address, 8), len);
	else if (ok && control & DMA_SKIP)
		(void)advance(f, len, &skipped);
	store(r.control, 4, ok ? 0 : DMA_ERROR);
	/* It was there a moment ago; a machine's memory does not go away. */
	(void)!gmem_write(f->mem, gpa(at), r.control, sizeof(r.control));
}

static void write_register(struct fw_cfg *f, const struct bus_access *a)
{
	if (a->offset == REG_SELECTOR && a->len == 2)
		select_item(f, (uint16_t)bus_value(a));
	else if (a->offset == REG_DMA_HIGH && a->len == 4)
		f->dma_high = (uint32_t)load(a->data, 4);
	else if (a->offset == REG_DMA_LOW && a->len == 4) {
		transfer(f, (uint64_t)f->dma_high << 32 | load(a->data, 4));
		f->dma_high = 0;
	}
}

static void read_register(struct fw_cfg *f, const struct bus_access *a)
{
	uint8_t signature[8];
	const uint8_t *data = NULL;

	store(signature, sizeof(signature), DMA_SIGNATURE);
	if (a->offset == REG_DATA && a->len == 1)
		a->data[0] = advance(f, 1, &data) == 1 ? *data : 0;
	else if (a->offset >= REG_DMA_HIGH && a->len <= 4)
		memcpy(a->data, &signature[a->offset - REG_DMA_HIGH], a->len);
	else
		bus_answer(a, UINT64_MAX);
}

void fw_cfg_access(void *dev, const struct bus_access *a)
{
	struct fw_cfg *f = dev;

	pthread_mutex_lock(&f->lock);
	if (a->write)
		write_register(f, a);
	else
		read_register(f, a);
	pthread_mutex_unlock(&f->lock);
}
