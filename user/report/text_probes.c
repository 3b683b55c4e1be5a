// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "report/text.h"

static void group_words(char *out, size_t size, const char *name, const json_t *group)
{
	char share[TEXT_CELL], on[TEXT_CELL], held[64] = "";
	const char *mode = text_string(group, "mode");
	bool few_frees = !strcmp(mode, "frees_in_windows");
	bool in_windows = !strcmp(mode, "windows"), is_part = in_windows || !strcmp(mode, "left_out");

	if (json_object_get(group, "limited_from_s"))
		snprintf(held, sizeof(held), ", held back from %.1f s on", text_number(group, "limited_from_s"));
	snprintf(out, size, "%s: %s of the gateway's CPU%s%s%s%s%s", name,
		 json_object_get(group, "cpu_share") ? text_percent(share, text_number(group, "cpu_share")) : "an unknown part",
		 few_frees ? ", one return in 16 or more looked at, what gives back in windows"
		 : !strcmp(mode, "sampled") && !strcmp(name, "alloc") ? ", one return in 16 or more looked at"
								      : "",
		 in_windows                  ? ", in windows, on "
		 : !strcmp(mode, "left_out") ? ", left out but for a look now and then, on "
					     : "",
		 is_part ? text_percent(on, text_number(group, "on_share")) : "", is_part ? " of the time" : "", held);
}

static void ab_words(char *out, size_t size, const json_t *ab)
{
	const json_t *interval = json_object_get(ab, "interval_share");
	char with[TEXT_CELL], without[TEXT_CELL];

	snprintf(out, size,
		 "A/B: %s of gateway CPU a request with %s, %s without: %+.2f %% (95 %% confidence: %+.2f to %+.2f %%, %llu "
		 "pairs of "
		 "windows)",
		 text_ns(with, ab, "with_ns"), text_string(ab, "groups"), text_ns(without, ab, "without_ns"),
		 100 * text_number(ab, "difference_share"), 100 * json_number_value(json_array_get(interval, 0)),
		 100 * json_number_value(json_array_get(interval, 1)), (unsigned long long)text_u64(ab, "pairs"));
}

static void budget_words(char *out, size_t size, const json_t *doc, const json_t *probes)
{
	char least[64] = "", took[64] = "", share[TEXT_CELL];
	const json_t *all = json_object_get(json_object_get(doc, "trust"), "probe_cpu_share");

	if (json_object_get(probes, "budget_least_of_a_cpu"))
		snprintf(least, sizeof(least), ", or %.4g %% of a CPU", 100 * text_number(probes, "budget_least_of_a_cpu"));
	if (all)
		snprintf(took, sizeof(took), "; all together took %s", text_percent(share, json_number_value(all)));
	snprintf(out, size, "may take %.4g %% of the gateway's CPU%s (--budget)%s", 100 * text_number(probes, "budget"), least,
		 took);
}

void text_probes(struct text *t, const json_t *doc)
{
	const json_t *probes = json_object_get(doc, "probes"), *ab = json_object_get(probes, "ab");
	json_t *groups = json_object_get(probes, "groups"), *group;
	const char *name;
	char line[320];

	if (!probes)
		return;
	if (json_object_get(probes, "budget"))
		budget_words(line, sizeof(line), doc, probes);
	else
		snprintf(line, sizeof(line), "no budget was set");
	text_wrap(t, TEXT_BOLD, "PROBES", 12, line);
	json_object_foreach (groups, name, group) {
		group_words(line, sizeof(line), name, group);
		if (!strcmp(name, "sockets"))
			strncat(line, " (always on: without them there is no phase)", sizeof(line) - strlen(line) - 1);
		text_wrap(t, TEXT_PLAIN, "", 12, line);
	}
	if (ab) {
		ab_words(line, sizeof(line), ab);
		text_wrap(t, TEXT_PLAIN, "", 12, line);
	}
	text_blank(t);
}
