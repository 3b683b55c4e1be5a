/* SPDX-License-Identifier: GPL-2.0-only */
/* Request bodies: built once per class, with a place for the tag that only has to be patched for each request. */
#ifndef TOLL_DRIVER_BODY_H
#define TOLL_DRIVER_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "scenario/plan.h"

#define BODY_NO_TAG SIZE_MAX

struct body {
	char *data; /* NULL: the class has no body */
	size_t bytes;
	size_t digits_at; /* where the tag's 16 digits lie; BODY_NO_TAG: none */
};

/* Path of an endpoint: "/v1/chat/completions". */
const char *body_path(enum plan_endpoint endpoint);
/* tag: leave room for it (never done for a fixed prompt). -ENOMEM. */
int body_build(struct body *out, const struct plan *plan, uint32_t class_index, bool tag);
void body_fini(struct body *b);
/* Copies bytes [offset, offset + n) of the body with this tag in place. */
void body_copy(const struct body *b, uint64_t id, size_t offset, char *out, size_t n);

#endif
