/* SPDX-License-Identifier: GPL-2.0-only */
/* A soak while it runs: once a gauge grows, the dearer tiers that tell where from. */
#ifndef TOLL_SESSION_SOAKING_H
#define TOLL_SESSION_SOAKING_H

#include "session/parts.h"

void soaking_tick(struct session *s, uint64_t now_ns);
/* --until-sure: ends the load once the verdict is certain. measured_ns: when the measured part began. */
void soaking_until_sure(struct session *s, uint64_t measured_ns, uint64_t now_ns);
/* Processes of the gateway come and go; or appear without an event. pid: as we number it. */
void soaking_process(struct session *s, const struct wire_process *p, uint32_t pid);
void soaking_add(struct session *s, uint32_t pid);
/* The load is over, the gateway still there. */
void soaking_end(struct session *s, uint64_t now_ns);
void soaking_result(const struct session *s, json_t *parts, json_t *not_measured);

/* Probes off. */
void soaking_tear_down(struct session *s);

#endif
