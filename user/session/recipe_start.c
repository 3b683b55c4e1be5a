// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "session/child.h"
#include "session/recipe_parts.h"

#define LISTEN_HOST "127.0.0.1"
#define PORT_TRIES 3
#define READY_POLL_NS (5 * NS_PER_MS)
#define READY_ANSWER_MS 1000
#define WORDS_MAX 64
#define NAMES_MAX 48

/* --- values of the placeholders: texts that live as long as the start ------------------------------------------------------- */

struct values {
	struct template_vars vars;
	char listen_port[8], upstream_port[8], workers[12];
	char workdir[224];
	char cache_dir[PATH_MAX], toll[PATH_MAX], recipe_dir[PATH_MAX];
	char user[64];
	char extra_name[NAMES_MAX][64];
};

static const struct recipe_parameter *find_parameter(const struct recipe *r, const char *name)
{
	for (unsigned i = 0; i < r->content->parameters; i++)
		if (!strcmp(r->content->parameter[i].name, name))
			return &r->content->parameter[i];
	return NULL;
}

static int unknown_parameter(const struct recipe *r, const char *text, struct err *err)
{
	char known[200] = "";
	size_t used = 0;

	for (unsigned i = 0; i < r->content->parameters && used < sizeof(known); i++) {
		int n = snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "", r->content->parameter[i].name);
		used += n > 0 ? (size_t)n : 0;
	}
	return err_set(err, -EINVAL, "recipe %s has no parameter \"%.60s\"; it has: %s", r->content->name, text,
		       known[0] ? known : "none");
}

static bool is_one_of(const struct recipe_parameter *p, const char *value)
{
	for (unsigned i = 0; i < p->one_ofs; i++)
		if (!strcmp(p->one_of[i], value))
			return true;
	return p->one_ofs == 0;
}

static int set_extra(const struct recipe *r, struct values *v, unsigned index, const char *text, struct err *err)
{
	size_t name = strcspn(text, "=");
	char *copy = v->extra_name[index];

	if (text[name] != '=' || name >= sizeof(v->extra_name[0]))
		return err_set(err, -EINVAL, "\"%s\" is no parameter of a recipe: expected name=value", text);
	memcpy(copy, text, name);
	copy[name] = '\0';
	const struct recipe_parameter *p = find_parameter(r, copy);
	if (!p)
		return unknown_parameter(r, copy, err);
	if (!is_one_of(p, text + name + 1))
		return err_set(err, -EINVAL, "recipe %s: parameter %s cannot be \"%s\"; its default is %s", r->content->name,
			       copy, text + name + 1, p->value);
	return template_set(&v->vars, p->name, text + name + 1);
}

static void set_fixed(const struct recipe *r, const struct recipe_params *params, struct values *v)
{
	struct passwd entry, *found = NULL;
	char room[2048];

	snprintf(v->upstream_port, sizeof(v->upstream_port), "%u", params->upstream_port & 0xffff);
	snprintf(v->workers, sizeof(v->workers), "%u", params->workers ? params->workers : 1);
	if (!realpath(r->dir, v->recipe_dir))
		snprintf(v->recipe_dir, sizeof(v->recipe_dir), "%s", r->dir);
	if (!getpwuid_r(geteuid(), &entry, room, sizeof(room), &found) && found)
		snprintf(v->user, sizeof(v->user), "%s", found->pw_name);
	ssize_t n = readlink("/proc/self/exe", v->toll, sizeof(v->toll) - 1);
	v->toll[n > 0 ? n : 0] = '\0';
	template_set(&v->vars, "listen_host", LISTEN_HOST);
	template_set(&v->vars, "listen_port", v->listen_port);
	template_set(&v->vars, "upstream_scheme", params->upstream_scheme ? params->upstream_scheme : "http");
	template_set(&v->vars, "upstream_tls", params->upstream_scheme && !strcmp(params->upstream_scheme, "https") ? "yes" : "");
	template_set(&v->vars, "upstream_host", params->upstream_host);
	template_set(&v->vars, "upstream_port", v->upstream_port);
	template_set(&v->vars, "workdir", v->workdir);
	template_set(&v->vars, "workers", v->workers);
	template_set(&v->vars, "recipe_dir", v->recipe_dir);
	template_set(&v->vars, "cache_dir", v->cache_dir);
	template_set(&v->vars, "user", v->user);
	template_set(&v->vars, "toll", v->toll);
}

static int set_values(const struct recipe *r, const struct recipe_params *params, struct values *v, struct err *err)
{
	int ret = recipe_cache_dir(r, v->cache_dir, sizeof(v->cache_dir), err);

	set_fixed(r, params, v);
	for (unsigned i = 0; i < r->content->parameters && !ret; i++)
		ret = template_set(&v->vars, r->content->parameter[i].name, r->content->parameter[i].value);
	if (!ret && params->extras > NAMES_MAX)
		ret = err_set(err, -E2BIG, "more than %d parameters for recipe %s", NAMES_MAX, r->content->name);
	for (unsigned i = 0; i < params->extras && !ret; i++)
		ret = set_extra(r, v, i, params->extra[i], err);
	return ret;
}

