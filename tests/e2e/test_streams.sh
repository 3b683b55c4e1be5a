# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# 200 concurrent streams of 50 chunks through nginx and HAProxy, TTFT and every chunk followed; and attach on the same traffic.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

scenario streams <<'END'
name: e2e/streams
classes:
  s: {endpoint: chat, stream: true, weight: 1, max_tokens: 50}
stages:
  - {name: all, vus: 200, requests: 800}
provider: {service_time: 5ms, inter_token_time: 10ms, tokens: 50}
criteria:
  - streaming_success_rate == 100%
END
for gateway in nginx haproxy; do
	run_toll "streams-$gateway" "$work/streams.yaml" --with $gateway
	check "$gateway: 800 whole streams" '.requests.ok == 800 and .verdict == "met"' "$result"
	trusted "$gateway, 200 streams"
	check "$gateway: every chunk of the measured streams followed" '.streams.chunks == 800 * 50 and .streams.chunks_unmatched == 0' "$result"
	check "$gateway: tokens counted" '.requests.tokens == 800 * 50' "$result"
done

# attach: other people's traffic, no ends of ours
scenario load <<'END'
name: e2e/load
classes:
  chat: {endpoint: chat, weight: 1, max_tokens: 5}
stages:
  - {name: steady, rate: 200/s, in_flight: 32, for: 12s}
provider: {service_time: 3ms, tokens: 5}
END
"$toll" run "$work/load.yaml" --with nginx --no-probes --quiet --format json --out "$work/load" >"$work/load.json" 2>"$work/load.err" &
load=$!
for _ in $(seq 100); do
	nginx_pid=$(pgrep -P "$load" nginx | head -n 1)
	[ -n "$nginx_pid" ] && [ "$(pgrep -P "$nginx_pid" -c nginx)" -gt 0 ] && break
	sleep 0.05
done
sleep 1
code=0
timeout 60 "$toll" attach --pid "$nginx_pid" --for 4s --quiet --out "$work/attach" >"$work/attach.txt" 2>"$work/attach.err" || code=$?
result=$work/attach/result.json
if [ "$code" -eq 0 ]; then pass "attach ends with 0"; else fail "attach ends with 0" "exit $code: $(tail -n 2 "$work/attach.err")"; fi
check "attach: hundreds of requests seen" '.trust.requests > 400' "$result"
check "attach: joined by thread and order, and said so" '.trust.joined_by.ends == 0 and .trust.joined_by.thread + .trust.joined_by.order > 400' "$result"
check "attach: the gateway's phases are there" '[.phases | .process_request, .pick_up_response, .process_response | .count > 400] | all' "$result"
check "attach: latency is not measured, and why" '.latency == null and (.not_measured | has("latency"))' "$result"
wait "$load"
check "--no-probes: the load ran, the toll is not measured" '.requests.ok > 2000 and .toll == null' "$work/load/result.json"
finish
