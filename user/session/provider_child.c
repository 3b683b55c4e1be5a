// SPDX-License-Identifier: GPL-2.0-only
#include "session/provider_child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "session/child.h"
#include "session/queue.h"

#define READY_MS 5000
#define READ_BYTES (256u << 10)
#define UNREAD_MAX (64u << 20)
#define LOG_PIPE_BYTES (1 << 20)
#define WORDS_MAX 40

struct words {
	char *word[WORDS_MAX];
	char text[WORDS_MAX][160];
	unsigned count;
};

__attribute__((format(printf, 2, 3))) static void words_add(struct words *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->text[w->count], sizeof(w->text[0]), fmt, ap);
	va_end(ap);
	w->word[w->count] = w->text[w->count];
	w->word[++w->count] = NULL;
}

static void words_add_behaviour(struct words *w, const struct plan_provider *b)
{
	if (b->service_time[0])
		words_add(w, "--service-time=%s", b->service_time);
	if (b->first_token_time[0])
		words_add(w, "--first-token-time=%s", b->first_token_time);
	if (b->inter_token_time[0])
		words_add(w, "--inter-token-time=%s", b->inter_token_time);
	if (b->tokens)
		words_add(w, "--tokens=%u", b->tokens);
	if (b->pause_ns)
		words_add(w, "--pause=%" PRIu64 "us", b->pause_ns / NS_PER_US);
	if (b->head_pause_ns)
		words_add(w, "--head-pause=%" PRIu64 "us", b->head_pause_ns / NS_PER_US);
	if (b->head_early)
		words_add(w, "--head-early");
	for (uint32_t i = 0; i < b->faults; i++) {
		char text[144];

		words_add(w, "--fault=%s", fault_format(&b->fault[i], text, sizeof(text)));
	}
}

static void words_make(struct words *w, const struct provider_child_config *config, int log_fd, int ready_fd, int start_fd)
{
	words_add(w, "/proc/self/exe");
	words_add(w, "provider");
	words_add(w, "--listen=%s", config->listen);
	words_add(w, "--threads=%u", config->threads ? config->threads : 1);
	words_add(w, "--seed=%" PRIu64, config->seed);
	words_add(w, "--log-fd=%d", log_fd);
	words_add(w, "--ready-fd=%d", ready_fd);
	words_add(w, "--start-fd=%d", start_fd);
	words_add(w, "--upstream-index=%u", config->upstream_index);
	if (config->behaviour)
		words_add_behaviour(w, config->behaviour);
	if (config->tls_cert) {
		words_add(w, "--tls-cert=%s", config->tls_cert);
		words_add(w, "--tls-key=%s", config->tls_key);
	}
}

/* The child's end (0: it reads, 1: it writes) survives exec; it is closed here before anything else is started. */
static int pipe_for_child(int fd[2], int child_end)
{
	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	return fcntl(fd[child_end], F_SETFD, 0) ? -errno : 0;
}

static int port_read(struct provider_child *c, int ready_fd, const struct provider_child_config *config, struct err *err)
{
	struct pollfd ready = {.fd = ready_fd, .events = POLLIN};
	char text[32] = "", said[256] = "";
	ssize_t n = 0;

	if (poll(&ready, 1, READY_MS) > 0)
		n = read(ready_fd, text, sizeof(text) - 1);
	c->port = n > 0 ? (unsigned)strtoul(text, NULL, 10) : 0;
	if (c->port)
		return 0;
	child_log_last_line(config->log_path, said, sizeof(said));
	return err_set(err, -EADDRINUSE, "the provider did not start on %s: %s", config->listen,
		       said[0] ? said : "it said nothing (its log is in the output directory)");
}

int provider_child_start(const struct provider_child_config *config, struct provider_child *out, struct err *err)
{
	int log[2] = {-1, -1}, ready[2] = {-1, -1}, start[2] = {-1, -1};
	struct words words = {.count = 0};
	struct child_spec spec = {.argv = words.word, .log_path = config->log_path};
	int rc = pipe_for_child(log, 1);

	memset(out, 0, sizeof(*out));
	out->log_fd = out->start_fd = -1;
	out->unread.max = UNREAD_MAX;
	if (!rc)
		rc = pipe_for_child(ready, 1);
	if (!rc)
		rc = pipe_for_child(start, 0);
	if (rc)
		return err_set(err, rc, "cannot make a pipe for the provider: %s", strerror(-rc));
	fcntl(log[1], F_SETPIPE_SZ, LOG_PIPE_BYTES); /* smaller is slower, not wrong */
	words_make(&words, config, log[1], ready[1], start[0]);
	rc = child_start(&spec, &out->pid, err);
	close(log[1]);
	close(ready[1]);
	close(start[0]);
	if (!rc) {
		out->log_fd = log[0];
		out->start_fd = start[1];
		rc = port_read(out, ready[0], config, err);
	}
	close(ready[0]);
	if (rc)
		provider_child_reap(out);
	return rc;
}

int provider_child_drain(struct provider_child *c,
			 int (*fn)(void *ctx, enum capture_frame type, const void *data, uint32_t bytes), void *ctx)
{
	int rc = 0;

	while (c->log_fd >= 0 && !rc) {
		ssize_t n;

		rc = buf_reserve(&c->unread, READ_BYTES);
		if (rc)
			break;
		n = read(c->log_fd, c->unread.data + c->unread.used, READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			close(c->log_fd);
			c->log_fd = -1;
			break;
		}
		c->unread.used += (size_t)n;
		rc = frames_each(&c->unread, fn, ctx);
	}
	return rc;
}

void provider_child_begin(struct provider_child *c, uint64_t start_ns)
{
	if (c->start_fd < 0)
		return;
	if (write(c->start_fd, &start_ns, sizeof(start_ns)) != (ssize_t)sizeof(start_ns))
		log_line(LOG_WARN, "the provider cannot be told when the run begins: its faults will not come");
	close(c->start_fd);
	c->start_fd = -1;
}

void provider_child_stop(struct provider_child *c)
{
	if (c->pid > 0)
		kill(c->pid, SIGTERM);
}

void provider_child_reap(struct provider_child *c)
{
	if (c->pid > 0)
		child_stop(c->pid, SIGTERM, 2 * NS_PER_S, NULL);
	if (c->log_fd >= 0)
		close(c->log_fd);
	if (c->start_fd >= 0)
		close(c->start_fd);
	buf_fini(&c->unread);
	c->pid = 0;
	c->log_fd = c->start_fd = -1;
}
