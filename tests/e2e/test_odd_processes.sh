# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Gateways that are awkward to look into, with every group of probes: stripped, static and without a symbol, their files deleted, in namespaces
# of their own, with very many threads, with threads that come and go. What can be measured is, what cannot is said, and nothing is wrong in
# silence.
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
	trace_none "$name"
}

# of phases that every request has; the first requests of a busy machine may come before the last probes are on, and are told as such
added_up='. as $d | [.causes_by_phase | to_entries[] | select($d.phases[.key].count == $d.toll.count) | ([.value[].per_request_ns] | add) - $d.phases[.key].per_request_ns
	| fabs <= 20] | length > 0 and (all or $d.trust.threads.requests_untold > 0)'

# run NAME: through the gateway that runs; whole and in order, causes known and adding up
odd() { # NAME
	name=$1
	if [ -z "$port" ]; then fail "$1: starts" "$(head -c 300 "$work/gateway.err")" && return; fi
	run_toll "$1" "$work/odd.yaml" --gateway "http://127.0.0.1:$port" --provider "127.0.0.1:$provider" --probes sockets,threads,syscalls,stacks,alloc \
		--budget off --sample-hz 2000
	check "$1: all answered" '.requests.ok == .requests.sent and .requests.sent >= 200' "$result"
	trusted "$1"
	check "$1: causes of a phase add up to it" "($added_up) and (.trust.threads | .requests_told > 4 * .requests_untold)" "$result"
	# a thread that was made for the request has no account before it was made
	check "$1: there is an account of its threads" \
		'[.causes_by_phase | to_entries[] | select(.key != "pick_up_request") | .value.unknown.share_of_phase // 0] | max < 0.05' "$result"
}
seen='[.stacks.top_self[], .stacks.top_total[]] | any(.frame'
libc='[.allocator.functions[] | select(.name == "malloc" and .calls > 0)] | length > 0 and all(.file |'

trace_begin
provider=$(free_port)
costs=cpu=300us@request,malloc=10x512@request
serve=(gateway --listen 127.0.0.1:0 --upstream "http://127.0.0.1:$provider" --ready-fd 1 --plant "$costs")

cp "$toll" "$work/toll-stripped"
strip "$work/toll-stripped"
gateway "$work/toll-stripped" "${serve[@]}"
odd stripped
check "stripped: its functions are told by where they begin" "$seen | test(\"^toll-stripped[+]0x\"))" "$result"
check "stripped: its C library's allocator is probed" "$libc contains(\"libc\"))" "$result"
gateway_end

