/* SPDX-License-Identifier: GPL-2.0-only */
#include "scenario/plan_print.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/units.h"
#include "scenario/plan_cost.h"
#include "scenario/prompts.h"
#include "scenario/trace.h"

#define TEXT_MAX 64

static const char *const endpoint_requests[] = {
	[PLAN_CHAT] = "POST /v1/chat/completions", [PLAN_EMBEDDINGS] = "POST /v1/embeddings",
	[PLAN_MODELS] = "GET /v1/models",          [PLAN_HEALTH] = "GET /health",
	[PLAN_MESSAGES] = "POST /v1/messages",
};

static void print_duration(FILE *out, const char *before, uint64_t ns)
{
	char text[TEXT_MAX];

	fprintf(out, "%s%s", before, units_format_ns(text, sizeof(text), ns));
}

const char *plan_length_text(const struct plan *plan, char *buf, size_t size)
{
	uint64_t duration_ns = plan_duration_ns(plan), requests = 0;
	char time[TEXT_MAX], count[TEXT_MAX];

	for (uint32_t i = 0; i < plan->stages; i++)
		if (plan->stage[i].duration_ns == 0)
			requests += plan->stage[i].requests;
	units_format_ns(time, sizeof(time), duration_ns);
	units_format_count(count, sizeof(count), requests);
	if (requests == 0)
		snprintf(buf, size, "%s", time);
	else if (duration_ns == 0)
		snprintf(buf, size, "%s requests", count);
	else
		snprintf(buf, size, "%s + %s requests", time, count);
	return buf;
}

static void print_head(const struct plan *plan, FILE *out)
{
	char text[TEXT_MAX];
	uint64_t requests = plan_request_count(plan);

	fprintf(out, "%s%s%s  (%s)\n", plan->name, plan->id[0] ? "  " : "", plan->id, plan->path);
	if (plan->answers[0])
		fprintf(out, "  answers   %s\n", plan->answers);
	fprintf(out, "  takes     %s", plan_length_text(plan, text, sizeof(text)));
	if (plan->warmup_ns)
		print_duration(out, ", the first ", plan->warmup_ns);
	fprintf(out, "%s\n", plan->warmup_ns ? " are warm-up, left out of figures" : "");
	if (requests)
		fprintf(out, "  requests  %s\n", units_format_count(text, sizeof(text), requests));
	else
		fprintf(out, "  requests  as many as the virtual users get through\n");
	fprintf(out, "  model     %s   seed %" PRIu64 "   time scale %g\n", plan->model, plan->seed, plan->time_scale);
}

static void print_class(const struct plan_class *c, FILE *out)
{
	char text[TEXT_MAX];

	fprintf(out, "  %-12s %s%s, weight %g", c->name, endpoint_requests[c->endpoint], c->stream ? ", stream" : "", c->weight);
	if (c->prompts)
		fprintf(out, ", prompts of %s (%u)", c->prompts_path, c->prompts->rows);
	else if (c->endpoint != PLAN_MODELS && c->endpoint != PLAN_HEALTH)
		fprintf(out, ", %sprompt %s", c->fixed_prompt ? "fixed " : "",
			units_format_bytes(text, sizeof(text), c->prompt_bytes));
	if (c->endpoint == PLAN_CHAT || c->endpoint == PLAN_MESSAGES)
		fprintf(out, ", max_tokens %u, temperature %g", c->max_tokens, c->temperature);
	if (c->turns > 1)
		fprintf(out, ", conversations of %u turns", c->turns);
	if (c->endpoint == PLAN_EMBEDDINGS)
		fprintf(out, ", batch %u", c->batch);
	print_duration(out, ", timeout ", c->timeout_ns);
	if (c->leave_after_ns)
		print_duration(out, ", leaves after ", c->leave_after_ns);
	if (c->new_connection)
		fputs(", each on a new connection", out);
	if (c->body_pause_ns)
		print_duration(out, ", pauses mid-body ", c->body_pause_ns);
	for (unsigned i = 0; c->expect_status[i]; i++)
		fprintf(out, "%s%u", i ? ", " : ", expects ", c->expect_status[i]);
	if (c->slo.latency_ns)
		print_duration(out, ", SLO: latency ", c->slo.latency_ns);
	if (c->slo.ttft_ns)
		print_duration(out, ", SLO: first token ", c->slo.ttft_ns);
	if (c->slo.inter_token_ns)
		print_duration(out, ", SLO: between tokens ", c->slo.inter_token_ns);
	for (uint32_t i = 0; i < c->checks; i++)
		fprintf(out, "%s%s", i ? ", " : ", checks ", c->check[i].name);
	fputc('\n', out);
}

