// SPDX-License-Identifier: GPL-2.0-only
/* CPU samples of gateway threads: the perf software clock, so that it works without hardware counters. */
#include <linux/bpf_perf_event.h>

#include "bpf/stack.bpf.h"
#include "bpf/target.bpf.h"

const volatile __u32 sample_period_ns = 0;

static __always_inline __u64 sample_stack(void *ctx, bool in_kernel)
{
	struct stack_take t;
	__u64 key, *seen;

	if (!stack_begin(&t))
		return 0;
	key = key_of_user(ctx, &t);
	if (in_kernel) {
		kernel_frames_take(ctx, &t);
		key = key_of_frames(t.scratch->kernel + 1, t.kernel_frames ? t.kernel_frames - 1 : 0, key);
		key = key_mix(key, t.scratch->kernel[0] >> 4);
	}
	seen = bpf_map_lookup_elem(&stack_keys, &key);
	return seen ? key : stack_send(&t, key);
}

SEC("?perf_event")
int toll_sample(struct bpf_perf_event_data *ctx)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	bool in_kernel = !is_user_mode(ctx->regs);
	struct wire_sample *s;
	__u64 now_ns, key;

	if (target_role((__u32)(pid_tgid >> 32)) != WIRE_ROLE_GATEWAY)
		return 0;
	now_ns = bpf_ktime_get_ns();
	key = sample_stack(ctx, in_kernel);
	s = emit_reserve(WIRE_KIND_SAMPLE, sizeof(*s), now_ns);
	if (!s)
		return 0;
	s->tgid = (__u32)(pid_tgid >> 32);
	s->tid = (__u32)pid_tgid;
	s->stack = key;
	s->period_ns = sample_period_ns;
	s->flags = in_kernel ? WIRE_SAMPLE_KERNEL : 0;
	emit_submit(s);
	return 0;
}

char LICENSE[] SEC("license") __weak = "GPL";
