/* SPDX-License-Identifier: GPL-2.0-only */
#include <math.h>
#include <string.h>

#include "base/units.h"
#include "scenario/arrival.h"
#include "scenario/plan_data.h"
#include "scenario/plan_file.h"
#include "scenario/plan_steps.h"
#include "scenario/trace.h"

#define IN_FLIGHT_DEFAULT 1000
#define RANGE_TEXT_MAX 64
#define TRACE_TAIL_NS UINT64_C(1000000) /* behind the last row, which would else be due when the stage is over */

_Static_assert(sizeof(enum plan_arrival) == sizeof(unsigned), "field_word stores an unsigned");

static const char *const arrival_words[] = {"constant", "poisson", NULL};

/* "A" or "A..B" */
struct range {
	double from, to;
};

struct stage_draft {
	struct plan *plan;
	struct plan_stage stage;
	struct range vus, rate;
	struct plan_bursts bursts;
};

static bool vus_parse(const char *text, double *out)
{
	uint64_t n;

	if (units_parse_u64(text, &n) != 0 || n > PLAN_VUS_MAX)
		return false;
	*out = (double)n;
	return true;
}

static bool rate_parse(const char *text, double *out)
{
	*out = 0.0;
	return strcmp(text, "0") == 0 || (units_parse_rate(text, out) == 0 && *out <= PLAN_RATE_MAX);
}

static int read_range(const struct place *at, const struct field *f, void *out, bool (*parse)(const char *text, double *out))
{
	const char *text = place_text(at);
	char first[RANGE_TEXT_MAX];
	struct range *range = out;
	char *second;

	if (!text || strlen(text) >= sizeof(first))
		return field_error(at, f->expected);
	memcpy(first, text, strlen(text) + 1);
	second = strstr(first, "..");
	if (second) {
		*second = '\0';
		second += 2;
	} else {
		second = first;
	}
	if (!parse(first, &range->from) || !parse(second, &range->to))
		return field_error(at, f->expected);
	return 0;
}

static int read_vus(const struct place *at, const struct field *f, void *out)
{
	return read_range(at, f, out, vus_parse);
}

static int read_rate(const struct place *at, const struct field *f, void *out)
{
	return read_range(at, f, out, rate_parse);
}

static int class_index(const struct plan *plan, const char *name)
{
	for (uint32_t i = 0; i < plan->classes; i++)
		if (strcmp(plan->class_[i].name, name) == 0)
			return (int)i;
	return -1;
}

