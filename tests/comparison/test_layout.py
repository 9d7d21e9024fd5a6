"""Tables and paragraphs fit 80 columns, and break no word."""

import numpy as np
import pytest

from sklearn_bert.comparison._table import Table, wrap

LONG = "BERT (sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2, learning_rate=0.0001)"
NAMES = ["majority class", "static embeddings + logistic regression", LONG, "x" * 60]


def row(name, scorers, **figures):
    """Return the row of a model."""
    scores = dict.fromkeys(scorers, 0.8271) | {f"{scorer}_std": 0.011 for scorer in scorers}
    costs = {"fit_seconds": 12345.6, "predictions_per_second": 2788490.0, "size_mb": 1340.25}
    costs |= {"fit_cpu_seconds": 9.306, "predictions_per_cpu_second": 12.0}
    costs |= {"memory_mb": 10240.0, "gpu_memory_mb": 38120.0}
    return {"model": name, **scores, **costs, "n_folds": 5, "error": "", **figures}


def lines(scorers=("accuracy",), names=NAMES, *, with_gpu=False, in_cpu_seconds=False, **figures):
    """Return the lines of a table of some models."""
    table = Table(scorers, with_gpu=with_gpu, in_cpu_seconds=in_cpu_seconds)
    return table.lines([row(name, scorers, **figures) for name in names])


@pytest.mark.parametrize("with_gpu", [False, True])
@pytest.mark.parametrize("in_cpu_seconds", [False, True])
@pytest.mark.parametrize(
    "scorers", [("accuracy",), ("f1_macro", "roc_auc"), ("a" * 40, "accuracy", "b" * 50)]
)
def test_it_fits_80_columns_and_has_all_figures(scorers, with_gpu, in_cpu_seconds):
    found = lines(scorers, with_gpu=with_gpu, in_cpu_seconds=in_cpu_seconds)
    assert max(map(len, found)) < 80
    text = "\n".join(found)
    seconds, rate = ("9.31", " 12\n") if in_cpu_seconds else ("12,346", "2,788,490")
    figures = ["0.827 ± 0.011", seconds, rate.strip(), "1,340.2", "10,240"]
    for figure in figures + ["38,120"] * with_gpu:
        assert text.count(figure) >= len(NAMES), figure
    assert all(scorer in text for scorer in scorers)


def test_names_are_broken_at_spaces_and_hyphens_and_shortened_where_there_are_none():
    found = [line.split("  0.")[0].strip() for line in lines()[2:]]
    assert found[0] == "majority class"
    assert " ".join(found[1:3]) == NAMES[1]
    assert "".join(found[3:-1]).replace(" ", "") == LONG.replace(" ", "")
    assert found[-1].startswith("xxx") and "…" in found[-1]


def test_columns_are_aligned_to_the_right():
    found = lines(names=["a", "b"])
    assert {line.index("±") for line in found[2:]} == {found[2].index("±")}
    assert len({len(line) for line in found}) == 1


def test_what_is_not_known_is_a_dash():
    (line,) = lines(names=["a"], memory_mb=np.nan, accuracy=np.nan)[2:]
    assert line.split()[1] == line.split()[-1] == "-"


def test_a_model_that_failed_has_its_error_in_whole_words():
    found = lines(names=["a"], n_folds=0, error="OSError: " + "it is not there " * 9)[2:]
    assert max(map(len, found)) < 80
    assert (
        " ".join(" ".join(found).split())
        == "a failed: OSError: " + ("it is not there " * 9).strip()
    )


def test_paragraphs_break_between_words_only():
    path = "/a/folder-with-hyphens" * 5
    found = wrap(f"{'word ' * 30}{path} and so on")
    assert path in found and all(len(line) < 80 for line in found if line != path)