static void print_before(const struct plan_stage *s, FILE *out)
{
	static const char *const what[] = {
		[PLAN_RESTART] = "restarts the gateway", [PLAN_CLEAR] = "clears the cache", [PLAN_WAIT] = "waits "};

	for (uint32_t i = 0; i < s->befores; i++) {
		if (s->before[i].kind == PLAN_WAIT)
			print_duration(out, what[PLAN_WAIT], s->before[i].wait_ns);
		else
			fprintf(out, "%s", what[s->before[i].kind]);
		fprintf(out, "; ");
	}
}

static void print_stage(const struct plan *plan, const struct plan_stage *s, FILE *out)
{
	const char *unit = s->loop == PLAN_OPEN             ? "requests/s"
			   : s->from <= 1.0 && s->to <= 1.0 ? "virtual user"
							    : "virtual users";
	unsigned listed = 0;

	fprintf(out, "  %-12s ", s->name);
	print_before(s, out);
	if (s->trace)
		fprintf(out, "%u requests of %s at %g times its speed, %g a second in the mean", s->trace->rows, s->trace_path,
			s->speed, s->from);
	else if (s->from < s->to || s->from > s->to)
		fprintf(out, "%g to %g %s", s->from, s->to, unit);
	else
		fprintf(out, "%g %s", s->from, unit);
	if (s->trace)
		fprintf(out, ", at most %u in flight", s->in_flight_max);
	else if (s->loop == PLAN_OPEN)
		fprintf(out, ", %s arrivals, at most %u in flight", s->arrival == PLAN_POISSON ? "Poisson" : "constant",
			s->in_flight_max);
	if (s->duration_ns)
		print_duration(out, ", for ", s->duration_ns);
	if (s->requests)
		fprintf(out, ", %s%" PRIu64 " requests", s->duration_ns ? "at most " : "until ", s->requests);
	if (s->think_ns)
		print_duration(out, ", think time ", s->think_ns);
	for (uint32_t i = 0; i < plan->classes; i++)
		if (s->classes & (1u << i))
			fprintf(out, "%s%s", listed++ ? ", " : ", only ", plan->class_[i].name);
	fputc('\n', out);
}

static void print_fault(const struct fault *f, FILE *out)
{
	static const char *const what[] = {
		[FAULT_ERROR] = "answers with status",
		[FAULT_LIMIT] = "limits the rate with 429",
		[FAULT_HANG] = "never answers",
		[FAULT_RESET] = "resets the connection",
		[FAULT_SLOW_START] = "begins its answers later",
		[FAULT_SLOW_TOKENS] = "sends tokens more slowly",
		[FAULT_TRUNCATE] = "breaks off in the middle of its answers",
		[FAULT_MALFORMED] = "answers with what is no answer",
		[FAULT_CLOSE] = "closes the connection behind its answers",
	};
	char text[TEXT_MAX];

	fprintf(out, "  %-12s %s", "", what[f->kind]);
	if (f->kind == FAULT_ERROR)
		fprintf(out, " %u", f->status);
	if (f->kind == FAULT_LIMIT)
		fprintf(out, " beyond %g requests/s, bucket of %g", f->rate_per_s, f->burst);
	if (f->delay_ns)
		print_duration(out, " by ", f->delay_ns);
	if (f->share < 1.0)
		fprintf(out, ", %g %% of the requests", f->share * 100.0);
	fprintf(out, ", from %s", units_format_ns(text, sizeof(text), f->from_ns));
	if (f->until_ns != UINT64_MAX)
		print_duration(out, " until ", f->until_ns);
	if (f->every_ns)
		print_duration(out, ", again every ", f->every_ns);
	fputc('\n', out);
}

