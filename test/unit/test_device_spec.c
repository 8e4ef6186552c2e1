/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device_spec.h"
#include "log.h"

#define X10  "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

/* What was understood, as text: only what was given, in a fixed order. */
static void describe(const struct device_spec *s, char *out, size_t size)
{
	static const uint8_t no_mac[6];
	const struct {
		const char *name, *text;
	} texts[] = { { "file", s->file }, { "socket", s->socket }, { "serial", s->serial },
		      { "tap", s->tap },   { "name", s->name },	    { "path", s->path },
		      { "tag", s->tag } };
	const struct {
		const char *name;
		bool set;
	} flags[] = { { "raw", s->raw },
		      { "readonly", s->readonly },
		      { "direct", s->direct },
		      { "passt", s->passt },
		      { "hvc", s->hvc } };
	const struct {
		const char *name;
		unsigned long long n;
	} numbers[] = { { "queues", s->queues }, { "rate", s->rate }, { "ops", s->ops },
			{ "fd", s->fd },	 { "mtu", s->mtu },   { "cid", s->cid },
			{ "size", s->size } };
	size_t len = 0;

	out[0] = '\0';
#define SAY(...) len += (size_t)snprintf(out + len, size - len, __VA_ARGS__)
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].text != NULL)
			SAY("%s=%s;", texts[i].name, texts[i].text);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (flags[i].set)
			SAY("%s;", flags[i].name);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i].n != 0)
			SAY("%s=%llu;", numbers[i].name, numbers[i].n);
	if (memcmp(s->mac, no_mac, 6) != 0)
		SAY("mac=%02x%02x%02x%02x%02x%02x;", s->mac[0], s->mac[1], s->mac[2], s->mac[3],
		    s->mac[4], s->mac[5]);
	if (s->ports[0] != '\0')
		SAY("ports=%s;", s->ports);
#undef SAY
}

/* Good ones: what was understood. */
static const struct {
	enum device_kind kind;
	const char *text, *understood;
} good[] = {
	{ KIND_DISK, "x.img", "file=x.img;" },
	{ KIND_DISK, "file=x.img", "file=x.img;" },
	{ KIND_DISK, "x.img,readonly,direct", "file=x.img;readonly;direct;" },
	{ KIND_DISK, "readonly,file=x.img", "file=x.img;readonly;" },
	{ KIND_DISK, "file=a=b", "file=a=b;" },
	{ KIND_DISK, "file==", "file==;" },
	{ KIND_DISK, "a,,b.img,readonly", "file=a,b.img;readonly;" },
	{ KIND_DISK, "file=,,,,", "file=,,;" },
	{ KIND_DISK, "x,,", "file=x,;" },
	{ KIND_DISK, "file=,,,readonly", "file=,;readonly;" },
	{ KIND_DISK, "file=readonly", "file=readonly;" },
	{ KIND_DISK, "f,serial=A B,queues=64,rate=10M,ops=1000000000,format=raw",
	  "file=f;serial=A B;raw;queues=64;rate=10485760;ops=1000000000;" },
	{ KIND_DISK, "f,serial=01234567890123456789", "file=f;serial=01234567890123456789;" },
	{ KIND_DISK, "f,rate=1T", "file=f;rate=1099511627776;" },
	{ KIND_DISK, "file=\xc3\xa4\n", "file=\xc3\xa4\n;" },
	{ KIND_DISK, "socket=" X100 "1234567", "socket=" X100 "1234567;" },
	{ KIND_NET, "tap0", "tap=tap0;" },
	{ KIND_NET, "tap=passt", "tap=passt;" },
	{ KIND_NET, "passt", "passt;" },
	{ KIND_NET, "passt,port=2222:22,port=80:8080", "passt;ports=2222:22,80:8080;" },
	{ KIND_NET, "passt,port=1:65535", "passt;ports=1:65535;" },
	{ KIND_NET, "fd=3,mac=52:54:00:aB:cD:ef,mtu=68", "fd=3;mtu=68;mac=525400abcdef;" },
	{ KIND_NET, "mtu=65535,tap=t,queues=24", "tap=t;queues=24;mtu=65535;" },
	{ KIND_CONSOLE, "log,socket=l.sock", "socket=l.sock;name=log;" },
	{ KIND_CONSOLE, "hvc", "hvc;" },
	{ KIND_VSOCK, "3,path=v", "path=v;cid=3;" },
	{ KIND_VSOCK, "path=v,cid=4294967294", "path=v;cid=4294967294;" },
	{ KIND_SHARE, "/srv,tag=srv,readonly", "path=/srv;tag=srv;readonly;" },
	{ KIND_SHARE, "socket=s,tag=t", "socket=s;tag=t;" },
	{ KIND_BALLOON, "64M", "size=67108864;" },
	{ KIND_BALLOON, "size=0", "" },
	{ KIND_BALLOON, "socket=b", "socket=b;" },
	{ KIND_RNG, "", "" },
};

