# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Planted truth: what the reference gateway's own clock saw around each plant is seen by the probes in the right phase and nowhere else.
# A figure here is a difference of medians within one run (half of the requests carry the plant), so a noisy machine cancels out; the
# bound is the product's: 5 % or 20 us. `make bench` prints the figures themselves.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

poisson planted 100 4s 3ms

planted() { # KIND AMOUNT SIDE
	local name="$1=$2@$3"
	run_toll "$1-$2-$3" "$work/planted.yaml" --with reference --plant "$1=$2@$3/2" --set "overhead_header=$header"
	check "$name: in process $3" ".planted | length == 1 and .[0].phase == \"process_$3\"" "$result"
	check "$name: joined" '.trust.coverage >= 0.999' "$result"
	check "$name: the truth is at least the plant" \
		".planted[0].truth_p50_ns >= ($4 * 0.98)" "$result"
	check "$name: nowhere else" \
		"[.phases | to_entries[] | select(.key != \"process_$3\" and .value.toll == true) | .value.p50_ns // 0] | add < ($4 + 500000)" "$result"
}

# What the gateway says of itself: its clock around the request, without what the kernel did before its read and after its write.
header=x-litellm-overhead-duration-ms
says() { # HEADER
	check "$1: what the gateway says stands beside the toll" ".toll as \$toll | .overhead_headers[\"$1\"] | .requests == \$toll.count and
		.told.p50_ns > 10000 and .told.p99_ns >= 980000 and .told.p50_ns < .toll.p50_ns and .beyond.p50_ns > 1000 and .above < .requests / 2" "$result"
	grep -q "$1 tells .* at p50" "$2" && pass "$1: the report says so" || fail "$1: the report says so" "$(grep -A12 '^THE TOLL' "$2" | head -c 900)"
}

# the output directory may be relative, though the gateway runs in a directory of its own
(cd "$work" && "$OLDPWD/$toll" run planted.yaml --with reference --plant cpu=200us@request/2 --for 1s --quiet --out relative >/dev/null 2>&1)
check "a relative --out" '.planted | length == 1' "$work/relative/result.json"
check "nothing is told where no header tells it" '(has("overhead_headers") | not) and .not_measured.overhead_headers != null' "$work/relative/result.json"
run_toll named "$work/planted.yaml" --with reference --plant cpu=1ms@request/2 --set overhead_header=X-Took --overhead-header x-took --for 1s
says x-took "$work/named.txt"

for side in request response; do
	planted cpu 200us $side 200000
	planted cpu 1ms $side 1000000
	says $header "$work/cpu-1ms-$side.txt"
	planted sleep 1ms $side 1000000
	planted sleep 10ms $side 10000000
done
finish
