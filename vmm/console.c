/* SPDX-License-Identifier: ISC */
#include "console.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long a launcher that does not read may hold up the last words of a guest. */
#define LAST_WORDS_MS 1000

/* Output taken from the serial port and not yet taken by the launcher. */
struct output {
	uint8_t bytes[1024];
	size_t start, end;
};

/* True if everything that the guest has sent so far has been handed over. */
static bool drain(struct output *o, struct serial *s, int fd)
{
	for (;;) {
		ssize_t n;

		if (o->start == o->end) {
			o->start = 0;
			o->end = serial_transmit(s, o->bytes, sizeof(o->bytes));
			if (o->end == 0)
				return true;
		}
		n = send(fd, o->bytes + o->start, o->end - o->start,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			o->start =
				o->end; /* nobody listens: the wire is cut, the guest goes on */
		else if (n < 0)
			return false;
		else
			o->start += (size_t)n;
	}
}

/* False once the other end will send nothing more. */
static bool receive(struct serial *s, int fd)
{
	uint8_t bytes[SERIAL_RX_SIZE];
	size_t room = serial_room(s);
	ssize_t n;

	if (room == 0)
		return true;
	n = recv(fd, bytes, room, MSG_DONTWAIT);
	if (n > 0)
		serial_receive(s, bytes, (size_t)n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void last_words(struct output *o, struct serial *s, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	while (!drain(o, s, fd) && poll(&p, 1, LAST_WORDS_MS) > 0)
		;
}

/* The launcher acts on it; if it takes no messages it is going away. */
static void report(int fd, enum vm_command_kind kind, uint32_t device)
{
	const struct vm_command c = { .kind = kind, .device = device };

	(void)!send(fd, &c, sizeof(c), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The other end of a line is gone, or there is one again. */
static void obey_line(struct machine *m, int fd, const struct vm_command *c)
{
	struct line *l = &m->line[c->device / 2];

	if (c->kind == VM_LINE_OPEN)
		line_mend(l, c->device % 2);
	if (c->kind == VM_LINE_CLOSE) {
		line_cut(l, c->device % 2);
		report(fd, VM_LINE_CLOSED, c->device);
	}
}

/* One message of the launcher; false at its end. Anything odd in it is the launcher's fault. */
static bool obey(struct machine *m, int fd)
{
	struct vm_command c;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = &c, .iov_len = sizeof(c) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	const struct cmsghdr *h = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	int socket = -1;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (h != NULL && h->cmsg_type == SCM_RIGHTS && h->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&socket, CMSG_DATA(h), sizeof(socket));
	if (n == (ssize_t)sizeof(c) && c.kind == VM_RECONNECT && c.device < m->virtio_count &&
	    socket >= 0)
		virtio_pci_reconnect(&m->virtio[c.device], socket);
	else if (socket >= 0)
		close(socket);
	else if (n == (ssize_t)sizeof(c) && c.device < 2 * VM_LINES_MAX &&
		 m->line[c.device / 2].present)
		obey_line(m, fd, &c);
	return n > 0;
}

enum status console_serve(struct machine *m, int console_fd, int control_fd)
{
	enum {
		CONSOLE,
		CONTROL,
		STOP,
		WAKE,
		LINES,
		VIRTIO = LINES + VM_LINES_MAX * LINE_POLLS
	};
	struct pollfd p[VIRTIO + VM_DEVICES_MAX * VIRTIO_PCI_POLLS];
	nfds_t count = VIRTIO + m->virtio_count * VIRTIO_PCI_POLLS;
	struct output out = { .start = 0 };
	bool input = true, drained = true;

	for (;;) {
		uint64_t ticks;

		p[CONSOLE] = (struct pollfd){ .fd = console_fd };
		p[CONTROL] = (struct pollfd){ .fd = control_fd, .events = POLLIN };
		p[STOP] = (struct pollfd){ .fd = m->stop_fd, .events = POLLIN };
		p[WAKE] = (struct pollfd){ .fd = m->wake_fd, .events = POLLIN };
		for (unsigned i = 0; i < VM_LINES_MAX; i++)
			line_poll(&m->line[i], &p[LINES + i * LINE_POLLS]);
		for (unsigned i = 0; i < m->virtio_count; i++)
			virtio_pci_poll(&m->virtio[i], &p[VIRTIO + i * VIRTIO_PCI_POLLS]);
		if (input && serial_room(&m->serial) > 0)
			p[CONSOLE].events |= POLLIN;
		if (!drained)
			p[CONSOLE].events |= POLLOUT;
		if (p[CONSOLE].events == 0)
			p[CONSOLE].fd = -1; /* or its hang-up would make us spin */
		if (poll(p, count, -1) < 0)
			continue; /* EINTR is all that can happen */

		if (p[WAKE].revents != 0 && read(m->wake_fd, &ticks, sizeof(ticks)) < 0)
			continue;
		drained = drain(&out, &m->serial, console_fd);
		for (unsigned i = 0; i < VM_LINES_MAX; i++)
			line_polled(&m->line[i], &p[LINES + i * LINE_POLLS]);
		if (p[STOP].revents != 0) {
			last_words(&out, &m->serial, console_fd);
			return machine_stop_reason(m);
		}
		for (unsigned i = 0; i < m->virtio_count; i++)
			if (virtio_pci_polled(&m->virtio[i], &p[VIRTIO + i * VIRTIO_PCI_POLLS]))
				report(control_fd, VM_DEVICE_LOST, i);
		if (p[CONTROL].revents != 0 && !obey(m, control_fd))
			return STATUS_NOT_STARTED; /* the launcher has died: nobody reads this */
		if (p[CONSOLE].revents & (POLLIN | POLLHUP | POLLERR))
			input = receive(&m->serial, console_fd);
	}
}
