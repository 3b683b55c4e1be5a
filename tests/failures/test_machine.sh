#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What cannot be tried on a machine that others use: the wall clock is set, lockdown is tightened, control groups are mounted in one version
# alone. Runs as root in a machine that is thrown away (a VM), told by TOLL_THROWAWAY_MACHINE=1; booted with lockdown=confidentiality it
# tries that too.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

if [ -z "${TOLL_THROWAWAY_MACHINE:-}" ]; then
	skip "clock steps, lockdown, control groups of one version" "this machine is not to be thrown away (TOLL_THROWAWAY_MACHINE=1)"
	finish
fi
scenario machine <<'END'
name: failures/machine
classes:
  chat: {endpoint: chat, max_tokens: 5}
stages:
  - {name: steady, rate: 20/s, in_flight: 8, for: 4s}
provider: {service_time: 3ms, tokens: 5}
END
seen='.trust.coverage >= 0.95 and .trust.order_violations == 0 and .toll.count >= 75'

if grep -q '\[confidentiality\]' /sys/kernel/security/lockdown 2>/dev/null || { mount -t securityfs none /sys/kernel/security 2>/dev/null && grep -q '\[confidentiality\]' /sys/kernel/security/lockdown; }; then
	run_toll locked "$work/machine.yaml" --with reference
	check "lockdown: confidentiality: the load runs" '.complete and .requests.ok == 80' "$result"
	check "lockdown: confidentiality: the toll is not measured, and lockdown is named" '.toll == null and (.not_measured.toll | test("lockdown"))' "$result"
	finish
fi

trace_begin
# the wall clock goes an hour forth and two back, as after a VM's suspension; no figure is made of it
"$toll" run "$work/machine.yaml" --with reference --live "$work/clock.live" --quiet --out "$work/clock" >/dev/null 2>"$work/clock.err" &
run=$!
await 60 grep -qs '"sent":[1-9]' "$work/clock.live"
date -s '+1 hour' >/dev/null
sleep 0.5
date -s '-2 hours' >/dev/null
wait "$run"
check "the wall clock steps: whole, and in order" "$seen" "$work/clock/result.json"
check "the wall clock steps: no duration has it" '.duration_s > 3.5 and .duration_s < 10 and .latency.max_ns < 20e9' "$work/clock/result.json"

# control groups: version 2 alone, then version 1 alone
for version in 2 1; do
	awk '$3 ~ /^cgroup2?$/ { print $2 }' /proc/mounts | sort -r | xargs -r -n 1 umount -l
	if [ "$version" = 2 ]; then mount -t cgroup2 none /sys/fs/cgroup; else
		mount -t tmpfs none /sys/fs/cgroup && mkdir -p /sys/fs/cgroup/cpu /sys/fs/cgroup/memory
		mount -t cgroup -o cpu none /sys/fs/cgroup/cpu 2>"$work/mount.err" || { skip "cgroup v1 only" "$(tail -n 1 "$work/mount.err")" && continue; }
		mount -t cgroup -o memory none /sys/fs/cgroup/memory 2>/dev/null
	fi
	run_toll "v$version" "$work/machine.yaml" --with reference --plant cpu=2ms@request,quota=10ms/100ms@request
	check "cgroup v$version only: throttling is seen" "$seen"' and .causes.throttled.count > 5' "$result"
	find /sys/fs/cgroup -type d -name 'toll*' | grep -q . && fail "cgroup v$version only: no group is left" "$(find /sys/fs/cgroup -type d -name 'toll*')"
done
finish
