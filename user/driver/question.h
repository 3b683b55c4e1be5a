/* SPDX-License-Identifier: GPL-2.0-only */
/* What a request asks where requests of a class differ: rows of a data set, sizes of a trace, the next question of a conversation. */
#ifndef TOLL_DRIVER_QUESTION_H
#define TOLL_DRIVER_QUESTION_H

#include "driver/env.h"
#include "driver/schedule.h"

/* Its body. talk: the conversation that it is part of, or NULL. scratch: room for what only this call needs. 0 or -errno. */
int question_make(struct body *out, const struct env *env, const struct order *order, struct talk *talk, struct buf *scratch);
/* It was answered with this text (the inside of a JSON string): the conversation goes on or is over. */
void question_answered(struct body *asked, const struct plan_class *class_, uint64_t id, struct talk *talk,
		       const struct buf *answer);

#endif
