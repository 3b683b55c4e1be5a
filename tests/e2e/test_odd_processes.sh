# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Gateways that are awkward to look into: stripped, their file deleted, in namespaces of their own, with very many threads, with threads
# that come and go. What can be measured is, what cannot is said, and nothing is wrong in silence.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

scenario odd <<'END'
name: e2e/odd
classes:
  chat: {endpoint: chat, max_tokens: 5}
stages:
  - {name: one, vus: 2, requests: 200}
provider: {service_time: 1ms, tokens: 5}
END

# gateway COMMAND...: started in front of $provider; its port in $port, ended by gateway_end
gateway() {
	mkfifo "$work/ready.$$" 2>/dev/null
	"$@" >"$work/ready.$$" 2>"$work/gateway.err" &
	gateway_pid=$!
	port=
	read -r -t 20 port <"$work/ready.$$"
}
gateway_end() { # unshare does not end before its child does
	local children
	read -ra children <"/proc/$gateway_pid/task/$gateway_pid/children"
	kill "${children[@]}" "$gateway_pid"
	wait "$gateway_pid" 2>/dev/null
}

# of phases that every request has
added_up='. as $d | [.causes_by_phase | to_entries[] | select($d.phases[.key].count == $d.toll.count) | ([.value[].per_request_ns] | add) - $d.phases[.key].per_request_ns
	| fabs <= 20] | all and length > 0'

# run NAME: through the gateway that runs; whole and in order, causes known and adding up
odd() { # NAME
	if [ -z "$port" ]; then fail "$1: starts" "$(head -c 300 "$work/gateway.err")" && return; fi
	run_toll "$1" "$work/odd.yaml" --gateway "http://127.0.0.1:$port" --provider "127.0.0.1:$provider" --probes sockets,threads,syscalls --budget off
	check "$1: all answered" '.requests.ok == .requests.sent and .requests.sent >= 200' "$result"
	trusted "$1"
	check "$1: causes of a phase add up to it" "$added_up" "$result"
	# a thread that was made for the request has no account before it was made
	check "$1: there is an account of its threads" \
		'[.causes_by_phase | to_entries[] | select(.key != "pick_up_request") | .value.unknown.share_of_phase // 0] | max < 0.05' "$result"
}

provider=$(free_port)
serve=(gateway --listen 127.0.0.1:0 --upstream "http://127.0.0.1:$provider" --ready-fd 1)

cp "$toll" "$work/toll-stripped"
strip "$work/toll-stripped"
gateway "$work/toll-stripped" "${serve[@]}"
odd stripped
gateway_end

cp "$toll" "$work/toll-deleted"
gateway "$work/toll-deleted" "${serve[@]}"
rm "$work/toll-deleted"
odd deleted
check "deleted: named with what the kernel says of it" '.gateway.exe | test("deleted")' "$result"
gateway_end

if unshare --mount --pid --fork --mount-proc true 2>/dev/null; then
	gateway unshare --mount --pid --fork --kill-child --mount-proc "$toll" "${serve[@]}" --plant lock=1ms@request/2
	odd namespaces
	check "namespaces: its threads are told apart" '.trust.threads.known >= 4' "$result"
	check "namespaces: who held the lock is named" '.lock_holders | any(.name == "gateway-lock")' "$result"
	gateway_end
else
	skip namespaces "mount and pid namespaces are not allowed here"
fi

# 256 workers, as many helpers, and who holds their locks: 1,500 threads
gateway "$toll" "${serve[@]}" --threads 256 --plant handoff@request/2,lock=100us@request/1000000
odd thousand
check "thousand: every thread is known" '.trust.threads.known >= 1000 and .trust.threads.refused == 0' "$result"
gateway_end

# a thread for each connection, a connection for each request
cat >"$work/churn.py" <<'END'
import http.client
import http.server
import sys


class Proxy(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        upstream = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
        upstream.request("POST", self.path, body, {"Content-Type": "application/json"})
        answer = upstream.getresponse()
        data = answer.read()
        upstream.close()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


server = Server(("127.0.0.1", 0), Proxy)
print(server.server_address[1], flush=True)
server.serve_forever()
END
scenario churn <<'END'
name: e2e/churn
classes:
  chat: {endpoint: chat, max_tokens: 5}
stages:
  - {name: steady, rate: 100/s, in_flight: 32, for: 4s}
provider: {service_time: 1ms, tokens: 5}
END
cp "$work/churn.yaml" "$work/odd.yaml"
gateway python3 "$work/churn.py" "$provider"
odd churn
check "churn: every thread is known" '.trust.threads.known >= 400 and .trust.threads.refused == 0' "$result"
check "churn: named as a connection for each request" '.sockets.findings | any(test("for each request"))' "$result"
gateway_end
finish
