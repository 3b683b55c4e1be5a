/* SPDX-License-Identifier: GPL-2.0-only */
/* toll provider */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/options.h"
#include "commands/commands.h"
#include "commands/serve.h"
#include "provider/provider.h"

struct provider_options {
	const char *listen, *service_time, *first_token_time, *inter_token_time, *tls_cert, *tls_key, *log_fd, *ready_fd;
	uint64_t threads, tokens, pause_ns, head_pause_ns, seed, upstream_index;
	bool head_early, exact_hold;
	struct option_list fault;
	const char *start_fd;
};

static const struct command_help help = {
	.usage = "toll provider [options]",
	.text = "An OpenAI-compatible upstream with known service times: /v1/chat/completions (plain and stream), "
		"/v1/embeddings, "
		"/v1/models, /health, and Anthropic's /v1/messages. Times are durations (20ms) or distributions: "
		"lognormal(MEDIAN,P99), "
		"uniform(LEAST,MOST), exponential(MEAN), file:PATH. Runs until it is interrupted.",
	.examples = "  toll provider --listen 127.0.0.1:9000 --service-time 20ms\n"
		    "  toll provider --service-time 'lognormal(20ms,80ms)' --first-token-time 50ms --inter-token-time 10ms "
		    "--tokens 50\n",
};

#define ROWS 19
static void options_fill(struct option rows[ROWS], struct provider_options *o)
{
	const struct option table[ROWS] = {
		{OPTION_STRING, "listen", 0, "HOST:PORT", "where to listen (default 127.0.0.1:9000; port 0: any free one)",
		 &o->listen},
		{OPTION_U64, "threads", 0, "N", "threads (default 1)", &o->threads},
		{OPTION_STRING, "service-time", 0, "TIME", "how long an answer is held (default 0)", &o->service_time},
		{OPTION_STRING, "first-token-time", 0, "TIME", "streams: until the first token (default: service time)",
		 &o->first_token_time},
		{OPTION_STRING, "inter-token-time", 0, "TIME", "streams: between tokens (default 0)", &o->inter_token_time},
		{OPTION_U64, "tokens", 0, "N", "tokens of an answer unless max_tokens is smaller (default: max_tokens)",
		 &o->tokens},
		{OPTION_DURATION, "pause", 0, "TIME", "pause once in the middle of the body", &o->pause_ns},
		{OPTION_DURATION, "head-pause", 0, "TIME", "pause between head and body", &o->head_pause_ns},
		{OPTION_FLAG, "head-early", 0, NULL, "streams: send the head at once, the first token when it is due",
		 &o->head_early},
		{OPTION_FLAG, "exact-hold", 0, NULL, "spin for the last microseconds of a hold (takes CPU from the gateway)",
		 &o->exact_hold},
		{OPTION_STRING, "tls-cert", 0, "PEM", "serve TLS with this certificate", &o->tls_cert},
		{OPTION_STRING, "tls-key", 0, "PEM", "... and this key", &o->tls_key},
		{OPTION_U64, "seed", 0, "N", "seed of the drawn times (default 1)", &o->seed},
		{OPTION_STRING, "log-fd", 0, "FD",
		 "write the arrival log to this open descriptor, and end with the parent process", &o->log_fd},
		{OPTION_STRING, "ready-fd", 0, "FD", "write \"PORT\\n\" to this open descriptor once it listens", &o->ready_fd},
		{OPTION_U64, "upstream-index", 0, "N", "number of this upstream in the arrival log (default 0)",
		 &o->upstream_index},
		{OPTION_LIST, "fault", 0, "FAULT",
		 "what goes wrong, e.g. error=503,share=50%,from=10s,until=40s or limit=100/s,burst=20; may come several times",
		 &o->fault},
		{OPTION_STRING, "start-fd", 0, "FD",
		 "read the run's time 0 (8 bytes, CLOCK_MONOTONIC ns) from this descriptor (default: when it listens)",
		 &o->start_fd},
		{OPTION_END, NULL, 0, NULL, NULL, NULL},
	};
	memcpy(rows, table, sizeof(table));
}

