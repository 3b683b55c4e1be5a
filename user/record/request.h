/* SPDX-License-Identifier: GPL-2.0-only */
/* A request as the driver saw it, and a turn as the provider saw it. Plain structs: they are written to captures as they are. */
#ifndef TOLL_RECORD_REQUEST_H
#define TOLL_RECORD_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

/* How a request ended. Numbers are appended to, never changed: captures hold them. */
enum record_outcome {
	RECORD_OK = 0, /* an expected status, whole body */
	RECORD_HTTP_ERROR = 1, /* a status of 400 or more that was not expected */
	RECORD_TIMEOUT = 2, /* driver gave up: times are lower bounds */
	RECORD_CONNECT_FAILED = 3,
	RECORD_RESET = 4, /* connection ended before the answer did */
	RECORD_MALFORMED = 5, /* not HTTP, not SSE, truncated stream (no [DONE]) */
	RECORD_TLS_FAILED = 6,
	RECORD_CUT_SHORT = 7, /* the run ended first: times are lower bounds */
	RECORD_CHECK_FAILED = 8, /* answered, but a check of the scenario failed */
	RECORD_OTHER = 9,
	RECORD_LEFT = 10, /* the client left, as its class is meant to: neither well nor badly ended, times are lower bounds */
	RECORD_OUTCOMES = 11,
};
const char *record_outcome_name(enum record_outcome outcome); /* "ok", "timeout", ...; RECORD_HTTP_ERROR: "http" */
static inline bool record_outcome_is_failure(enum record_outcome outcome)
{
	return outcome != RECORD_OK && outcome != RECORD_LEFT;
}

enum record_request_flag {
	RECORD_STREAM = 1,
	RECORD_TLS = 2,
	RECORD_CONN_REUSED = 4,
	RECORD_TAGGED = 8, /* the body carries the tag */
	RECORD_WARMUP = 16, /* due within the warm-up: out of figures */
	RECORD_POSITIONS = 32, /* out_*_pos and in_*_pos are valid */
	RECORD_HTTP2 = 64,
	RECORD_FOREIGN = 128, /* a stream with a piece of another request's answer */
	RECORD_DISORDERED = 256, /* a stream that lacks a piece of its own, has it twice, or in another place */
	RECORD_HEARD = 512, /* its text was compared with what the provider said */
	RECORD_SLO = 1024, /* its class has a service level objective ... */
	RECORD_GOOD = 2048, /* ... which it met, and it ended well */
	RECORD_OVERHEAD = 4096, /* the gateway has told what it took: overhead_ns */
};

/* One request. Times: CLOCK_MONOTONIC ns, 0 = did not happen. */
struct record_request {
	uint64_t id; /* > 0, unique in the run: also the tag */
	uint32_t class_index; /* into the plan's classes */
	uint32_t stage_index; /* into the plan's stages */
	uint16_t outcome; /* enum record_outcome */
	uint16_t http_status; /* 0: none */
	uint32_t flags; /* enum record_request_flag */
	uint64_t due_ns; /* t0: when the schedule says */
	uint64_t sent_ns; /* handed to the connection (connected, TLS done), as the driver knows it */
	uint64_t first_byte_ns; /* first byte of the answer's head */
	uint64_t first_token_ns; /* first token of a stream; plain answers: first byte of the body */
	uint64_t end_ns; /* t12: last byte consumed */
	uint64_t connect_start_ns; /* new connection only */
	uint64_t connect_end_ns;
	uint64_t tls_end_ns; /* 0: plain or reused */
	uint64_t conn; /* socket cookie, 0 = unknown */
	uint64_t out_start_pos; /* stream positions of this request ... */
	uint64_t out_end_pos;
	uint64_t in_start_pos; /* ... and of its answer on that connection (on TLS: of the ciphertext) */
	uint64_t in_end_pos;
	uint64_t in_body_pos; /* where the answer's body begins; 0 = not known */
	uint64_t in_token_pos; /* end of the event that carried the first token; 0 = none */
	uint32_t tokens; /* completion tokens received (usage if told, else counted from deltas) */
	uint32_t prompt_tokens; /* as told by usage, else 0 */
	uint32_t chunks; /* SSE events with content */
	uint32_t driver_thread;
	uint64_t inter_token_max_ns; /* longest gap between two events with tokens */
	uint16_t checks_passed; /* bit i: check i of the class */
	uint16_t checks_failed;
	uint32_t tenant; /* index into the plan's tenants + 1; 0: it has none */
	uint64_t overhead_ns; /* what the gateway says that it took, in a header of its answer */
	uint32_t overhead_header; /* in which: overhead_header.h */
	uint32_t reserved0;
};

