# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Bad input and bad luck: one clear line, the documented exit code, and whatever was measured is in the result.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

scenario short <<'END'
name: e2e/short
classes:
  chat: {endpoint: chat, weight: 1, max_tokens: 5}
stages:
  - {name: steady, rate: 100/s, in_flight: 32, for: 20s}
provider: {service_time: 3ms, tokens: 5}
END

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
refuses "unknown scenario" 2 "gateway/smoke" run gateway/smok --with reference
printf 'name: x\nclasses:\n  a: {endpoint: chat, wait: 3}\nstages:\n  - {vus: 1, for: 1s}\n' >"$work/bad.yaml"
refuses "unknown key names file and line" 2 "bad.yaml.*3.*wait" run "$work/bad.yaml" --with reference
printf 'name: x\nclasses:\n  a: {endpoint: chat, weight: 1}\nstages:\n  - {vus: 1, for: 10}\n' >"$work/unit.yaml"
refuses "missing unit names file and line" 2 "unit.yaml.*5.*for" run "$work/unit.yaml" --with reference
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
background_run() {
	rm -rf "$work/cut" "$work/cut.err"
	"$toll" run "$work/short.yaml" "$@" --out "$work/cut" >"$work/cut.txt" 2>"$work/cut.err" &
	run=$!
	for _ in $(seq 100); do # until load has flowed for about 2 s
		grep -qsE '[0-9]+ done' "$work/cut.err" && break
		sleep 0.1
	done
	sleep 0.2
}
await_run() {
	code=0
	wait "$run" || code=$?
}

background_run --with reference
kill -INT "$run"
await_run
cut_short "Ctrl-C" "Ctrl-C"
trace_none "Ctrl-C"

background_run --with reference
pid=$(pgrep -P "$run" -f 'gateway --listen|toll gateway|exe gateway' | head -n 1)
kill -KILL "$pid"
await_run
cut_short "gateway killed" "gateway"
trace_none "gateway killed"

background_run --with reference
kill -KILL "$(pgrep -P "$run" -f 'exe provider')"
await_run
cut_short "provider killed" "provider was killed by signal 9"
trace_none "provider killed"

# somebody else starts the gateway again while it is loaded: found, and watched from there on
port=$(free_port) upstream=$(free_port)
gateway_again() {
	"$toll" gateway --listen "127.0.0.1:$port" --upstream "http://127.0.0.1:$upstream" >"$work/again.txt" 2>&1 &
	gateway=$!
	await 5 grep -q listening "$work/again.txt"
}
gateway_again
background_run --gateway "http://127.0.0.1:$port" --provider "127.0.0.1:$upstream" --for 5s
kill -KILL "$gateway"
wait "$gateway" 2>/dev/null
gateway_again
await_run
check "gateway started again: the run goes on, and says so" '.complete and (.notes | any(test("found again.*pid '"$gateway"'")))' "$work/cut/result.json"
check "gateway started again: its process is the one that is told" '.gateway.pids == ['"$gateway"']' "$work/cut/result.json"
check "gateway started again: joined before and after" '.toll.count > 300 and .trust.order_violations == 0' "$work/cut/result.json"
kill "$gateway"
wait "$gateway" 2>/dev/null

# nowhere to print to: a file of ours must not take the closed stream's number, and a full disk is told
code=0
"$toll" run "$work/short.yaml" --with reference --for 1s --out "$work/cut" <&- >&- 2>&- || code=$?
if [ "$code" -eq 0 ]; then pass "streams closed: exit 0"; else fail "streams closed: exit 0" "exit $code"; fi
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
await_run
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
if ip netns add "toll$$" 2>/dev/null && ip link add "tolla$$" type veth peer name "tollb$$" netns "toll$$" 2>/dev/null; then
	ip addr add 10.123.45.1/30 dev "tolla$$" && ip link set "tolla$$" up
	ip -n "toll$$" addr add 10.123.45.2/30 dev "tollb$$" && ip -n "toll$$" link set "tollb$$" up && ip -n "toll$$" link set lo up
	ip netns exec "toll$$" "$toll" provider --listen 10.123.45.2:9000 --service-time 3ms >"$work/far.txt" 2>&1 &
	far=$!
	for _ in $(seq 100); do grep -q listening "$work/far.txt" && break; sleep 0.05; done
	code=0
	timeout 60 unshare --pid --fork --mount-proc "$toll" run "$work/short.yaml" --gateway http://10.123.45.2:9000 --for 2s --quiet --out "$work/far" >/dev/null 2>"$work/far.err" || code=$?
	check "gateway on another host: the load still runs" '.requests.ok > 100' "$work/far/result.json"
	check "gateway on another host: the toll is not measured, and why" \
		'.toll == null and (.not_measured | tostring | test("not on this host"))' "$work/far/result.json"
	kill "$far" && wait "$far" 2>/dev/null
	ip link del "tolla$$"
else
	skip "gateway on another host" "cannot make a network namespace with a veth pair here"
fi
ip netns del "toll$$" 2>/dev/null
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
