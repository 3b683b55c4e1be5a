/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ways into the kernel. What one kernel has and another has not is done in several ways; each is a path with implementations, the best
 * first. Which one is taken is found by trying (path_try.h), or asked for by --path.
 */
#ifndef TOLL_PROBE_PATHS_H
#define TOLL_PROBE_PATHS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/options.h"

enum path {
	PATH_SOCKETS, /* where the state of a socket is kept */
	PATH_TCP, /* how a TCP header and a TCP socket are read */
	PATH_READABLE, /* what makes the readable marks */
	PATH_ACCEPT,
	PATH_OPEN, /* how the sockets among a process' open files are told */
	PATH_THREADS, /* where the account of a thread is kept */
	PATH_SWITCH, /* how the state of a thread that leaves its CPU is told */
	PATH_ALLOC, /* how a program is put on both ends of a function; numbers as enum uprobe_link_kind */
	PATHS,
};
#define PATH_IMPLS_MAX 3
#define PATH_FIRST 1 /* the best implementation; 0 in struct paths: not chosen yet, or not asked for */

enum path_implementation {
	PATH_SOCKETS_STORAGE = 1,
	PATH_SOCKETS_HASH = 2,
	PATH_TCP_CAST = 1,
	PATH_TCP_COPY = 2,
	PATH_READABLE_DATA_READY = 1,
	PATH_READABLE_TCP_PROBE = 2,
	PATH_ACCEPT_RETURN = 1,
	PATH_ACCEPT_ARGUMENT = 2,
	PATH_ACCEPT_NONE = 3,
	PATH_OPEN_HELPER = 1,
	PATH_OPEN_OPERATIONS = 2,
	PATH_THREADS_STORAGE = 1,
	PATH_THREADS_HASH = 2,
	PATH_SWITCH_ARGUMENT = 1,
	PATH_SWITCH_TASK = 2,
};

struct paths {
	uint8_t impl[PATHS];
};

const char *path_name(enum path path); /* "readable" */
/* "sk_data_ready"; NULL: there is none of that number. */
const char *path_impl_name(enum path path, unsigned impl);
bool paths_any(const struct paths *p); /* was one asked for? */
/* Adds "readable=tcp_probe" and the like; -EINVAL: err names what there is. */
int paths_parse(const struct option_list *list, struct paths *out, struct err *err);

#endif
