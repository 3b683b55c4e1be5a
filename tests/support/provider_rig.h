/* SPDX-License-Identifier: GPL-2.0-only */
/* The provider in this process, on a free port, with what it logs; and a raw client. For cmocka tests. */
#ifndef TOLL_TESTS_SUPPORT_PROVIDER_RIG_H
#define TOLL_TESTS_SUPPORT_PROVIDER_RIG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "provider/provider.h"

#define RIG_RECORDS_MAX 64
#define RIG_EVENTS_MAX 32768

struct rig {
	struct provider_config config;
	pthread_t thread;
	volatile int stop;
	atomic_uint port;
	int ret;
	struct err err;
	pthread_mutex_t lock; /* guards all below */
	struct record_provider record[RIG_RECORDS_MAX];
	unsigned records;
	struct record_event *event;
	unsigned events, batches;
	uint64_t events_tag;
};

struct rig *rig_new(const char *service_time);
void rig_start(struct rig *r); /* r->config may be changed before it */
void rig_free(struct rig *r); /* stops it */
void rig_nap(void);
/* The record number n (from 0) once it is there. */
struct record_provider rig_record(struct rig *r, unsigned n);

/* receive_bytes > 0: with a receive buffer of about that many. */
int rig_connect(struct rig *r, int receive_bytes);
size_t rig_request_make(struct buf *out, const char *target, const char *body);
size_t rig_ask(int fd, const char *target, const char *body);
/* Reads until the bytes end with `tail`; they stay in `in` behind what was there. */
void rig_read(int fd, struct buf *in, const char *tail);

#define RIG_ASK "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hello [toll:00000000000000a%d]\"}]%s}"
/* A chat request with tag 0xa0 + tag (a digit) and `more` as further members of its JSON. Returns its bytes. */
size_t rig_chat(int fd, int tag, const char *more);

#endif
