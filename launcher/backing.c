/* SPDX-License-Identifier: ISC */
#include "backing.h"

#include "chan_pages.h"
#include "host.h"
#include "log.h"
#include "unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define VNET_HEADER 12 /* bytes; virtio 1.2, 5.1.6.1 */

static const struct {
	const char *program;
	uint32_t virtio_id; /* virtio 1.2, 5 */
} served[KIND_COUNT] = {
	[KIND_DISK] = { "zwinger-blk", 2 },
	[KIND_NET] = { "zwinger-net", 1 },
	[KIND_CONSOLE] = { "zwinger-console", 3 },
	[KIND_VSOCK] = { "zwinger-vsock", 19 },
	[KIND_BALLOON] = { "zwinger-balloon", 5 },
	[KIND_RNG] = { "zwinger-rng", 4 },
	[KIND_SHARE] = { NULL, 26 },
};

static bool lock_whole(const char *path, int fd, bool readonly)
{
	struct flock l = { .l_type = readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

	/* It belongs to the open file, and goes with the descriptor to the device process. */
	if (fcntl(fd, F_OFD_SETLK, &l) == 0)
		return true;
	if (errno == EAGAIN || errno == EACCES)
		log_error("--disk: '%s' is in use by another guest", path);
	else
		log_error("--disk: cannot lock '%s': %s", path, strerror(errno));
	return false;
}

/* Raw is what a file is taken for, unless it looks as if the user had thought otherwise. */
static bool raw(const char *path, int fd)
{
	_Alignas(4096) char block[4096] = ""; /* of O_DIRECT's liking */

	if (pread(fd, block, sizeof(block), 0) < 4 || memcmp(block, "QFI\xfb", 4) != 0)
		return true;
	log_error(
		"--disk: '%s' is a qcow2 image: serve it by qemu-storage-daemon with "
		"--export type=vhost-user-blk and say --disk socket=PATH, or convert it by qemu-img; "
		"format=raw takes it as it is",
		path);
	return false;
}

static bool open_disk(struct backing *b)
{
	const struct device_spec *s = b->spec;
	const char *path = s->file, *serial = s->serial;
	bool readonly = s->readonly, direct = s->direct;
	int flags = (readonly ? O_RDONLY : O_RDWR) | (direct ? O_DIRECT : 0);
	struct stat st;

	b->fd[0] = open(path, flags | O_CLOEXEC | O_NONBLOCK); /* a pipe must not stop us */
	if (b->fd[0] < 0) {
		if (errno == EINVAL && direct)
			log_error("--disk: the file system of '%s' cannot do 'direct'", path);
		else
			log_error("--disk: cannot open '%s'%s: %s", path,
				  readonly ? "" : " for writing", strerror(errno));
		return false;
	}
	if (fstat(b->fd[0], &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))) {
		log_error(S_ISDIR(st.st_mode) ? "--disk: '%s' is a directory"
					      : "--disk: '%s' is no file and no block device",
			  path);
		return false;
	}
	if (S_ISREG(st.st_mode) && st.st_size == 0) {
		log_error("--disk: '%s' is empty; truncate -s 1G makes it larger", path);
		return false;
	}
	fcntl(b->fd[0], F_SETFL, flags); /* io_uring would not wait either */
	b->config.flags = (readonly ? DEVICE_READ_ONLY : 0u) | (direct ? DEVICE_DIRECT : 0u);
	b->config.queues = s->queues != 0 ? (uint32_t)s->queues : 1;
	b->config.backend_count = 1;
	if (serial != NULL)
		memcpy(b->config.u.blk.serial, serial, strlen(serial));
	return lock_whole(path, b->fd[0], readonly) && (s->raw || raw(path, b->fd[0]));
}

