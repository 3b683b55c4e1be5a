#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An API key and a prompt are nowhere but on the wire: not in a file, not on a screen, not in the arguments of a process of ours, in no form
# that a result can be printed in. Files are ours alone. A redacted result names no host, process or path either.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

key=sk-e2e-$RANDOM-a61f0c2e77d94b1c
prompt=zebra-$RANDOM-quagga
host=gw-$RANDOM-acme.localhost # libcurl knows that this is loopback
screens=$work/screens
mkdir -p "$screens"

# said COMMAND...: runs it, its words kept; it must have something to say
said() {
	local name=$screens/said-$((++says))
	"$toll" "$@" >"$name" 2>"$name.err" </dev/null
	[ $? -le 1 ] || fail "toll $1 ${*: -1}" "$(head -n 2 "$name.err")"
}
says=0

# the arguments of every process that this one started, again and again until it has ended; its own are the user's
watch_arguments() { # PID FILE
	while kill -0 "$1" 2>/dev/null; do
		for p in $(pgrep -P "$1" | xargs -r -I{} sh -c 'echo {}; pgrep -P {}'); do
			[ -r "/proc/$p/cmdline" ] && tr '\0' ' ' <"/proc/$p/cmdline" && echo
		done >>"$2" 2>/dev/null
		# what its threads and its provider may do
		# shellcheck disable=SC2046 # several pids
		awk '/^Name/ { name = $2 } /^CapEff/ { print name, $2 }' "/proc/$1/task/"*/status $(pgrep -P "$1" -f 'exe provider' | sed 's,.*,/proc/&/status,') \
			>>"$work/capabilities" 2>/dev/null
	done
}

scenario secrets <<'END'
name: e2e/secrets
classes:
  chat: {endpoint: chat, weight: 3, max_tokens: 5, prompts: prompts.jsonl}
  chat_stream: {endpoint: chat, stream: true, weight: 1, max_tokens: 5}
warmup: 200ms
stages:
  - {name: hold, for: 3s, rate: 100/s}
provider: {service_time: 2ms, tokens: 5}
END

printf '{"prompt": "tell me of the %s, word by word"}\n' "$prompt" >"$work/prompts.jsonl"

run_with_key() { # NAME ARGS...
	local name=$1
	shift
	[ -e "$work/$name.yaml" ] || cp "$work/secrets.yaml" "$work/$name.yaml"
	API_KEY=$key "$toll" run "$work/$name.yaml" --out "$work/$name" --verbose --capture full "$@" \
		>"$screens/$name.out" 2>"$screens/$name.err" </dev/null &
	local pid=$!
	watch_arguments "$pid" "$screens/arguments"
	wait "$pid"
}

probes=(--probes "sockets,threads,syscalls,stacks" --budget off)
run_with_key one --with reference "${probes[@]}"
check "the run with a key ended well" '.complete and .requests.ok > 200' "$work/one/result.json"
run_with_key two --with reference "${probes[@]}" --format json
# a key that the gateway is told of
# shellcheck disable=SC2016 # a placeholder of the scenario
{ cat "$work/secrets.yaml" && printf 'tenants: {acme: {key: "${TENANT_KEY}", quota: 1000/s}}\n'; } >"$work/tenants.yaml"
TENANT_KEY=$key run_with_key tenants --with reference
check "tenants: the gateway knows their keys" '.complete and .requests.ok > 200' "$work/tenants/result.json"
# a gateway that is not there, and one that refuses the key: errors are told without it
run_with_key none --yes --gateway "http://user:$key@127.0.0.1:9"
"$toll" provider --listen 127.0.0.1:0 >"$work/provider.port" 2>/dev/null &
provider=$!
until grep -q '127.0.0.1:' "$work/provider.port"; do read -rt 0.05 <> <(:) || true; done
run_with_key user --yes --gateway "http://bob:$key@$host:$(grep -oE '127\.0\.0\.1:[0-9]+' "$work/provider.port" | cut -d: -f2)"
kill "$provider"
check "a key in the gateway's URL works" '.requests.ok > 200' "$work/user/result.json"
# every form that there is, of what a run, a joined and a redacted result hold; a soak's stacks are in none of these
forms=$("$toll" report "$work/one/result.json" --format nothing 2>&1 | sed 's/.*expected //; s/,//g; s/ or / /; s/survivors//')
said merge "$work/one/result.json" "$work/two/result.json" -o "$work/all.json"
said redact "$work/user/result.json" -o "$work/redacted.json"
for format in $forms; do
	said report "$work/one/result.json" --format "$format"
	case $format in csv-series | otlp | pprof | folded | speedscope) ;; *) said report "$work/all.json" --format "$format" ;; esac
	for run in one two; do said report "$work/$run/result.json" --redact --format "$format" --out "$work/redacted-$run.$format"; done
