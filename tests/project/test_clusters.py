"""Searches on the workers of a cluster, and the examples for what does not fit in memory."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
N_FILES, N_ROWS = 6, 40_000

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """A folder of Parquet files."""
    folder = tmp_path_factory.mktemp("texts")
    words = np.array(["good", "bad", "fine", "poor", "the film", "a book"])
    for i in range(N_FILES):
        drawn = np.random.RandomState(i).choice(words, (N_ROWS, 3))
        frame = pd.DataFrame({"text": [" ".join(row) for row in drawn], "id": range(N_ROWS)})
        frame.to_parquet(folder / f"part-{i}.parquet")
    return folder


@pytest.fixture(scope="module")
def exported(fitted, tmp_path_factory):
    """The folder of an exported classifier."""
    folder = tmp_path_factory.mktemp("model") / "model"
    fitted.export_onnx(folder)
    return folder


SEARCH = """
import os
import signal
import joblib
from sklearn.model_selection import GridSearchCV
from sklearn_bert import BertTextClassifier

class Mortal(BertTextClassifier):
    def fit(self, X, y):
        if os.path.exists({fatal!r}):
            os.remove({fatal!r})
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(X, y)

def main():
    X = [f"the {{['good', 'bad'][i % 2]}} film {{'of a ' * (i % 5)}}" for i in range(40)]
    y = [i % 2 for i in range(40)]
    clf = Mortal({model!r}, batch_size=8, random_state=0, dtype="float32")
    grid = {{"epochs": [1, 2], "learning_rate": [1e-3, 5e-3]}}
    def search():
        found = GridSearchCV(clf, grid, cv=2, scoring="neg_log_loss").fit(X, y)
        return found.cv_results_["mean_test_score"].round(4).tolist()
    expected = search()
    {backend}
    assert not os.path.exists({fatal!r})
    print(found == expected, found)

if __name__ == "__main__":
    main()
