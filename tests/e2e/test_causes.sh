# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# alone: a quota is told only where the gateway gets the CPU that uses it up
# Planted costs are named: each kind is the first cause of its phase, alone and beside another one, and the causes of a phase add up to it.
# How large each is is a timing: `make bench ROWS=causes` compares that with the gateway's own clocks.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

one_user causes 50 1ms

# Waiting for a CPU is the other programs' of this machine, so it only counts where it was planted. ALSO is what the plant's own CPU is told as:
# on a fast disk writing takes as long as waiting for it.
first() { # PHASE CAUSE [ALSO]: jq that is true when CAUSE is the first of PHASE by p50
	local noise="[\"run_queue\", \"steal\", \"${3:-}\"]"
	echo "(.causes_by_phase.$1 | to_entries | map(select(.key as \$k | \$k == \"$2\" or ($noise | index(\$k) | not)))
		| max_by(.value.p50_ns).key) == \"$2\""
}

added_up='. as $d | [.causes_by_phase | to_entries[] | ([.value[].per_request_ns] | add) - $d.phases[.key].per_request_ns
	| fabs <= 20] | all and length > 0'

plant() { # NAME PLANTS
	name=$1
	run_toll "$1" "$work/causes.yaml" --with reference --plant "$2" --probes "${probes:-sockets,threads,syscalls}" --budget off
	check "$name: joined, nothing lost" '.trust.coverage == 1 and ([.trust.lost[]] | add == 0)' "$result"
	check "$name: causes of a phase add up to it" "$added_up" "$result"
}
found() { # PHASE CAUSE [ALSO]
	check "$name: $2 is the first cause of $1" "$(first "$1" "$2" "${3:-}")" "$result"
	check "$name: told beside the truth" ".planted_causes | any(.phase == \"$1\" and .cause == \"$2\" and .measured_p50_ns > 0)" "$result"
}
alone() { # PLANT PHASE CAUSE [ALSO]
	plant "${1%%=*}" "$1"
	found "$2" "$3" "${4:-}"
}
# what needs more than the gateway may have here: its start fails with a sentence
alone_if_allowed() {
	plant_name=${1%%=*}
	if timeout 2 "$toll" gateway --listen 127.0.0.1:0 --upstream http://127.0.0.1:1 --plant "$1" >/dev/null 2>"$work/may.err"; [ $? -eq 124 ]; then
		alone "$@"
	else
		skip "$plant_name" "$(cat "$work/may.err")"
	fi
}

alone sleep=2ms@response process_response idle
alone cpu=1ms@request process_request own_user
alone syscalls=200@response process_response own_kernel
alone page_faults=1000@request process_request own_user
alone lock=2ms@request process_request lock
alone handoff=2ms@response process_response hand_off
alone hog=2ms@request process_request other_work
alone_if_allowed fsync=1MiB@request process_request disk own_kernel
alone_if_allowed file_faults=100@response process_response page_fault own_user
alone_if_allowed neighbour=2ms@request process_request run_queue
alone_if_allowed resolver=2ms@request upstream_dns socket
alone_if_allowed quota=2ms/20ms@request process_request throttled

# its time is own work where its probes are off
probes=sockets,threads,syscalls,alloc alone malloc=100x33MiB@request process_request allocator
check "malloc: its probes were on before the first request" '.trust.threads.requests_untold == 0' "$result"
check "malloc: about as large as it was" \
	'.planted_causes[0] | .truth_p50_ns > 100000 and .measured_p50_ns > .truth_p50_ns / 3 and .measured_p50_ns < .truth_p50_ns * 1.1' "$result"

plant two-sides lock=2ms@request,cpu=1ms@response
found process_request lock
found process_response own_user

plant two-in-one-phase sleep=3ms@request,cpu=1ms@request
found process_request idle
check "two-in-one-phase: the smaller one is there too" \
	'.planted_causes | length == 2 and (.[1] | .cause == "own_user" and .measured_p50_ns >= 900000)' "$result"

# work that another thread does meanwhile is work, not a hand-off
plant done-elsewhere handoff@response,cpu=2ms@response
found process_response own_user

# where system calls are not told, code and kernel are one cause
probes=sockets,threads plant no-calls cpu=1ms@request
found process_request own_cpu
check "no-calls: said so" '.not_measured["causes.own_user"] | length > 0' "$result"

# half of the requests carry it
plant every-second lock=2ms@response/2
check "every-second: told beside the truth" \
	'.planted_causes | length == 1 and (.[0] | .cause == "lock" and .measured_p50_ns > 1000000)' "$result"
finish
