#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What toll does on the kernel that runs: e2e lines, then a line "row NAME<tab>TEXT" for each row of the table of kernels.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

row() { printf 'row %s\t%s\n' "$1" "$2"; }

mixed mixed 8 2000
one_user planted 60 3ms
one_user calls 40 3ms
one_user tight 150 20ms

# cannot ABILITY: prints why this kernel has not got it, or nothing
cannot() {
	case $(uname -r)/$1 in
	5.10.*/"calls of the allocator") echo "programs on functions have no cookies before 5.15" ;;
	*/accepts) grep -q 'fexit/inet_csk_accept.*not permitted' "$work/doctor" && echo "fexit is refused here" ;;
	esac
}

row kernel "$(uname -r)"

# the way that each ability takes: the doctor's word, as far as its first remark
"$toll" doctor >"$work/doctor" 2>&1
if grep -q '^probes work here' "$work/doctor"; then pass "probes work"; else fail "probes work" "$(tail -1 "$work/doctor")"; fi
missing=
while IFS=$'\t' read -r name state way; do
	case $state/$name in
	no/*)
		way="no: $(cannot "$name")"
		[ "$way" != "no: " ] || missing+="$name; "
		;;
	*/"marks of a real exchange" | */"kernel type information") way=yes ;;
	esac
	row "$name" "${way%%;*}"
done < <(sed -nE 's/^(.*[^ ]) +(yes|no)      +(.*) \([^()]*\)$/\1\t\2\t\3/p' "$work/doctor")
if [ -z "$missing" ]; then pass "every ability that this kernel can have"; else fail "every ability that this kernel can have" "$missing"; fi

# its own work of 2,000 requests through nginx: all of them joined, in order, nothing lost
RUN_TIMEOUT=200 run_whole nginx mixed 2000 --with nginx --probes sockets,threads --budget off
check "nginx: causes told for every request" '.causes.own_cpu.count >= 1998' "$result"
row "2,000 requests through nginx: joined" "$(jq -r '"\(.trust.coverage * 100) %"' "$result")"
row "… order violations, lost" "$(jq -r '"\(.trust.order_violations), \([.trust.lost[]] | add)"' "$result")"

# a sleep that the gateway's own clock has timed is found again, in its phase
RUN_TIMEOUT=200 run_toll planted "$work/planted.yaml" --with reference --plant sleep=40ms@request/2
check "planted sleep: in process request, within 5 %" \
	'.planted[0].phase == "process_request" and (.planted[0].difference_share | fabs) <= 0.05' "$result"
check "planted sleep: told as idle" '.causes.idle.p99_ns >= 36000000' "$result"
row "40 ms of planted sleep: apart" "$(jq -r '"\(.planted[0].difference_ns / 1000 | round) µs"' "$result")"
# by default the budget switches the groups of probes, and each is looked at now and then
check "the budget: every group that can be is told, and what all took" \
	"(.probes.groups | keys) == $(if [ -n "$(cannot "calls of the allocator")" ]; then echo '["sockets", "stacks", "syscalls", "threads"]'; else echo '["alloc", "sockets", "stacks", "syscalls", "threads"]'; fi)" "$result"
row "groups by the default budget" "$(jq -r '[.probes.groups | to_entries[] | "\(.key) \(.value.mode) \(.value.on_share * 100 | round) %"] | join(", ")' "$result")"

RUN_TIMEOUT=200 run_toll tight "$work/tight.yaml" --with reference --budget 0.1%
check "a tight budget: groups are held back, and since when" \
	'[.probes.groups | to_entries[] | select(.key != "sockets") | .value | (.mode == "windows" or .mode == "left_out") and .on_share < 1 and .limited_from_s != null] | any' "$result"
check "... all requests are joined all the same" '.trust.coverage == 1' "$result"

# where the planted work is done, by samples and by calls of the allocator
RUN_TIMEOUT=200 run_toll calls "$work/calls.yaml" --with reference --plant malloc=100x512@request,cpu=10ms@request \
	--sample-hz 499 --probes sockets,threads,stacks,alloc --budget off
check "stacks: the planted CPU time is in its function" "$(share_of process_request run_cpu) > 0.5" "$result"
row "planted CPU time found in its function" "$(jq -r "($(share_of process_request run_cpu)) * 100 | round | \"\(.) %\"" "$result")"
if [ -z "$(cannot "calls of the allocator")" ]; then
	check "allocator: every malloc, 100 a request and the gateway's own" "$every_malloc" "$result"
	row "malloc a request, 100 planted" "$(jq -r "$malloc_row | .calls_per_request * 10 | round / 10" "$result")"
else
	check "allocator: not measured, and why" '.allocator == null and (.not_measured | tostring | test("allocator"))' "$result"
	row "malloc a request, 100 planted" "not measured"
fi
row "seconds, of these checks" "$SECONDS"
finish
