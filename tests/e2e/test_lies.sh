# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# A gateway whose HTTP lies: wrong lengths, endless heads, NULs in streams, bodies without end. Each is one counted error, in bounded memory.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

cat >"$work/liar.py" <<'END_PY'
import gzip, http.server, itertools, json
bomb = gzip.compress(bytes(200000000), 9)
count = itertools.count()
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"{}")
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        try:
            self.lie_stream() if body.get("stream") else self.lie_plain(next(count) % 7)
        except OSError:
            pass
    def head(self, *fields):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"".join(f + b"\r\n" for f in fields) + b"\r\n")
    def lie_plain(self, kind):
        self.close_connection = True
        if kind == 0:
            self.head(b"Content-Length: 100000"); self.wfile.write(b"{}")
        elif kind == 1:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for i in range(200000): self.wfile.write(b"X-%d: %s\r\n" % (i, b"y" * 100))
        elif kind == 2:
            self.head(b"Content-Length: 1000000000")
            for _ in range(1000): self.wfile.write(b"z" * 1000000)
        elif kind == 3:
            self.head(b"Content-Length: -5"); self.wfile.write(b"{}")
        elif kind == 5:
            self.head(b"Content-Encoding: gzip", b"Content-Length: %d" % len(bomb)); self.wfile.write(bomb)
        elif kind == 4:
            self.wfile.write(b"\0\1\2\3 no HTTP at all\r\n\r\n")
        else:
            self.head(b"Transfer-Encoding: chunked"); self.wfile.write(b"zzzz\r\n{}\r\n")
    def lie_stream(self):
        self.close_connection = True
        self.head(b"Content-Type: text/event-stream", b"Transfer-Encoding: chunked")
        piece = b"data: \0\0\0 {\"choices\":[{\"delta\":{\"content\":\"\0x\"}}]}\n\n" * 20
        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        line = b"data: " + b"w" * 1000000
        for _ in range(40): self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
    def log_message(self, *a): pass
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), H)
print(s.server_port, flush=True); s.serve_forever()
END_PY
timeout 100 python3 "$work/liar.py" >"$work/liar.port" &
liar=$!
until [ -s "$work/liar.port" ]; do sleep 0.05; done

scenario lies <<'END_YAML'
name: e2e/lies
classes:
  plain: {endpoint: chat, max_tokens: 5, timeout: 20s}
  events: {endpoint: chat, stream: true, max_tokens: 5, timeout: 20s}
stages:
  - {name: plain, vus: 2, requests: 28, classes: [plain]}
  - {name: events, vus: 2, requests: 10, classes: [events]}
END_YAML
# the largest that the program was, in kB, of its own and its children's processes
cat >"$work/most.py" <<'END_PY'
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)
END_PY
most=$(timeout 100 python3 "$work/most.py" "$toll" run "$work/lies.yaml" --gateway "http://127.0.0.1:$(cat "$work/liar.port")" --no-probes --quiet \
	--capture off --out "$work/lies" 2>"$work/lies.err")
result=$work/lies/result.json
check "every lie is one counted error" '.complete and .requests.ok + .requests.failed == 38' "$result"
check "an answer of a gigabyte is counted, not kept; a bomb is not set off" '.requests.bytes_in > 4000000000 and .classes.plain.requests.ok == 8' "$result"
check "streams of NULs and endless lines fail" '.classes.events.requests.ok == 0' "$result"
if [ "${most:-999999}" -lt 150000 ]; then pass "memory stays bounded"; else
	fail "memory stays bounded" "$most kB: $(cat "$work/lies.err")"
fi
kill "$liar"
wait "$liar" 2>/dev/null
finish
