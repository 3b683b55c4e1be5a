/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver/question.h"

#include "scenario/prompts.h"
#include "scenario/trace.h"

/* --- data sets --------------------------------------------------------------------------------------------------------------- */

/* A conversation follows one row where rows have several questions; else it takes a row for each. */
static const struct prompt_row *row_of(const struct prompts *p, uint64_t number, uint32_t turn, uint32_t turns)
{
	const struct prompt_row *row = &p->row[number % p->rows];

	return row->turns > 1 || turns == 1 ? row : &p->row[(number * turns + turn) % p->rows];
}

static void ask_turn(struct body_ask *ask, const struct prompts *p, const struct prompt_turn *turn)
{
	ask->text = p->text.data + turn->text_at;
	ask->text_bytes = turn->text_bytes;
}

static int append_message(struct buf *out, const struct prompts *p, const struct prompt_turn *turn)
{
	int r = buf_append(out, p->text.data + turn->before_at, turn->before_bytes);

	return r ? r : talk_message(out, "user", p->text.data + turn->text_at, turn->text_bytes);
}

/* All of a row: its questions with the data set's own answers, the last one open. */
static int ask_row(struct body_ask *ask, const struct prompts *p, const struct prompt_row *row, struct buf *before)
{
	const struct prompt_turn *turn = p->turn + row->first_turn, *last = turn + row->turns - 1;
	int r = 0;

	before->used = 0;
	for (; turn < last && !r; turn++)
		r = append_message(before, p, turn);
	if (!r)
		r = buf_append(before, p->text.data + last->before_at, last->before_bytes);
	ask->before = before->data;
	ask->before_bytes = before->used;
	ask_turn(ask, p, last);
	return r;
}

/* The question that the conversation has come to; what the data set says in front of the first (its system message) begins it. */
static int ask_next(struct body_ask *ask, const struct prompts *p, const struct prompt_row *row, struct talk *talk)
{
	const struct prompt_turn *first = p->turn + row->first_turn;

	ask_turn(ask, p, first + (row->turns > 1 ? talk->turn : 0));
	return talk->turn ? 0 : buf_append(&talk->messages, p->text.data + first->before_at, first->before_bytes);
}

static int ask_prompts(struct body_ask *ask, const struct plan_class *c, uint64_t number, struct talk *talk, struct buf *scratch)
{
	const struct prompts *p = c->prompts;
	const struct prompt_row *row = row_of(p, number, talk ? talk->turn : 0, c->turns);

	if (row->max_tokens)
		ask->max_tokens = row->max_tokens;
	return talk ? ask_next(ask, p, row, talk) : ask_row(ask, p, row, scratch);
}

/* --- traces ------------------------------------------------------------------------------------------------------------------ */

static void ask_trace(struct body_ask *ask, const struct trace *trace, const struct trace_row *row)
{
	ask->prompt_bytes = (uint64_t)row->input_tokens * PLAN_BYTES_PER_TOKEN;
	ask->max_tokens = row->output_tokens ? row->output_tokens : 1;
	ask->block = row->blocks ? trace->block + row->first_block : NULL;
	ask->blocks = row->blocks;
	ask->block_bytes = TRACE_BLOCK_TOKENS * PLAN_BYTES_PER_TOKEN;
}

/* --- requests ---------------------------------------------------------------------------------------------------------------- */

int question_make(struct body *out, const struct env *env, const struct order *order, struct talk *talk, struct buf *scratch)
{
	const struct plan_class *c = &env->plan->class_[order->class_index];
	const struct trace *trace = env->plan->stage[order->stage].trace;
	struct body_ask ask = body_ask_of(c);
	int r = 0;

	if (c->prompts)
		r = ask_prompts(&ask, c, order->number, talk, scratch);
	if (order->trace_row)
		ask_trace(&ask, trace, &trace->row[order->trace_row - 1]);
	if (talk && talk->messages.used) {
		ask.before = talk->messages.data;
		ask.before_bytes = talk->messages.used;
	}
	return r ? r : body_make(out, env->plan, c, &ask, env->config.tag);
}

/* The question goes on as it was sent, its tag included: what was said does not change afterwards. */
void question_answered(struct body *asked, const struct plan_class *class_, uint64_t id, struct talk *talk,
		       const struct buf *answer)
{
	uint32_t turns = class_->turns;

	if (class_->prompts) {
		uint32_t has = row_of(class_->prompts, talk->number, 0, turns)->turns;

		turns = has > 1 && has < turns ? has : turns;
	}
	body_tag(asked, id);
	talk_go_on(talk, asked->data + asked->text_at, asked->text_bytes, answer, turns);
}
