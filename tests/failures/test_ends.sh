#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Whatever ends at whatever moment: a signal to toll, kill -9 to toll, the gateway, a worker, a storm of forks, a number that is given away
# again, two tolls on one gateway. Nothing stays attached, and the result says what it lacks.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

steady ends 200/s 20s

# signalled SIGNAL AFTER_S: a run of 0.6 s that gets it then; its end must fit its result
signalled() {
	local pid code=0 dir=$work/signalled
	rm -rf "$dir"
	"$toll" run "$work/ends.yaml" --with reference --for 600ms --quiet --out "$dir" >"$work/out.txt" 2>"$work/err.txt" &
	pid=$!
	sleep "$2"
	kill "-$1" "$pid" 2>/dev/null
	wait "$pid" || code=$?
	case $code in
	0 | 1) jq -e '.complete' "$dir/result.json" >/dev/null && echo whole && return ;;
	3) jq -e '(.complete | not) and (.cut_short_because | test("received|signal"))' "$dir/result.json" >/dev/null &&
		"$toll" report "$dir/result.json" >/dev/null && echo cut && return ;;
	1[2-4]?) [ ! -e "$dir/result.json" ] && echo early && return ;; # before there was a run
	esac
	echo "$1 after $2 s: exit $code, $(find "$dir" -type f -printf '%f ') $(tail -n 2 "$work/err.txt")"
}
trace_begin
for name in INT TERM HUP; do
	ends=()
	for after in 0 0.02 0.05 0.1 0.15 0.2 0.3 0.4 0.5 0.6 0.8 1.0 1.2 1.5 2.0 2.5; do ends+=("$(signalled "$name" "$after")"); done
	bad=$(printf '%s\n' "${ends[@]}" | grep -vE '^(whole|cut|early)$')
	echo "# SIG$name at 16 moments: $(printf '%s\n' "${ends[@]}" | sort | uniq -c | tr -s ' \n' ' ')"
	if [ -z "$bad" ]; then pass "SIG$name at any moment: the exit code fits the result"; else fail "SIG$name at any moment: the exit code fits the result" "$bad"; fi
	if printf '%s\n' "${ends[@]}" | grep -q cut; then pass "SIG$name: some of them cut a run short"; else fail "SIG$name: some of them cut a run short" "${ends[*]}"; fi
	trace_none "SIG$name at any moment"
done

# a gateway that takes its time to start is not waited for
printf 'name: never\ntitle: a gateway that never listens\nstart: [sleep, "100"]\nurl: "http://{{listen_host}}:{{listen_port}}"\n' >"$work/never.yaml"
"$toll" run "$work/ends.yaml" --with "$work/never.yaml" --out "$work/never" >/dev/null 2>&1 &
run=$!
sleep 0.4
began=$(date +%s%N)
kill -TERM "$run"
code=0
wait "$run" || code=$?
took_ms=$((($(date +%s%N) - began) / 1000000))
if [ "$code" -eq 3 ] && [ "$took_ms" -lt 2000 ]; then pass "a signal while the gateway starts ends the run at once"; else
	fail "a signal while the gateway starts ends the run at once" "exit $code after $took_ms ms"
fi
check "... and its result says so" '(.complete | not) and (.cut_short_because | test("while a gateway that never listens was starting"))' "$work/never/result.json"
trace_none "a signal while the gateway starts"

# toll itself is killed: its probes, its provider and its gateway go with it; the gateway's directory goes when toll starts the next
start_run killed "$work/ends.yaml" --with nginx --for 10s
kill -KILL "$run"
wait "$run" 2>/dev/null
trace_none "SIGKILL of toll, but for the gateway's directory" directory
"$toll" run "$work/ends.yaml" --with reference --for 200ms --quiet --out "$work/next" >/dev/null 2>&1
trace_none "SIGKILL of toll, then the next run"

# the gateway is killed, with the control group that it made for itself
start_run quota "$work/ends.yaml" --with reference --plant quota=90ms/100ms@request --for 5s
find /sys/fs/cgroup -type d -name 'toll-gateway*' | grep -q . || fail "a killed gateway's control group" "it made none: $(cat "$work/quota.err")"
kill -KILL "$(pgrep -P "$run" -f 'gateway --listen')"
end_run
check "SIGKILL of the gateway: cut short, and why" '(.complete | not) and (.cut_short_because | test("was killed by signal 9"))' "$result"
trace_none "SIGKILL of the gateway, in a control group"

# kill -9 for a family of runs: the run under way ends by itself, and in order
"$toll" run "$work/ends.yaml" "$work/ends.yaml" --with reference --for 10s --out "$work/family" >/dev/null 2>&1 &
run=$!
await 10 test -e "$work/family/ends/capture.toll" || await 1 true
sleep 0.5
kill -KILL "$run"
wait "$run" 2>/dev/null
trace_none "SIGKILL of a family of runs"

