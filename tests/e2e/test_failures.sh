# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Bad input and bad luck: one clear line, the documented exit code, and whatever was measured is in the result.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

steady short 100/s 20s

# refuses NAME EXIT PATTERN ARGS...: exactly one line that fits the pattern, and the exit code
refuses() {
	local name=$1 want=$2 pattern=$3 got=0
	shift 3
	timeout 60 "$toll" "$@" --out "$work/refused" >"$work/out.txt" 2>"$work/err.txt" || got=$?
	if [ "$got" -ne "$want" ]; then
		fail "$name" "exit $got instead of $want: $(head -c 500 "$work/err.txt")"
	elif ! grep -qE "$pattern" "$work/err.txt"; then
		fail "$name" "no line fits '$pattern': $(head -c 500 "$work/err.txt")"
	elif [ "$(wc -l <"$work/err.txt")" -ne 1 ]; then
		fail "$name" "more than one line: $(head -c 800 "$work/err.txt")"
	else pass "$name"; fi
}

trace_begin
dead=$(free_port)
refuses "port with no listener" 2 "no process listens|nothing listens|no listener" run gateway/smoke --gateway "http://127.0.0.1:$dead"
if unshare -n true 2>/dev/null; then # no way leads there
	printf '#!/bin/sh\nexec unshare -n sh -c "ip link set lo up && exec \\"\\$@\\"" sh "%s" "$@"\n' "$(realpath "$toll")" >"$work/nonet"
	chmod 755 "$work/nonet"
	toll=$work/nonet refuses "unreachable gateway" 2 "cannot connect to the gateway at 10.9.9.9:80: Network is unreachable" run gateway/smoke --yes --gateway http://10.9.9.9:80
else
	skip "unreachable gateway" "no network namespace can be made here"
fi
refuses "unknown scenario" 2 "gateway/smoke" run gateway/smok --with reference
printf 'name: x\nclasses:\n  a: {endpoint: chat, wait: 3}\nstages:\n  - {vus: 1, for: 1s}\n' >"$work/bad.yaml"
refuses "unknown key names file and line" 2 "bad.yaml.*3.*wait" run "$work/bad.yaml" --with reference
printf 'name: x\nclasses:\n  a: {endpoint: chat, weight: 1}\nstages:\n  - {vus: 1, for: 10}\n' >"$work/unit.yaml"
refuses "missing unit names file and line" 2 "unit.yaml.*5.*for" run "$work/unit.yaml" --with reference
sed '/max_tokens/s/5}/5, weight: 0}/' "$work/short.yaml" >"$work/weight.yaml"
refuses "a weight of zero" 2 "weight.yaml:3: classes.chat.weight: .*above 0" run "$work/weight.yaml" --with reference
sed 's/for: 20s/for: -1s/' "$work/short.yaml" >"$work/negative.yaml"
refuses "a negative duration" 2 "negative.yaml:5: stages.0..for: .*duration" run "$work/negative.yaml" --with reference
{ cat "$work/short.yaml" && echo 'criteria: ["latency.p42 < 5ms"]'; } >"$work/metric.yaml"
refuses "a criterion on a metric that does not exist" 2 "metric.yaml:7: .*latency.p42.*did you mean latency.p50" run "$work/metric.yaml" --with reference
{ cat "$work/short.yaml" && printf '%10000000s' '#'; } >"$work/large.yaml"
refuses "a scenario of 10 MB" 2 "large.yaml: larger than 1 MiB" run "$work/large.yaml" --with reference
{ cat "$work/short.yaml" && echo 'criteria: &a ["success_rate > 5%", *a]'; } >"$work/cyclic.yaml"
refuses "a scenario that includes itself" 2 "cyclic.yaml:7: criteria.1.: " run "$work/cyclic.yaml" --with reference
printf 'name: t\ntitle: t\nurl: x\nstart: [%s' "$(printf '[%.0s' $(seq 9999))" >"$work/deep.yaml"
refuses "a recipe of brackets" 2 "deep.yaml:4: .*more than 32 deep" run gateway/smoke --with "$work/deep.yaml"
refuses "unknown recipe" 2 "nginx" run gateway/smoke --with ngin
refuses "bad URL" 2 "http://HOST:PORT" run gateway/smoke --gateway localhost:80
refuses "unknown plant" 2 "sleep" run gateway/smoke --with reference --plant slep=1ms@request
refuses "capture of another kind" 2 "short.yaml" replay "$work/short.yaml"

