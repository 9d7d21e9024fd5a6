"""The Hugging Face hub: a real client against a hub on this machine, and a hub out of reach.

The client reads its address and its cache from the environment once, so each case runs in an
interpreter of its own.
"""

import hashlib
import json
import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FIT = """
import time
import sklearn_bert._estimators.fitting  # the clock sees the hub alone
from sklearn_bert import BertTextClassifier
clf = BertTextClassifier({model!r}, epochs=1, random_state=0)
start = time.perf_counter()
try:
    clf.fit(["good film", "bad film"] * 4, [0, 1] * 4)
    print("fitted", clf.module_.config.hidden_size)
except Exception as error:
    assert error.__suppress_context__ or error.__context__ is None  # the client's words add nothing
    print(type(error).__name__, error)
print(time.perf_counter() - start)
"""
TRANSFORMER_ALONE = """
from transformers import AutoModel, AutoTokenizer
AutoTokenizer.from_pretrained("someone/tiny")
print(AutoModel.from_pretrained("someone/tiny").config.hidden_size)
"""
# huggingface_hub hides its bars where nobody looks at them, unless this variable asks for them.
SHOW_BARS = {"TQDM_POSITION": "-1"}
DOWNLOAD_TWICE = """
import shutil, sys, warnings
from pathlib import Path
from huggingface_hub import constants
from huggingface_hub.utils import are_progress_bars_disabled
from sklearn_bert import BertTextClassifier
sys.stderr = sys.stdout  # which is what is looked at
warnings.simplefilter("ignore")  # so short a fit learns nothing
for verbose in 0, 1:
    print("verbose", verbose)
    clf = BertTextClassifier("someone/tiny", head="new", epochs=1, random_state=0, verbose=verbose)
    clf.fit(["good film", "bad film"] * 4, [0, 1] * 4)
    shutil.rmtree(Path(constants.HF_HUB_CACHE))
    assert not are_progress_bars_disabled()
"""
EMBED = """
from sklearn_bert import BertTextEmbedder
print(BertTextEmbedder("someone/tiny").fit(["good"]).pooling_)
"""


class Hub(BaseHTTPRequestHandler):
    """Serve the files of one folder as the model "someone/tiny", as the hub does."""

    def do_HEAD(self):
        self._answer(body=False)

    def do_GET(self):
        self._answer(body=True)

    def _answer(self, body):
        self.server.requests.append(self.path)
        if self.server.silent:
            time.sleep(300)
            return
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/someone/tiny/tree/"):
            files = [
                {"type": "file", "path": name, "size": path.stat().st_size, "oid": "0"}
                for name, path in self._files().items()
            ]
            self._send(200, json.dumps(files).encode(), body, "application/json")
        elif path.startswith("/api/models/someone/tiny"):
            files = [{"rfilename": name} for name in self._files()]
            extra = [{"rfilename": "onnx/model.onnx"}, {"rfilename": "pytorch_model.bin"}]
            info = {"_id": "1", "id": "someone/tiny", "sha": COMMIT, "siblings": files + extra}
            self._send(200, json.dumps(info).encode(), body, "application/json")
        elif path.startswith("/someone/tiny/resolve/"):
            file = self._files().get(path.split("/resolve/")[1].partition("/")[2])
            if file is None:
                self._send(404, b"", body, "text/plain", {"X-Error-Code": "EntryNotFound"})
            else:
                self._send(200, file.read_bytes(), body, "application/octet-stream")
        elif "gated" in path:
            self._send(403, b"", body, "text/plain", {"X-Error-Code": "GatedRepo"})
        else:
            self._send(404, b"", body, "text/plain", {"X-Error-Code": "RepoNotFound"})

    def _files(self):
        """Return the paths of all files by their names in the repository."""
        folder = self.server.folder
        paths = [path for path in folder.rglob("*") if path.is_file()]
        return {path.relative_to(folder).as_posix(): path for path in paths}

    def _send(self, status, content, body, kind, headers=()):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", kind)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *args):
        """Keep the output of the tests clean."""


