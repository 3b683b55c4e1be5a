/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A soak as it goes: gauges of the gateway and requests done by class, in bounded memory however long it runs, and what they say about
 * leaks in the end (or so far).
 */
#ifndef TOLL_LEAK_WATCH_H
#define TOLL_LEAK_WATCH_H

#include "leak/leak.h"
#include "leak/parts.h"
#include "record/request.h"

#define LEAK_CLASSES_MAX 16

enum leak_gauge {
	LEAK_MEMORY = 0, /* anonymous resident memory and swap: what the verdict in bytes is about */
	LEAK_HEAP, /* by brk; evidence, as the next */
	LEAK_MAPPINGS, /* private anonymous mappings */
	LEAK_DESCRIPTORS,
	LEAK_FD_SOCKETS, /* of these; evidence, as the next four */
	LEAK_FD_FILES,
	LEAK_FD_PIPES,
	LEAK_FD_ANON, /* eventfd, epoll, timerfd ... */
	LEAK_FD_OTHER, /* deleted files, memfds */
	LEAK_SOCKETS_CLOSE_WAIT, /* the peer has closed, the gateway has not */
	LEAK_SOCKETS_CLOSED, /* a descriptor and nothing behind it */
	LEAK_THREADS,
	/* evidence: what kind of thing grew. No verdict of their own, for they come and go with the load */
	LEAK_SOCKET_BYTES, /* unread and unsent */
	LEAK_PAGE_TABLES,
	LEAK_PSS, /* read every ten seconds (in short soaks oftener) or more rarely, as the next two */
	LEAK_RUNTIME_HEAP, /* of V8 or Go: its objects, resident; its floor is what collections leave */
	LEAK_NATIVE, /* anonymous memory outside of that */
	LEAK_KERNEL_TCP, /* of the whole machine */
	LEAK_LOGS, /* size of files that are open for writing */
	LEAK_DISK_USED, /* where those lie: what the least free file system has lost since the begin; whoever wrote it */
	/* counters: their rates tell something, that they rise does not */
	LEAK_DISK_WRITTEN,
	LEAK_NETWORK, /* of the network namespace */
	LEAK_GAUGES,
};
const char *leak_gauge_name(enum leak_gauge gauge); /* "memory", "heap", ... */
const char *leak_gauge_title(enum leak_gauge gauge); /* "sockets in CLOSE_WAIT" */
bool leak_gauge_is_bytes(enum leak_gauge gauge);
bool leak_gauge_is_judged(enum leak_gauge gauge); /* false: evidence */
bool leak_gauge_is_counter(enum leak_gauge gauge); /* it can but rise */

/* Growth for each request of one class. */
struct leak_class {
	bool told; /* false: its requests always came with others', or there were too few */
	double per_request, low, high;
};

/* Growth told apart by what drives it. */
struct leak_split {
	struct leak_class class_[LEAK_CLASSES_MAX];
	struct leak_class time; /* per second, without requests; told where there were idle phases, or the rate varied */
	unsigned driving; /* bits of the classes that the verdict was judged against; 0: all requests */
};

struct leak_result {
	enum leak_verdict verdict; /* leak where one gauge leaks; none where all that could be judged are none */
	enum leak_gauge worst; /* what the verdict is about */
	struct leak_judgement gauge[LEAK_GAUGES];
	struct leak_split split[LEAK_GAUGES];
	unsigned classes;
	double limit_bytes; /* of memory: cgroup or machine; 0: not known */
	double limit_in_s, limit_in_low_s; /* when it is reached; 0: never */
	uint32_t runtimes; /* bits: enum record_runtime */
	uint64_t samples;
	double duration_s;
	double most[LEAK_GAUGES]; /* that was ever seen, in any life */
	unsigned lives; /* 1 and above: it ended and was there again; judged is one of them, the longest */
	double life_from_s, life_to_s;
};

struct leak_watch;
struct leak_watch *leak_watch_new(unsigned classes); /* NULL: no memory */
void leak_watch_free(struct leak_watch *w);
void leak_watch_requests(struct leak_watch *w, unsigned class_index, uint64_t ended);
void leak_watch_done(const struct leak_watch *w, double ended[LEAK_CLASSES_MAX]); /* so far */
int leak_watch_gauges(struct leak_watch *w, const struct record_gauges *g); /* 0 or -ENOMEM */
int leak_watch_part(struct leak_watch *w,
		    const struct record_part *part); /* behind the gauges that it is a part of; 0 or -ENOMEM */
const struct leak_parts *leak_watch_parts(const struct leak_watch *w);
void leak_watch_end(struct leak_watch *w, double confidence); /* what comes later is not judged, and all with this confidence */
/* limit_bytes 0: not known. -ENOMEM. */
int leak_watch_judge(const struct leak_watch *w, double limit_bytes, struct leak_result *out);
/* The same with intervals of this confidence; 0: as ever. */
int leak_watch_judge_at(const struct leak_watch *w, double confidence, double limit_bytes, struct leak_result *out);

#endif
