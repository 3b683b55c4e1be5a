// SPDX-License-Identifier: GPL-2.0-only
#include "report/survivors.h"

#include <string.h>

#include "base/clock.h"
#include "report/build.h"

/* What takes things for others: the C library's ways into the kernel, its allocator, allocators of languages. Without underscores before. */
static const char *const wrapper_names[] = {"open",
					    "open64",
					    "openat",
					    "openat64",
					    "creat",
					    "socket",
					    "accept",
					    "accept4",
					    "dup",
					    "dup2",
					    "dup3",
					    "fcntl",
					    "fcntl64",
					    "pipe",
					    "pipe2",
					    "socketpair",
					    "eventfd",
					    "epoll_create1",
					    "timerfd_create",
					    "memfd_create",
					    "libc_open64",
					    "libc_open",
					    "libc_accept",
					    "syscall",
					    "mmap",
					    "mmap64",
					    "brk",
					    "sbrk",
					    "default_morecore",
					    "glibc_morecore",
					    "sysmalloc",
					    "sysmalloc_mmap",
					    "int_malloc",
					    "int_realloc",
					    "int_memalign",
					    "malloc",
					    "calloc",
					    "realloc",
					    "libc_malloc",
					    "libc_calloc",
					    "libc_realloc",
					    "posix_memalign",
					    "aligned_alloc",
					    "clone",
					    "clone3",
					    "clone_internal",
					    "create_thread",
					    "pthread_create",
					    "pthread_create_2_1",
					    "allocate_stack",
					    "strdup",
					    "strndup"};
static const char *const wrapper_begins[] = {"operator new", "std::",    "gnu_cxx::", "g_malloc", "g_strdup", "xmalloc",
					     "xcalloc",      "xrealloc", "xstrdup",   "alloc::",  "<alloc::", "rust_",
					     "rdl_",         "memset_",  "memcpy_",   "memmove_", "tcache_"};

static bool is_wrapper(const char *name)
{
	name += strspn(name, "_");
	for (size_t i = 0; i < sizeof(wrapper_names) / sizeof(*wrapper_names); i++)
		if (!strncmp(name, wrapper_names[i], strlen(wrapper_names[i])) &&
		    (!name[strlen(wrapper_names[i])] || name[strlen(wrapper_names[i])] == '@'))
			return true;
	for (size_t i = 0; i < sizeof(wrapper_begins) / sizeof(*wrapper_begins); i++)
		if (!strncmp(name, wrapper_begins[i], strlen(wrapper_begins[i])))
			return true;
	return false;
}

static void names_put(struct build *b, json_t *out, const struct survivor_row *row)
{
	json_t *frames = build_array(b, out, "frames");
	const char *at = row->text, *site = NULL;

	for (unsigned i = 0; i < row->frames; i++, at += strlen(at) + 1) {
		build_append(b, frames, report_text(at));
		if (!site && !is_wrapper(at))
			site = at;
	}
	build_put(b, out, "site", report_text(site ? site : row->frames ? row->text : "[no stack]"));
}

static double since_s(const struct report_survivors *s, uint64_t ns)
{
	return ns > s->start_ns ? (double)(ns - s->start_ns) / (double)NS_PER_S : 0;
}

static void row_put(struct build *b, json_t *sites, const struct report_survivors *s, const struct survivor_row *row)
{
	json_t *out = json_object();

	build_append(b, sites, out);
	names_put(b, out, row);
	build_put(b, out, "taken", build_u64(row->taken));
	build_put(b, out, "taken_bytes", build_u64(row->taken_bytes));
	build_put(b, out, "asked_bytes", build_u64(row->asked_bytes));
	build_put(b, out, "freed", build_u64(row->freed));
	build_put(b, out, "carried", build_u64(row->carried));
	build_put(b, out, "gone_later", build_u64(row->gone));
	build_put(b, out, "survival", build_number(row->survival));
	build_put(b, out, "watched_s", build_number(row->until_s));
	build_put(b, out, "kept", build_number(row->kept));
	build_put(b, out, "kept_bytes", build_number(row->kept_bytes));
	build_put(b, out, "kept_error_bytes", build_number(row->kept_error_bytes));
	build_put(b, out, "alive", build_u64(row->alive));
	build_put(b, out, "alive_bytes", build_u64(row->alive_bytes));
	build_put(b, out, "one_window_share", build_number(row->one_window_share));
	if (s->searched) {
		build_put(b, out, "reached", build_u64(row->fate[SURVIVOR_REACHED]));
		build_put(b, out, "reached_bytes", build_u64(row->fate_bytes[SURVIVOR_REACHED]));
		build_put(b, out, "lost", build_u64(row->fate[SURVIVOR_LOST]));
		build_put(b, out, "lost_bytes", build_u64(row->fate_bytes[SURVIVOR_LOST]));
		build_put(b, out, "gone_unseen", build_u64(row->fate[SURVIVOR_GONE]));
	}
	build_put(b, out, "first_s", build_number(since_s(s, row->first_ns)));
	build_put(b, out, "last_s", build_number(since_s(s, row->last_ns)));
	if (!row->alive)
		return;
	build_put(b, out, "youngest_s", build_number((double)row->youngest_ns / (double)NS_PER_S));
	build_put(b, out, "oldest_s", build_number((double)row->oldest_ns / (double)NS_PER_S));
}

