"""The built site in a real browser: `make -C docs html`, or `make -C docs quick`, comes first."""

import json
import re
import shutil
import subprocess
import threading
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SITE = Path(__file__).parents[2] / "docs" / "_build" / "html"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine"),
    pytest.mark.skipif(not SITE.is_dir(), reason="the site is not built: make -C docs html"),
]

# Opens the pages one after the other in a frame of that width, and keeps what it sees of each.
DRIVER = """<!doctype html><title>driver</title><body><script>
const found = {}, pages = PAGES, frame = document.createElement("iframe");
frame.style.cssText = "width: WIDTHpx; height: 800px; border: 0";
document.body.append(frame);
localStorage.setItem("mode", "MODE"); localStorage.setItem("theme", "MODE");
const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
async function look(page) {
  const loaded = new Promise((done) => (frame.onload = done));
  frame.src = "/" + page;
  await loaded;
  const inside = frame.contentWindow, root = frame.contentDocument;
  for (let i = 0; i < 40 && page.includes("?q=") && !root.querySelector("#search-results li"); i++)
    await wait(100);
  found[page] = {
    title: root.title,
    width: root.documentElement.scrollWidth,
    without: [...root.images].filter((image) => !image.alt).map((image) => image.src),
    broken: [...root.images].filter((image) => image.complete && !image.naturalWidth).length,
    background: inside.getComputedStyle(root.body).backgroundColor,
    results: root.querySelectorAll("#search-results li").length,
  };
}
(async () => {
  for (const page of pages) await look(page);
  document.body.dataset.found = JSON.stringify(found);
})();
</script>"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves the site, and the driver beside it, and prints nothing."""

    driver = ""

    def do_GET(self):
        if self.path != "/driver.html":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(type(self).driver.encode())

    def log_message(self, *arguments):
        """Print nothing."""


@pytest.fixture
def look(tmp_path):
    """Return a function that opens pages and returns what was seen of each."""
    handler = type("Handler", (Quiet,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def look(pages, width=1200, mode="light"):
        handler.driver = (
            DRIVER.replace("PAGES", json.dumps(pages))
            .replace("WIDTH", str(width))
            .replace("MODE", mode)
        )
        options = [
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1400,900"),
            *("--virtual-time-budget=300000", "--dump-dom", "--enable-logging=stderr"),
        ]
        address = f"http://127.0.0.1:{server.server_port}/driver.html"
        done = subprocess.run(
            [BROWSER, *options, address], capture_output=True, text=True, timeout=600
        )
        seen = re.search(r'data-found="([^"]*)"', done.stdout)
        assert seen, done.stderr[-2000:]
        console = re.findall(r"CONSOLE.*(?:Uncaught|Error|Failed|Refused).*", done.stderr)
        # MathJax comes from the network, which there may be none of.
        assert [line for line in console if "mathjax" not in line.lower()] == []
        return json.loads(unescape(seen[1]))

    yield look
    server.shutdown()
    server.server_close()


PAGES = [
    path.relative_to(SITE).as_posix()
    for path in sorted(SITE.rglob("*.html"))
    if "_static" not in path.parts and "_modules" not in path.parts
]


@pytest.mark.parametrize("width", [400, 1200])
def test_each_page_has_a_title_texts_for_its_pictures_and_fits_the_screen(look, width):
    seen = look(PAGES, width)
    assert len(seen) > 50
    assert {page for page, found in seen.items() if "sklearn-bert" not in found["title"]} == set()
    assert {page: found["without"] for page, found in seen.items() if found["without"]} == {}
    assert {page for page, found in seen.items() if found["broken"]} == set()
    assert {page: found["width"] for page, found in seen.items() if found["width"] > width} == {}


def test_it_is_light_or_dark_as_the_reader_likes(look):
    backgrounds = {mode: look(["index.html"], mode=mode) for mode in ("light", "dark")}
    shown = {mode: seen["index.html"]["background"] for mode, seen in backgrounds.items()}
    assert shown["light"] == "rgb(255, 255, 255)"
    assert shown["dark"] != shown["light"]


def test_the_search_finds_what_is_there(look):
    page = "search.html?q=calibration"
    assert look([page])[page]["results"] > 0
