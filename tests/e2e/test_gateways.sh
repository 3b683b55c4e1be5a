# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Real gateways, plain answers, streams and embeddings: every request joined, in order, nothing lost.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

mixed mixed 16 2000
# Portkey charges milliseconds of CPU a request: fewer of them.
scenario small <<'END'
name: e2e/small
classes:
  chat: {endpoint: chat, weight: 60, max_tokens: 10}
  chat_stream: {endpoint: chat, stream: true, weight: 40, max_tokens: 10}
stages:
  - {name: all, vus: 4, requests: 300}
provider: {service_time: 2ms, inter_token_time: 1ms, tokens: 10}
criteria:
  - success_rate == 100%
END

run_whole nginx mixed 2000 --with nginx --set access_log=yes --gateway-log 'request_time=([0-9.]+)' --gateway-log-unit s
# nginx's clock ticks in ms, begins with the request's first byte and ends with the answer's last
check "nginx: its own log tells of each request, no more than the driver saw" '.gateway_log.matched == 2000 and .gateway_log.lines == 2000 and
	.gateway_log.told.p50_ns >= 1e6 and .gateway_log.told.p50_ns <= .latency.p50_ns + 1e6' "$result"
run_whole nginx-unbuffered mixed 2000 --with nginx --set buffering=off
# the ways of the oldest kernel tell the same
run_whole oldest mixed 2000 --with nginx --path sockets=hash --path tcp=copy --path readable=tcp_probe --path open=file_operations \
	--path threads=hash --path switch=task --path alloc=perf
check "oldest: the ways that were asked for" '.trust.paths | tostring | test("tcp_probe.*sockets in a hash")' "$result"
run_whole haproxy mixed 2000 --with haproxy
run_whole reference mixed 2000 --with reference

node_major=$(node --version 2>/dev/null | sed 's/^v//;s/\..*//')
if ! command -v npm >/dev/null; then
	skip portkey "npm is not installed"
elif [ "${node_major:-0}" -lt 20 ]; then
	skip portkey "Node ${node_major:-is not installed} (needs 20 or newer)"
else
	RUN_TIMEOUT=300 run_whole portkey small 300 --with portkey
fi
finish