static void sites_put(struct build *b, json_t *out, const struct report_survivors *s)
{
	json_t *sites = build_array(b, out, "sites");
	double rest_bytes = 0, all_bytes = 0;

	for (size_t i = 0; i < s->rows; i++) {
		all_bytes += s->row[i].kept_bytes;
		if (i < REPORT_SURVIVORS_MAX && s->row[i].kept_bytes > 0)
			row_put(b, sites, s, &s->row[i]);
		else
			rest_bytes += s->row[i].kept_bytes;
	}
	build_put(b, out, "kept_bytes", build_number(all_bytes));
	build_put(b, out, "sites_seen", build_u64(s->rows));
	build_put(b, out, "rest_kept_bytes", build_number(rest_bytes));
}

static void head_put(struct build *b, json_t *out, const struct report_survivors *s)
{
	json_t *requests = build_object(b, out, "requests");

	build_put(b, out, "because", report_text(s->because));
	build_put(b, out, "started_s", build_number(s->started_s));
	build_put(b, out, "windows", build_u64(s->windows));
	build_put(b, out, "on_s", build_number(s->on_s));
	build_put(b, out, "refused", build_u64(s->refused));
	build_put(b, out, "stacks_lost", build_u64(s->stacks_lost));
	for (unsigned i = 0; i < s->classes; i++)
		build_put(b, requests, s->class_name[i], build_u64(s->requests[i]));
	json_t *notes = build_array(b, out, "notes");
	for (unsigned i = 0; s->note && s->note[i]; i++)
		build_append(b, notes, report_text(s->note[i]));
}

static json_t *built(const struct build *b, json_t *out)
{
	if (!b->failed)
		return out;
	json_decref(out);
	return NULL;
}

json_t *report_survivors(const struct report_survivors *s)
{
	struct build b = {.in = NULL};
	json_t *out = json_object();

	head_put(&b, out, s);
	if (s->cpu_share >= 0)
		build_put(&b, out, "cpu_share", build_number(s->cpu_share));
	build_put(&b, out, "one_address_in", build_u64(s->weight));
	build_put(&b, out, "strangers", build_u64(s->strangers));
	sites_put(&b, out, s);
	return built(&b, out);
}

json_t *report_growth_stacks(const struct report_survivors *s)
{
	static const char *const name[WIRE_KEPT_KINDS] = {
		[WIRE_KEPT_DESCRIPTOR] = "descriptors", [WIRE_KEPT_MAPPING] = "mappings",
		[WIRE_KEPT_THREAD] = "threads",         [WIRE_KEPT_HEAP] = "heap",
		[WIRE_KEPT_TOUCH] = "first_touches",
	};
	struct build b = {.in = NULL};
	json_t *out = json_object(), *kinds;

	head_put(&b, out, s);
	kinds = build_object(&b, out, "kinds");
	for (uint32_t kind = WIRE_KEPT_DESCRIPTOR; kind < WIRE_KEPT_KINDS; kind++) {
		struct report_survivors of = *s;

		for (of.rows = 0; of.row < s->row + s->rows && of.row->kind < kind; of.row++)
			;
		while (of.row + of.rows < s->row + s->rows && of.row[of.rows].kind == kind)
			of.rows++;
		if (of.rows)
			sites_put(&b, build_object(&b, kinds, name[kind]), &of);
	}
	return built(&b, out);
}
