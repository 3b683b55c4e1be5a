// SPDX-License-Identifier: GPL-2.0-only
/* Before any probe: the output directory, the provider, the gateway, and which processes that is. */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/url.h"
#include "gateway/cpu_quota.h"
#include "session/parts.h"

#define PREFLIGHT_PATH "/v1/models"
#define PLANT_TEXT_MAX (8 + 128 * GATEWAY_PLANTS_MAX) /* a plant that parses is shorter */

static int directory_make(const char *path, struct err *err)
{
	char part[256];

	for (size_t i = 1; path[i - 1]; i++) {
		if (path[i] != '/' && path[i])
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)i, path);
		if (mkdir(part, 0755) && errno != EEXIST)
			return err_set(err, -errno, "cannot make the output directory %s: %s; choose another with --out", path,
				       strerror(errno));
	}
	return 0;
}

static int paths_make(struct session *s)
{
	const char *dir = s->config->out_dir;
	char absolute[PATH_MAX];
	int rc;

	if (s->config->no_result)
		return 0;
	rc = directory_make(dir, &s->err);

	if (rc)
		return rc;
	if (access(dir, W_OK))
		return err_set(&s->err, -errno, "cannot write into %s: %s; choose another directory with --out", dir,
			       strerror(errno));
	snprintf(s->capture_path, sizeof(s->capture_path), "%s/capture.toll", dir);
	snprintf(s->log_path, sizeof(s->log_path), "%s/provider.log", dir);
	if (!realpath(dir, absolute)) /* the gateway runs in a directory of its own */
		return err_set(&s->err, -errno, "cannot resolve %s: %s", dir, strerror(errno));
	snprintf(s->truth_path, sizeof(s->truth_path), "%s/truth.bin", absolute);
	unlink(s->truth_path); /* the gateway appends */
	unlink(s->log_path);
	return 0;
}

/* The first where --provider says, the others on free ports of this host. */
static int provider_start(struct session *s, unsigned index)
{
	const struct session_config *c = s->config;
	struct provider_child_config config = {
		.listen = c->provider && index == 0 ? c->provider : "127.0.0.1:0",
		.threads = c->provider_threads,
		.behaviour = c->plan ? &c->plan->provider[index] : NULL,
		.tls_cert = c->provider_tls_cert,
		.tls_key = c->provider_tls_key,
		.seed = (c->plan ? c->plan->seed : 1) + index,
		.upstream_index = index,
		.log_path = s->log_path,
	};

	return provider_child_start(&config, &s->provider[index], &s->err);
}

static int providers_start(struct session *s)
{
	const struct session_config *c = s->config;
	unsigned wanted = c->plan ? c->plan->providers : 1;
	int rc = 0;

	if (!c->provider && !c->recipe)
		return 0;
	for (unsigned i = 0; i < wanted && !rc; i++) {
		rc = provider_start(s, i);
		s->providers += !rc;
	}
	return rc;
}

/* "name=value" for the recipe's start. */
struct settings {
	char text[PLAN_SETTINGS_MAX][sizeof(struct plan_setting) + 2];
	char redis[40], billing[48];
	char db[sizeof(((struct postgres_child *)0)->conninfo) + 4];
	char keys[PLAN_TENANTS_MAX * (sizeof(((struct plan_tenant *)0)->key) + 32)];
	char upstreams[PLAN_PROVIDERS_MAX * (PLAN_NAME_MAX + 32)];
};

/* "bedrock=http://127.0.0.1:41001,openai=...": a recipe that knows one upstream only refuses it by name. */
static void upstreams_make(const struct session *s, char *out, size_t size)
{
	const struct plan *plan = s->config->plan;
	size_t used = (size_t)snprintf(out, size, "upstreams=");

	for (unsigned i = 0; i < s->providers && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s=%s://127.0.0.1:%u", i ? "," : "", plan->provider[i].label,
					 s->config->provider_tls_cert ? "https" : "http", s->provider[i].port);
}

static bool is_reference(const struct session *s)
{
	return !strcmp(recipe_name(s->recipe), "reference");
}

/* The tenants' keys and quotas, where no database knows them. False: there are no quotas. */
static bool keys_make(const struct plan *plan, char *out, size_t size)
{
	size_t used = (size_t)snprintf(out, size, "keys=");
	bool any = false;

	for (uint32_t i = 0; i < plan->tenants && used < size; i++) {
		const struct plan_tenant *t = &plan->tenant[i];

		used += (size_t)snprintf(out + used, size - used, "%s%s", i ? "," : "", t->key);
		if (t->quota_per_s > 0 && used < size)
			used += (size_t)snprintf(out + used, size - used, "=%g/s", t->quota_per_s);
		any = any || t->quota_per_s > 0;
	}
	return any;
}

