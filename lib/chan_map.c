/* SPDX-License-Identifier: ISC */
#include "chan_map.h"

#include <sys/mman.h>
#include <unistd.h>

/* A page stays mapped; its descriptor is of no more use. NULL: errno. */
static void *map(int first, enum channel_fd which, size_t size, int prot)
{
	int fd = first + (int)which;
	void *page = mmap(NULL, size, prot, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		return NULL;
	close(fd);
	return page;
}

bool chan_map_writer(struct chan_writer *c, int first, struct chan_geometry g, bool audited)
{
	*c = (struct chan_writer){
		.data = map(first, CHANNEL_DATA, chan_page_bytes(g), PROT_READ | PROT_WRITE),
		.ack = map(first, CHANNEL_ACK, CHAN_ACK_BYTES, PROT_READ),
		.geometry = g,
		.audited = audited,
		.bell = first + CHANNEL_BELL,
		.ring = first + CHANNEL_RING,
	};
	if (c->data == NULL || c->ack == NULL)
		return false;
	chan_writer_init(c);
	return true;
}

bool chan_map_reader(struct chan_reader *c, int first, struct chan_geometry g, bool audited)
{
	*c = (struct chan_reader){
		.data = map(first, CHANNEL_DATA, chan_page_bytes(g), PROT_READ),
		.ack = map(first, CHANNEL_ACK, CHAN_ACK_BYTES, PROT_READ | PROT_WRITE),
		.log = audited ? map(first, CHANNEL_LOG, chan_page_bytes(g), PROT_READ) : NULL,
		.geometry = g,
		.bell = first + CHANNEL_BELL,
		.ring = first + CHANNEL_RING,
	};
	if (c->data == NULL || c->ack == NULL || (audited && c->log == NULL))
		return false;
	chan_reader_init(c);
	return true;
}

bool chan_map_auditor(struct chan_auditor *c, int first, struct chan_geometry g)
{
	*c = (struct chan_auditor){
		.data = map(first, CHANNEL_DATA, chan_page_bytes(g), PROT_READ),
		.log = map(first, CHANNEL_LOG, chan_page_bytes(g), PROT_READ | PROT_WRITE),
		.geometry = g,
		.bell = first + CHANNEL_BELL,
		.ring = first + CHANNEL_RING,
	};
	if (c->data == NULL || c->log == NULL)
		return false;
	chan_auditor_init(c);
	return true;
}
