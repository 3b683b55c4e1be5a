// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/truth_log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/* O_APPEND and one write for whole structs: those of several workers do not mix. */
static void flush(struct truth_log *log)
{
	size_t done = 0;

	while (done < log->waiting.used && !log->failed) {
		ssize_t n = write(log->fd, log->waiting.data + done, log->waiting.used - done);
		if (n > 0) {
			done += (size_t)n;
		} else if (errno != EINTR) {
			log->failed = true;
			log_line(LOG_ERROR, "cannot write the truth log: %s; what comes from here on is missing in it",
				 strerror(errno));
		}
	}
	log->waiting.used = 0;
}

static void flush_timer(struct loop_timer *t)
{
	flush(t->ctx);
}

void truth_log_init(struct truth_log *log, int fd, struct loop *loop)
{
	*log = (struct truth_log){.fd = fd, .loop = loop, .timer = {.fire = flush_timer, .ctx = log}};
}

void truth_log_add(struct truth_log *log, const struct gateway_truth *truth)
{
	if (log->fd < 0 || log->failed)
		return;
	if (buf_append(&log->waiting, truth, sizeof(*truth))) {
		log->failed = true;
		log_line(LOG_ERROR, "out of memory for the truth log; what comes from here on is missing in it");
	} else if (log->waiting.used == sizeof(*truth)) {
		loop_timer_set(log->loop, &log->timer, clock_now_ns() + NS_PER_S);
	}
}

void truth_log_fini(struct truth_log *log)
{
	loop_timer_cancel(log->loop, &log->timer);
	if (log->fd >= 0)
		flush(log);
	buf_fini(&log->waiting);
}
