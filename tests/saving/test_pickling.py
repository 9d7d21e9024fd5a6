"""Pickles and copies predict the same, anywhere, and hold only what prediction needs."""

import copy
import gc
import io
import pickle
import shutil
import tempfile
import weakref
from functools import partial
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pytest
import torch
import torch._lazy.ts_backend
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping
from skorch.utils import noop
from tokenizers import normalizers

from sklearn_bert import BertTextClassifier, BertTextEmbedder

FITTED = {
    "classes_",
    "module_",
    "tokenizer_",
    "max_length_",
    "learning_rate_",
    "history_",
    "batch_size_",
    "n_epochs_",
    "training_curve_",
    "multilabel_",
    "n_samples_fit_",
    "pairs_",
    "_ending",
}

# What an application does that loads a model, on a machine without a network: the first try to
# connect ends the process, in whatever thread and under whatever `except` it is made.
LOAD_AND_PREDICT = """
import os, pickle, socket

def refuse(*args, **kwargs):
    os._exit(3)

socket.socket.connect = socket.socket.connect_ex = refuse
socket.create_connection = socket.getaddrinfo = refuse

import torch
torch.set_num_threads(1)
with open(os.environ["MODEL"], "rb") as file:
    clf, texts = pickle.load(file)
with open(os.environ["ANSWER"], "wb") as file:
    pickle.dump((clf.predict_proba(texts), str(clf.module_.device)), file)
"""


def via_pickle(estimator, folder, protocol):
    return pickle.loads(pickle.dumps(estimator, protocol))


def via_cloudpickle(estimator, folder):
    return pickle.loads(cloudpickle.dumps(estimator))


def via_joblib(estimator, folder, mmap_mode):
    joblib.dump(estimator, folder / "model.joblib")
    return joblib.load(folder / "model.joblib", mmap_mode=mmap_mode)


def via_deepcopy(estimator, folder):
    return copy.deepcopy(estimator)


def via_copy(estimator, folder):
    return copy.copy(estimator)