#define DISK_KEYS "file, socket, format, serial, readonly, direct, bootindex, queues, rate, ops"

/* Bad ones: the one line that is logged. */
static const struct {
	enum device_kind kind;
	const char *text, *logged;
} bad[] = {
	{ KIND_DISK, "", "--disk: unknown key ''; there are " DISK_KEYS },
	{ KIND_DISK, ",", "--disk: unknown key ''; there are " DISK_KEYS },
	{ KIND_DISK, "x,", "--disk: unknown key ''; there are " DISK_KEYS },
	{ KIND_DISK, "x, readonly", NULL },
	{ KIND_DISK, "=x", "--disk: unknown key ''; there are " DISK_KEYS },
	{ KIND_DISK, "x,y", "--disk: unknown key 'y'; there are " DISK_KEYS },
	{ KIND_DISK, "a=b.img", NULL },
	{ KIND_DISK, "x,READONLY", NULL },
	{ KIND_DISK, "x,readonli",
	  "--disk: unknown key 'readonli'; did you mean 'readonly'? There are " DISK_KEYS },
	{ KIND_DISK, "x,readonly=yes", "--disk: 'readonly' takes no value" },
	{ KIND_DISK, "x,readonly=", "--disk: 'readonly' takes no value" },
	{ KIND_DISK, "x,readonly,readonly", "--disk: 'readonly' is given twice" },
	{ KIND_DISK, "x,file=y", "--disk: 'file' is given twice" },
	{ KIND_DISK, "x,queues=1,queues=1", "--disk: 'queues' is given twice" },
	{ KIND_DISK, "file", "--disk: 'file' needs a value, a path" },
	{ KIND_DISK, "x,queues", "--disk: 'queues' needs a value, a number from 1 to 64" },
	{ KIND_DISK, "file=", "--disk: file: '' is not a path" },
	{ KIND_DISK, "file=,readonly", "--disk: file: '' is not a path" },
	{ KIND_DISK, "readonly",
	  "--disk: exactly one of file, socket is needed, for example --disk "
	  "file=disk.img,readonly" },
	{ KIND_DISK, "x,socket=y",
	  "--disk: exactly one of file, socket is needed, for example --disk "
	  "file=disk.img,readonly" },
	{ KIND_DISK, "socket=y,readonly", "--disk: 'readonly' goes only with 'file'" },
	{ KIND_DISK, "socket=y,rate=1M", "--disk: 'rate' goes only with 'file'" },
	{ KIND_DISK, "x,queues=0", "--disk: queues: '0' is not a number from 1 to 64" },
	{ KIND_DISK, "x,queues=65", "--disk: queues: '65' is not a number from 1 to 64" },
	{ KIND_DISK, "x,queues=18446744073709551617", NULL },
	{ KIND_DISK, "x,queues=1e1", NULL },
	{ KIND_DISK, "x,queues= 1", NULL },
	{ KIND_DISK, "x,queues=+1", NULL },
	{ KIND_DISK, "x,rate=0", "--disk: rate: '0' is not a size like 10M, up to 1T" },
	{ KIND_DISK, "x,rate=2T", NULL },
	{ KIND_DISK, "x,rate=99999999999999999999", NULL },
	{ KIND_DISK, "x,rate=16777216T", NULL },
	{ KIND_DISK, "x,ops=1000000001", NULL },
	{ KIND_DISK, "x,format=", NULL },
	{ KIND_DISK, "x,format=RAW", NULL },
	{ KIND_DISK, "x,format=qcow2",
	  "--disk: format: 'qcow2' is not raw; qemu-storage-daemon serves others, for --disk socket=PATH" },
	{ KIND_DISK, "x,serial=", "--disk: serial: '' is not a text of up to 20 characters" },
	{ KIND_DISK, "x,serial=012345678901234567890", NULL },
	{ KIND_DISK, "x,serial=a\nb", NULL },
	{ KIND_DISK, "x,serial=\xc3\xa4", NULL },
	{ KIND_DISK, "socket=" X100 "12345678", NULL },
	{ KIND_DISK, "x,tap=t", NULL },
	{ KIND_NET, "mac=52:54:00:01:02:03",
	  "--net: exactly one of tap, fd, passt is needed, for example --net tap=tap0" },
	{ KIND_NET, "t,passt", NULL },
	{ KIND_NET, "t,port=1:2", "--net: 'port' goes only with 'passt'" },
	{ KIND_NET, "fd=4,queues=2", "--net: 'queues' goes only with 'tap'" },
	{ KIND_NET, "fd=2", "--net: fd: '2' is not a number from 3 to 65535" },
	{ KIND_NET, "abcdefghijklmnop", NULL },
	{ KIND_NET, "t,queues=25", NULL },
	{ KIND_NET, "t,mtu=67", NULL },
	{ KIND_NET, "t,mtu=65536", NULL },
	{ KIND_NET,
	  "t,mac=", "--net: mac: '' is not the address of one card, like 52:54:00:01:02:03" },
	{ KIND_NET, "t,mac=00:00:00:00:00:00", NULL },
	{ KIND_NET, "t,mac=01:00:5e:00:00:01", NULL },
	{ KIND_NET, "t,mac=ff:ff:ff:ff:ff:ff", NULL },
	{ KIND_NET, "t,mac=52:54:00:01:02", NULL },
	{ KIND_NET, "t,mac=52:54:00:01:02:03:04", NULL },
	{ KIND_NET, "t,mac=52-54-00-01-02-03", NULL },
	{ KIND_NET, "t,mac=52:54:00:01:02:0g", NULL },
	{ KIND_NET, "t,mac=52:54:00:01:02: 3", NULL },
	{ KIND_NET, "t,mac=5:5:0:1:2:3", NULL },
	{ KIND_NET, "t,mac=:::::::::::::::::", NULL },
	{ KIND_NET,
	  "passt,port=", "--net: port: '' is not of the form HOST:GUEST, 1 to 65535 each" },
	{ KIND_NET, "passt,port=80", NULL },
	{ KIND_NET, "passt,port=:80", NULL },
	{ KIND_NET, "passt,port=80:", NULL },
	{ KIND_NET, "passt,port=0:80", NULL },
	{ KIND_NET, "passt,port=80:0", NULL },
	{ KIND_NET, "passt,port=65536:80", NULL },
	{ KIND_NET, "passt,port=80:65536", NULL },
	{ KIND_NET, "passt,port=80:80:80", NULL },
	{ KIND_NET, "passt,port=-1:80", NULL },
	{ KIND_NET, "passt,port=100080:80", NULL },
	{ KIND_NET, "passt,port=80:80,,81:81", NULL },
	{ KIND_CONSOLE, "log", "--console: 'name' goes only with 'socket'" },
	{ KIND_CONSOLE, "socket=s", NULL },
	{ KIND_CONSOLE, "hvc,socket=s", "--console: 'socket' goes only with 'name'" },
	{ KIND_CONSOLE, "hvc,name=x,socket=s", NULL },
	{ KIND_CONSOLE, "01234567890123456789012345678901,socket=s", NULL },
	{ KIND_VSOCK, "3", "--vsock: path is needed, for example --vsock cid=3,path=vsock" },
	{ KIND_VSOCK, "path=x",
	  "--vsock: cid is needed, for example --vsock cid=3,path=vsock" },
	{ KIND_VSOCK, "2,path=x", "--vsock: cid: '2' is not a number from 3 to 4294967294" },
	{ KIND_VSOCK, "4294967295,path=x", NULL },
	{ KIND_VSOCK, "3,path=" X100, NULL },
	{ KIND_SHARE, "/srv", "--share: tag is needed, for example --share path=/srv,tag=srv" },
	{ KIND_SHARE, "tag=t", NULL },
	{ KIND_SHARE, "/srv,socket=s,tag=t", NULL },
	{ KIND_SHARE, "/srv,tag=", NULL },
	{ KIND_SHARE, "/srv,tag=0123456789012345678901234567890123456", NULL },
	{ KIND_SHARE, "socket=s,tag=t,readonly", "--share: 'readonly' goes only with 'path'" },
	{ KIND_BALLOON, "", "--balloon: unknown key ''; there are socket, size" },
	{ KIND_BALLOON, "1.5G", "--balloon: size: '1.5G' is not a size like 64M or 1G" },
	{ KIND_BALLOON, "-1", NULL },
};

