// SPDX-License-Identifier: GPL-2.0-only
#include "session/gateway_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/units.h"

#define GROUPS 3 /* the whole match, the number, its unit */
#define NUMBER_MAX 40

/* "12.5" and "ms"; log-linear histograms end at 2^48 ns. */
static bool read_ns(const char *number, const char *unit, uint64_t *ns)
{
	char one[NUMBER_MAX + 2], *end;
	double value = strtod(number, &end);
	uint64_t unit_ns;

	snprintf(one, sizeof(one), "1%s", unit);
	if (end == number || *end || !(value >= 0) || units_parse_duration_ns(one, &unit_ns) || value * (double)unit_ns > 1e14)
		return false;
	*ns = (uint64_t)(value * (double)unit_ns + 0.5);
	return true;
}

int gateway_log_init(struct gateway_log *g, const struct gateway_log_config *config, struct err *err)
{
	char why[120];
	uint64_t ns;
	int rc;

	g->config = *config;
	if (!config->pattern)
		return config->file || config->unit
			       ? err_set(err, -EINVAL, "--gateway-log-file and --gateway-log-unit go with --gateway-log PATTERN")
			       : 0;
	if (!g->config.unit)
		g->config.unit = "ms";
	if (!read_ns("1", g->config.unit, &ns))
		return err_set(err, -EINVAL, "--gateway-log-unit %.20s: expected ns, us, ms, s, m or h", g->config.unit);
	rc = regcomp(&g->pattern, config->pattern, REG_EXTENDED);
	if (rc) {
		regerror(rc, &g->pattern, why, sizeof(why));
		return err_set(err, -EINVAL, "--gateway-log %.80s: %s; expected a POSIX extended regular expression",
			       config->pattern, why);
	}
	g->compiled = true;
	if (!g->pattern.re_nsub || g->pattern.re_nsub >= GROUPS)
		return err_set(err, -EINVAL,
			       "--gateway-log %.80s: expected one group around the number, and perhaps a second around its unit, "
			       "such as "
			       "'took=([0-9.]+)(ms|s)'",
			       config->pattern);
	g->report.told = hist_new();
	return g->report.told ? 0 : err_set(err, -ENOMEM, "no memory for the gateway's log");
}

void gateway_log_begin(struct gateway_log *g, const char *own_path)
{
	struct stat st;

	if (!g->compiled || g->begun)
		return;
	g->begun = true;
	g->report.asked = true;
	snprintf(g->path, sizeof(g->path), "%s", g->config.file ? g->config.file : own_path);
	if (!g->path[0])
		snprintf(g->report.why, sizeof(g->report.why),
			 "the gateway was not started by a recipe: say where its log is with --gateway-log-file");
	else if ((g->held = fopen(g->path, "re")))
		g->from = fstat(fileno(g->held), &st) ? 0 : (uint64_t)st.st_size;
	else if (errno != ENOENT) /* it may appear with its first line */
		snprintf(g->report.why, sizeof(g->report.why), "cannot read %.200s: %s", g->path, strerror(errno));
	if (g->report.why[0])
		log_line(LOG_WARN, "the gateway's log: %s", g->report.why);
}

static void copy_group(char *out, size_t size, const char *line, const regmatch_t *m)
{
	snprintf(out, size, "%.*s", m->rm_so < 0 ? 0 : (int)(m->rm_eo - m->rm_so), line + (m->rm_so < 0 ? 0 : m->rm_so));
}

static void line_read(struct gateway_log *g, const char *line)
{
	char number[NUMBER_MAX], unit[NUMBER_MAX];
	regmatch_t m[GROUPS];
	uint64_t ns;

	g->report.lines++;
	if (regexec(&g->pattern, line, GROUPS, m, 0))
		return;
	copy_group(number, sizeof(number), line, &m[1]);
	copy_group(unit, sizeof(unit), line, &m[2]);
	if (read_ns(number, unit[0] ? unit : g->config.unit, &ns) && !hist_record(g->report.told, ns))
		g->report.matched++;
	else
		g->report.unread++;
}

static void file_read(struct gateway_log *g, FILE *f)
{
	char line[8192]; /* a longer one is read in pieces */

	while (fgets(line, sizeof(line), f))
		line_read(g, line);
	fclose(f);
}

/* True: `f` is the file that stood there at first, maybe under another name now. */
static bool is_held(const struct gateway_log *g, FILE *f)
{
	struct stat held, now;

	return g->held && !fstat(fileno(g->held), &held) && !fstat(fileno(f), &now) && held.st_ino == now.st_ino &&
	       held.st_dev == now.st_dev;
}

/* Of one that was cut meanwhile only what came behind the cut is left. */
static void held_read(struct gateway_log *g)
{
	struct stat st;

	if (!fstat(fileno(g->held), &st) && (uint64_t)st.st_size >= g->from)
		fseeko(g->held, (off_t)g->from, SEEK_SET);
	else
		g->report.cut = true;
	file_read(g, g->held);
	g->held = NULL;
}

void gateway_log_end(struct gateway_log *g)
{
	FILE *f;

	if (!g->begun || g->report.why[0])
		return;
	f = fopen(g->path, "re");
	if (!f && !g->held) {
		snprintf(g->report.why, sizeof(g->report.why), "cannot read %.200s: %s", g->path, strerror(errno));
		return;
	}
	if (f && is_held(g, f)) {
		fclose(f);
		f = NULL;
	} else {
		g->report.rotated = g->held != NULL;
	}
	if (g->held)
		held_read(g);
	if (f)
		file_read(g, f);
	if (!g->report.matched)
		snprintf(g->report.why, sizeof(g->report.why), "none of the %llu lines of %.200s matched --gateway-log",
			 (unsigned long long)g->report.lines, g->path);
}

void gateway_log_fini(struct gateway_log *g)
{
	if (g->compiled)
		regfree(&g->pattern);
	if (g->held)
		fclose(g->held);
	hist_free(g->report.told);
	*g = (struct gateway_log){.from = 0};
}
