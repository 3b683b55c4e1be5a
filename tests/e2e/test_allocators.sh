# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Allocator calls of a gateway that makes a known number of them for each request; the budget of their probes; A/B.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" -ne 0 ]; then
	skip allocators "probes need root"
	finish
fi

scenario allocators <<'END'
name: e2e/allocators
classes:
  chat: {endpoint: chat, weight: 1, max_tokens: 5}
warmup: 500ms
stages:
  - {name: steady, rate: 200/s, arrival: poisson, in_flight: 32, for: 5s}
provider: {service_time: 1ms, tokens: 5}
END
row='.allocator.functions[] | select(.name == "malloc" and (.file | contains("libc.so")))'

run_toll all "$work/allocators.yaml" --with reference --plant "malloc=100x512@request" --probes alloc --budget off
trusted all
check "every malloc: 100 a request, and the gateway's own" "[$row] | length == 1 and .[0].calls_per_request >= 100 and .[0].calls_per_request < 140" "$result"
check "every byte" "$row | .bytes_per_request >= 51200 and .bytes_per_request < 120000" "$result"
check "some time, and a distribution" "$row | .time_per_request_ns > 0 and .latency.count > 0 and .failed == 0" "$result"
check "seen all the time" '.allocator.on_share > 0.98 and .probes.groups.alloc.on_share > 0.98' "$result"
check "the allocator's part of the toll is told" '.causes.allocator.per_request_ns > 0' "$result"
grep -q '^ALLOCATOR' "$work/all.txt" && pass "the report has a table of it" || fail "the report has a table of it" "$(head -c 500 "$work/all.txt")"
timeout 60 "$toll" replay "$work/all/capture.toll" --format json >"$work/replayed.json" 2>/dev/null
if [ "$(jq -c .allocator "$work/replayed.json")" = "$(jq -c .allocator "$result")" ]; then pass "a replay tells the same"; else
	fail "a replay tells the same" "$(jq -c '.allocator.functions[0]' "$work/replayed.json" | head -c 300)"
fi

# a thousand of them: far above 1 %
run_toll budget "$work/allocators.yaml" --with reference --plant "malloc=1000x512@request" --probes alloc --budget 1%
trusted budget
check "the budget holds them back" '.probes.groups.alloc.mode == "windows" and .probes.groups.alloc.on_share < 0.6' "$result"
check "... since when is told" '.probes.groups.alloc.limited_from_s != null' "$result"
# a first look of 100 ms and a window at the end of a pause may come on top of it in five seconds
check "... to what was asked for" '.probes.groups.alloc.cpu_share < 0.025' "$result"
check "figures a request hold in windows too" "[$row] | length == 0 or .[0].calls == 0 or .[0].calls_per_request == null or (.[0].calls_per_request > 700 and .[0].calls_per_request < 1500)" "$result"

sed -i 's/for: 5s/for: 17s/' "$work/allocators.yaml"
run_toll ab "$work/allocators.yaml" --with reference --plant "malloc=1000x512@request" --probes alloc --budget off --ab
check "A/B: the difference, with its interval" '.probes.ab | .pairs >= 3 and .with_ns > .without_ns and .interval_share[0] < .difference_share and .difference_share < .interval_share[1]' "$result"
grep -q 'A/B: ' "$work/ab.txt" && pass "... in the report" || fail "... in the report" "$(grep -A5 '^PROBES' "$work/ab.txt")"

if "$toll" run "$work/allocators.yaml" --with reference --budget 2x >/dev/null 2>&1; then fail "--budget 2x is refused" "it was taken"; else pass "--budget 2x is refused"; fi
finish