/* --- words ------------------------------------------------------------------------------------------------------------------ */

static void words_free(char **word, unsigned words)
{
	for (unsigned i = 0; i < words; i++) {
		free(word[i]);
		word[i] = NULL;
	}
}

/* Expanded words that are not empty, NULL behind them; returns how many, or -errno with err. */
static int words_expand(const struct recipe *r, const struct recipe_words *from, const struct template_vars *vars, char **word,
			unsigned max, struct err *err)
{
	char problem[160];
	unsigned used = 0;

	for (unsigned i = 0; i < from->words && used < max; i++) {
		struct buf b = {0};
		int ret = template_expand(vars, from->word[i], &b, problem, sizeof(problem));
		if (ret) {
			buf_fini(&b);
			words_free(word, used);
			return err_set(err, ret, "%s: \"%s\": %s", r->path, from->word[i], problem);
		}
		if (b.used)
			word[used++] = b.data;
		else
			buf_fini(&b);
	}
	word[used] = NULL;
	return (int)used;
}

/* --- ports and readiness ---------------------------------------------------------------------------------------------------- */

static int find_free_port(unsigned *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);

	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int ret = bind(fd, (struct sockaddr *)&a, sizeof(a)) || getsockname(fd, (struct sockaddr *)&a, &size) ? -errno : 0;
	close(fd);
	*port = ntohs(a.sin_port);
	return ret;
}

static int connect_to(unsigned port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		int e = errno;
		close(fd);
		return -e;
	}
	return fd;
}

/* Does it take connections, and where the recipe names a path, does it answer there (whatever the status)? */
static bool is_ready(const struct recipe *r, unsigned port)
{
	const char *path = r->content->ready ? r->content->ready->path : NULL;
	char text[512];
	bool ready = true;

	int fd = connect_to(port);
	if (fd < 0)
		return false;
	if (path) {
		int n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: " LISTEN_HOST "\r\nConnection: close\r\n\r\n",
				 path);
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ready = n > 0 && (size_t)n < sizeof(text) && send(fd, text, (size_t)n, MSG_NOSIGNAL) == n &&
			poll(&p, 1, READY_ANSWER_MS) == 1 && recv(fd, text, 7, MSG_WAITALL) == 7 && !memcmp(text, "HTTP/1.", 7);
	}
	close(fd);
	return ready;
}

static int wait_ready(const struct recipe *r, const struct recipe_running *running, struct err *err)
{
	char line[256], why[400];
	uint64_t deadline = clock_now_ns() + r->ready_ns;

	while (clock_now_ns() < deadline) {
		if (recipe_has_ended(running, why, sizeof(why)))
			return err_set(err, -ECHILD, "%s %s; its log: %s", r->content->title, why, running->log_path);
		if (is_ready(r, running->listen_port))
			return 0;
		if (child_stop_pending())
			return err_set(err, -EINTR, "a signal came while %s was starting", r->content->title);
		clock_sleep_until(clock_now_ns() + READY_POLL_NS, NULL);
	}
	child_log_last_line(running->log_path, line, sizeof(line));
	return err_set(err, -ETIMEDOUT, "%s was started but did not listen on port %u within %llu s%s%.200s; its log: %s",
		       r->content->title, running->listen_port, (unsigned long long)(r->ready_ns / NS_PER_S), line[0] ? ": " : "",
		       line, running->log_path);
}

/* --- start ------------------------------------------------------------------------------------------------------------------ */

static int make_workdir(const struct recipe_params *params, struct recipe_running *out, struct err *err)
{
	int ret = 0;

	if (!params->workdir) {
		ret = scratch_make(&out->own, "gateway");
		snprintf(out->workdir, sizeof(out->workdir), "%s", out->own.path);
	} else {
		char whole[PATH_MAX];
		ret = make_directories(params->workdir);
		if (!ret && !realpath(params->workdir, whole))
			ret = -errno;
		if (!ret && strlen(whole) >= sizeof(out->workdir))
			ret = -ENAMETOOLONG;
		if (!ret)
			snprintf(out->workdir, sizeof(out->workdir), "%.223s", whole);
	}
	if (ret)
		return err_set(err, ret, "cannot make the gateway's directory %s: %s",
			       params->workdir ? params->workdir : "under /tmp", strerror(-ret));
	snprintf(out->log_path, sizeof(out->log_path), "%s/gateway.log", out->workdir);
	unlink(out->log_path); /* of an earlier start in the same directory */
	return 0;
}

