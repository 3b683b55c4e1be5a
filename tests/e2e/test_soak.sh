#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Soaks in short: the reference gateway with planted leaks, and growth that is none, ends with the right word and names the class.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# soak NAME PLANTS TIME [OPTION...]: at 500 requests/s
soak() {
	local name=$1 plants=$2 time=$3
	shift 3
	result=$work/$name/result.json
	timeout -k 5 90 "$toll" soak --with reference ${plants:+--plant "$plants"} --for "$time" --capture off --quiet --out "$work/$name" \
		"${@:---no-probes}" >"$work/$name.txt" 2>"$work/$name.err"
	code=$?
	[ "$code" -le 1 ] || sed 's/^/# /' "$work/$name.err"
}

# verdict NAME WORD GAUGE
verdict() {
	check "$1: $2 of $3" ".leak.verdict == \"$2\" and .leak.gauge == \"$3\"" "$result"
}

soak memory leak=1KiB@chat 30s --budget 10% --reachability
verdict "memory of one class" leak memory
check "... its class is named, the others are not" \
	'.leak.classes | (.chat.interval[0] > 900) and (.chat.interval[1] < 1150) and (.embeddings.interval[0] < 100)' "$result"
if [ "$code" -eq 1 ]; then pass "... exit code 1"; else fail "... exit code 1" "it is $code"; fi

# by itself, once it has seen that memory grows: 1,024 bytes with glibc's own 8, of each request of the class
check "... the function that keeps it is named" \
	'.leak.survivors.sites[0] | .site == "hoard_leak" and (.frames[1] == "hoard_end") and .survival > 0.99 and .gone_later == 0' "$result"
check "... with its bytes a request" \
	'(.leak.survivors | .because == "anonymous memory grows" and .per_request_of == ["chat"]) and (.leak.survivors.sites[0].bytes_per_request | . > 922 and . < 1126)' "$result"
check "... within the budget" '.leak.survivors | .windows >= 1 and .refused == 0 and .cpu_share > 0' "$result"
# every system call of the machine passes those: never for longer, however long the soak
check "... the probes of growth are on for ten seconds at a time" '.leak.growth_stacks | .windows >= 1 and .on_s / .windows < 11' "$result"
# the plant keeps no pointer to what it leaks; the newest block may still stand in a register or on the stack
check "... nothing points to its blocks" \
	'(.leak.survivors.sites[0] | .lost > 100 and .reached < 10 and .lost_bytes / .lost >= 1024) and (.leak.reachability | .lost >= .followed_lost and .longest_pause_ns > 0 and .processes[0].parts_not_followed == 0)' "$result"
if grep -q '^  hoard_leak  ' "$work/memory.txt" && grep -qE ';hoard_end;hoard_leak [0-9]+$' "$work/memory/survivors.folded"; then
	pass "... in the text and as folded stacks"
else
	fail "... in the text and as folded stacks" "$(sed -n '/WHO KEEPS/,/^$/p' "$work/memory.txt"; head -c 600 "$work/memory/survivors.folded" 2>&1)"
fi

# stacks WHAT KIND FUNCTION LOW HIGH: who keeps things of this kind, and how many (or bytes) for each request of the class
stacks() {
	check "$1: the stack behind it, $4 to $5 a request" \
		".leak.growth_stacks.kinds.$2 | .grows and (.sites[0] | .site == \"$3\" and .kept > 20 and .freed == 0 and (.frames | any(. == \"hoard_end\")))" "$result"
	check "$1: ... as many as are planted" \
		".leak.growth_stacks | .kinds.$2.sites[0].kept_bytes / .requests.$6 | . > $4 and . < $5" "$result"
}

soak descriptors fd@stream/4,mmap=8KiB@chat/4,thread@embeddings/10 20s --budget 10%
check "descriptors and threads: leaks both" '.leak.verdict == "leak" and .leak.gauges.descriptors.verdict == "leak" and .leak.gauges.threads.verdict == "leak"' "$result"
stacks descriptors descriptors hoard_file 0.18 0.33 chat_stream
stacks mappings mappings hoard_map 1500 2600 chat
stacks threads threads hoard_thread 0.05 0.16 embeddings

soak sockets close_wait@embeddings/4 16s --budget 10%
verdict "sockets in CLOSE_WAIT" leak sockets_close_wait
check "... whose peer is named" '.leak | .grows_towards.peer == "provider" and .sockets.provider.CLOSE_WAIT.verdict == "leak" and .sockets.clients.ESTABLISHED.most > 0' "$result"
check "... and was told with its peak" '.leak.gauges | .sockets_close_wait.most >= .sockets_close_wait.end and .descriptors.most >= .fd_sockets.most' "$result"
check "... the stack that opened them" '.leak.growth_stacks.kinds.descriptors.sites[0] | .site == "close_wait_open" and .kept > 20' "$result"

# a gateway that is killed in the middle: it is started again, told, and the blocks of the new process are followed, too
soak crash leak=1KiB@chat 16s --survivors --budget 30% --live "$work/crash.live" &
soaking=$!
# shellcheck disable=SC2317 # await calls it
is_under_way() { jq -se 'last | .at_s > 5' "$work/crash.live" >/dev/null 2>&1; }
if await 40 is_under_way; then
	gateway=$(pgrep -P "$(pgrep -P "$(pgrep -P $soaking)")" -f ' gateway ')
	[ -z "$gateway" ] || kill -9 "$gateway"
fi
wait $soaking
result=$work/crash/result.json
check "a gateway that crashes is started again, and the soak goes on" \
	'.complete and .leak.lives == 2 and .leak.judged_life_s[0] > 4 and (.notes | any(test("started again")))' "$result"
# shellcheck disable=SC2016 # jq's own variables
check "... the new process' blocks are followed, those of the old one are forgotten" \
	'.leak.judged_life_s[0] as $at | .leak.duration_s as $to | .leak.survivors.sites[0] | .site == "hoard_leak" and .last_s > $at + 3 and .oldest_s < $to - $at + 2' "$result"

soak cache cache=plateau@any,warmup=20MB@any 16s --no-probes --reachability
check "a cache's blocks can be found, and none before the attach is called lost" \
	'.leak.reachability | .blocks > 4096 and .bytes > 28000000 and .lost < 20' "$result"
check "a cache that fills up after a warm-up is no leak" '.leak.verdict != "leak"' "$result"

finish
