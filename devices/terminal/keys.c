/* SPDX-License-Identifier: ISC */
#include "keys.h"

#define CODE_POINTS 0x110000

/* In the order of enum grid_key. */
static const VTermKey keys[GRID_KEY_F1 - GRID_KEY_ENTER] = {
	VTERM_KEY_ENTER, VTERM_KEY_TAB,	 VTERM_KEY_BACKSPACE, VTERM_KEY_ESCAPE,
	VTERM_KEY_UP,	 VTERM_KEY_DOWN, VTERM_KEY_LEFT,      VTERM_KEY_RIGHT,
	VTERM_KEY_HOME,	 VTERM_KEY_END,	 VTERM_KEY_PAGEUP,    VTERM_KEY_PAGEDOWN,
	VTERM_KEY_INS,	 VTERM_KEY_DEL,
};

/* The control characters as terminals have always typed them; libvterm has newer sequences for
 * some, which few programs know. */
static uint32_t control(uint32_t c)
{
	if (c == ' ' || c == '?')
		return c == ' ' ? 0 : 0x7f;
	return c >= '@' && c <= '~' ? c & 0x1f : c == '/' ? 0x1f : c;
}

void keys_type(VTerm *vterm, const struct grid_input *key)
{
	VTermModifier modifiers = key->modifiers & VTERM_ALL_MODS_MASK;
	uint32_t code = key->code;

	if (code >= GRID_KEY_F1 && code <= GRID_KEY_F12) {
		vterm_keyboard_key(vterm, VTERM_KEY_FUNCTION(1 + code - GRID_KEY_F1),
				   modifiers);
	} else if (code >= GRID_KEY_ENTER && code < GRID_KEY_F1) {
		vterm_keyboard_key(vterm, keys[code - GRID_KEY_ENTER], modifiers);
	} else if (code < CODE_POINTS) {
		if ((modifiers & VTERM_MOD_ALT) != 0)
			vterm_keyboard_unichar(vterm, '\033', VTERM_MOD_NONE);
		if ((modifiers & VTERM_MOD_CTRL) != 0)
			code = control(code);
		vterm_keyboard_unichar(vterm, code, VTERM_MOD_NONE);
	}
}