done
for f in "$work"/redacted-*.pprof "$screens"/said-*; do gzip -cdq "$f" >"$f.plain" 2>/dev/null; done
said replay "$work/one/capture.toll" --out "$work/again"
said compare "$work/one/result.json" "$work/two/result.json" --anyway
said schema
said scenarios

found=$(grep -rlF -- "$key" "$work" | grep -v "$screens/none\|$work/none/" || true)
if [ -z "$found" ]; then pass "the key is in no file, on no screen, in no capture"; else fail "the key is in no file, on no screen, in no capture" "found in $found"; fi
if grep -qF "toll gateway" "$screens/arguments" && ! grep -qF -- "$key" "$screens/arguments"; then
	pass "the key is in the arguments of no child"
else
	fail "the key is in the arguments of no child" "$(grep -F -- "$key" "$screens/arguments" | head -3; wc -l "$screens/arguments")"
fi
found=$(grep -rlF -- "$key" "$screens"/none.* "$work/none" 2>/dev/null || true)
if [ -z "$found" ]; then pass "nor is a key that stands in the gateway's URL"; else fail "nor is a key that stands in the gateway's URL" "found in $found"; fi
found=$(grep -rlF -- "$prompt" "$work" | grep -v "$work/prompts.jsonl" || true)
if [ -z "$found" ]; then pass "nor is a prompt"; else fail "nor is a prompt" "found in $found"; fi
grep -qF "$host" "$work/user/result.json" || fail "the gateway's name is in its own result" "it is not: the next check checks nothing"
found=$(grep -nE "127\.0\.0\.1|acme|$(hostname).{0,3}\"|$work" "$work"/redacted* | cut -c1-200 | head -n 3)
# what stands around the numbers of a run's processes; by chance one may be a time's too, but not at the same place of both runs
places_of_pids() { # RUN
	grep -ohE "(^|[^0-9])[^0-9]{0,24}($(jq -r '[.gateway.pids[], (.busy_threads // [])[].tid] | join("|")' "$work/$1/result.json"))([^0-9]|$)" \
		"$work/redacted-$1".* | tr -d 0-9 | sort -u
}
found+=$(comm -12 <(places_of_pids one) <(places_of_pids two))
if [ -z "$found" ]; then pass "a redacted result names no host, process or path, in whatever form"; else
	fail "a redacted result names no host, process or path, in whatever form" "$found"; fi
if [ "$(id -u)" -ne 0 ]; then skip "privileges are given up" "there are none without root"; else
	# bpf, perfmon, syslog, sys_ptrace, kill, dac_read_search
	left=$(for name in toll toll-driver exe; do grep "^$name " "$work/capabilities" | tail -n 1; done | tr '\n' ' ')
	if [ "$left" = "toll 000000c400080024 toll-driver 0000000000000000 exe 0000000000000000 " ]; then
		pass "privileges are given up: few for the session, none for the load and the provider"
	else
		fail "privileges are given up: few for the session, none for the load and the provider" "left: $left"
	fi
fi
check "what the probes cost is still measured" '.trust.probe_cpu_share != null' "$work/one/result.json"
open=$(find "$work/one" "$work/again" "$work/all.json" "$work/redacted.json" -type f -perm /077 -printf '%m %f\n')
if [ -z "$open" ]; then pass "results, reports and captures can be read by nobody else"; else fail "results, reports and captures can be read by nobody else" "$open"; fi
finish
