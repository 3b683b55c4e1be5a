#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Soaks in short: the reference gateway with planted leaks, and growth that is none, ends with the right word and names the class.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# soak NAME PLANTS TIME: at 500 requests/s
soak() {
	result=$work/$1/result.json
	timeout -k 5 90 "$toll" soak --with reference ${2:+--plant "$2"} --for "$3" --no-probes --capture off --quiet --out "$work/$1" \
		>"$work/$1.txt" 2>"$work/$1.err"
	code=$?
	[ "$code" -le 1 ] || sed 's/^/# /' "$work/$1.err"
}

# verdict NAME WORD GAUGE
verdict() {
	check "$1: $2 of $3" ".leak.verdict == \"$2\" and .leak.gauge == \"$3\"" "$result"
}

soak memory leak=1KiB@chat 30s
verdict "memory of one class" leak memory
check "... its class is named, the others are not" \
	'.leak.classes | (.chat.interval[0] > 900) and (.chat.interval[1] < 1150) and (.embeddings.interval[0] < 100)' "$result"
if [ "$code" -eq 1 ]; then pass "... exit code 1"; else fail "... exit code 1" "it is $code"; fi

soak descriptors fd@stream/4 16s
verdict descriptors leak descriptors

soak sockets close_wait@embeddings/4 16s
verdict "sockets in CLOSE_WAIT" leak sockets_close_wait

soak none none 16s
check "no leak is called none where there is none" '.leak.verdict != "leak"' "$result"

soak cache cache=plateau@any,warmup=20MB@any 16s
check "a cache that fills up after a warm-up is no leak" '.leak.verdict != "leak"' "$result"

finish
