/* SPDX-License-Identifier: ISC */
/*
 * The back end for a screen and a keyboard of its own: KMS by the kernel's own interface, with two
 * frame buffers. What show() is given is complete in the hidden one before the screen turns to it;
 * when show() returns, it is there.
 */
#include "backend.h"
#include "critical.h"
#include "evdev.h"
#include "log.h"
#include "raster.h"

#include <drm.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define OBJECTS_MAX 32 /* connectors, CRTCs, encoders, planes */
#define MODES_MAX   128
#define INPUTS_MAX  14 /* critical_watch() takes two more */
#define PIXEL_BITS  32
#define PIXEL_DEPTH 24

static struct {
	const struct backend_events *events;
	int fd;
	uint32_t connector;
	struct drm_mode_crtc crtc, before; /* as it is ours; as it was, to leave it so */
	struct {
		uint32_t id;
		size_t size; /* bytes */
		struct raster_buffer raster;
	} frame[2];
	unsigned back; /* the frame that is not shown */
	struct raster raster;
	struct evdev keyboard;
	int input[INPUTS_MAX];
	unsigned input_count;
} d = { .fd = -1 };

static bool ask(unsigned long request, void *argument)
{
	int result;

	do
		result = ioctl(d.fd, request, argument);
	while (result < 0 && (errno == EINTR || errno == EAGAIN));
	return result == 0;
}

