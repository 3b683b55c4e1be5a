/* SPDX-License-Identifier: GPL-2.0-only */
/* toll gateway */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/options.h"
#include "commands/commands.h"
#include "commands/serve.h"
#include "gateway/gateway.h"
#include "record/overhead_header.h"

struct gateway_options {
	const char *listen, *upstream, *plant, *tls_cert, *tls_key, *truth, *ready_fd;
	const char *defect, *redis, *db, *billing, *overhead_header;
	uint64_t billing_queue, threads_max, scale_ns;
	uint64_t redis_ttl_ns, db_pool, db_wait_ns, db_idle_ns;
	uint64_t threads, retries, backlog, backoff_ns, attempt_ns, breaker_failures, breaker_open_ns, cache_bytes, cache_ttl_ns;
	bool cache, upstream_insecure;
};

static const struct command_help help = {
	.usage = "toll gateway --upstream URL [options]",
	.text = "The reference gateway: a small honest reverse proxy that passes everything on to its upstreams, with costs "
		"planted "
		"by flag, so that what toll measures can be compared with what is known. Runs until it is interrupted.",
	.tables = "plants that cost time, as COST@SIDE or COST@SIDE/N (one request in N); SIDE is request, response or chunk:\n"
		  "  sleep=TIME           other requests go on\n"
		  "  cpu=TIME             work\n"
		  "  syscalls=N           of a µs or two each\n"
		  "  malloc=NxBYTES       and free\n"
		  "  page_faults=N        of fresh memory\n"
		  "  file_faults=N        of pages that come from a disk\n"
		  "  fsync=BYTES          written and synced\n"
		  "  lock=TIME            another thread holds it\n"
		  "  handoff[=TIME]       the side's later plants run in another thread, which takes them up after so long\n"
		  "  hog=TIME             the event loop serves another connection first\n"
		  "  neighbour=TIME       a process with real-time priority takes the worker's CPU\n"
		  "  quota=TIME/PERIOD    a control group's, which the request uses up\n"
		  "  resolver=TIME        request only: a name server takes so long before a new upstream connection\n"
		  "\n"
		  "plants that keep something, as KIND@WHEN; WHEN is any, chat, stream, embeddings, models, connection, error or "
		  "disconnect:\n"
		  "  leak=BYTES, mmap=BYTES, fd, closed_socket, close_wait, thread         leaks\n"
		  "  cache=plateau, cache=slow, fragment=BYTES, warmup=BYTES, sawtooth=BYTES, inflight=BYTES\n"
		  "                       no leaks, but they look like some\n"
		  "\n"
		  "environment: " GATEWAY_KEYS_VARIABLE "=KEY=RATE,...: only these API keys may call, each at most at its rate\n",
	.examples = "  toll gateway --upstream http://127.0.0.1:9000 --plant sleep=1ms@request,cpu=200us@response\n"
		    "  toll gateway --listen 127.0.0.1:8080 --upstream http://127.0.0.1:9000 --threads 2 --retries 2 --cache\n",
};

