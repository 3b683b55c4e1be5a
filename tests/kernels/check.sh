#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What toll does on the kernel that runs: e2e lines, then a line "row NAME<tab>TEXT" for each row of the table of kernels.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

row() { printf 'row %s\t%s\n' "$1" "$2"; }

scenario mixed <<'END'
name: kernels/mixed
classes:
  chat: {endpoint: chat, weight: 60, max_tokens: 10}
  chat_stream: {endpoint: chat, stream: true, weight: 25, max_tokens: 10}
  embeddings: {endpoint: embeddings, weight: 15}
stages:
  - {name: all, vus: 8, requests: 2000}
provider: {service_time: 2ms, inter_token_time: 1ms, tokens: 10}
criteria:
  - success_rate == 100%
END
scenario planted <<'END'
name: kernels/planted
classes:
  chat: {endpoint: chat, weight: 1, max_tokens: 5}
warmup: 300ms
stages:
  - {name: steady, rate: 40/s, arrival: poisson, in_flight: 32, for: 6s}
provider: {service_time: 3ms, tokens: 5}
END

row kernel "$(uname -r)"

# the way that each ability takes: the doctor's word, as far as its first remark
"$toll" doctor >"$work/doctor" 2>&1
if grep -q '^probes work here' "$work/doctor"; then pass "probes work"; else fail "probes work" "$(tail -1 "$work/doctor")"; fi
sed -nE 's/^(.*[^ ]) +(yes|no)      +(.*) \([^()]*\)$/\1\t\2\t\3/p' "$work/doctor" | while IFS=$'\t' read -r name state way; do
	case $state/$name in
	no/*) way=no ;;
	*/"marks of a real exchange" | */"kernel type information") way=yes ;;
	esac
	row "$name" "${way%%;*}"
done

# its own work of 2,000 requests through nginx: all of them joined, in order, nothing lost
RUN_TIMEOUT=200 run_toll nginx "$work/mixed.yaml" --with nginx --probes sockets,threads --budget off
check "nginx: all 2,000 answered" '.requests.ok == 2000' "$result"
trusted nginx
check "nginx: joined by both ends" '.trust.joined_by.ends >= 1998' "$result"
check "nginx: every phase of the toll was seen" \
	'[.phases | .pick_up_request, .process_request, .pick_up_response, .process_response | .count > 0] | all' "$result"
check "nginx: causes told for every request" '.causes.own_cpu.count >= 1998' "$result"
row "2,000 requests through nginx: joined" "$(jq -r '"\(.trust.coverage * 100) %"' "$result")"
row "… order violations, lost" "$(jq -r '"\(.trust.order_violations), \([.trust.lost[]] | add)"' "$result")"

# a sleep that the gateway's own clock has timed is found again, in its phase
RUN_TIMEOUT=200 run_toll planted "$work/planted.yaml" --with reference --plant sleep=10ms@request/2
check "planted sleep: in process request, within 5 %" \
	'.planted[0].phase == "process_request" and (.planted[0].difference_share | fabs) <= 0.05' "$result"
check "planted sleep: told as idle" '.causes.idle.p99_ns >= 9000000' "$result"
row "10 ms of planted sleep: apart" "$(jq -r '"\(.planted[0].difference_ns / 1000 | round) µs"' "$result")"
row "seconds, of these checks" "$SECONDS"
finish
