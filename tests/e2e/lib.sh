# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the e2e tests share: ok / not ok / skip lines, runs of toll, figures from results. Sourced.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
toll=${BUILD:-build}/toll
work=$(mktemp -d /tmp/toll-e2e.XXXXXX)
touch "$work/born"
trap 'rm -rf "$work"' EXIT
failures=0

pass() { echo "ok $1"; }
fail() { # NAME WHY
	failures=$((failures + 1))
	echo "# $2"
	echo "not ok $1"
}
skip() { echo "skip $1: $2"; }

# check NAME CONDITION-OF-JQ RESULT.json: passes when jq says true
check() {
	local got
	[ -f "$3" ] || { fail "$1" "there is no result $3" && return; }
	got=$(jq -r "$2" "$3" 2>&1)
	if [ "$got" = true ]; then pass "$1"; else
		fail "$1" "$2 is $got in $3; trust: $(jq -c '.trust | del(.paths)' "$3" 2>&1 | head -c 1500)"
	fi
}

# run_toll NAME ARGS...: a run whose screen goes to a file; its exit code in $code, its result in $result
run_toll() {
	local name=$1
	shift
	result=$work/$name/result.json
	code=0
	timeout -k 5 "${RUN_TIMEOUT:-120}" "$toll" run "$@" --quiet --out "$work/$name" >"$work/$name.txt" 2>"$work/$name.err" || code=$?
	[ "$code" -le 1 ] || sed 's/^/# /' "$work/$name.err"
}

# start_run NAME ARGS...: the same in the background, until its load flows; $run, ended by end_run
start_run() {
	local name=$1
	shift
	result=$work/$name/result.json
	rm -rf "${work:?}/$name" "$work/$name.live"
	"$toll" run "$@" --live "$work/$name.live" --quiet --out "$work/$name" >"$work/$name.txt" 2>"$work/$name.err" &
	run=$!
	await 60 grep -qs '"sent":[1-9]' "$work/$name.live" || fail "$name: load flows" "$(tail -n 2 "$work/$name.err")"
}
end_run() {
	code=0
	wait "$run" || code=$?
}

# listens LOG COMMAND...: started in the background, until it says that it listens; its pid in $gateway
listens() {
	local log=$work/$1
	shift
	"$@" >"$log" 2>&1 &
	gateway=$!
	await 10 grep -q listening "$log"
}

# host_begin NAME N: a network namespace, we are 10.123.N.1 and it is 10.123.N.2; host_end NAME
host_begin() {
	ip netns add "$1" 2>/dev/null && ip link add "$1a" type veth peer name "$1b" netns "$1" 2>/dev/null || return 1
	ip addr add "10.123.$2.1/30" dev "$1a" && ip link set "$1a" up &&
		ip -n "$1" addr add "10.123.$2.2/30" dev "$1b" && ip -n "$1" link set "$1b" up && ip -n "$1" link set lo up
}
host_end() {
	ip link del "$1a" 2>/dev/null
	ip netns del "$1" 2>/dev/null
}

# trusted NAME: whole coverage, order and losses of $result
trusted() {
	check "$1: coverage >= 99.9 %" '.trust.coverage >= 0.999' "$result"
	check "$1: order violations 0" '.trust.order_violations == 0' "$result"
	check "$1: events lost 0" '[.trust.lost[]] | add == 0' "$result"
}

# scenario NAME: a scenario from standard input, kept as $work/NAME.yaml
scenario() { cat >"$work/$1.yaml"; }

# steady NAME RATE FOR [SERVICE_TIME]: one class at one rate
steady() {
	scenario "$1" <<-END
		name: e2e/$1
		classes:
		  chat: {endpoint: chat, max_tokens: 5}
		stages:
		  - {name: steady, rate: $2, in_flight: 32, for: $3}
		provider: {service_time: ${4:-3ms}, tokens: 5}
	END
}

# poisson NAME RATE TIME SERVICE-TIME: chats at a Poisson rate, after a warm-up
poisson() {
	scenario "$1" <<END
name: e2e/$1
classes:
  chat: {endpoint: chat, max_tokens: 5}
warmup: 300ms
stages:
  - {name: steady, rate: $2/s, arrival: poisson, in_flight: 32, for: $3}
provider: {service_time: $4, tokens: 5}
END
}

# one_user NAME REQUESTS SERVICE-TIME: chats one after the other
one_user() {
	scenario "$1" <<END
name: e2e/$1
classes:
  chat: {endpoint: chat, max_tokens: 5}
stages:
  - {name: one, vus: 1, requests: $2}
provider: {service_time: $3, tokens: 5}
END
}

# mixed NAME USERS REQUESTS: chats, streams and embeddings
mixed() {
	scenario "$1" <<END
name: e2e/$1
classes:
  chat: {endpoint: chat, weight: 60, max_tokens: 10}
  chat_stream: {endpoint: chat, stream: true, weight: 25, max_tokens: 10}
  embeddings: {endpoint: embeddings, weight: 15}
stages:
  - {name: all, vus: $2, requests: $3}
provider: {service_time: 2ms, inter_token_time: 1ms, tokens: 10}
criteria:
  - success_rate == 100%
END
}

