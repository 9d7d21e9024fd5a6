"""An exported classifier gives the answers of the one it comes from, without torch."""

import json
import logging
import os
import pickle
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from test_encoder import ARCHITECTURES, make_folder  # noqa: F401
from test_portable import seal

from sklearn_bert import BertTextClassifier, OnnxTextClassifier, _onnx_export

PAIRS = [("the good film", "a bad book"), ("bad", "good " * 70)] * 8
LONG = ["the good film", "bad " * 100, "", "a book of a film " * 30] * 4
KINDS = {
    "two classes": (LONG, [True, False] * 8, {}),
    "three classes": (LONG, [3, 1, 2, 1] * 4, {"long_text": "head+tail"}),
    "several labels": (LONG, [[1, 0], [0, 0], [1, 1], [0, 1]] * 4, {"long_text": "windows"}),
    "pairs": (PAIRS, ["a", "b"] * 8, {"max_length": 20}),
}


@pytest.fixture(scope="module")
def exported(fitted, tmp_path_factory):
    """The folder of an exported classifier, which no test may change."""
    folder = tmp_path_factory.mktemp("onnx") / "model"
    fitted.export_onnx(folder)
    return folder


@pytest.mark.parametrize(
    "kind",
    [
        kind if kind == "two classes" else pytest.param(kind, marks=pytest.mark.slow)
        for kind in KINDS
    ],
)
def test_every_kind_gives_the_same_answers(make_classifier, tmp_path, kind):
    X, y, parameters = KINDS[kind]
    clf = make_classifier(epochs=1, **parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that texts are cut
        clf.fit(X, y)
    assert clf.export_onnx(tmp_path / "model") < 1e-5
    light = OnnxTextClassifier.from_pretrained(tmp_path / "model")
    for method in ("decision_function", "predict_log_proba", "predict_proba"):
        expected = getattr(clf, method)(X)
        np.testing.assert_allclose(getattr(light, method)(X), expected, atol=1e-5)
    predicted = light.predict(X)
    np.testing.assert_array_equal(predicted, clf.predict(X))
    assert predicted.dtype == clf.predict(X).dtype
    assert light.score(X, y) == clf.score(X, y)
    for name in ("classes_", "multilabel_", "pairs_", "max_length_"):
        np.testing.assert_equal(getattr(light, name), getattr(clf, name))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_any_encoder_is_exported(make_folder, tmp_path, reviews, kind):  # noqa: F811
    clf = BertTextClassifier(make_folder(ARCHITECTURES[kind]), epochs=1, random_state=0)
    clf.fit(*reviews)
    X = [*reviews[0], "good " * 40, ""]
    assert clf.export_onnx(tmp_path / "onnx", X=X) < 1e-5
    light = OnnxTextClassifier.from_pretrained(tmp_path / "onnx")
    np.testing.assert_allclose(light.predict_proba(X), clf.predict_proba(X), atol=1e-5)


@pytest.mark.slow
def test_quantized_is_smaller_and_near(minilm, tmp_path):
    texts = ["a joy from start to end", "what a waste of time"] * 8
    clf = BertTextClassifier(minilm, batch_size=4, random_state=0).fit(texts, [1, 0] * 8)
    largest = clf.export_onnx(tmp_path / "model", quantize="int8", X=texts)
    assert 0 < largest < 0.1
    assert os.path.getsize(tmp_path / "model" / "model.onnx") < 30e6
    assert not list((tmp_path / "model").glob("float32*"))
    light = OnnxTextClassifier.from_pretrained(tmp_path / "model", n_threads=1)
    found = light.predict_proba(texts)
    assert np.abs(found - clf.predict_proba(texts)).max() == pytest.approx(largest, abs=1e-6)
    assert light.score(texts, [1, 0] * 8) == 1


def test_it_needs_neither_torch_nor_scikit_learn(exported, run_python):
    code = f"""
import sys
for name in ("torch", "transformers", "sklearn", "skorch", "scipy", "pandas"):
    sys.modules[name] = None
from sklearn_bert import OnnxTextClassifier
print(OnnxTextClassifier.from_pretrained({str(exported)!r}).predict(["the good film"])[0])
"""
    assert run_python(code) == "pos\n"


def test_texts_come_in_any_number_and_length(exported, fitted):
    light = OnnxTextClassifier.from_pretrained(exported)
    X = [f"{['good', 'bad', 'film'][i % 3]} " * (i % 70) for i in range(500)]
    np.testing.assert_allclose(light.predict_proba(X), fitted.predict_proba(X), atol=1e-5)


def test_threads_share_one(exported, reviews):
    light = OnnxTextClassifier.from_pretrained(exported, n_threads=np.int64(1))
    X = reviews[0]
    expected = [light.predict_proba([text]) for text in X]
    with ThreadPoolExecutor(16) as pool:
        for _ in range(3):
            found = list(pool.map(lambda text: light.predict_proba([text]), X))
            np.testing.assert_array_equal(found, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_forked_process_answers_and_ends(exported, run_python, n_threads):
    code = f"""
import os
from sklearn_bert import OnnxTextClassifier
light = OnnxTextClassifier.from_pretrained({str(exported)!r}, n_threads={n_threads})
texts = ["the good film", "the bad book"] * 100
light.predict(texts)
first = os.fork()
second = first and os.fork()
if not first:
    print(*light.predict(texts[:2]), flush=True)
elif second:  # the second child does nothing but end
    assert os.waitpid(first, 0)[1] == os.waitpid(second, 0)[1] == 0
    assert "ORT_DISABLE_TELEMETRY" not in os.environ
"""
    assert run_python(code, TOKENIZERS_PARALLELISM="false") == "pos neg\n"


def test_a_pickle_holds_the_path(exported, reviews, tmp_path):
    light = OnnxTextClassifier.from_pretrained(exported, n_threads=1)
    pickled = pickle.dumps(light)
    assert len(pickled) < 1000
    again = pickle.loads(pickled)
    np.testing.assert_array_equal(again.predict_proba(reviews[0]), light.predict_proba(reviews[0]))
    assert repr(again) == f"OnnxTextClassifier.from_pretrained({str(exported)!r})"


def test_scikit_learn_takes_it_for_a_classifier(exported, reviews):
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator
    from sklearn.metrics import get_scorer

    light = OnnxTextClassifier.from_pretrained(exported)
    X, y = reviews
    assert is_classifier(light)
    assert get_scorer("neg_log_loss")(light, X, y) < 0
    calibrated = CalibratedClassifierCV(FrozenEstimator(light), cv=2).fit(X, y)
    assert calibrated.predict_proba(X).shape == (60, 2)


def test_nothing_is_printed_and_nothing_global_changes(fitted, tmp_path, capfd):
    filters, handlers = list(warnings.filters), list(logging.getLogger().handlers)
    fitted.export_onnx(tmp_path / "model", quantize="int8")
    assert capfd.readouterr() == ("", "")
    assert warnings.filters == filters
    assert logging.getLogger().handlers == handlers
    assert logging.root.manager.disable == logging.NOTSET
    assert not fitted.module_.training


def test_the_folder_says_what_it_is(exported):
    names = {"model.onnx", "tokenizer.json", "sklearn_bert.json", "README.md"}
    assert {path.name for path in exported.iterdir()} == names
    card = (exported / "README.md").read_text()
    assert "OnnxTextClassifier.from_pretrained" in card
    assert "one of 2 labels: `neg`, `pos`" in card
    manifest = json.loads((exported / "sklearn_bert.json").read_text())
    assert manifest["checked"]["largest difference of probabilities"] < 1e-5
    assert manifest["checked"]["texts"] > 30


@pytest.mark.slow
def test_large_weights_lie_beside_the_graph(fitted, tmp_path, monkeypatch, reviews):
    monkeypatch.setattr(_onnx_export, "_LARGEST_FILE", 0)
    fitted.export_onnx(tmp_path / "model")
    assert (tmp_path / "model" / "model.onnx.data").is_file()
    light = OnnxTextClassifier.from_pretrained(tmp_path / "model")
    assert light.predict(reviews[0]).tolist() == fitted.predict(reviews[0]).tolist()


# What is wrong


def test_what_cannot_be_exported_is_one_sentence(fitted, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(_onnx_export.torch.onnx, "export", lambda *a, **k: 1 / 0)
        with pytest.raises(ValueError, match=r"torch cannot export Bert.* \(division by zero\)"):
            fitted.export_onnx(tmp_path / "model")
    with monkeypatch.context() as patch:
        patch.setattr(_onnx_export, "_TOLERANCE", -1)
        with pytest.raises(ValueError, match="must give the probabilities that torch gives"):
            fitted.export_onnx(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_without_the_extra_it_says_how_to_get_it(fitted, exported, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    way_out = r"pip install 'sklearn-bert\[onnx\]'"
    with pytest.raises(ModuleNotFoundError, match=way_out):
        fitted.export_onnx(tmp_path / "model")
    with pytest.raises(ModuleNotFoundError, match=way_out):
        OnnxTextClassifier.from_pretrained(exported)


def test_wrong_arguments_are_named(fitted, make_classifier, exported, tmp_path):
    with pytest.raises(ValueError, match="quantize must be None or 'int8', got 'int4'"):
        fitted.export_onnx(tmp_path / "model", quantize="int4")
    with pytest.raises(ValueError, match="X must hold single texts"):
        fitted.export_onnx(tmp_path / "model", X=PAIRS)
    with pytest.raises(NotFittedError):
        make_classifier().export_onnx(tmp_path / "model")
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(FileExistsError, match="must be new, an empty folder or a model"):
        fitted.export_onnx(tmp_path)
    for n_threads in (0, 1.5, True, np.int64(0)):
        with pytest.raises(ValueError, match="n_threads must be an int above 0, got "):
            OnnxTextClassifier.from_pretrained(exported, n_threads=n_threads)
    with pytest.raises(TypeError, match="load one with OnnxTextClassifier"):
        OnnxTextClassifier()
    with pytest.raises(TypeError, match="cannot be fitted"):
        OnnxTextClassifier.from_pretrained(exported).fit(["good"], [1])


def test_wrong_input_is_named(exported):
    light = OnnxTextClassifier.from_pretrained(exported)
    with pytest.raises(ValueError, match="got the single text 'good'"):
        light.predict("good")
    with pytest.raises(TypeError, match="got None of type NoneType at row 1"):
        light.predict_proba(["good", None])
    with pytest.raises(ValueError, match=r"X must hold single texts, .* got pairs of texts"):
        light.decision_function(PAIRS)
    with pytest.raises(ValueError, match=r"y must have the shape .* \(1,\), got \(2,\)"):
        light.score(["good"], ["pos", "neg"])


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "pickle", "nonsense"])
def test_a_damaged_folder_is_refused(exported, tmp_path, damage):
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    graph = folder / "model.onnx"
    content = bytearray(graph.read_bytes())
    if damage == "flip":
        content[1000] ^= 1
    elif damage == "cut":
        del content[-1:]
    elif damage == "nonsense":
        content = b"nonsense"
    graph.write_bytes(content)
    if damage == "remove":
        graph.unlink()
    elif damage == "pickle":
        (folder / "model.pkl").write_bytes(b"")
    elif damage == "nonsense":
        seal(folder)  # as if it had been written so
    match = "must hold only what" if damage == "pickle" else "is damaged"
    with pytest.raises(ValueError, match=match):
        OnnxTextClassifier.from_pretrained(folder)


def test_the_other_kind_is_named(exported, fitted, tmp_path):
    with pytest.raises(ValueError, match="not a classifier; load it with OnnxTextClassifier"):
        BertTextClassifier.from_pretrained(exported)
    fitted.save_pretrained(tmp_path / "model")
    with pytest.raises(ValueError, match="load it with BertTextClassifier"):
        OnnxTextClassifier.from_pretrained(tmp_path / "model")
    with pytest.raises(FileNotFoundError, match="written by export_onnx"):
        OnnxTextClassifier.from_pretrained(tmp_path)
