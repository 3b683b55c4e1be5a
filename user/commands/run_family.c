// SPDX-License-Identifier: GPL-2.0-only
#include "commands/run_family.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "commands/run_junit.h"
#include "report/report.h"
#include "scenario/plan.h"
#include "session/session.h"

struct names {
	char **name;
	unsigned count;
};

static volatile sig_atomic_t stop_signal;

static int names_add(void *ctx, const char *name)
{
	struct names *names = ctx;
	char **grown = reallocarray(names->name, names->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	names->name = grown;
	names->name[names->count] = strdup(name);
	return names->name[names->count] ? (int)(names->count++ & 0) : -ENOMEM;
}

static void names_free(struct names *names)
{
	for (unsigned i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
}

static bool is_family(const char *source)
{
	size_t n = strlen(source);

	return n > 1 && source[n - 1] == '/' && source[0] != '/' && source[0] != '.';
}

bool run_family_wanted(const char *const *source, unsigned sources, bool all)
{
	return all || sources > 1 || (sources == 1 && is_family(source[0]));
}

static int names_collect(const struct run_family *f, struct names *names, struct err *err)
{
	int rc = f->all ? plan_family("", names_add, names, err) : 0;

	for (unsigned i = 0; i < f->sources && !rc && !f->all; i++)
		rc = is_family(f->source[i]) ? plan_family(f->source[i], names_add, names, err) : names_add(names, f->source[i]);
	return rc == -ENOMEM ? err_set(err, rc, "no memory for the names of the scenarios") : rc;
}

/* A file's path makes a directory's name: "./mine/first.yaml" -> "mine/first". */
static void directory_of(const char *out_dir, const char *source, char *out, size_t size)
{
	size_t n;

	source += strspn(source, "./");
	n = strlen(source);
	if (n > 5 && !strcmp(source + n - 5, ".yaml"))
		n -= 5;
	snprintf(out, size, "%s/%.*s", out_dir, (int)n, n ? source : "stdin");
}

/* --- one scenario ----------------------------------------------------------------------------------------------------------- */

static json_t *result_read(const char *dir)
{
	char path[PATH_MAX];
	json_t *doc = NULL;
	struct err err = {0};

	snprintf(path, sizeof(path), "%.4000s/result.json", dir);
	return report_read_json(path, &doc, &err) ? NULL : doc;
}

static bool has_passed(const char *dir)
{
	json_t *doc = result_read(dir);
	bool passed = doc && report_exit_code(doc) == EXIT_CODE_OK;

	json_decref(doc);
	return passed;
}

/* The table is what the screen shows; each report stands in its directory. */
static void child_main(const struct run_family *f, const char *source, const char *dir)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (null >= 0)
		dup2(null, STDOUT_FILENO);
	_exit(f->run(f->ctx, source, dir));
}

static void on_signal(int number)
{
	stop_signal = number;
}

/* A signal to us alone goes on to the child; from a terminal it has it already, and twice is no harm. */
static int child_wait(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return EXIT_CODE_CANNOT_RUN;
		kill(pid, (int)stop_signal);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_CODE_CANNOT_RUN;
}

static int run_one(const struct run_family *f, const char *source, const char *dir)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return EXIT_CODE_CANNOT_RUN;
	if (pid == 0)
		child_main(f, source, dir);
	return child_wait(pid);
}

/* --- the table -------------------------------------------------------------------------------------------------------------- */

static void print_missed(const json_t *doc)
{
	const json_t *criteria = json_object_get(doc, "criteria");

	for (size_t i = 0; i < json_array_size(criteria); i++) {
		const json_t *row = json_array_get(criteria, i);
		const char *reason = json_string_value(json_object_get(row, "reason"));
		const json_t *value = json_object_get(row, "value");

		if (json_is_true(json_object_get(row, "met")))
			continue;
		printf("    %-12s %s", json_string_value(json_object_get(row, "verdict")),
		       json_string_value(json_object_get(row, "text")));
		if (json_is_number(value))
			printf("   (measured %.6g %s)", json_number_value(value),
			       json_string_value(json_object_get(row, "unit")));
		printf("%s%s\n", reason ? ": " : "", reason ? reason : "");
	}
}

