/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a hit of a uprobe costs on this machine, measured in a child process of ours on functions of ours, in a fifth of a second: by kind of
 * the probed instruction, entry alone, both ends, and an end that is not looked at. And what the probe adds to the latency that it measures.
 */
#ifndef TOLL_PROBE_CALIBRATE_H
#define TOLL_PROBE_CALIBRATE_H

#include "base/err.h"
#include "probe/alloc_probe.h"

struct calibration {
	enum uprobe_link_kind link; /* UPROBE_LINK_BEST: it failed */
	uint32_t entry_ns[PROBE_INSNS]; /* CPU time of a hit of a function that is probed at its entry alone */
	uint32_t call_ns[PROBE_INSNS]; /* of both ends of a call */
	/*
	 * Of a call that is probed at both ends and of which the end is not looked at; and of such a call while another process has probes in the same
	 * file: then a session link cannot keep the kernel from stopping at the return (see alloc_probe_rest()). Other links always stop there.
	 */
	uint32_t skipped_ns[PROBE_INSNS], skipped_beside_ns[PROBE_INSNS];
	/*
	 * Latency that an empty function seems to have: nine tenths of its calls have more. Taken off every latency, so that what is left is
	 * rather too long than too short, by no more than noise_ns in eight of ten calls.
	 */
	uint32_t bias_ns[PROBE_INSNS];
	uint32_t noise_ns[PROBE_INSNS];
	uint32_t took_us; /* the whole calibration */
};

/* What so many calls cost of which `returns` were seen to the end. beside: another process has probes in the same file. */
double calibration_cost_ns(const struct calibration *c, enum probe_insn insn, bool beside, double calls, double returns);
/* link: UPROBE_LINK_BEST or one of them. -errno where uprobes are refused. */
int calibrate(enum uprobe_link_kind link, struct calibration *out, struct err *err);

#endif
