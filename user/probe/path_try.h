/* SPDX-License-Identifier: GPL-2.0-only */
/* Paths into the kernel are found by trying: a program that needs one is loaded alone, and attached. Private to probe/. */
#ifndef TOLL_PROBE_PATH_TRY_H
#define TOLL_PROBE_PATH_TRY_H

#include <stddef.h>

#include "probe/paths.h"

/* One program of the object alone, the rest of it as these paths say. why: its hook, or what the kernel refused. */
int program_try(const char *name, const struct paths *paths, unsigned groups, char *why, size_t size);
/* One implementation of one path; of the others, those that it needs are as `paths` says. 0, or -errno with `why`. */
int path_try(const struct paths *paths, enum path path, unsigned impl, char *why, size_t size);
/* The first of its implementations that works. -errno: none does, paths is as it was. */
int path_find(struct paths *paths, enum path path);
/* An implementation that was asked for. -errno, with err: this kernel refuses it. */
int path_asked(const struct paths *paths, enum path path, struct err *err);
/* What was asked for, the rest by what the kernel's type information tells at once: to be loaded before anything is tried. */
struct paths paths_likely(const struct paths *asked);
/* What was asked for, the rest by trying. -errno, with err: this kernel refuses what was asked for. */
int paths_find(struct paths *out, const struct paths *asked, struct err *err);

#endif
