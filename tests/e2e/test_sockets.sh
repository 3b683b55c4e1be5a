# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the gateway does with its sockets: connections kept or opened for each request, connects that fail, bytes that lie unread.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

scenario sockets <<'END'
name: e2e/sockets
classes:
  chat: {endpoint: chat, max_tokens: 5}
stages:
  - {name: all, vus: 4, requests: 400}
provider: {service_time: 1ms, tokens: 5}
END
cp "$work/sockets.yaml" "$work/kept.yaml"
cat >>"$work/kept.yaml" <<'END'
criteria:
  - upstream.turns_per_connection >= 20
  - upstream.opened_per_request <= 0.05
  - upstream.connects_failed == 0
  - upstream.unread.p99 < 1s
END

run_toll kept "$work/kept.yaml" --with nginx
check "kept: few connections" '.sockets.upstream.provider | .turns == 400 and .connections <= 8 and .opens_per_request == false' "$result"
check "kept: bytes lay unread for a while, turn by turn" '.sockets | .accepted.unread.count == 400 and .upstream.provider.unread.count == 400' "$result"
check "kept: no finding" '.sockets.findings == []' "$result"
check "kept: criteria" '.verdict == "met"' "$result"

run_toll opened "$work/sockets.yaml" --with nginx --set upstream_keepalive=
check "opened: one for each request" \
	'.sockets.upstream.provider | .opened == 400 and .connections == 400 and .turns_per_connection == 1 and .opens_per_request' "$result"
check "opened: each connect is timed" '.sockets.upstream.provider.connect | .count == 400 and .min_ns > 0' "$result"
check "opened: named" \
	'.sockets.findings | length == 1 and (.[0] | test("opens a connection to provider for each request: 400 opened for 400 requests"))' "$result"
if grep -q "opens a connection to provider for each request" "$work/opened.txt"; then pass "opened: printed"; else
	fail "opened: printed" "the report lacks the sentence"
fi

"$toll" replay "$work/opened/capture.toll" --format json >"$work/replayed.json" 2>/dev/null
check "opened: a replay tells the same" '.sockets.upstream.provider.opened == 400 and (.sockets.findings | length == 1)' "$work/replayed.json"

# TLS: the handshake makes turns of its own
if openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 \
	-keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null; then
	run_toll tls "$work/sockets.yaml" --with nginx --set upstream_keepalive= --provider-tls-cert "$work/cert.pem" \
		--provider-tls-key "$work/key.pem"
	check "tls: one for each request" '.sockets.upstream.provider | .opened == 400 and .requests == 400 and .opens_per_request' "$result"
else
	skip tls "openssl cannot make a certificate"
fi

# an upstream port that nobody listens on
coproc GATEWAY { exec "$toll" gateway --listen 127.0.0.1:0 --upstream http://127.0.0.1:1 --ready-fd 1 2>/dev/null; }
gateway_pid=$GATEWAY_PID
read -r port <&"${GATEWAY[0]}"
run_toll refused "$work/sockets.yaml" --gateway "http://127.0.0.1:$port"
kill "$gateway_pid"
wait "$gateway_pid"
check "refused: every connect failed, by errno" '.sockets.upstream["127.0.0.1:1"] | .failed.ECONNREFUSED == 400 and .opened == 0' "$result"
check "refused: named" '.sockets.findings | any(test("connects to 127.0.0.1:1 that failed: ECONNREFUSED 400"))' "$result"
finish
