# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# toll top on a terminal: it shows the gateway that is loaded beside it, follows the terminal's size, and leaves it as it was.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

if ! command -v tmux >/dev/null; then
	skip "top: a full screen" "tmux is not installed"
	finish
fi

server=toll-top.$$
screen() { tmux -L "$server" capture-pane -p; }

# shows NAME PATTERN: passes once the screen has a line like that
shows() {
	local until=$((SECONDS + 30))
	until screen | grep -qE "$2"; do
		if [ $SECONDS -ge $until ]; then
			fail "$1" "$(screen | head -n 40 | sed 's/^/# /')"
			return
		fi
		sleep 0.1
	done
	pass "$1"
}

"$toll" run demo --with reference --for 90s --out "$work/load" --quiet >/dev/null 2>&1 &
load=$!
trap 'tmux -L "$server" kill-server 2>/dev/null; kill "$load" 2>/dev/null; wait "$load"; rm -rf "$work"' EXIT
until gateway=$(pgrep -P "$load" -f 'toll gateway'); do
	kill -0 "$load" 2>/dev/null || { fail "top: a gateway under load" "the load has ended" && finish; }
	sleep 0.1
done
tmux -L "$server" new-session -d -x 120 -y 40 \
	"'$toll' top --pid $gateway --probes sockets,threads,syscalls,alloc 2>'$work/top.err'; echo \"ended with \$?\"; read -r _"
shows "top: requests and their toll" '^[0-9.]+ requests/s .* toll p50 [0-9.]+ .s'
shows "top: the phases of the toll" 'pick up request +█'
shows "top: threads" ' gateway-worker +[0-9.]+ % CPU'
shows "top: system calls" '(recvfrom|sendmsg|epoll_wait) +[0-9]+ +[0-9.]+ .?s'
shows "top: sockets by peer" 'clients of port [0-9]+ +[1-9]'
shows "top: allocator calls" '^  (malloc|free) +[1-9][0-9]* '
shows "top: memory" 'memory [0-9.]+ MB resident'
tmux -L "$server" resize-window -x 72 -y 24
shows "top: a smaller terminal has it below each other" '^THREADS'
if [ "$(screen | wc -L)" -le 72 ]; then pass "top: nothing wraps"; else fail "top: nothing wraps" "$(screen)"; fi
tmux -L "$server" resize-window -x 30 -y 5
tmux -L "$server" resize-window -x 140 -y 45
shows "top: and a larger one side by side" 'THE TOLL.* THREADS'
tmux -L "$server" send-keys q
shows "top: q ends it" '^ended with 0'
if screen | grep -q 'THREADS'; then fail "top: the terminal is as it was" "$(screen | head -n 5)"; else pass "top: the terminal is as it was"; fi
# the screen of a run: q cuts it short, and its report is whole
kill "$load" && wait "$load"
# in the same pane: a server that is told to go may still be there when the next one wants its place
tmux -L "$server" respawn-pane -k \
	"'$toll' run demo --with reference --for 60s --top --out '$work/run' 2>'$work/run.err'; echo \"ended with \$?\"; read -r _"
shows "top: a run has its screen" 'process request +█'
tmux -L "$server" send-keys q
shows "top: q cuts the run short" '^ended with 3'
check "top: and its result is whole" '(.complete | not) and (.cut_short_because | test("q was pressed")) and .trust.coverage > 0.9' "$work/run/result.json"
"$toll" run demo --with reference --top </dev/null >"$work/none.out" 2>"$work/none.err"
if grep -q -- '--top needs a terminal' "$work/none.err"; then pass "top: nor does a run take one that is not there"; else
	fail "top: nor does a run take one that is not there" "$(cat "$work/none.err")"; fi
if "$toll" top --comm nobody </dev/null >"$work/none.out" 2>"$work/none.err"; then
	fail "top: without a terminal it says so" "it ran"
elif grep -q 'needs a terminal' "$work/none.err"; then pass "top: without a terminal it says so"; else
	fail "top: without a terminal it says so" "$(cat "$work/none.err")"; fi
finish
