/* SPDX-License-Identifier: GPL-2.0-only */
/* Criteria that are judged while the load runs: abort_when: ends the run, until: ends a group of steps. */
#ifndef TOLL_SESSION_LIVE_H
#define TOLL_SESSION_LIVE_H

#include "session/parts.h"

/* Now and then while the load runs. What came true is told once: s->cut_short, or s->broke. */
void live_judge(struct session *s);

#endif
