/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clients that gave up, and how long the gateway went on with their upstream calls: from the moment that the client closed its connection to
 * when the provider's socket was closed, as the kernel saw it, or the answer was through. Told where both ends are ours.
 */
#ifndef TOLL_ATTRIBUTION_DISCONNECTS_H
#define TOLL_ATTRIBUTION_DISCONNECTS_H

#include <stdint.h>

#include "base/hist.h"
#include "bpf/wire.h"
#include "record/request.h"

struct disconnects_stats {
	uint64_t clients; /* that left before their answer was whole */
	uint64_t calls; /* upstream calls that were still running then, or came after */
	uint64_t answered; /* of them: went on until the provider had answered */
	uint64_t dropped; /* past the bound: not in the figures */
	struct hist *kept; /* client gone -> call over; running to the end of the load: at least so long */
};

struct disconnects;
struct disconnects *disconnects_new(void); /* NULL: no memory */
void disconnects_free(struct disconnects *d);
/* The three kinds of records, in any order. -ENOMEM */
int disconnects_request(struct disconnects *d, const struct record_request *r);
int disconnects_provider(struct disconnects *d, const struct record_provider *p);
int disconnects_close(struct disconnects *d, const struct wire_close *r);
/* Once, when no more records will come; end_ns: of the load, what came after it was our doing. -ENOMEM */
int disconnects_finish(struct disconnects *d, uint64_t end_ns);
const struct disconnects_stats *disconnects_stats(const struct disconnects *d);

#endif
