#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Less than a whole machine: gateways in namespaces and chroots, toll without root, without capabilities, without tracefs, without control
# groups of version 2. What can be measured is; what cannot is said in the report.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

steady confined 200/s 1s
whole='.complete and .requests.ok == .requests.sent and .requests.sent == 200 and .trust.coverage >= 0.999 and .trust.order_violations == 0 and ([.trust.lost[]] | add == 0)'
trace_begin

# --- where the gateway lives ---

# network, pid and mount namespaces of its own, reached by its own address as a container is
net=tollf$$
if host_begin "$net" 46; then
	listens net.txt ip netns exec "$net" unshare --mount --pid --fork --kill-child --mount-proc "$toll" gateway --listen 10.123.46.2:9000 \
		--upstream http://10.123.46.1:9100 --threads 2
	outer=$gateway
	run_toll net "$work/confined.yaml" --gateway http://10.123.46.2:9000 --provider 10.123.46.1:9100 --probes sockets,threads,syscalls,alloc --budget off
	check "namespaces: found by its own address, joined by ends" "$whole and .trust.joined_by.ends == 200" "$result"
	check "namespaces: how it was found is told" '.gateway.how | test("network namespace")' "$result"
	check "namespaces: its threads and its allocator are known" '.trust.threads.known >= 3 and .allocator.calls_per_request > 0' "$result"
	kill "$(pgrep -P "$(pgrep -P "$outer" -f unshare || echo "$outer")" -f 'toll gateway' | head -n 1)" 2>/dev/null
	pkill -P "$outer" 2>/dev/null
	kill "$outer" 2>/dev/null
	wait "$outer" 2>/dev/null
else
	skip namespaces "cannot make a network namespace with a veth pair here"
fi
host_end "$net"
trace_none namespaces

# its root is a directory that holds the program and its libraries
root=$work/root
mkdir -p "$root/bin" "$root/proc"
cp "$toll" "$root/bin/toll"
ldd "$toll" | grep -o '/[^ ]*' | while read -r library; do mkdir -p "$root$(dirname "$library")" && cp "$library" "$root$library"; done
port=$(free_port) upstream=$(free_port)
listens chroot.txt chroot "$root" /bin/toll gateway --listen "127.0.0.1:$port" --upstream "http://127.0.0.1:$upstream" --plant cpu=500us@request
run_toll chroot "$work/confined.yaml" --gateway "http://127.0.0.1:$port" --provider "127.0.0.1:$upstream" --probes sockets,threads,stacks,alloc --budget off --sample-hz 2000
check "chroot: whole" "$whole" "$result"
check "chroot: its program's symbols are found" '[.stacks.top_self[], .stacks.top_total[]] | any(.frame == "run_cpu")' "$result"
check "chroot: its own libc's allocator is probed" '.allocator.functions | any(.file | startswith("'"$root"'"))' "$result"
kill "$gateway"
wait "$gateway" 2>/dev/null
trace_none chroot

# --- what toll may do ---

setpriv_run() { # NAME CAPABILITIES ARGS...: as nobody with these
	local name=$1 caps=$2
	shift 2
	mkdir -p "$work/user/$name"
	chmod 777 "$work/user/$name"
	result=$work/user/$name/out/result.json
	TOLL_SHARE=$work/user timeout 60 setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps="$caps" --ambient-caps="$caps" "$work/user/toll" "$@" \
		--quiet --out "$work/user/$name/out" >"$work/$name.txt" 2>"$work/$name.err"
}
chmod 755 "$work"
mkdir -p "$work/user"
cp -r "$toll" scenarios "$work/user/"
setpriv_run bpf +bpf,+perfmon run "$work/confined.yaml" --with reference
check "CAP_BPF and CAP_PERFMON, no root: enough for a gateway of the same user" "$whole" "$result"
# another user's gateway: /proc of it wants more
listens other.txt "$toll" gateway --listen "127.0.0.1:$port" --upstream "http://127.0.0.1:$upstream"
setpriv_run ptrace +bpf,+perfmon,+sys_ptrace,+dac_read_search run "$work/confined.yaml" --gateway "http://127.0.0.1:$port" --provider "127.0.0.1:$upstream"
check "... with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH for another user's" "$whole" "$result"
setpriv_run none +net_raw run "$work/confined.yaml" --gateway "http://127.0.0.1:$port" --provider "127.0.0.1:$upstream"
check "no capabilities: the load runs, and the report says what it lacks" \
	'.requests.ok == 200 and .toll == null and (.not_measured | tostring | test("root|CAP_BPF|may not look into"))' "$result"
kill "$gateway"
wait "$gateway" 2>/dev/null

result=$work/resource/result.json
# shellcheck disable=SC2016 # another shell's words
timeout 60 capsh --drop=cap_sys_resource -- -c 'exec "$@"' sh "$toll" run "$work/confined.yaml" --with reference --quiet --out "$work/resource" >/dev/null 2>&1
check "no CAP_SYS_RESOURCE: whole" "$whole" "$result"

# no tracefs, no debugfs: none of the probes asks for them
result=$work/notrace/result.json
# shellcheck disable=SC2016 # another shell's words
timeout 60 unshare -m bash -c 'awk "\$3 ~ /^(tracefs|debugfs)$/ { print \$2 }" /proc/mounts | xargs -r -n 1 umount -l; shift; exec "$@"' sh - "$toll" run "$work/confined.yaml" \
	--with reference --probes sockets,threads,syscalls,alloc --budget off --quiet --out "$work/notrace" >/dev/null 2>&1
check "no tracefs: every group of probes works" "$whole"' and .allocator.calls_per_request > 0 and (.causes.own_kernel.count // 0) > 0' "$result"

# control groups of version 1 alone
result=$work/v1/result.json
if grep -q '^[^ ]* [^ ]* cgroup ' /proc/mounts; then
	# shellcheck disable=SC2016 # another shell's words
	timeout 60 unshare -m bash -c 'awk "\$3 == \"cgroup2\" { print \$2 }" /proc/mounts | xargs -r -n 1 umount -l; shift; exec "$@"' sh - "$toll" run "$work/confined.yaml" --with reference \
		--plant cpu=1ms@request,quota=2ms/20ms@request --quiet --out "$work/v1" >/dev/null 2>"$work/v1.err"
	check "cgroup v1 only: throttling is seen" '.complete and .trust.coverage >= 0.999 and .causes.throttled.count > 10' "$result"
else
	skip "cgroup v1 only" "this machine mounts no hierarchy of version 1"
fi
trace_none "without this and that"

# a clock that is not the kernel's
result=$work/timens/result.json
if unshare -T --monotonic 5000 true 2>/dev/null; then
	timeout 60 unshare -T --monotonic 5000 "$toll" run "$work/confined.yaml" --with reference --quiet --out "$work/timens" >/dev/null 2>&1
	check "time namespace: refused, with the reason" '.requests.ok == 200 and .toll == null and (.not_measured.toll | test("time namespace.*5000 s"))' "$result"
else
	skip "time namespace" "this kernel makes none"
fi

# lockdown "integrity" leaves BPF alone; "confidentiality" is tried in a machine of its own (test_machine.sh)
lockdown=$(cat /sys/kernel/security/lockdown 2>/dev/null || unshare -m sh -c 'mount -t securityfs none /sys/kernel/security && cat /sys/kernel/security/lockdown' 2>/dev/null)
case $lockdown in
*"[integrity]"*) pass "lockdown: integrity was on during all of these" ;;
*) skip "lockdown: integrity" "it is off here (${lockdown:-no such file})" ;;
esac
finish
