/* SPDX-License-Identifier: ISC */
/*
 * The display's screen and keyboard of its own, in an emulated PC: shows one picture after the
 * other, says on the console what it shows and which keys it hears. drm_lab.sh presses the keys and
 * looks at the pictures. F1 to F5 choose the picture; F7 tries to get at screen and keyboard a second
 * time; F8 and F9 pull the screen's plug out and in; F10 ends it.
 *
 * usage: drm_screen LAYOUT CONNECTOR-STATUS DRM-DEVICE INPUT-DEVICE...
 *
 * With CONNECTOR-STATUS "none" it shuts itself in by the display's own policy, and does neither of
 * the latter.
 */
#include "critical.h"
#include "log.h"
#include "pages.h"
#include "sandbox.h"

#include "display_policy.h"

#include <drm.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define INPUTS_MAX 14

enum picture { QUESTION, WARNING, GUEST, GLYPHS, MENU, PICTURES };

static struct pollfd watched[16];
static unsigned watched_count;
static const struct backend *backend;
static struct screen screen;
static unsigned picture;
static bool ended;
static char **arguments;

/* The loop of this program instead of a critical process's. */
void critical_watch(int fd, short events)
{
	for (unsigned i = 0; i < watched_count; i++)
		if (watched[i].fd == fd && events == 0)
			watched[i].fd = -1;
	if (events != 0)
		watched[watched_count++] = (struct pollfd){ .fd = fd, .events = events };
}

static void draw_question(const char *number, uint32_t class, uint32_t cents)
{
	const struct strip strip = {
		.guest = "debian", .trusted = true, .asker = "phone", .number = ""
	};
	struct prompt_message m = { .type = PROMPT_DIAL,
				    .number_class = class,
				    .cents_per_minute = cents };
	struct prompt_state p = { .stands = true, .due_ms = 60000 };

	snprintf(m.number, sizeof(m.number), "%s", number);
	p.asks = prompt_question(&m);
	if (!page_question(&screen, &m, &p, "phone", "green elephants sing", 1000))
		printf("the question does not fit\n");
	page_strip(&screen, &strip);
}

static void draw_as_guest(const char *const *lines, unsigned count)
{
	static struct grid grid;
	const struct strip strip = { .guest = "debian", .number = "" };

	atomic_store(&grid.rows, screen.rows - 1);
	atomic_store(&grid.columns, screen.columns);
	atomic_store(&grid.cursor, count << 16 | 2);
	for (unsigned i = 0; i < count; i++)
		for (unsigned c = 0; lines[i][c] != '\0'; c++)
			atomic_store(&grid.cell[i][c],
				     (uint32_t)lines[i][c] | (i % 16) << 24 |
					     (i >= 16 ? GRID_BOLD : 0) |
					     (i % 5 == 4 ? GRID_UNDERLINE : 0));
	for (unsigned c = 0; c < 64; c++)
		atomic_store(&grid.cell[count + 2 + c / 16][c % 16 * 4],
			     '#' | (c % 16) << 24 | (c / 16 * 4 + 1) << 28);
	for (unsigned c = 0; c < 0x80; c++)
		atomic_store(&grid.cell[count + 7 + c / 64][c % 64], (0x2500 + c) | 7 << 24);
	draw_guest(&screen, &grid);
	page_strip(&screen, &strip);
}

static void draw_glyphs(void)
{
	const struct strip strip = { .guest = "debian", .number = "" };
	unsigned at = 0;

	for (uint32_t c = 0; c < 0x10000; c++) {
		if (!draw_has_glyph(c))
			continue;
		screen.cell[2 + at / 64][4 + at % 64] =
			(struct screen_cell){ .glyph = c, .style = STYLE_LABEL };
		screen.cell[2 + 8 + at / 64][4 + at % 64] =
			(struct screen_cell){ .glyph = c, .style = STYLE_STRONG };
		at++;
	}
	for (unsigned i = 1; i < STYLES; i++)
		draw_text(&screen, 16 + i, 4, (enum screen_style)i, " 0O 1lI 5S 8B rn m ");
	page_strip(&screen, &strip);
}

