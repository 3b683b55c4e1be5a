/* SPDX-License-Identifier: GPL-2.0-only */
/* A full screen of a session while it goes: `toll top`, and --top of commands that leave a result. */
#ifndef TOLL_COMMANDS_TOP_VIEW_H
#define TOLL_COMMANDS_TOP_VIEW_H

#include "session/session.h"

/* session_run() with a screen until its end, or q; it must have a terminal (top_screen_is_missing()). Its exit code. */
int top_view_run(struct session_config *s);

#endif
