#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What toll does not do, whatever it is given: listen to the world, start a shell, start a program because a scenario says so, let a file that
# it reports on make it do anything.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

trace_begin
steady load 50/s 1s
mkdir "$work/empty"

# --- listens on loopback unless told (in a network namespace of its own, where the usual ports are free) ---
if unshare -n true 2>/dev/null; then
	cat >"$work/listen.sh" <<-'END'
		ip link set lo up
		"$1" provider >"$2/provider.txt" 2>&1 &
		"$1" gateway --upstream http://127.0.0.1:9 >"$2/gateway.txt" 2>&1 &
		until grep -qs listening "$2/provider.txt" && grep -qs listening "$2/gateway.txt"; do read -rt 0.05 <> <(:); done
		ss -ltnH
		kill %1 %2
		wait
	END
	heard=$(timeout 20 unshare -n bash "$work/listen.sh" "$toll" "$work" | awk '{ print $4 }' | sort)
	if [ "$(wc -l <<<"$heard")" -eq 2 ] && ! grep -qv '^127\.0\.0\.1:' <<<"$heard"; then pass "provider and gateway listen on loopback unless told"; else
		fail "provider and gateway listen on loopback unless told" "$(tr '\n' ' ' <<<"$heard") $(cat "$work/provider.txt" "$work/gateway.txt")"
	fi
else
	skip "provider and gateway listen on loopback unless told" "no network namespace can be made here"
fi

# --- no shell: words that one would run are names that do not exist ---
evil="touch $work/empty/pwned"
tries=0
no_shell() { # ARGS...
	local got=0
	timeout 20 "$toll" run "$@" --quiet --out "$work/evil" >/dev/null 2>"$work/evil.err" || got=$?
	if [ "$got" -ne 2 ] || [ "$(wc -l <"$work/evil.err")" -ne 1 ]; then fail "a name is no command: $*" "exit $got: $(head -c 400 "$work/evil.err")"; fi
	tries=$((tries + 1))
	sed -n 's,.*its log: \(/tmp/toll-gateway-[^/]*\)/.*,\1,p' "$work/evil.err" | xargs -r rm -r # it stays for who reads the message
}
no_shell gateway/smoke --with "reference;$evil"
no_shell gateway/smoke --with "\$($evil)"
no_shell "gateway/smoke;$evil" --with reference
no_shell gateway/smoke --with reference --set "plant=none;$evil"
no_shell gateway/smoke --gateway "http://127.0.0.1;$evil"
printf 'name: x\ntitle: x\nstart: ["%s"]\nurl: "http://{{listen_host}}:{{listen_port}}"\n' "$evil" >"$work/one-word.yaml"
no_shell gateway/smoke --with "$work/one-word.yaml"
printf 'name: x\ntitle: x\nstart: [sleep, "9;%s"]\nurl: "http://{{listen_host}}:{{listen_port}}"\n' "$evil" >"$work/more.yaml"
no_shell gateway/smoke --with "$work/more.yaml"
if [ "$tries" -eq 7 ] && [ -z "$(ls -A "$work/empty")" ]; then pass "no shell starts a recipe or a gateway"; else fail "no shell starts a recipe or a gateway" "$(ls "$work/empty")"; fi

# --- a scenario starts no program: no key of it names one, and what it wishes for takes --with ---
refused=0
wish() { # YAML-LINE PATTERN
	{ cat "$work/load.yaml" && echo "$1"; } >"$work/wish.yaml"
	local got=0
	timeout 20 "$toll" run "$work/wish.yaml" --gateway http://127.0.0.1:9 --yes --quiet --out "$work/evil" >/dev/null 2>"$work/evil.err" || got=$?
	if [ "$got" -eq 2 ] && grep -qE "$2" "$work/evil.err"; then refused=$((refused + 1)); else fail "a scenario's wish: $1" "exit $got: $(head -c 400 "$work/evil.err")"; fi
}
for key in command with recipe exec start run; do wish "$key: \"$evil\"" "wish.yaml.*$key"; done
if [ "$refused" -eq 6 ] && [ -z "$(ls -A "$work/empty")" ]; then pass "a scenario has no key that names a program"; else fail "a scenario has no key that names a program" "$refused of 6"; fi
port=$(free_port) upstream=$(free_port)
listens gateway.txt "$toll" gateway --listen "127.0.0.1:$port" --upstream "http://127.0.0.1:$upstream"
{ cat "$work/load.yaml" && printf 'tenants: {a: {key: a}}\npeers: {cache: redis, db: postgresql, billing: http}\ngateway: {workers_max: "2; %s"}\n' "$evil"; } >"$work/peers.yaml"
start_run peers "$work/peers.yaml" --gateway "http://127.0.0.1:$port" --provider "127.0.0.1:$upstream" --for 4s --no-probes
children=$(pgrep -P "$run" -a)
end_run
check "a scenario with peers and settings of its own: runs against a gateway that is there" '.complete and .requests.ok == 200' "$result"
if [ "$(wc -l <<<"$children")" -eq 1 ] && grep -q ' provider ' <<<"$children" && [ -z "$(ls -A "$work/empty")" ]; then pass "... and starts none of them"; else
	fail "... and starts none of them" "$children"
fi
kill "$gateway"
wait "$gateway" 2>/dev/null

# --- commands that only read run under a seccomp filter (what it forbids: tests/unit/test_sandbox) ---
mkfifo "$work/slow.json"
filtered=0
# shellcheck disable=SC2317 # await calls it
is_filtered() { grep -qs "^Seccomp:.*2" "/proc/$(pgrep -P "$reader")/status"; }
for command in report replay compare merge redact; do
	rest=()
	case $command in compare | merge) rest=("$result") ;; esac
	case $command in merge | redact) rest+=(-o "$work/none.json") ;; esac
	timeout 20 "$toll" "$command" "$work/slow.json" "${rest[@]}" >/dev/null 2>&1 &
	reader=$!
	await 5 is_filtered && filtered=$((filtered + 1))
	timeout 5 bash -c "echo '{}' >'$work/slow.json'"
	wait "$reader"
done
if [ "$filtered" -eq 5 ]; then pass "report, replay, compare, merge and redact run under a seccomp filter"; else
	fail "report, replay, compare, merge and redact run under a seccomp filter" "$filtered of 5 do"
fi
trace_none "all of these"
finish
