#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What cannot be tried on a machine that others use: it is suspended, its wall clock is set, control groups are mounted in one version alone,
# lockdown is tightened (booted with lockdown=confidentiality, that alone is tried). Runs as root in a machine that is thrown away:
# test_machine.sh makes some. A file "suspend" in $VM_SHARE asks for the suspension.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

steady machine 20/s 4s
seen='.trust.coverage >= 0.95 and .trust.order_violations == 0 and .toll.count >= 75'
mount -t securityfs none /sys/kernel/security 2>/dev/null
trace_begin

if grep -q '\[confidentiality\]' /sys/kernel/security/lockdown 2>/dev/null; then
	run_toll locked "$work/machine.yaml" --with reference
	check "lockdown: confidentiality: the load runs" '.complete and .requests.ok == 80' "$result"
	check "lockdown: confidentiality: the toll is not measured, and lockdown is named" '.toll == null and (.not_measured.toll | test("lockdown"))' "$result"
	trace_none "lockdown: confidentiality"
	finish
fi

# kernels before 5.11 count maps against the limit on locked memory, which this capability lifts
result=$work/resource/result.json
# shellcheck disable=SC2016 # another shell's words
(ulimit -l 64 && timeout 60 capsh --drop=cap_sys_resource -- -c 'exec "$@"' sh "$toll" run "$work/machine.yaml" --with reference --quiet --out "$work/resource") \
	>/dev/null 2>&1
check "no CAP_SYS_RESOURCE, 64 KiB of locked memory: measured, or why not" \
	".complete and .requests.ok == 80 and (($seen)"' or (.toll == null and (.not_measured.toll | test("CAP_SYS_RESOURCE"))))' "$result"
trace_none "no CAP_SYS_RESOURCE"

# for three seconds nothing happens, then the clocks have gone on: load that is late is nobody's figure, and no mark is out of order
start_run suspended "$work/machine.yaml" --with reference
touch "$VM_SHARE/suspend"
if await 60 test ! -e "$VM_SHARE/suspend"; then
	end_run
	check "the machine is suspended: whole, and in order" ".complete and $seen" "$result"
	check "the machine is suspended: invalid, and why" '(.invalid | test("could not keep its schedule")) and .lateness.max_ns > 2e9' "$result"
else
	fail "the machine is suspended" "nobody did it"
fi
trace_none "the machine is suspended"

# the wall clock goes an hour forth and two back, as after a VM's suspension; no figure is made of it
start_run clock "$work/machine.yaml" --with reference
date -s '+1 hour' >/dev/null
sleep 0.5
date -s '-2 hours' >/dev/null
end_run
date -s '+1 hour' >/dev/null # what waits here goes by it too
check "the wall clock steps: whole, and in order" ".complete and $seen" "$result"
check "the wall clock steps: no duration has it" '.duration_s > 3.5 and .duration_s < 10 and .latency.max_ns < 20e9' "$result"
trace_none "the wall clock steps"

# control groups: version 2 alone, then version 1 alone
for version in 2 1; do
	awk '$3 ~ /^cgroup2?$/ { print $2 }' /proc/mounts | sort -r | xargs -r -n 1 umount -l
	if [ "$version" = 2 ]; then mount -t cgroup2 none /sys/fs/cgroup; else
		mount -t tmpfs none /sys/fs/cgroup && mkdir -p /sys/fs/cgroup/cpu /sys/fs/cgroup/memory
		mount -t cgroup -o cpu none /sys/fs/cgroup/cpu 2>"$work/mount.err" || { skip "cgroup v1 only" "$(tail -n 1 "$work/mount.err")" && continue; }
		mount -t cgroup -o memory none /sys/fs/cgroup/memory 2>/dev/null
	fi
	trace_begin
	run_toll "v$version" "$work/machine.yaml" --with reference --plant cpu=40ms@request/4,quota=30ms/100ms@request
	check "cgroup v$version only: throttling is seen" "$seen"' and .causes.throttled.count > 5' "$result"
	trace_none "cgroup v$version only"
done
finish
