"""A classifier is shared: by threads, by forked processes, by a web server's workers."""

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from sklearn_bert import BertTextEmbedder

EXAMPLES = Path(__file__).parents[2] / "examples"
N_REQUESTS = 200
N_CLIENTS = 8
HAS_FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
TEXTS = ["the good film", "the bad book", "a fine film " * 20, "poor"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_16_threads_get_the_answers_of_one(make_classifier, reviews, dtype):
    clf = make_classifier(dtype=dtype).fit(*reviews)
    requests = [TEXTS[i % 4 :] + reviews[0][: i % 7] for i in range(160)]
    expected = [clf.predict_proba(X) for X in requests]
    with ThreadPoolExecutor(16) as pool:
        for _ in range(3):
            for found, right in zip(pool.map(clf.predict_proba, requests), expected, strict=True):
                np.testing.assert_array_equal(found, right)


def test_threads_that_come_first_get_them_too(make_classifier, reviews, tmp_path):
    make_classifier().fit(*reviews).save_pretrained(tmp_path / "model")
    expected = None
    for _ in range(3):  # nothing has been computed yet with what was loaded
        clf = type(make_classifier()).from_pretrained(tmp_path / "model")
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(clf.predict_proba, ([text] for text in reviews[0][:32])))
        expected = found if expected is None else expected
        np.testing.assert_array_equal(found, expected)


def test_threads_share_an_embedder(tiny_model, reviews):
    embedder = BertTextEmbedder(tiny_model).fit(reviews[0])
    expected = embedder.transform(reviews[0])
    with ThreadPoolExecutor(16) as pool:
        for found in pool.map(lambda _: embedder.transform(reviews[0]), range(32)):
            np.testing.assert_array_equal(found, expected)


@HAS_FORK
def test_a_process_forked_after_predicting_predicts_and_ends(
    fitted, tiny_model, run_python, tmp_path
):
    fitted.save_pretrained(tmp_path / "model")
    code = f"""
import os
from sklearn_bert import BertTextClassifier, BertTextEmbedder
clf = BertTextClassifier.from_pretrained({str(tmp_path / "model")!r})
embedder = BertTextEmbedder({str(tiny_model)!r}).fit(["good"])
texts = ["the good film " * 16, "the bad book"] * 100
before, vectors = clf.predict_proba(texts), embedder.transform(texts)
child = os.fork()
if not child:
    assert (clf.predict_proba(texts) == before).all()
    assert (embedder.transform(texts) == vectors).all()
    print(*clf.predict(texts[:2]), flush=True)
else:
    assert os.waitpid(child, 0)[1] == 0
"""
    assert run_python(code, TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="2") == "pos neg\n"


@HAS_FORK
def test_threads_that_come_first_after_a_fork_are_answered(fitted, run_python, tmp_path):
    fitted.save_pretrained(tmp_path / "model")
    code = f"""
import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
import torch
from sklearn_bert import BertTextClassifier
torch.set_num_threads(1)
clf = BertTextClassifier.from_pretrained({str(tmp_path / "model")!r})
expected = clf.predict_proba(["the good film"])
def predict(all_are_there):
    all_are_there.wait()
    return clf.predict_proba(["the good film"])
for _ in range(8):
    child = os.fork()
    if not child:
        with ThreadPoolExecutor(4) as threads:
            for found in threads.map(predict, [Barrier(4)] * 4):
                assert (found == expected).all()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
    run_python(code)


@pytest.fixture(
    params=[
        "torch",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("distilled", "onnx")),
    ]
)
def served(request, fitted, reviews, tmp_path):
    """The folder of a saved classifier, and one that gives its answers."""
    clf = fitted.distill(reviews[0], random_state=0) if request.param == "distilled" else fitted
    write = fitted.export_onnx if request.param == "onnx" else clf.save_pretrained
    write(tmp_path / "model")
    return tmp_path / "model", clf


@contextmanager
def serving(folder, *options):
    """A real gunicorn, with the model loaded before its workers are forked."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        command = [sys.executable, "-m", "gunicorn", "--chdir", str(EXAMPLES), "--preload"]
        server = subprocess.Popen(
            [*command, *options, "--bind", f"fd://{listener.fileno()}", "serve:app"],
            env={
                **os.environ,
                "SKLEARN_BERT_MODEL": str(folder),
                "PYTHONPATH": str(EXAMPLES.parent),
                "TOKENIZERS_PARALLELISM": "false",
            },
            pass_fds=[listener.fileno()],
        )
        try:
            yield listener.getsockname()[1], server
        finally:
            server.terminate()
            try:
                server.wait(timeout=600)
            except subprocess.TimeoutExpired:
                server.kill()
                raise


def ask(port, body, path="/predict"):
    """Return status, answer and seconds of one request."""
    start = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("POST", path, body)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer, time.perf_counter() - start


@HAS_FORK
@pytest.mark.parametrize("worker", [pytest.param("threads", marks=pytest.mark.slow), "one thread"])
def test_gunicorn_with_preload_answers_all(served, worker, record_property):
    folder, clf = served
    options = ["--workers", "2"] + (["--threads", "4"] if worker == "threads" else [])
    expected = {text: clf.predict_proba([text])[0] for text in TEXTS}
    with serving(folder, *options) as (port, server):
        ask(port, json.dumps({"texts": ["good"]}))  # waits until it is up
        start = time.perf_counter()
        with ThreadPoolExecutor(N_CLIENTS) as clients:
            sent = [TEXTS[i % len(TEXTS)] for i in range(N_REQUESTS)]
            answers = list(clients.map(lambda text: ask(port, json.dumps({"texts": [text]})), sent))
        seconds = time.perf_counter() - start
        assert [status for status, _, _ in answers] == [200] * N_REQUESTS
        for text, (_, answer, _) in zip(sent, answers, strict=True):
            found = answer["probabilities"][0]
            np.testing.assert_allclose([found["neg"], found["pos"]], expected[text], atol=1e-5)
            assert answer["labels"] == [max(found, key=found.get)]
        # What is wrong is answered, and the worker lives on.
        assert ask(port, "nonsense")[0] == ask(port, "[]")[0] == 400
        assert "at row 1" in ask(port, '{"texts": ["good", null]}')[1]["error"]
        assert ask(port, "{}", path="/")[0] == 404
        assert ask(port, json.dumps({"texts": ["good"]}))[0] == 200
    assert server.returncode == 0
    p99 = statistics.quantiles([spent for _, _, spent in answers], n=100)[98]
    record_property("requests_per_second", N_REQUESTS / seconds)
    record_property("p99_seconds", p99)
