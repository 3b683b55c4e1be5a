# SPDX-License-Identifier: GPL-2.0-only
"""Opens reports of two hours in headless Chromium and uses the first: html_clicks.py REPORT.html REPLAYED.html. Prints ok and not ok lines."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
from tests.support.browser import Browser  # noqa: E402

SIZE_MAX = 3 << 20
GRAPHS = "[...document.querySelectorAll('figure.chart')].map(f => f.graph)"
SERIES = "[...document.querySelectorAll('figure[data-chart=series]')].map(f => f.graph)"
failures = 0


def check(name, good, seen=""):
    global failures
    failures += not good
    if not good:
        print(f"# {seen}")
    print(f"{'ok' if good else 'not ok'} html: {name}")


def wait_for(browser, condition):
    until = time.monotonic() + 20
    while not browser.run(f"return Boolean({condition})"):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def center_of(browser, expression):
    """The middle of an element, once it is on the screen."""
    return browser.run(f"const e = {expression}; e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect();"
                       "return [Math.round(r.left + r.width / 2), Math.round(r.top + r.height / 2), r.width]")


def move(x, y):
    return {"type": "pointerMove", "x": int(x), "y": int(y), "duration": 0}


DOWN, UP = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}


def check_opening(browser, path, what="two hours"):
    """How soon is a timing: `make bench ROWS=html`."""
    browser.open(path)
    check(f"{what}: the file is below 3 MB", os.path.getsize(path) < SIZE_MAX, os.path.getsize(path))
    check(f"{what}: all charts are drawn", wait_for(browser, "document.documentElement.classList.contains('drawn')") and
          browser.run(f"return {GRAPHS}.every(Boolean)"))


def check_zoom(browser):
    before = browser.run(f"return {SERIES}[0].xAxisRange()")
    x, y, width = center_of(browser, "document.querySelector('figure[data-chart=series] .graph')")
    browser.pointer(move(x, y), DOWN, move(x + width / 5, y), UP)
    zoomed = wait_for(browser, f"{SERIES}[0].xAxisRange()[1] - {SERIES}[0].xAxisRange()[0] < {(before[1] - before[0]) / 2}")
    ranges = browser.run(f"return {SERIES}.map(g => g.xAxisRange())")
    check("dragging zooms", zoomed, ranges[:1])
    check("all charts zoom together", all(r == ranges[0] for r in ranges), ranges)
    browser.pointer(move(x, y), DOWN, UP, DOWN, UP)
    check("a double click shows all again", wait_for(browser, f"{SERIES}.every(g => g.xAxisRange()[1] - g.xAxisRange()[0] > {(before[1] - before[0]) * .95})"), before)


def check_cursor(browser):
    x, y, width = center_of(browser, "document.querySelectorAll('figure[data-chart=series] .graph')[1]")
    browser.pointer(move(x + width / 8, y), move(x + width / 8 + 3, y))
    shared = wait_for(browser, f"{SERIES}.every(g => g.getSelection() >= 0)")
    rows = browser.run(f"return {SERIES}.map(g => g.getSelection())")
    check("the cursor is shared", shared and len(set(rows)) == 1, rows)
    words = browser.run("return document.querySelectorAll('figure[data-chart=series] figcaption')[1].innerText")
    check("the caption tells the values under it, and the stage", "ms" in words and " m" in words and any(f" · {stage}" in words for stage in ("ramp", "hold")), words)


def check_flame(browser):
    box = "[...document.querySelectorAll('.boxes i')].find(b => b.textContent === 'event_loop' && b.dataset.x > 0)"
    x, y, before = center_of(browser, box)
    browser.pointer(move(x, y), DOWN, UP)
    wide = wait_for(browser, f"{box}.getBoundingClientRect().width > document.querySelector('.boxes').clientWidth - 2")
    hidden = browser.run("return [...document.querySelectorAll('.boxes i')].filter(b => b.hidden).length")
    check("a click zooms the flame graph", wide and hidden > 0 and before < 1000, (before, hidden))
    x, y, _ = center_of(browser, "[...document.querySelectorAll('.boxes i')].find(b => b.style.top === '0px' && !b.hidden)")
    browser.pointer(move(x, y), DOWN, UP)
    check("a click on its foot shows all again", wait_for(browser, "![...document.querySelectorAll('.boxes i')].some(b => b.hidden)"))


def check_widths(path):
    for width in (400, 1280):
        for dark in (False, True):
            browser = Browser(width, 900, dark)
            try:
                browser.open(path)
                drawn = wait_for(browser, "document.documentElement.classList.contains('drawn')")
                seen = browser.run("return [document.documentElement.scrollWidth, getComputedStyle(document.body).backgroundColor]")
                light = sum(int(c) for c in seen[1].strip("rgb()").split(",")) > 384
                check(f"nothing sticks out at {width} px, {'dark' if dark else 'light'}", drawn and seen[0] <= width and light != dark, seen)
                check(f"no word on the console at {width} px, {'dark' if dark else 'light'}", not browser.log("browser"))
            finally:
                browser.close()


def check_without_scripts(path):
    browser = Browser(1280, 900, scripts=False)
    try:
        browser.open(path)
        lines = browser.call("POST", "/elements", {"using": "css selector", "value": ".plot path"})
        live = browser.call("POST", "/elements", {"using": "css selector", "value": ".live"})
        check("charts and tables without scripts", len(lines) > 10 and not live, (len(lines), len(live)))
        section = browser.call("POST", "/element", {"using": "css selector", "value": "#gauges"})
        words = browser.call("GET", f"/element/{next(iter(section.values()))}/text").split("\n")
        wanted = ["anonymous memory 8.80 MB 9.10 MB 51.0 MB", "… of sockets 71 403 411", "Sockets by peer ESTABLISHED CLOSE_WAIT",
                  "provider 31 → 30 peak 32 0 → 331 peak 331", "4245 worker-3 2.00 MB → 2.10 MB peak 9.00 MB 20 → 100 peak 101 – – –"]
        check("a soak's gauges without scripts: begin, end and peak, by peer and state, by process", all(w in words for w in wanted), words)
    finally:
        browser.close()


def main():
    path = sys.argv[1]
    browser = Browser(1280, 900)
    try:
        check_opening(browser, sys.argv[2], "two hours replayed")
        check_opening(browser, path)
        check_zoom(browser)
        check_cursor(browser)
        check_flame(browser)
        errors = browser.log("browser")
        check("no word on the console", not errors, errors)
        asked = browser.requested()
        check("nothing is asked of a network", not asked, asked)
    finally:
        browser.close()
    check_widths(path)
    check_without_scripts(path)
    return failures > 0


sys.exit(main())
