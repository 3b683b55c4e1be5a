# SPDX-License-Identifier: GPL-2.0-only
"""A result as two hours would leave it: usage long_result.py RESULT.json LONG.json. Figures are made up; only their number matters."""
import json
import random
import sys

POINTS, STEP_S = 1800, 4.0
COLUMNS = {"sent_per_s": 300, "ended_per_s": 300, "in_flight": 8, "latency_p50_ns": 11e6, "latency_p99_ns": 60e6, "toll_p50_ns": 1.2e6,
           "toll_p99_ns": 2.2e6, "driver_lag_p99_ns": 2e5, "gateway_cpu_cores": 0.31, "gateway_rss_bytes": 9e6, "gateway_threads": 3,
           "gateway_fds": 80}
FRAMES = ["on_readable", "parse_request", "json_parse", "parse_value", "string_copy", "malloc", "on_response", "forward", "log_write"]


def wandering(rng, middle):
    out, at = [], 1.0
    for _ in range(POINTS):
        at += (1 - at) * 0.05 + rng.gauss(0, 0.03)
        out.append(round(middle * max(at, 0.2) * (6 if rng.random() < 0.01 else 1), 4))
    return out


def gauge(title, unit, start, end, most, verdict="no_leak", **more):
    return {"title": title, "unit": unit, "judged": not title.startswith("…"), "verdict": verdict, "reason": "flat" if verdict == "no_leak" else "grows_on",
            "start": start, "end": end, "most": most, "judged_from_s": 300, "per_second": (end - start) / 6900, "per_request": (end - start) / 2e6, **more}


def part(start, end, most, verdict="no_leak"):
    return {"start": start, "end": end, "most": most, "verdict": verdict, "reason": "flat"}


def leak():
    return {"verdict": "leak", "gauge": "sockets_close_wait", "classes": {}, "gauges": {
        "memory": gauge("anonymous memory", "bytes", 8.8e6, 9.1e6, 5.1e7, per_second_interval=[-20, 110]),
        "descriptors": gauge("file descriptors", "count", 80, 412, 420),
        "fd_sockets": gauge("… of sockets", "count", 71, 403, 411),
        "sockets_close_wait": gauge("sockets in CLOSE_WAIT", "count", 0, 331, 331, "leak")},
        "sockets": {"clients": {"ESTABLISHED": part(32, 32, 64)}, "provider": {"ESTABLISHED": part(31, 30, 32), "CLOSE_WAIT": part(0, 331, 331, "leak")}},
        "processes": [{"pid": 4242 + i, "comm": f"worker-{i}", "gauges": {"memory": part(2e6, 2.1e6, 9e6), "descriptors": part(20, 100, 101)}} for i in range(4)]}


def main():
    rng = random.Random(1)
    with open(sys.argv[1], encoding="utf-8") as f:
        doc = json.load(f)
    series = {"points": POINTS, "step_s": STEP_S, **{k: wandering(rng, v) for k, v in COLUMNS.items()}}
    series["errors_per_s"] = [3.5 if rng.random() < 0.03 else 0 for _ in range(POINTS)]
    series["bands"] = [{"kind": "warmup", "name": "warm-up", "from_s": 0, "to_s": 300},
                       {"kind": "stage", "name": "ramp", "from_s": 300, "to_s": 2000},
                       {"kind": "stage", "name": "hold", "from_s": 2000, "to_s": 7200},
                       {"kind": "fault", "name": "openai: 30 % of 429", "from_s": 3100, "to_s": 3500}]
    rows = []
    for _ in range(900):
        path = [rng.choice(FRAMES) + str(rng.randrange(3)) for _ in range(rng.randint(1, 12))]
        cause = rng.choice(["own_user", "own_user", "lock", None])
        rows.append({"frames": ["main", "event_loop", *path], "ns": int(rng.expovariate(1 / 2e6)) + 1,
                     **({"phase": "process_request", "cause": cause} if cause else {})})
    doc.update(series=series, stacks={"samples": 900, "cpu_ns": 1800000000, "stacks": 900, "top_self": [], "top_total": [], "folded": rows}, leak=leak(), duration_s=POINTS * STEP_S)
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        json.dump(doc, f)


main()
