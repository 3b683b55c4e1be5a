# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Every form that a result can be exported in, read by the program that it is for.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

export_as() { # FORMAT: into $work/FORMAT
	"$toll" report "$result" --format "$1" --out "$work/$1" 2>"$work/$1.err" || fail "$1: exported" "$(cat "$work/$1.err")"
}

is() { # NAME GOT WANTED
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "got $2, wanted $3"; fi
}

junit() {
	# Debian's own Python has Debian's modules
	/usr/bin/python3 - "$work/junit" <<'PYTHON'
import sys
import junitparser
suite = next(iter(junitparser.JUnitXml.fromfile(sys.argv[1])))
bad = sum(1 for case in suite for r in case.result if isinstance(r, (junitparser.Failure, junitparser.Error)))
print(suite.tests, len(list(suite)), bad, suite.failures + suite.errors)
PYTHON
}

check_junit() {
	local criteria missed
	xmllint --noout "$work/junit" && pass "junit: well-formed" || fail "junit: well-formed" "xmllint"
	criteria=$(jq '(.criteria | length) + 2 + (if .trust.untrusted == null then 0 else 1 end)' "$result")
	missed=$(jq '([.criteria[] | select(.met | not)] | length) + (if .invalid then 1 else 0 end) + (if .trust.untrusted then 1 else 0 end)' "$result")
	is "junit: junitparser counts the criteria" "$(junit)" "$criteria $criteria $missed $missed"
}

check_prometheus() {
	if promtool check metrics <"$work/prometheus" >"$work/promtool" 2>&1 && [ ! -s "$work/promtool" ]; then
		pass "prometheus: promtool finds nothing to say"
	else fail "prometheus: promtool finds nothing to say" "$(head -n 5 "$work/promtool")"; fi
	is "prometheus: every class's requests" "$(awk '/^toll_requests_total.*outcome="ok"/ { n += $NF } END { print n }' "$work/prometheus")" \
		"$(jq .requests.ok "$result")"
}

# The dashboard asks for no metric that is not there; promtool knows PromQL.
check_dashboard() {
	local used unknown
	used=$(jq -r '[.panels[].targets[].expr] | join("\n")' examples/grafana/toll.json | grep -oE 'toll_[a-z0-9_]+' | sed -E 's/_(bucket|sum|count)$//' | sort -u)
	unknown=$(comm -23 <(echo "$used") <(sed -n 's/^# TYPE \([a-z0-9_]*\) .*/\1/p' "$work/prometheus" | sort -u))
	is "grafana: every metric of the dashboard is exported" "$unknown" ""
	jq '{groups: [{name: "dashboard", rules: ([.panels[].targets[].expr] | to_entries |
		map({record: "toll:q\(.key)", expr: (.value | gsub("\\$scenario"; ".*"))}))}]}' examples/grafana/toll.json >"$work/rules.json"
	if promtool check rules "$work/rules.json" >"$work/rules.txt" 2>&1; then
		pass "grafana: every query of the dashboard is PromQL"
	else fail "grafana: every query of the dashboard is PromQL" "$(head -n 3 "$work/rules.txt")"; fi
}

