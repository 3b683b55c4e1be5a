#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What the rows of the bench share: processes that end with the row, runs of toll, intervals, the printed line.

A figure is the median of several rounds; its interval is a 95 % bootstrap over the rounds, so a machine that is noisy from one
run to the next shows as a wide interval. Run as a program it prints the table's head.
"""
import argparse
import atexit
import json
import os
import random
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

ROW = os.path.basename(sys.argv[0])
TOLL = os.path.abspath(os.path.join(os.environ.get("BUILD", "build"), "toll"))
WORK = tempfile.mkdtemp(prefix="toll-bench.")
LINE = "{:<18} {:<68} {:>11}  {:<24} {:>11}  {}"
TOLL_PHASES = ("accept_queue", "pick_up_request", "process_request", "pick_up_response", "process_response", "between_attempts",
               "local_answer")
CAPTURE_EVENTS = 5  # user/record/capture.h
started = []  # processes to end with the row
verdicts = []


class Failed(Exception):
    """The row cannot be measured here, and why."""


def options(**defaults):
    """--name VALUE for each default, of its type."""
    parser = argparse.ArgumentParser(prog=ROW, description=sys.modules["__main__"].__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in defaults.items():
        parser.add_argument("--" + name, type=type(value), default=value, help=f"default {value}")
    return parser.parse_args()


# --- processes -----------------------------------------------------------------------------------------------------------------

def clean_up():
    for process in reversed(started):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    shutil.rmtree(WORK, ignore_errors=True)


atexit.register(clean_up)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))


def start(*command, cpu=None, **more):
    """A process of this row; cpu: the only one that it may use."""
    if cpu is not None:
        command = ("taskset", "-c", str(cpu)) + command
    more.setdefault("stdout", subprocess.DEVNULL)
    more.setdefault("stderr", subprocess.DEVNULL)
    process = subprocess.Popen(command, **more)
    started.append(process)
    return process


def wait_for(condition, what, seconds=10):
    """What the condition gives as soon as that is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = condition()
        if got:
            return got
        time.sleep(0.001)
    raise Failed(f"waited {seconds} s in vain for {what}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(word) for word in f.read().split()]


def nginx(http, port, cpu=None):
    """nginx with one worker and this http block; returns the pids of its master and its worker."""
    conf = f"{WORK}/nginx-{port}.conf"
    with open(conf, "w") as f:
        f.write(f"user root; daemon off; worker_processes 1; pid {conf}.pid; error_log {conf}.log;\n"
                f"events {{ worker_connections 16384; }}\n"
                f"http {{ access_log off; client_body_temp_path {WORK}/body; proxy_temp_path {WORK}/proxy;\n"
                f"fastcgi_temp_path {WORK}/f; uwsgi_temp_path {WORK}/u; scgi_temp_path {WORK}/s;\n"
                f"keepalive_requests 100000000; {http} }}\n")
    master = start("nginx", "-c", conf, "-e", conf + ".log", cpu=cpu)
    wait_for(lambda: answers(port), f"nginx on port {port}")
    return master.pid, wait_for(lambda: children(master.pid), "nginx's worker")[0]


def nginx_proxy(port, upstream_port, cpu=None):
    """A keep-alive proxy that counts its requests under /status."""
    return nginx(f"upstream u {{ server 127.0.0.1:{upstream_port}; keepalive 64; keepalive_requests 100000000; }}\n"
                 f"server {{ listen 127.0.0.1:{port}; location /status {{ stub_status; }} location / {{ proxy_pass http://u;\n"
                 f"proxy_http_version 1.1; proxy_set_header Connection ''; }} }}", port, cpu)


def nginx_requests(port):
    """How many requests an nginx with stub_status under /status has taken so far."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/status") as answer:
        return int(answer.read().split()[9])  # of "server accepts handled requests\n 34 34 5210"


def nginx_return(port):
    """An nginx that answers everything by itself."""
    answer = 'default_type application/json; return 200 "{}";'
    return nginx(f"server {{ listen 127.0.0.1:{port}; location / {{ {answer} }} }}", port)


def provider(*args, **more):
    """toll provider on a free port, which is returned with the process."""
    port = free_port()
    process = start(TOLL, "provider", "--listen", f"127.0.0.1:{port}", *args, **more)
    wait_for(lambda: answers(port), "toll provider")
    return port, process


def schedstat_ns(pid, field):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as f:
            total += int(f.read().split()[field])
    return total


def cpu_ns(pid):
    """CPU of all threads so far; sum_exec_runtime, not ticks."""
    return schedstat_ns(pid, 0)


def waited_ns(pid):
    """How long its threads have been ready to run and others had the CPU, so far."""
    return schedstat_ns(pid, 1)


class Pairs:
    """scripts/bench.d/pairs.c, running on CPU 0."""

    def __init__(self, pairs_per_s):
        binary, self.counter = f"{WORK}/pairs", f"{WORK}/count"
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pairs.c")
        subprocess.run(["cc", "-O2", "-o", binary, source], check=True)
        self.pid = start(binary, self.counter, str(pairs_per_s), cpu=0).pid
        time.sleep(0.5)

    def done(self):
        with open(self.counter, "rb") as f:
            return struct.unpack("<Q", f.read(8))[0]

    def window(self, seconds):
        """CPU ns for each pair."""
        n0, c0 = self.done(), cpu_ns(self.pid)
        time.sleep(seconds)
        n1, c1 = self.done(), cpu_ns(self.pid)
        return (c1 - c0) / (n1 - n0)


def probe_links(pid):
    """How many probes a process has attached: its descriptors of BPF links."""
    count = 0
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            count += os.readlink(f"/proc/{pid}/fd/{fd}") == "anon_inode:bpf_link"
    except (FileNotFoundError, PermissionError):
        pass  # a descriptor was closed meanwhile, or the process has ended
    return count


def attached(pid, measure, settle_s, *args, cpu=1, in_windows=False):
    """
    What measure() gives while toll attach watches the process, its probes armed and unchanged since settle_s (those on the allocator come
    last, after their calibration; in_windows: they come and go, so only since they were first armed); cpu: toll's. No CPU samples unless asked for.
    """
    attach = start(TOLL, "attach", "--pid", str(pid), "--for", "60s", "--capture", "off", "--quiet", "--sample-hz", "0", "--out",
                   f"{WORK}/attach", *args, cpu=cpu)
    links, since = 0, time.monotonic()

    def is_settled():
        nonlocal links, since
        now = probe_links(attach.pid)
        if now != links and not (in_windows and links):
            links, since = now, time.monotonic()
        return links and time.monotonic() - since >= settle_s

    wait_for(is_settled, "attach to arm its probes")
    got = measure()
    if attach.poll() is not None or not probe_links(attach.pid):
        raise Failed("attach ended before its window did")
    attach.terminate()
    attach.wait()
    return got


def attached_allocator(pid, measure, settle_s, in_windows, *args):
    """
    What measure() gives with probes on the allocator, and what toll tells of its groups of probes. Without in_windows those on the allocator must
    have been on all the time.
    """
    got = attached(pid, measure, settle_s, *args, in_windows=in_windows)
    with open(f"{WORK}/attach/result.json") as f:
        result = json.load(f)
    seen = result.get("allocator", {"functions": [], "on_share": 0})
    if not sum(row["calls"] for row in seen["functions"]) or (seen["on_share"] < 0.95 and not in_windows):
        why = result["not_measured"].get("allocator", f"on for {seen['on_share']:.0%} of the time")
        raise Failed(f"the allocator's probes did not see a window: {why}")
    return got, result["probes"]["groups"]


def move(pid, cpu):
    """All threads of a process to this CPU, and those that it starts later."""
    for task in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(task), {cpu})


def wait_usage(process):
    """Waits for its end; CPU ns of it and its children, and the most memory that it had, in bytes."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return (used.ru_utime + used.ru_stime) * 1e9, used.ru_maxrss * 1024


def wait_cpu_ns(process):
    return wait_usage(process)[0]


def output_and_cpu(*command, cpu=None):
    """What a program prints, and the CPU ns that it took."""
    process = start(*command, cpu=cpu, stdout=subprocess.PIPE, text=True)
    out = process.stdout.read()
    return out, wait_cpu_ns(process)


def frames(path):
    """(kind, payload) of an arrival log or a capture file (user/record/capture.h)."""
    with open(path, "rb") as f:
        data = f.read()
    at = 16 if data.startswith(b"toll.capture") else 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("=II", data, at)
        yield kind, data[at + 8:at + 8 + size]
        at += 8 + size


def events(path):
    """{request: {event: ns}} of a log or a capture."""
    by_request = {}
    for kind, payload in frames(path):
        if kind != CAPTURE_EVENTS:
            continue
        request, _, first, count = struct.unpack_from("=QQII", payload)
        times = by_request.setdefault(request, {})
        for i in range(count):
            times[first + i] = struct.unpack_from("=QQ", payload, 32 + 16 * i)[1]
    return by_request


def wrk(*args, cpu=None):
    """Runs wrk; returns its requests and the CPU ns that it took for each."""
    out, cpu_ns = output_and_cpu("wrk", *args, cpu=cpu)
    found = re.search(r"(\d+) requests in", out)
    if not found or "Non-2xx" in out:
        raise Failed(f"wrk {' '.join(args)}: {out.strip() or 'no output'}")
    requests = int(found.group(1))
    return requests, cpu_ns / requests


def toll_start(scenario, *args):
    """toll run of a scenario's text, just started; finish with toll_result."""
    out = tempfile.mkdtemp(dir=WORK)
    with open(f"{out}/scenario.yaml", "w") as f:
        f.write(scenario)
    with open(f"{out}/screen", "w") as screen:
        process = start(TOLL, "run", f"{out}/scenario.yaml", "--quiet", "--out", out, *args, stdout=screen, stderr=screen)
    process.out, process.probed = out, "--no-probes" not in args
    return process


def toll_result(process):
    code = process.wait()
    if code > 1:
        with open(f"{process.out}/screen") as f:
            raise Failed(f"toll run ended with {code}: {f.read().strip()[-400:]}")
    with open(f"{process.out}/result.json") as f:
        result = json.load(f)
    shutil.rmtree(process.out)
    if result.get("invalid"):
        print(f"# {ROW}: a run was invalid: {result['invalid']}", flush=True)
    if "toll" in result["not_measured"] and process.probed:
        raise Failed(f"toll run measured no toll: {result['not_measured']['toll']}")
    if result["requests"]["failed"]:
        raise Failed(f"{result['requests']['failed']} requests failed: {result['requests']['errors']}")
    return result


def toll_run(scenario, *args):
    return toll_result(toll_start(scenario, *args))


# --- figures -------------------------------------------------------------------------------------------------------------------

def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def interval(values):
    """95 % bootstrap of the median of the rounds; None with fewer than three."""
    if len(values) < 3:
        return None
    draw = random.Random(1)
    made = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(2000))
    return made[50], made[1949]