# provider port taken
python3 -c '
import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(1); print(s.getsockname()[1], flush=True); sys.stdin.read()' \
	>"$work/port" < <(sleep 30) &
holder=$!
until [ -s "$work/port" ]; do sleep 0.05; done
refuses "provider port taken" 2 "$(cat "$work/port")" run "$work/short.yaml" --with reference --provider "127.0.0.1:$(cat "$work/port")"
kill "$holder" 2>/dev/null

# 401: a tiny server that always answers 401
python3 - >"$work/port401" <<'END' &
import http.server, threading
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        n = int(self.headers.get("Content-Length", 0)); self.rfile.read(n)
        self.send_response(401); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"no")
    do_GET = do_POST = answer
    def log_message(self, *a): pass
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), H)
print(s.server_port, flush=True)
threading.Timer(60, s.shutdown).start(); s.serve_forever()
END
unauthorized=$!
until [ -s "$work/port401" ]; do sleep 0.05; done
refuses "401 says to set API_KEY" 2 "401.*API_KEY|API_KEY.*401" run gateway/smoke --gateway "http://127.0.0.1:$(cat "$work/port401")"
kill "$unauthorized" 2>/dev/null

# cut NAME WHY-PATTERN: a run that was cut short has a whole document that says so
cut_short() {
	local name=$1 pattern=$2
	if [ "$code" -ne 3 ]; then fail "$name: exit 3" "exit $code: $(tail -3 "$work/cut.err")"; else pass "$name: exit 3"; fi
	check "$name: incomplete, and why" ".complete == false and (.cut_short_because | test(\"$pattern\"))" "$work/cut/result.json"
	check "$name: what was measured is there" '.requests.ok > 50 and .toll.count > 50' "$work/cut/result.json"
}
# loaded ARGS...: a run with a second of load behind it
loaded() {
	start_run cut "$work/short.yaml" "$@"
	await 30 grep -qsE '"sent":[0-9]{3}' "$work/cut.live"
}

loaded --with reference
kill -INT "$run"
end_run
cut_short "Ctrl-C" "Ctrl-C"
trace_none "Ctrl-C"

loaded --with reference
pid=$(pgrep -P "$run" -f 'gateway --listen|toll gateway|exe gateway' | head -n 1)
kill -KILL "$pid"
end_run
cut_short "gateway killed" "gateway"
trace_none "gateway killed"

loaded --with reference
kill -KILL "$(pgrep -P "$run" -f 'exe provider')"
end_run
cut_short "provider killed" "provider was killed by signal 9"
trace_none "provider killed"

# somebody else starts the gateway again while it is loaded: found, and watched from there on
port=$(free_port) upstream=$(free_port)
gateway_again() { listens again.txt "$toll" gateway --listen "127.0.0.1:$port" --upstream "http://127.0.0.1:$upstream"; }
gateway_again
loaded --gateway "http://127.0.0.1:$port" --provider "127.0.0.1:$upstream" --for 5s
kill -KILL "$gateway"
wait "$gateway" 2>/dev/null
gateway_again
end_run
check "gateway started again: the run goes on, and says so" '.complete and (.notes | any(test("found again.*pid '"$gateway"'")))' "$work/cut/result.json"
check "gateway started again: its process is the one that is told" '.gateway.pids == ['"$gateway"']' "$work/cut/result.json"
check "gateway started again: joined before and after" '.toll.count > 300 and .trust.order_violations == 0' "$work/cut/result.json"
kill "$gateway"
wait "$gateway" 2>/dev/null

# nowhere to print to: a file of ours must not take the closed stream's number, and a full disk is told
code=0
"$toll" run "$work/short.yaml" --with reference --for 1s --out "$work/cut" <&- >&- 2>&- || code=$?
# a machine too busy for the load's schedule makes it 1
if [ "$code" -eq "$(jq 'if .invalid then 1 else 0 end' "$work/cut/result.json")" ]; then pass "streams closed: exit 0"; else fail "streams closed: exit 0" "exit $code"; fi
check "streams closed: all is measured" '.trust.coverage >= 0.999 and .toll.count > 90 and .phases.provider.count > 90' "$work/cut/result.json"
code=0
"$toll" run "$work/short.yaml" --with reference --for 1s --quiet --out "$work/cut" >/dev/full 2>"$work/cut.err" || code=$?
if [ "$code" -eq 3 ] && grep -q "cannot print the report.*No space left.*$work/cut" "$work/cut.err"; then pass "report cannot be printed: exit 3 and why"; else
	fail "report cannot be printed: exit 3 and why" "exit $code: $(cat "$work/cut.err")"
