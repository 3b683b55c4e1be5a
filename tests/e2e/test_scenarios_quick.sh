# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Every built-in scenario in its quick form on the embedded default meets its criteria; families run in one go; every planted defect fails
# the scenario that should find it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

# A run whose driver got no CPU says INVALID, which tells nothing of the scenario: it is run again.
run_quick() { # DIRECTORY SCENARIO ARGS...
	local name=$1
	shift
	for _ in 1 2 3 4; do
		run_toll "$name" "$@" --quick --capture off
		[ "$(jq -r .verdict "$result" 2>/dev/null)" = invalid ] || return 0
	done
}

# PostgreSQL's programs, and a user that they run as
no_postgres=
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || no_postgres="there is no PostgreSQL here (Debian: postgresql-15)"
[ "$(id -u)" -ne 0 ] || getent passwd postgres nobody >/dev/null || no_postgres="there is no user that PostgreSQL could run as"

databases=$(compgen -G '/tmp/toll-db-*' | sort)

while read -r name _; do
	[ "$name" = demo ] && continue
	dir=${name//\//-}
	if grep -q '^  db: postgresql' "scenarios/$name.yaml" && [ -n "$no_postgres" ]; then
		skip "$name" "$no_postgres"
		continue
	fi
	run_quick "$dir" "$name" --with reference
	if [ "$code" -eq 0 ]; then pass "$name: exit 0"; else
		fail "$name: exit 0" "exit $code: $(grep -E '^  (missed|not measured)|^INVALID' "$work/$dir.txt" | head -n 5)"
	fi
	check "$name: all criteria met, all requests seen" \
		'.verdict == "met" and (.criteria | length) > 0 and .complete and .trust.order_violations == 0' "$result"
done < <("$toll" scenarios | awk 'NR > 1 && $1 ~ "/"')

# a family in one go: a directory for each, one JUnit file, and what has passed is not run again
code=0
timeout 60 "$toll" run model-api/ --with reference --quick --quiet --out "$work/family" >"$work/family.txt" 2>&1 || code=$?
if [ "$code" -le 1 ]; then pass "a family runs in one go"; else fail "a family runs in one go" "exit $code: $(cat "$work/family.txt")"; fi
if python3 - "$work/family/junit.xml" <<'END_PY'; then
import sys, xml.etree.ElementTree as tree
suites = tree.parse(sys.argv[1]).getroot()
names = [s.get("name") for s in suites]
assert names == ["model-api/comprehensive", "model-api/quick", "model-api/standard"], names
assert sum(len(s) for s in suites) == int(suites.get("tests")), suites.attrib
END_PY
	pass "one JUnit file of the family"
else fail "one JUnit file of the family" "$(head -c 600 "$work/family/junit.xml")"; fi
check "each level has the gateway's CPU and memory" '[.stages[].gateway | .memory_bytes.peak > 1e6 and .cpu_cores.mean > 0 and .cpu_ns_per_request > 0] | length == 3 and all' \
	"$work/family/model-api/standard/result.json"
"$toll" run model-api/ --with reference --quick --quiet --skip-passed --out "$work/family" >"$work/family.txt" 2>&1
if [ "$(grep -c "^passed before" "$work/family.txt")" -ge 1 ]; then pass "what has passed is skipped"; else
	fail "what has passed is skipped" "$(cat "$work/family.txt")"
fi
code=0
printf 'name: x\nclasses: {chat: {endpoint: chat}}\nstages: [{vus: 1, requests: 3}]\ncriteria: [success_rate == 0%%]\n' >"$work/missed.yaml"
timeout 60 "$toll" run model-api/quick "$work/missed.yaml" no/such --with reference --quiet --out "$work/worst" >"$work/worst.txt" 2>&1 || code=$?
if [ "$code" -eq 2 ]; then pass "several scenarios end with the worst exit"; else
	fail "several scenarios end with the worst exit" "exit $code: $(cat "$work/worst.txt")"
fi
"$toll" run - --with reference --quiet --out "$work/stdin" <"$work/missed.yaml" >"$work/stdin.txt" 2>&1
check "a scenario from standard input" '.scenario == "x" and .requests.ok == 3 and .verdict == "missed"' "$work/stdin/result.json"

# finds DEFECT SCENARIO CRITERION: with the defect planted, this criterion of the scenario is missed
finds() {
	run_quick "defect-$1" "$2" --with reference --set "defect=$1"
	if [ "$code" -eq 1 ]; then pass "$1 fails $2"; else fail "$1 fails $2" "exit $code"; fi
	check "$1 is found by: $3" "[.criteria[] | select(.verdict == \"missed\") | .text] | any(startswith(\"$3\"))" "$result"
}
finds breaker_never_opens service/circuit-breaker upstream.bedrock.breaker.opened
finds unlimited_retries load/rate-limit-cascade retry.attempts_max
finds unfair_limiter load/multi-tenant-isolation tenant.light.success_rate
finds stream_crosstalk load/streaming-avalanche stream.foreign
finds pool_leak load/endurance gateway.fds.growth_rate
finds billing_stalls load/endurance peer.billing.backlog.max
if [ -n "$no_postgres" ]; then skip "pool_leak fails load/db-connection-storm" "$no_postgres"; else
	finds pool_leak load/db-connection-storm peer.db.abandoned
	check "pool_leak: the pool is full of connections that nobody uses" '.sockets.upstream.db.pool | .abandoned >= 8 and .open_end == 20' "$result"
fi
left=$(comm -13 <(echo "$databases") <(compgen -G '/tmp/toll-db-*' | sort))
if [ -n "$left" ]; then
	fail "no PostgreSQL is left behind" "$left"
else pass "no PostgreSQL is left behind"; fi

# clients that give up: the upstream calls end with them, and a gateway that keeps its calls is found out
scenario left <<'END_YAML'
name: e2e/left
classes: {chat: {endpoint: chat, max_tokens: 5, timeout: 150ms}}
stages: [{name: all, vus: 4, requests: 24}]
provider: {service_time: 600ms, tokens: 5}
criteria:
  - disconnect.clients == 24
  - disconnect.calls == 24
  - disconnect.kept.p50 < 100ms
  - queue.requests.max >= 1
END_YAML
run_toll left "$work/left.yaml" --with reference
check "clients that left: their upstream calls ended with them" '.verdict == "met"' "$result"
run_toll left-kept "$work/left.yaml" --with reference --set defect=keeps_calls
check "keeps_calls is found by: disconnect.kept" \
	'([.criteria[] | select(.verdict == "missed") | .text] | any(startswith("disconnect.kept"))) and .disconnects.kept.p50_ns > 3e8' "$result"

# what is judged while the load runs: steps end where they break, and the load after them comes at once; abort_when ends the run
check "steps go up to where it breaks" \
	'([.notes[] | select(startswith("steps: it broke at"))] | length) == 1 and ([.stages[] | select(.name == "after")][0].requests.sent) > 50' \
	"$work/load-stress/result.json"
scenario abort <<'END_YAML'
name: e2e/abort
classes: {chat: {endpoint: chat, max_tokens: 5}}
stages: [{name: steady, rate: 100, for: 30s}]
provider: {service_time: 2ms, faults: ["error=500,from=1s"]}
abort_when: error_rate > 20%
END_YAML
run_toll abort "$work/abort.yaml" --with reference
if [ "$code" -eq 3 ]; then pass "abort_when: exit 3"; else fail "abort_when: exit 3" "exit $code"; fi
check "abort_when ends the run and says why" \
	'.complete == false and (.cut_short_because | test("error_rate > 20%")) and .duration_s < 15' "$result"

# the provider lies in every way that it can; the gateway answers, and every request has one outcome
scenario lies <<'END_YAML'
name: e2e/lies
classes:
  chat: {endpoint: chat, max_tokens: 8, timeout: 700ms}
  streams: {endpoint: chat, stream: true, max_tokens: 8, timeout: 700ms}
stages: [{name: steady, vus: 8, requests: 400}]
provider:
  service_time: 2ms
  inter_token_time: 1ms
  faults: [hang%s, reset%s, truncate%s, malformed%s, "error=502%s", "slow_start=5ms%s", "slow_tokens=2ms%s"]
END_YAML
sed -i 's/hang%s/"hang,share=1%"/; s/\(reset\|truncate\|malformed\)%s/"\1,share=10%"/g; s/%s/,share=10%/g' "$work/lies.yaml"
run_toll lies "$work/lies.yaml" --with reference
check "an upstream that lies: counted errors, and the gateway lives" \
	'.complete and .gateway.died == false and (.requests.ok + .requests.failed) == 400 and .requests.failed > 40 and .requests.ok > 150' "$result"
finish