# Servers of our own, on ports of their own: InfluxDB, Prometheus as a receiver of remote writes, and one that keeps what a collector would get.
start_servers() {
	read -r influx_port rpc prom_port otlp_port scrape_port < <(python3 -c 'import socket
s = [socket.socket() for _ in range(5)]
[x.bind(("127.0.0.1", 0)) for x in s]
print(*[x.getsockname()[1] for x in s])')
	INFLUXDB_HTTP_BIND_ADDRESS=127.0.0.1:$influx_port INFLUXDB_BIND_ADDRESS=127.0.0.1:$rpc INFLUXDB_META_DIR=$work/meta INFLUXDB_DATA_DIR=$work/data \
		INFLUXDB_DATA_WAL_DIR=$work/wal INFLUXDB_REPORTING_DISABLED=true influxd -config /dev/null >"$work/influxd.log" 2>&1 &
	servers=$!
	printf 'scrape_configs: [{job_name: toll, scrape_interval: 200ms, static_configs: [{targets: ["127.0.0.1:%s"]}]}]\n' "$scrape_port" >"$work/prometheus.yml"
	prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" --web.listen-address="127.0.0.1:$prom_port" \
		--web.enable-remote-write-receiver >"$work/prometheus.log" 2>&1 &
	servers+=" $!"
	python3 - "$otlp_port" "$work/otlp.posted" <<'PYTHON' &
import http.server, sys
class Keep(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        good = self.path == "/v1/traces" and self.headers["Content-Type"] == "application/json"
        open(sys.argv[2], "wb").write(body if good else b"")
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Keep).serve_forever()
PYTHON
	servers+=" $!"
	# shellcheck disable=SC2064 # these servers
	trap "kill $servers 2>/dev/null; wait $servers 2>/dev/null; rm -rf '$work'" EXIT
	for url in "$influx_port/ping" "$prom_port/-/ready"; do
		curl -sf --retry 200 --retry-delay 0 --retry-all-errors --retry-max-time 20 -o /dev/null "http://127.0.0.1:$url"
	done
	# it learns of its targets some seconds after it is ready
	await 15 prometheus_has_target
	curl -s -o /dev/null "http://127.0.0.1:$influx_port/query" --data-urlencode 'q=CREATE DATABASE toll'
	curl -s -o /dev/null "http://127.0.0.1:$influx_port/query" --data-urlencode 'q=CREATE DATABASE live'
}

prometheus_has_target() { curl -s "http://127.0.0.1:$prom_port/api/v1/targets" | grep -q '"scrapePool":"toll"'; }

influx_count() { # DATABASE
	curl -s "http://127.0.0.1:$influx_port/query?db=$1" --data-urlencode 'q=SELECT count(ended_per_s) FROM toll_series' | jq '.results[0].series[0].values[0][1]'
}

check_influx() {
	local wanted
	wanted=$(jq '[.series.ended_per_s[] | select(. != null)] | length' "$result")
	curl -s -w '%{http_code}' "http://127.0.0.1:$influx_port/write?db=toll" --data-binary "@$work/influx" >"$work/influx.status"
	is "influx: the server takes every line" "$(cat "$work/influx.status")" 204
	is "influx: the series is in it" "$(influx_count toll)" "$wanted"
	is "influx: so is what the run itself posted" "$(influx_count live)" "$wanted"
}

prometheus_says() { # TIME QUERY
	curl -s "http://127.0.0.1:$prom_port/api/v1/query?time=$1" --data-urlencode "query=$2" | jq -r '.data.result[0].value[1]'
}

# As Prometheus itself tells it after a remote write, and after it scraped the run.
check_remote_write() {
	local ends
	ends=$(jq '(.date | fromdate) + .duration_s' "$result")
	is "scrape: Prometheus saw the requests grow while the run went" \
		"$(prometheus_says "$((${ends%.*} + 5))" "sum(max_over_time(toll_requests_total{outcome=\"ok\",job=\"toll\"}[1m])) > bool sum(min_over_time(toll_requests_total{outcome=\"ok\",job=\"toll\"}[1m]))")" 1
	is "remote-write: Prometheus has every request" \
		"$(prometheus_says "$ends" 'sum(toll_requests_total{outcome="ok",class!="",job=""})')" \
		"$(jq '[.classes[].requests.ok] | add' "$result")"
	is "remote-write: and every metric" \
		"$(curl -s "http://127.0.0.1:$prom_port/api/v1/label/__name__/values" | jq -r '.data[] | select(startswith("toll_"))' | sort)" \
		"$(sed -n 's/^\(toll_[a-z0-9_]*\).*/\1/p' "$work/prometheus" | sort -u)"
}

check_posts() {
	if cmp -s "$work/otlp.posted" "$work/otlp"; then pass "otlp: a collector gets what report prints"; else fail "otlp: a collector gets what report prints" "$(cat "$work/exports.err")"; fi
}

# Last: it has a result of its own.
check_nobody() {
	run_toll nobody demo --with reference --for 1s --export "otlp=http://127.0.0.1:9/v1/traces"
	if grep -q 'POST to http://127.0.0.1:9/v1/traces: ' "$work/nobody.err" && [ -f "$work/nobody/result.json" ]; then
		pass "a server that is not there is told, and costs nothing"
	else fail "a server that is not there is told, and costs nothing" "$(cat "$work/nobody.err")"; fi
}

check_csv() {
	is "csv: five columns in each row" "$(python3 -c 'import csv, sys; print({len(r) for r in csv.reader(open(sys.argv[1], newline=""))})' "$work/csv")" "{5}"
	is "csv: p99 of the latency" "$(grep -E '^all,latency,,p99_ns,' "$work/csv" | tr -d '\r' | cut -d, -f5)" "$(jq .latency.p99_ns "$result")"
	is "csv-series: a row for each point" "$(($(wc -l <"$work/csv-series") - 1))" "$(jq .series.points "$result")"
}

check_node() {
	local tag count p50 p99
	if ! command -v npm >/dev/null; then
		skip "hdr, otlp: read by their own libraries" "npm is not installed"
		return
	fi
	cp -r tests/support/consumers "$work/consumers"
	if ! (cd "$work/consumers" && npm ci --ignore-scripts --no-audit --no-fund) >"$work/npm.log" 2>&1; then
		fail "hdr, otlp: npm ci" "$(tail -n 3 "$work/npm.log")"
		return
	fi
	node "$work/consumers/read.js" hdr "$work/hdr" >"$work/hdr.read" 2>&1
	read -r tag count p50 p99 < <(grep '^toll ' "$work/hdr.read")
	is "hdr: HdrHistogram reads all of the $tag" "$count" "$(jq .toll.count "$result")"
	check "hdr: and the same p50 and p99" ".toll | (($p50 - .p50_ns) | fabs) < .p50_ns * 0.005 and (($p99 - .p99_ns) | fabs) < .p99_ns * 0.005" "$result"
	is "otlp: OpenTelemetry's own message keeps every field and span" "$(node "$work/consumers/read.js" otlp "$work/otlp" 2>&1 | tail -n 1)" \
		"$(jq '[.traces[] | 1 + (.spans | length)] | add' "$result")"
}

check_ids() {
	check "otlp: ids are of their length, and none is there twice" '[.resourceSpans[].scopeSpans[].spans[]] |
		all(.traceId | test("^[0-9a-f]{32}$")) and all(.spanId | test("^[0-9a-f]{16}$")) and ((map(.spanId) | unique | length) == length)' "$work/otlp"
	check "otlp: each phase lies within its request" '[.resourceSpans[].scopeSpans[].spans[]] | group_by(.traceId) | all(
		(.[] | select(.parentSpanId == null)) as $r | all(.[]; .startTimeUnixNano >= $r.startTimeUnixNano and .endTimeUnixNano <= $r.endTimeUnixNano))' "$work/otlp"
}

check_speedscope() { # RESULT
	local app=$work/consumers/node_modules/speedscope/dist/release
	if [ ! -d "$app" ] || ! command -v chromedriver >/dev/null; then
		skip "speedscope: opens it" "npm or chromium-driver is not installed"
		return
	fi
	is "speedscope: opens it" "$(python3 tests/e2e/speedscope_opens.py "$app" "$work/speedscope" 2>&1 | tail -n 1)" "$(jq -r .scenario "$1") - speedscope"
}

check_stacks() {
	local stacks=$work/stacks.json
	python3 tests/support/long_result.py "$result" "$stacks"
	result=$stacks
	export_as pprof
	export_as folded
	export_as speedscope
	check "speedscope: weights and frames fit" '.shared.frames as $f | all(.profiles[]; (.samples | length) == (.weights | length) and
		(.weights | add) == .endValue and all(.samples[][]; . >= 0 and . < ($f | length)))' "$work/speedscope"
	check_speedscope "$stacks"
	is "folded: the weight of all stacks" "$(awk '{ n += $NF } END { printf "%d", n }' "$work/folded")" "$(jq '[.stacks.folded[].ns] | add' "$stacks")"
	if ! command -v go >/dev/null; then
		skip "pprof: go tool pprof" "go is not installed"
		return
	fi
	is "pprof: go tool pprof's total of the CPU" "$(go tool pprof -raw "$work/pprof" 2>/dev/null | awk '/^Locations/ { exit } /^ +[0-9]+ +[0-9]+:/ { sub(":", "", $2); n += $2 } END { printf "%d", n }')" \
		"$(jq '[.stacks.folded[] | select(.cause == "own_user") | .ns] | add' "$stacks")"
}

start_servers
run_toll exports demo --with reference --quick --metrics-listen "127.0.0.1:$scrape_port" --export "influx=http://127.0.0.1:$influx_port/write?db=live" \
	--export "remote-write=http://127.0.0.1:$prom_port/api/v1/write" --export "otlp=http://127.0.0.1:$otlp_port/v1/traces" --export "prometheus=$work/live.prom" --export "csv=$work/live.csv"
for format in junit prometheus influx csv csv-series hdr otlp; do export_as "$format"; done
if cmp -s "$work/live.prom" "$work/prometheus" && cmp -s "$work/live.csv" "$work/csv"; then pass "run --export writes what report does"; else
	fail "run --export writes what report does" "$(diff "$work/live.prom" "$work/prometheus" | head -n 3)"; fi
check_junit
check_prometheus
check_dashboard
check_influx
check_remote_write
check_posts
check_csv
check_ids
check_node
check_stacks
if "$toll" report "$work/exports/result.json" --format nothing 2>"$work/nothing.err"; then fail "an unknown format is refused" "it was not"; else
	if grep -q 'expected text, json, html' "$work/nothing.err"; then pass "an unknown format is refused"; else
		fail "an unknown format is refused" "$(cat "$work/nothing.err")"; fi; fi
check_nobody
finish
