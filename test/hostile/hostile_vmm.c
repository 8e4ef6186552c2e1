/* SPDX-License-Identifier: ISC */
/*
 * In the place of zwinger-vmm, with all that it is granted and without the sandbox that it puts on
 * itself: the attacks of a VMM that was taken over. Each is a row named after its class; it says
 * "attack_X held" or "attack_X BROKEN" on its log. What the attacks have done to the other
 * processes, the test that starts this sees from outside: at the modem, on the screen, in the log.
 */
#include "chan_map.h"
#include "critical.h"
#include "log.h"
#include "modem_line.h"
#include "vm_config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static struct vm_config config;
static struct chan_geometry geometry;
static struct chan_writer out;
static struct chan_reader in;
static int first;   /* descriptors of the line's channels, which stay open here */
static bool closed; /* by the other end, which had enough */

static void pause_ms(unsigned ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

/* What the dialler has answered lately goes nowhere. */
static void drain(void)
{
	struct modem_line m;

	while (chan_recv(&in, &m) == CHAN_OK)
		;
}

/* A dialler that has closed the channel takes nothing any more; then there is no use in waiting. */
static void send_line(const struct modem_line *m)
{
	for (unsigned i = 0; !closed && chan_send(&out, m) == CHAN_AGAIN; i++) {
		drain();
		pause_ms(1);
		closed = i == 3000;
	}
}

static void type_bytes(const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	while (len > 0) {
		struct modem_line m = {
			.type = MODEM_LINE_TYPE,
			.wires = MODEM_DTR | MODEM_RTS,
			.count = (uint8_t)(len < MODEM_LINE_BYTES ? len : MODEM_LINE_BYTES)
		};

		memcpy(m.bytes, b, m.count);
		send_line(&m);
		b += m.count;
		len -= m.count;
	}
	drain();
}

static void type(const char *text)
{
	type_bytes(text, strlen(text));
}

/* The wire of a line that is put down between two connections. */
static void hang_up(void)
{
	const struct modem_line m = { .type = MODEM_LINE_TYPE };

	send_line(&m);
	drain();
}

/* Strings that must never be dialled nor shown: whatever they do, they end as ERROR. */
static bool dial_corpus(void)
{
	static const char *const corpus[] = {
		/* D1, D3, D4, D6: not ASCII */
		"ATD0900\xd0\xb0\xef\xbc\x99\r",
		"ATD\xe2\x80\xae"
		"0123\r",
		"ATD09\xe2\x80\x8b"
		"00\r",
		"ATD0\xc0\x80"
		"900\r",
		"ATD\xf8\x88\x80\x80\x80\r",
		/* D5: control characters */
		"ATD0900\033[2J\033[H;\r",
		"ATD0900\x7f\r",
		"ATD0900\tATD\r",
		"ATD0900\x9b"
		"2J\r",
		/* D8, D14: too long */
		"ATD01234567890123456789012345678901234567890123456789\r",
		"ATD18446744073709551616184467440737095516161844674407\r",
		/* D17, D18: codes, pauses, tails, injection */
		"ATD*21*0900123456#;\r",
		"ATD#31#0900123456;\r",
		"ATD0301234,0900123\r",
		"ATD030123;D0900123456;\r",
		"ATD030123p4567\r",
		"ATD030123w1\r",
		"ATD030123!1\r",
		"ATD030123;H;D0900123456\r",
		"ATDL\r",
		"ATD>1;\r",
		"ATDTel:+49900;phone-context=x\r",
		"AT+VTS=1,2,3\r",
		"AT+VTD=9;+VTS=0\r",
		"AT+CPBW=1,\"0900\"\r",
		"ATD0900VANITY\r",
		"ATD01033 0900123456;\r",
		/* other ways to the same end */
		"AT&Z0=0900123456\r",
		"ATS0=1\r",
		"AT+CLCK=\"SC\",0\r",
		"AT%X\r",
		"A/",
		"A/",
		"+++",
		"AT*99#\r",
		"ATD;\r",
		"ATD\r",
		"ATDT \r",
	};

	for (unsigned i = 0; i < sizeof(corpus) / sizeof(corpus[0]); i++)
		type(corpus[i]);
	type_bytes("ATD0900\0"
		   "123;\r",
		   13); /* D5: a NUL in the middle */
	return true;
}

static bool every_byte(void)
{
	for (unsigned b = 0; b < 256; b++) {
		uint8_t line[] = { 'A', 'T', 'D', '0', '9', '0', '0', (uint8_t)b, '1', '\r' };

		if (b == '\r' || b == '\b' || (b >= '0' && b <= '9') ||
		    strchr(" -()/.", (int)b) != NULL)
			continue;
		type_bytes(line, sizeof(line));
	}
	return true;
}

/* I10, I11, S13: the same question and others, again and again; nobody has said yes. */
static bool ask_again(void)
{
	for (unsigned i = 0; i < 2000; i++) {
		type(i % 2 == 0 ? "ATD0900123456;\r" : "ATD09001234;\r");
		if (i % 10 == 0)
			type("AT\r"); /* aborts the question, as V.250 says */
	}
	return true;
}

/* C1: a line whose bytes change all the time, from another thread. */
static _Atomic bool flipping;

static void *flip(void *arg)
{
	chan_word *word = arg;

	for (uint64_t i = 0; atomic_load(&flipping); i++)
		atomic_fetch_xor(&word[1 + i % 7], 0x0101010101010101u << (i % 8));
	return NULL;
}

static bool double_fetch(void)
{
	size_t stride = (1 + geometry.message_size / 8 + 7) / 8 * 8;
	pthread_t thread;

	for (unsigned round = 0; round < 200; round++) {
		chan_word *slot = &out.data->slot[(out.sent & (geometry.slots - 1)) * stride];

		atomic_store(&flipping, true);
		if (pthread_create(&thread, NULL, flip, slot) != 0)
			return false;
		type("ATD0301234567;\r");
		atomic_store(&flipping, false);
		pthread_join(thread, NULL);
	}
	return true;
}

/* C2, C3: stamps from everywhere. */
static bool wrong_stamps(void)
{
	static const uint64_t stamps[] = { 0,
					   1,
					   2,
					   1ull << 31,
					   (1ull << 31) - 1,
					   1ull << 32,
					   (1ull << 32) - 1,
					   1ull << 63,
					   UINT64_MAX,
					   UINT64_MAX - 1 };
	size_t stride = (1 + geometry.message_size / 8 + 7) / 8 * 8;

	for (unsigned i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++)
		for (unsigned slot = 0; slot < geometry.slots; slot++) {
			atomic_store(&out.data->slot[slot * stride], stamps[i]);
			(void)!write(out.ring, &(uint64_t){ 1 }, 8);
		}
	return true;
}

static bool notification_storm(void)
{
	for (unsigned i = 0; i < 1000000; i++) {
		(void)!write(out.ring, &(uint64_t){ 1 }, 8);
		if (i % 3 == 0)
			(void)!write(in.ring, &(uint64_t){ 1 }, 8);
	}
	return true;
}

/* C15: no page of a channel changes its size. */
static bool truncate_pages(void)
{
	for (int fd = first; fd < first + 2 * CHANNEL_FDS; fd++) {
		struct stat st;

		if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (ftruncate(fd, 0) == 0 || ftruncate(fd, 1 << 20) == 0)
			return false;
		if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0 &&
		    fd != first + CHANNEL_DATA && fd != first + CHANNEL_FDS + CHANNEL_ACK)
			return false;
	}
	return true;
}

