/* SPDX-License-Identifier: ISC */
#include "stats.h"

#include "bug.h"
#include "kvm_stats.h"
#include "stat_text.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KIB	  1024.0
#define LABEL_MAX 64

/* "disk1": the second disk of its guest. */
static void device_name(const struct devices *d, unsigned index, char name[32])
{
	enum device_kind kind = d->device[index].peripheral.backing.kind;
	unsigned before = 0;

	for (unsigned i = 0; i < index; i++)
		before += d->device[i].peripheral.backing.kind == kind;
	snprintf(name, 32, "%s%u", device_kind_name(kind), before);
}

void stats_add_process(struct stats *s, const char *name, const char *kind, int pid,
		       unsigned starts)
{
	unsigned i = s->process_count++;

	BUG_ON(i >= STATS_PROCESSES);
	snprintf(s->process[i].name, sizeof(s->process[i].name), "%s", name);
	s->process[i].kind = kind;
	s->process[i].pid = pid;
	s->process[i].starts = starts;
}

void stats_add_guest(struct stats *s, const char *name, const struct guest *g)
{
	BUG_ON(s->guest_count >= STATS_GUESTS);
	s->guest[s->guest_count].name = name;
	s->guest[s->guest_count++].guest = g;
	for (unsigned i = 0; i < g->devices.count; i++) {
		const struct peripheral *p = &g->devices.device[i].peripheral;
		char device[32], full[48];

		device_name(&g->devices, i, device);
		snprintf(full, sizeof(full), "%s.%.15s", name, device);
		if (p->backing.server == NULL)
			stats_add_process(s, full, "device", p->process.child.pid, 0);
		snprintf(full, sizeof(full), "%s.%.8s.passt", name, device);
		if (p->helper.child.pid != 0)
			stats_add_process(s, full, "helper", p->helper.child.pid, 0);
	}
}

void stats_add_channel(struct stats *s, const char *name, const struct chan_pages *p, bool open)
{
	BUG_ON(s->channel_count >= STATS_CHANNELS);
	s->channel[s->channel_count].name = name;
	s->channel[s->channel_count].pages = p;
	s->channel[s->channel_count++].open = open;
}

/* Processes. */

/* A small file of /proc, as text; "" if it cannot be read. */
static void read_proc(int pid, const char *file, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, size - 1) : 0;
	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static double kib_of(const char *text, const char *key)
{
	const char *line = strstr(text, key);

	return line != NULL ? strtod(line + strlen(key), NULL) : 0;
}

/* utime and stime, proc(5); the name before them may hold anything but the last ')'. */
static double cpu_seconds(int pid)
{
	unsigned long long user, kernel;
	char text[1024];
	const char *end;

	read_proc(pid, "stat", text, sizeof(text));
	end = strrchr(text, ')');
	if (end == NULL ||
	    sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
		   &kernel) != 2)
		return 0;
	return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static void write_processes(const struct stats *s, FILE *f)
{
	static const struct {
		const char *name;
		bool counter;
		int decimals;
		const char *help;
	} family[] = {
		{ "zwinger_process_pid", false, 0, "process id; 0: it does not run" },
		{ "zwinger_process_starts_total", true, 0, "how often it was started" },
		{ "zwinger_process_cpu_seconds_total", true, 2, "processor time" },
		{ "zwinger_process_private_bytes", false, 0,
		  "proportional set size of code, data and stacks" },
		{ "zwinger_process_shared_bytes", false, 0,
		  "proportional set size of shared memory: guest RAM, channels" },
	};
	enum { PID, STARTS, CPU, PRIVATE, SHARED, FAMILIES };
	static double value[STATS_PROCESSES][FAMILIES]; /* below 0: unknown */

	for (unsigned i = 0; i < s->process_count; i++) {
		int pid = s->process[i].pid;
		char text[2048];
		bool known;

		read_proc(pid > 0 ? pid : -1, "smaps_rollup", text, sizeof(text));
		known = text[0] != '\0';
		value[i][PID] = pid;
		value[i][STARTS] = s->process[i].starts > 0 ? (double)s->process[i].starts : -1;
		value[i][CPU] = pid > 0 ? cpu_seconds(pid) : -1;
		value[i][PRIVATE] = known ? KIB * (kib_of(text, "\nPss_Anon:") +
						   kib_of(text, "\nPss_File:"))
					  : -1;
		value[i][SHARED] = known ? KIB * kib_of(text, "\nPss_Shmem:") : -1;
	}
	for (unsigned k = 0; k < FAMILIES; k++) {
		stat_text_family(f, family[k].name, family[k].counter, family[k].help);
		for (unsigned i = 0; i < s->process_count; i++) {
			const struct stat_label labels[] = {
				{ "system", s->system },
				{ "process", s->process[i].name },
				{ "kind", s->process[i].kind },
				{ NULL, NULL },
			};

			if (value[i][k] >= 0)
				stat_text_sample(f, family[k].name, labels, value[i][k],
						 family[k].decimals);
		}
	}
}

