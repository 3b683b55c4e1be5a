/* SPDX-License-Identifier: GPL-2.0-only */
#include "driver/order.h"

#include <errno.h>
#include <stdlib.h>

uint64_t order_ring_count(const struct order_ring *ring)
{
	return ring->tail - ring->head;
}

static int ring_grow(struct order_ring *ring)
{
	uint64_t size = ring->size ? ring->size * 2 : 64;
	struct order *order = calloc(size, sizeof(*order));

	if (!order)
		return -ENOMEM;
	for (uint64_t i = ring->head; i != ring->tail; i++)
		order[i & (size - 1)] = ring->order[i & (ring->size - 1)];
	free(ring->order);
	ring->order = order;
	ring->size = size;
	return 0;
}

int order_ring_push(struct order_ring *ring, const struct order *order)
{
	if (order_ring_count(ring) == ring->size && ring_grow(ring))
		return -ENOMEM;
	ring->order[ring->tail++ & (ring->size - 1)] = *order;
	return 0;
}

bool order_ring_pop(struct order_ring *ring, struct order *out)
{
	if (!order_ring_count(ring))
		return false;
	*out = ring->order[ring->head++ & (ring->size - 1)];
	return true;
}