start_run worker "$work/ends.yaml" --with nginx --workers 2 --for 2s
worker=$(pgrep -P "$(pgrep -P "$run" nginx)" nginx | head -n 1)
kill -KILL "$worker"
end_run
check "a worker killed: the run goes on, and the loss is told" '.complete and (.notes | any(test("process '"$worker"' .nginx. of the gateway ended")))' "$work/worker/result.json"
# what was inside it goes to the other one, by the client: such a request has two ways through the gateway
check "a worker killed: all else that was answered is joined" '.trust.requests - .trust.joined <= 3 and .trust.order_violations == 0 and (.gateway.pids | index('"$worker"') == null)' "$work/worker/result.json"
trace_none "a worker killed"

# thousands of children that live for a moment each, beside the gateway in one tree
cat >"$work/storm.py" <<'END'
import os, subprocess, sys, time
gateway = subprocess.Popen(sys.argv[2:])
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
end, forks = time.time() + 1.5, 0
while time.time() < end:
    if os.fork() == 0:
        os._exit(0)
    forks += 1
    while os.waitpid(-1, os.WNOHANG)[0]:
        pass
gateway.wait()
END
port=$(free_port) upstream=$(free_port)
listens gateway.txt python3 "$work/storm.py" "$work/storm.live" "$toll" gateway --listen "127.0.0.1:$port" --upstream "http://127.0.0.1:$upstream"
storm=$gateway
start_run storm "$work/ends.yaml" --gateway "http://127.0.0.1:$port" --pid "$storm" --provider "127.0.0.1:$upstream" --for 3s
end_run
check "a storm of forks: whole, in order, nothing lost" '.complete and .trust.coverage >= 0.999 and .trust.order_violations == 0 and ([.trust.lost[]] | add == 0)' "$work/storm/result.json"
check "a storm of forks: how many ended is told" '.notes | any(test("^[0-9]{3,} processes of the gateway ended"))' "$work/storm/result.json"

# two loads and a watcher on one gateway at once: none sees the other's
gateway=$(pgrep -P "$storm" toll)
"$toll" attach --pid "$gateway" --for 2s --quiet --out "$work/watch" >/dev/null 2>&1 &
watch=$!
"$toll" run "$work/ends.yaml" --gateway "http://127.0.0.1:$port" --for 2s --quiet --out "$work/second" >/dev/null 2>&1 &
second=$!
start_run first "$work/ends.yaml" --gateway "http://127.0.0.1:$port" --provider "127.0.0.1:$upstream" --for 4s
end_run
wait "$second" "$watch"
check "two tolls on one gateway: the first joins all of its own" '.complete and .trust.coverage >= 0.999 and .requests.sent == 800 and .trust.joined_by.ends == 800' "$work/first/result.json"
check "two tolls on one gateway: so does the second" '.complete and .requests.sent == 400 and .trust.order_violations == 0' "$work/second/result.json"
check "two tolls on one gateway: the watcher sees a gateway at work" '.complete and .toll.count > 300 and .trust.order_violations == 0' "$work/watch/result.json"
kill "$gateway"
wait "$storm" 2>/dev/null
trace_none "storms and crowds"

# everything stands still for a second, as in a VM that was suspended: load that came late is nobody's figure
start_run suspended "$work/ends.yaml" --with reference --for 3s
# shellcheck disable=SC2046 # several pids
kill -STOP "$run" $(pgrep -P "$run")
sleep 1
# shellcheck disable=SC2046
kill -CONT $(pgrep -P "$run") "$run"
end_run
check "everything stands still for a second: invalid, and why" '(.invalid | test("could not keep its schedule")) and .complete' "$work/suspended/result.json"
check "everything stands still for a second: still whole and in order" '.trust.order_violations == 0 and .trust.coverage >= 0.999' "$work/suspended/result.json"

# the gateway's number is given to another process: that one is not the gateway (in a pid namespace of our own, where numbers can be chosen)
cat >"$work/reuse.sh" <<'END'
set -u
"$1" gateway --listen 127.0.0.1:"$2" --upstream http://127.0.0.1:"$3" >/dev/null 2>&1 &
gateway=$!
until (exec 3<>/dev/tcp/127.0.0.1/"$2") 2>/dev/null; do sleep 0.05; done
shift 3
"$@" --pid "$gateway" &
run=$!
sleep 1.2
kill -KILL "$gateway"
wait "$gateway" 2>/dev/null
for _ in $(seq 200); do
	echo $((gateway - 1)) >/proc/sys/kernel/ns_last_pid
	sleep 100 &
	[ $! -eq "$gateway" ] && echo reused && break
	kill $!
done
wait "$run"
END
for probes in --probes=sockets,threads --no-probes; do
	timeout 60 unshare --pid --fork --kill-child --mount-proc bash "$work/reuse.sh" "$toll" "$port" "$upstream" "$toll" run "$work/ends.yaml" \
		--gateway "http://127.0.0.1:$port" --provider "127.0.0.1:$upstream" --for 4s --quiet $probes --out "$work/reuse" >"$work/reuse.txt" 2>"$work/reuse.err"
	if ! grep -q '^reused' "$work/reuse.txt"; then skip "pid reuse ($probes)" "the number was not given away again: $(tail -n 1 "$work/reuse.err")" && continue; fi
	check "pid reuse ($probes): the new process is not taken for the gateway" '(.complete | not) and (.cut_short_because | test("gateway died"))' "$work/reuse/result.json"
done
trace_none "pid reuse"
finish
