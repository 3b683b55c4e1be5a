/* SPDX-License-Identifier: GPL-2.0-only */
/* A request that is due, and queues of them that grow. */
#ifndef TOLL_DRIVER_ORDER_H
#define TOLL_DRIVER_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#define ORDER_NO_USER UINT32_MAX

/* A request that is due. */
struct order {
	uint64_t due_ns;
	uint32_t class_index;
	uint32_t stage;
	uint32_t user; /* virtual user of this thread; ORDER_NO_USER: open loop */
	uint32_t tenant; /* index + 1; 0: the plan has none */
	uint32_t trace_row; /* index + 1; 0: none */
	uint64_t number; /* picks the prompt: of the run's arrivals, of the users' questions */
};

struct order_ring {
	struct order *order;
	uint64_t head, tail; /* count up for ever */
	uint64_t size; /* power of two */
};

uint64_t order_ring_count(const struct order_ring *ring);
int order_ring_push(struct order_ring *ring, const struct order *order); /* -ENOMEM */
bool order_ring_pop(struct order_ring *ring, struct order *out);

#endif