/* A turn as the provider saw it. */
struct record_provider {
	uint64_t tag; /* request id carried by the prompt, 0 = none found */
	uint64_t conn;
	uint64_t in_start_pos; /* of the request */
	uint64_t in_end_pos;
	uint64_t out_start_pos; /* of the answer */
	uint64_t out_end_pos;
	uint64_t out_body_pos;
	uint64_t request_first_ns; /* provider read the first byte of the request */
	uint64_t request_last_ns; /* ... the last byte: its hold starts */
	uint64_t answer_first_ns; /* just before it wrote the first byte of the answer: its hold ends */
	uint64_t answer_last_ns; /* after the last byte was handed to the kernel */
	uint64_t planned_hold_ns; /* service time it drew */
	uint64_t tls_end_ns; /* handshake's end on this connection, 0 = plain */
	uint64_t tls_end_in_pos; /* bytes received / sent when the handshake was done (positions before the first request) */
	uint64_t tls_end_out_pos;
	uint32_t chunks;
	uint16_t http_status;
	uint16_t flags; /* enum record_provider_flag */
	uint32_t upstream_index; /* which provider of the plan */
	uint32_t reserved0;
};

enum record_provider_flag {
	RECORD_PROVIDER_ABORTED = 1, /* the peer left before the answer was whole */
	RECORD_PROVIDER_STREAM = 2,
};

/* Where event k of a stream ends in what one end wrote (provider) or received (driver). */
struct record_event {
	uint64_t pos;
	uint64_t time_ns; /* provider: written; driver: parsed */
};
/* Followed by `count` struct record_event in captures and pipes. */
struct record_events {
	uint64_t id; /* driver: request id; provider: tag */
	uint64_t conn;
	uint32_t first; /* index of the first event in this batch */
	uint32_t count;
	uint8_t from_driver; /* 1: driver, 0: provider */
	uint8_t reserved[7];
};
#define RECORD_EVENTS_BATCH_MAX 4096

enum record_fd_kind {
	RECORD_FD_SOCKET = 0,
	RECORD_FD_FILE = 1,
	RECORD_FD_PIPE = 2,
	RECORD_FD_ANON = 3, /* eventfd, epoll, timerfd, io_uring ... */
	RECORD_FD_OTHER = 4, /* deleted files, memfds */
	RECORD_FD_KINDS = 5,
};
#define RECORD_TCP_STATES                                                                                                        \
	12 /* include/net/tcp_states.h: 1 ESTABLISHED ... 7 CLOSE: in no table ... 8 CLOSE_WAIT ...; [0]: other sockets */

/* What could not be read of at least one process: the fields that are meant are then no measurement. */
enum record_gauges_missing {
	RECORD_GAUGES_NO_DESCRIPTORS = 1, /* fds, fd[], tcp[], unread_bytes, unsent_bytes */
	RECORD_GAUGES_NO_MAPPINGS = 2, /* heap_bytes, mapped_bytes */
	RECORD_GAUGES_NO_STATUS = 4, /* rss_bytes, swap_bytes, anon_bytes, page_table_bytes */
	RECORD_GAUGES_NO_PSS = 8, /* pss_bytes */
	RECORD_GAUGES_NO_IO = 16, /* disk_written_bytes */
	RECORD_GAUGES_NO_NETWORK = 32, /* network_bytes */
	RECORD_GAUGES_NO_KERNEL = 64, /* kernel_tcp_bytes */
	RECORD_GAUGES_NO_RUNTIME =
		256, /* runtime_bytes, native_bytes: no process has a heap of V8's or Go's, as far as its mappings tell */
	RECORD_GAUGES_NO_DISK = 128, /* disk_free_bytes: no file is open for writing, or its file system tells nothing */
};

