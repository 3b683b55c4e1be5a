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
run_toll cache "$work/cache.yaml" --with reference --set cache=yes --metrics-url /metrics
check "cache: one miss, 99 hits" '.requests.ok == 100 and .trust.cache_hits == 99 and .verdict == "met"' "$result"
check "cache: the gateway's own page tells the same" '.own_counters.cache_hit_rate == 0.99 and .own_counters.unread == 0 and
	(.own_counters.rows[] | select(.meaning == "duration") | .count == 100 and .mean_ns > 0)' "$result"
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

# prompts of a data set, conversations, traces; before the last stage the gateway is restarted and its Redis cleared
printf '%s\n' '{"prompt": "a \"joke\"", "max_tokens": 7}' '{"conversations": [{"from": "human", "value": "hi"}]}' >"$work/prompts.jsonl"
printf '%s\n' TIMESTAMP,ContextTokens,GeneratedTokens '2023-11-16 18:15:46.6805900,374,44' '2023-11-16 18:15:46.9805900,396,10' >"$work/azure.csv"
printf '%s\n' '{"timestamp": 0, "input_length": 1200, "output_length": 5, "hash_ids": [0, 1, 2]}' \
	'{"timestamp": 100, "input_length": 1000, "output_length": 9, "hash_ids": [0, 3]}' >"$work/mooncake.jsonl"
scenario data <<'END'
name: e2e/data
classes:
  asked: {endpoint: chat, prompts: prompts.jsonl, max_tokens: 3}
  talked: {endpoint: chat, stream: true, turns: 4, max_tokens: 5, slo: {ttft: 10s, inter_token: 1ns}}
  traced: {endpoint: chat, slo: {latency: 10s}}
  same: {endpoint: chat, fixed_prompt: true, max_tokens: 5}
provider: {service_time: 1ms, inter_token_time: 100us}
peers: {cache: redis}
gateway: {cache: yes}
stages:
  - {name: prompts, vus: 2, requests: 6, classes: [asked]}
  - {name: talks, vus: 2, requests: 16, classes: [talked]}
  - {name: azure, trace: azure.csv, classes: [traced]}
  - {name: cached, vus: 1, requests: 20, classes: [same]}
  - {name: kept, vus: 1, requests: 20, classes: [same], before: [restart]}
  - {name: mooncake, trace: mooncake.jsonl, speed: 2, classes: [traced]}
  - {name: gone, vus: 1, requests: 20, classes: [same], before: [restart, clear, wait=50ms]}
criteria: [traced.slo_rate == 100%, talked.goodput < 0.001/s, slo_rate > 19%]
END
run_toll data "$work/data.yaml" --with reference
trusted "data"
check "data: goodput is what keeps its class's objective" \
	'.verdict == "met" and .requests.slo_judged == 20 and .requests.slo_met == 4' "$result"
check "data: prompts carry their own max_tokens" '.classes.asked.requests.ok == 6 and .classes.asked.requests.tokens == 30' "$result"
check "data: traces are replayed row by row" '.classes.traced.requests.ok == 4 and .classes.traced.requests.tokens == 68' "$result"
check "data: prompts are as long as the trace says" '.classes.traced.requests.prompt_tokens | . >= 2970 and . < 3300' "$result"
check "data: each question of a conversation carries those before it" \
	'.classes.talked.requests | .ok == 16 and .prompt_tokens / 16 > 1.7 * 100' "$result"
check "data: streams of conversations are whole" '.requests.streams_heard == 16 and .requests.streams_disordered + .requests.streams_foreign == 0' "$result"
check "data: a restart leaves the second level of the cache, a clearing does not" \
	'[.stages[] | select(.name == "cached" or .name == "kept" or .name == "gone") | .upstream_turns_per_request] == [0.05, 0, 0.05]' "$result"

# an upstream that answers before the driver's send has returned: libcurl then gives connections on before it tells that a request is done
scenario fast <<'END'
name: e2e/fast
classes:
  chat: {endpoint: chat, max_tokens: 1}
stages:
  - {name: all, vus: 8, requests: 4000}
END
run_toll fast "$work/fast.yaml" --gateway "http://127.0.0.1:$port" --provider "127.0.0.1:$port" --no-probes --capture full
python3 - "$work/fast/capture.toll" >"$work/fast.positions" <<'END_PY'
import struct, sys
data, at, ours, theirs = open(sys.argv[1], "rb").read(), 16, {}, {}
while at + 8 <= len(data): # frames, struct record_request, struct record_provider of user/record/
    kind, size = struct.unpack_from("=II", data, at)
    if kind == 3: ours[struct.unpack_from("=Q", data, at + 8)[0]] = struct.unpack_from("=4Q", data, at + 8 + 96)
    if kind == 4: p = struct.unpack_from("=6Q", data, at + 8); theirs[p[0]] = p[2:6]
    at += 8 + size
print(len(ours), sum(ours[i] != theirs.get(i) for i in ours))
END_PY
if [ "$(cat "$work/fast.positions")" = "4000 0" ]; then pass "positions of both ends agree, byte for byte, at full speed"; else
	fail "positions of both ends agree, byte for byte, at full speed" "requests, not the same: $(cat "$work/fast.positions")"
fi

# no instant is lost or counted twice
one_user one 200 10ms
run_toll one "$work/one.yaml" --with reference --provider 127.0.0.1:0
check "the parts add up to t11 - t0 in every kept timeline" \
	'[.exemplars[] | ([.phases[].ns] | add) == .total_ns] | (length > 0 and all)' "$result"
finish
