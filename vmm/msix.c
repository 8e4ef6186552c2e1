/* SPDX-License-Identifier: ISC */
#include "msix.h"

#include "bug.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#define ENTRY_SIZE  16u
#define VECTOR_MASK 1u

bool msix_init(struct msix *m, struct irq_routes *routes, uint16_t count)
{
	BUG_ON(count > MSIX_VECTORS_MAX);
	memset(m, 0, sizeof(*m));
	m->routes = routes;
	m->vector_count = m->source_count = count;
	for (uint16_t i = 0; i < count; i++) {
		m->vector[i].control = VECTOR_MASK;
		m->source[i] = (struct msix_source){ .event_fd = -1, .vector = MSIX_NO_VECTOR };
	}
	return irq_reserve(routes, count, &m->first_gsi);
}

static bool live(const struct msix *m, uint16_t vector)
{
	return m->enabled && !m->masked && vector < m->vector_count &&
	       (m->vector[vector].control & VECTOR_MASK) == 0;
}

/* An interrupt that came while nobody listened is raised on attaching. */
static void attach(struct msix *m, struct msix_source *s)
{
	uint64_t pending, one = 1;

	irq_attach(m->routes, m->first_gsi + s->vector, s->event_fd, true);
	s->attached = true;
	if (read(s->event_fd, &pending, sizeof(pending)) == (ssize_t)sizeof(pending))
		BUG_ON(write(s->event_fd, &one, sizeof(one)) != (ssize_t)sizeof(one));
}

static void detach(struct msix *m, struct msix_source *s)
{
	irq_attach(m->routes, m->first_gsi + s->vector, s->event_fd, false);
	s->attached = false;
}

/* Brings every source of one vector, or of all, to where it belongs. */
static void settle(struct msix *m, uint16_t first, uint16_t last)
{
	for (uint16_t i = 0; i < m->source_count; i++) {
		struct msix_source *s = &m->source[i];
		bool wanted;

		if (s->vector < first || s->vector > last || s->event_fd < 0)
			continue;
		wanted = live(m, s->vector);
		/* A message that KVM does not take leads nowhere, as on a bus. */
		if (wanted && !s->attached &&
		    irq_route(m->routes, m->first_gsi + s->vector, m->vector[s->vector].address,
			      m->vector[s->vector].data))
			attach(m, s);
		else if (!wanted && s->attached)
			detach(m, s);
	}
}

void msix_control(struct msix *m, bool enabled, bool masked)
{
	if (m->enabled == enabled && m->masked == masked)
		return;
	m->enabled = enabled;
	m->masked = masked;
	settle(m, 0, MSIX_NO_VECTOR);
}

bool msix_set_vector(struct msix *m, uint16_t source, uint16_t vector)
{
	struct msix_source *s = &m->source[source];

	BUG_ON(source >= m->source_count);
	if (s->attached)
		detach(m, s);
	s->vector = vector < m->vector_count ? vector : MSIX_NO_VECTOR;
	if (s->vector != MSIX_NO_VECTOR)
		settle(m, s->vector, s->vector);
	return s->vector == vector;
}

/* Naturally aligned accesses of 4 or 8 bytes are all that software may make (6.8.2). */
static bool proper(const struct bus_access *a)
{
	return (a->len == 4 || a->len == 8) && a->offset % a->len == 0;
}

static void write_word(struct msix *m, uint32_t offset, uint32_t value)
{
	uint16_t i = (uint16_t)(offset / ENTRY_SIZE);
	struct msix_vector *v = &m->vector[i];
	bool was = live(m, i);

	switch (offset % ENTRY_SIZE) {
	case 0:
		v->address = (v->address & ~0xffffffffull) | (value & ~3u);
		break;
	case 4:
		v->address = (v->address & 0xffffffffull) | (uint64_t)value << 32;
		break;
	case 8:
		v->data = value;
		break;
	default:
		v->control = value & VECTOR_MASK;
		break;
	}
	/* Changed while unmasked: undefined by 6.8.2. What KVM does not take changes nothing there. */
	if (was && live(m, i) && !irq_route(m->routes, m->first_gsi + i, v->address, v->data))
		return;
	settle(m, i, i);
}

static uint32_t read_word(const struct msix *m, uint32_t offset)
{
	const struct msix_vector *v = &m->vector[offset / ENTRY_SIZE];

	switch (offset % ENTRY_SIZE) {
	case 0:
		return (uint32_t)v->address;
	case 4:
		return (uint32_t)(v->address >> 32);
	case 8:
		return v->data;
	default:
		return v->control;
	}
}

void msix_table_access(struct msix *m, const struct bus_access *a)
{
	uint64_t value = 0;

	if (!proper(a) || a->offset + a->len > m->vector_count * ENTRY_SIZE) {
		if (!a->write)
			bus_answer(a, 0);
		return;
	}
	for (uint32_t i = 0; i < a->len; i += 4) {
		if (a->write)
			write_word(m, (uint32_t)a->offset + i,
				   (uint32_t)(bus_value(a) >> 8 * i));
		else
			value |= (uint64_t)read_word(m, (uint32_t)a->offset + i) << 8 * i;
	}
	if (!a->write)
		bus_answer(a, value);
}

/* A bit per vector: something has happened that no irqfd has taken. */
void msix_pending_access(struct msix *m, const struct bus_access *a)
{
	uint64_t first = a->offset * 8, value = 0;

	if (a->write)
		return;
	for (uint16_t i = 0; proper(a) && i < m->source_count; i++) {
		const struct msix_source *s = &m->source[i];
		struct pollfd p = { .fd = s->event_fd, .events = POLLIN };

		if (!s->attached && s->vector >= first && s->vector < first + 8ull * a->len &&
		    poll(&p, 1, 0) == 1)
			value |= 1ull << (s->vector - first);
	}
	bus_answer(a, value);
}