static void print_provider(const struct plan_provider *p, FILE *out)
{
	fprintf(out, "  %-12s service time %s", p->label, p->service_time);
	if (p->first_token_time[0])
		fprintf(out, ", first token %s", p->first_token_time);
	if (p->inter_token_time[0])
		fprintf(out, ", between tokens %s", p->inter_token_time);
	if (p->tokens)
		fprintf(out, ", at most %u tokens", p->tokens);
	if (p->pause_ns)
		print_duration(out, ", pauses mid-body ", p->pause_ns);
	if (p->head_pause_ns)
		print_duration(out, ", pauses after its head ", p->head_pause_ns);
	fprintf(out, "%s\n", p->head_early ? ", sends a stream's head at once" : "");
	for (uint32_t i = 0; i < p->faults; i++)
		print_fault(&p->fault[i], out);
}

static void print_tenant(const struct plan_tenant *t, bool first, FILE *out)
{
	fprintf(out, "%s  %-12s weight %g", first ? "tenants\n" : "", t->name, t->weight);
	if (t->quota_per_s > 0)
		fprintf(out, ", quota %g/s", t->quota_per_s);
	fputc('\n', out);
}

static void print_peer(const struct plan_peer *p, bool first, FILE *out)
{
	static const char *const started[] = {[PLAN_PEER_REDIS] = "a Redis, started for toll's own gateway",
					      [PLAN_PEER_POSTGRESQL] = "a PostgreSQL, started for toll's own gateway",
					      [PLAN_PEER_BILLING] =
						      "a service that takes usage records, started for toll's own gateway"};

	fprintf(out, "%s  %-12s %s\n", first ? "peers\n" : "", p->label,
		p->kind == PLAN_PEER_ADDRESS ? p->address : started[p->kind]);
}

static void print_peers(const struct plan *plan, FILE *out)
{
	for (uint32_t i = 0; i < plan->tenants; i++)
		print_tenant(&plan->tenant[i], i == 0, out);
	fprintf(out, plan->providers > 1 ? "providers (when they are toll's own), in order of priority\n"
					 : "provider (when it is toll's own)\n");
	for (uint32_t i = 0; i < plan->providers; i++)
		print_provider(&plan->provider[i], out);
	for (uint32_t i = 0; i < plan->peers; i++)
		print_peer(&plan->peer[i], i == 0, out);
	for (uint32_t i = 0; i < plan->settings; i++)
		fprintf(out, "%s  %-12s %s\n", i ? "" : "gateway (when it is toll's own)\n", plan->setting[i].name,
			plan->setting[i].value);
}

int plan_print(const struct plan *plan, FILE *out)
{
	print_head(plan, out);
	fprintf(out, "classes\n");
	for (uint32_t i = 0; i < plan->classes; i++)
		print_class(&plan->class_[i], out);
	fprintf(out, "stages\n");
	for (uint32_t i = 0; i < plan->stages; i++)
		print_stage(plan, &plan->stage[i], out);
	fprintf(out, "criteria\n");
	for (uint32_t i = 0; i < plan->criteria; i++)
		fprintf(out, "  %s\n", plan->criterion[i]);
	if (plan->criteria == 0)
		fprintf(out, "  none\n");
	if (plan->abort_when[0])
		fprintf(out, "aborts when %s\n", plan->abort_when);
	print_peers(plan, out);
	return ferror(out) ? -EIO : 0;
}

int plan_print_cost(const struct plan *plan, const char *prices, FILE *out, struct err *err)
{
	char requests[TEXT_MAX], prompts[TEXT_MAX], answers[TEXT_MAX];
	struct plan_cost cost;
	int ret = plan_cost(plan, prices, &cost, err);

	if (ret)
		return ret;
	units_format_count(requests, sizeof(requests), (uint64_t)cost.requests);
	units_format_count(prompts, sizeof(prompts), (uint64_t)cost.prompt_tokens);
	units_format_count(answers, sizeof(answers), (uint64_t)cost.completion_tokens);
	if (!cost.bounded)
		fprintf(out, "%s",
			cost.requests > 0 ? "not bounded: some users send as fast as they are answered; the other stages alone:\n"
					  : "cost not bounded: users send as fast as they are answered\n");
	if (!(cost.requests > 0))
		return ferror(out) ? -EIO : 0;
	fprintf(out, "at most %s requests, about %s tokens of prompts and at most %s of answers", requests, prompts, answers);
	if (cost.priced)
		fprintf(out, ": about $%.2f at %s's list price\n", cost.dollars, plan->model);
	else
		fprintf(out, "; the price table has no %s (--prices FILE)\n", plan->model);
	return ferror(out) ? -EIO : 0;
}
