# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# alone: what the budget lets on and what A/B measures are shares of CPU time
# Allocator calls of a gateway that makes a known number of them for each request; the budget of all probes; A/B; what a run without flags tells.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" -ne 0 ]; then
	skip allocators "probes need root"
	finish
fi

poisson allocators 200 5s 1ms

run_toll all "$work/allocators.yaml" --with reference --plant "malloc=100x512@request" --probes alloc --budget off
trusted all
check "every malloc: 100 a request, and the gateway's own" "$every_malloc" "$result"
check "every byte" "$malloc_row | .bytes_per_request > 50000 and .bytes_per_request < 120000" "$result"
check "some time, and a distribution" "$malloc_row | .time_per_request_ns > 0 and .latency.count > 0 and .failed == 0" "$result"
check "what gives back asks for nothing and cannot fail" \
	'.allocator.functions[] | select(.name == "free") | .calls > 0 and (has("bytes") or has("failed") | not)' "$result"
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
check "the budget holds them back" '.probes.groups.alloc | (.mode == "windows" or .mode == "left_out") and .on_share < 0.6' "$result"
check "... since when is told" '.probes.groups.alloc.limited_from_s != null' "$result"
# a first look of 100 ms and a window at the end of a pause may come on top of it in five seconds
check "... to what was asked for" '.probes.groups.alloc.cpu_share < 0.025' "$result"
check "figures a request hold in windows too" "[$malloc_row] | length == 0 or .[0].calls == 0 or .[0].calls_per_request == null or (.[0].calls_per_request > 700 and .[0].calls_per_request < 1500)" "$result"

sed -i 's/for: 5s/for: 17s/' "$work/allocators.yaml"
run_toll ab "$work/allocators.yaml" --with reference --plant "malloc=1000x512@request" --budget off --ab
trusted ab
check "without --probes every group is on" '.probes.groups | keys == ["alloc", "sockets", "stacks", "syscalls", "threads"]' "$result"
check "... and its part of the CPU is told" '[.probes.groups[].cpu_share] | all(. > 0)' "$result"
check "A/B switches all that can be" '.probes.ab.groups == "threads, stacks, syscalls, alloc"' "$result"
check "half of the time each" '[.probes.groups | to_entries[] | select(.key != "sockets") | .value.on_share] | all(. > 0.35 and . < 0.65)' "$result"
check "requests of windows without them have no causes told, the others all" \
	'.trust.threads | .requests_untold > 800 and .requests_told > 800 and .rejected == 0' "$result"
# the planted calls, told of the requests that were seen whole
check "... and are whole" '.causes.allocator.p50_ns > 3000 and (.causes.unknown.share_of_toll // 0) < 0.01' "$result"
check "A/B: the difference, with its interval" '.probes.ab | .pairs >= 3 and .with_ns > .without_ns and .interval_share[0] < .difference_share and .difference_share < .interval_share[1]' "$result"
grep -q 'A/B: ' "$work/ab.txt" && pass "... in the report" || fail "... in the report" "$(grep -A5 '^PROBES' "$work/ab.txt")"

sed -i 's/for: 17s/for: 6s/' "$work/allocators.yaml"
run_toll default "$work/allocators.yaml" --with reference --plant "malloc=2000x512@request"
check "by default the budget chooses: allocator probes are too dear here" \
	'.probes.budget == 0.03 and (.probes.groups.alloc | (.mode == "left_out" or .mode == "windows") and .on_share < 0.5 and .limited_from_s != null)' "$result"
check "... the others tell causes and functions" '(.causes.own_user // .causes.own_cpu).per_request_ns > 0 and .stacks.samples > 0 and .trust.threads.requests_told > 0' "$result"
check "... and all stay near it" '.trust.probe_cpu_share < 0.09' "$result"
grep -q '^PROBES .*; all together took' "$work/default.txt" && pass "... which the report says" || fail "... which the report says" "$(grep -A5 '^PROBES' "$work/default.txt")"

if "$toll" run "$work/allocators.yaml" --with reference --budget 2x >/dev/null 2>&1; then fail "--budget 2x is refused" "it was taken"; else pass "--budget 2x is refused"; fi
finish
