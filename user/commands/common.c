// SPDX-License-Identifier: GPL-2.0-only
#include "commands/common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "commands/top_screen.h"
#include "commands/top_view.h"
#include "probe/groups.h"
#include "report/formats.h"

#define SAMPLE_HZ_MAX 10000
/* Unless it was asked for: less than so much of one CPU is not worth losing sight for. */
static const struct budget_limit budget_default = {.share = 0.03, .least = 0.002};

/* "2%", "2.5 %", "0", "off". */
static int budget_parse(const char *text, struct budget_limit *limit, struct err *err)
{
	double percent = 0;
	char *end = NULL;

	*limit = budget_default;
	if (!text)
		return 0;
	*limit = (struct budget_limit){.share = 0};
	if (!strcmp(text, "off"))
		return 0;
	percent = strtod(text, &end);
	if (end == text || !(percent >= 0 && percent <= 100) || (*end && strcmp(end + strspn(end, " "), "%") != 0))
		return err_set(err, -EINVAL, "--budget %.40s: expected a part of the gateway's CPU, such as 2%%, or off", text);
	limit->share = percent / 100;
	return 0;
}

int common_fail(const struct err *err)
{
	log_line(LOG_ERROR, "%s", err->text);
	return EXIT_CODE_CANNOT_RUN;
}

int common_capture_mode(const char *text, enum capture_mode *out, struct err *err)
{
	static const struct {
		const char *name;
		enum capture_mode mode;
	} modes[] = {{"full", CAPTURE_FULL}, {"sample", CAPTURE_SAMPLE}, {"off", CAPTURE_OFF}};

	*out = CAPTURE_SAMPLE;
	for (size_t i = 0; text && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(text, modes[i].name))
			continue;
		*out = modes[i].mode;
		return 0;
	}
	return text ? err_set(err, -EINVAL, "--capture %s: expected full, sample or off", text) : 0;
}

static const char *api_key_find(void)
{
	const char *key = getenv("API_KEY");

	if (!key || !key[0])
		key = getenv("OPENAI_API_KEY");
	return key && key[0] ? key : NULL;
}

/* Before anything runs: a form that does not exist would be found an hour too late. */
static int exports_check(const struct option_list *exports, struct err *err)
{
	const struct report_format *format;
	const char *path;
	int rc = 0;

	for (unsigned i = 0; i < exports->count && !rc; i++)
		rc = report_export_parse(exports->value[i], &format, &path, err);
	return rc;
}

int common_finish(const struct common_options *common, struct session_config *session, struct err *err)
{
	const char *no_color = getenv("NO_COLOR");

	if (common->format && strcmp(common->format, "json") && strcmp(common->format, "text"))
		return err_set(err, -EINVAL, "--format %s: expected text or json", common->format);
	if (session->ring_bytes &&
	    (session->ring_bytes < 4096 || session->ring_bytes > (1u << 30) || (session->ring_bytes & (session->ring_bytes - 1))))
		return err_set(err, -EINVAL, "--ring-bytes: expected a power of two from 4KiB to 1GiB");
	if (common->top && top_screen_is_missing())
		return err_set(err, -ENOTTY, "--top needs a terminal; --live FILE writes figures each second without one");
	if (common->sample_hz > SAMPLE_HZ_MAX)
		return err_set(err, -EINVAL, "--sample-hz %llu: at most %d", (unsigned long long)common->sample_hz,
			       SAMPLE_HZ_MAX);
	session->sample_hz = (unsigned)common->sample_hz;
	if (groups_parse(common->probes, &session->groups, err) || budget_parse(common->budget, &session->budget, err))
		return -EINVAL;
	if (paths_parse(&common->path, &session->paths, err))
		return -EINVAL;
	if (exports_check(&session->export, err))
		return -EINVAL;
	session->json = common->format && !strcmp(common->format, "json");
	session->no_probes = common->no_probes;
	session->capture_max_bytes = common->capture_max_bytes;
	session->colour = common->color && isatty(STDOUT_FILENO) && !(no_color && no_color[0]);
	session->api_key = api_key_find();
	if (common->verbose)
		log_set_level(LOG_DEBUG);
	else if (session->quiet)
		log_set_level(LOG_WARN);
	return 0;
}

int common_run(const struct common_options *common, struct session_config *session)
{
	return common->top ? top_view_run(session) : session_run(session);
}
