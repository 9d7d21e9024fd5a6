"""Searches on the workers of a cluster, and the examples for what does not fit in memory."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
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
import warnings
import joblib
from sklearn.model_selection import GridSearchCV
from sklearn_bert import BertTextClassifier

def main():
    X = [f"the {{['good', 'bad'][i % 2]}} film {{'of a ' * (i % 5)}}" for i in range(40)]
    y = [i % 2 for i in range(40)]
    clf = BertTextClassifier({model!r}, batch_size=8, random_state=0, dtype="float32")
    grid = {{"epochs": [1, 2], "learning_rate": [1e-3, 5e-3]}}
    def search():
        found = GridSearchCV(clf, grid, cv=2, scoring="neg_log_loss").fit(X, y)
        return found.cv_results_["mean_test_score"].round(4).tolist()
    expected = search()
    {backend}
    print(found == expected, found)

if __name__ == "__main__":
    main()
"""
BACKENDS = {
    "dask": """
    from dask.distributed import Client, LocalCluster
    options = dict(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with LocalCluster(**options) as cluster, Client(cluster):
        with joblib.parallel_config("dask"):
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
    script.write_text(SEARCH.format(model=tiny_model, backend=BACKENDS[backend]))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    answer = subprocess.run(
        [sys.executable, str(script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1].startswith("True"), answer.stdout


def run(example, *arguments):
    """Return what an example prints."""
    answer = subprocess.run(
        [sys.executable, str(EXAMPLES / example), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "PYSPARK_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


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
