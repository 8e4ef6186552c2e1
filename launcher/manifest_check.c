/* SPDX-License-Identifier: ISC */
#include "manifest_check.h"

#include "device_spec.h"
#include "grid.h"
#include "manifest_property.h"
#include "manifest_source.h"
#include "modem_line.h"
#include "payment.h"
#include "payment_messages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANY	MANIFEST_CHANNELS
#define MODE(m) (1u << AUDIT_##m)

/*
 * Who has something to say to whom, and how. What is not in here nobody can have a channel for.
 * A message goes unlogged only where it is a key pressed for the guest: that may be a password.
 */
static const struct conversation {
	enum manifest_kind from, to;
	enum manifest_link link;
	uint32_t message_size, slots;
	unsigned audits;	     /* the modes that make sense: MODE() */
	unsigned from_min, from_max; /* how many of these a process of kind `from` has */
	unsigned to_min, to_max;
	bool answered; /* there must be one the other way between the same two */
} conversations[] = {
	{ MANIFEST_VM, MANIFEST_DIALLER, LINK_MESSAGES, sizeof(struct modem_line), 64,
	  MODE(FULL) | MODE(DIGEST), 0, 1, 1, 1, true },
	{ MANIFEST_DIALLER, MANIFEST_VM, LINK_MESSAGES, sizeof(struct modem_line), 64,
	  MODE(FULL) | MODE(DIGEST), 1, 1, 0, 1, true },
	{ MANIFEST_DIALLER, MANIFEST_DISPLAY, LINK_MESSAGES, sizeof(struct prompt_message), 16,
	  MODE(FULL) | MODE(DECISIONS), 1, 1, 0, ANY, true },
	{ MANIFEST_DISPLAY, MANIFEST_DIALLER, LINK_MESSAGES, sizeof(struct prompt_answer), 16,
	  MODE(FULL) | MODE(DECISIONS), 0, ANY, 1, 1, true },
	{ MANIFEST_VM, MANIFEST_SHOWPAY, LINK_MESSAGES, sizeof(struct modem_line), 64,
	  MODE(FULL) | MODE(DIGEST), 0, 1, 1, 1, true },
	{ MANIFEST_SHOWPAY, MANIFEST_VM, LINK_MESSAGES, sizeof(struct modem_line), 64,
	  MODE(FULL) | MODE(DIGEST), 1, 1, 0, 1, true },
	{ MANIFEST_SHOWPAY, MANIFEST_DISPLAY, LINK_MESSAGES, sizeof(struct payment_message), 32,
	  MODE(FULL) | MODE(DECISIONS), 1, 1, 0, 1, true },
	{ MANIFEST_DISPLAY, MANIFEST_SHOWPAY, LINK_MESSAGES, sizeof(struct payment_answer), 16,
	  MODE(FULL), 0, 1, 1, 1, true },
	{ MANIFEST_SHOWPAY, MANIFEST_STORAGE, LINK_MESSAGES, sizeof(struct payment_message), 16,
	  MODE(FULL), 1, 1, 1, 1, true },
	{ MANIFEST_STORAGE, MANIFEST_SHOWPAY, LINK_MESSAGES, sizeof(struct payment_message), 32,
	  MODE(FULL) | MODE(DECISIONS), 1, 1, 1, 1, true },
	{ MANIFEST_DISPLAY, MANIFEST_STORAGE, LINK_MESSAGES, sizeof(struct payment_message), 32,
	  MODE(FULL) | MODE(DECISIONS), 0, 1, 1, 1, false },
	/* PINs and what they are compared with are counted, not logged. */
	{ MANIFEST_DISPLAY, MANIFEST_AUTH, LINK_MESSAGES, sizeof(struct pin_message), 4,
	  MODE(DECISIONS), 0, 1, 1, 1, true },
	{ MANIFEST_AUTH, MANIFEST_DISPLAY, LINK_MESSAGES, sizeof(struct pin_answer), 4,
	  MODE(FULL), 1, 1, 0, 1, true },
	{ MANIFEST_AUTH, MANIFEST_STORAGE, LINK_MESSAGES, sizeof(struct verifier_message), 4,
	  MODE(DECISIONS), 1, 1, 1, 1, true },
	{ MANIFEST_STORAGE, MANIFEST_AUTH, LINK_MESSAGES, sizeof(struct verifier_message), 4,
	  MODE(DECISIONS), 1, 1, 1, 1, true },
	{ MANIFEST_DISPLAY, MANIFEST_TERMINAL, LINK_MESSAGES, sizeof(struct grid_input), 256,
	  MODE(NONE), 1, 1, 1, 1, false },
	{ MANIFEST_TERMINAL, MANIFEST_DISPLAY, LINK_GRID, 0, 0, MODE(NONE), 1, 1, 1, 1, false },
	{ MANIFEST_VM, MANIFEST_TERMINAL, LINK_STREAM, 0, 0, MODE(NONE), 0, 1, 1, 1, false },
};
#define CONVERSATIONS (sizeof(conversations) / sizeof(conversations[0]))