static uint64_t address(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

/* Looking around. */

/* What CRTC can show on the connector, the one in use rather than another; 0: none. */
static uint32_t find_crtc(const struct drm_mode_get_connector *c, const uint32_t *encoders,
			  const uint32_t *crtcs, unsigned crtc_count)
{
	struct drm_mode_get_encoder e = { .encoder_id = c->encoder_id };

	if (e.encoder_id != 0 && ask(DRM_IOCTL_MODE_GETENCODER, &e) && e.crtc_id != 0)
		return e.crtc_id;
	for (unsigned i = 0; i < c->count_encoders; i++) {
		e = (struct drm_mode_get_encoder){ .encoder_id = encoders[i] };
		if (!ask(DRM_IOCTL_MODE_GETENCODER, &e))
			continue;
		for (unsigned j = 0; j < crtc_count; j++)
			if ((e.possible_crtcs >> j & 1) != 0)
				return crtcs[j];
	}
	return 0;
}

/* The first connected connector; false: there is none. */
static bool find_screen(void)
{
	static struct drm_mode_modeinfo modes[MODES_MAX];
	uint32_t connectors[OBJECTS_MAX] = { 0 }, crtcs[OBJECTS_MAX] = { 0 },
		 encoders[OBJECTS_MAX] = { 0 };
	struct drm_mode_card_res r = { .connector_id_ptr = address(connectors),
				       .crtc_id_ptr = address(crtcs),
				       .count_connectors = OBJECTS_MAX,
				       .count_crtcs = OBJECTS_MAX };

	if (!ask(DRM_IOCTL_MODE_GETRESOURCES, &r) || r.count_connectors > OBJECTS_MAX ||
	    r.count_crtcs > OBJECTS_MAX)
		return false;
	for (unsigned i = 0; i < r.count_connectors; i++) {
		struct drm_mode_get_connector c = { .connector_id = connectors[i] };

		/* Without room for modes it looks whether something is plugged in by now. */
		(void)ask(DRM_IOCTL_MODE_GETCONNECTOR, &c);
		c = (struct drm_mode_get_connector){ .connector_id = connectors[i],
						     .modes_ptr = address(modes),
						     .encoders_ptr = address(encoders),
						     .count_modes = MODES_MAX,
						     .count_encoders = OBJECTS_MAX };
		if (!ask(DRM_IOCTL_MODE_GETCONNECTOR, &c) || c.connection != 1 ||
		    c.count_modes == 0 || c.count_modes > MODES_MAX ||
		    c.count_encoders > OBJECTS_MAX)
			continue;
		d.connector = c.connector_id;
		d.crtc = (struct drm_mode_crtc){
			.crtc_id = find_crtc(&c, encoders, crtcs, r.count_crtcs),
			.set_connectors_ptr = address(&d.connector),
			.count_connectors = 1,
			.mode_valid = 1,
			.mode = modes[0], /* the one that the screen prefers */
		};
		if (d.crtc.crtc_id != 0)
			return true;
	}
	return false;
}

/* A frame buffer, mapped and black. */
static bool make_frame(unsigned i)
{
	struct drm_mode_create_dumb create = { .width = d.crtc.mode.hdisplay,
					       .height = d.crtc.mode.vdisplay,
					       .bpp = PIXEL_BITS };
	struct drm_mode_map_dumb map = { .handle = 0 };
	struct drm_mode_fb_cmd fb = { .width = create.width,
				      .height = create.height,
				      .bpp = PIXEL_BITS,
				      .depth = PIXEL_DEPTH };
	void *pixels;

	if (!ask(DRM_IOCTL_MODE_CREATE_DUMB, &create))
		return false;
	map.handle = fb.handle = create.handle;
	fb.pitch = create.pitch;
	if (!ask(DRM_IOCTL_MODE_ADDFB, &fb) || !ask(DRM_IOCTL_MODE_MAP_DUMB, &map))
		return false;
	pixels = mmap(NULL, create.size, PROT_READ | PROT_WRITE, MAP_SHARED, d.fd,
		      (off_t)map.offset);
	if (pixels == MAP_FAILED)
		return false;
	memset(pixels, 0, create.size);
	d.frame[i].id = fb.fb_id;
	d.frame[i].size = create.size;
	d.frame[i].raster.pixels = pixels;
	d.frame[i].raster.stride = create.pitch / sizeof(uint32_t);
	return true;
}

/* What another program may have left above the picture. */
static void clear_planes(void)
{
	struct drm_mode_cursor cursor = { .flags = DRM_MODE_CURSOR_BO,
					  .crtc_id = d.crtc.crtc_id };
	uint32_t planes[OBJECTS_MAX] = { 0 };
	struct drm_mode_get_plane_res r = { .plane_id_ptr = address(planes),
					    .count_planes = OBJECTS_MAX };

	(void)ask(DRM_IOCTL_MODE_CURSOR, &cursor);
	if (!ask(DRM_IOCTL_MODE_GETPLANERESOURCES, &r))
		return;
	for (unsigned i = 0; i < r.count_planes && i < OBJECTS_MAX; i++) {
		struct drm_mode_set_plane off = { .plane_id = planes[i] };

		(void)ask(DRM_IOCTL_MODE_SETPLANE, &off);
	}
}

/* Showing. */

/* Turns the screen to the frame that is complete. False: it is not ours any more. */
static bool turn(unsigned i)
{
	struct drm_mode_fb_dirty_cmd dirty = { .fb_id = d.frame[i].id };

	d.crtc.fb_id = d.frame[i].id;
	if (!ask(DRM_IOCTL_MODE_SETCRTC, &d.crtc))
		return false;
	(void)ask(DRM_IOCTL_MODE_DIRTYFB, &dirty); /* for screens that are copies */
	d.back = 1 - i;
	return true;
}

static bool show(const struct screen *s)
{
	struct drm_mode_modeinfo mode = { 0 };
	struct drm_mode_get_connector c = { .connector_id = d.connector,
					    .modes_ptr = address(&mode),
					    .count_modes = 1 };

	if (!ask(DRM_IOCTL_MODE_GETCONNECTOR, &c) || c.connection != 1)
		return false;
	raster_draw(&d.raster, &d.frame[d.back].raster, s);
	return turn(d.back);
}

static void release_keys(void)
{
	struct key k;

	while (d.fd >= 0 && evdev_forget(&d.keyboard, &k))
		d.events->key(&k);
}

static void ready(int fd, short revents)
{
	struct input_event e[64];
	ssize_t n = read(fd, e, sizeof(e));
	struct key k;

	(void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		log_warn("a keyboard has gone");
		critical_watch(fd, 0);
		release_keys();
	}
	/* A key may end it all. */
	for (ssize_t i = 0; d.fd >= 0 && i < n / (ssize_t)sizeof(e[0]); i++) {
		if (evdev_key(&d.keyboard, &e[i], &k))
			d.events->key(&k);
		if (d.keyboard.deaf)
			release_keys();
	}
	explicit_bzero(e, sizeof(e)); /* it may have been a PIN */
}

static void leave(void)
{
	for (unsigned i = 0; i < d.input_count; i++) {
		critical_watch(d.input[i], 0);
		(void)ioctl(d.input[i], EVIOCGRAB, 0);
		close(d.input[i]);
	}
	for (unsigned i = 0; i < 2; i++)
		if (d.frame[i].raster.pixels != NULL)
			explicit_bzero(d.frame[i].raster.pixels, d.frame[i].size);
	d.before.set_connectors_ptr = address(&d.connector);
	d.before.count_connectors = d.before.mode_valid;
	(void)ask(DRM_IOCTL_MODE_SETCRTC, &d.before);
	close(d.fd);
	explicit_bzero(&d, sizeof(d));
	d.fd = -1;
}

static const struct backend *refuse(const char *why)
{
	log_error("the screen: %s: %s", why, strerror(errno));
	leave();
	return NULL;
}

const struct backend *drm_open(int drm, const int *inputs, unsigned input_count,
			       const char *layout, const struct backend_events *events)
{
	static const struct backend backend = {
		.name = "drm", .fixed = true, .show = show, .ready = ready, .close = leave
	};

	d.fd = drm;
	d.events = events;
	errno = EINVAL;
	if (input_count == 0 || input_count > INPUTS_MAX || !evdev_init(&d.keyboard, layout))
		return refuse("its keyboards or their layout");
	for (; d.input_count < input_count; d.input_count++) {
		d.input[d.input_count] = inputs[d.input_count];
		if (ioctl(d.input[d.input_count], EVIOCGRAB, 1) < 0)
			return refuse("a keyboard cannot be had alone");
	}
	/* Whoever opened the device first is its master already, and need not be permitted. */
	(void)ask(DRM_IOCTL_SET_MASTER, NULL);
	if (!find_screen())
		return refuse("nothing is connected");
	if (!raster_fit(&d.raster, d.crtc.mode.hdisplay, d.crtc.mode.vdisplay))
		return refuse("it has no room for 80 columns and 25 rows");
	d.before.crtc_id = d.crtc.crtc_id;
	(void)ask(DRM_IOCTL_MODE_GETCRTC, &d.before);
	if (!make_frame(0) || !make_frame(1))
		return refuse("no frame buffers");
	clear_planes();
	if (!turn(0))
		return refuse("it is not ours");
	for (unsigned i = 0; i < input_count; i++)
		critical_watch(d.input[i], POLLIN);
	events->resized(d.raster.rows, d.raster.columns);
	return &backend;
}
