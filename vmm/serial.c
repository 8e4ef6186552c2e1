/* SPDX-License-Identifier: ISC */
#include "serial.h"

#include "bug.h"

#include <string.h>
#include <sys/timerfd.h>

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };

#define IER_RDI	 0x01u /* received data available */
#define IER_THRI 0x02u /* transmitter holding register empty */
#define IER_RLSI 0x04u /* receiver line status */
#define IER_MSI	 0x08u /* modem status */

#define IIR_NONE    0x01u
#define IIR_MSI	    0x00u
#define IIR_THRI    0x02u
#define IIR_RDI	    0x04u
#define IIR_RLSI    0x06u
#define IIR_TIMEOUT 0x0cu
#define IIR_FIFO    0xc0u

#define FCR_ENABLE   0x01u
#define FCR_CLEAR_RX 0x02u
#define FCR_CLEAR_TX 0x04u
#define FCR_KEPT     0xc9u

#define LCR_BREAK 0x40u
#define LCR_DLAB  0x80u

#define MCR_DTR	 0x01u
#define MCR_RTS	 0x02u
#define MCR_OUT1 0x04u
#define MCR_OUT2 0x08u
#define MCR_LOOP 0x10u
#define MCR_BITS 0x1fu

#define LSR_DR	   0x01u
#define LSR_OE	   0x02u
#define LSR_THRE   0x20u
#define LSR_TEMT   0x40u
#define LSR_ERRORS 0x1eu

#define MSR_DELTAS 0x0fu
#define MSR_TERI   0x04u
#define MSR_CTS	   SERIAL_CTS
#define MSR_DSR	   SERIAL_DSR
#define MSR_RI	   SERIAL_RI
#define MSR_DCD	   SERIAL_DCD
#define MSR_LINES  0xf0u
#define MSR_IDLE   (MSR_CTS | MSR_DSR | MSR_DCD) /* someone is connected */

/*
 * The guest's driver writes a FIFO of 16 bytes whenever it is told that the transmitter is
 * empty, so empty has to mean that 16 bytes find room.
 */
#define TX_FIFO 16u

/* Output is gathered this long before the console thread is woken: one wake-up per burst. */
#define TX_GATHER_NS 1000000

static const unsigned trigger_level[4] = { 1, 4, 8, 14 };

static bool tx_ready(const struct serial *s)
{
	return SERIAL_TX_SIZE - s->tx_count >= TX_FIFO;
}

/* The highest pending source, in the order of the data sheet's table II. */
static uint8_t iir(const struct serial *s)
{
	unsigned level = s->fcr & FCR_ENABLE ? trigger_level[s->fcr >> 6] : 1;

	if ((s->ier & IER_RLSI) && s->lsr_errors != 0)
		return IIR_RLSI;
	if ((s->ier & IER_RDI) && s->rx_count >= level)
		return IIR_RDI;
	/* Below the trigger level the data is old by the time the guest asks. */
	if ((s->ier & IER_RDI) && s->rx_count > 0)
		return IIR_TIMEOUT;
	if ((s->ier & IER_THRI) && s->thre_pending)
		return IIR_THRI;
	if ((s->ier & IER_MSI) && (s->msr & MSR_DELTAS) != 0)
		return IIR_MSI;
	return IIR_NONE;
}

/* OUT2 gates the interrupt on a PC, but Linux works either way and so do we: not gated. */
static void update_irq(struct serial *s)
{
	irq_set(&s->irq, iir(s) != IIR_NONE);
}

static void wake_after(const struct serial *s, long ns)
{
	struct itimerspec when = { .it_value = { .tv_sec = 0, .tv_nsec = ns } };

	if (s->wake_fd >= 0)
		BUG_ON(timerfd_settime(s->wake_fd, 0, &when, NULL) < 0);
}

static void rx_push(struct serial *s, uint8_t byte)
{
	if (s->rx_count == SERIAL_RX_SIZE) {
		s->lsr_errors |= LSR_OE;
		return;
	}
	s->rx[(s->rx_head + s->rx_count++) % SERIAL_RX_SIZE] = byte;
}

static uint8_t rx_pop(struct serial *s)
{
	uint8_t byte;

	if (s->rx_count == 0)
		return 0;
	if (s->rx_count == SERIAL_RX_SIZE)
		wake_after(s, 1); /* there is room again: the console thread may go on */
	byte = s->rx[s->rx_head];
	s->rx_head = (s->rx_head + 1) % SERIAL_RX_SIZE;
	s->rx_count--;
	return byte;
}

static void tx_push(struct serial *s, uint8_t byte)
{
	if (s->mcr & MCR_LOOP) {
		rx_push(s, byte);
		return;
	}
	if (s->tx_count == SERIAL_TX_SIZE)
		return; /* written although we said busy: lost, as on the chip */
	s->tx[(s->tx_head + s->tx_count++) % SERIAL_TX_SIZE] = byte;
	if (s->tx_count == 1)
		wake_after(s, TX_GATHER_NS);
	else if (s->tx_count == SERIAL_TX_SIZE / 2)
		wake_after(s, 1);
}

/* In loop-back the modem outputs feed the modem inputs (data sheet, MCR bit 4). */
static void update_modem_lines(struct serial *s)
{
	uint8_t lines = s->lines, changed;

	if (s->mcr & MCR_LOOP)
		lines = (uint8_t)((s->mcr & MCR_RTS ? MSR_CTS : 0) |
				  (s->mcr & MCR_DTR ? MSR_DSR : 0) |
				  (s->mcr & MCR_OUT1 ? MSR_RI : 0) |
				  (s->mcr & MCR_OUT2 ? MSR_DCD : 0));
	changed = (uint8_t)((s->msr ^ lines) & MSR_LINES);
	if (lines & MSR_RI)
		changed &= (uint8_t)~MSR_RI; /* RI reports only its trailing edge */
	s->msr = (uint8_t)(lines | (s->msr & MSR_DELTAS) | (changed >> 4));
}