/* What text leads to: what was understood, or "error: " and the log line. */
static void outcome(enum device_kind kind, const char *text, char *out, size_t size)
{
	struct device_spec s;
	int p[2], kept = dup(2);
	bool ok;
	ssize_t n;

	assert_int_equal(pipe2(p, O_NONBLOCK | O_CLOEXEC), 0);
	log_init("t");
	dup2(p[1], 2);
	ok = device_spec_parse(&s, kind, text);
	dup2(kept, 2);
	n = read(p[0], out, size - 1);
	close(kept), close(p[0]), close(p[1]);
	if (ok && n < 0)
		describe(&s, out, size);
	else
		out[n > 0 ? n : 0] = '\0';
	if (ok)
		free(s.copy);
}

static void test_good(void **state)
{
	unsigned wrong = 0;
	char is[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		outcome(good[i].kind, good[i].text, is, sizeof(is));
		if (strcmp(is, good[i].understood) == 0)
			continue;
		print_error("--%s %s: %s, should be: %s\n", device_kind_name(good[i].kind),
			    good[i].text, is, good[i].understood);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void test_bad(void **state)
{
	unsigned wrong = 0;
	char is[1024], should[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		outcome(bad[i].kind, bad[i].text, is, sizeof(is));
		/* Without a text of the row any one line of this option will do. */
		snprintf(should, sizeof(should), "t: error: %s%s",
			 bad[i].logged != NULL ? bad[i].logged : "--",
			 bad[i].logged != NULL ? "\n" : device_kind_name(bad[i].kind));
		if (bad[i].logged != NULL ? strcmp(is, should) == 0
					  : strncmp(is, should, strlen(should)) == 0 &&
						    strchr(is, '\n') == is + strlen(is) - 1)
			continue;
		print_error("--%s %s: %s, should be: %s\n", device_kind_name(bad[i].kind),
			    bad[i].text, is, should);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

/* Texts of any length: an answer, and no byte beyond. */
static void test_long(void **state)
{
	static char text[200000];
	char is[1024];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "file=", 5);
	outcome(KIND_DISK, text, is, sizeof(is));
	assert_memory_equal(is, "t: error: --disk: file: ", 24);
	text[5 + 4095] = '\0';
	outcome(KIND_DISK, text, is, 16);
	assert_memory_equal(is, "file=xxxxxxxxxx", 15);
	memset(text, ',', sizeof(text) - 1);
	outcome(KIND_DISK, text, is, sizeof(is));
	assert_memory_equal(is, "t: error: ", 10);
	memset(text, '=', sizeof(text) - 1);
	outcome(KIND_NET, text, is, sizeof(is));
	assert_memory_equal(is, "t: error: ", 10);
}

/* More forwarded ports than there is room for are refused, not dropped. */
static void test_many_ports(void **state)
{
	char text[2048] = "passt", is[1024];
	size_t len = strlen(text), fit = 0;

	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, ",port=655%02u:65535",
					i);
		outcome(KIND_NET, text, is, sizeof(is));
		if (strncmp(is, "passt;ports=", 12) != 0)
			break;
		fit++;
		assert_int_equal(strlen(is), 12 + 12 * fit);
	}
	assert_true(fit >= 16 && fit < 60);
	assert_memory_equal(is, "t: error: --net: port: ", 23);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_many_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