@pytest.fixture
def hub(tiny_model):
    """A hub on this machine that notes the paths it was asked for."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.folder, server.requests, server.silent = Path(tiny_model), [], False
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def fit(run_python, tmp_path):
    """Return a function that fits a model in an interpreter of its own; what it says, how long."""

    def fit(model, endpoint, offline="0"):
        said, seconds = run_python(
            FIT.format(model=model),
            HF_ENDPOINT=endpoint,
            HF_HOME=str(tmp_path / "cache"),
            HF_HUB_OFFLINE=offline,
            HF_HUB_DISABLE_XET="1",
            NO_PROXY="*",
        ).splitlines()
        return said, float(seconds)

    return fit


def address(server):
    return f"http://127.0.0.1:{server.server_address[1]}"


@pytest.mark.slow
def test_a_model_is_downloaded_once_and_only_what_is_needed(fit, hub):
    assert fit("someone/tiny", address(hub))[0] == "fitted 32"
    fetched = {path.rpartition("/")[2] for path in hub.requests if "/resolve/" in path}
    assert fetched == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    hub.requests.clear()
    assert fit("someone/tiny", address(hub))[0] == "fitted 32"
    assert hub.requests == []
    assert fit("someone/tiny", address(hub), offline="1")[0] == "fitted 32"


@pytest.mark.slow
def test_a_download_shows_its_bar_only_where_it_was_asked_for(run_python, hub, tmp_path):
    settings = {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "*", **SHOW_BARS}
    settings |= {"HF_ENDPOINT": address(hub), "HF_HOME": str(tmp_path / "cache")}
    silent, shown = run_python(DOWNLOAD_TWICE, **settings).split("verbose 1\n")
    assert silent == "verbose 0\n"
    assert "Fetching 4 files: 100%" in shown


@pytest.mark.slow
def test_of_a_model_that_we_saved_its_own_limit_is_downloaded_too(fit, hub, fitted, tmp_path):
    fitted.save_pretrained(tmp_path / "saved")
    hub.folder = tmp_path / "saved"
    assert fit("someone/tiny", address(hub))[0] == "fitted 32"
    assert any(path.endswith("/sklearn_bert.json") for path in hub.requests)


@pytest.mark.slow
def test_the_modules_of_a_model_for_sentences_are_downloaded(run_python, hub, tmp_path):
    """Also where somebody has asked for its transformer alone before."""
    hub.folder = Path(shutil.copytree(hub.folder, tmp_path / "hub"))
    (hub.folder / "1_Pooling").mkdir()
    (hub.folder / "1_Pooling" / "config.json").write_text('{"pooling_mode": "max"}')
    modules = [{"type": "sentence_transformers.models.Transformer", "path": ""}]
    modules.append({"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"})
    (hub.folder / "modules.json").write_text(json.dumps(modules))
    settings = {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "*"}
    settings |= {"HF_ENDPOINT": address(hub), "HF_HOME": str(tmp_path / "cache")}
    assert run_python(TRANSFORMER_ALONE + EMBED, **settings) == "32\nmax\n"
    assert run_python(EMBED, **{**settings, "HF_HUB_OFFLINE": "1"}) == "max\n"


@pytest.mark.slow
def test_a_name_that_the_hub_does_not_know_is_named(fit, hub):
    said, _ = fit("someone/typo", address(hub))
    assert said.startswith(
        "OSError model='someone/typo' must be a local folder or a model on the Hugging Face hub, "
        "but there is neither; check the spelling, or give the path of a local model folder, or "
        "use the installed model='sentence-transformers/all-MiniLM-L6-v2'."
    )


@pytest.mark.slow
def test_a_gated_model_says_how_to_get_in(fit, hub):
    said, _ = fit("someone/gated", address(hub))
    assert said.startswith("OSError model='someone/gated' is gated")
    assert "hf auth login" in said


def test_a_hub_that_refuses_connections_is_reported_at_once(fit):
    said, seconds = fit("someone/tiny", "http://127.0.0.1:9")
    assert said.startswith("OSError model='someone/tiny' is neither a local folder nor in the ")
    assert "cannot be reached" in said
    assert said.endswith("use the installed model='sentence-transformers/all-MiniLM-L6-v2'.")
    assert seconds < 60  # a busy machine needs some


@pytest.mark.slow
def test_a_hub_that_never_answers_is_reported_all_the_same(fit, hub):
    hub.silent = True
    said, seconds = fit("someone/tiny", address(hub))
    assert "cannot be reached" in said
    assert seconds < 60  # a busy machine needs some


def test_a_hub_that_is_switched_off_is_named(fit, hub):
    said, _ = fit("someone/tiny", address(hub), offline="1")
    assert "is switched off (HF_HUB_OFFLINE); switch it on, or" in said
    assert hub.requests == []
