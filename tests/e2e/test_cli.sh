#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The program's own words: help, version, mistyped commands, exit codes. Needs no root.
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 2
toll=${BUILD:-build}/toll
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# expect NAME STATUS PATTERN COMMAND...: the command ends with the status and prints (stdout or stderr) the pattern
expect() {
	local name=$1 status=$2 pattern=$3 got
	shift 3
	"$@" >"$out" 2>&1 </dev/null
	got=$?
	if [ "$got" -eq "$status" ] && grep -qE -- "$pattern" "$out"; then
		echo "ok $name"
	else
		echo "not ok $name"
		echo "  $*: status $got, expected $status and /$pattern/; it printed:"
		sed 's/^/  /' "$out"
	fi
}

expect "help lists commands" 0 '^  attach ' "$toll" --help
expect "help tells exit codes" 0 '^  3  the run was cut short' "$toll" --help
expect "version" 0 '^toll [0-9]' "$toll" --version
expect "no command is a usage error" 2 '^usage: toll' "$toll"
expect "mistyped command names the nearest" 2 "did you mean 'report'" "$toll" reprot
expect "strange command names the help" 2 'toll --help' "$toll" xyzzyplugh
for command in run attach replay report compare merge redact doctor provider gateway schema scenarios; do
	expect "$command --help" 0 "^usage: toll $command" "$toll" "$command" --help
	expect "$command refuses an unknown option" 2 '--no-such-option' "$toll" "$command" --no-such-option
done

# two results, here of a recorded kind: the blocks of a run are all that compare draws from
expect "compare wants two results" 2 'needs two results' "$toll" compare nothing.json
expect "compare names the file" 2 'nothing.json: No such file' "$toll" compare nothing.json nothing.json
expect "compare refuses a gate it cannot read" 2 "expected a metric and what it may change by" "$toll" compare nothing.json nothing.json --gate 'toll.p99 10'
expect "merge wants two results" 2 'needs two results' "$toll" merge nothing.json
expect "schema of comparisons" 0 'toll.compare/1' "$toll" schema compare

# docs/guide.md explains messages; each must still be one
# shellcheck disable=SC2016
while read -r message; do
	if grep -qaF -- "$message" "$toll"; then echo "ok the guide explains a message that exists: $message"; else echo "not ok the guide explains a message that exists: $message"; fi
done < <(sed -n 's/^### `\(.*\)`$/\1/p' docs/guide.md)
