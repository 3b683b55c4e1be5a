# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# A listen backlog of 1 and a gateway that is stopped for 2 s: the wait is the gateway's, not the network's.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

scenario backlog <<'END'
name: e2e/backlog
classes:
  chat: {endpoint: chat, weight: 1, max_tokens: 5, timeout: 20s}
stages:
  - {name: growing, vus: 1..16, think: 100ms, for: 4s}
provider: {service_time: 2ms, tokens: 5}
END
provider_out=$work/provider.port
"$toll" provider --listen 127.0.0.1:0 --service-time 2ms >"$provider_out" 2>"$work/provider.err" &
provider=$!
for _ in $(seq 100); do [ -s "$provider_out" ] && break; sleep 0.05; done
provider_port=$(grep -oE '[0-9]+$' "$provider_out" | head -n 1)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$toll" gateway --listen "127.0.0.1:$port" --upstream "http://127.0.0.1:$provider_port" --backlog 1 2>"$work/gateway.err" >/dev/null &
gateway=$!
for _ in $(seq 100); do curl -s -o /dev/null "http://127.0.0.1:$port/health" && break; sleep 0.05; done

# stopped for 2 s while the users, and so the connections, become more: those that knock meanwhile find the queue full
"$toll" run "$work/backlog.yaml" --gateway "http://127.0.0.1:$port" --out "$work/backlog" >"$work/backlog.txt" 2>"$work/backlog.err" &
run=$!
for _ in $(seq 500); do [ -e "$work/backlog/capture.toll" ] && break; sleep 0.01; done
sleep 0.7
kill -STOP "$gateway"
sleep 2
kill -CONT "$gateway"
wait "$run"
result=$work/backlog/result.json
check "all answered in the end" '.requests.ok == .requests.sent and .requests.ok > 50' "$result"
check "knocks at a full queue were counted" '.trust.counters.listen_full > 0' "$result"
check "the stop is the gateway's" '.toll.max_ns > 1000000000' "$result"
check "... and not the network's" '((.phases.network.max_ns // 0) < 200000000) and ((.phases.client_connect.max_ns // 0) < 200000000)' "$result"
kill "$gateway" "$provider"
wait "$gateway" "$provider" 2>/dev/null
finish
