#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Too much of it: a ring buffer of 4 KiB, ten thousand connections. Losses are counted and spoil the verdict; without losses nothing is missing.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

trace_begin
scenario full <<'END'
name: failures/full
classes:
  chat: {endpoint: chat, stream: true, max_tokens: 20}
stages:
  - {name: steady, rate: 300/s, in_flight: 64, for: 2s}
provider: {service_time: 3ms, inter_token_time: 1ms, tokens: 20}
criteria: ["success_rate == 100%", "toll.p99 < 1s"]
END
run_toll ring "$work/full.yaml" --with reference --ring-bytes 4KiB
check "a ring buffer of 4 KiB: the load is whole" '.complete and .requests.ok == .requests.sent and .requests.sent == 600' "$result"
check "a ring buffer of 4 KiB: what was lost is counted" '.trust.lost.ring_full > 50 and .trust.coverage < 0.99' "$result"
check "a ring buffer of 4 KiB: figures from inside the gateway are not judged, and why" \
	'.criteria | (.[0].met == true) and (.[1].met != true) and (.[1].reason | test("records were lost"))' "$result"
if [ "$code" -eq 1 ]; then pass "a ring buffer of 4 KiB: exit 1"; else fail "a ring buffer of 4 KiB: exit 1" "exit $code"; fi
check "a ring buffer of 4 KiB: no timeline against causality" '.trust.order_violations == 0' "$result"
trace_none "a ring buffer of 4 KiB"

# each user keeps a connection of its own; the gateway holds two descriptors a request that is under way
connections=10000
if [ "$(ulimit -Hn)" -lt $((connections + 4000)) ]; then connections=$(($(ulimit -Hn) - 4000)); fi
ulimit -n "$(ulimit -Hn)"
scenario many <<END
name: failures/many
classes:
  chat: {endpoint: chat, max_tokens: 5, timeout: 30s}
stages:
  - {name: hold, vus: $connections, think: 10s, for: 25s}
provider: {service_time: 3ms, tokens: 5}
END
RUN_TIMEOUT=150 run_toll many "$work/many.yaml" --with reference --sample-hz 0
check "$connections connections: all answered" '.complete and .requests.failed == 0 and .requests.sent >= '"$connections" "$result"
check "$connections connections: each is open at once" '.driver.connections >= '"$connections" "$result"
trusted "$connections connections"
trace_none "$connections connections"
finish