/* The scenario's settings are the embedded gateway's; others have settings of their own. --set comes behind them and wins. */
static unsigned settings_make(const struct session *s, struct settings *settings, const char **extra)
{
	const struct plan *plan = s->config->plan;
	unsigned n = 0;

	if (plan && s->providers > 1) {
		upstreams_make(s, settings->upstreams, sizeof(settings->upstreams));
		extra[n++] = settings->upstreams;
	}
	if (!plan || !is_reference(s))
		return n;
	if (s->peers.redis.pid) {
		snprintf(settings->redis, sizeof(settings->redis), "redis=127.0.0.1:%u", s->peers.redis.port);
		extra[n++] = settings->redis;
	}
	if (s->peers.billing.pid) {
		snprintf(settings->billing, sizeof(settings->billing), "billing=http://127.0.0.1:%u", s->peers.billing.port);
		extra[n++] = settings->billing;
	}
	if (s->peers.db.pid) {
		snprintf(settings->db, sizeof(settings->db), "db=%s", s->peers.db.conninfo);
		extra[n++] = settings->db;
	} else if (keys_make(plan, settings->keys, sizeof(settings->keys))) {
		extra[n++] = settings->keys;
	}
	for (unsigned i = 0; i < plan->settings; i++) {
		snprintf(settings->text[i], sizeof(settings->text[i]), "%s=%s", plan->setting[i].name, plan->setting[i].value);
		extra[n++] = settings->text[i];
	}
	return n;
}

/* port, workdir: of its start before this one; 0, NULL: the first. */
static int gateway_start(struct session *s, unsigned port, const char *workdir)
{
	const struct session_config *c = s->config;
	char plant[PLANT_TEXT_MAX], truth[sizeof(s->truth_path) + 8];
	const char *extra[OPTION_LIST_MAX + PLAN_SETTINGS_MAX + 7];
	struct settings settings;
	struct recipe_params params = {
		.listen_port = port,
		.workdir = workdir,
		.upstream_scheme = c->provider_tls_cert ? "https" : "http",
		.upstream_host = "127.0.0.1",
		.upstream_port = s->provider[0].port,
		.workers = c->workers,
		.extra = extra,
	};
	int rc;

	params.extras = settings_make(s, &settings, extra);
	for (unsigned i = 0; c->recipe_params && i < c->recipe_params->count; i++)
		extra[params.extras++] = c->recipe_params->value[i];
	if (c->plant) {
		snprintf(plant, sizeof(plant), "plant=%s", c->plant);
		snprintf(truth, sizeof(truth), "truth=%s", s->truth_path);
		extra[params.extras++] = plant;
		extra[params.extras++] = truth;
	}
	rc = recipe_start(s->recipe, &params, &s->gateway, &s->err);
	if (rc)
		return rc;
	snprintf(s->url, sizeof(s->url), "%s", s->gateway.url);
	return 0;
}

static void headers_collect(struct session *s)
{
	const struct option_list *own = s->config->header;

	for (unsigned i = 0; i < s->gateway.headers && s->headers < SESSION_HEADERS_MAX; i++)
		s->header[s->headers++] = s->gateway.header[i];
	for (unsigned i = 0; own && i < own->count && s->headers < SESSION_HEADERS_MAX; i++)
		s->header[s->headers++] = own->value[i];
}

static int recipe_begin(struct session *s)
{
	const struct session_config *c = s->config;
	int rc = recipe_load(c->recipe, &s->recipe, &s->err);

	scratch_sweep();
	cpu_quota_sweep();
	if (!rc && c->plan)
		rc = session_peers_start(&s->peers, c->plan, is_reference(s), s->log_path, &s->err);
	return rc ? rc : gateway_start(s, 0, NULL);
}

/* On the same port and in the same directory: its clients and what it keeps on disk stay. */
int session_gateway_restart(struct session *s)
{
	char workdir[sizeof(s->gateway.workdir)];
	struct scratch own = s->gateway.own;
	unsigned port = s->gateway.listen_port;
	int rc;

	memcpy(workdir, s->gateway.workdir, sizeof(workdir));
	s->gateway.own = (struct scratch){0};
	recipe_stop(&s->gateway);
	s->headers = 0;
	rc = gateway_start(s, port, workdir);
	s->gateway.own = own;
	headers_collect(s);
	return rc;
}

/* What a stage wants done before it must be in our power, and is told now and not an hour later. */
static int actions_check(struct session *s)
{
	const struct plan *plan = s->config->plan;

	for (uint32_t i = 0; plan && i < plan->stages; i++)
		for (uint32_t k = 0; k < plan->stage[i].befores; k++) {
			enum plan_action_kind kind = plan->stage[i].before[k].kind;

			if (kind == PLAN_RESTART && !s->config->recipe)
				return err_set(&s->err, -EINVAL,
					       "stage %s wants the gateway restarted, which toll can do only to one that it "
					       "started: run it "
					       "--with RECIPE",
					       plan->stage[i].name);
			if (kind == PLAN_CLEAR && !s->peers.redis.pid)
				return err_set(
					&s->err, -EINVAL,
					"stage %s wants the cache cleared, which toll can do only to one that it started: it "
					"takes peers: {cache: redis} and --with reference",
					plan->stage[i].name);
		}
	return 0;
}

struct authority {
	char host[128];
	unsigned port;
	bool https;
};