def figure(what, values, bound=None, fmt="{:.1f}", kind="<="):
    """
    Prints a line. values: one, or one a round. bound: the figure must be at most (kind "<="), at least (">=") or off zero by at
    most ("±") so much; None: nothing was demanded.
    """
    values = values if isinstance(values, list) else [values]
    value = statistics.median(values)
    between = interval(values)

    def is_met(v):
        return v >= bound if kind == ">=" else (abs(v) if kind == "±" else v) <= bound

    verdict, bound_text = "shown", "-"
    if bound is not None:
        verdict = "met" if is_met(value) else "missed"
        if between and any(is_met(v) != is_met(value) for v in between):
            verdict += ", but the interval reaches over the bound"
        bound_text = f"{kind} {fmt.format(bound)}"
    verdicts.append(verdict)
    text = "[{}, {}]".format(*(fmt.format(v) for v in between)) if between else ""
    print(LINE.format(ROW, what, fmt.format(value), text, bound_text, verdict), flush=True)


def others_attached():
    """Whose probes run on this machine beside ours: each call of the kernel that they watch costs more for everybody."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as f:
                if f.read().strip() == "toll" and probe_links(pid):
                    yield pid
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended


def row(measure):
    """Runs a row's function; the exit code: 0 all met, 1 something missed, 2 it could not be measured."""
    others = list(others_attached())
    if others:
        print(f"# other toll programs are attached (pids {', '.join(others)}): costs are with theirs below ours", flush=True)
    try:
        measure()
    except (Failed, OSError, KeyError, subprocess.SubprocessError) as e:
        print(f"{ROW}: could not be measured: {type(e).__name__}: {e}", file=sys.stderr)
        sys.exit(2)
    sys.exit(any(v.startswith("missed") for v in verdicts))


if __name__ == "__main__":
    print(LINE.format("row", "figure (median of rounds)", "measured", "95 % interval", "bound", "verdict"))
