/* SPDX-License-Identifier: ISC */
#include "line.h"

#include "chan_map.h"
#include "log.h"
#include "vm_config.h"

#include <string.h>

bool line_open(struct line *m, const char *name, int first, uint32_t slots, uint32_t audited)
{
	struct chan_geometry g = { .slots = slots, .message_size = sizeof(struct modem_line) };

	m->name = name;
	m->present = chan_geometry_valid(g) &&
		     chan_map_writer(&m->out, first, g, (audited & VM_LINE_OUT_AUDITED) != 0) &&
		     chan_map_reader(&m->in, first + CHANNEL_FDS, g,
				     (audited & VM_LINE_IN_AUDITED) != 0);
	return m->present;
}

void line_init(struct line *m, struct irq_line irq, int wake_fd)
{
	serial_init(&m->port, irq, wake_fd);
	serial_set_lines(&m->port, 0);
}

void line_poll(struct line *m, struct pollfd p[LINE_POLLS])
{
	bool room = m->given == m->received.count || serial_room(&m->port) > 0;

	p[0] = (struct pollfd){ .fd = -1, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = -1, .events = POLLIN };
	if (m->present && !m->in_cut && room)
		p[0].fd = m->in.bell;
	if (m->present && !m->out_cut && m->sending)
		p[1].fd = m->out.bell;
}

/* The next message out of what the guest has done since. False: nothing. */
static bool gather(struct line *m)
{
	bool dtr, rts;

	serial_outputs(&m->port, &dtr, &rts);
	m->line = (struct modem_line){ .type = MODEM_LINE_TYPE };
	m->line.count = (uint8_t)serial_transmit(&m->port, m->line.bytes, MODEM_LINE_BYTES);
	m->line.wires = (uint8_t)((dtr ? MODEM_DTR : 0) | (rts ? MODEM_RTS : 0));
	return m->line.count > 0 || m->line.wires != m->wires;
}

static void send_all(struct line *m)
{
	while (!m->out_cut && (m->sending || gather(m))) {
		enum chan_status st = chan_send(&m->out, &m->line);

		m->sending = st == CHAN_AGAIN;
		if (m->sending)
			return;
		m->wires = m->line.wires;
		if (st == CHAN_BROKEN) {
			log_warn("%s: the other end of the line makes no sense: cut", m->name);
			m->out_cut = true;
		}
	}
}

static void drive(struct line *m, unsigned wires)
{
	serial_set_lines(&m->port, (wires & MODEM_CTS ? SERIAL_CTS : 0u) |
					   (wires & MODEM_DSR ? SERIAL_DSR : 0u) |
					   (wires & MODEM_RI ? SERIAL_RI : 0u) |
					   (wires & MODEM_DCD ? SERIAL_DCD : 0u));
}

/* Gives the guest what its port has room for. False: the port is full. */
static bool give(struct line *m)
{
	size_t len = m->received.count - m->given, room = serial_room(&m->port);

	if (len == 0)
		return true;
	if (len > room)
		len = room;
	serial_receive(&m->port, m->received.bytes + m->given, len);
	m->given += (unsigned)len;
	if (m->given < m->received.count)
		return false;
	drive(m, m->received.wires);
	return true;
}

static void receive_all(struct line *m)
{
	while (!m->in_cut && give(m)) {
		enum chan_status st = chan_recv(&m->in, &m->received);

		m->given = 0;
		if (st == CHAN_OK && m->received.count <= MODEM_LINE_BYTES) {
			if (m->received.count == 0)
				drive(m, m->received.wires);
			continue;
		}
		m->received.count = 0;
		if (st == CHAN_AGAIN)
			return;
		log_warn("%s: what comes by the line makes no sense: cut", m->name);
		m->in_cut = true;
	}
}

void line_polled(struct line *m, const struct pollfd p[LINE_POLLS])
{
	if (!m->present)
		return;
	if (p[0].revents != 0)
		chan_silence(m->in.bell);
	if (p[1].revents != 0)
		chan_silence(m->out.bell);
	receive_all(m);
	send_all(m);
}

void line_cut(struct line *m, uint32_t channel)
{
	if (channel == 0) {
		m->out_cut = true;
		m->sending = false;
		return;
	}
	m->in_cut = true;
	m->received.count = 0;
	m->given = 0;
	drive(m, 0); /* nobody is connected */
}

void line_mend(struct line *m, uint32_t channel)
{
	if (channel == 0) {
		chan_writer_init(&m->out);
		m->out_cut = false;
		m->wires = 0;
	} else {
		chan_reader_init(&m->in);
		m->in_cut = false;
	}
}
