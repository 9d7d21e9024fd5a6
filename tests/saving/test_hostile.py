"""Whatever comes in: a right answer, or one of our own sentences."""

import io
import sys
import traceback
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sklearn_bert import load_text_folder, load_text_table
from sklearn_bert.__main__ import main

settings.register_profile(
    "offline",
    database=None,  # nothing is written to disk
    deadline=None,  # a busy machine is no failure
    derandomize=True,  # the same examples everywhere
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("offline")

ODD = st.characters(categories=["Cc", "Cf", "Cs", "Co", "Zs", "Zl", "So", "Mn", "Lo"])
TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(ODD, max_size=40),
    st.sampled_from(
        ["", " \t\n", "\0", "\u202egood\u202c", "👩‍👩‍👧‍👦" * 20, "\ufeff", "good " * 90]
    ),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.complex_numbers(),
    st.binary(max_size=5),
    TEXTS,
    st.dates(),
)
NESTED = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=8,
)
ARRAYS = hnp.arrays(
    st.one_of(
        hnp.scalar_dtypes(), hnp.unicode_string_dtypes(max_len=4), hnp.byte_string_dtypes(max_len=4)
    ),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=9),
)
N = 8
GIVEN = ["the good film", "the bad book"] * (N // 2)


@contextmanager
def own_sentence():
    """Let pass what is raised in this package, or by scikit-learn's own checks, and is short."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (TypeError, ValueError, OSError) as error:
        last = traceback.extract_tb(error.__traceback__)[-1].filename.replace("\\", "/")
        assert "/sklearn_bert/" in last or "/sklearn/" in last, last
        message = str(error)
        assert 10 < len(message) < 1000, message
        if "/sklearn_bert/" in last:
            assert message.endswith("."), message


def assert_right(proba, n_rows, n_columns=2):
    """Check that probabilities are such."""
    assert proba.shape == (n_rows, n_columns)
    assert np.isfinite(proba).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)


@given(st.lists(TEXTS, max_size=12))
def test_texts(fitted, texts):
    with own_sentence():
        proba = fitted.predict_proba(texts)
        assert_right(proba, len(texts))
        alone = np.concatenate([fitted.predict_proba([text]) for text in texts])
        np.testing.assert_allclose(proba, alone, atol=1e-5)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=8))
def test_pairs(fitted_to_pairs, pairs):
    with own_sentence():
        assert_right(fitted_to_pairs.predict_proba(pairs), len(pairs))


@given(NESTED | ARRAYS)
def test_anything_for_X(fitted, X):
    with own_sentence():
        assert_right(fitted.predict_proba(X), len(X))


@given(st.lists(SCALARS, min_size=N, max_size=N) | st.lists(SCALARS, max_size=N) | ARRAYS | NESTED)
@settings(max_examples=150)
def test_anything_for_y(make_classifier, y):
    clf = make_classifier(epochs=1)
    with own_sentence():
        clf.fit(GIVEN, y)
        if clf.multilabel_:
            assert np.isfinite(clf.predict_proba(GIVEN)).all()
        else:
            assert_right(clf.predict_proba(GIVEN), N, len(clf.classes_))
            assert set(clf.predict(GIVEN).tolist()) <= set(clf.classes_.tolist())


LABELS = st.one_of(
    st.integers(-3, 3), st.sampled_from(["a", "b", ""]), st.booleans(), st.floats(-2, 2, width=16)
)


@given(st.lists(LABELS, min_size=N, max_size=N))
def test_mixed_labels(make_classifier, y):
    with own_sentence():
        clf = make_classifier(epochs=1).fit(GIVEN, y)
        assert set(clf.classes_.tolist()) == set(y)


@given(
    st.lists(st.floats() | st.integers(-1, 10**30) | st.none(), min_size=N, max_size=N)
    | ARRAYS
    | NESTED
)
@settings(max_examples=100)
def test_anything_for_weights(make_classifier, weights):
    clf = make_classifier(epochs=1)
    with own_sentence():
        clf.fit(GIVEN, ["a", "b"] * (N // 2), sample_weight=weights)
        assert_right(clf.predict_proba(GIVEN), N)


@given(st.lists(st.floats(), min_size=N, max_size=N) | ARRAYS)
def test_anything_for_numbers(make_regressor, y):
    with own_sentence():
        predicted = make_regressor(epochs=1).fit(GIVEN, y).predict(GIVEN)
        assert np.isfinite(predicted).all()


PARAMETERS = {
    "epochs": st.integers(-1, 2),
    "batch_size": st.integers(-1, 20),
    "max_length": st.none() | st.integers(-1, 80),
    "learning_rate": st.floats() | st.sampled_from(["auto", "best"]),
    "weight_decay": st.floats(),
    "label_smoothing": st.floats(),
    "focal_gamma": st.floats(),
    "layer_decay": st.floats(),
    "freeze": st.integers(-1, 4) | st.just("all"),
    "class_weight": st.none() | st.dictionaries(st.sampled_from("abc"), st.floats(), max_size=2),
}


@given(st.data())
@settings(max_examples=100)
def test_any_parameters(make_classifier, data):
    names = data.draw(st.sets(st.sampled_from(sorted(PARAMETERS)), max_size=3))
    parameters = {name: data.draw(PARAMETERS[name]) for name in sorted(names)}
    with own_sentence():
        clf = make_classifier(**{"epochs": 1, **parameters}).fit(GIVEN, ["a", "b"] * (N // 2))
        assert_right(clf.predict_proba(GIVEN), N)


@pytest.mark.parametrize("filling", ["good ", "good", " ", "\0", "\u200b", "é", "好", "😀"])
def test_a_text_of_ten_megabytes_is_its_first_tokens(fitted, filling):
    long = "the bad film " * 30 + filling * (10_000_000 // len(filling.encode()))
    short = "the bad film " * 30
    np.testing.assert_allclose(
        fitted.predict_proba([long, "good"]), fitted.predict_proba([short, "good"]), atol=1e-6
    )


# Files

BYTES = st.one_of(
    st.binary(max_size=200),
    st.text(st.sampled_from('a,b"\t\n\r\0{}[]:1\ufeffé'), max_size=120).map(str.encode),
    st.lists(
        st.sampled_from(
            [
                b"text,label\n",
                b"good,1\n",
                b'"bad',
                b'",0\n',
                b"\xff\xfe",
                b'{"text": "a", ',
                b"}\n",
            ]
        ),
        max_size=12,
    ).map(b"".join),
)
SUFFIXES = [".csv", ".tsv", ".jsonl", ".parquet", ".csv.gz", ".jsonl.gz", ".txt"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(content=BYTES)
def test_any_table(tmp_path, suffix, content):
    path = tmp_path / f"table{suffix}"
    path.write_bytes(content)
    with own_sentence():
        parts = load_text_table(path, text="text", label="label")
        assert all(isinstance(text, str) for text in parts[0])


@given(contents=st.lists(BYTES, min_size=1, max_size=6))
def test_any_class_folders(tmp_path_factory, contents):
    folder = tmp_path_factory.mktemp("classes")
    for i, content in enumerate(contents):
        (folder / f"class{i % 2}").mkdir(exist_ok=True)
        (folder / f"class{i % 2}" / f"{i}.txt").write_bytes(content)
    with own_sentence():
        load_text_folder(folder, random_state=0)


@given(content=BYTES, form=st.sampled_from(["csv", "tsv", "jsonl", "lines"]))
@settings(max_examples=40)
def test_the_command_line(saved_classifier, content, form):
    stdin, stderr = io.TextIOWrapper(io.BytesIO(content)), io.StringIO()
    command = [
        "predict",
        "--quiet",
        saved_classifier,
        "-",
        *([] if form == "lines" else ["--format", form]),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", stdin)
        patch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
        patch.setattr(sys, "stderr", stderr)
        try:
            code = main(command)
        except SystemExit as error:
            code = error.code
    assert code in (0, 1, 2, None)
    assert "Traceback" not in stderr.getvalue()
    lines = stderr.getvalue().splitlines()  # what was found out of the encoding is warned of
    assert bool(code) == any(not line.startswith("sklearn-bert: warning: ") for line in lines)


@pytest.fixture(scope="module")
def saved_classifier(fitted, tmp_path_factory):
    """The file of a pickled classifier."""
    import joblib

    path = tmp_path_factory.mktemp("saved") / "clf.joblib"
    joblib.dump(fitted, path)
    return str(path)


@pytest.fixture(scope="module")
def fitted_to_pairs(tiny_model):
    """A classifier of pairs."""
    from sklearn_bert import BertTextClassifier

    clf = BertTextClassifier(tiny_model, epochs=1, batch_size=8, random_state=0)
    return clf.fit([("good", "bad"), ("bad", "good")] * 4, [0, 1] * 4)


@pytest.fixture
def make_regressor(tiny_model):
    """Return a function that makes quick regressors."""
    from sklearn_bert import BertTextRegressor

    return lambda **parameters: BertTextRegressor(
        tiny_model, batch_size=8, learning_rate=5e-3, random_state=0, **parameters
    )


# Memory


@pytest.mark.slow
def test_a_million_texts_take_little_more_memory_than_their_answers(fitted, run_python, tmp_path):
    fitted.save_pretrained(tmp_path / "model")
    code = f"""
import resource
from sklearn_bert import BertTextClassifier
clf = BertTextClassifier.from_pretrained({str(tmp_path / "model")!r})
words = ["good", "bad", "the film"]
def texts(n):
    return (f"{{words[i % 3]}} {{i % 7}}" for i in range(n))
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
clf.predict_proba(texts(100_000))
before = peak()
proba = clf.predict_proba(texts(1_000_000))
assert len(proba) == 1_000_000
print(peak() - before)
"""
    # One str a text is some 60 bytes, its place in a list 8, its logits and probabilities 48.
    assert int(run_python(code)) < 250
