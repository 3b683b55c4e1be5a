# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Real gateways, plain answers, streams and embeddings: every request joined, in order, nothing lost.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

scenario mixed <<'END'
name: e2e/mixed
classes:
  chat: {endpoint: chat, weight: 60, max_tokens: 10}
  chat_stream: {endpoint: chat, stream: true, weight: 25, max_tokens: 10}
  embeddings: {endpoint: embeddings, weight: 15}
stages:
  - {name: all, vus: 16, requests: 2000}
provider: {service_time: 2ms, inter_token_time: 1ms, tokens: 10}
criteria:
  - success_rate == 100%
END
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

gateway() { # NAME SCENARIO REQUESTS ARGS...
	local name=$1 scenario=$2 requests=$3
	shift 3
	run_toll "$name" "$work/$scenario.yaml" "$@"
	check "$name: all $requests answered" ".requests.ok == $requests and .requests.sent == $requests" "$result"
	trusted "$name"
	check "$name: joined by both ends" ".trust.joined_by.ends + .trust.joined_by.tag >= 0.999 * $requests" "$result"
	check "$name: every phase of the toll was seen" \
		'[.phases | .pick_up_request, .process_request, .pick_up_response, .process_response | .count > 0] | all' "$result"
	check "$name: streams joined chunk by chunk" '.streams.chunk_lag.count > 0 and .streams.chunks_unmatched == 0' "$result"
}

gateway nginx mixed 2000 --with nginx
gateway nginx-unbuffered mixed 2000 --with nginx --set buffering=off
gateway haproxy mixed 2000 --with haproxy
gateway reference mixed 2000 --with reference

node_major=$(node --version 2>/dev/null | sed 's/^v//;s/\..*//')
if ! command -v npm >/dev/null; then
	skip portkey "npm is not installed"
elif [ "${node_major:-0}" -lt 20 ]; then
	skip portkey "Node ${node_major:-is not installed} (needs 20 or newer)"
else
	RUN_TIMEOUT=300 gateway portkey small 300 --with portkey
fi
finish