WAYS = {
    **{
        f"pickle protocol {protocol}": partial(via_pickle, protocol=protocol)
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
    "cloudpickle": via_cloudpickle,
    "joblib": partial(via_joblib, mmap_mode=None),
    "joblib memory-mapped": partial(via_joblib, mmap_mode="r"),
    "deepcopy": via_deepcopy,
    "copy": via_copy,
}


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def duplicate(request, tmp_path):
    """A function that sends an estimator one of the ways and returns what arrives."""
    return partial(request.param, folder=tmp_path)


def stopping(patience):
    """A callback that stops training after `patience` epochs: none is better by 100."""
    return EarlyStopping("train_loss", patience, threshold=100, threshold_mode="abs", sink=noop)


def assert_same_parameters(one, other):
    """Compare all parameters; callbacks, which have no ==, by theirs."""
    one, other = one.get_params(), other.get_params()
    names = [[type(callback) for callback in p.pop("callbacks") or ()] for p in (one, other)]
    assert names[0] == names[1]
    assert one == other


@pytest.fixture
def predict_elsewhere(run_python, tmp_path):
    """A function that returns a fresh process's probabilities, and the device it has them from."""

    def predict(clf, texts, **environment):
        model, answer = tmp_path / "model.pickle", tmp_path / "answer.pickle"
        model.write_bytes(pickle.dumps((clf, texts)))
        # The hub is not switched off there, which would hide a request; and no model is cached.
        here = {"HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path)}
        run_python(LOAD_AND_PREDICT, MODEL=str(model), ANSWER=str(answer), **here, **environment)
        return pickle.loads(answer.read_bytes())

    return predict


def test_a_fitted_copy_is_equal(fitted, reviews, duplicate):
    other = duplicate(fitted)
    np.testing.assert_array_equal(other.predict_proba(reviews[0]), fitted.predict_proba(reviews[0]))
    np.testing.assert_array_equal(other.classes_, fitted.classes_)
    assert other.classes_.dtype == fitted.classes_.dtype
    assert other.history_ == fitted.history_
    assert vars(other).keys() == vars(fitted).keys()
    assert_same_parameters(other, fitted)


def test_an_unfitted_copy_is_equal(make_classifier, duplicate):
    clf = make_classifier(max_length=8, class_weight={"neg": 2}, callbacks=[stopping(1)])
    other = duplicate(clf)
    assert vars(other).keys() == vars(clf).keys()
    assert_same_parameters(other, clf)


def test_a_copy_trains_with_its_callback(make_classifier, reviews, duplicate):
    clf = make_classifier(epochs=3, callbacks=[stopping(1)]).fit(*reviews)
    other = duplicate(clf)
    assert_same_parameters(other, clf)
    assert other.n_epochs_ == clf.n_epochs_ < 3
    other = duplicate(clone(clf).set_params(callbacks__EarlyStopping__patience=2))
    assert other.fit(*reviews).n_epochs_ == clf.n_epochs_ + 1


def test_a_copy_goes_on_in_the_random_state_of_the_original(make_classifier, reviews, duplicate):
    random_state = np.random.RandomState(0)
    random_state.uniform(size=5)  # no longer as the seed leaves it
    clf = make_classifier(epochs=1, random_state=random_state)
    # Of a deep copy: a shallow one shares its original's state, which a fit moves on.
    other = duplicate(copy.deepcopy(clf))
    np.testing.assert_array_equal(
        other.fit(*reviews).predict_proba(reviews[0]), clf.fit(*reviews).predict_proba(reviews[0])
    )


def test_a_copy_that_reads_the_mean_goes_on_as_the_original_does(
    make_classifier, model_with_dropout, reviews, duplicate
):
    options = {"pooling": "mean", "epochs": 1, "batch_size": 8}
    clf = make_classifier(**options, warm_start=True).set_params(model=model_with_dropout)
    clf.fit(*reviews)
    copy = duplicate(clf)
    for each in clf, copy:
        each.set_params(random_state=3).fit(*reviews)
    np.testing.assert_array_equal(
        copy.decision_function(reviews[0]), clf.decision_function(reviews[0])
    )


def test_refitting_a_copy_leaves_the_original_as_it_is(fitted, reviews, duplicate):
    texts, labels = reviews
    before = fitted.predict_proba(texts)
    other = duplicate(fitted).set_params(random_state=1, epochs=1).fit(texts, labels)
    assert not np.array_equal(other.predict_proba(texts), before)
    np.testing.assert_array_equal(fitted.predict_proba(texts), before)


def test_a_pickle_needs_neither_hub_nor_folder(tiny_model, reviews, tmp_path, predict_elsewhere):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    clf = BertTextClassifier(folder, epochs=1, batch_size=8, random_state=0).fit(*reviews)
    before = clf.predict_proba(reviews[0])
    shutil.rmtree(folder)
    proba, _ = predict_elsewhere(clf, reviews[0])
    np.testing.assert_array_equal(proba, before)


def test_a_pickle_of_a_model_on_another_device_is_on_the_cpu(fitted, reviews):
    # torch's lazy device: the only other one that every machine has and that keeps its data.
    torch._lazy.ts_backend.init()
    clf = copy.deepcopy(fitted)
    clf.module_.to("lazy")
    other = pickle.loads(pickle.dumps(clf))
    assert devices(other.module_) == {"cpu"}
    np.testing.assert_array_equal(other.predict_proba(reviews[0]), fitted.predict_proba(reviews[0]))
    assert devices(clf.module_) == {"lazy"}


def test_joblib_maps_the_weights_and_what_is_written_to_them_stays_here(fitted, reviews, tmp_path):
    file = tmp_path / "model.joblib"
    joblib.dump(fitted, file)
    before = file.read_bytes()
    clf = joblib.load(file, mmap_mode="r")
    maps = Path("/proc/self/maps")
    if maps.exists():
        ranges = [
            [int(end, 16) for end in line.split()[0].split("-")]
            for line in maps.read_text().splitlines()
            if str(file) in line
        ]
        for parameter in clf.module_.parameters():
            assert any(begin <= parameter.data_ptr() < end for begin, end in ranges)
    with torch.no_grad():
        clf.module_.classifier.weight.zero_()  # would end the process on memory only for reading
    assert file.read_bytes() == before
    clf = joblib.load(file, mmap_mode="r").set_params(warm_start=True, epochs=1)
    other = clone(fitted).set_params(warm_start=True)
    vars(other).update(vars(copy.deepcopy(fitted)))
    other.set_params(warm_start=True, epochs=1)
    np.testing.assert_array_equal(
        clf.fit(*reviews).predict_proba(reviews[0]), other.fit(*reviews).predict_proba(reviews[0])
    )


@pytest.mark.slow
def test_a_worker_predicts_with_weights_that_joblib_maps(fitted, reviews):
    texts = reviews[0]
    parallel = joblib.Parallel(n_jobs=2, max_nbytes=1000)
    proba = parallel(joblib.delayed(fitted.predict_proba)(part) for part in (texts[:9], texts[9:]))
    np.testing.assert_allclose(np.concatenate(proba), fitted.predict_proba(texts), atol=1e-6)


@pytest.mark.parametrize("context", [torch.inference_mode, partial(torch.device, "meta")])
def test_what_torch_is_set_to_is_not_for_a_loaded_model(fitted, reviews, context):
    content = pickle.dumps(fitted)
    random_state = torch.get_rng_state()
    with context():
        clf = pickle.loads(content)
    assert torch.equal(torch.get_rng_state(), random_state)
    np.testing.assert_array_equal(clf.predict_proba(reviews[0]), fitted.predict_proba(reviews[0]))
    assert not any(parameter.is_inference() for parameter in clf.module_.parameters())
    assert clf.module_.training is False


def test_a_pickle_says_nothing_and_leaves_no_file(fitted, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    copied = pickle.loads(pickle.dumps(fitted))
    assert list(tmp_path.iterdir()) == []
    assert str(tmp_path) not in repr(vars(copied.tokenizer_)) + repr(vars(copied.module_.config))
    assert capfd.readouterr() == ("", "")


def test_a_copy_of_a_copy_holds_the_same_files(fitted):
    one = fitted.__getstate__()["packed_model_"]
    two = pickle.loads(pickle.dumps(fitted)).__getstate__()["packed_model_"]
    assert one["files"].keys() == two["files"].keys() >= {"config.json", "tokenizer.json"}
    for name, content in one["files"].items():
        assert content.tobytes() == two["files"][name].tobytes(), name


@pytest.mark.parametrize("frozen", [False, True])
def test_an_embedder_holds_the_model_of_its_estimator_once(fitted, reviews, frozen, duplicate):
    estimator = FrozenEstimator(fitted) if frozen else fitted
    embedder = BertTextEmbedder(estimator=estimator).fit(reviews[0])
    assert len(pickle.dumps(embedder)) < 1.1 * len(pickle.dumps(fitted))
    other = duplicate(embedder)
    np.testing.assert_array_equal(other.transform(reviews[0]), embedder.transform(reviews[0]))
    assert other.module_ is other.estimator_.module_
    assert vars(other).keys() == vars(embedder).keys()


def test_an_embedder_keeps_its_model_when_its_estimator_has_a_new_one(fitted, reviews, duplicate):
    clf = copy.deepcopy(fitted)
    embedder = BertTextEmbedder(estimator=clf).fit(reviews[0])
    before = embedder.transform(reviews[0])
    clf.set_params(random_state=5, epochs=1).fit(*reviews)
    np.testing.assert_array_equal(duplicate(embedder).transform(reviews[0]), before)


def test_a_tokenizer_that_was_changed_stays_so(minilm, duplicate):
    """Its class builds one of its own from the vocabulary, which would not read lower case."""
    embedder = BertTextEmbedder(minilm).fit(["a text"])
    backend = embedder.tokenizer_.backend_tokenizer
    backend.normalizer = normalizers.Sequence([normalizers.Replace("a", "e"), backend.normalizer])
    backend.enable_truncation(9)
    other = duplicate(embedder).tokenizer_
    assert type(other) is type(embedder.tokenizer_)
    assert other.backend_tokenizer.to_str() == backend.to_str()
    assert other("a cat")["input_ids"] == embedder.tokenizer_("e cet")["input_ids"]


def test_a_half_precision_model_keeps_its_weights(fitted, duplicate):
    clf = copy.deepcopy(fitted)
    clf.module_.to(torch.bfloat16)
    other = duplicate(clf)
    for one, two in zip(clf.module_.parameters(), other.module_.parameters(), strict=True):
        assert one.dtype == two.dtype == torch.bfloat16
        assert torch.equal(one, two)


def test_weights_of_another_configuration_are_refused(fitted):
    state = fitted.__getstate__()
    weights = state["packed_model_"]["weights"]
    weights["classifier.weight"] = weights["classifier.weight"][:, :5]
    with pytest.raises(ValueError, match=r"the weights of its configuration, .*classifier.weight"):
        BertTextClassifier().__setstate__(state)


def test_a_pickled_file_cannot_be_written_to_another_folder(fitted):
    state = fitted.__getstate__()
    state["packed_model_"]["files"]["../config.json"] = np.zeros(2, np.uint8)
    with pytest.raises(ValueError, match=r"files of plain names, got '\.\./config\.json'"):
        BertTextClassifier().__setstate__(state)


def devices(module):
    """Return the devices of all that a module holds."""
    return {tensor.device.type for tensor in [*module.parameters(), *module.buffers()]}


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "predict_log_proba", "decision_function"]
)
def test_without_its_device_a_classifier_predicts_on_another_with_a_warning(
    fitted, reviews, monkeypatch, method
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    clf = copy.copy(fitted).set_params(device="cuda")
    with pytest.warns(UserWarning, match=r"device='cuda' is not .* Predicting on 'cpu'") as caught:
        result = getattr(clf, method)(reviews[0])
    np.testing.assert_array_equal(result, getattr(fitted, method)(reviews[0]))
    assert len(caught) == 1
    assert caught[0].filename == __file__  # it points at the caller's line


@pytest.mark.gpu
def test_a_model_fitted_on_a_gpu_predicts_on_a_machine_without(
    make_classifier, reviews, predict_elsewhere
):
    clf = make_classifier(device="auto").fit(*reviews)
    assert devices(clf.module_) == {"cuda"}
    proba, device = predict_elsewhere(clf, reviews[0], CUDA_VISIBLE_DEVICES="")
    assert device == "cpu"
    np.testing.assert_allclose(proba, clf.predict_proba(reviews[0]), atol=1e-4)
    assert devices(clf.module_) == {"cuda"}


def test_a_fitted_classifier_holds_only_its_module_and_tokenizer(fitted):
    held = {name: value for name, value in vars(fitted).items() if name not in fitted.get_params()}
    assert held.keys() == FITTED
    sizes = {name: len(pickle.dumps(value)) for name, value in held.items()}
    del sizes["module_"], sizes["tokenizer_"]
    assert max(sizes.values()) < 2000, sizes


def test_a_fitted_classifier_holds_no_gradients(fitted):
    # They would double its memory until the next fit.
    assert [name for name, p in fitted.module_.named_parameters() if p.grad is not None] == []


class Witness(Callback):
    """Keep weak references to the net that trains and to its optimizer."""

    seen = ()

    def on_train_begin(self, net, **kwargs):
        """Remember them on the class, since it is a clone that runs."""
        Witness.seen = (weakref.ref(net), weakref.ref(net.optimizer_))


def test_the_net_and_the_optimizer_are_gone_after_a_fit(make_classifier, reviews):
    clf = make_classifier(epochs=1, callbacks=[Witness()]).fit(*reviews)
    gc.collect()
    assert len(Witness.seen) == 2
    assert [reference() for reference in Witness.seen] == [None, None]
    assert not types_in_pickle(clf) & {NeuralNet, torch.optim.Optimizer}


def types_in_pickle(estimator):
    """Return the types, bases included, of all objects that a pickle holds."""
    types = set()

    class Observer(pickle.Pickler):
        def persistent_id(self, obj):
            types.update(type(obj).__mro__)

    Observer(io.BytesIO()).dump(estimator)
    return types


@pytest.mark.slow
def test_the_pickle_of_a_real_model_is_little_larger_than_its_weights(minilm, reviews):
    texts, labels = reviews
    clf = BertTextClassifier(minilm, epochs=1, random_state=0).fit(texts[:8], labels[:8])
    weights = sum(p.numel() * p.element_size() for p in clf.module_.parameters())
    assert weights < len(pickle.dumps(clf)) < 1.2 * weights
