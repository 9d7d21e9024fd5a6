"""A distilled model gives the answers of its teacher, nearly, and needs NumPy and a tokenizer."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file, save_file
from sealing import seal
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_bert import (
    BertTextClassifier,
    BertTextRegressor,
    DistilledTextClassifier,
    DistilledTextRegressor,
)
from sklearn_bert.__main__ import main
from sklearn_bert._engine import distillation

ODD = [
    "",
    " \n",
    "the good film " * 300,
    "👩‍👩‍👧‍👦" * 20,
    "\0",
    "good\u0301 ¡bad! 東京",
    "good" * 99,
]


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Train shortly: the toy problems are learnt at once."""
    monkeypatch.setattr(distillation, "_LEAST_STEPS", 100)


@pytest.fixture(scope="module")
def student(fitted, reviews):
    """A distilled classifier that no test may change."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distillation, "_LEAST_STEPS", 100)
        return fitted.distill(reviews[0], random_state=0)


@pytest.fixture(scope="module")
def saved(student, tmp_path_factory):
    """Its folder, which no test may change."""
    folder = tmp_path_factory.mktemp("distilled") / "model"
    student.save_pretrained(folder)
    return folder


@pytest.fixture
def make_regressor(tiny_model):
    """Return a function that makes quick regressors of the tiny model."""
    return lambda **parameters: BertTextRegressor(
        tiny_model, **{"epochs": 6, "learning_rate": 5e-3, "random_state": 0, **parameters}
    )


def test_it_answers_as_its_teacher(student, fitted, reviews):
    texts = reviews[0]
    np.testing.assert_array_equal(student.predict(texts), fitted.predict(texts))
    proba = student.predict_proba(texts)
    assert np.abs(proba - fitted.predict_proba(texts)).max() < 0.1
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert student.classes_.tolist() == fitted.classes_.tolist()
    assert student.score(*reviews) == fitted.score(*reviews)
    assert (student.n_samples_fit_, student.max_length_) == (60, 62)


def test_what_stands_around_a_word_counts(make_classifier, fitted, monkeypatch):
    # What only an order of words tells, no weights of single words can.
    texts = ["good bad", "bad good", "the good bad film", "the bad good film"] * 8
    logits = np.tile([[2.0, -2.0], [-2.0, 2.0]], (16, 1))
    teacher = copy.copy(fitted)
    monkeypatch.setattr(teacher, "_outputs", lambda X: logits, raising=False)
    found = teacher.distill(texts, random_state=0).predict(texts)
    np.testing.assert_array_equal(found, np.tile(["neg", "pos"], 16))


def test_several_labels(tiny_model, reviews):
    texts, labels = reviews
    y = pd.DataFrame({"pos": np.equal(labels, "pos"), "film": ["film" in text for text in texts]})
    clf = BertTextClassifier(tiny_model, epochs=12, learning_rate=5e-3, head="new", random_state=0)
    student = clf.fit(texts, y).distill(texts, random_state=0)
    assert (student.multilabel_, student.classes_.tolist()) == (True, ["pos", "film"])
    np.testing.assert_array_equal(student.predict(texts), clf.predict(texts))
    assert student.score(texts, y) == clf.score(texts, y)
    with pytest.raises(ValueError, match="in the order of the fit"):
        student.score(texts, y[["film", "pos"]])


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_numbers(make_regressor, reviews, tmp_path, n_outputs):
    texts, labels = reviews
    y = pd.DataFrame({"stars": 3.0 + 2 * np.equal(labels, "pos"), "length": [*map(len, texts)]})
    y = y if n_outputs == 2 else y["stars"]
    reg = make_regressor().fit(texts, y)
    student = reg.distill(texts, random_state=0)
    assert is_regressor(student) and not hasattr(student, "predict_proba")
    assert student.predict(texts).shape == y.shape
    assert student.score(texts, reg.predict(texts)) > 0.9
    student.save_pretrained(tmp_path / "model")
    loaded = DistilledTextRegressor.from_pretrained(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(texts), student.predict(texts))
    assert loaded.target_names_ == student.target_names_


def test_it_needs_neither_torch_nor_scikit_learn(saved, run_python):
    code = f"""
import sys
for name in ("torch", "transformers", "sklearn", "skorch", "scipy", "pandas"):
    sys.modules[name] = None
