# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Stacks inside the toll: planted costs are found in the function that takes them, within their phase and cause; Debian's nginx, without frame
# pointers and debug information, has whole call chains; a replay says the same.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

poisson stacks 60 4s 3ms

run_toll cpu "$work/stacks.yaml" --with reference --plant cpu=4ms@request
check "samples are taken, all with a stack" '.stacks.samples > 50 and .stacks.samples_without_stack == 0' "$result"
check "most of them lie within requests" '.stacks.samples_in_requests > 0.6 * .stacks.samples' "$result"
check "most stacks are unwound to their end" '.stacks.unwound >= 0.8 * .stacks.stacks' "$result"
check "the planted CPU time is in its function" "$(share_of process_request run_cpu) > 0.8" "$result"
check "weights estimate the time" \
	'([.stacks.folded[] | select(.phase == "process_request" and .cause == "own_user") | .ns] | add) / (.planted[0].truth_p50_ns * .phases.process_request.count) | . > 0.6 and . < 1.4' "$result"
if grep -qE '^process_request;own_user;.*;run_cpu;.* [0-9]+$' "$work/cpu/stacks.folded" && grep -qE '^_start;.* [0-9]+$|^clone.* [0-9]+$' "$work/cpu/cpu.folded"; then
	pass "folded stacks are written"
else
	fail "folded stacks are written" "$(head -c 600 "$work/cpu/stacks.folded" "$work/cpu/cpu.folded" 2>&1)"
fi
"$toll" replay "$work/cpu/capture.toll" --format json >"$work/replayed.json" 2>/dev/null
if diff <(jq -S .stacks "$result") <(jq -S .stacks "$work/replayed.json") >/dev/null; then
	pass "a replay has the same stacks"
else
	fail "a replay has the same stacks" "$(diff <(jq -S .stacks "$result") <(jq -S .stacks "$work/replayed.json") | head -n 5)"
fi

run_toll lock "$work/stacks.yaml" --with reference --plant lock=3ms@request
check "a lock that was waited for has the stack that waited" \
	'[.stacks.folded[] | select(.phase == "process_request" and .cause == "lock") | select((.frames | length) > 5 and (.frames | any(contains("futex"))) and (.frames | any(. == "run_lock"))) | .ns] | add > 0' "$result"

# a call whose return is probed has the kernel's address in the place of its caller's: no chain goes on from there
run_toll nginx "$work/stacks.yaml" --with nginx --probes stacks --budget off --sample-hz 999
check "nginx has whole chains" '.stacks.stacks > 0 and .stacks.unwound == .stacks.stacks and .stacks.copied == .stacks.stacks' "$result"
check "... of more than five frames but for a few, named" \
	'[.stacks.folded[].frames] | (map(select(length > 5)) | length) >= 0.8 * length and any(any(. == "ngx_process_events_and_timers"))' "$result"

run_toll none "$work/stacks.yaml" --with reference --sample-hz 0
check "without samples the report says why" '.stacks == null and .not_measured.stacks == "not asked for"' "$result"
finish