static void show(void)
{
	static const char *const lines[] = {
		"Debian GNU/Linux 12 robin ttyS0",
		"",
		"robin login: user",
		"$ ls /usr/share",
		"[underlined] 0O 1lI 5S 8B rn m",
		"The quick brown fox jumps over the lazy dog.",
		"[ZWINGER] keyboard: ZWINGER, asked by phone",
	};
	const struct strip strip = { .guest = "debian",
				     .trusted = true,
				     .call_state = CALL_CONNECTED,
				     .number = "+493512345678",
				     .call_s = 83 };

	draw_clear(&screen);
	switch ((enum picture)picture) {
	case QUESTION:
		draw_question("+493512345678", NUMBER_NATIONAL, 0);
		break;
	case WARNING:
		draw_question("09001234567", NUMBER_PREMIUM, 199);
		break;
	case GUEST:
		draw_as_guest(lines, sizeof(lines) / sizeof(lines[0]));
		break;
	case GLYPHS:
		draw_glyphs();
		break;
	case MENU:
		page_menu(&screen, &strip, false, false);
		page_strip(&screen, &strip);
		break;
	case PICTURES:
		break;
	}
	printf("%s %u\n", backend->show(&screen) ? "shown" : "LOST", picture);
}

/* What another program would try. */
static void try_again(const char *drm, const char *input)
{
	struct drm_mode_card_res resources = { 0 };
	struct drm_mode_crtc crtc = { 0 };
	uint32_t crtcs[32];
	int fd = open(drm, O_RDWR | O_CLOEXEC), keyboard = open(input, O_RDWR | O_CLOEXEC);

	resources.crtc_id_ptr = (uint64_t)(uintptr_t)crtcs;
	resources.count_crtcs = 32;
	if (ioctl(fd, DRM_IOCTL_MODE_GETRESOURCES, &resources) == 0)
		crtc.crtc_id = crtcs[0];
	printf("screen a second time: %s\n",
	       ioctl(fd, DRM_IOCTL_MODE_SETCRTC, &crtc) < 0 ? strerror(errno) : "done");
	printf("master a second time: %s\n",
	       ioctl(fd, DRM_IOCTL_SET_MASTER, NULL) < 0 ? strerror(errno) : "done");
	printf("keyboard a second time: %s\n",
	       ioctl(keyboard, EVIOCGRAB, 1) < 0 ? strerror(errno) : "done");
	close(fd);
	close(keyboard);
}

static void plug(const char *state)
{
	int fd = open(arguments[2], O_WRONLY | O_CLOEXEC);

	printf("plug %s%s\n", state, write(fd, state, strlen(state)) < 0 ? ": failed" : "");
	close(fd);
	show();
}

static void key(const struct key *k)
{
	static const char *const actions[] = { "pressed", "repeated", "released" };

	printf("key %x %x %s\n", k->code, k->modifiers, actions[k->action]);
	if (k->action != KEY_PRESSED)
		return;
	ended = k->code == GRID_KEY_F1 + 9;
	if (k->code >= GRID_KEY_F1 && k->code < GRID_KEY_F1 + PICTURES) {
		picture = k->code - GRID_KEY_F1;
		show();
	}
	if (k->code == GRID_KEY_F1 + 6)
		try_again(arguments[3], arguments[4]);
	if (k->code == GRID_KEY_F1 + 7)
		plug("off");
	if (k->code == GRID_KEY_F1 + 8)
		plug("on");
}

static void resized(unsigned rows, unsigned columns)
{
	screen.rows = rows;
	screen.columns = columns;
}

static void lost(const char *why)
{
	printf("lost: %s\n", why);
	ended = true;
}

int main(int argc, char **argv)
{
	static const struct backend_events events = { key, resized, lost };
	int inputs[INPUTS_MAX];
	unsigned count = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	log_init("drm_screen");
	arguments = argv;
	for (int i = 4; i < argc && count < INPUTS_MAX; i++)
		inputs[count++] = open(argv[i], O_RDWR | O_NONBLOCK | O_CLOEXEC);
	backend = argc < 5 ? NULL
			   : drm_open(open(argv[3], O_RDWR | O_CLOEXEC), inputs, count, argv[1],
				      &events);
	if (backend == NULL)
		return 1;
	if (strcmp(argv[2], "none") == 0) {
		const struct sandbox_policy policy = { .filter = display_filter,
						       .filter_count = display_filter_count,
						       .open_files = 64 };

		printf("shut in\n");
		sandbox_enter(&policy);
	}
	printf("screen %u %u\n", screen.rows, screen.columns);
	show();
	printf("ready\n");
	while (!ended && poll(watched, watched_count, -1) > 0)
		for (unsigned i = 0; i < watched_count; i++)
			if (watched[i].fd >= 0 && watched[i].revents != 0)
				backend->ready(watched[i].fd, watched[i].revents);
	backend->close();
	printf("closed\n");
	return 0;
}
