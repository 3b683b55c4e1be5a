#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An API key is nowhere but on the wire: not in a file, not on a screen, not in the arguments of a process of ours. Files are ours alone.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

key=sk-e2e-$RANDOM-a61f0c2e77d94b1c
screens=$work/screens
mkdir -p "$screens"

# said COMMAND...: runs it, its words kept
said() { "$toll" "$@" >>"$screens/out" 2>>"$screens/err" </dev/null; }

# the arguments of every process that this one started, again and again until it has ended; its own are the user's
watch_arguments() { # PID FILE
	while kill -0 "$1" 2>/dev/null; do
		for p in $(pgrep -P "$1" | xargs -r -I{} sh -c 'echo {}; pgrep -P {}'); do
			[ -r "/proc/$p/cmdline" ] && tr '\0' ' ' <"/proc/$p/cmdline" && echo
		done >>"$2" 2>/dev/null
	done
}

scenario secrets <<'END'
name: e2e/secrets
classes:
  chat: {endpoint: chat, weight: 3, max_tokens: 5}
  chat_stream: {endpoint: chat, stream: true, weight: 1, max_tokens: 5}
warmup: 200ms
stages:
  - {name: hold, for: 3s, rate: 100/s}
provider: {service_time: 2ms, tokens: 5}
END

run_with_key() { # NAME ARGS...
	local name=$1
	shift
	API_KEY=$key "$toll" run "$work/secrets.yaml" --out "$work/$name" --verbose --capture full "$@" \
		>"$screens/$name.out" 2>"$screens/$name.err" </dev/null &
	local pid=$!
	watch_arguments "$pid" "$screens/arguments"
	wait "$pid"
}

run_with_key one --with reference
check "the run with a key ended well" '.complete and .requests.ok > 200' "$work/one/result.json"
run_with_key two --with reference --format json
# a gateway that is not there, and one that refuses the key: errors are told without it
run_with_key none --yes --gateway "http://user:$key@127.0.0.1:9"
"$toll" provider --listen 127.0.0.1:0 >"$work/provider.port" 2>/dev/null &
provider=$!
until grep -q '127.0.0.1:' "$work/provider.port"; do read -rt 0.05 <> <(:) || true; done
run_with_key user --yes --gateway "http://bob:$key@$(grep -oE '127\.0\.0\.1:[0-9]+' "$work/provider.port")"
kill "$provider"
check "a key in the gateway's URL works" '.requests.ok > 200' "$work/user/result.json"
for format in text json html junit prometheus influxdb; do
	said report "$work/one/result.json" --format "$format"
done
said replay "$work/one/capture.toll" --out "$work/again"
said compare "$work/one/result.json" "$work/two/result.json" --anyway
said merge "$work/one/result.json" "$work/two/result.json" -o "$work/all.json"
said redact "$work/all.json" -o "$work/redacted.json"
said report "$work/all.json" --redact

found=$(grep -rlF -- "$key" "$work" | grep -v "$screens/none\|$work/none/" || true)
if [ -z "$found" ]; then pass "the key is in no file, on no screen, in no capture"; else fail "the key is in no file, on no screen, in no capture" "found in $found"; fi
if grep -qF "toll gateway" "$screens/arguments" && ! grep -qF -- "$key" "$screens/arguments"; then
	pass "the key is in the arguments of no child"
else
	fail "the key is in the arguments of no child" "$(grep -F -- "$key" "$screens/arguments" | head -3; wc -l "$screens/arguments")"
fi
found=$(grep -rlF -- "$key" "$screens"/none.* "$work/none" 2>/dev/null || true)
if [ -z "$found" ]; then pass "nor is a key that stands in the gateway's URL"; else fail "nor is a key that stands in the gateway's URL" "found in $found"; fi
if grep -qE '127\.0\.0\.1|'"$(hostname)" "$work/redacted.json"; then
	fail "a redacted result names no host" "$(grep -nE '127\.0\.0\.1|'"$(hostname)" "$work/redacted.json" | head -3)"
else
	pass "a redacted result names no host"
fi
open=$(find "$work/one" "$work/again" "$work/all.json" "$work/redacted.json" -type f -perm /077 -printf '%m %f\n')
if [ -z "$open" ]; then pass "results, reports and captures can be read by nobody else"; else fail "results, reports and captures can be read by nobody else" "$open"; fi
finish