#define ROWS 31
static void options_fill(struct option rows[ROWS], struct gateway_options *o)
{
	const struct option table[ROWS] = {
		{OPTION_STRING, "listen", 0, "HOST:PORT", "where to listen (default 127.0.0.1:8080; port 0: any free one)",
		 &o->listen},
		{OPTION_STRING, "upstream", 0, "URL",
		 "where requests go: http://HOST:PORT or https://HOST:PORT; several in order of priority: a=URL,b=URL",
		 &o->upstream},
		{OPTION_U64, "threads", 0, "N", "worker threads (default 1)", &o->threads},
		{OPTION_U64, "threads-max", 0, "N",
		 "more of them while they are busy (above 70 % of a CPU each), fewer when they are not (below 30 %); default: no",
		 &o->threads_max},
		{OPTION_DURATION, "scale-every", 0, "TIME", "... looked at this often (default 1s)", &o->scale_ns},
		{OPTION_STRING, "plant", 0, "PLANTS", "costs to plant (default none)", &o->plant},
		{OPTION_U64, "retries", 0, "N",
		 "further rounds of attempts after a 5xx, 429, reset or refused connect (default 0)", &o->retries},
		{OPTION_DURATION, "backoff", 0, "TIME", "before the first of them, doubled before each later one (default 0)",
		 &o->backoff_ns},
		{OPTION_DURATION, "attempt-timeout", 0, "TIME", "give an attempt up that has no answer by then (default: never)",
		 &o->attempt_ns},
		{OPTION_U64, "breaker", 0, "N", "failures in a row that open an upstream's circuit breaker (default: no breaker)",
		 &o->breaker_failures},
		{OPTION_DURATION, "breaker-open", 0, "TIME", "how long it stays open before one call may try (default 5s)",
		 &o->breaker_open_ns},
		{OPTION_STRING, "db", 0, "CONNINFO",
		 "ask this PostgreSQL for the API key of each request (libpq's words; table api_keys: digest, tenant, "
		 "rate_per_s)",
		 &o->db},
		{OPTION_U64, "db-pool", 0, "N", "... over at most so many connections of each worker (default 10)", &o->db_pool},
		{OPTION_DURATION, "db-wait", 0, "TIME", "... for which a request waits at most so long (default 5s)",
		 &o->db_wait_ns},
		{OPTION_DURATION, "db-idle", 0, "TIME", "... that are closed when idle for so long (default: never)",
		 &o->db_idle_ns},
		{OPTION_STRING, "billing", 0, "URL", "POST a usage record of each request to this service's /v1/usage",
		 &o->billing},
		{OPTION_U64, "billing-queue", 0, "N",
		 "... of which so many of each worker may wait (default 1000); what comes beyond is dropped", &o->billing_queue},
		{OPTION_FLAG, "cache", 0, NULL, "answer equal requests from memory", &o->cache},
		{OPTION_BYTES, "cache-size", 0, "BYTES", "... of this size (default 64MiB)", &o->cache_bytes},
		{OPTION_DURATION, "cache-ttl", 0, "TIME", "... for this long (default: while there is room)", &o->cache_ttl_ns},
		{OPTION_STRING, "redis", 0, "HOST:PORT", "... and ask this Redis where the memory has no answer", &o->redis},
		{OPTION_DURATION, "redis-ttl", 0, "TIME", "how long it keeps them (default: for ever)", &o->redis_ttl_ns},
		{OPTION_STRING, "defect", 0, "DEFECTS",
		 "plant defects: breaker_never_opens, unlimited_retries, unfair_limiter, stream_crosstalk, pool_leak, "
		 "keeps_calls, billing_stalls "
		 "(default none)",
		 &o->defect},
		{OPTION_U64, "backlog", 0, "N", "listen backlog (default 1024)", &o->backlog},
		{OPTION_STRING, "overhead-header", 0, "NAME", "tell there what it took, in ms", &o->overhead_header},
		{OPTION_STRING, "tls-cert", 0, "PEM", "serve TLS with this certificate", &o->tls_cert},
		{OPTION_STRING, "tls-key", 0, "PEM", "... and this key", &o->tls_key},
		{OPTION_FLAG, "upstream-insecure", 0, NULL, "do not check the upstream's certificate", &o->upstream_insecure},
		{OPTION_STRING, "truth", 0, "FILE", "write what the plants took, request by request (struct gateway_truth)",
		 &o->truth},
		{OPTION_STRING, "ready-fd", 0, "FD", "write \"PORT\\n\" to this open descriptor once it listens", &o->ready_fd},
		{OPTION_END, NULL, 0, NULL, NULL, NULL},
	};
	memcpy(rows, table, sizeof(table));
}

static int number(uint64_t value, uint64_t most, const char *option, unsigned *out, struct err *err)
{
	if (value > most)
		return err_set(err, -ERANGE, "--%s %llu is more than %llu", option, (unsigned long long)value,
			       (unsigned long long)most);
	*out = (unsigned)value;
	return 0;
}

