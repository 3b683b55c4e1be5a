// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/limiter.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/units.h"
#include "gateway/gateway.h"

/* A key is told by its place in the list: what is said may be kept in a log. */
static int key_parse(struct limiter_key *out, unsigned place, const char *text, size_t bytes, struct err *err)
{
	char word[sizeof(out->key) + 32];
	char *rate;

	snprintf(word, sizeof(word), "%.*s", (int)(bytes < sizeof(word) ? bytes : sizeof(word) - 1), text);
	rate = strchr(word, '=');
	if (rate)
		*rate++ = '\0';
	if (!word[0] || strlen(word) >= sizeof(out->key) || (rate && units_parse_rate(rate, &out->rate_per_s)))
		return err_set(err, -EINVAL,
			       GATEWAY_KEYS_VARIABLE
			       ": expected KEY=RATE,KEY=RATE such as key-a=100/s,key-b=50/s; entry %u is none",
			       place);
	snprintf(out->key, sizeof(out->key), "%.95s", word);
	out->tokens = fmax(1.0, out->rate_per_s);
	return 0;
}

int limiter_init(struct limiter *l, const char *text, bool unfair, struct err *err)
{
	memset(l, 0, sizeof(*l));
	l->unfair = unfair;
	pthread_mutex_init(&l->lock, NULL);
	l->open = true;
	while (text) {
		size_t n = strcspn(text, ",");
		int ret;

		if (l->keys == LIMITER_KEYS_MAX)
			return err_set(err, -E2BIG, GATEWAY_KEYS_VARIABLE ": more than %d of them", LIMITER_KEYS_MAX);
		ret = key_parse(&l->key[l->keys], l->keys + 1, text, n, err);
		if (ret)
			return ret;
		l->shared.rate_per_s += l->key[l->keys].rate_per_s;
		l->keys++;
		text = text[n] ? text + n + 1 : NULL;
	}
	l->shared.tokens = fmax(1.0, l->shared.rate_per_s);
	return 0;
}

void limiter_fini(struct limiter *l)
{
	if (l->open)
		pthread_mutex_destroy(&l->lock);
}

static struct limiter_key *find(struct limiter *l, const char *authorization)
{
	if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
		return NULL;
	for (unsigned i = 0; i < l->keys; i++)
		if (!strcmp(l->key[i].key, authorization + 7))
			return &l->key[i];
	return NULL;
}

static bool bucket_take(struct limiter_key *k, uint64_t now_ns, uint64_t *wait_ns)
{
	double most = fmax(1.0, k->rate_per_s);

	if (k->filled_ns && now_ns > k->filled_ns)
		k->tokens = fmin(most, k->tokens + (double)(now_ns - k->filled_ns) / (double)NS_PER_S * k->rate_per_s);
	k->filled_ns = now_ns;
	if (k->tokens >= 1.0) {
		k->tokens -= 1.0;
		return true;
	}
	*wait_ns = (uint64_t)((1.0 - k->tokens) / k->rate_per_s * (double)NS_PER_S);
	return false;
}

enum limiter_verdict limiter_take(struct limiter *l, const char *authorization, uint64_t now_ns, uint64_t *wait_ns)
{
	struct limiter_key *k = find(l, authorization);
	bool taken;

	if (!k)
		return LIMITER_UNKNOWN;
	if (k->rate_per_s <= 0.0)
		return LIMITER_GO;
	pthread_mutex_lock(&l->lock);
	taken = bucket_take(l->unfair ? &l->shared : k, now_ns, wait_ns);
	pthread_mutex_unlock(&l->lock);
	return taken ? LIMITER_GO : LIMITER_WAIT;
}

static struct limiter_key *named(struct limiter *l, const char *name, double rate_per_s)
{
	struct limiter_key *k = NULL;

	for (unsigned i = 0; i < l->keys; i++) {
		if (!strcmp(l->key[i].key, name))
			return &l->key[i];
		if (!k || l->key[i].filled_ns < k->filled_ns)
			k = &l->key[i];
	}
	if (l->keys < LIMITER_KEYS_MAX)
		k = &l->key[l->keys++];
	else
		l->shared.rate_per_s -= k->rate_per_s;
	*k = (struct limiter_key){.rate_per_s = rate_per_s, .tokens = fmax(1.0, rate_per_s)};
	snprintf(k->key, sizeof(k->key), "%s", name);
	l->shared.rate_per_s += rate_per_s;
	l->shared.tokens += rate_per_s;
	return k;
}

enum limiter_verdict limiter_take_of(struct limiter *l, const char *name, double rate_per_s, uint64_t now_ns, uint64_t *wait_ns)
{
	struct limiter_key *k;
	bool taken;

	if (rate_per_s <= 0.0)
		return LIMITER_GO;
	pthread_mutex_lock(&l->lock);
	k = named(l, name, rate_per_s);
	taken = bucket_take(l->unfair ? &l->shared : k, now_ns, wait_ns);
	pthread_mutex_unlock(&l->lock);
	return taken ? LIMITER_GO : LIMITER_WAIT;
}