static int url_split(const char *url, struct authority *a, struct err *err)
{
	const char *rest = strstr(url, "://");
	const char *end, *colon;

	a->https = !strncmp(url, "https://", 8);
	if (!rest || (!a->https && strncmp(url, "http://", 7)))
		return err_set(err, -EINVAL, "--gateway %s: expected http://HOST:PORT or https://HOST:PORT", url);
	rest += 3;
	end = rest + strcspn(rest, "/?#");
	colon = NULL;
	for (const char *p = rest; p < end && (*rest != '[' || p == rest || p > strchr(rest, ']')); p++)
		if (*p == ':')
			colon = p;
	if (*rest == '[' && strchr(rest, ']') && strchr(rest, ']') < end) {
		const char *close = strchr(rest, ']');

		colon = close[1] == ':' ? close + 1 : NULL;
		snprintf(a->host, sizeof(a->host), "%.*s", (int)(close - rest - 1), rest + 1);
	} else {
		snprintf(a->host, sizeof(a->host), "%.*s", (int)((colon ? colon : end) - rest), rest);
	}
	a->port = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : (a->https ? 443 : 80);
	if (!a->host[0] || !a->port || a->port > 65535)
		return err_set(err, -EINVAL, "--gateway %s: host or port is missing; expected http://HOST:PORT", url);
	return 0;
}

/* An address that this host can bind is this host's. Its numeric form, or that of the last that is not, goes to out. */
static bool host_is_local(const char *host, char *out, size_t size)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list, *a;
	bool local = false;

	if (getaddrinfo(host, NULL, &hints, &list))
		return false;
	for (a = list; a && !local; a = a->ai_next) {
		int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

		local = fd >= 0 && !bind(fd, a->ai_addr, a->ai_addrlen);
		if (getnameinfo(a->ai_addr, a->ai_addrlen, out, (socklen_t)size, NULL, 0, NI_NUMERICHOST))
			snprintf(out, size, "%s", host);
		if (fd >= 0)
			close(fd);
	}
	freeaddrinfo(list);
	return local;
}

int session_gateway_find(struct session *s)
{
	const struct session_config *c = s->config;
	struct authority a;
	char address[128] = "", shown[sizeof(s->url)];
	int rc;

	s->gateway_is_local = true;
	if (c->pid)
		return discover_by_pid((uint32_t)c->pid, &s->found, &s->err);
	if (c->comm)
		return discover_by_comm(c->comm, &s->found, &s->err);
	if (c->cgroup)
		return discover_by_cgroup(c->cgroup, &s->found, &s->err);
	rc = url_split(url_without_user(shown, sizeof(shown), s->url), &a, &s->err);
	if (rc)
		return rc;
	if (!host_is_local(a.host, address, sizeof(address))) {
		if (address[0] && !discover_by_container(address, a.port, &s->found, &s->err))
			return 0;
		memset(&s->err, 0, sizeof(s->err));
		s->gateway_is_local = false;
		snprintf(s->no_probes_because, sizeof(s->no_probes_because), "the gateway at %s is not on this host", a.host);
		return 0;
	}
	rc = discover_by_port(address, a.port, &s->strangers, &s->found, &s->err);
	if ((rc == -EPERM || rc == -EACCES) && geteuid()) {
		snprintf(s->no_probes_because, sizeof(s->no_probes_because), "not root: %.400s", s->err.text);
		memset(&s->err, 0, sizeof(s->err));
		return 0;
	}
	return rc;
}

static int preflight(struct session *s)
{
	struct driver_config config = {
		.plan = s->config->plan,
		.url = s->url,
		.api_key = s->config->api_key,
		.header = s->header,
		.headers = s->headers,
		.tls_insecure = s->config->tls_insecure,
		.ca_file = s->config->ca_file,
		.http2 = s->config->http2,
	};
	char shown[sizeof(s->url)];
	unsigned status = 0;
	int rc = driver_preflight(&config, PREFLIGHT_PATH, &status, &s->err);

	if (!rc && status >= 500)
		log_line(LOG_WARN, "%s%s answered %u before the run: is its upstream up?",
			 url_without_user(shown, sizeof(shown), s->url), PREFLIGHT_PATH, status);
	return rc;
}

int session_prepare(struct session *s)
{
	const struct session_config *c = s->config;
	int rc = paths_make(s);

	if (!rc)
		rc = gateway_log_init(&s->log, &c->gateway_log, &s->err);
	if (!rc)
		rc = metrics_endpoint_open(&s->metrics, s, &s->err);
	if (!rc)
		rc = truth_init(&s->truth, c->plant, &s->err);
	if (!rc)
		rc = providers_start(s);
	if (!rc && c->recipe)
		rc = recipe_begin(s);
	else if (!rc && c->url) {
		snprintf(s->url, sizeof(s->url), "%s", c->url);
		rc = c->plan ? session_peers_start(&s->peers, c->plan, false, s->log_path, &s->err) : 0;
	}
	if (!rc)
		rc = session_gateway_find(s);
	headers_collect(s);
	if (!rc)
		rc = actions_check(s);
	if (!rc && c->plan)
		rc = preflight(s);
	return rc;
}