from sklearn_bert import DistilledTextClassifier
print(DistilledTextClassifier.from_pretrained({str(saved)!r}).predict(["the good film"])[0])
"""
    assert run_python(code) == "pos\n"


@pytest.mark.parametrize(
    "duplicate",
    [lambda model: pickle.loads(pickle.dumps(model)), copy.deepcopy, copy.copy],
    ids=["pickle", "deepcopy", "copy"],
)
def test_a_copy_is_equal(student, reviews, duplicate):
    other = duplicate(student)
    expected = student.predict_proba(reviews[0])
    np.testing.assert_array_equal(other.predict_proba(reviews[0]), expected)
    assert repr(other) == repr(student)
    assert duplicate(DistilledTextClassifier(None, random_state=3)).random_state == 3


def test_what_is_saved_is_loaded(saved, student, reviews):
    loaded = DistilledTextClassifier.from_pretrained(saved)
    expected = student.predict_proba(reviews[0])
    np.testing.assert_array_equal(loaded.predict_proba(reviews[0]), expected)
    assert loaded.classes_.dtype == student.classes_.dtype
    assert {path.name for path in saved.iterdir()} == {
        *("README.md", "model.safetensors", "sklearn_bert.json", "tokenizer.json")
    }
    assert "`neg`, `pos`" in (saved / "README.md").read_text()


def test_a_folder_of_the_teacher_is_replaced(fitted, student, tmp_path):
    fitted.save_pretrained(tmp_path / "model")
    student.save_pretrained(tmp_path / "model")
    assert not (tmp_path / "model" / "config.json").exists()
    assert DistilledTextClassifier.from_pretrained(tmp_path / "model").classes_.size == 2


def test_another_kind_is_named(saved, fitted, tmp_path):
    with pytest.raises(ValueError, match=r"holds a distilled-classifier.*DistilledTextClassifier"):
        BertTextClassifier.from_pretrained(saved)
    fitted.save_pretrained(tmp_path / "model")
    with pytest.raises(ValueError, match="load it with BertTextClassifier"):
        DistilledTextClassifier.from_pretrained(tmp_path / "model")


def _wrong_rows(arrays):
    arrays["rows"][3] = len(arrays["table"])


def _wrong_shape(arrays):
    arrays["coef"] = arrays["coef"][:5]


@pytest.mark.parametrize("damage", [_wrong_rows, _wrong_shape, lambda arrays: arrays.pop("bias")])
def test_a_network_that_does_not_fit_together_is_refused(student, tmp_path, damage):
    student.save_pretrained(tmp_path / "model")
    arrays = load_file(tmp_path / "model" / "model.safetensors")
    damage(arrays)
    save_file(arrays, tmp_path / "model" / "model.safetensors")
    with pytest.raises(ValueError, match="is damaged"):
        DistilledTextClassifier.from_pretrained(tmp_path / "model")
    seal(tmp_path / "model")
    with pytest.raises(ValueError, match="is damaged"):
        DistilledTextClassifier.from_pretrained(tmp_path / "model")


def test_a_fit_fits_its_teacher_first(make_classifier, fitted, reviews):
    texts, labels = reviews
    model = DistilledTextClassifier(make_classifier(), random_state=0)
    assert is_classifier(model)
    model.fit(texts[:40], labels[:40], X_unlabelled=texts[40:])
    expected = make_classifier().fit(texts[:40], labels[:40]).distill(texts, random_state=0)
    np.testing.assert_array_equal(model.predict_proba(texts), expected.predict_proba(texts))
    assert not hasattr(model.estimator, "module_")
    # One that is fitted is taken as it is, and needs no labels.
    found = DistilledTextClassifier(fitted, random_state=0).fit(texts)
    expected = fitted.distill(texts, random_state=0)
    np.testing.assert_array_equal(found.predict_proba(texts), expected.predict_proba(texts))


def test_scikit_learn_works_on_copies(student, make_classifier, reviews):
    copied = clone(student)
    assert not hasattr(copied, "classes_") and not hasattr(copied.estimator, "module_")
    assert copied.get_params()["estimator__epochs"] == student.estimator.epochs
    assert copied.set_params(estimator__epochs=1, random_state=1).estimator.epochs == 1
    assert cross_val_score(copied, *reviews, cv=2, error_score="raise").shape == (2,)
    search = GridSearchCV(copied, {"estimator__batch_size": [8]}, cv=2, error_score="raise")
    assert search.fit(*reviews).predict(["good"]).shape == (1,)
    with pytest.raises(ValueError, match=r"Invalid parameter 'epochs'.*'random_state'"):
        copied.set_params(epochs=2)


def test_a_seed_gives_the_same_bits_and_nothing_global_changes(fitted, student, reviews, capfd):
    torch.manual_seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    other = fitted.distill(reviews[0], random_state=0)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
    expected = student.predict_proba(reviews[0])
    np.testing.assert_array_equal(other.predict_proba(reviews[0]), expected)
    assert (fitted.distill(reviews[0], random_state=1).predict_proba(["good"]) != expected[0]).all()
    assert capfd.readouterr() == ("", "")


def test_any_text_is_answered_as_it_is_alone(student):
    proba = student.predict_proba(ODD)
    assert np.isfinite(proba).all()
    alone = np.concatenate([student.predict_proba([text]) for text in ODD])
    np.testing.assert_allclose(proba, alone, atol=1e-6)
    many = student.predict_proba(ODD * 300)
    np.testing.assert_allclose(many, np.tile(proba, (300, 1)), atol=1e-6)


@pytest.mark.parametrize("filling", ["good ", "good", "!", " "])
def test_a_text_of_ten_megabytes_is_its_beginning(student, filling):
    text = filling * (10_000_000 // len(filling))
    found = student.predict_proba([text])
    np.testing.assert_allclose(found, student.predict_proba([text[:10_000]]), atol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn_bert.TextsCutWarning")
@pytest.mark.parametrize("long_text", ["tail", "windows"])
def test_a_teacher_that_reads_the_end_has_a_student_that_does(tiny_model, reviews, long_text):
    texts = ["a " * 80 + text for text in reviews[0]]
    clf = BertTextClassifier(tiny_model, epochs=1, long_text=long_text, random_state=0)
    clf.fit(texts, reviews[1])
    student = clf.distill(texts, random_state=0)
    assert len(np.unique(student.predict_proba(texts)[:, 0])) > 2
    # Whoever reads the beginning only sees one text.
    head = BertTextClassifier(tiny_model, epochs=1, random_state=0).fit(texts, reviews[1])
    assert np.ptp(head.distill(texts, random_state=0).predict_proba(texts)[:, 0]) == 0


def test_a_large_vocabulary_has_rows_for_what_is_frequent(fitted, student, reviews, monkeypatch):
    n_columns = student._network.arrays["table"].shape[1]
    monkeypatch.setattr(distillation, "_MOST_NUMBERS", 12 * n_columns)
    small = fitted.distill(reviews[0], random_state=0)
    assert len(small._network.arrays["table"]) == 14
    np.testing.assert_array_equal(small.predict(reviews[0]), fitted.predict(reviews[0]))
    assert np.isfinite(small.predict_proba(["x0_1 x1_1"])).all()


def test_words_that_no_text_had_are_known_by_their_embeddings(fitted, reviews):
    student = fitted.distill([text for text in reviews[0] if "book" not in text], random_state=0)
    first, second = student.predict_proba(["the good book", "the good [UNK]"])
    assert (first != second).all()


def test_threads_share_one(student, reviews):
    fresh = pickle.loads(pickle.dumps(student))
    expected = [student.predict_proba([text]) for text in reviews[0]]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda text: fresh.predict_proba([text]), reviews[0]))
    np.testing.assert_array_equal(found, expected)


def test_the_command_line_reads_its_folder(saved, student, tmp_path, capsys):
    (tmp_path / "new.txt").write_text("the good film\nthe bad book\n")
    assert main(["predict", str(saved), str(tmp_path / "new.txt"), "--proba", "--quiet"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.partition(",")[0] for row in rows] == ["label", "pos", "neg"]
    with (tmp_path / "model.pickle").open("wb") as file:
        pickle.dump(student, file)
    path = str(tmp_path / "model.pickle")
    assert main(["predict", path, str(tmp_path / "new.txt"), "--quiet"]) == 0
    assert capsys.readouterr().out.split() == ["label", "pos", "neg"]


def test_what_cannot_be_distilled_is_named(make_classifier, make_regressor, student, reviews):
    texts, labels = reviews
    with pytest.raises(NotFittedError):
        make_classifier().distill(texts)
    with pytest.raises(NotFittedError):
        DistilledTextClassifier(BertTextClassifier()).predict(texts)
    pairs = list(zip(texts, texts[1:] + texts[:1], strict=True))
    clf = make_classifier(epochs=1).fit(pairs, labels)
    with pytest.raises(ValueError, match=r"needs single texts.*fitted to pairs"):
        clf.distill(texts)
    columns = np.column_stack([labels, labels])
    with pytest.raises(ValueError, match="needs one column of labels, got 2; fit"):
        make_classifier(epochs=1).fit(texts, columns).distill(texts)
    with pytest.raises(ValueError, match="one column of texts"):
        student.predict(pairs)
    with pytest.raises(TypeError, match="must be a BertTextClassifier, got BertTextRegressor"):
        DistilledTextClassifier(make_regressor()).fit(texts, labels)
    with pytest.raises(ValueError, match="cannot be used to seed"):
        DistilledTextClassifier(make_classifier(), random_state="x").fit(texts, labels)
    with pytest.raises(TypeError, match="at row 1"):
        student.predict(["good", None])
    with pytest.raises(ValueError, match="inconsistent"):
        student.score(texts, labels[1:])
