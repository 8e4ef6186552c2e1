/* SPDX-License-Identifier: ISC */
#include "vhost.h"

#include "log.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* A back end that takes longer to answer is lost; the vCPU that asked waits meanwhile. */
#define ANSWER_MS 5000

/* Ours, not the process's: a back end learns no host address of the VMM. */
#define USER_ADDRESS(guest) ((guest) + (1ull << 46))

#define PROTOCOL_WANTED                                                                        \
	(1ull << VHOST_USER_PROTOCOL_F_MQ | 1ull << VHOST_USER_PROTOCOL_F_REPLY_ACK |          \
	 1ull << VHOST_USER_PROTOCOL_F_BACKEND_REQ | 1ull << VHOST_USER_PROTOCOL_F_CONFIG |    \
	 1ull << VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD |                                        \
	 1ull << VHOST_USER_PROTOCOL_F_RESET_DEVICE)

static bool has(const struct vhost *v, unsigned protocol_feature)
{
	return (v->protocol >> protocol_feature & 1) != 0;
}

bool vhost_init(struct vhost *v, const struct ram *ram)
{
	*v = (struct vhost){ .socket = -1, .inflight_fd = -1, .ram = ram };
	v->error_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (v->error_fd >= 0 &&
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, v->events) == 0)
		return true;
	log_error("virtio: cannot set up a connection: %s", strerror(errno));
	return false;
}

void vhost_lose(struct vhost *v)
{
	if (v->socket >= 0)
		close(v->socket);
	v->socket = -1;
}

static bool lost(struct vhost *v)
{
	vhost_lose(v);
	return false;
}

/* Receives the answer to `request`: nothing else may arrive. */
static bool answer(struct vhost *v, uint32_t request, struct vhost_user_message *m)
{
	if (vhost_user_receive(v->socket, m, ANSWER_MS) != VHOST_USER_OK)
		return lost(v);
	if (m->request == request && (m->flags & VHOST_USER_REPLY) != 0)
		return true;
	vhost_user_close_fds(m);
	return lost(v);
}

/* Sends a message without an answer of its own; with REPLY_ACK waits until it has been obeyed. */
static bool tell(struct vhost *v, struct vhost_user_message *m)
{
	struct vhost_user_message ack;

	if (v->socket < 0)
		return false;
	if (has(v, VHOST_USER_PROTOCOL_F_REPLY_ACK))
		m->flags |= VHOST_USER_NEED_REPLY;
	if (vhost_user_send(v->socket, m, ANSWER_MS) != VHOST_USER_OK)
		return lost(v);
	if (!has(v, VHOST_USER_PROTOCOL_F_REPLY_ACK))
		return true;
	if (!answer(v, m->request, &ack))
		return false;
	vhost_user_close_fds(&ack);
	return ack.size == sizeof(ack.p.u64) && ack.p.u64 == 0 ? true : lost(v);
}

/* Sends a message and receives its answer of `size` bytes. */
static bool ask(struct vhost *v, struct vhost_user_message *m, uint32_t size)
{
	if (v->socket < 0)
		return false;
	if (vhost_user_send(v->socket, m, ANSWER_MS) != VHOST_USER_OK)
		return lost(v);
	if (!answer(v, m->request, m))
		return false;
	if (m->size == size && m->fd_count <= 1)
		return true;
	vhost_user_close_fds(m);
	return lost(v);
}

static bool tell_u64(struct vhost *v, uint32_t request, uint64_t value)
{
	struct vhost_user_message m = { .request = request, .size = 8, .p.u64 = value };

	return tell(v, &m);
}

static bool ask_u64(struct vhost *v, uint32_t request, uint64_t *value)
{
	struct vhost_user_message m = { .request = request };

	if (!ask(v, &m, 8))
		return false;
	vhost_user_close_fds(&m);
	*value = m.p.u64;
	return true;
}

static bool tell_vring(struct vhost *v, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_user_message m = { .request = request,
					.size = VHOST_USER_VRING_SIZE,
					.p.vring = { index, num } };

	return tell(v, &m);
}

static bool tell_fd(struct vhost *v, uint32_t request, uint64_t value, uint32_t size, int fd)
{
	struct vhost_user_message m = {
		.request = request, .size = size, .p.u64 = value, .fd_count = 1, .fd = { fd }
	};

	return tell(v, &m);
}

