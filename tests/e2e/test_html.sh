# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The HTML report in a real browser: a page of two hours opens whole, and zoom, cursor and flame graph answer to the pointer.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

clicks() {
	if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then
		skip "html: clicks" "chromium and chromium-driver are not installed"
		return
	fi
	# figures of the one are made up, so that every chart is full; the other is what toll itself makes of a capture of 72,000 requests
	"${BUILD:-build}/tests/bench/make_capture" "$work/long.toll" 72000 10
	"$toll" replay "$work/long.toll" --out "$work/replayed" >/dev/null
	check "html: two hours were replayed" '.duration_s > 7000 and .trust.joined == 72000' "$work/replayed/result.json"
	python3 tests/e2e/html_clicks.py "$work/long.html" "$work/replayed/report.html" || failures=$((failures + 1))
}

run_toll html demo --with reference --quick
check "html: the run left a result with time series" '.series.points >= 3' "$result"
if grep -q '<!doctype html>' "$work/html/report.html"; then pass "html: the run left report.html"; else fail "html: the run left report.html" "$(ls "$work/html")"; fi
python3 tests/support/long_result.py "$result" "$work/long.json"
if "$toll" report "$work/long.json" --format html --out "$work/long.html" 2>"$work/long.err"; then
	pass "html: a result of two hours"
	clicks
else
	fail "html: a result of two hours" "$(cat "$work/long.err")"
fi
finish