static void explain_tap(const char *name, int error, bool many)
{
	if (error == ENOENT || error == ENODEV)
		log_error("--net: there is no /dev/net/tun; mend it: modprobe tun");
	else if (error == EPERM || error == EACCES)
		log_error(
			"--net: you may not use the tap '%s'; mend it, as root: ip tuntap add "
			"dev %s mode tap user %u%s",
			name, name, getuid(), many ? " multi_queue" : "");
	else if (error == EBUSY)
		log_error("--net: the tap '%s' is in use", name);
	else if (error == EINVAL)
		log_error("--net: '%s' is no tap, or one made for another count of queues",
			  name);
	else
		log_error("--net: tap '%s': %s", name, strerror(error));
}

static bool open_taps(struct backing *b, const char *name)
{
	bool many = b->config.queues > 1;

	for (unsigned i = 0; i < b->config.queues; i++) {
		int header = VNET_HEADER;
		struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

		r.ifr_flags |= many ? IFF_MULTI_QUEUE : 0;
		memcpy(r.ifr_name, name, strlen(name) + 1); /* at most 15 and the NUL */
		b->fd[i] = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (b->fd[i] < 0 || ioctl(b->fd[i], TUNSETIFF, &r) < 0 ||
		    ioctl(b->fd[i], TUNSETVNETHDRSZ, &header) < 0) {
			explain_tap(name, errno, many);
			return false;
		}
	}
	return true;
}

static bool take_tap(struct backing *b, int fd)
{
	struct ifreq r = { .ifr_flags = 0 };
	int header = VNET_HEADER;

	if (ioctl(fd, TUNGETIFF, &r) < 0 || (r.ifr_flags & IFF_TAP) == 0 ||
	    (r.ifr_flags & IFF_NO_PI) == 0 || (r.ifr_flags & IFF_VNET_HDR) == 0 ||
	    ioctl(fd, TUNSETVNETHDRSZ, &header) < 0) {
		log_error("--net: descriptor %d is not a tap with IFF_NO_PI and IFF_VNET_HDR",
			  fd);
		return false;
	}
	b->fd[0] = fd;
	return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

static bool open_net(struct backing *b)
{
	const struct device_spec *s = b->spec;

	b->config.queues = s->queues != 0 ? (uint32_t)s->queues : 1;
	b->config.backend_count = b->config.queues;
	b->config.u.net.mtu = (uint16_t)s->mtu;
	memcpy(b->config.u.net.mac, s->mac, 6);
	if (memcmp(s->mac, (uint8_t[6]){ 0 }, 6) == 0) {
		if (getrandom(b->config.u.net.mac, 6, 0) != 6)
			return false;
		/* Locally administered, to one receiver. */
		b->config.u.net.mac[0] = (uint8_t)((b->config.u.net.mac[0] & 0xfc) | 2);
	}
	if (s->tap != NULL)
		return open_taps(b, s->tap);
	if (s->fd != 0)
		return take_tap(b, (int)s->fd);
	b->config.flags = DEVICE_STREAM; /* each process gets a passt of its own */
	if (access("/usr/bin/passt", X_OK) < 0) {
		log_error("--net: passt is not installed; mend it: apt-get install passt");
		return false;
	}
	if (!host_has_route()) {
		log_error(
			"--net: passt gives the guest this host's way to elsewhere, and there is "
			"none (no default route); use tap=NAME, or leave --net out");
		return false;
	}
	return true;
}

static bool open_console(struct backing *b)
{
	struct device_config *c = &b->config;
	int pair[2];

	for (unsigned i = 0; i < b->spec_count; i++) {
		const struct device_spec *s = &b->spec[i];

		c->u.console.ports++;
		if (!s->hvc) {
			memcpy(c->u.console.name[i], s->name, strlen(s->name));
			b->fd[i] = unix_listen("--console", s->socket);
			if (b->fd[i] < 0)
				return false;
			continue;
		}
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) <
		    0)
			return false;
		c->flags = DEVICE_TERMINAL;
		b->fd[i] = pair[0];
		b->terminal = pair[1];
	}
	c->backend_count = c->u.console.ports;
	return true;
}

