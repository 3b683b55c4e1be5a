# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# A built-in scenario on the embedded gateway: what it prints, replays and reports again without root; caches, retries, the sum of the parts.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

for name in gateway/baseline edge/throughput; do
	run_toll "${name//\//-}" "$name" --with reference --quick
	if [ "$code" -eq 0 ]; then pass "$name: exit 0"; else fail "$name: exit 0" "exit $code: $(grep -E 'MISSED|NOT' "$work/${name//\//-}.txt")"; fi
	check "$name: all criteria met" '.verdict == "met" and (.criteria | length) > 0' "$result"
	trusted "$name"
	check "$name: complete" '.complete == true' "$result"
done

# the same words from the document alone, and the same figures from the capture alone, both without root
dir=$work/edge-throughput
chmod 755 "$work" "$dir" && chmod 644 "$dir"/*
cp "$toll" "$work/toll"
setpriv --reuid=65534 --regid=65534 --clear-groups "$work/toll" report "$dir/result.json" --no-color >"$work/report.txt" 2>"$work/report.err"
if diff -q "$dir/report.txt" "$work/report.txt" >/dev/null; then pass "report prints the run's own words"; else
	fail "report prints the run's own words" "$(diff "$dir/report.txt" "$work/report.txt" | head -n 5)"
fi
mkdir "$work/again" && chmod 777 "$work/again"
setpriv --reuid=65534 --regid=65534 --clear-groups "$work/toll" replay "$dir/capture.toll" --out "$work/again" >/dev/null 2>"$work/replay.err"
jq -S '{toll, phases, requests, upstreams}' "$dir/result.json" >"$work/a.json"
jq -S '{toll, phases, requests, upstreams}' "$work/again/result.json" >"$work/b.json"
if diff -q "$work/a.json" "$work/b.json" >/dev/null; then pass "replay gives the run's own figures"; else
	fail "replay gives the run's own figures" "$(diff "$work/a.json" "$work/b.json" | head -n 5; cat "$work/replay.err")"
fi
if [ "$(wc -L <"$dir/report.txt")" -le 100 ]; then
	pass "the report fits 100 columns"
else fail "the report fits 100 columns" "widest: $(wc -L <"$dir/report.txt")"; fi

# a cache in the gateway: hits are seen as requests without an upstream turn, and nothing else is
scenario cache <<'END'
name: e2e/cache
classes:
  same: {endpoint: chat, fixed_prompt: true, weight: 1, max_tokens: 5}
stages:
  - {name: all, vus: 1, requests: 100}
provider: {service_time: 2ms, tokens: 5}
criteria:
  - cache_hit_rate >= 95%
END
run_toll cache "$work/cache.yaml" --with reference --set cache=yes
check "cache: one miss, 99 hits" '.requests.ok == 100 and .trust.cache_hits == 99 and .verdict == "met"' "$result"
check "cache: hits are local answers" '.phases.local_answer.count == 99' "$result"

# retries: an upstream of somebody else that fails every other request; both attempts are seen, and the gateway's time between them
cat >"$work/flaky.py" <<'END'
import http.server, itertools
count = itertools.count()
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b'{"choices":[{"message":{"content":"x"}}]}'
        self.send_response(503 if next(count) % 2 == 0 and self.command == "POST" else 200)
        self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    do_GET = do_POST = answer
    def log_message(self, *a): pass
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), H)
print(s.server_port, flush=True); s.serve_forever()
END
timeout 60 python3 "$work/flaky.py" >"$work/flaky.port" &
flaky=$!
until [ -s "$work/flaky.port" ]; do sleep 0.05; done
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$toll" gateway --listen "127.0.0.1:$port" --upstream "http://127.0.0.1:$(cat "$work/flaky.port")" --retries 3 >/dev/null 2>&1 &
gateway=$!
for _ in $(seq 100); do curl -s -o /dev/null "http://127.0.0.1:$port/health" && break; sleep 0.05; done
scenario retries <<'END'
name: e2e/retries
classes:
  chat: {endpoint: chat, weight: 1, max_tokens: 5}
stages:
  - {name: all, vus: 1, requests: 100}
criteria:
  - success_rate == 100%
END
run_toll retries "$work/retries.yaml" --gateway "http://127.0.0.1:$port"
check "retries: both attempts of each request are seen" '.upstream_turns_per_request >= 1.9 and .trust.coverage >= 0.99' "$result"
check "retries: time between attempts is a phase of the gateway" '.phases.between_attempts.count >= 90' "$result"
check "retries: an upstream that is not ours is joined by thread or order, and said so" '.trust.joined_by.ends == 0' "$result"
kill "$gateway" "$flaky"
wait "$gateway" "$flaky" 2>/dev/null

# no instant is lost or counted twice
scenario one <<'END'
name: e2e/one
classes:
  chat: {endpoint: chat, weight: 1, max_tokens: 5}
stages:
  - {name: all, vus: 1, requests: 200}
provider: {service_time: 10ms, tokens: 5}
END
run_toll one "$work/one.yaml" --with reference --provider 127.0.0.1:0
check "the parts add up to t11 - t0 in every kept timeline" \
	'[.exemplars[] | ([.phases[].ns] | add) == .total_ns] | (length > 0 and all)' "$result"
finish