static int tenant_index(const struct plan *plan, const char *name)
{
	for (uint32_t i = 0; i < plan->tenants; i++)
		if (strcmp(plan->tenant[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* A list of names as bits. */
static int read_names(const struct place *at, const struct field *f, const struct plan *plan,
		      int (*index)(const struct plan *plan, const char *name), const char *expected, uint32_t *bits)
{
	struct place item;

	if (at->node->type != YAML_SEQUENCE_NODE || place_items(at) == 0)
		return field_error(at, f->expected);
	for (unsigned i = 0; place_item(at, i, &item); i++) {
		const char *name = place_text(&item);
		int found = name ? index(plan, name) : -1;

		if (found < 0)
			return field_error(&item, expected);
		*bits |= 1u << found;
	}
	return 0;
}

static int read_stage_classes(const struct place *at, const struct field *f, void *out)
{
	struct stage_draft *d = out;

	return read_names(at, f, d->plan, class_index, "the name of a class under classes:", &d->stage.classes);
}

static int read_stage_tenants(const struct place *at, const struct field *f, void *out)
{
	struct stage_draft *d = out;

	return read_names(at, f, d->plan, tenant_index, "the name of a tenant under tenants:", &d->stage.tenants);
}

static int read_until(const struct place *at, const struct field *f, void *out)
{
	struct stage_draft *d = out;

	(void)f;
	return plan_until_read(at, &d->stage);
}

static int read_bursts(const struct place *at, const struct field *f, void *out)
{
	struct stage_draft *d = out;

	(void)f;
	return plan_bursts_read(at, &d->bursts);
}

static int action_read(const struct place *at, const struct field *f, struct plan_action *out)
{
	const char *text = place_text(at);

	*out = (struct plan_action){.kind = PLAN_RESTART};
	if (text && strcmp(text, "clear") == 0)
		out->kind = PLAN_CLEAR;
	else if (text && strncmp(text, "wait=", 5) == 0 && units_parse_duration_ns(text + 5, &out->wait_ns) == 0 &&
		 out->wait_ns <= FIELD_DURATION_MAX_NS)
		out->kind = PLAN_WAIT;
	else if (!text || strcmp(text, "restart") != 0)
		return field_error(at, f->expected);
	return 0;
}

static int read_before(const struct place *at, const struct field *f, void *out)
{
	struct plan_stage *stage = out;
	struct place item;
	int ret = 0;

	if (at->node->type != YAML_SEQUENCE_NODE)
		return field_error(at, f->expected);
	for (unsigned i = 0; place_item(at, i, &item) && !ret; i++) {
		if (i == PLAN_ACTIONS_MAX)
			return place_error(&item, "expected at most %d of them", PLAN_ACTIONS_MAX);
		ret = action_read(&item, f, &stage->before[i]);
		stage->befores = i + 1;
	}
	return ret;
}

enum {
	STAGE_NAME,
	STAGE_VUS,
	STAGE_RATE,
	STAGE_ARRIVAL,
	STAGE_FOR,
	STAGE_REQUESTS,
	STAGE_IN_FLIGHT,
	STAGE_THINK,
	STAGE_CLASSES,
	STAGE_TENANTS,
	STAGE_STEP,
	STAGE_UP_TO,
	STAGE_UNTIL,
	STAGE_BURSTS,
	STAGE_TRACE,
	STAGE_SPEED,
	STAGE_BEFORE,
};
#define BIT(row) (UINT64_C(1) << (row))
#define OF(member) offsetof(struct stage_draft, member), sizeof(((struct stage_draft *)0)->member)

static const struct field stage_rows[] = {
	[STAGE_NAME] = {"name", field_name, OF(stage.name), 0, 0, "a name", NULL},
	[STAGE_VUS] = {"vus", read_vus, OF(vus), 0, 0,
		       "a number of virtual users up to 100000 such as 10, or a ramp such as 0..50", NULL},
	[STAGE_RATE] = {"rate", read_rate, OF(rate), 0, 0,
			"requests per second up to 1000000 such as 50, 1000/m, or a ramp such as 10..200", NULL},
	[STAGE_ARRIVAL] = {"arrival", field_word, OF(stage.arrival), 0, 0, "constant or poisson", arrival_words},
	[STAGE_FOR] = {"for", field_duration, OF(stage.duration_ns), 1e6, (double)FIELD_DURATION_MAX_NS,
		       "a duration with a unit from 1ms to 720h, such as 30s or 5m", NULL},
	[STAGE_REQUESTS] = {"requests", field_u64, OF(stage.requests), 1, PLAN_REQUESTS_MAX, "a number of requests, 1 or more",
			    NULL},
	[STAGE_IN_FLIGHT] = {"in_flight", field_u32, OF(stage.in_flight_max), 1, PLAN_VUS_MAX,
			     "the most requests in flight, from 1 to 100000", NULL},
	[STAGE_THINK] = {"think", field_duration, OF(stage.think_ns), 0, 86400e9, "a duration with a unit up to 24h, such as 1s",
			 NULL},
	[STAGE_CLASSES] = {"classes", read_stage_classes, 0, 0, 0, 0, "a list of class names such as [chat, models]", NULL},
	[STAGE_TENANTS] = {"tenants", read_stage_tenants, 0, 0, 0, 0, "a list of tenants such as [light]", NULL},
	[STAGE_STEP] = {"step", field_number, OF(stage.step), 1e-3, PLAN_RATE_MAX, "how much each step adds, a number above 0",
			NULL},
	[STAGE_UP_TO] = {"up_to", field_number, OF(stage.up_to), 1e-3, PLAN_RATE_MAX, "the last step's vus or rate", NULL},
	[STAGE_UNTIL] = {"until", read_until, 0, 0, 0, 0, NULL, NULL},
	[STAGE_BURSTS] = {"bursts", read_bursts, 0, 0, 0, 0, NULL, NULL},
	[STAGE_TRACE] = {"trace", field_text, OF(stage.trace_path), 0, 0, "the path of an arrival trace", NULL},
	[STAGE_SPEED] = {"speed", field_number, OF(stage.speed), 1e-3, 1e6, "a factor such as 2: twice as fast", NULL},
	[STAGE_BEFORE] = {"before", read_before, OF(stage), 0, 0,
			  "a list of restart, clear or wait=TIME such as [restart, wait=2s]", NULL},
	{0},
};

static int check_loop(const struct place *at, uint64_t seen)
{
	const bool open = (seen & BIT(STAGE_RATE)) != 0;

	if (open && (seen & BIT(STAGE_VUS)))
		return place_error(
			at, "has both vus and rate; expected one (\"N users at R requests/s\" is rate: R with in_flight: N)");
	if (!open && !(seen & BIT(STAGE_VUS)))
		return place_error(at, "vus or rate is missing; expected vus: 10 (closed loop) or rate: 50 (open loop)");
	if (open && (seen & BIT(STAGE_THINK)))
		return place_error(at, "think does not apply to an open loop; expected it with vus");
	if (!open && (seen & BIT(STAGE_IN_FLIGHT)))
		return place_error(at, "in_flight does not apply to a closed loop (vus are its limit); expected it with rate");
	if (!open && (seen & BIT(STAGE_ARRIVAL)))
		return place_error(at, "arrival does not apply to a closed loop; expected it with rate");
	return 0;
}

static int check_turns(const struct place *at, const struct plan *plan, const struct plan_stage *stage)
{
	for (uint32_t i = 0; i < plan->classes && stage->loop == PLAN_OPEN; i++)
		if (plan->class_[i].turns > 1 && (!stage->classes || (stage->classes & (1u << i))))
			return place_error(at, "class %s has turns, which are virtual users'; expected vus, or other classes",
					   plan->class_[i].name);
	return 0;
}

/* Its own duration, unless for: ends it before. */
static int trace_stage(const struct place *at, uint64_t seen, struct stage_draft *d)
{
	static const uint64_t others = BIT(STAGE_VUS) | BIT(STAGE_RATE) | BIT(STAGE_ARRIVAL) | BIT(STAGE_THINK) |
				       BIT(STAGE_STEP) | BIT(STAGE_UP_TO) | BIT(STAGE_UNTIL) | BIT(STAGE_BURSTS);
	struct plan_stage *stage = &d->stage;
	uint64_t end_ns;
	int ret;

	if (seen & others)
		return place_error(at,
				   "trace: the arrivals are the file's; expected no vus, rate, arrival, think, steps or bursts "
				   "beside it");
	if (!(seen & BIT(STAGE_SPEED)))
		stage->speed = 1.0;
	ret = plan_trace_load(at, d->plan, stage->trace_path, &stage->trace);
	if (ret)
		return ret;
	end_ns = arrival_trace_due_ns(stage, stage->trace->rows - 1) + TRACE_TAIL_NS;
	if (!stage->duration_ns || stage->duration_ns > end_ns)
		stage->duration_ns = end_ns;
	d->rate.from = d->rate.to = (double)stage->trace->rows * 1e9 / (double)end_ns;
	return 0;
}

static int check_end(const struct place *at, const struct plan_stage *stage)
{
	if (stage->duration_ns == 0 && stage->requests == 0)
		return place_error(at,
				   "for or requests is missing; expected when the stage ends, such as for: 30s or requests: 100");
	if (stage->duration_ns > 0)
		return 0;
	if (stage->from < stage->to || stage->from > stage->to)
		return place_error(at, "for is missing; expected how long the ramp takes, such as for: 2m");
	if (stage->from <= 0.0)
		return place_error(
			at,
			"no load, so its requests would never be done; expected vus or rate above 0, or for instead of requests");
	return 0;
}

static int check_steps(const struct place *at, uint64_t seen, const struct plan_stage *stage)
{
	bool step = (seen & BIT(STAGE_STEP)) != 0, up_to = (seen & BIT(STAGE_UP_TO)) != 0;

	if (step != up_to)
		return place_error(at, "step and up_to go together; expected both");
	if (!step && (seen & BIT(STAGE_UNTIL)))
		return place_error(at, "until belongs to steps; expected step and up_to beside it");
	if (step && (seen & BIT(STAGE_BURSTS)))
		return place_error(at, "has both step and bursts; expected one of them");
	if (!step && !(seen & BIT(STAGE_BURSTS)))
		return 0;
	if (stage->from < stage->to || stage->from > stage->to || !stage->duration_ns)
		return place_error(
			at, "steps and bursts stand on one vus or rate and a for; expected no ramp and no end by requests");
	if (step && stage->up_to < stage->from)
		return place_error(at, "up_to: expected no less than the first step");
	return 0;
}

int plan_stage_read(const struct place *at, struct plan *plan)
{
	struct plan_stage *out = &plan->stage[plan->stages];
	struct stage_draft d = {.plan = plan};
	const struct range *load;
	uint64_t seen;
	int ret;

	memcpy(d.stage.name, out->name, sizeof(d.stage.name)); /* the default */
	ret = fields_read(at, NULL, stage_rows, &d, &seen);
	if (!ret && (seen & BIT(STAGE_TRACE)))
		ret = trace_stage(at, seen, &d);
	else if (!ret)
		ret = (seen & BIT(STAGE_SPEED)) ? place_error(at, "speed belongs to a trace; expected trace beside it")
						: check_loop(at, seen);
	if (ret)
		return ret;
	d.stage.loop = (seen & (BIT(STAGE_RATE) | BIT(STAGE_TRACE))) ? PLAN_OPEN : PLAN_CLOSED;
	load = d.stage.loop == PLAN_OPEN ? &d.rate : &d.vus;
	d.stage.from = load->from;
	d.stage.to = load->to;
	if (d.stage.loop == PLAN_OPEN && d.stage.in_flight_max == 0)
		d.stage.in_flight_max = IN_FLIGHT_DEFAULT;
	*out = d.stage;
	ret = check_end(at, out);
	if (!ret)
		ret = check_steps(at, seen, out);
	if (!ret)
		ret = check_turns(at, plan, out);
	return ret ? ret : plan_steps_add(at, plan, &d.bursts);
}
