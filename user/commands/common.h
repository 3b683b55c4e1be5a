/* SPDX-License-Identifier: GPL-2.0-only */
/* What `run` and `attach` share: where results go, how loud, probes or not. */
#ifndef TOLL_COMMANDS_COMMON_H
#define TOLL_COMMANDS_COMMON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "session/session.h"

struct common_options {
	uint64_t capture_max_bytes;
	uint64_t sample_hz;
	bool verbose;
	bool no_probes;
	bool top;
	const char *probes;
	const char *budget;
	struct option_list path;
	bool color;
	const char *format;
};

/* Whom to look at, where there is no load of ours. */
#define TARGET_OPTION_ROWS(s)                                                                                                    \
	{OPTION_U64, "pid", 'p', "PID", "this process and its children", &(s)->pid},                                             \
		{OPTION_STRING, "comm", 0, "NAME", "the processes of this name", &(s)->comm},                                    \
		{OPTION_STRING, "cgroup", 0, "PATH", "the processes in this cgroup", &(s)->cgroup},                              \
	{                                                                                                                        \
		OPTION_STRING, "gateway", 'g', "URL", "the processes that listen there", &(s)->url                               \
	}

/* Ways into the kernel that are asked for; struct option_list. */
#define PATH_OPTION_ROW(list)                                                                                                    \
	{                                                                                                                        \
		OPTION_LIST, "path", 0, "NAME=IMPL", "take this way into the kernel (toll doctor lists them); more than once",   \
			list                                                                                                     \
	}

/* The last rows of a command's table, its end included. */
#define COMMON_OPTION_ROWS(common, s)                                                                                            \
	{OPTION_STRING,                                                                                                          \
	 "probes",                                                                                                               \
	 0,                                                                                                                      \
	 "LIST",                                                                                                                 \
	 "sockets (always on), threads, stacks, syscalls, alloc (default auto: as the budget allows)",                           \
	 &(common).probes},                                                                                                      \
		{OPTION_STRING,                                                                                                  \
		 "budget",                                                                                                       \
		 0,                                                                                                              \
		 "SHARE",                                                                                                        \
		 "what probes may take of the gateway's CPU (default 3%, or 0.2% of a CPU; off)",                                \
		 &(common).budget},                                                                                              \
		PATH_OPTION_ROW(&(common).path),                                                                                 \
		{OPTION_FLAG, "ab", 0, NULL, "windows with and without probes: what they cost", &(s)->ab},                       \
		{OPTION_FLAG, "no-probes", 0, NULL, "load only, on purpose", &(common).no_probes},                               \
		{OPTION_U64,         "sample-hz", 0, "N", "CPU samples of the gateway, a second and CPU (default 99; 0: none)",  \
		 &(common).sample_hz},                                                                                           \
		{OPTION_BYTES, "ring-bytes", 0, "BYTES", "ring buffer (default 32MiB)", &(s)->ring_bytes},                       \
		{OPTION_BYTES, "capture-max", 0, "BYTES", "largest sampled capture (default 1GB)", &(common).capture_max_bytes}, \
		{OPTION_STRING, "out", 'o', "DIR", "where the result goes", &(s)->out_dir},                                      \
		{OPTION_STRING, "format", 0, "FORMAT", "text (default) or json on the screen", &(common).format},                \
		{OPTION_LIST, "export", 0, "FORMAT=FILE", "write (or POST, to a URL) this form too: influx=toll.influx",         \
		 &(s)->export},                                                                                                  \
		{OPTION_FLAG, "color", 0, NULL, "--no-color: plain text (also $NO_COLOR)", &(common).color},                     \
		{OPTION_FLAG, "top", 0, NULL, "a full screen of it while it goes; q ends it", &(common).top},                    \
		{OPTION_FLAG, "plain", 0, NULL, "progress as lines, not as one line that changes", &(s)->plain},                 \
		{OPTION_STRING, "live", 0, "FILE", "write a JSON line of figures there each second", &(s)->live_path},           \
		{OPTION_STRING,                                                                                                  \
		 "gateway-log",                                                                                                  \
		 0,                                                                                                              \
		 "PATTERN",                                                                                                      \
		 "its log tells its latency: \"took=([0-9.]+)(ms|s)\"",                                                          \
		 &(s)->gateway_log.pattern},                                                                                     \
		{OPTION_STRING,         "gateway-log-file", 0, "FILE", "that log (default: what a recipe's gateway prints)",     \
		 &(s)->gateway_log.file},                                                                                        \
		{OPTION_STRING, "gateway-log-unit", 0, "UNIT", "of numbers without one (default ms)", &(s)->gateway_log.unit},   \
		{OPTION_STRING,    "metrics-url", 0, "URL", "the gateway's own Prometheus page, or its path: told beside",       \
		 &(s)->metrics_url},                                                                                             \
		{OPTION_STRING,       "metrics-listen", 0, "HOST:PORT", "Prometheus may scrape /metrics there while it runs",    \
		 &(s)->metrics_listen},                                                                                          \
		{OPTION_FLAG, "quiet", 'q', NULL, "no progress lines", &(s)->quiet},                                             \
		{OPTION_FLAG, "verbose", 'v', NULL, "libbpf's messages too", &(common).verbose},                                 \
	{                                                                                                                        \
		OPTION_END, NULL, 0, NULL, NULL, NULL                                                                            \
	}

#define COMMON_OPTIONS_DEFAULT                                                                                                   \
	{                                                                                                                        \
		.color = true, .sample_hz = 99, .capture_max_bytes = 1000000000                                                  \
	}

/* Defaults, environment and the log's level into the session's configuration. */
int common_finish(const struct common_options *common, struct session_config *session, struct err *err);
/* The session, with a screen where one is asked for. Its exit code. */
int common_run(const struct common_options *common, struct session_config *session);
/* "full", "sample", "off"; NULL: sample. */
int common_capture_mode(const char *text, enum capture_mode *out, struct err *err);
/* Prints the one line and returns EXIT_CODE_CANNOT_RUN. */
int common_fail(const struct err *err);

#endif