static unsigned criteria_met(const json_t *doc, unsigned *all)
{
	const json_t *criteria = json_object_get(doc, "criteria");
	unsigned met = 0;

	*all = (unsigned)json_array_size(criteria);
	for (size_t i = 0; i < json_array_size(criteria); i++)
		met += json_is_true(json_object_get(json_array_get(criteria, i), "met"));
	return met;
}

static void print_row(const char *name, int code, double seconds, const json_t *doc)
{
	static const char *const words[] = {"met", "missed", "could not run", "cut short"};
	const char *invalid = json_string_value(json_object_get(doc, "invalid"));
	unsigned all = 0, met = doc ? criteria_met(doc, &all) : 0;

	printf("%-14s %-36s %8.1f s", invalid ? "invalid" : code >= 0 && code <= 3 ? words[code] : "ended badly", name, seconds);
	if (doc && code != EXIT_CODE_CANNOT_RUN)
		printf("   %u of %u criteria", met, all);
	putchar('\n');
	if (invalid)
		printf("    %s\n", invalid);
	if (doc && (code == EXIT_CODE_CRITERIA || code == EXIT_CODE_CUT_SHORT))
		print_missed(doc);
	fflush(stdout);
}

/* Could not run is worse than cut short, that worse than missed. */
static int worse(int a, int b)
{
	static const int rank[] = {0, 1, 3, 2};
	int ra = a >= 0 && a <= 3 ? rank[a] : 3, rb = b >= 0 && b <= 3 ? rank[b] : 3;

	return ra > rb ? a : b;
}

static int run_all(const struct run_family *f, const struct names *names, struct run_junit *junit)
{
	int worst = EXIT_CODE_OK;

	for (unsigned i = 0; i < names->count && !stop_signal; i++) {
		char dir[PATH_MAX];
		uint64_t start_ns = clock_now_ns();
		double seconds;
		json_t *doc;
		int code;

		directory_of(f->out_dir, names->name[i], dir, sizeof(dir));
		if (f->skip_passed && has_passed(dir)) {
			printf("%-14s %-36s\n", "passed before", names->name[i]);
			run_junit_skipped(junit, names->name[i], "its result in the output directory is met already");
			continue;
		}
		code = run_one(f, names->name[i], dir);
		seconds = (double)(clock_now_ns() - start_ns) / 1e9;
		doc = code == EXIT_CODE_CANNOT_RUN ? NULL : result_read(dir);
		print_row(names->name[i], code, seconds, doc);
		run_junit_add(junit, names->name[i], code, seconds, doc);
		json_decref(doc);
		worst = worse(worst, code);
	}
	return worst;
}

int run_family(const struct run_family *f, struct err *err)
{
	struct sigaction stop = {.sa_handler = on_signal}, before_int, before_term, before_hup;
	struct names names = {0};
	struct run_junit junit = {0};
	int code = EXIT_CODE_CANNOT_RUN, rc;

	rc = names_collect(f, &names, err);
	if (!rc) {
		stop_signal = 0;
		sigaction(SIGINT, &stop, &before_int);
		sigaction(SIGTERM, &stop, &before_term);
		sigaction(SIGHUP, &stop, &before_hup);
		code = run_all(f, &names, &junit);
		if (stop_signal)
			code = worse(code, EXIT_CODE_CUT_SHORT);
		sigaction(SIGINT, &before_int, NULL);
		sigaction(SIGTERM, &before_term, NULL);
		sigaction(SIGHUP, &before_hup, NULL);
		rc = run_junit_write(&junit, f->out_dir, err);
	}
	run_junit_fini(&junit);
	names_free(&names);
	return rc ? rc : code;
}
