// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/options.h"
#include "base/units.h"
#include "commands/commands.h"
#include "commands/common.h"
#include "commands/run_family.h"
#include "record/overhead_header.h"
#include "scenario/plan_print.h"
#include "session/session.h"

static const struct command_help help = {
	.usage = "toll run SCENARIO... (--gateway URL | --with RECIPE) [options]",
	.text = "Loads a gateway as the scenario tells and reports what it charged each request, phase by phase, as the kernel "
		"saw it. SCENARIO is "
		"a file, a built-in name (`toll scenarios` lists them), a family of them (service/) or - for standard input. "
		"Several "
		"run one after the other and end with the worst exit code; OUT/junit.xml holds all their verdicts. The gateway's "
		"processes are "
		"found from its listening "
		"port. Writes result.json, report.txt, report.html and capture.toll.",
	.examples = "  toll run gateway/smoke --gateway http://127.0.0.1:8080\n"
		    "  toll run gateway/baseline --with nginx --set buffering=off --time-scale 0.1\n"
		    "  toll run edge/throughput --with reference --plant sleep=1ms@request\n"
		    "  toll run my.yaml --gateway http://127.0.0.1:4000 --provider 127.0.0.1:9000 --out out/litellm\n",
};

static const struct command_help soak_help = {
	.usage = "toll soak [SCENARIO] (--gateway URL | --with RECIPE) [options]",
	.text = "Does it leak? Loads a gateway with rounds of the same requests (class by class, with pauses; SCENARIO replaces "
		"them) and "
		"judges what grows: memory, descriptors, sockets, threads. Ends with leak, no leak or inconclusive, how much for "
		"each "
		"request, which class, which code keeps the memory, and how small a leak the run could have seen. Exit code: 0 "
		"no leak, 1 a leak or "
		"inconclusive.",
	.examples = "  toll soak --gateway http://127.0.0.1:8080 --for 2h\n"
		    "  toll soak --with nginx --for 10m\n"
		    "  toll soak --with reference --plant leak=64B@chat --for 3m --out out/leak\n",
};

struct run_options {
	struct session_config session;
	struct plan_overrides plan;
	struct common_options common;
	struct option_list header, set, criterion;
	const char *time_scale, *rate;
	const char *capture;
	uint64_t vus, workers, threads, provider_threads;
	bool dry_run, tag, all, skip_passed, yes;
	const char *prices;
};

#define SOURCES_MAX 64

static int number_parse(const char *name, const char *text, double *out, struct err *err)
{
	char *end;

	errno = 0;
	*out = strtod(text, &end);
	if (errno || end == text || *end || !(*out > 0) || *out > 1e6)
		return err_set(err, -EINVAL, "--%s %s: expected a number above 0, such as 0.1", name, text);
	return 0;
}

/* A gateway from a recipe or from a URL ($GATEWAY_URL): exactly one. */
static int gateway_choose(struct session_config *c, struct err *err)
{
	const char *environment = getenv("GATEWAY_URL");

	if (c->recipe && c->url)
		return err_set(err, -EINVAL, "--gateway and --with exclude each other: a recipe starts a gateway of its own");
	if (c->plant && (!c->recipe || strcmp(c->recipe, "reference")))
		return err_set(err, -EINVAL, "--plant works only with the reference gateway: add --with reference");
	if (!c->recipe && !c->url)
		c->url = environment && environment[0] ? environment : "http://localhost:8080";
	return 0;
}

static int options_finish(struct run_options *o, struct err *err)
{
	int rc = 0;

	if (o->time_scale)
		rc = number_parse("time-scale", o->time_scale, &o->plan.time_scale, err);
	if (!rc && o->rate && units_parse_rate(o->rate, &o->plan.rate_per_s))
		rc = err_set(err, -EINVAL, "--rate %s: expected requests per second, such as 50/s or 1000/m", o->rate);
	if (!rc && o->vus > 100000)
		rc = err_set(err, -EINVAL, "--vus %llu: at most 100000", (unsigned long long)o->vus);
	if (!rc && (o->threads > 64 || o->provider_threads > 64 || o->workers > 1024))
		rc = err_set(err, -EINVAL, "--threads and --provider-threads take at most 64, --workers at most 1024");
	if (!rc && o->session.overhead_header && !overhead_header_is_name(o->session.overhead_header))
		rc = err_set(err, -EINVAL, "--overhead-header \"%s\" is no name of a header of at most %d characters",
			     o->session.overhead_header, OVERHEAD_HEADER_NAME_MAX - 1);
	if (!rc && (o->session.survivors || o->session.reachability || o->session.until_sure) && !o->session.soak)
		rc = err_set(err, -EINVAL, "--survivors, --reachability and --until-sure are a soak's: toll soak --survivors");
	if (!rc && o->session.fills_ns && !o->session.until_sure)
		rc = err_set(err, -EINVAL, "--fills-within tells when --until-sure may begin to look: add it");
	if (!rc)
		rc = common_capture_mode(o->capture, &o->session.capture, err);
	o->plan.vus = (uint32_t)o->vus;
	o->plan.criterion = o->criterion.value;
	o->plan.criteria = o->criterion.count;
	o->session.threads = (unsigned)o->threads;
	o->session.provider_threads = (unsigned)o->provider_threads;
	o->session.workers = (unsigned)o->workers;
	o->session.tag = o->tag;
	o->session.header = &o->header;
	o->session.recipe_params = &o->set;
	/* a soak pays for probes of the allocator once memory grows */
	if (o->session.soak && !o->common.probes)
		o->common.probes = "sockets,threads,stacks";
	rc = rc ? rc : common_finish(&o->common, &o->session, err);
	return rc ? rc : gateway_choose(&o->session, err);
}

