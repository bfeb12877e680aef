"""A page as a browser shows it: Chromium without a window, and axe-core to judge it."""

import html
import importlib.util
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Chromium's own windows are no narrower than 500 pixels; a frame is as narrow as a phone.
FRAME = """<!doctype html><body><script>
onmessage = event => {
  const result = document.createElement("pre");
  result.id = "result";
  result.textContent = event.data;
  document.body.append(result);
}
</script><iframe src="page.html" width="%d" height="900"></iframe>"""
ASK = """<script>
(async () => (%s))().then(
  value => parent.postMessage(JSON.stringify(value), "*"),
  error => parent.postMessage(JSON.stringify({error: String(error)}), "*"));
</script>"""


def evaluate(page, folder, script, *, width=1280, dark=False, before=""):
    """What the JavaScript expression `script` is in a page, which may be a promise."""
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        pytest.skip(f"needs Chromium: there is none of {', '.join(NAMES)}")
    text = page + f"<script>{before}</script>" * bool(before) + ASK % script
    (folder / "page.html").write_text(text, encoding="utf8")
    (folder / "frame.html").write_text(FRAME % width, encoding="utf8")
    done = subprocess.run(
        [
            chromium,
            "--headless",
            "--disable-gpu",
            *(["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []),
            f"--user-data-dir={folder / 'profile'}",
            f"--window-size={width + 50},900",
            # Scripts have so many milliseconds of the page's own time.
            "--virtual-time-budget=60000",
            *(["--blink-settings=preferredColorScheme=0"] if dark else []),
            "--dump-dom",
            (folder / "frame.html").as_uri(),
        ],
        capture_output=True,
        encoding="utf8",
        timeout=300,
        check=False,
    )
    found = re.search('<pre id="result">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    return json.loads(html.unescape(found[1]))


def axe(page, folder, **options):
    """What axe-core objects to, as `{rule: [places]}`."""
    package = importlib.util.find_spec("axe_core_python")
    if package is None:
        pytest.skip("needs axe-core: `pip install axe-core-python`")
    source = Path(package.submodule_search_locations[0], "axe.min.js")
    script = "axe.run(document, {resultTypes: ['violations']})"
    unfold = "document.querySelectorAll('details').forEach(d => d.open = true);"
    before = source.read_text(encoding="utf8") + f"</script><script>{unfold}"
    found = evaluate(page, folder, script, before=before, **options)
    return {
        rule["id"]: [" ".join(node["target"]) for node in rule["nodes"]]
        for rule in found["violations"]
    }
