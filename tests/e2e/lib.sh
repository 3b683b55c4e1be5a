# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the e2e tests share: ok / not ok / skip lines, runs of toll, figures from results. Sourced.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
toll=${BUILD:-build}/toll
work=$(mktemp -d /tmp/toll-e2e.XXXXXX)
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

# trusted NAME: whole coverage, order and losses of $result
trusted() {
	check "$1: coverage >= 99.9 %" '.trust.coverage >= 0.999' "$result"
	check "$1: order violations 0" '.trust.order_violations == 0' "$result"
	check "$1: events lost 0" '[.trust.lost[]] | add == 0' "$result"
}

# scenario NAME: a scenario from standard input, kept as $work/NAME.yaml
scenario() { cat >"$work/$1.yaml"; }

finish() { exit $((failures > 0)); }