"""
BACKENDS = {
    "dask": """
    from dask.distributed import Client, LocalCluster
    open({fatal!r}, "w").close()  # the first fit on a worker ends it
    options = dict(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with LocalCluster(**options) as cluster, Client(cluster):
        with joblib.parallel_config("dask", retries=2):
            found = search()
""",
    "ray": """
    import ray
    from ray.util.joblib import register_ray
    ray.init(num_cpus=2, include_dashboard=False, configure_logging=False, log_to_driver=False)
    register_ray()
    with joblib.parallel_config("ray", n_jobs=2):
        found = search()
    ray.shutdown()
""",
}


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_search_on_workers_finds_the_same(tiny_model, tmp_path, backend):
    pytest.importorskip({"dask": "dask.distributed"}.get(backend, backend))
    script = tmp_path / "search.py"
    names = {"model": tiny_model, "fatal": str(tmp_path / "fatal")}
    names["backend"] = BACKENDS[backend].format(**names)
    script.write_text(SEARCH.format(**names))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    answer = subprocess.run(
        [sys.executable, str(script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1].startswith("True"), answer.stdout


def start(example, *arguments, **streams):
    """Return the process of an example."""
    return subprocess.Popen(
        [sys.executable, str(EXAMPLES / example), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "PYSPARK_PYTHON": sys.executable},
        text=True,
        **streams,
    )


def run(example, *arguments):
    """Return what an example prints."""
    with start(example, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    return out


def test_a_search_that_was_stopped_keeps_its_results(tiny_model, reviews, tmp_path):
    pytest.importorskip("dask.distributed")
    table, out = tmp_path / "reviews.csv", tmp_path / "out"
    pd.DataFrame({"text": reviews[0] * 4, "label": reviews[1] * 4}).to_csv(table, index=False)
    command = ["search_dask.py", table, out, "--model", tiny_model, "--workers", 2, "--folds", 2]
    command += ["--epochs", 1, 30, "--learning-rate", 1e-6, 5e-3]
    with start(*command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as stopped:
        while not any(out.glob("*.json")):
            assert stopped.poll() is None
            time.sleep(0.02)
        stopped.send_signal(signal.SIGINT)
        assert stopped.communicate(timeout=60)[0] == "0 of 8 fits are done\n"
    kept = {path: path.stat().st_mtime_ns for path in out.glob("*.json")}
    assert 0 < len(kept) < 8
    printed = run(*command)
    assert printed.startswith(f"{len(kept)} of 8 fits are done\n")
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(list(out.glob("*.json"))) == 8
    rows = [line.split() for line in printed.splitlines()[4:]]
    assert sorted(float(row[-5]) for row in rows) == [1e-6, 1e-6, 5e-3, 5e-3]
    scores = [float(row[-4]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    found = [json.loads(path.read_text())["score"] for path in out.glob("*.json")]
    assert np.isclose(np.mean(scores), np.mean(found), atol=1e-4)
    assert run(*command).startswith("8 of 8 fits are done\n")


def test_dask_predicts_what_is_missing(texts, exported, fitted, tmp_path):
    pytest.importorskip("dask.distributed")
    out = tmp_path / "out"
    command = ["predict_dask.py", exported, texts, out, "--workers", 2]
    assert f"{N_FILES * N_ROWS:,} rows predicted" in run(*command)
    assert sorted(path.name for path in out.iterdir()) == sorted(p.name for p in texts.iterdir())
    for name in ("part-0.parquet", "part-5.parquet"):
        found, given = pd.read_parquet(out / name), pd.read_parquet(texts / name)
        assert found[["text", "id"]].equals(given)
        some = found[:: N_ROWS // 50]
        assert some["label"].tolist() == fitted.predict(some["text"]).tolist()
        np.testing.assert_allclose(
            some["probability_pos"], fitted.predict_proba(some["text"])[:, 1], atol=1e-5
        )
    before = (out / "part-0.parquet").stat().st_mtime_ns
    (out / "part-3.parquet").unlink()
    assert f"{N_ROWS:,} rows predicted" in run(*command)
    assert (out / "part-0.parquet").stat().st_mtime_ns == before
    assert "6 of 6 files are done" in run(*command)


def test_spark_predicts_what_is_missing(texts, exported, fitted, tmp_path):
    pytest.importorskip("pyspark")
    out = tmp_path / "out"
    command = ["predict_spark.py", exported, texts, out, "--master", "local[2]", "--files", 3]
    assert "2 groups predicted" in run(*command)
    found = pd.concat(pd.read_parquet(out / f"group-{i:05}") for i in range(2))
    assert len(found) == N_FILES * N_ROWS
    some = found[:: len(found) // 50]
    assert some["label"].tolist() == fitted.predict(some["text"]).tolist()
    (out / "group-00001" / "_SUCCESS").unlink()
    assert "1 of 2 groups are done\n1 groups predicted" in run(*command)
    assert len(pd.read_parquet(out / "group-00001")) == N_ROWS * 3
    assert "2 of 2 groups are done" in run(*command)


@pytest.mark.parametrize(
    ("engine", "options", "whole"),
    [
        ("dask", ["--workers", 2], "*.parquet"),
        ("spark", ["--master", "local[2]", "--files", 1], "*/_SUCCESS"),
    ],
)
def test_what_is_finished_before_ctrl_c_is_not_done_again(
    texts, exported, tmp_path, engine, options, whole
):
    pytest.importorskip({"dask": "dask.distributed", "spark": "pyspark"}[engine])
    out = tmp_path / "out"
    command = [f"predict_{engine}.py", exported, texts, out, *options]
    with start(*command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as stopped:
        while not any(out.glob(whole)):
            assert stopped.poll() is None
            time.sleep(0.02)
        stopped.send_signal(signal.SIGINT)
        assert "predicted" not in stopped.communicate(timeout=60)[0]
    assert stopped.returncode != 0
    kept = {path: path.stat().st_mtime_ns for path in out.glob(whole)}
    assert 0 < len(kept) < N_FILES
    assert run(*command).startswith(f"{len(kept)} of {N_FILES} ")
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(list(out.glob(whole))) == N_FILES
    assert len(pd.read_parquet(out)) == N_FILES * N_ROWS