fi
check "report cannot be printed: the result is whole" '.complete and .toll.count > 90' "$work/cut/result.json"
trace_none "no stdout"

# the driver itself stands still for 0.5 s of 4: its schedule is not kept, and no figure may be built on that
rm -rf "$work/cut"
"$toll" run "$work/short.yaml" --with reference --for 4s --out "$work/cut" >"$work/cut.txt" 2>"$work/cut.err" &
run=$!
for _ in $(seq 100); do [ -e "$work/cut/capture.toll" ] && break; sleep 0.02; done
sleep 1
kill -STOP "$run"
sleep 0.5
kill -CONT "$run"
end_run
if [ "$code" -eq 1 ]; then pass "a late driver: exit 1"; else fail "a late driver: exit 1" "exit $code"; fi
if head -n 1 "$work/cut.txt" | grep -q "^INVALID.*schedule"; then pass "a late driver: the report opens with INVALID and why"; else
	fail "a late driver: the report opens with INVALID and why" "$(head -n 2 "$work/cut.txt")"
fi

# a full disk under the result
mkdir -p "$work/full"
if mount -t tmpfs -o size=64k tmpfs "$work/full" 2>/dev/null; then
	code=0
	timeout 60 "$toll" run "$work/short.yaml" --with reference --for 3s --capture full --out "$work/full" >"$work/full.txt" 2>"$work/full.err" || code=$?
	if [ "$code" -eq 3 ] && grep -qiE "no space left" "$work/full.err"; then pass "full disk: exit 3 and why"; else
		fail "full disk: exit 3 and why" "exit $code: $(tail -n 3 "$work/full.err")"
	fi
	if grep -q "toll" "$work/full.txt"; then pass "full disk: the report is still on the screen"; else
		fail "full disk: the report is still on the screen" "$(head -c 300 "$work/full.txt")"
	fi
	umount "$work/full"
	trace_none "full disk"
else
	skip "full disk" "cannot mount a tmpfs here"
fi

# without root: the load runs, and the report says what it could not see
chmod 755 "$work" && mkdir -p "$work/user" && chmod 777 "$work/user"
cp -r "$toll" scenarios "$work/user/" 2>/dev/null
code=0
TOLL_SHARE=$work/user setpriv --reuid=65534 --regid=65534 --clear-groups timeout 60 "$work/user/toll" run "$work/short.yaml" --with reference --for 2s \
	--out "$work/user/out" >"$work/user.txt" 2>"$work/user.err" || code=$?
check "without root: the load still runs" '.requests.ok > 100' "$work/user/out/result.json"
check "without root: the toll is not measured, never 0" '(.toll == null) and (.not_measured | tostring | test("root|CAP_BPF|permitted"))' \
	"$work/user/out/result.json"

# a gateway on another host: at the other end of a veth pair, its process out of sight
if host_begin "toll$$" 45; then
	listens far.txt ip netns exec "toll$$" "$toll" provider --listen 10.123.45.2:9000 --service-time 3ms
	code=0
	timeout 60 unshare --pid --fork --mount-proc "$toll" run "$work/short.yaml" --gateway http://10.123.45.2:9000 --for 2s --quiet --out "$work/far" >/dev/null 2>"$work/far.err" || code=$?
	check "gateway on another host: the load still runs" '.requests.ok > 100' "$work/far/result.json"
	check "gateway on another host: the toll is not measured, and why" \
		'.toll == null and (.not_measured | tostring | test("not on this host"))' "$work/far/result.json"
	kill "$gateway" && wait "$gateway" 2>/dev/null
else
	skip "gateway on another host" "cannot make a network namespace with a veth pair here"
fi
host_end "toll$$"
trace_none "gateway on another host"

# a kernel without type information (hidden in a mount namespace of our own)
code=0
unshare -m sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$@"' sh timeout 60 "$toll" run "$work/short.yaml" --with reference --for 2s --quiet \
	--out "$work/nobtf" >"$work/nobtf.txt" 2>"$work/nobtf.err" || code=$?
if grep -q "Operation not permitted\|unshare" "$work/nobtf.err"; then skip "no BTF" "cannot make a mount namespace here"; else
	check "no BTF: the load still runs" '.requests.ok > 100' "$work/nobtf/result.json"
	check "no BTF: the toll is not measured, and why" '.toll == null and (.not_measured | tostring | test("CONFIG_DEBUG_INFO_BTF"))' \
		"$work/nobtf/result.json"
fi

trace_none "all of these"
finish
