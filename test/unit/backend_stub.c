/* SPDX-License-Identifier: ISC */
#include "backend_stub.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static int take_fd(struct vhost_user_message *m)
{
	int fd = m->fd_count > 0 ? m->fd[0] : -1;

	if (m->fd_count > 0)
		m->fd[0] = -1;
	return fd;
}

static void put_fd(int *place, int fd)
{
	if (*place >= 0)
		close(*place);
	*place = fd;
}

/* True if the request has an answer of its own, which is then in m. */
static bool answers(struct backend_stub *s, struct vhost_user_message *m)
{
	switch (m->request) {
	case VHOST_USER_GET_FEATURES:
		m->p.u64 = s->features;
		m->size = 8;
		return true;
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		m->p.u64 = s->protocol;
		m->size = 8;
		return true;
	case VHOST_USER_GET_QUEUE_NUM:
		m->p.u64 = s->queue_count;
		m->size = 8;
		return true;
	case VHOST_USER_GET_CONFIG:
		memcpy(m->p.config.data, s->config, sizeof(s->config));
		return true;
	case VHOST_USER_GET_VRING_BASE:
		s->ring[m->p.vring.index % STUB_QUEUES].stopped++;
		return true;
	case VHOST_USER_GET_INFLIGHT_FD:
		s->inflight_asked +=
			m->size == 24; /* or a foreign back end is lost: libvhost-user, DPDK */
		m->p.inflight.mmap_size = 4096;
		m->fd_count = 1;
		m->fd[0] = memfd_create("inflight", MFD_CLOEXEC);
		return true;
	default:
		return false;
	}
}

static void remember(struct backend_stub *s, struct vhost_user_message *m)
{
	uint32_t i = m->p.vring.index % STUB_QUEUES;

	switch (m->request) {
	case VHOST_USER_SET_FEATURES:
		s->acked = m->p.u64;
		break;
	case VHOST_USER_SET_MEM_TABLE:
		s->regions = m->p.memory.count;
		break;
	case VHOST_USER_SET_BACKEND_REQ_FD:
		put_fd(&s->event_fd, take_fd(m));
		break;
	case VHOST_USER_SET_INFLIGHT_FD:
		s->inflight_told += m->size == 24;
		break;
	case VHOST_USER_RESET_DEVICE:
		s->resets++;
		break;
	case VHOST_USER_SET_CONFIG:
		memcpy(s->config + m->p.config.offset % 128, m->p.config.data,
		       m->p.config.size % 128);
		break;
	case VHOST_USER_SET_VRING_NUM:
		s->ring[i].num = m->p.vring.num;
		break;
	case VHOST_USER_SET_VRING_BASE:
		s->ring[i].base = m->p.vring.num;
		break;
	case VHOST_USER_SET_VRING_ADDR:
		s->ring[i].desc = m->p.addr.desc;
		s->ring[i].used = m->p.addr.used;
		s->ring[i].avail = m->p.addr.avail;
		break;
	case VHOST_USER_SET_VRING_KICK:
		s->ring[i].started++;
		put_fd(&s->ring[i].kick_fd, take_fd(m));
		break;
	case VHOST_USER_SET_VRING_CALL:
		put_fd(&s->ring[i].call_fd, take_fd(m));
		break;
	case VHOST_USER_SET_VRING_ERR:
		put_fd(&s->ring[i].err_fd, take_fd(m));
		break;
	case VHOST_USER_SET_VRING_ENABLE:
		s->ring[i].enabled = m->p.vring.num;
		break;
	default:
		break;
	}
}

static void *serve(void *arg)
{
	struct backend_stub *s = arg;
	struct vhost_user_message m;

	while (vhost_user_receive(s->own, &m, -1) == VHOST_USER_OK) {
		bool need = (m.flags & VHOST_USER_NEED_REPLY) != 0;
		uint32_t request = m.request;

		if (!answers(s, &m)) {
			remember(s, &m);
			vhost_user_close_fds(&m);
			if (!need)
				continue;
			m.p.u64 = request == s->refuse;
			m.size = 8;
		}
		m.flags = VHOST_USER_REPLY;
		if (vhost_user_send(s->own, &m, 1000) != VHOST_USER_OK)
			break;
		vhost_user_close_fds(&m);
	}
	close(s->own);
	return NULL;
}

void stub_start(struct backend_stub *s)
{
	int pair[2];

	s->event_fd = -1;
	for (unsigned i = 0; i < STUB_QUEUES; i++)
		s->ring[i].kick_fd = s->ring[i].call_fd = s->ring[i].err_fd = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	s->socket = pair[0];
	s->own = pair[1];
	if (pthread_create(&s->thread, NULL, serve, s) != 0)
		abort();
}

void stub_stop(struct backend_stub *s)
{
	shutdown(s->own, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	put_fd(&s->event_fd, -1);
	for (unsigned i = 0; i < STUB_QUEUES; i++) {
		put_fd(&s->ring[i].kick_fd, -1);
		put_fd(&s->ring[i].call_fd, -1);
		put_fd(&s->ring[i].err_fd, -1);
	}
}
