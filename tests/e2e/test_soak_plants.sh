#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Each planted leak is called a leak of the right gauge, and nothing that only looks like one is: short soaks, several at once. They judge growth, not time.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

at_once=9
declare -a names=()
declare -A soaking=() expected=()

# soak NAME WORD:GAUGE SCENARIO RATE TIME PLANTS [OPTION...]: in the background, as soon as there is room; PLANTS "": another gateway, by options
soak() {
	local name=$1
	while [ "$(jobs -rp | wc -l)" -ge $((at_once + ${#nodes[@]})) ]; do wait -n; done
	expected[$name]=$2
	names+=("$name")
	timeout -k 5 120 "$toll" soak "$3" ${6:+--with reference --plant "$6"} --rate "$4/s" --for "$5" --seed 1 --no-probes --capture off \
		--quiet --out "$work/$name" "${@:7}" >"$work/$name.txt" 2>"$work/$name.err" &
	soaking[$name]=$!
}

# node MODE: a gateway in Node that keeps something of each request; its address and pid in $url, $gateway
node_gateway() {
	listens "$1" node tests/support/leaky_gateway.js "$1" || fail "a gateway in Node" "$(cat "$work/$1")"
	url=http://127.0.0.1:$(awk '{ print $2 }' "$work/$1")
	nodes+=("$gateway")
}
nodes=()
trap 'kill "${nodes[@]}" 2>/dev/null; rm -rf "$work"' EXIT

# those that take longest first: certain before their time, a cache that needs many requests to fill
soak "until sure, nothing" no_leak:memory soak 500 40s none --until-sure
soak "until sure, a leak" leak:memory soak 300 40s leak=16KiB@any --until-sure
node_gateway heap
soak "V8's heap" leak:memory soak 200 30s "" --gateway "$url" --pid "$gateway"
node_gateway external
soak "memory outside of V8's heap" leak:memory soak 200 30s "" --gateway "$url" --pid "$gateway"
soak "a cache that evicts late" other: soak 1000 24s cache=slow@any
soak "a cache" other: soak 500 20s cache=plateau@any
soak "fragmentation" other: soak 500 20s fragment=64KiB@any
soak "a sawtooth" other: soak 500 20s sawtooth=20MB@any
soak "memory of streams in flight" other: soak 300 20s inflight=100KiB@stream
soak "a warm-up" other: soak 300 20s warmup=50MB@any
soak "nothing" other: soak 300 20s none
soak "a tree of processes" other: soak 300 20s "" --with nginx --workers 2
soak "a class's memory" leak:memory soak 250 20s leak=4KiB@chat
soak "a stream's memory" leak:memory soak 250 20s leak=16KiB@stream
soak "one request's of twenty" leak:memory soak 500 20s leak=64KiB@any/20
soak "a connection's memory" leak:memory soak-faults 300 20s leak=64KiB@connection
soak "an error's memory" leak:memory soak-faults 300 20s leak=64KiB@error
soak "a leaving client's memory" leak:memory soak-faults 300 20s leak=64KiB@disconnect
soak "mappings" leak:memory soak 250 20s mmap=16KiB@any/4
soak "descriptors" leak:descriptors soak 250 20s fd@stream/4
soak "sockets in CLOSE_WAIT" leak:sockets_close_wait soak 300 20s close_wait@embeddings/4
soak "sockets in CLOSE" leak:sockets_closed soak 250 20s closed_socket@stream/4
soak "threads" leak:threads soak 250 20s thread@chat/20

for name in "${names[@]}"; do
	wait "${soaking[$name]}"
	code=$?
	result=$work/$name/result.json
	[ "$code" -le 1 ] || sed 's/^/# /' "$work/$name.err"
	# shellcheck disable=SC2016 # jq's own variables
	case ${expected[$name]} in
	# the heap of a process that has just begun creeps by some 100 KiB: in 20 s that is a few bytes a request, the traps take a thousand
	other:) check "$name: not called a leak" '.leak.verdict != "leak" or (.leak.gauge == "memory" and .leak.bytes_per_request < 64)' "$result" ;;
	*) check "$name: ${expected[$name]}" ".leak | \"\(.verdict):\(.gauge)\" == \"${expected[$name]}\"" "$result" ;;
	esac
	[ -f "$result" ] && jq -r '.leak | "# \(.verdict) of \(.gauge), for it \(.gauges[.gauge].reason), after \(.duration_s) s"' "$result"
done
for name in "until sure, nothing" "until sure, a leak"; do
	check "$name: ended before its time" '.leak.duration_s < 32 and (.notes | any(test("certain")))' "$work/$name/result.json"
done
check "V8's heap: it is in there, and said so" '.leak | .runtime == "V8" and (.gauges | .runtime_heap.per_second > 5 * .native.per_second)' \
	"$work/V8's heap/result.json"
check "memory outside of V8's heap: it is not in there" \
	'.leak | .runtime == "V8" and (.gauges | .native.per_second > 5 * .runtime_heap.per_second)' \
	"$work/memory outside of V8's heap/result.json"
if tr -s ' \n' ' ' <"$work/memory outside of V8's heap.txt" | grep -q "of it V8's heap .*what lies outside of that heap (buffers, native code) "; then
	pass "... in the verdict's words"
else
	fail "... in the verdict's words" "$(sed -n '/^LEAKS/,/^$/p' "$work/memory outside of V8's heap.txt")"
fi
check "a tree of processes: each is told" '.leak.processes | length >= 2 and all(.comm == "nginx" and .gauges.memory.end > 0)' \
	"$work/a tree of processes/result.json"

finish
