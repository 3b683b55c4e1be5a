/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a hit of a uprobe costs on this machine, measured in a child process of ours on functions of ours, in less than 100 ms: by kind of
 * the probed instruction, entry alone and both ends. And what the probe adds to the latency that it measures.
 */
#ifndef TOLL_PROBE_CALIBRATE_H
#define TOLL_PROBE_CALIBRATE_H

#include "base/err.h"
#include "probe/alloc_probe.h"

struct calibration {
	enum uprobe_link_kind link; /* UPROBE_LINK_BEST: it failed */
	uint32_t entry_ns[PROBE_INSNS]; /* CPU time of a hit whose return is not looked at */
	uint32_t call_ns[PROBE_INSNS]; /* of both ends of a call */
	/*
	 * Latency that an empty function seems to have: nine tenths of its calls have more. Taken off every latency, so that what is left is
	 * rather too long than too short, by no more than noise_ns in eight of ten calls.
	 */
	uint32_t bias_ns[PROBE_INSNS];
	uint32_t noise_ns[PROBE_INSNS];
	uint32_t took_us; /* the whole calibration */
};

/* link: UPROBE_LINK_BEST or one of them. -errno where uprobes are refused. */
int calibrate(enum uprobe_link_kind link, struct calibration *out, struct err *err);

#endif