enum record_runtime {
	RECORD_RUNTIME_V8 = 1,
	RECORD_RUNTIME_GO = 2,
};

/* The gateway's processes together, as they were at one moment of the measured part. */
struct record_gauges {
	uint64_t time_ns;
	uint64_t cpu_ns; /* cumulative; never less than in the record before */
	uint64_t rss_bytes, swap_bytes;
	uint32_t processes, threads, fds;
	uint32_t missing; /* enum record_gauges_missing */
	uint64_t anon_bytes; /* anonymous resident memory: what a leak of heap or mappings adds to; swap apart */
	uint64_t heap_bytes; /* [heap]: grown by brk */
	uint64_t mapped_bytes; /* private anonymous mappings, resident or not */
	uint64_t page_table_bytes;
	uint64_t unread_bytes, unsent_bytes; /* in TCP sockets */
	uint32_t fd[RECORD_FD_KINDS];
	uint32_t tcp[RECORD_TCP_STATES];
	uint32_t accept_queue; /* connections that wait to be accepted, of all its listeners */
	/* older captures have frames that end here */
	uint32_t lives; /* times that all of its processes had ended and it was there again */
	uint32_t reserved0;
	uint64_t
		pss_bytes; /* proportional set size: shared pages by their share; read more rarely than the others, for it walks all pages */
	uint64_t disk_written_bytes; /* cumulative, that these processes caused to be written to storage */
	uint64_t log_bytes; /* size of the regular files that they have open for writing */
	uint64_t disk_free_bytes; /* the least that is left where one of those files lies */
	uint64_t network_bytes; /* cumulative, both ways, all devices of the first process' network namespace */
	uint64_t kernel_tcp_bytes; /* buffers of all TCP sockets of the machine */
	/* read with pss_bytes: anonymous and resident, in heaps of these runtimes, and outside of them (malloc's, buffers, stacks, code) */
	uint64_t runtime_bytes, native_bytes;
	uint32_t runtimes; /* bits: enum record_runtime */
	uint32_t pages_read; /* 1: for this record; 0: they are as they were last read */
};
#define RECORD_GAUGES_LEAST 168 /* bytes of the shortest frame */
#define RECORD_GAUGES_ADDED                                                                                                      \
	(RECORD_GAUGES_NO_PSS | RECORD_GAUGES_NO_IO | RECORD_GAUGES_NO_NETWORK | RECORD_GAUGES_NO_KERNEL |                       \
	 RECORD_GAUGES_NO_DISK | RECORD_GAUGES_NO_RUNTIME)

/* A part of the gateway at one moment: its TCP sockets with one peer, or one of its processes. */
enum record_part_kind {
	RECORD_PART_PEER = 1, /* tcp[] alone */
	RECORD_PART_PROCESS = 2,
};
struct record_part {
	uint64_t time_ns; /* of the struct record_gauges that it is a part of */
	uint32_t kind; /* enum record_part_kind */
	uint32_t pid; /* 0: a peer */
	char label[32]; /* of the peer, or the process' name; ends in NUL */
	uint64_t anon_bytes; /* swap with it */
	uint32_t fds, threads;
	uint32_t tcp[RECORD_TCP_STATES];
};

/* A frame of a capture; older ones are shorter, and `missing` tells what they lack. -EPROTO: of no such size. */
int record_gauges_read(const void *data, uint32_t bytes, struct record_gauges *out);

#define RECORD_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), "layout of " #type)
RECORD_SIZE(record_request, 192);
RECORD_SIZE(record_provider, 136);
RECORD_SIZE(record_event, 16);
RECORD_SIZE(record_events, 32);
RECORD_SIZE(record_gauges, 248);
RECORD_SIZE(record_part, 112);

/*
 * Where finished records go. Called from driver or provider threads: implementations copy and return fast, never block
 * for long, and count what they could not keep.
 */
struct record_sink {
	void *ctx;
	void (*request)(void *ctx, const struct record_request *r);
	void (*provider)(void *ctx, const struct record_provider *p);
	void (*events)(void *ctx, const struct record_events *head, const struct record_event *events);
};

#endif
