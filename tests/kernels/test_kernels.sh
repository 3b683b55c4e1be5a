#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same checks on each of $KERNELS (Debian's, in virtual machines; "here": the kernel that runs), and a table of what came out:
# build/kernels.md. A kernel that cannot be had is skipped. What was tried before with the same program is in the table too.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
build=${BUILD:-build}
all="5.10 6.1 6.12 6.16 7.3 here"
out=$build/kernels
mkdir -p "$out"
failures=0

took() { # NAME STATUS: its lines of tests, told under its name
	local name=$1 log=$out/$1
	if [ "$2" -eq 125 ]; then
		echo "skip $name: $(tail -1 "$log.err")"
		return
	fi
	grep -E '^(ok|not ok|skip|#)' "$log" | sed -E "s/^(ok|not ok|skip) /\1 $name: /"
	failures=$((failures + $(grep -c '^not ok' "$log")))
	if ! grep -q '^ok' "$log"; then
		failures=$((failures + 1))
		echo "not ok $name: it ran to its end (status $2: $(tail -1 "$log.err"))"
	fi
}

for name in ${KERNELS:-$all}; do
	status=0
	if [ "$name" = here ]; then
		bash tests/kernels/check.sh >"$out/$name" 2>"$out/$name.err" || status=$?
	else
		VM_SECONDS=${VM_SECONDS:-300} VM_SHARE=$out/share scripts/vm "$name" bash tests/kernels/check.sh >"$out/$name" 2>"$out/$name.err" ||
			status=$?
	fi
	took "$name" "$status"
done

# a row for each ability and result, a column for each kernel that was tried
tried=()
for name in $(tr ' ' '\n' <<<"$all ${KERNELS:-}" | awk '!seen[$0]++'); do
	[ "$out/$name" -nt "$build/toll" ] && grep -q '^row ' "$out/$name" && tried+=("$name")
done
[ ${#tried[@]} -eq 0 ] || (
	cd "$out" || exit
	awk -F '\t' -v "columns=${#tried[@]}" '
		FNR == 1 { column++ }
		/^row / {
			name = substr($1, 5)
			if (!(name in order)) { order[name] = ++rows; row[rows] = name }
			cell[name, column] = $2
		}
		END {
			for (r = 1; r <= rows; r++) {
				line = "| " row[r]
				for (c = 1; c <= columns; c++) line = line " | " ((row[r], c) in cell ? cell[row[r], c] : "–")
				print line " |"
				if (r == 1) { line = "|"; for (c = 0; c <= columns; c++) line = line "---|"; print line }
			}
		}' "${tried[@]}"
) | tee "$build/kernels.md" | sed 's/^/# /'
exit $((failures > 0))
