/* SPDX-License-Identifier: GPL-2.0-only */
#include <math.h>
#include <string.h>

#include "base/units.h"
#include "scenario/plan_file.h"
#include "scenario/plan_steps.h"

#define IN_FLIGHT_DEFAULT 1000
#define RANGE_TEXT_MAX 64

_Static_assert(sizeof(enum plan_arrival) == sizeof(unsigned), "field_word stores an unsigned");

static const char *const arrival_words[] = {"constant", "poisson", NULL};

/* "A" or "A..B" */
struct range {
	double from, to;
};

struct stage_draft {
	const struct plan *plan;
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
	if (!ret)
		ret = check_loop(at, seen);
	if (ret)
		return ret;
	d.stage.loop = (seen & BIT(STAGE_RATE)) ? PLAN_OPEN : PLAN_CLOSED;
	load = d.stage.loop == PLAN_OPEN ? &d.rate : &d.vus;
	d.stage.from = load->from;
	d.stage.to = load->to;
	if (d.stage.loop == PLAN_OPEN && d.stage.in_flight_max == 0)
		d.stage.in_flight_max = IN_FLIGHT_DEFAULT;
	*out = d.stage;
	ret = check_end(at, out);
	if (!ret)
		ret = check_steps(at, seen, out);
	return ret ? ret : plan_steps_add(at, plan, &d.bursts);
}