# run_whole NAME SCENARIO REQUESTS ARGS...: a run through a gateway of which every request is joined and every phase seen
run_whole() {
	local name=$1 scenario=$2 requests=$3
	shift 3
	run_toll "$name" "$work/$scenario.yaml" "$@"
	check "$name: all $requests answered" ".requests.ok == $requests and .requests.sent == $requests" "$result"
	trusted "$name"
	check "$name: joined by both ends" ".trust.joined_by.ends + .trust.joined_by.tag >= 0.999 * $requests" "$result"
	check "$name: every phase of the toll was seen" \
		'[.phases | .pick_up_request, .process_request, .pick_up_response, .process_response | .count > 0] | all' "$result"
	check "$name: streams joined chunk by chunk" '.streams.chunk_lag.count > 0 and .streams.chunks_unmatched == 0' "$result"
}

# of a plant of a hundred calls of malloc for each request
malloc_row='.allocator.functions[] | select(.name == "malloc" and (.file | contains("libc.so")))'
# shellcheck disable=SC2034 # for the tests
every_malloc="[$malloc_row] | length == 1 and .[0].calls_per_request > 98 and .[0].calls_per_request < 140"

# share_of PHASE FUNCTION: of the phase's samples on a CPU for the request, the share whose stack has the function, by jq
share_of() {
	echo "[.stacks.folded[] | select(.phase == \"$1\" and (.cause | startswith(\"own_\")))] |
		([.[] | select(.frames | any(contains(\"$2\"))) | .ns] | add // 0) / ([.[].ns] | add // 1)"
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# await SECONDS COMMAND...: until it succeeds; false when it never does
await() {
	local until=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$until" ] || return 1
		read -rt 0.05 <> <(:) || true
	done
}

# --- leaves no trace: trace_begin, then whatever may go wrong, then trace_none NAME ---

export TOLL_E2E=$work
session=$(ps -o sid= -p $$ | tr -d ' ')

# Told apart from other runs on the same machine by an environment variable, or (nginx writes over its own) by the session.
is_ours() { # PID
	grep -qsz "^TOLL_E2E=$work$" "/proc/$1/environ" || [ "$(ps -o sid= -p "$1" 2>/dev/null | tr -d ' ')" = "$session" ]
}

# "prog 12 ", "map 7 ": BPF objects that a stranger has a descriptor of.
held_by_strangers() {
	local pid kind id last='' strange=''
	grep -sE '^(prog|map|link)_id:' /proc/[0-9]*/fdinfo/* | awk -F '[/:\t]+' '{ sub("_id", "", $6); print $3, $6, $7 }' | sort -u |
		while read -r pid kind id; do
			[ "$pid" = "$last" ] || if is_ours "$pid"; then strange=''; else strange=yes; fi
			last=$pid
			[ -z "$strange" ] || echo "$kind $id "
		done
}

trace_processes() {
	local p name
	for p in /proc/[0-9]*; do
		read -r name 2>/dev/null <"$p/comm" || continue
		case $name in toll* | exe | nginx | haproxy | node | python3 | redis-server) is_ours "${p#/proc/}" && echo "process ${p#/proc/} $name" ;; esac
	done
}

trace_directories() {
	local d p
	for d in /tmp/toll-gateway-* /tmp/toll-db-*; do
		# a living toll keeps it locked; those of before are not always seen through a virtual machine's file system
		[ -e "$d" ] && [ ! "$d" -ot "$work/born" ] && { [ ! -e "$d/.toll-lock" ] || flock -n "$d/.toll-lock" true; } || continue
		p=$(find /proc -maxdepth 2 -path '/proc/[0-9]*/cwd' -lname "$d*" 2>/dev/null | head -n 1 | cut -d/ -f3)
		if [ -z "$p" ] || is_ours "$p"; then echo "directory $d"; fi
	done
}

# What toll puts into a machine, a line each.
trace() {
	local kind
	for kind in prog map link; do
		bpftool -j "$kind" show 2>/dev/null | jq -r --arg kind "$kind" '.[] | "\($kind) \(.id) \(.name // .tp_name // .type)"'
	done | grep -vFf <(held_by_strangers)
	trace_processes
	trace_directories
	find /sys/fs/cgroup -type d -name 'toll*' -printf 'cgroup %p\n' 2>/dev/null
	awk '{ print "mount " $5 }' /proc/self/mountinfo | grep -v "/toll-e2e"
}

trace_begin() { trace | sort -u >"$work/trace.before"; }

# The kernel frees BPF objects some milliseconds after their last holder has left. What strangers make while one looks is gone at the next look.
trace_is_gone() { # EXCEPT
	trace | sort -u | comm -13 "$work/trace.before" - | grep -v "^$1 " >"$work/trace.now"
	if [ -e "$work/trace.left" ]; then comm -12 "$work/trace.left" "$work/trace.now" >"$work/trace.both"; else mv "$work/trace.now" "$work/trace.both"; fi
	mv "$work/trace.both" "$work/trace.left"
	[ ! -s "$work/trace.left" ]
}

trace_none() { # NAME [KIND]: that kind of thing may stay
	local looks=0 until=$((SECONDS + 10))
	rm -f "$work/trace.left"
	until trace_is_gone "${2:-nothing}"; do
		looks=$((looks + 1))
		if [ "$looks" -ge 5 ] && [ "$SECONDS" -ge "$until" ]; then
			fail "$1: leaves no trace" "$(head -n 5 "$work/trace.left" | tr '\n' ';')" && return
		fi
		read -rt 0.1 <> <(:) || true
	done
	pass "$1: leaves no trace"
}

finish() { exit $((failures > 0)); }