/* KVM. */

struct kvm_source {
	const char *guest;
	unsigned cpu;
	struct kvm_stats stats;
};

/* All sources have the same numbers in the same order: one kernel made them. */
static void write_kvm(const struct stats *s, FILE *f, const char *prefix, bool vcpus)
{
	unsigned max = s->guest_count * VM_CPUS_MAX, count = 0;
	struct kvm_source *source = calloc(max > 0 ? max : 1, sizeof(*source));
	struct kvm_stat first, stat;

	for (unsigned i = 0; source != NULL && i < s->guest_count; i++) {
		const struct guest *g = s->guest[i].guest;
		unsigned cpus = vcpus ? g->config.cpu_count : 1;

		for (unsigned c = 0; c < cpus; c++) {
			int fd = g->counters[vcpus ? 1 + c : 0];

			source[count].guest = s->guest[i].name;
			source[count].cpu = c;
			if (fd > 0 && kvm_stats_read(&source[count].stats, fd))
				count++;
		}
	}
	for (unsigned n = 0; count > 0 && kvm_stats_get(&source[0].stats, n, &first); n++) {
		char name[KVM_STATS_NAME + 32], help[KVM_STATS_NAME + 32], cpu[16];

		if (first.name[0] == '\0')
			continue;
		snprintf(name, sizeof(name), "zwinger_%s_%s%s", prefix, first.name,
			 first.counter ? "_total" : "");
		snprintf(help, sizeof(help), "KVM's %s of a %s", first.name,
			 vcpus ? "virtual processor" : "virtual machine");
		stat_text_family(f, name, first.counter, help);
		for (unsigned i = 0; i < count; i++) {
			const struct stat_label labels[] = {
				{ "system", s->system },
				{ "vm", source[i].guest },
				{ vcpus ? "vcpu" : NULL, cpu },
				{ NULL, NULL },
			};

			snprintf(cpu, sizeof(cpu), "%u", source[i].cpu);
			if (kvm_stats_get(&source[i].stats, n, &stat))
				stat_text_sample(f, name, labels, (double)stat.value, 0);
		}
	}
	free(source);
}

/* Devices. */

static void write_device_names(const struct stats *s, FILE *f)
{
	static const char name[] = "zwinger_device_info";

	stat_text_family(f, name, false, "1; what a device is, as the user said it");
	for (unsigned i = 0; i < s->guest_count; i++) {
		const struct devices *d = &s->guest[i].guest->devices;

		for (unsigned k = 0; k < d->count; k++) {
			char device[32];
			const struct stat_label labels[] = {
				{ "system", s->system },
				{ "vm", s->guest[i].name },
				{ "device", device },
				{ "option", d->device[k].peripheral.backing.label },
				{ NULL, NULL },
			};

			device_name(d, k, device);
			stat_text_sample(f, name, labels, 1, 0);
		}
	}
}

struct queue_counts {
	uint64_t
		kind[3]; /* requests, notifications, interrupts: as in struct device_counters */
};
_Static_assert(sizeof(struct device_counters) ==
		       DEVICE_QUEUES_MAX * sizeof(struct queue_counts),
	       "read as plain numbers");

/* How many queues have something to tell. */
static unsigned read_queues(int fd, struct queue_counts q[DEVICE_QUEUES_MAX])
{
	unsigned count = 0;
	size_t size = DEVICE_QUEUES_MAX * sizeof(*q);

	if (fd < 0 || pread(fd, q, size, 0) != (ssize_t)size)
		return 0;
	for (unsigned i = 0; i < DEVICE_QUEUES_MAX; i++)
		if ((q[i].kind[0] | q[i].kind[1] | q[i].kind[2]) != 0)
			count = i + 1;
	return count;
}

