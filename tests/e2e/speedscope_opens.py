# SPDX-License-Identifier: GPL-2.0-only
"""Opens a file in speedscope itself, as its own command does: speedscope_opens.py SPEEDSCOPE_DIR FILE. Prints the profile's title."""
import base64
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
from tests.support.browser import Browser  # noqa: E402


def main():
    app, path = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    packed = base64.b64encode(pathlib.Path(path).read_bytes()).decode()
    script = app / "profile.js"
    script.write_text(f"speedscope.loadFileFromBase64({json.dumps(os.path.basename(path))}, {json.dumps(packed)})")
    browser = Browser(1280, 900)
    try:
        page = (app / "index.html").as_uri()
        browser.call("POST", "/url", {"url": f"{page}#localProfilePath={script}"})
        until = time.monotonic() + 20
        # "toll: demo - speedscope", once it has been read; an alert otherwise
        while browser.run("return document.title").lower().startswith("speedscope") and time.monotonic() < until:
            time.sleep(0.05)
        if len(sys.argv) > 3:
            time.sleep(0.5)
            browser.screenshot(sys.argv[3])
        print(browser.run("return document.title"))
    finally:
        browser.close()


main()