static bool tell_memory(struct vhost *v)
{
	struct vhost_user_message m = { .request = VHOST_USER_SET_MEM_TABLE };
	uint64_t offset = 0;

	m.p.memory.count = v->ram->mem.region_count;
	m.size = VHOST_USER_MEMORY_SIZE(m.p.memory.count);
	for (unsigned i = 0; i < v->ram->mem.region_count; i++) {
		const struct gmem_region *r = &v->ram->mem.region[i];

		m.p.memory.region[i] = (struct vhost_user_region){
			.guest_addr = r->start,
			.size = r->size,
			.user_addr = USER_ADDRESS(r->start),
			.mmap_offset = offset,
		};
		m.fd[m.fd_count++] = v->ram->fd;
		offset += r->size;
	}
	return tell(v, &m);
}

bool vhost_connect(struct vhost *v, int socket, unsigned queue_count)
{
	struct vhost_user_message owner = { .request = VHOST_USER_SET_OWNER };
	uint64_t features, protocol = 0, queues = queue_count;

	vhost_lose(v);
	v->socket = socket;
	v->protocol = 0;
	v->told_memory = false;
	if (!ask_u64(v, VHOST_USER_GET_FEATURES, &features))
		return false;
	v->features = features & ~(1ull << VHOST_USER_F_PROTOCOL_FEATURES);
	/* Without it rings could not be enabled one by one, nor anything below be asked. */
	if ((features >> VHOST_USER_F_PROTOCOL_FEATURES & 1) == 0)
		return lost(v);
	if (!ask_u64(v, VHOST_USER_GET_PROTOCOL_FEATURES, &protocol) ||
	    !tell_u64(v, VHOST_USER_SET_PROTOCOL_FEATURES, protocol & PROTOCOL_WANTED))
		return false;
	v->protocol = protocol & PROTOCOL_WANTED;
	if (!tell(v, &owner))
		return false;
	if (queue_count == 0) {
		queues = 1;
		if (has(v, VHOST_USER_PROTOCOL_F_MQ) &&
		    !ask_u64(v, VHOST_USER_GET_QUEUE_NUM, &queues))
			return false;
	}
	if (queues == 0 || queues > VHOST_QUEUES_MAX)
		return lost(v);
	v->queue_count = (unsigned)queues;
	return !has(v, VHOST_USER_PROTOCOL_F_BACKEND_REQ) ||
	       tell_fd(v, VHOST_USER_SET_BACKEND_REQ_FD, 0, 0, v->events[1]);
}

bool vhost_read_config(struct vhost *v, void *config, uint32_t size)
{
	struct vhost_user_message m = { .request = VHOST_USER_GET_CONFIG,
					.size = VHOST_USER_CONFIG_SIZE(size),
					.p.config.size = size };

	if (size > VHOST_USER_CONFIG_MAX || !has(v, VHOST_USER_PROTOCOL_F_CONFIG) ||
	    !ask(v, &m, VHOST_USER_CONFIG_SIZE(size)))
		return false;
	vhost_user_close_fds(&m);
	memcpy(config, m.p.config.data, size);
	return true;
}

bool vhost_write_config(struct vhost *v, uint32_t offset, const void *data, uint32_t len)
{
	struct vhost_user_message m = { .request = VHOST_USER_SET_CONFIG,
					.size = VHOST_USER_CONFIG_SIZE(len),
					.p.config = { .offset = offset, .size = len } };

	if (len > VHOST_USER_CONFIG_MAX || !has(v, VHOST_USER_PROTOCOL_F_CONFIG))
		return false;
	memcpy(m.p.config.data, data, len);
	return tell(v, &m);
}

/* The region in which a back end notes what it has in flight; it outlives the back end. */
static bool share_inflight(struct vhost *v)
{
	struct vhost_user_message m = { .request = VHOST_USER_GET_INFLIGHT_FD,
					.size = VHOST_USER_INFLIGHT_SIZE };

	if (!has(v, VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD))
		return true;
	m.p.inflight.queue_count = (uint16_t)v->queue_count;
	m.p.inflight.queue_size = VHOST_QUEUE_SIZE;
	if (v->inflight_fd < 0) {
		if (!ask(v, &m, VHOST_USER_INFLIGHT_SIZE))
			return false;
		if (m.fd_count != 1)
			return lost(v);
		v->inflight_fd = m.fd[0];
		v->inflight_size = m.p.inflight.mmap_size;
		v->inflight_offset = m.p.inflight.mmap_offset;
	}
	m = (struct vhost_user_message){ .request = VHOST_USER_SET_INFLIGHT_FD,
					 .size = VHOST_USER_INFLIGHT_SIZE,
					 .fd_count = 1,
					 .fd = { v->inflight_fd } };
	m.p.inflight.mmap_size = v->inflight_size;
	m.p.inflight.mmap_offset = v->inflight_offset;
	m.p.inflight.queue_count = (uint16_t)v->queue_count;
	m.p.inflight.queue_size = VHOST_QUEUE_SIZE;
	return tell(v, &m);
}

