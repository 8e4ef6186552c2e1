/* SPDX-License-Identifier: ISC */
#include "vcpu.h"

#include "bug.h"
#include "log.h"
#include "stall.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define STACK_SIZE (64u << 10)

enum status vcpu_init(struct vcpu *v, int vm_fd, size_t run_size)
{
	v->run_size = run_size;
	v->fd = ioctl(vm_fd, KVM_CREATE_VCPU, (unsigned long)v->id);
	if (v->fd < 0) {
		log_error("cannot create vCPU %u: %s", v->id, strerror(errno));
		return STATUS_FAILED;
	}
	v->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED) {
		log_error("cannot map the run page of vCPU %u: %s", v->id, strerror(errno));
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

/* KVM has the guest's port data in the run page: count items of size bytes, in a row. */
static void port_io(struct vcpu *v)
{
	uint8_t *data = (uint8_t *)v->run + v->run->io.data_offset;
	uint8_t size = v->run->io.size;

	for (uint32_t i = 0; i < v->run->io.count; i++)
		bus_dispatch(v->world->ports, v->run->io.port, data + (size_t)i * size, size,
			     v->run->io.direction == KVM_EXIT_IO_OUT);
}

/* One turn. False when this vCPU has nothing more to do. */
static bool handle_exit(struct vcpu *v)
{
	switch (v->run->exit_reason) {
	case KVM_EXIT_IO:
		port_io(v);
		return true;
	case KVM_EXIT_MMIO:
		bus_dispatch(v->world->mmio, v->run->mmio.phys_addr, v->run->mmio.data,
			     v->run->mmio.len, v->run->mmio.is_write);
		return true;
	case KVM_EXIT_INTR:
		return true;
	case KVM_EXIT_SHUTDOWN:
		v->world->stop(v->world->machine, STATUS_GUEST_CRASHED);
		return false;
	case KVM_EXIT_SYSTEM_EVENT:
		v->world->stop(v->world->machine,
			       v->run->system_event.type == KVM_SYSTEM_EVENT_SHUTDOWN
				       ? STATUS_OK
				       : STATUS_GUEST_RESET);
		return false;
	default:
		stall_report(v);
		v->world->stop(v->world->machine, STATUS_INTERNAL_ERROR);
		return false;
	}
}

static void *run_loop(void *arg)
{
	struct vcpu *v = arg;

	v->world->shut_in();
	pthread_barrier_wait(v->world->gate);
	pthread_barrier_wait(v->world->gate);
	for (;;) {
		if (ioctl(v->fd, KVM_RUN, 0UL) < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			log_error("vCPU %u cannot run: %s", v->id, strerror(errno));
			v->world->stop(v->world->machine, STATUS_INTERNAL_ERROR);
			return NULL;
		}
		if (!handle_exit(v))
			return NULL;
	}
}

enum status vcpu_start(struct vcpu *v, unsigned id, const struct vcpu_world *world)
{
	pthread_attr_t attr;
	int error;

	*v = (struct vcpu){ .id = id, .fd = -1, .world = world };
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	error = pthread_create(&v->thread, &attr, run_loop, v);
	pthread_attr_destroy(&attr);
	if (error == 0)
		return STATUS_OK;
	log_error("cannot start a thread for vCPU %u: %s", id, strerror(error));
	return STATUS_FAILED;
}
