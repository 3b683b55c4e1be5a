/* SPDX-License-Identifier: GPL-2.0-only */
/* Socket cookies made by a program on the root of the cgroups, where tracing programs cannot make them. Private to probe/. */
#ifndef TOLL_PROBE_COOKIES_H
#define TOLL_PROBE_COOKIES_H

#include "base/err.h"
#include "probe/skeleton.h"

/* 0 where toll_cookie is not loaded. Of a cgroup namespace it sees that namespace's part only. */
int cookies_attach(struct toll_bpf *skel, struct err *err);

#endif
