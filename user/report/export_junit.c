// SPDX-License-Identifier: GPL-2.0-only
/* JUnit XML as Jenkins, GitLab and GitHub's reporters read it: a criterion is a test case, and so is that the run itself was sound. */
#include "report/export.h"

#include <errno.h>
#include <string.h>

#include "report/html.h"
#include "report/text.h"

struct suite {
	struct html cases; /* XML takes the same escapes */
	const char *scenario;
	unsigned tests, failures, errors;
};

static void case_open(struct suite *s, const char *name)
{
	s->tests++;
	html_raw(&s->cases, "    <testcase classname=\"toll.");
	html_text(&s->cases, s->scenario);
	html_raw(&s->cases, "\" name=\"");
	html_text(&s->cases, name);
	html_raw(&s->cases, "\" time=\"0\"");
}

static void case_put(struct suite *s, const char *name, const char *element, const char *message)
{
	case_open(s, name);
	if (!element) {
		html_raw(&s->cases, "/>\n");
		return;
	}
	s->failures += !strcmp(element, "failure");
	s->errors += !strcmp(element, "error");
	html_fmt(&s->cases, ">\n      <%s message=\"", element);
	html_text(&s->cases, message);
	html_fmt(&s->cases, "\" type=\"toll\"/>\n    </testcase>\n");
}

static void criterion(struct suite *s, const json_t *c)
{
	char value[96];

	if (json_is_true(json_object_get(c, "met"))) {
		case_put(s, text_string(c, "text"), NULL, NULL);
		return;
	}
	if (!strcmp(text_string(c, "verdict"), "missed")) {
		snprintf(value, sizeof(value), "measured %.9g %s", text_number(c, "value"), text_string(c, "unit"));
		case_put(s, text_string(c, "text"), "failure", value);
		return;
	}
	case_put(s, text_string(c, "text"), "error", *text_string(c, "reason") ? text_string(c, "reason") : "not measured");
}

static void soundness(struct suite *s, const json_t *doc)
{
	const char *invalid = json_string_value(json_object_get(doc, "invalid"));
	bool complete = json_is_true(json_object_get(doc, "complete"));
	bool untrusted = json_is_true(json_object_get(json_object_get(doc, "trust"), "untrusted"));

	case_put(s, "the run came to its end", complete ? NULL : "error", text_string(doc, "cut_short_because"));
	case_put(s, "the driver kept its schedule", invalid ? "error" : NULL, invalid);
	if (json_object_get(json_object_get(doc, "trust"), "untrusted"))
		case_put(s, "the two clocks agree", untrusted ? "error" : NULL,
			 "the kernel's marks and the ends' own clocks disagree");
}

int export_junit(const json_t *doc, FILE *out)
{
	struct suite s = {.scenario = *text_string(doc, "scenario") ? text_string(doc, "scenario") : text_string(doc, "command")};
	struct html page = {0};
	json_t *c;
	size_t i;

	json_array_foreach (json_object_get(doc, "criteria"), i, c) {
		criterion(&s, c);
	}
	soundness(&s, doc);
	html_raw(&page, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"toll ");
	html_text(&page, s.scenario);
	html_fmt(&page, "\" tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"0\" time=\"%.3f\"", s.tests, s.failures,
		 s.errors, text_number(doc, "duration_s"));
	if (*text_string(doc, "date"))
		html_fmt(&page, " timestamp=\"%.19s\"", text_string(doc, "date"));
	html_raw(&page, ">\n");
	page.failed |= s.cases.failed || buf_append(&page.b, s.cases.b.data, s.cases.b.used);
	html_raw(&page, "  </testsuite>\n</testsuites>\n");
	if (!page.failed)
		fwrite(page.b.data, 1, page.b.used, out);
	int r = page.failed ? -ENOMEM : export_end(out);
	buf_fini(&page.b);
	buf_fini(&s.cases.b);
	return r;
}