static int config_fill(struct gateway_config *c, const struct gateway_options *o, int *ready_fd, struct err *err)
{
	const char *keys = getenv(GATEWAY_KEYS_VARIABLE);
	char rest;

	*ready_fd = -1;
	if (!o->upstream)
		return err_set(err, -EINVAL,
			       "--upstream is missing: where should requests go? For example --upstream http://127.0.0.1:9000");
	if (o->ready_fd && (sscanf(o->ready_fd, "%d%c", ready_fd, &rest) != 1 || *ready_fd < 0))
		return err_set(err, -EINVAL, "--ready-fd wants the number of an open descriptor, not \"%s\"", o->ready_fd);
	if (o->overhead_header && o->overhead_header[0] && !overhead_header_is_name(o->overhead_header))
		return err_set(err, -EINVAL, "--overhead-header \"%s\" is no name of a header of at most %d characters",
			       o->overhead_header, OVERHEAD_HEADER_NAME_MAX - 1);
	if (!o->tls_cert != !o->tls_key)
		return err_set(err, -EINVAL, "--tls-cert and --tls-key go together");
	c->listen = o->listen;
	c->upstream = o->upstream;
	c->cache = o->cache;
	c->cache_bytes = o->cache_bytes;
	c->cache_ttl_ns = o->cache_ttl_ns;
	c->redis = o->redis && o->redis[0] ? o->redis : NULL;
	c->redis_ttl_ns = o->redis_ttl_ns;
	c->keys = keys && keys[0] ? keys : NULL;
	c->db = o->db && o->db[0] ? o->db : NULL;
	c->db_wait_ns = o->db_wait_ns;
	c->db_idle_ns = o->db_idle_ns;
	c->billing = o->billing && o->billing[0] ? o->billing : NULL;
	c->overhead_header = o->overhead_header && o->overhead_header[0] ? o->overhead_header : NULL;
	c->scale_ns = o->scale_ns;
	c->backoff_ns = o->backoff_ns;
	c->attempt_ns = o->attempt_ns;
	c->breaker_open_ns = o->breaker_open_ns;
	c->tls_cert = o->tls_cert;
	c->tls_key = o->tls_key;
	c->upstream_insecure = o->upstream_insecure;
	c->truth_path = o->truth;
	int ret = number(o->threads, 256, "threads", &c->threads, err);
	if (!ret)
		ret = number(o->retries, 100, "retries", &c->retries, err);
	if (!ret)
		ret = number(o->threads_max, 256, "threads-max", &c->threads_max, err);
	if (!ret)
		ret = number(o->billing_queue, 1000000, "billing-queue", &c->billing_queue, err);
	if (!ret)
		ret = number(o->db_pool, 10000, "db-pool", &c->db_pool, err);
	if (!ret)
		ret = number(o->backlog, 65535, "backlog", &c->backlog, err);
	if (!ret)
		ret = number(o->breaker_failures, 1000000, "breaker", &c->breaker_failures, err);
	if (!ret)
		ret = gateway_defects_parse(o->defect, &c->defects, err);
	return ret ? ret : gateway_plants_parse(o->plant, &c->plants, err);
}

static int gateway_command(const struct gateway_options *o, struct err *err)
{
	struct gateway_config config = {.stop = serve_until_signal(), .listening = serve_announce};
	struct serve_announcement announcement = {.listen = o->listen, .tls = o->tls_cert != NULL};

	int ret = config_fill(&config, o, &announcement.ready_fd, err);
	if (ret)
		return ret;
	config.ctx = &announcement;
	return gateway_run(&config, err);
}

int command_gateway(int argc, char **argv)
{
	struct gateway_options o = {
		.listen = "127.0.0.1:8080", .plant = "none", .defect = "none", .breaker_open_ns = 5 * NS_PER_S};
	struct option rows[ROWS];
	struct err err = {0};
	unsigned count = 0;

	options_fill(rows, &o);
	int ret = options_parse(rows, &help, argc, argv, NULL, 0, &count, &err);
	if (!ret)
		ret = gateway_command(&o, &err);
	if (ret < 0)
		log_line(LOG_ERROR, "%s", err.text);
	return ret < 0 ? EXIT_CODE_CANNOT_RUN : EXIT_CODE_OK;
}