static bool start_ring(struct vhost *v, uint32_t i, const struct vhost_ring *r, bool resume)
{
	struct vhost_user_message addr = { .request = VHOST_USER_SET_VRING_ADDR,
					   .size = VHOST_USER_VRING_ADDR_SIZE,
					   .p.addr = { .index = i,
						       .desc = USER_ADDRESS(r->desc),
						       .used = USER_ADDRESS(r->device),
						       .avail = USER_ADDRESS(r->driver) } };
	uint16_t base = 0;

	/* What has not been used counts as not yet taken; the inflight region knows better. */
	if (resume && !gmem_load16_acquire(&v->ram->mem, gpa(r->device + 2), &base))
		return lost(v);
	return tell_vring(v, VHOST_USER_SET_VRING_NUM, i, r->size) &&
	       tell_vring(v, VHOST_USER_SET_VRING_BASE, i, base) && tell(v, &addr) &&
	       tell_fd(v, VHOST_USER_SET_VRING_ERR, i, 8, v->error_fd) &&
	       tell_fd(v, VHOST_USER_SET_VRING_CALL, i, 8, r->call_fd) &&
	       tell_fd(v, VHOST_USER_SET_VRING_KICK, i, 8, r->kick_fd) &&
	       tell_vring(v, VHOST_USER_SET_VRING_ENABLE, i, 1);
}

void vhost_start(struct vhost *v, uint64_t features, const struct vhost_ring *ring, bool resume)
{
	uint64_t one = 1;

	if (!tell_u64(v, VHOST_USER_SET_FEATURES,
		      features | 1ull << VHOST_USER_F_PROTOCOL_FEATURES) ||
	    (!v->told_memory && !tell_memory(v)) || !share_inflight(v))
		return;
	v->told_memory = true;
	for (unsigned i = 0; i < v->queue_count; i++) {
		if (!ring[i].enabled)
			continue;
		/* A notification may have gone to the one that was lost. */
		if (!start_ring(v, i, &ring[i], resume) ||
		    (resume && write(ring[i].kick_fd, &one, sizeof(one)) < 0)) {
			vhost_lose(v);
			return;
		}
	}
}

void vhost_reset(struct vhost *v, const struct vhost_ring *ring)
{
	for (unsigned i = 0; i < v->queue_count; i++) {
		struct vhost_user_message m = { .request = VHOST_USER_GET_VRING_BASE,
						.size = VHOST_USER_VRING_SIZE,
						.p.vring = { i, 0 } };

		if (!ring[i].enabled)
			continue;
		if (!ask(v, &m, VHOST_USER_VRING_SIZE))
			break;
		vhost_user_close_fds(&m);
	}
	if (has(v, VHOST_USER_PROTOCOL_F_RESET_DEVICE)) {
		struct vhost_user_message m = { .request = VHOST_USER_RESET_DEVICE };

		(void)tell(v, &m);
	}
	if (v->inflight_fd >= 0)
		close(v->inflight_fd);
	v->inflight_fd = -1;
}

bool vhost_config_changed(struct vhost *v)
{
	struct vhost_user_message m;
	bool changed;

	if (vhost_user_receive(v->events[0], &m, 0) != VHOST_USER_OK)
		return false;
	changed = m.request == VHOST_USER_BACKEND_CONFIG_CHANGE_MSG;
	vhost_user_close_fds(&m);
	if ((m.flags & VHOST_USER_NEED_REPLY) != 0) {
		m = (struct vhost_user_message){ .request = m.request,
						 .flags = VHOST_USER_REPLY,
						 .size = 8,
						 .p.u64 = changed ? 0 : 1 };
		if (vhost_user_send(v->events[0], &m, ANSWER_MS) != VHOST_USER_OK)
			log_warn("virtio: a back end does not take an answer");
	}
	return changed;
}