# one file without a single symbol, its C library in it
cat >"$work/relay.c" <<'END'
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct sockaddr_in at(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A round of work for each piece of either side; a block for each connection. */
static int pass(int from, int to)
{
	char *piece = malloc(65536);
	ssize_t n = read(from, piece, 65536);

	for (volatile int i = 0; i < 300000; i++)
		;
	int gone = n <= 0 || write(to, piece, n) != n;
	free(piece);
	return gone;
}

static void relay(int client, int port)
{
	struct sockaddr_in to = at(port);
	int server = socket(AF_INET, SOCK_STREAM, 0);
	struct pollfd p[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
	int gone = connect(server, (struct sockaddr *)&to, sizeof(to));

	while (!gone && poll(p, 2, -1) > 0)
		gone = (p[0].revents && pass(client, server)) || (p[1].revents && pass(server, client));
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = at(0);
	socklen_t size = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM, 0), client;

	if (argc < 2 || bind(s, (struct sockaddr *)&a, size) || listen(s, 64) || getsockname(s, (struct sockaddr *)&a, &size))
		return 1;
	printf("%d\n", ntohs(a.sin_port));
	fclose(stdout);
	while ((client = accept(s, NULL, NULL)) >= 0) {
		if (!fork()) {
			relay(client, atoi(argv[1]));
			_exit(0);
		}
		close(client);
	}
}
END
if ${CC:-cc} -O1 -static -s "$work/relay.c" -o "$work/relay" 2>"$work/relay.err"; then
	gateway "$work/relay" "$provider"
	odd static
	check "static: what lies in its code is told" "$seen | test(\"^relay[+]0x\"))" "$result"
	check "static: its allocator cannot be found, and why" \
		'(.allocator.functions // []) == [] and ([.allocator.notes[]?, .not_measured.allocator // empty] | any(test("static executable without symbols")))' "$result"
	gateway_end
else
	skip static "no static executable can be built here: $(head -n 1 "$work/relay.err")"
fi

# its program, and the C library that it runs, as after an upgrade
cp "$toll" "$work/toll-deleted"
mkdir "$work/lib"
cp "$(ldd "$toll" | awk '$1 == "libc.so.6" { print $3 }')" "$work/lib/"
gateway env "LD_LIBRARY_PATH=$work/lib" "$work/toll-deleted" "${serve[@]}"
rm -r "$work/toll-deleted" "$work/lib"
odd deleted
check "deleted: named with what the kernel says of it" '.gateway.exe | test("deleted")' "$result"
check "deleted: its functions have their names" "$seen == \"run_cpu\")" "$result"
check "deleted: the allocator that it runs is probed" "$libc startswith(\"$work/lib\"))" "$result"
gateway_end

if unshare --mount --pid --fork --mount-proc true 2>/dev/null; then
	gateway unshare --mount --pid --fork --kill-child --mount-proc "$toll" "${serve[@]}" --plant "$costs,lock=1ms@request/2"
	odd namespaces
	check "namespaces: its functions and its allocator are seen" "($seen == \"run_cpu\")) and ($libc contains(\"libc\")))" "$result"
	check "namespaces: its threads are told apart" '.trust.threads.known >= 4' "$result"
	check "namespaces: who held the lock is named" '.lock_holders | any(.name == "gateway-lock")' "$result"
	gateway_end
else
	skip namespaces "mount and pid namespaces are not allowed here"
fi

if command -v go >/dev/null; then
	cat >"$work/proxy.go" <<'END'
package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

var kept []byte

func main() {
	to, _ := url.Parse(os.Args[1])
	proxy := httputil.NewSingleHostReverseProxy(to)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	panic(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < 50; i++ {
			kept = make([]byte, 40000)
		}
		proxy.ServeHTTP(w, r)
	})))
}
END
	(
		cd "$work" && export GO111MODULE=off GOCACHE=$work/go-cache CGO_ENABLED=0 &&
			go build -o go-proxy proxy.go && go build -ldflags -s -o go-stripped-proxy proxy.go
	) 2>"$work/go.err" || fail "the Go program is built" "$(head -c 300 "$work/go.err")"
	go_run() { # NAME
		name=$1
		gateway "$work/$1-proxy" "http://127.0.0.1:$provider"
		run_toll "$1" "$work/odd.yaml" --gateway "http://127.0.0.1:$port" --provider "127.0.0.1:$provider" --probes sockets,threads,alloc --budget off
		trusted "$1"
		gateway_end
	}
	go_run go
	check "go: calls and bytes of its allocator, by its entry" '.allocator.functions | length == 1 and (.[0] | .name == "runtime.mallocgc"
		and .calls_per_request > 45 and .bytes_per_request > 1800000)' "$result"
	check "go: no latency and no time, for nothing is put on returns" \
		'(.allocator.functions[0] | has("latency") or has("returns_seen") or has("time_per_request_ns") or has("failed") | not) and (.causes | has("allocator") | not)' "$result"
	check "go: said so" '.allocator.notes | any(test("a Go program: .*latency is not measured"))' "$result"
	go_run go-stripped
	check "stripped go: no figure, and what is seen instead" '(.allocator.functions | length == 0) and (.allocator.notes | any(test("stripped.*mmap")))' "$result"
else
	skip go "there is no Go compiler"
fi

# 256 workers, as many helpers, and who holds their locks: 1,500 threads
gateway "$toll" "${serve[@]}" --threads 256 --plant malloc=10x512@request,handoff@request/2,lock=100us@request/1000000
odd thousand
check "thousand: the allocator is seen in all of them" ".allocator.calls_per_request > 0 and ($libc contains(\"libc\")))" "$result"
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
steady odd 100/s 4s 1ms
gateway python3 "$work/churn.py" "$provider"
odd churn
check "churn: samples and calls of threads that are gone" \
	'.stacks.samples > 20 and .allocator.calls_per_request > 0 and (.allocator.notes | any(test("CPython")))' "$result"
check "churn: every thread is known" '.trust.threads.known >= 400 and .trust.threads.refused == 0' "$result"
check "churn: named as a connection for each request" '.sockets.findings | any(test("for each request"))' "$result"
gateway_end
# without probes nobody tells of forks: processes that come after the search are found all the same
cat >"$work/forks.py" <<'END'
import os, socket, sys
s = socket.create_server(("127.0.0.1", 0))
print("listening on", s.getsockname()[1], flush=True)
while True:
    c, _ = s.accept()
    if os.fork() == 0:
        while c.recv(65536):
            c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        sys.exit()
    c.close()
END
listens forks.log python3 "$work/forks.py"
steady forks 20/s 3s
run_toll forks "$work/forks.yaml" --gateway "http://127.0.0.1:$(sed -n 's/listening on //p' "$work/forks.log")" --no-probes
check "forks: without probes, too, the workers' memory is the gateway's" '.series.gateway_processes | map(. // 0) | max >= 2' "$result"
kill "$gateway"

finish