static uint8_t read_register(struct serial *s, uint64_t reg)
{
	uint8_t v = 0;

	switch (reg) {
	case REG_DATA:
		return s->lcr & LCR_DLAB ? s->dll : rx_pop(s);
	case REG_IER:
		return s->lcr & LCR_DLAB ? s->dlm : s->ier;
	case REG_IIR_FCR:
		v = iir(s);
		if (v == IIR_THRI)
			s->thre_pending = false;
		return v | (s->fcr & FCR_ENABLE ? IIR_FIFO : 0);
	case REG_LCR:
		return s->lcr;
	case REG_MCR:
		return s->mcr;
	case REG_LSR:
		v = (uint8_t)(s->lsr_errors | (s->rx_count > 0 ? LSR_DR : 0) |
			      (tx_ready(s) ? LSR_THRE | LSR_TEMT : 0));
		s->lsr_errors = 0;
		return v;
	case REG_MSR:
		v = s->msr;
		s->msr &= MSR_LINES;
		return v;
	case REG_SCR:
		return s->scr;
	default:
		return 0xff;
	}
}

static void write_fcr(struct serial *s, uint8_t v)
{
	if (((s->fcr ^ v) & FCR_ENABLE) != 0)
		v |= FCR_CLEAR_RX | FCR_CLEAR_TX;
	if (v & FCR_CLEAR_RX) {
		if (s->rx_count == SERIAL_RX_SIZE)
			wake_after(s, 1);
		s->rx_count = 0;
	}
	/* FCR_CLEAR_TX: what the guest has sent is on the wire already; nothing to clear. */
	s->fcr = v & FCR_ENABLE ? v & FCR_KEPT : 0;
}

static void write_register(struct serial *s, uint64_t reg, uint8_t v)
{
	switch (reg) {
	case REG_DATA:
		if (s->lcr & LCR_DLAB) {
			s->dll = v; /* the speed of a wire that is not there: kept, not used */
			break;
		}
		tx_push(s, v);
		s->thre_pending = tx_ready(s);
		break;
	case REG_IER:
		if (s->lcr & LCR_DLAB) {
			s->dlm = v;
			break;
		}
		if (!(s->ier & IER_THRI) && (v & IER_THRI))
			s->thre_pending = tx_ready(s);
		s->ier = v & (IER_RDI | IER_THRI | IER_RLSI | IER_MSI);
		break;
	case REG_IIR_FCR:
		write_fcr(s, v);
		break;
	case REG_LCR:
		s->lcr = v;
		break;
	case REG_MCR:
		if (((s->mcr & ~v) & MCR_LOOP) || ((s->mcr ^ v) & (MCR_DTR | MCR_RTS)))
			wake_after(s, 1);
		s->mcr = v & MCR_BITS;
		update_modem_lines(s);
		break;
	case REG_SCR:
		s->scr = v;
		break;
	default: /* LSR and MSR are read-only */
		break;
	}
}

void serial_init(struct serial *s, struct irq_line irq, int wake_fd)
{
	*s = (struct serial){
		.irq = irq, .wake_fd = wake_fd, .msr = MSR_IDLE, .lines = MSR_IDLE, .dll = 12
	};
	pthread_mutex_init(&s->lock, NULL);
}

void serial_access(void *dev, const struct bus_access *a)
{
	struct serial *s = dev;

	if (a->len != 1) {
		if (!a->write)
			bus_answer(a, UINT64_MAX);
		return;
	}
	pthread_mutex_lock(&s->lock);
	if (a->write)
		write_register(s, a->offset, a->data[0]);
	else
		a->data[0] = read_register(s, a->offset);
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
}

size_t serial_room(struct serial *s)
{
	size_t room;

	pthread_mutex_lock(&s->lock);
	room = SERIAL_RX_SIZE - s->rx_count;
	/* In loop-back the receiver is cut off from the wire. */
	if (s->mcr & MCR_LOOP)
		room = 0;
	pthread_mutex_unlock(&s->lock);
	return room;
}

void serial_receive(struct serial *s, const uint8_t *bytes, size_t len)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < len; i++)
		rx_push(s, bytes[i]);
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
}

void serial_set_lines(struct serial *s, unsigned lines)
{
	pthread_mutex_lock(&s->lock);
	s->lines = (uint8_t)(lines & MSR_LINES);
	update_modem_lines(s);
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
}

void serial_outputs(struct serial *s, bool *dtr, bool *rts)
{
	pthread_mutex_lock(&s->lock);
	/* In loop-back they are cut off from the wire and inactive there. */
	*dtr = (s->mcr & (MCR_DTR | MCR_LOOP)) == MCR_DTR;
	*rts = (s->mcr & (MCR_RTS | MCR_LOOP)) == MCR_RTS;
	pthread_mutex_unlock(&s->lock);
}

size_t serial_transmit(struct serial *s, uint8_t *bytes, size_t len)
{
	size_t n = 0;
	bool was_ready;

	pthread_mutex_lock(&s->lock);
	was_ready = tx_ready(s);
	while (n < len && s->tx_count > 0) {
		bytes[n++] = s->tx[s->tx_head];
		s->tx_head = (s->tx_head + 1) % SERIAL_TX_SIZE;
		s->tx_count--;
	}
	if (!was_ready && tx_ready(s))
		s->thre_pending = true;
	update_irq(s);
	pthread_mutex_unlock(&s->lock);
	return n;
}