static int set_url(const struct recipe *r, const struct values *v, struct recipe_running *out, struct err *err)
{
	char problem[160];
	struct buf url = {0};

	int ret = template_expand(&v->vars, r->content->url, &url, problem, sizeof(problem));
	if (ret)
		err_set(err, ret, "%s: url: %s", r->path, problem);
	else
		snprintf(out->url, sizeof(out->url), "%s", url.data);
	buf_fini(&url);
	return ret;
}

/* Everything that depends on the port, then the process. */
static int start_on_port(const struct recipe *r, struct values *v, struct recipe_running *out, struct err *err)
{
	char *argv[WORDS_MAX + 1] = {NULL}, *env[WORDS_MAX + 1] = {NULL};
	struct child_spec spec = {.argv = argv, .env = env, .directory = out->workdir, .log_path = out->log_path};
	int ret = 0;

	snprintf(v->listen_port, sizeof(v->listen_port), "%u", out->listen_port & 0xffff);
	for (unsigned i = 0; i < r->content->files && !ret; i++)
		ret = recipe_write_file(r, &r->content->file[i], &v->vars, out->workdir, err);
	if (!ret)
		ret = set_url(r, v, out, err);
	if (ret)
		return ret;
	words_free(out->header, out->headers);
	int words = words_expand(r, &r->content->start, &v->vars, argv, WORDS_MAX, err);
	int entries = words_expand(r, &r->content->environment, &v->vars, env, WORDS_MAX, err);
	int headers = words_expand(r, &r->content->headers, &v->vars, out->header, RECIPE_HEADERS_MAX - 1, err);
	out->headers = headers > 0 ? (unsigned)headers : 0;
	ret = words < 0 ? words : entries < 0 ? entries : headers < 0 ? headers : 0;
	if (!ret && words == 0)
		ret = err_set(err, -EINVAL, "%s: start: no word is left of the command", r->path);
	if (!ret)
		ret = child_start(&spec, &out->pid, err);
	words_free(argv, words > 0 ? (unsigned)words : 0);
	words_free(env, entries > 0 ? (unsigned)entries : 0);
	return ret ? ret : wait_ready(r, out, err);
}

static bool port_was_taken(const struct recipe_running *running)
{
	char line[512];

	child_log_last_line(running->log_path, line, sizeof(line));
	return strcasestr(line, "in use") || strstr(line, "EADDRINUSE");
}

/* A free port may be taken by somebody else before the gateway has it: then the next one. */
static int start_somewhere(const struct recipe *r, const struct recipe_params *params, struct values *v,
			   struct recipe_running *out, struct err *err)
{
	struct err failure = {0};
	int ret = 0;

	for (unsigned try = 0; try < PORT_TRIES; try++) {
		failure = (struct err){0};
		out->listen_port = params->listen_port;
		ret = params->listen_port ? 0 : find_free_port(&out->listen_port);
		if (ret)
			return err_set(err, ret, "cannot find a free port for %s: %s", r->content->title, strerror(-ret));
		ret = start_on_port(r, v, out, &failure);
		if (ret != -ECHILD || params->listen_port || !port_was_taken(out))
			break;
		child_stop(out->pid, SIGKILL, 0, NULL);
		out->pid = 0;
	}
	return ret ? err_set(err, ret, "%s", failure.text) : 0;
}

int recipe_start(const struct recipe *r, const struct recipe_params *params, struct recipe_running *out, struct err *err)
{
	memset(out, 0, sizeof(*out));
	out->stop_signal = r->signal;
	out->grace_ns = r->grace_ns;
	struct values *v = calloc(1, sizeof(*v));
	if (!v)
		return err_set(err, -ENOMEM, "cannot start %s: out of memory", r->content->title);
	int ret = set_values(r, params, v, err);
	if (!ret)
		ret = recipe_check_needs(r, r->content->need, r->content->needs, err);
	if (!ret)
		ret = recipe_prepare(r, &v->vars, v->cache_dir, err);
	if (!ret)
		ret = make_workdir(params, out, err);
	if (!ret) {
		memcpy(v->workdir, out->workdir, sizeof(v->workdir));
		ret = start_somewhere(r, params, v, out, err);
	}
	free(v);
	if (ret) {
		if (ret == -ECHILD || ret == -ETIMEDOUT)
			scratch_leave(&out->own); /* the error names its log */
		recipe_stop(out);
	}
	return ret;
}

bool recipe_has_ended(const struct recipe_running *running, char *why, unsigned long size)
{
	char line[256], how[64];
	int status = 0;

	if (!child_ended(running->pid, &status))
		return false;
	child_log_last_line(running->log_path, line, sizeof(line));
	snprintf(why, size, "%s%s%s", child_status_text(status, how, sizeof(how)), line[0] ? ": " : "", line);
	return true;
}

void recipe_stop(struct recipe_running *running)
{
	if (running->pid > 0)
		child_stop(running->pid, running->stop_signal, running->grace_ns, NULL);
	running->pid = 0;
	scratch_remove(&running->own);
	words_free(running->header, running->headers);
	running->headers = 0;
}