static bool open_share(struct backing *b)
{
	static const char *const place[] = { "/usr/libexec/virtiofsd",
					     "/usr/lib/qemu/virtiofsd" };
	const char *path = b->spec->path, *tag = b->spec->tag;
	uint32_t queues = 1;
	struct stat st;

	/* 5.11.4: the tag without a NUL if it fills its field, then the count of request queues. */
	memcpy(b->vm.config, tag, strlen(tag));
	memcpy(b->vm.config + 36, &queues, sizeof(queues));
	b->vm.config_size = 40;
	b->vm.queue_count = 1 + queues;
	if (path == NULL)
		return true;
	/* The real path, since virtiofsd changes its directory before it looks. */
	if (stat(path, &st) < 0) {
		log_error("--share: cannot open '%s': %s", path, strerror(errno));
	} else if (!S_ISDIR(st.st_mode)) {
		log_error("--share: '%s' is not a directory", path);
	} else if ((b->spec->path = realpath(path, NULL)) == NULL) {
		log_error("--share: '%s': %s", path, strerror(errno));
	} else if (strpbrk(b->spec->path, ",\\") != NULL) {
		log_error("--share: '%s': virtiofsd takes no comma and no backslash", path);
	} else if (access(place[0], X_OK) == 0) {
		b->program = place[0];
	} else if (b->spec->readonly) {
		log_error("--share: 'readonly' needs %s of the package virtiofsd; that of "
			  "qemu-system-common cannot do it",
			  place[0]);
	} else if (access(place[1], X_OK) == 0) {
		b->program = place[1];
	} else {
		log_error("--share: virtiofsd is not installed; mend it: apt-get install "
			  "virtiofsd, or qemu-system-common on Debian 12");
	}
	return b->program != NULL;
}

static bool open_server(struct backing *b)
{
	const char *path = b->spec->socket;

	b->connected = unix_connect(path);
	if (b->connected < 0) {
		log_error("--%s: cannot connect to '%s': %s; start its server first",
			  device_kind_name(b->kind), path, strerror(errno));
		return false;
	}
	fcntl(b->connected, F_SETFL, 0);
	b->server = path;
	return true;
}

static bool open_kind(struct backing *b)
{
	const struct device_spec *s = b->spec;

	switch (b->kind) {
	case KIND_DISK:
		return s->socket != NULL ? open_server(b) : open_disk(b);
	case KIND_NET:
		return open_net(b);
	case KIND_CONSOLE:
		return open_console(b);
	case KIND_VSOCK:
		b->config.u.vsock.cid = s->cid;
		b->config.backend_count = 1;
		b->fd[0] = unix_listen("--vsock", s->path);
		return b->fd[0] >= 0;
	case KIND_SHARE:
		return open_share(b) && (s->socket == NULL || open_server(b));
	case KIND_BALLOON:
		b->config.u.balloon.target = s->size;
		if (s->socket == NULL)
			return true;
		b->control = unix_listen("--balloon", s->socket);
		return b->control >= 0;
	case KIND_RNG:
	case KIND_COUNT:
		break;
	}
	return true;
}

enum status backing_open(struct backing *b)
{
	int readable;

	b->vm.virtio_id = served[b->kind].virtio_id;
	b->vm.boot_index = (uint32_t)b->spec->bootindex;
	b->config.version = DEVICE_CONFIG_VERSION;
	b->config.rate =
		(struct device_rate){ .bytes = b->spec->rate, .operations = b->spec->ops };
	b->exe = b->connected = b->terminal = b->control = b->counters = -1;
	if (!open_kind(b))
		return b->kind == KIND_NET ? STATUS_FAILED : STATUS_NO_FILE;
	if (b->server != NULL || b->kind == KIND_SHARE)
		return STATUS_OK;
	b->program = served[b->kind].program;
	b->exe = host_open_program(b->program);
	if (b->exe < 0) {
		log_error("%s is not installed beside this program (see `zwinger check`)",
			  b->program);
		return STATUS_FAILED;
	}
	if (!chan_memory_create("counters", sizeof(struct device_counters), &b->counters,
				&readable)) {
		log_error("%s: its counters cannot be created: %s", b->label, strerror(errno));
		return STATUS_FAILED;
	}
	close(readable); /* to look into it, we need no mapping */
	b->config.flags |= DEVICE_COUNTED;
	return STATUS_OK;
}
