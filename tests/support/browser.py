# SPDX-License-Identifier: GPL-2.0-only
"""A headless Chromium, driven through chromedriver's WebDriver (W3C): opens files, clicks, tells what the console and the network saw."""
import base64
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run", "--disable-default-apps", "--disable-dev-shm-usage", "--hide-scrollbars"]


class Browser:
    def __init__(self, width, height, dark=False, scripts=True):
        self.profile = tempfile.mkdtemp(prefix="toll-chromium.")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.driver = subprocess.Popen(["chromedriver", f"--port={self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        prefs = {} if scripts else {"profile.managed_default_content_settings.javascript": 2}
        flags = [*FLAGS, f"--user-data-dir={self.profile}", f"--window-size={width},{height}"]
        options = {"args": flags, "prefs": prefs}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        self.session = self._start({"capabilities": {"alwaysMatch": wanted}})
        # a window of 400 is narrower than headless Chromium's own least width
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        if dark:
            self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])

    def _start(self, capabilities):
        until = time.monotonic() + 30
        while True:
            try:
                return self._call("POST", "/session", capabilities)["sessionId"]
            except urllib.error.URLError as e:
                if isinstance(e, urllib.error.HTTPError) or time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def _call(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def call(self, method, path, body=None):
        return self._call(method, f"/session/{self.session}{path}", body)

    def cdp(self, command, **params):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def open(self, path):
        self.call("POST", "/url", {"url": pathlib.Path(path).resolve().as_uri()})

    def run(self, script, *args):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def element(self, selector):
        found = self.call("POST", "/element", {"using": "css selector", "value": selector})
        return next(iter(found.values()))

    def pointer(self, *actions):
        pointer = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": list(actions)}
        self.call("POST", "/actions", {"actions": [pointer]})

    def log(self, kind):
        return self.call("POST", "/se/log", {"type": kind})

    def requested(self):
        """Every address on a network that was asked for since the start."""
        events = [json.loads(e["message"])["message"] for e in self.log("performance")]
        urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [u for u in urls if u.startswith(("http", "ws", "ftp", "//"))]

    def screenshot(self, path, selector=None):
        where = f"/element/{self.element(selector)}/screenshot" if selector else "/screenshot"
        pathlib.Path(path).write_bytes(base64.b64decode(self.call("GET", where)))

    def close(self):
        try:
            self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(10)
            shutil.rmtree(self.profile, ignore_errors=True)