static int text_copy(char *out, size_t size, const char *text, const char *option, struct err *err)
{
	if (strlen(text) >= size)
		return err_set(err, -EINVAL, "--%s is too long: at most %zu characters", option, size - 1);
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

/* -1 when not given */
static int descriptor_parse(const char *text, const char *option, int *out, struct err *err)
{
	char rest;
	*out = -1;
	if (!text)
		return 0;
	if (sscanf(text, "%d%c", out, &rest) != 1 || *out < 0)
		return err_set(err, -EINVAL, "--%s wants the number of an open descriptor, not \"%s\"", option, text);
	return 0;
}

static int faults_fill(struct plan_provider *b, const struct option_list *list, struct err *err)
{
	for (unsigned i = 0; i < list->count; i++) {
		int ret;
		if (i == PLAN_FAULTS_MAX)
			return err_set(err, -E2BIG, "--fault: more than %d of them", PLAN_FAULTS_MAX);
		ret = fault_parse(list->value[i], &b->fault[i], err);
		if (ret)
			return ret;
		b->faults = i + 1;
	}
	return 0;
}

static int config_fill(struct provider_config *c, const struct provider_options *o, int *ready_fd, struct err *err)
{
	struct plan_provider *b = &c->behaviour;
	c->listen = o->listen;
	c->threads = (unsigned)o->threads;
	c->tls_cert = o->tls_cert;
	c->tls_key = o->tls_key;
	c->seed = o->seed;
	c->upstream_index = (uint32_t)o->upstream_index;
	b->tokens = o->tokens > UINT32_MAX ? UINT32_MAX : (uint32_t)o->tokens;
	b->pause_ns = o->pause_ns;
	b->head_pause_ns = o->head_pause_ns;
	b->head_early = o->head_early;
	c->exact_hold = o->exact_hold;
	int ret = text_copy(b->service_time, sizeof(b->service_time), o->service_time, "service-time", err);
	if (!ret)
		ret = text_copy(b->first_token_time, sizeof(b->first_token_time), o->first_token_time, "first-token-time", err);
	if (!ret)
		ret = text_copy(b->inter_token_time, sizeof(b->inter_token_time), o->inter_token_time, "inter-token-time", err);
	if (!ret)
		ret = faults_fill(b, &o->fault, err);
	if (!ret)
		ret = descriptor_parse(o->start_fd, "start-fd", &c->start_fd, err);
	if (!ret)
		ret = descriptor_parse(o->log_fd, "log-fd", &c->log_fd, err);
	return ret ? ret : descriptor_parse(o->ready_fd, "ready-fd", ready_fd, err);
}

static int provider_command(const struct provider_options *o, struct err *err)
{
	struct provider_config config = {.stop = serve_until_signal(), .listening = serve_announce};
	struct serve_announcement announcement = {.listen = o->listen, .tls = o->tls_cert};
	int ret = config_fill(&config, o, &announcement.ready_fd, err);
	if (ret)
		return ret;
	config.ctx = &announcement;
	if (config.log_fd >= 0) /* the session that reads the log started us: we end with it */
		prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM, 0UL, 0UL, 0UL);
	return provider_run(&config, err);
}

int command_provider(int argc, char **argv)
{
	struct provider_options o = {
		.listen = "127.0.0.1:9000", .service_time = "0", .first_token_time = "", .inter_token_time = "", .seed = 1};
	struct option rows[ROWS];
	struct err err = {0};
	unsigned count = 0;
	options_fill(rows, &o);
	int ret = options_parse(rows, &help, argc, argv, NULL, 0, &count, &err);
	if (!ret)
		ret = provider_command(&o, &err);
	if (ret < 0)
		log_line(LOG_ERROR, "%s", err.text);
	return ret < 0 ? EXIT_CODE_CANNOT_RUN : EXIT_CODE_OK;
}