/* "/processes/linux", good until the next call. */
static const char *process_path(const struct manifest_process *p)
{
	static char path[16 + CRITICAL_NAME];

	snprintf(path, sizeof(path), "/processes/%s", p->name);
	return path;
}

static const char *channel_path(const struct manifest_channel *c)
{
	static char path[16 + CRITICAL_NAME];

	snprintf(path, sizeof(path), "/channels/%s", c->name);
	return path;
}

static const struct conversation *conversation(const struct manifest *m,
					       const struct manifest_channel *c)
{
	for (const struct conversation *v = conversations; v < conversations + CONVERSATIONS;
	     v++)
		if (v->from == m->process[c->from].kind && v->to == m->process[c->to].kind &&
		    v->link == c->link)
			return v;
	return NULL;
}

/* ---- names ---- */

bool manifest_name_valid(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < CRITICAL_NAME && name[0] != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* What an eye makes of a name in a hurry. */
static void fold(const char *name, char out[CRITICAL_NAME])
{
	static const char from[] = "oli5", to[] = "011s";
	const char *found;
	size_t n = 0;

	for (; *name != '\0'; name++) {
		char c = *name;

		if (c == '-')
			continue;
		found = strchr(from, c);
		out[n++] = found != NULL ? to[found - from] : c;
		if (n > 1 && memcmp(&out[n - 2], "rn", 2) == 0)
			out[--n - 1] = 'm';
		else if (n > 1 && memcmp(&out[n - 2], "vv", 2) == 0)
			out[--n - 1] = 'w';
	}
	out[n] = '\0';
}

static bool alike(const char *a, const char *b)
{
	char x[CRITICAL_NAME], y[CRITICAL_NAME];

	fold(a, x);
	fold(b, y);
	return strcmp(x, y) == 0;
}

/* Of processes and channels, each among themselves. */
static bool check_names(const struct manifest *m)
{
	for (unsigned i = 0; i < m->process_count; i++)
		for (unsigned k = 0; k < i; k++)
			if (alike(m->process[i].name, m->process[k].name))
				return refuse(process_path(&m->process[i]), NULL,
					      "the name looks like '%s'", m->process[k].name);
	for (unsigned i = 0; i < m->channel_count; i++)
		for (unsigned k = 0; k < i; k++)
			if (alike(m->channel[i].name, m->channel[k].name))
				return refuse(channel_path(&m->channel[i]), NULL,
					      "the name looks like '%s'", m->channel[k].name);
	return true;
}

/* ---- channels ---- */

bool manifest_check_channel(const struct manifest *m, struct manifest_channel *c)
{
	const struct conversation *v = conversation(m, c);
	const char *path = channel_path(c);
	bool said = c->audit != (enum channel_audit)MANIFEST_UNSAID;

	if (v == NULL)
		return refuse(path, NULL,
			      "nothing goes from kind \"%s\" to kind \"%s\" by link \"%s\"",
			      manifest_kind_name(m->process[c->from].kind),
			      manifest_kind_name(m->process[c->to].kind),
			      manifest_link_name(c->link));
	if (c->link == LINK_MESSAGES && !said)
		return refuse(path, "audit", "is missing; %s",
			      v->audits == MODE(NONE) ? "it can only be \"none\""
						      : "\"full\" is always right");
	if (c->link != LINK_MESSAGES && (said || c->sync || c->geometry.slots != 0))
		return refuse(path,
			      said	? "audit"
			      : c->sync ? "sync"
					: "slots",
			      "only a channel of messages has it");
	if (said && (v->audits & 1u << c->audit) == 0)
		return refuse(
			path, "audit", "%s",
			v->audits == MODE(NONE)
				? "keys pressed for a guest may be its passwords: only \"none\""
			: c->audit == AUDIT_NONE ? "what is said here must be in the log"
			: v->audits == MODE(DECISIONS)
				? "a PIN has no place in a log: only \"decisions\""
			: c->audit == AUDIT_DIGEST
				? "only hashes would not tell what was asked and answered"
				: "no message here decides anything: \"full\" or \"digest\"");
	if (!said)
		c->audit = AUDIT_NONE;
	if (c->sync && c->audit == AUDIT_NONE)
		return refuse(path, "sync", "nothing of this channel is in the log");
	if (c->geometry.slots == 0)
		c->geometry.slots = v->slots;
	c->geometry.message_size = v->message_size;
	if ((c->geometry.slots & (c->geometry.slots - 1)) != 0)
		return refuse(path, "slots", "is no power of two");
	return true;
}

static bool check_channels(const struct manifest *m)
{
	for (unsigned i = 0; i < m->channel_count; i++) {
		const struct manifest_channel *c = &m->channel[i], *o = m->channel;
		unsigned back = 0;

		for (; o < m->channel + m->channel_count; o++) {
			if (o < c && o->from == c->from && o->to == c->to && o->link == c->link)
				return refuse(channel_path(c), NULL,
					      "is the same as '%s': one is enough", o->name);
			back += o->from == c->to && o->to == c->from && o->link == c->link;
		}
		if (conversation(m, c)->answered && back == 0)
			return refuse(channel_path(c), NULL,
				      "there is no channel back, from '%s' to '%s'",
				      m->process[c->to].name, m->process[c->from].name);
	}
	return true;
}

/* Process i has as many ends as its kind needs, and no more. */
static bool check_ends(const struct manifest *m, unsigned i)
{
	const struct manifest_process *p = &m->process[i];

	for (unsigned k = 0; k < CONVERSATIONS; k++) {
		const struct conversation *v = &conversations[k];
		bool out = v->from == p->kind;
		unsigned min = out ? v->from_min : v->to_min, n = 0;

		if (!out && v->to != p->kind)
			continue;
		for (unsigned c = 0; c < m->channel_count; c++)
			n += conversation(m, &m->channel[c]) == v &&
			     (out ? m->channel[c].from : m->channel[c].to) == i;
		if (n < min || n > (out ? v->from_max : v->to_max))
			return refuse(
				process_path(p), NULL,
				"%s one channel of link \"%s\" %s a process of kind \"%s\"",
				n < min ? "it needs" : "it can have only",
				manifest_link_name(v->link), out ? "to" : "from",
				manifest_kind_name(out ? v->to : v->from));
	}
	return true;
}

/* ---- processes ---- */

/* Of a number as people write it down: digits, perhaps behind a '+'. */
static bool digits(const char *text, bool plus)
{
	if (plus)
		text += text[0] == '+';
	return text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
}

bool manifest_check_rule(const struct dialler_settings *d, unsigned i, const char *path)
{
	const struct dialler_rule *r = &d->rule[i];
	const char *costs = r->cents_per_minute != 0 ? "cents-per-minute"
			    : r->cents_per_call != 0 ? "cents-per-call"
						     : NULL;

	if (!digits(r->prefix, true))
		return refuse(path, "prefix", "is not digits, or '+' and digits");
	/* A dialler sees one form of each number: "00" and "+49" are replaced before. */
	if (strncmp(r->prefix, d->international, strlen(d->international)) == 0)
		return refuse(path, "prefix", "never fits: for \"%s\" write \"+\"",
			      d->international);
	if (strncmp(r->prefix, d->country, strlen(d->country)) == 0)
		return refuse(path, "prefix", "never fits: for \"%s\" write \"%s\"", d->country,
			      d->trunk);
	if (costs != NULL &&
	    (r->number_class == NUMBER_EMERGENCY || r->number_class == NUMBER_FREE))
		return refuse(path, costs, "numbers of this class cost nothing");
	for (unsigned k = 0; k < i; k++)
		if (strcmp(d->rule[k].prefix, r->prefix) == 0)
			return refuse(path, "prefix", "there is another rule for \"%s\"",
				      r->prefix);
	return true;
}

static bool check_dialler(const struct manifest_process *p)
{
	const struct dialler_settings *d = &p->dialler.settings;
	const char *path = process_path(p);

	if (d->country[0] != '+' || !digits(d->country, true))
		return refuse(path, "country", "is not like \"+49\"");
	if (!digits(d->international, false))
		return refuse(path, "international", "is not digits, like \"00\"");
	if (d->trunk[0] != '\0' && !digits(d->trunk, false))
		return refuse(path, "trunk", "is not digits, like \"0\", or \"\"");
	if (d->rule_count == 0)
		return refuse(path, NULL, "it needs a node \"numbers\" with a rule");
	return true;
}

/* A kernel with what belongs to it, or firmware, which finds its own. */
static bool check_software(const struct manifest_vm *vm, const char *path)
{
	const char *extra = vm->kernel[0] != '\0'			 ? "kernel"
			    : vm->initrd[0] != '\0'			 ? "initrd"
			    : strcmp(vm->cmdline, MANIFEST_CMDLINE) != 0 ? "cmdline"
									 : NULL;

	if (vm->firmware[0] == '\0')
		return vm->kernel[0] != '\0' ||
		       refuse(path, "kernel",
			      "is missing; it is a file; or let firmware = \"seabios\" boot a "
			      "disk");
	if (extra != NULL)
		return refuse(path, extra, "does not go with firmware, which finds its own");
	if (strcmp(vm->firmware, "seabios") != 0 && strchr(vm->firmware, '/') == NULL)
		return refuse(path, "firmware", "is neither \"seabios\" nor a path with a '/'");
	return true;
}

static bool check_process(const struct manifest_process *p)
{
	const char *path = process_path(p);

	switch (p->kind) {
	case MANIFEST_VM:
		if (!check_software(&p->vm, path))
			return false;
		if (p->vm.memory_size % (2u << 20) != 0)
			return refuse(path, "memory", "is not a multiple of 2M");
		return true;
	case MANIFEST_DISPLAY:
		if ((p->display.drm[0] != '\0') != (p->display.input[0][0] != '\0'))
			return refuse(path, p->display.drm[0] != '\0' ? "input" : "drm",
				      "is missing: a screen and its keyboard go together");
		return true;
	case MANIFEST_AUDITOR:
		if (p->auditor.settings.keep_bytes != 0 &&
		    p->auditor.settings.keep_bytes / 2 <
			    (p->auditor.settings.segment_bytes != 0
				     ? p->auditor.settings.segment_bytes
				     : 16u << 20))
			return refuse(path, "keep-bytes", "is less than two segments");
		return true;
	case MANIFEST_DIALLER:
		return check_dialler(p);
	case MANIFEST_SHOWPAY:
		return payment_iban_valid(p->showpay.settings.account) ||
		       refuse(path, "account",
			      "is no IBAN without blanks, like \"DE02120300000000202051\"");
	case MANIFEST_STORAGE:
		if ((p->storage.tpm[0] != '\0') != (p->storage.settings.tpm_index != 0))
			return refuse(
				path, p->storage.tpm[0] != '\0' ? "tpm-index" : "tpm",
				"is missing: a TPM and the index of its counter go together");
		return true;
	case MANIFEST_AUTH:
	case MANIFEST_TERMINAL:
	case MANIFEST_KINDS:
		break;
	}
	return true;
}

/* Every program that the process is started with, its devices' too, has a hash. */
static bool check_programs(const struct manifest *m, const struct manifest_process *p)
{
	const char *list[MANIFEST_PROGRAMS];
	unsigned count = manifest_programs(p, list);

	for (unsigned i = 0; i < count; i++)
		if (manifest_binary(m, list[i]) == NULL)
			return refuse("/binaries", list[i],
				      "is missing: '%s' needs it, and it is started "
				      "only if its SHA-256 is known",
				      p->name);
	return true;
}

/* The guest that a display shows is at the other end of its terminal. */
static void set_guest(struct manifest *m, unsigned display)
{
	for (unsigned i = 0; i < m->channel_count; i++)
		for (unsigned k = 0; k < m->channel_count; k++)
			if (m->channel[i].link == LINK_GRID && m->channel[i].to == display &&
			    m->channel[k].link == LINK_STREAM &&
			    m->channel[k].to == m->channel[i].from)
				memcpy(m->process[display].display.settings.guest,
				       m->process[m->channel[k].from].name, CRITICAL_NAME);
}

/* One display has the screen and one auditor the log; NULL: there is none. */
static bool check_only(const struct manifest *m, enum manifest_kind kind,
		       const struct manifest_process **only)
{
	*only = NULL;
	for (const struct manifest_process *p = m->process; p < m->process + m->process_count;
	     p++) {
		if (p->kind != kind)
			continue;
		if (*only != NULL)
			return refuse(process_path(p), NULL, "there is one already: '%s'",
				      (*only)->name);
		*only = p;
	}
	return true;
}

bool manifest_check(struct manifest *m)
{
	const struct manifest_process *auditor, *display;
	unsigned audited = 0;

	if (m->process_count == 0)
		return refuse("/processes", NULL, "is empty");
	if (!check_names(m) || !check_only(m, MANIFEST_AUDITOR, &auditor) ||
	    !check_only(m, MANIFEST_DISPLAY, &display) || !check_channels(m))
		return false;
	for (unsigned i = 0; i < m->channel_count; i++) {
		if (m->channel[i].audit == AUDIT_NONE)
			continue;
		if (auditor == NULL)
			return refuse(channel_path(&m->channel[i]), "audit",
				      "there is no auditor");
		if (audited++ == CRITICAL_CHANNELS_MAX)
			return refuse(channel_path(&m->channel[i]), "audit",
				      "an auditor has no room for more than %d channels",
				      CRITICAL_CHANNELS_MAX);
	}
	for (unsigned i = 0; i < m->process_count; i++) {
		const struct manifest_process *p = &m->process[i];

		if (!check_process(p) || !check_ends(m, i) || !check_programs(m, p))
			return false;
		set_guest(m, i);
	}
	return true;
}