/* A key, and an upstream that is not ours: somebody may have to pay for the answers. */
static bool may_be_paid(const struct session_config *c)
{
	return c->api_key && !c->recipe && !c->provider;
}

static int paid_ask(const struct run_options *o, const struct plan *plan, struct err *err)
{
	char answer[16] = "";
	int rc;

	fprintf(stderr, "%s may be paid for (an API key is set, and the upstream is not toll's own):\n", plan->name);
	rc = plan_print_cost(plan, o->prices, stderr, err);
	if (rc)
		return rc;
	if (!isatty(STDIN_FILENO))
		return err_set(err, -ECANCELED,
			       "%s was skipped: it may cost money, and there is no terminal to ask at; --yes runs it",
			       plan->name);
	fprintf(stderr, "Run it? [y/N] ");
	if (!fgets(answer, sizeof(answer), stdin) || (answer[0] != 'y' && answer[0] != 'Y'))
		return err_set(err, -ECANCELED, "%s was not run", plan->name);
	return 0;
}

static int run_plan(struct run_options *o, const char *source, struct err *err)
{
	struct plan *plan = NULL;
	int rc = plan_load(source, &o->plan, &plan, err), code;

	if (rc)
		return common_fail(err);
	o->session.plan = plan;
	if (o->dry_run) {
		plan_print(plan, stdout);
		rc = plan_print_cost(plan, o->prices, stdout, err);
	} else {
		rc = may_be_paid(&o->session) && !o->yes ? paid_ask(o, plan, err) : 0;
	}
	if (rc)
		code = common_fail(err);
	else
		code = o->dry_run ? EXIT_CODE_OK : common_run(&o->common, &o->session);
	plan_free(plan);
	return code;
}

static int run_in(void *ctx, const char *source, const char *out_dir)
{
	struct run_options o = *(const struct run_options *)ctx;
	struct err err = {0};

	o.session.out_dir = out_dir;
	return run_plan(&o, source, &err);
}

static int run_several(struct run_options *o, const char *const *source, unsigned sources, struct err *err)
{
	const struct run_family family = {
		.source = source,
		.sources = sources,
		.all = o->all,
		.skip_passed = o->skip_passed,
		.out_dir = o->session.out_dir,
		.run = run_in,
		.ctx = o,
	};
	int rc = run_family(&family, err);

	return rc < 0 ? common_fail(err) : rc;
}

static int run_all(struct run_options *o, const char *const *source, unsigned sources, struct err *err)
{
	return run_family_wanted(source, sources, o->all) ? run_several(o, source, sources, err) : run_plan(o, source[0], err);
}

static int run_parsed(struct run_options *o, const char *const *scenario, unsigned scenarios)
{
	struct err err = {0};
	int rc = 0;

	if (!scenario[0] && !o->all)
		rc = err_set(&err, -EINVAL, "which scenario? `toll scenarios` lists them; e.g. toll run gateway/smoke");
	if (!rc)
		rc = options_finish(o, &err);
	return rc ? common_fail(&err) : run_all(o, scenario, scenarios, &err);
}

