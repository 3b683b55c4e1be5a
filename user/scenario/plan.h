/* SPDX-License-Identifier: GPL-2.0-only */
/* A scenario file, checked, with defaults and environment filled in: immutable from here on. Everything below owns nothing of others. */
#ifndef TOLL_SCENARIO_PLAN_H
#define TOLL_SCENARIO_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "scenario/fault.h"

#define PLAN_CLASSES_MAX 16
#define PLAN_STAGES_MAX 64
#define PLAN_CRITERIA_MAX 48
#define PLAN_HEADERS_MAX 16
#define PLAN_CHECKS_MAX 8
#define PLAN_PROVIDERS_MAX 8
#define PLAN_FAULTS_MAX 16
#define PLAN_TENANTS_MAX 16
#define PLAN_SETTINGS_MAX 24
#define PLAN_UNTIL_MAX 3
#define PLAN_PEERS_MAX 8
#define PLAN_NAME_MAX 64
#define PLAN_PATH_MAX 256
#define PLAN_ACTIONS_MAX 4
#define PLAN_TURNS_MAX 1000
#define PLAN_BYTES_PER_TOKEN 4 /* of English text, for estimates and for prompts of so many tokens */

struct plan_data;
struct prompts;
struct trace;

enum plan_endpoint {
	PLAN_CHAT = 0, /* POST /v1/chat/completions */
	PLAN_EMBEDDINGS = 1, /* POST /v1/embeddings */
	PLAN_MODELS = 2, /* GET /v1/models */
	PLAN_HEALTH = 3, /* GET /health */
	PLAN_MESSAGES = 4, /* POST /v1/messages (Anthropic) */
};

enum plan_check_kind {
	PLAN_CHECK_STATUS = 0, /* status equals `number` */
	PLAN_CHECK_JSON = 1, /* JSON path present */
	PLAN_CHECK_NOT_EMPTY = 2, /* JSON path present and not empty */
	PLAN_CHECK_EQUALS = 3, /* JSON path equals `text` */
	PLAN_CHECK_WITHIN = 4, /* whole answer within `number` ns */
};
struct plan_check {
	char name[PLAN_NAME_MAX]; /* metric check.NAME */
	enum plan_check_kind kind;
	char path[96]; /* "choices.0.message.content" */
	char text[96];
	uint64_t number;
};

/* What a request must keep to be counted as goodput; 0: no limit. From when it was due. */
struct plan_slo {
	uint64_t latency_ns;
	uint64_t ttft_ns; /* streams */
	uint64_t inter_token_ns; /* streams: the mean of a request */
};

/* A request class: what is sent, how often, and what answer is good. */
struct plan_class {
	char name[PLAN_NAME_MAX];
	enum plan_endpoint endpoint;
	double weight; /* share of the mix, > 0 unless only stages name it */
	bool stream;
	bool fixed_prompt; /* every request the same bytes (cache tests): sent without a tag */
	uint64_t prompt_bytes; /* text of the last user message */
	char prompts_path[PLAN_PATH_MAX]; /* "": filler of prompt_bytes */
	const struct prompts *prompts; /* of the plan; row after row */
	uint32_t turns; /* closed loop: requests of one conversation, each with all that was said before; 1: each stands alone */
	uint32_t max_tokens;
	double temperature;
	uint64_t timeout_ns; /* whole request */
	uint64_t leave_after_ns; /* the client closes its connection so long after it sent, answered or not; 0: it stays */
	bool new_connection; /* each request on one of its own, closed behind the answer */
	uint64_t body_pause_ns; /* client pauses this long in the middle of the body (0: never) */
	uint32_t batch; /* embeddings: inputs per request */
	uint32_t expect_status[8]; /* 0-terminated; empty: 200..299 */
	struct plan_check check[PLAN_CHECKS_MAX];
	uint32_t checks;
	struct plan_slo slo;
};

enum plan_loop { PLAN_CLOSED = 0, PLAN_OPEN = 1 };
/* What is done before a stage begins, once all requests before it are done. */
enum plan_action_kind {
	PLAN_RESTART = 0, /* the gateway, by its recipe */
	PLAN_CLEAR = 1, /* the run's own cache peer */
	PLAN_WAIT = 2,
};
struct plan_action {
	enum plan_action_kind kind;
	uint64_t wait_ns;
};

enum plan_arrival { PLAN_CONSTANT = 0, PLAN_POISSON = 1 };

/* A stage goes linearly from `from` to `to` (equal: holds) over duration_ns. */
struct plan_stage {
	char name[PLAN_NAME_MAX];
	enum plan_loop loop;
	enum plan_arrival arrival; /* open loop */
	double from; /* closed: virtual users; open: requests per second */
	double to;
	uint64_t duration_ns; /* 0 with requests > 0: until they are done */
	uint64_t requests; /* stop the stage after this many; 0: no limit */
	uint32_t in_flight_max; /* open loop: requests due beyond it wait in the driver's queue, and the wait counts */
	uint64_t think_ns; /* closed loop */
	uint32_t classes; /* bit i: class i takes part; 0: all with weight */
	uint32_t tenants; /* bit i: tenant i takes part; 0: all */
	char trace_path[PLAN_PATH_MAX]; /* "": none */
	const struct trace *trace; /* open loop: arrivals and sizes come from here; from, to: its mean rate */
	double speed; /* of the trace: 2 is twice as fast */
	struct plan_action before[PLAN_ACTIONS_MAX];
	uint32_t befores;
	double step, up_to; /* of the file's item that this is one step of; 0: it is none */
	char until[PLAN_UNTIL_MAX][96]; /* criteria on this stage alone: when one comes true, the rest of its group is left out */
	uint32_t untils;
	uint32_t group; /* same number: steps of one item; 0: none */
};

