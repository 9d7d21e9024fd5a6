"""An exported classifier gives the answers of the one it comes from, without torch."""

import json
import logging
import os
import pickle
import re
import shutil
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
import pytest
import transformers
from architectures import ARCHITECTURES
from sealing import seal
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError

from sklearn_bert import BertTextClassifier, OnnxTextClassifier
from sklearn_bert._install import install_command
from sklearn_bert._saving import onnx_export as _onnx_export

PAIRS = [("the good film", "a bad book"), ("bad", "good " * 70)] * 8
LONG = ["the good film", "bad " * 100, "", "a book of a film " * 30] * 4
KINDS = {
    "two classes": (LONG, [True, False] * 8, {}),
    "three classes": (LONG, [3, 1, 2, 1] * 4, {"long_text": "head+tail"}),
    "the end": (LONG, [3, 1, 2, 1] * 4, {"long_text": "tail"}),
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
def test_any_encoder_is_exported(make_folder, tmp_path, reviews, kind):
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
    (graph,) = (tmp_path / "model" / "onnx").iterdir()
    assert graph.name == "model_quantized.onnx"  # what transformers.js calls it
    assert graph.stat().st_size < 30e6
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
    names = {path.relative_to(exported).as_posix() for path in exported.rglob("*")}
    assert names == {
        "README.md",
        "config.json",
        "onnx",
        "onnx/model.onnx",
        "sklearn_bert.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    card = (exported / "README.md").read_text()
    assert "OnnxTextClassifier.from_pretrained" in card
    assert "one of 2 labels: `neg`, `pos`" in card
    manifest = json.loads((exported / "sklearn_bert.json").read_text())
    assert manifest["checked"]["largest difference of probabilities"] < 1e-5
    assert manifest["checked"]["texts"] > 30


@pytest.mark.slow
@pytest.mark.parametrize("linked", [False, True])
def test_large_weights_lie_beside_the_graph(fitted, tmp_path, monkeypatch, reviews, linked):
    monkeypatch.setattr(_onnx_export, "_LARGEST_FILE", 0)
    folder = tmp_path / "model"
    fitted.export_onnx(folder)
    assert {path.name for path in (folder / "onnx").iterdir()} == {"model.onnx", "model.onnx_data"}
    config = json.loads((folder / "config.json").read_text())["transformers.js_config"]
    assert config == {"dtype": "fp32", "use_external_data_format": True}
    if linked:
        link_all(folder, tmp_path / "blobs")
    light = OnnxTextClassifier.from_pretrained(folder)
    assert light.predict(reviews[0]).tolist() == fitted.predict(reviews[0]).tolist()


def link_all(folder, blobs):
    """Replace all files by links, as the cache of the hub has them."""
    blobs.mkdir()
    for number, file in enumerate(path for path in sorted(folder.rglob("*")) if path.is_file()):
        shutil.move(file, blobs / str(number))
        file.symlink_to(os.path.relpath(blobs / str(number), file.parent))


def test_a_folder_of_links_to_files_is_read(exported, reviews, tmp_path):
    shutil.copytree(exported, tmp_path / "model")
    link_all(tmp_path / "model", tmp_path / "blobs")
    light = OnnxTextClassifier.from_pretrained(tmp_path / "model")
    expected = OnnxTextClassifier.from_pretrained(exported).predict(reviews[0])
    np.testing.assert_array_equal(light.predict(reviews[0]), expected)
    (tmp_path / "model" / "onnx" / "model.onnx").unlink()
    (tmp_path / "model" / "onnx" / "model.onnx").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match=r"'onnx/model.onnx' is neither a file nor a link to one"):
        OnnxTextClassifier.from_pretrained(tmp_path / "model")


def test_a_graph_beside_its_tokenizer_is_read_too(exported, reviews, tmp_path):
    """Where the first release had it."""
    for source, name in {
        "onnx/model.onnx": "model.onnx",
        "tokenizer.json": "tokenizer.json",
        "sklearn_bert.json": "sklearn_bert.json",
    }.items():
        shutil.copy(exported / source, tmp_path / name)
    seal(tmp_path, files={"model.onnx": "", "tokenizer.json": ""})
    light = OnnxTextClassifier.from_pretrained(tmp_path)
    expected = OnnxTextClassifier.from_pretrained(exported).predict(reviews[0])
    np.testing.assert_array_equal(light.predict(reviews[0]), expected)


# Who else reads it


def test_transformers_reads_tokenizer_and_configuration(exported, fitted):
    config = transformers.AutoConfig.from_pretrained(exported)
    assert list(config.id2label.items()) == list(enumerate(fitted.classes_))
    assert config.problem_type == "single_label_classification"
    assert config.architectures == ["BertForSequenceClassification"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(exported)
    graph = onnxruntime.InferenceSession(exported / "onnx" / "model.onnx")
    for text in ("the good film", "the bad book of a film " * 20):
        found = tokenizer([text], truncation=True, return_tensors="np")
        assert found["input_ids"].shape[1] <= fitted.max_length_
        inputs = {node.name: found[node.name] for node in graph.get_inputs()}
        (logits,) = graph.run(["logits"], inputs)
        np.testing.assert_allclose(logits, fitted._outputs([text]), atol=1e-4)


SCRIPT = """
import { pipeline, env } from "@huggingface/transformers";
env.allowRemoteModels = false;
env.localModelPath = process.argv[2];
const classify = await pipeline("text-classification", "model");
console.log(JSON.stringify(await classify(JSON.parse(process.argv[3]), { top_k: null })));
"""


@pytest.fixture(scope="module")
def transformers_js(tmp_path_factory):
    """Return a function that asks transformers.js, which npm installs, for probabilities."""
    folder = tmp_path_factory.mktemp("node")
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("no Node here")
    install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
    command = [*install, "@huggingface/transformers@4"]
    if subprocess.run(command, cwd=folder, capture_output=True, timeout=600).returncode:
        pytest.skip("transformers.js cannot be installed here")
    (folder / "ask.mjs").write_text(SCRIPT)

    def ask(path, texts):
        command = ["node", "ask.mjs", str(path.parent), json.dumps(texts)]
        found = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
        assert found.returncode == 0, found.stderr[-2000:]
        return [
            {row["label"]: row["score"] for row in answer} for answer in json.loads(found.stdout)
        ]

    return ask


@pytest.mark.slow
@pytest.mark.parametrize(("several", "quantize"), [(False, "int8"), (True, None)])
def test_transformers_js_gives_the_same_answers(
    transformers_js, minilm, tmp_path, several, quantize
):
    X = ["a joy from start to end", "what a waste of time", "it is", "so good it hurts"] * 4
    y = [[1, 0], [0, 1], [1, 1], [0, 1]] * 4 if several else ["good", "bad", "", "good"] * 4
    clf = BertTextClassifier(minilm, epochs=1, batch_size=8, random_state=0).fit(X, y)
    clf.export_onnx(tmp_path / "model", quantize=quantize, X=X)
    light = OnnxTextClassifier.from_pretrained(tmp_path / "model")
    for answer, text in zip(transformers_js(tmp_path / "model", X[:4]), X, strict=False):
        proba = light.predict_proba([text])[0]
        expected = dict(zip(map(str, light.classes_), proba, strict=True))
        assert answer == pytest.approx(expected, abs=1e-5 if quantize is None else 0.05)


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
    way_out = re.escape(f"run {install_command('onnx')}.")
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


def test_graph_and_weights_do_not_share_a_folder(fitted, exported, tmp_path):
    fitted.save_pretrained(tmp_path / "saved")
    shutil.copytree(exported, tmp_path / "exported")
    with pytest.raises(FileExistsError, match="belongs to what save_pretrained wrote; choose"):
        fitted.export_onnx(tmp_path / "saved")
    with pytest.raises(FileExistsError, match="belongs to what export_onnx wrote; choose"):
        fitted.save_pretrained(tmp_path / "exported")
    BertTextClassifier.from_pretrained(tmp_path / "saved")
    OnnxTextClassifier.from_pretrained(tmp_path / "exported")


@pytest.mark.slow
def test_an_older_graph_is_replaced(make_classifier, reviews, exported, tmp_path):
    shutil.copytree(exported, tmp_path / "model")
    clf = make_classifier(epochs=1).fit(*reviews)
    clf.export_onnx(tmp_path / "model", quantize="int8")
    assert [path.name for path in (tmp_path / "model" / "onnx").iterdir()] == [
        "model_quantized.onnx"
    ]
    light = OnnxTextClassifier.from_pretrained(tmp_path / "model")
    np.testing.assert_allclose(light.predict_proba(["bad"]), clf.predict_proba(["bad"]), atol=0.1)


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "pickle", "nonsense"])
def test_a_damaged_folder_is_refused(exported, tmp_path, damage):
    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    graph = folder / "onnx" / "model.onnx"
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