/* C17: what is read-only stays so, by every way to make it writable. */
static bool write_read_only(void)
{
	const int read_only[] = { first + CHANNEL_ACK, first + CHANNEL_FDS + CHANNEL_DATA,
				  first + CHANNEL_FDS + CHANNEL_LOG };

	for (unsigned i = 0; i < sizeof(read_only) / sizeof(read_only[0]); i++) {
		char path[64];
		void *page;

		if (fcntl(read_only[i], F_GETFD) < 0)
			continue; /* this channel is not audited */
		if (mmap(NULL, 64, PROT_READ | PROT_WRITE, MAP_SHARED, read_only[i], 0) !=
		    MAP_FAILED)
			return false;
		page = mmap(NULL, 64, PROT_READ, MAP_SHARED, read_only[i], 0);
		if (page == MAP_FAILED || mprotect(page, 64, PROT_READ | PROT_WRITE) == 0)
			return false;
		if (pwrite(read_only[i], "x", 1, 0) > 0 ||
		    fallocate(read_only[i], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			      64) == 0)
			return false;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", read_only[i]);
		if (open(path, O_RDWR) >= 0 || fchmod(read_only[i], 0600) == 0)
			return false;
	}
	return true;
}

/* C21, C22, O7: beyond what it was granted there is nothing. */
static bool look_around(void)
{
	static const char *const paths[] = {
		"/",	    "/dev/kvm",	  "/proc/1/environ", "/etc/passwd",	 "/run",
		"/dev/tty", "/dev/pts/0", "/dev/dri/card0",  "/dev/input/event0"
	};
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "/run/zwinger/phone.sock" };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), held = 0;

	for (unsigned i = 1; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (open(paths[i], O_RDONLY) >= 0)
			return false;
	if (mkdir("/x", 0700) == 0 || open("/", O_TMPFILE | O_RDWR, 0600) >= 0)
		return false;
	if (s >= 0 && connect(s, (const struct sockaddr *)&a, sizeof(a)) == 0)
		return false;
	for (pid_t pid = 2; pid < 1000; pid++)
		if (kill(pid, 0) == 0 || ptrace(PTRACE_ATTACH, pid, 0, 0) == 0)
			held++;
	return held == 0 && getppid() == 0;
}