/* Whose requests: each has its own API key, and a share of the load. */
struct plan_tenant {
	char name[PLAN_NAME_MAX];
	char key[96]; /* "Authorization: Bearer ..." */
	double weight;
	double quota_per_s; /* what the embedded gateway lets it have; 0: no limit */
};

/* Who stands behind the gateway beside the providers. */
enum plan_peer_kind {
	PLAN_PEER_REDIS = 0, /* started for the embedded gateway: second level of its cache */
	PLAN_PEER_POSTGRESQL = 1, /* started for the embedded gateway: knows the tenants' API keys */
	PLAN_PEER_BILLING = 2, /* started for the embedded gateway: takes its usage records */
	PLAN_PEER_ADDRESS = 3, /* is there already: its label is told */
};
struct plan_peer {
	char label[PLAN_NAME_MAX]; /* "db" */
	enum plan_peer_kind kind;
	char address[64]; /* "127.0.0.1:5432" of PLAN_PEER_ADDRESS */
};

/* A parameter of the embedded gateway's recipe. */
struct plan_setting {
	char name[32];
	char value[96];
};

/*
 * What the embedded provider does (other providers ignore it). Distributions are texts here, their form checked; provider/distribution.h
 * draws from them.
 */
struct plan_provider {
	char service_time
		[128]; /* "20ms", "lognormal(20ms,80ms)" = median,p99, "uniform(10ms,30ms)", "exponential(20ms)", "file:PATH" */
	char first_token_time[128]; /* streams: to the first token; empty: service_time */
	char inter_token_time[128];
	uint32_t tokens; /* tokens of an answer unless max_tokens is smaller; 0: max_tokens */
	uint64_t pause_ns; /* pause once in the middle of the body */
	uint64_t head_pause_ns; /* pause between head and body */
	bool head_early; /* streams: head at once, first token later */
	char label[PLAN_NAME_MAX]; /* "bedrock"; "provider" when there is only one */
	struct fault fault[PLAN_FAULTS_MAX];
	uint32_t faults;
};

struct plan {
	char name[PLAN_NAME_MAX]; /* "gateway/smoke" */
	char path[256]; /* the file it came from */
	char id[PLAN_NAME_MAX]; /* PERF_LOAD_..., may be empty */
	char answers[256]; /* the question it answers, a sentence */
	uint64_t seed;
	double time_scale;
	uint64_t warmup_ns; /* requests due before this are shown apart */
	char model[PLAN_NAME_MAX];
	struct plan_class class_[PLAN_CLASSES_MAX];
	uint32_t classes;
	struct plan_stage stage[PLAN_STAGES_MAX];
	uint32_t stages;
	char criterion[PLAN_CRITERIA_MAX][160]; /* already parsed once, so known to be good */
	uint32_t criteria;
	char abort_when[160];
	char says[2][32]; /* the verdict in its own words: all met; else. Empty: none */
	bool ratings; /* show how good the figures are by the common scale */
	struct plan_provider provider[PLAN_PROVIDERS_MAX]; /* the one that the gateway should prefer first */
	uint32_t providers; /* at least one */
	struct plan_tenant tenant[PLAN_TENANTS_MAX];
	uint32_t tenants; /* 0: all requests are of one, with the key of the environment */
	struct plan_setting setting[PLAN_SETTINGS_MAX]; /* of the embedded gateway; other gateways are as they are */
	uint32_t settings;
	struct plan_data *data; /* files that it names */
	struct plan_peer peer[PLAN_PEERS_MAX];
	uint32_t peers;
};

/* What the command line may change. Zero-initialise: nothing. */
struct plan_overrides {
	double time_scale; /* 0: as the file says */
	uint64_t duration_ns; /* scales all stages so that they take this long; 0: no */
	uint64_t seed; /* 0: as the file says */
	bool quick; /* apply the file's quick: block */
	double rate_per_s; /* > 0: replaces the rate of open stages */
	uint32_t vus; /* > 0: replaces the VUs of closed stages */
	const char *const *criterion; /* added to (same metric: replaces) the file's */
	unsigned criteria;
};

/*
 * source: a file's path, a built-in name ("gateway/smoke": <share>/scenarios/gateway/smoke.yaml), or "-" for standard input.
 * An error names file, line, key and what was expected. *out: caller frees with plan_free().
 */
int plan_load(const char *source, const struct plan_overrides *over, struct plan **out, struct err *err);
void plan_free(struct plan *plan);

/* Time when the last stage ends (relative to the start; count-bound stages count as 0), and requests if that is known, else 0. */
uint64_t plan_duration_ns(const struct plan *plan);
uint64_t plan_request_count(const struct plan *plan);

/* Calls fn for each built-in scenario in name order (name, answers, duration). Broken files are reported as an error at the end. */
int plan_list(int (*fn)(void *ctx, const struct plan *plan), void *ctx, struct err *err);

/* Calls fn for each built-in name that begins with family ("service/"; "": all), in name order; -ENOENT when there is none. */
int plan_family(const char *family, int (*fn)(void *ctx, const char *name), void *ctx, struct err *err);

/* Directory that holds scenarios/ ($TOLL_SHARE, else beside the program, else the install prefix). NULL: none found. */
const char *plan_share_dir(char *buf, unsigned long size);

#endif
