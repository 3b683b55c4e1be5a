# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Waiting for bytes is not the gateway's: pauses of 30 ms of the client and of the provider appear nowhere in the toll.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

waiting() { # NAME PROMPT CLASS-EXTRA PROVIDER-EXTRA STREAM BUFFERING
	scenario "$1" <<END
name: e2e/$1
classes:
  chat: {endpoint: chat, weight: 1, max_tokens: 10, prompt: $2$3, stream: $5}
stages:
  - {name: all, vus: 4, requests: 60}
provider: {service_time: 1ms, inter_token_time: 1ms, tokens: 10$4}
END
	run_toll "$1-$6" "$work/$1.yaml" --with nginx --set "buffering=$6"
	check "$1, buffering $6: all answered" '.requests.ok == 60' "$result"
	trusted "$1, buffering $6"
	# 30 ms charged to the gateway would show as 30 ms; what it owes here is below 10 ms even for 900 kB on a busy machine
	check "$1, buffering $6: the pause is not in the toll" '.toll.p50_ns < 10000000' "$result"
}

for buffering in on off; do
	waiting body-200kB 200kB "" "" false $buffering
	waiting body-900kB 900kB "" "" false $buffering
	waiting client-pauses 200kB ", body_pause: 30ms" "" false $buffering
	check "client pauses, buffering $buffering: charged to arrival, driver or network" \
		'[.phases | .request_arrival, .driver_lag, .network | .p50_ns // 0] | max >= 25000000' "$result"
	waiting provider-head 2kB "" ", head_pause: 30ms" false $buffering
	waiting provider-body 2kB "" ", pause: 30ms" false $buffering
	check "provider pauses, buffering $buffering: charged to the provider or to the stream" \
		'[.phases | .rest_of_response, .stream, .provider | .p50_ns // 0] | max >= 25000000' "$result"
	waiting stream-pause 2kB "" ", pause: 30ms" true $buffering
done
finish