static void write_queues(const struct stats *s, FILE *f)
{
	static const struct {
		const char *name, *help;
	} family[] = {
		{ "zwinger_queue_requests_total", "requests given back to the driver" },
		{ "zwinger_queue_notifications_total", "notifications by the driver" },
		{ "zwinger_queue_interrupts_total", "interrupts asked for by the device" },
	};

	for (unsigned k = 0; k < 3; k++) {
		stat_text_family(f, family[k].name, true, family[k].help);
		for (unsigned i = 0; i < s->guest_count * VM_DEVICES_MAX; i++) {
			const struct devices *d = &s->guest[i / VM_DEVICES_MAX].guest->devices;
			unsigned at = i % VM_DEVICES_MAX, count;
			struct queue_counts counts[DEVICE_QUEUES_MAX];
			char device[32], queue[16];
			const struct stat_label labels[] = {
				{ "system", s->system },
				{ "vm", s->guest[i / VM_DEVICES_MAX].name },
				{ "device", device },
				{ "queue", queue },
				{ NULL, NULL },
			};

			if (at >= d->count)
				continue;
			device_name(d, at, device);
			count = read_queues(d->device[at].peripheral.backing.counters, counts);
			for (unsigned q = 0; q < count; q++) {
				snprintf(queue, sizeof(queue), "%u", q);
				stat_text_sample(f, family[k].name, labels,
						 (double)counts[q].kind[k], 0);
			}
		}
	}
}

/* Channels. */

/* The stamp of message i is i + 1, so the greatest of them is how many were sent; see chan.h. */
static uint64_t sent(const struct chan_pages *p)
{
	static uint8_t page[CHAN_PAGE_MAX];
	ssize_t len = pread(p->data, page, sizeof(page), 0);
	size_t step = sizeof(chan_word) + p->geometry.message_size;
	uint64_t most = 0, stamp;

	for (size_t at = CHAN_HEADER; len > 0 && at + step <= (size_t)len; at += step) {
		memcpy(&stamp, page + at, sizeof(stamp));
		most = stamp > most ? stamp : most;
	}
	return most;
}

static uint64_t received(const struct chan_pages *p)
{
	uint64_t n = 0;

	return pread(p->ack, &n, sizeof(n), 0) == (ssize_t)sizeof(n) ? n : 0;
}

static void write_channels(const struct stats *s, FILE *f)
{
	static const struct {
		const char *name;
		bool counter;
		const char *help;
	} family[] = {
		{ "zwinger_channel_open", false, "1: both its ends are there" },
		{ "zwinger_channel_sent_messages_total", true, "messages put by the writer" },
		{ "zwinger_channel_received_messages_total", true,
		  "messages taken by the reader" },
	};

	for (unsigned k = 0; k < sizeof(family) / sizeof(family[0]); k++) {
		stat_text_family(f, family[k].name, family[k].counter, family[k].help);
		for (unsigned i = 0; i < s->channel_count; i++) {
			const struct chan_pages *p = s->channel[i].pages;
			const struct stat_label labels[] = { { "system", s->system },
							     { "channel", s->channel[i].name },
							     { NULL, NULL } };

			stat_text_sample(f, family[k].name, labels,
					 k == 0	  ? (double)s->channel[i].open
					 : k == 1 ? (double)sent(p)
						  : (double)received(p),
					 0);
		}
	}
}

void stats_write(const struct stats *s, FILE *f)
{
	const struct stat_label labels[] = { { "system", s->system },
					     { "version", ZW_VERSION },
					     { NULL, NULL } };

	stat_text_family(f, "zwinger_info", false, "1; which system, which Zwinger");
	stat_text_sample(f, "zwinger_info", labels, 1, 0);
	write_processes(s, f);
	write_kvm(s, f, "vcpu", true);
	write_kvm(s, f, "vm", false);
	write_device_names(s, f);
	write_queues(s, f);
	if (s->channel_count > 0)
		write_channels(s, f);
}
