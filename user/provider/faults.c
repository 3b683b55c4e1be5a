/* SPDX-License-Identifier: GPL-2.0-only */
#include "provider/faults.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"

#define STATUS_TOO_MANY 429

void faults_init(struct faults *f, const struct plan_provider *plan)
{
	memset(f, 0, sizeof(*f));
	f->fault = plan->fault;
	f->count = plan->faults;
	pthread_mutex_init(&f->lock, NULL);
	atomic_store(&f->start_ns, UINT64_MAX);
}

void faults_fini(struct faults *f)
{
	pthread_mutex_destroy(&f->lock);
}

void faults_start(struct faults *f, uint64_t start_ns)
{
	pthread_mutex_lock(&f->lock);
	for (uint32_t i = 0; i < f->count; i++)
		f->bucket[i] = (struct faults_bucket){.tokens = f->fault[i].burst, .filled_ns = start_ns};
	pthread_mutex_unlock(&f->lock);
	atomic_store(&f->start_ns, start_ns);
}

/* Takes a token; false: none is there, and *wait_ns is how long until one is. */
static bool bucket_take(struct faults *f, uint32_t i, uint64_t now_ns, uint64_t *wait_ns)
{
	const struct fault *fault = &f->fault[i];
	struct faults_bucket *b = &f->bucket[i];
	bool taken;

	pthread_mutex_lock(&f->lock);
	if (now_ns > b->filled_ns) {
		b->tokens += (double)(now_ns - b->filled_ns) / (double)NS_PER_S * fault->rate_per_s;
		b->tokens = fmin(b->tokens, fault->burst);
		b->filled_ns = now_ns;
	}
	taken = b->tokens >= 1.0;
	if (taken)
		b->tokens -= 1.0;
	else
		*wait_ns = (uint64_t)((1.0 - b->tokens) / fault->rate_per_s * (double)NS_PER_S);
	pthread_mutex_unlock(&f->lock);
	return taken;
}

static void limit(struct faults *f, uint32_t i, uint64_t now_ns, struct faults_effect *out)
{
	uint64_t wait_ns;

	if (bucket_take(f, i, now_ns, &wait_ns))
		return;
	out->status = STATUS_TOO_MANY;
	out->retry_after_ns = f->fault[i].retry_after_ns ? f->fault[i].retry_after_ns : wait_ns;
}

static bool has_ended(const struct faults_effect *e)
{
	return e->hang || e->reset || e->truncate || e->malformed || e->status;
}

static void strike(struct faults *f, uint32_t i, uint64_t now_ns, struct faults_effect *out)
{
	const struct fault *fault = &f->fault[i];

	switch (fault->kind) {
	case FAULT_SLOW_START:
		out->start_delay_ns += fault->delay_ns;
		return;
	case FAULT_SLOW_TOKENS:
		out->token_delay_ns += fault->delay_ns;
		return;
	case FAULT_LIMIT:
		if (!has_ended(out))
			limit(f, i, now_ns, out);
		return;
	case FAULT_ERROR:
		if (has_ended(out))
			return;
		out->status = fault->status;
		out->retry_after_ns = fault->retry_after_ns;
		return;
	case FAULT_HANG:
		out->hang = !has_ended(out);
		return;
	case FAULT_RESET:
		out->reset = !has_ended(out);
		return;
	case FAULT_TRUNCATE:
		out->truncate = !has_ended(out);
		return;
	case FAULT_MALFORMED:
		out->malformed = !has_ended(out);
		return;
	case FAULT_CLOSE:
		out->close = true;
		return;
	}
}

static bool is_time(const struct fault *fault, uint64_t since_ns)
{
	if (since_ns < fault->from_ns)
		return false;
	if (!fault->every_ns)
		return since_ns < fault->until_ns;
	return (since_ns - fault->from_ns) % fault->every_ns < fault->until_ns - fault->from_ns;
}

void faults_draw(struct faults *f, struct rng *rng, uint64_t now_ns, struct faults_effect *out)
{
	uint64_t start_ns = atomic_load(&f->start_ns), since_ns;

	*out = (struct faults_effect){0};
	if (now_ns < start_ns)
		return;
	since_ns = now_ns - start_ns;
	for (uint32_t i = 0; i < f->count; i++) {
		const struct fault *fault = &f->fault[i];

		if (!is_time(fault, since_ns))
			continue;
		if (fault->share >= 1.0 || rng_unit(rng) < fault->share)
			strike(f, i, now_ns, out);
	}
}