/* C16 and the launcher: whatever comes on a control socket is nobody's command. */
static bool lie_to_the_launcher(void)
{
	uint32_t words[64];

	for (unsigned i = 0; i < 5000; i++) {
		for (unsigned j = 0; j < 64; j++)
			words[j] = i * 2654435761u + j;
		words[0] = i % 8;
		words[1] = i % 3 == 0 ? i % 16 : words[1];
		if (send(3, words, i % sizeof(words), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			pause_ms(1);
	}
	return fcntl(3, F_GETFD) >= 0;
}

/* S1, S2, S8, I16: the guest's console draws a perfect prompt, a strip, hides the cursor, sets a
 * title, changes the size, asks the terminal for what it knows, pastes. */
static bool paint(void)
{
	static const char *const art[] = {
		"\033[2J\033[1;1H\033[7;1m keyboard: ZWINGER  number display                  \033[0m",
		"\033[1;1H\033[0m keyboard: ZWINGER ",
		"\033]0;keyboard: ZWINGER\007",
		"\033]52;c;WVdWeg==\007",
		"\033[8;1;1t\033[8;200;400t",
		"\033[?1049h\033[?25l",
		"\033[6n\033[c\033[>c\033[=c\033[5n\033[?6n\033[14t\033[18t\033[21t",
		"\033[?1000h\033[?2004h",
		"\033#8",
		"\033[?5h",
		"\033[1;3r\033[3S\033M\033M",
		"\033(0lqqqk\033(B",
		"\033c",
		"\xe2\x96\x88\xe2\x96\x88 \xe2\x96\x84\xe2\x96\x84",
		"\xf0\x9f\x94\x92\xef\xb8\x8f",
	};

	for (unsigned round = 0; round < 200; round++)
		for (unsigned i = 0; i < sizeof(art) / sizeof(art[0]); i++)
			if (send(VMM_FD_CONSOLE, art[i], strlen(art[i]),
				 MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
				pause_ms(2);
	return true;
}

/* I5, I18: whatever is typed to a prompt never comes here. The test types "secret" there. */
static bool heard;

static bool hear_no_keys(void)
{
	char bytes[4096];
	ssize_t n;

	while ((n = recv(VMM_FD_CONSOLE, bytes, sizeof(bytes) - 1, MSG_DONTWAIT)) > 0) {
		bytes[n] = '\0';
		heard |= strstr(bytes, "secret") != NULL;
	}
	return !heard;
}

/* C11: half a line, then silence; O1: as many lines as go. */
static bool flood(void)
{
	type("ATD0900");
	pause_ms(200);
	for (unsigned i = 0; i < 20000; i++)
		type("AT+XYZ=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r");
	return true;
}

/* P8, P9, D1, D5, D8, D10, D14, D16: orders that are none, and requests that are none. */
static bool order_corpus(void)
{
	static const char *const bodies[] = {
		"",
		"payee=x",
		"payee=B%D0%B5an&account=DE89370400440532013000",
		"payee=Bean%0AAccount%3A+X&account=DE89370400440532013000",
		"payee=Bean%00Leaf&account=DE89370400440532013000",
		"payee=++++++++++++++++++++++++Bean&account=DE89370400440532013000",
		"payee=Zwinger+payment+1&account=DE89370400440532013001",
		"payee=Bean&payee=Leaf",
		"payee=Bean&account=DE89370400440532013000&item-1-name=x&item-1-quantity=1&item-1-price="
		"18446744073709551617&total=1&currency=EUR&reference=x&nonce=0123456789abcdef0123456789abcdef",
		"payee=Bean&account=DE89370400440532013000&item-1-name=x&item-1-quantity=1&item-1-price=100"
		"&total=1&currency=EUR&reference=x&nonce=0123456789abcdef0123456789abcdef",
	};
	static const char *const requests[] = {
		"GET /../../etc/shadow HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /order HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"POST /order HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"POST /order HTTP/1.1\r\nHost: x\r\nContent-Length: 4294967297\r\n\r\nx",
		"GET / HTTP/9.9\r\n\r\n",
		"\r\n\r\n\r\n",
	};
	char request[1024];

	for (unsigned i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		type(requests[i]);
		hang_up();
	}
	for (unsigned i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		snprintf(
			request, sizeof(request),
			"POST /order HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
			"Content-Length: %zu\r\n\r\n%s",
			strlen(bodies[i]), bodies[i]);
		type(request);
		hang_up();
	}
	return true;
}

/* I10, I11, S13: a good order, again and again; nobody has said yes. */
static bool order_again(void)
{
	static const char body[] =
		"payee=Bean+and+Leaf+GmbH&account=DE89370400440532013000&item-1-name=Espresso&item-1-quantity=1"
		"&item-1-price=450&total=450&currency=EUR&reference=Order&nonce=0123456789abcdef0123456789abc%03x";
	char request[1024], text[512];

	for (unsigned i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), body, i);
		snprintf(
			request, sizeof(request),
			"POST /order HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
			"Content-Length: %zu\r\n\r\n%s",
			strlen(text), text);
		type(request);
		hang_up();
	}
	return true;
}

struct row {
	const char *name;
	bool (*run)(void);
};

static const struct row rows[] = {
	{ "attack_C21_C22_O7", look_around },
	{ "attack_C15", truncate_pages },
	{ "attack_C17", write_read_only },
	{ "attack_C16", lie_to_the_launcher },
	{ "attack_D1_D3_D4_D5_D6_D8_D14_D17_D18", dial_corpus },
	{ "attack_D5_every_byte", every_byte },
	{ "attack_S1_S2_S8_I16", paint },
	{ "attack_I10_I11_S13", ask_again },
	{ "attack_C11_O1", flood },
	{ "attack_C10", notification_storm },
	{ "attack_C1", double_fetch },
	{ "attack_C2_C3", wrong_stamps }, /* the last: it ends the channel */
	{ "attack_I5_I18", hear_no_keys },
};

static const struct row order_rows[] = {
	{ "attack_C15_orders", truncate_pages },
	{ "attack_C17_orders", write_read_only },
	{ "attack_P8_P9_D1_D5_D10_D14_D16_orders", order_corpus },
	{ "attack_I10_I11_S13_orders", order_again },
	{ "attack_C11_O1_orders", flood },
	{ "attack_C10_orders", notification_storm },
	{ "attack_C1_orders", double_fetch },
	{ "attack_C2_C3_orders", wrong_stamps },
	{ "attack_I5_I18_orders", hear_no_keys },
};

static void attack(const struct row *row, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		bool held = row[i].run();

		log_info("%s %s", row[i].name, held && hear_no_keys() ? "held" : "BROKEN");
	}
}

/* From here on out, in and first are those of the line, whose descriptors begin at fd. */
static bool take_line(enum vm_line line, int fd)
{
	uint32_t audited = config.line[line].audited;

	closed = false;
	geometry = (struct chan_geometry){ config.line[line].slots, sizeof(struct modem_line) };
	/* The mapping closes what it has mapped; the attacks want it still. */
	for (int i = fd; i < fd + 2 * CHANNEL_FDS; i++)
		if (fcntl(i, F_GETFD) >= 0)
			dup2(i, i + 64);
	first = fd + 64;
	return chan_map_writer(&out, fd, geometry, (audited & VM_LINE_OUT_AUDITED) != 0) &&
	       chan_map_reader(&in, fd + CHANNEL_FDS, geometry,
			       (audited & VM_LINE_IN_AUDITED) != 0);
}

int main(void)
{
	int fd;

	log_init("hostile-vmm");
	if (recv(VMM_FD_CONTROL, &config, sizeof(config), 0) != (ssize_t)sizeof(config))
		return 111;
	fd = VMM_FD_DEVICE + (int)config.device_count;
	if (!take_line(VM_LINE_MODEM, fd)) {
		log_error("no modem to attack by: %s", strerror(errno));
		return 111;
	}
	attack(rows, sizeof(rows) / sizeof(rows[0]));
	if (config.line[VM_LINE_ORDERS].slots != 0) {
		if (!take_line(VM_LINE_ORDERS, fd + 2 * CHANNEL_FDS))
			return 111;
		attack(order_rows, sizeof(order_rows) / sizeof(order_rows[0]));
	}
	log_info("all attacks are over");
	/* Until it is killed: the launcher may long have stopped to listen, and others are looked at. */
	for (;;) {
		if (!hear_no_keys())
			log_info("attack_I5_I18 BROKEN");
		pause_ms(100);
	}
}