/* A soak is a run that judges leaks: it has a scenario of its own to begin with. */
static int run_or_soak(int argc, char **argv, bool soak)
{
	struct run_options o = {.tag = true, .common = COMMON_OPTIONS_DEFAULT, .session = {.soak = soak}};
	struct session_config *s = &o.session;
	const struct option rows[] = {
		{OPTION_STRING, "gateway", 'g', "URL", "the gateway to load (default $GATEWAY_URL, else localhost:8080)",
		 &s->url},
		{OPTION_STRING, "with", 'w', "RECIPE", "start a gateway: nginx, haproxy, portkey, reference, a path", &s->recipe},
		{OPTION_LIST, "set", 0, "KEY=VALUE", "a parameter of the recipe", &o.set},
		{OPTION_STRING, "plant", 0, "COSTS", "reference gateway: planted costs, e.g. sleep=1ms@request", &s->plant},
		{OPTION_U64, "workers", 0, "N", "workers of the recipe's gateway (default 1)", &o.workers},
		{OPTION_U64, "pid", 'p', "PID", "the gateway is this process and its children", &s->pid},
		{OPTION_STRING, "comm", 0, "NAME", "... or the processes of this name", &s->comm},
		{OPTION_STRING, "cgroup", 0, "PATH", "... or those in this cgroup", &s->cgroup},
		{OPTION_STRING, "provider", 0, "HOST:PORT", "run the embedded provider there", &s->provider},
		{OPTION_U64, "provider-threads", 0, "N", "threads of the embedded provider (default 1)", &o.provider_threads},
		{OPTION_STRING, "provider-tls-cert", 0, "FILE", "the embedded provider speaks TLS", &s->provider_tls_cert},
		{OPTION_STRING, "provider-tls-key", 0, "FILE", "... with this key", &s->provider_tls_key},
		{OPTION_STRING, "time-scale", 0, "F", "multiply all stage durations, e.g. 0.1", &o.time_scale},
		{OPTION_DURATION, "for", 0, "TIME", "stretch or shrink the whole scenario to this long", &o.plan.duration_ns},
		{OPTION_FLAG, "quick", 0, NULL, "the scenario's quick form", &o.plan.quick},
		{OPTION_STRING, "rate", 0, "RATE", "replace the rate of open stages, e.g. 200/s", &o.rate},
		{OPTION_U64, "vus", 0, "N", "replace the virtual users of closed stages", &o.vus},
		{OPTION_U64, "seed", 0, "N", "seed of arrivals, mix and provider", &o.plan.seed},
		{OPTION_LIST, "criterion", 0, "TEXT", "add a criterion, or replace the one on the same metric", &o.criterion},
		{OPTION_U64, "threads", 0, "N", "driver threads (default 1)", &o.threads},
		{OPTION_LIST, "header", 'H', "HEADER", "an extra request header, \"Name: value\"", &o.header},
		{OPTION_FLAG, "tag", 0, NULL, "carry a tag at the end of the prompt (--no-tag: join by order)", &o.tag},
		{OPTION_FLAG, "traceparent", 0, NULL, "send a traceparent: a gateway's spans go below otlp's", &s->traceparent},
		{OPTION_STRING, "overhead-header", 0, "NAME", "where answers tell what the gateway took", &s->overhead_header},
		{OPTION_FLAG, "tls-insecure", 'k', NULL, "do not check the gateway's TLS certificate", &s->tls_insecure},
		{OPTION_STRING, "ca-file", 0, "FILE", "certificates to check it with", &s->ca_file},
		{OPTION_FLAG, "until-sure", 0, NULL, "soak: end once three looks in a row agree on the verdict", &s->until_sure},
		{OPTION_DURATION, "fills-within", 0, "TIME",
		 "... the first of them when caches are full (default 0.4 of the time)", &s->fills_ns},
		{OPTION_FLAG, "survivors", 0, NULL, "soak: follow blocks of memory from the begin on", &s->survivors},
		{OPTION_FLAG, "reachability", 0, NULL, "soak: a pause at the end, to find what nothing points to (glibc)",
		 &s->reachability},
		{OPTION_FLAG, "http2", 0, NULL, "HTTP/2 by TLS and ALPN", &s->http2},
		{OPTION_STRING, "capture", 0, "MODE", "full, sample (default, at most --capture-max) or off", &o.capture},
		{OPTION_FLAG, "yes", 'y', NULL, "do not ask before a run that may cost money", &o.yes},
		{OPTION_STRING, "prices", 0, "FILE", "price table (default: list prices that come with toll)", &o.prices},
		{OPTION_FLAG, "all", 0, NULL, "every built-in scenario", &o.all},
		{OPTION_FLAG, "skip-passed", 0, NULL, "several scenarios: not those that are met in --out already",
		 &o.skip_passed},
		{OPTION_FLAG, "dry-run", 0, NULL, "print the timeline, requests, tokens and cost, send nothing", &o.dry_run},
		COMMON_OPTION_ROWS(o.common, s),
	};
	const char *scenario[SOURCES_MAX] = {soak ? "soak" : NULL};
	unsigned positionals = 0;
	struct err err = {0};
	s->out_dir = soak ? "out/soak" : "out/run";
	int rc = options_parse(rows, soak ? &soak_help : &help, argc, argv, scenario, SOURCES_MAX, &positionals, &err);

	return rc > 0 ? EXIT_CODE_OK : rc ? common_fail(&err) : run_parsed(&o, scenario, positionals);
}

int command_run(int argc, char **argv)
{
	return run_or_soak(argc, argv, false);
}

int command_soak(int argc, char **argv)
{
	return run_or_soak(argc, argv, true);
}
