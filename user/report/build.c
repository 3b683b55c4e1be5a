// SPDX-License-Identifier: GPL-2.0-only
#include "report/build.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void machine_cpu_model(char *out, size_t size)
{
	char line[256];
	FILE *f = fopen("/proc/cpuinfo", "re");

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		char *value = strchr(line, ':');
		if (strncmp(line, "model name", 10) || !value)
			continue;
		value += strspn(value, ": \t");
		value[strcspn(value, "\n")] = 0;
		snprintf(out, size, "%s", value);
		break;
	}
	fclose(f);
}

void report_machine_here(struct report_machine *out)
{
	struct utsname u;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	memset(out, 0, sizeof(*out));
	if (!uname(&u)) {
		snprintf(out->kernel, sizeof(out->kernel), "%.30s %.64s", u.sysname, u.release);
		snprintf(out->hostname, sizeof(out->hostname), "%.63s", u.nodename);
	}
	machine_cpu_model(out->cpu, sizeof(out->cpu));
	out->cores = cores > 0 ? (unsigned)cores : 0;
}

const char *build_no_probes(const struct report_input *in)
{
	if (in->no_probes_because)
		return in->no_probes_because;
	if (!in->timeline || !in->attribution || !in->total.attribution)
		return "no probes were on";
	return NULL;
}

uint64_t build_end_ns(const struct report_set *set)
{
	return set->to_ns ? set->to_ns : UINT64_MAX;
}

static void build_date(struct build *b)
{
	char text[32];
	time_t start = (time_t)b->in->start_unix_s;
	struct tm utc;

	if (!b->in->start_unix_s || !gmtime_r(&start, &utc)) {
		build_absent(b, "", "date", "the start of the run is not known");
		return;
	}
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	build_put(b, b->doc, "date", json_string(text));
}

static void build_machine(struct build *b)
{
	const struct report_machine *m = &b->in->machine;
	json_t *machine = build_object(b, b->doc, "machine");

	if (m->hostname[0])
		build_put(b, machine, "hostname", report_text(m->hostname));
	if (m->kernel[0])
		build_put(b, machine, "kernel", report_text(m->kernel));
	if (m->cpu[0])
		build_put(b, machine, "cpu", report_text(m->cpu));
	if (m->cores)
		build_put(b, machine, "cores", json_integer(m->cores));
	if (!m->hostname[0] && !m->kernel[0])
		build_absent(b, "", "machine", "the machine of the run is not known");
}

static void build_head(struct build *b)
{
	const struct report_input *in = b->in;

	build_put(b, b->doc, "schema", json_string("toll.result/1"));
	if (in->invalid_because)
		build_put(b, b->doc, "invalid", report_text(in->invalid_because));
	build_put(b, b->doc, "complete", json_boolean(in->complete));
	if (!in->complete)
		build_put(b, b->doc, "cut_short_because",
			  report_text(in->cut_short_because ? in->cut_short_because : "the reason is not known"));
	build_put(b, b->doc, "command", report_text(in->command ? in->command : "run"));
	build_put(b, b->doc, "scenario", report_text(in->scenario ? in->scenario : ""));
	build_date(b);
	build_put(b, b->doc, "duration_s", build_number(in->duration_s));
	build_machine(b);
	if (in->configuration)
		build_put(b, b->doc, "configuration", json_deep_copy(in->configuration));
	json_t *notes = build_array(b, b->doc, "notes");
	for (unsigned i = 0; i < in->notes; i++)
		build_append(b, notes, report_text(in->note[i]));
}

static void build_warmup(struct build *b)
{
	const struct report_input *in = b->in;
	json_t *warmup = build_object(b, b->doc, "warmup");

	build_put(b, warmup, "requests", build_u64(in->warmup_requests));
	if (!in->warmup_stats || !in->warmup_requests)
		return;
	build_put(b, warmup, "failed", build_u64(in->warmup_stats->failed));
	build_dist(b, warmup, "latency", in->warmup_stats->latency);
}

/* What was built where the probes are known. */
static void build_probed(struct build *b)
{
	const char *key, *path;
	json_t *part, *reason;

	json_object_foreach ((json_t *)b->in->probed, key, part)
		if (strcmp(key, "not_measured") != 0 && strcmp(key, "survivors") != 0 && strcmp(key, "growth_stacks") != 0 &&
		    strcmp(key, "reachability") != 0)
			build_put(b, b->doc, key, json_deep_copy(part));
	json_object_foreach (json_object_get(b->in->probed, "not_measured"), path, reason)
		build_absent(b, "", path, json_string_value(reason));
}

json_t *report_build(const struct report_input *in)
{
	struct build b = {.in = in, .doc = json_object(), .not_measured = json_object()};

	if (!b.doc || !b.not_measured)
		b.failed = true;
	build_head(&b);
	build_criteria(&b);
	build_gateway(&b);
	build_trust(&b);
	build_driver(&b);
	build_set(&b, b.doc, "", &in->total);
	build_warmup(&b);
	build_classes(&b);
	build_stages(&b);
	build_tenants(&b);
	build_blocks(&b);
	build_upstreams(&b);
	build_sockets(&b);
	build_queue(&b);
	build_resilience(&b);
	build_disconnects(&b);
	build_probed(&b);
	build_log(&b);
	build_overhead(&b);
	build_planted(&b);
	build_compositions(&b);
	build_findings(&b);
	build_growth(&b);
	build_calls(&b);
	build_threads(&b);
	build_exemplars(&b);
	build_capture(&b);
	build_series(&b);
	build_stacks(&b);
	build_leak(&b);
	build_put(&b, b.doc, "not_measured", b.not_measured);
	if (b.failed) {
		json_decref(b.doc);
		return NULL;
	}
	return b.doc;
}

int report_exit_code(const json_t *doc)
{
	const char *verdict = json_string_value(json_object_get(doc, "verdict"));

	const json_t *leak = json_object_get(doc, "leak");

	if (!json_is_true(json_object_get(doc, "complete")))
		return EXIT_CODE_CUT_SHORT;
	if (leak && strcmp(json_string_value(json_object_get(leak, "verdict")), "no_leak") != 0)
		return EXIT_CODE_CRITERIA;
	if (!verdict || (strcmp(verdict, "met") && strcmp(verdict, "none")))
		return EXIT_CODE_CRITERIA;
	return EXIT_CODE_OK;
}
