/* SPDX-License-Identifier: GPL-2.0-only */
/* The screen of `toll top`: draws a model with ncurses, as wide and high as the terminal is. The only file that knows ncurses. */
#ifndef TOLL_COMMANDS_TOP_SCREEN_H
#define TOLL_COMMANDS_TOP_SCREEN_H

#include <stdbool.h>

#include "commands/top_model.h"

bool top_screen_is_missing(void); /* input or output is no terminal */
/* The terminal is ours from here on. -ENOTTY: there is none. */
int top_screen_open(bool colour);
void top_screen_close(void); /* as it was before; safe twice */
void top_screen_draw(const struct top_model *m);

enum top_key { TOP_NO_KEY, TOP_QUIT, TOP_RESIZED };
enum top_key top_screen_key(void); /* does not wait */

#endif
