"""A smaller encoder is distilled from a fitted one: an estimator of the same class."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from architectures import ARCHITECTURES, TINY
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_bert import BertTextClassifier, BertTextRegressor, OnnxTextClassifier, explain
from sklearn_bert._estimators import student as student_module


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Train shortly: the toy problems are learnt at once."""
    monkeypatch.setattr(student_module, "_LEAST_STEPS", 60)


@pytest.fixture(scope="module")
def student(fitted, reviews):
    """A student of one layer that no test may change."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(student_module, "_LEAST_STEPS", 60)
        return fitted.distill(reviews[0], n_layers=1, random_state=0)


@pytest.fixture
def make_regressor(tiny_model):
    """Return a function that makes quick regressors of the tiny model."""
    return lambda **parameters: BertTextRegressor(
        tiny_model,
        **{"epochs": 6, "learning_rate": 5e-3, "head": "new", "random_state": 0, **parameters},
    )


def weights_of(model):
    """Return copies of the weights, by name."""
    return {name: value.clone() for name, value in model.module_.state_dict().items()}


def n_layers_of(model):
    """Return the layers of a BERT."""
    assert len(model.module_.bert.encoder.layer) == model.module_.config.num_hidden_layers
    return model.module_.config.num_hidden_layers


# What it is


def test_it_answers_as_its_teacher(student, fitted, reviews):
    texts = reviews[0]
    assert type(student) is BertTextClassifier
    assert (n_layers_of(student), n_layers_of(fitted)) == (1, 2)
    np.testing.assert_array_equal(student.predict(texts), fitted.predict(texts))
    proba = student.predict_proba(texts)
    assert np.abs(proba - fitted.predict_proba(texts)).max() < 0.1
    assert student.score(*reviews) == fitted.score(*reviews)
    assert student.classes_.tolist() == fitted.classes_.tolist()
    assert (student.n_samples_fit_, len(student.training_curve_["loss"])) == (60, 64)


def test_it_learns_the_probabilities_not_only_the_labels(make_classifier, reviews):
    texts = reviews[0]
    votes = np.array([[0.2, 0.8] if "good" in text else [0.7, 0.3] for text in texts])
    teacher = make_classifier(epochs=8).fit(texts, votes)
    expected = teacher.predict_proba(texts)
    assert expected.max() < 0.9
    for options in ({"n_layers": 1}, {"model": teacher.model}):
        found = teacher.distill(texts, random_state=0, **options).predict_proba(texts)
        np.testing.assert_allclose(found, expected, atol=0.05)


def test_several_labels(make_classifier, tiny_model, reviews):
    texts, labels = reviews
    y = pd.DataFrame({"pos": np.equal(labels, "pos"), "film": ["film" in text for text in texts]})
    clf = make_classifier(epochs=12).fit(texts, y)
    for options in ({"n_layers": 1}, {"model": tiny_model}):
        student = clf.distill(texts, random_state=0, **options)
        assert (student.multilabel_, student.classes_.tolist()) == (True, ["pos", "film"])
        np.testing.assert_allclose(student.predict_proba(texts), clf.predict_proba(texts), atol=0.1)
        assert student.score(texts, y) == clf.score(texts, y)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_numbers(make_regressor, tiny_model, reviews, n_outputs):
    texts, labels = reviews
    y = pd.DataFrame({"stars": 3.0 + 2 * np.equal(labels, "pos"), "length": [*map(len, texts)]})
    reg = make_regressor().fit(texts, y if n_outputs == 2 else y["stars"])
    for options in ({"n_layers": 1}, {"model": tiny_model}):
        student = reg.distill(texts, random_state=0, **options)
        assert type(student) is BertTextRegressor
        assert student.predict(texts).shape == reg.predict(texts).shape
        assert student.score(texts, reg.predict(texts)) > 0.9
        assert student.target_names_ == reg.target_names_
        np.testing.assert_array_equal(student.target_mean_, reg.target_mean_)


def test_pairs(make_classifier, reviews):
    texts, labels = reviews
    pairs = pd.DataFrame({"one": texts, "other": texts[1:] + texts[:1]})
    clf = make_classifier(epochs=6).fit(pairs, labels)
    student = clf.distill(pairs, n_layers=1, random_state=0)
    np.testing.assert_array_equal(student.predict(pairs), clf.predict(pairs))
    assert student.feature_names_in_.tolist() == ["one", "other"]
    with pytest.raises(ValueError, match="order"):
        clf.distill(pairs[["other", "one"]], n_layers=1)
    with pytest.raises(ValueError, match="must hold pairs of texts"):
        clf.distill(texts, n_layers=1)
    # The names are those of the teacher, whatever it is distilled on.
    with pytest.warns(UserWarning, match="fitted with feature names"):
        student = clf.distill(pairs.to_numpy(), n_layers=1)
    assert student.feature_names_in_.tolist() == ["one", "other"]


def test_more_texts_need_no_labels(fitted, reviews):
    texts = [*reviews[0], "", "the good and the good"]
    student = fitted.distill(pd.Series(texts), n_layers=1, random_state=0)
    np.testing.assert_array_equal(student.predict(texts), fitted.predict(texts))
    assert student.n_samples_fit_ == 62


@pytest.mark.parametrize("long_text", ["tail", "windows"])
def test_long_texts_are_read_as_the_teacher_reads_them(make_classifier, reviews, long_text):
    texts = ["a " * 80 + text for text in reviews[0]]
    clf = make_classifier(long_text=long_text, epochs=8).fit(texts, reviews[1])
    student = clf.distill(texts, n_layers=1, random_state=0)
    np.testing.assert_array_equal(student.predict(texts), clf.predict(texts))


# Its layers


def layers_kept(teacher, student):
    """Return the numbers of the layers of a teacher that an untrained student has."""
    known = [layer.state_dict() for layer in teacher.module_.bert.encoder.layer]
    return [
        next(
            number
            for number, state in enumerate(known)
            if all(torch.allclose(value, state[name], atol=1e-6) for name, value in own.items())
        )
        for own in (layer.state_dict() for layer in student.module_.bert.encoder.layer)
    ]


@pytest.mark.parametrize(
    ("n_layers", "kept"), [(1, [0]), (2, [0, 5]), (3, [0, 2, 5]), (5, [0, 1, 2, 4, 5])]
)
@pytest.mark.filterwarnings("ignore::sklearn_bert.NothingLearntWarning")
def test_layers_are_taken_evenly(make_folder, reviews, n_layers, kept, monkeypatch):
    monkeypatch.setattr(student_module, "_LEAST_STEPS", 1)
    config = transformers.BertConfig(**{**TINY, "num_hidden_layers": 6}, initializer_range=0.2)
    teacher = BertTextClassifier(make_folder(config), epochs=1, learning_rate=1e-12, head="new")
    teacher.fit(*reviews)
    student = teacher.distill(reviews[0], n_layers=np.int64(n_layers))
    assert layers_kept(teacher, student) == kept
    assert len(student.module_.bert.encoder.layer) == n_layers


def test_a_mean_over_the_tokens_stays(tiny_model, reviews, tmp_path):
    texts = reviews[0]
    parameters = {"pooling": "mean", "head": "new", "learning_rate": 5e-3, "random_state": 0}
    clf = BertTextClassifier(tiny_model, epochs=4, **parameters).fit(*reviews)
    student = clf.distill(texts, n_layers=1, random_state=0)
    # One layer more takes the mean.
    assert (n_layers_of(clf), n_layers_of(student)) == (3, 2)
    last = [model.module_.bert.encoder.layer[-1].state_dict() for model in (clf, student)]
    assert all(torch.equal(value, last[1][name]) for name, value in last[0].items())
    # A teacher that was loaded has the same student.
    clf.save_pretrained(tmp_path / "model")
    loaded = BertTextClassifier.from_pretrained(tmp_path / "model")
    other = loaded.distill(texts, n_layers=1, random_state=0)
    np.testing.assert_array_equal(other.predict_proba(texts), student.predict_proba(texts))
    with pytest.raises(ValueError, match="n_layers must be less than 2, the layers of"):
        clf.distill(texts, n_layers=2)


@pytest.mark.parametrize("name", ["distilbert", "roberta", "electra", "mpnet", "deberta-v2"])
@pytest.mark.filterwarnings("ignore::sklearn_bert.NothingLearntWarning")
def test_architectures(make_folder, reviews, tmp_path, name, monkeypatch):
    monkeypatch.setattr(student_module, "_LEAST_STEPS", 1)
    X, y = reviews[0][:8], reviews[1][:8]
    clf = BertTextClassifier(make_folder(ARCHITECTURES[name]), epochs=1, head="new").fit(X, y)
    student = clf.distill(X, n_layers=1, random_state=0)
    n_weights = [
        sum(value.numel() for value in weights_of(model).values()) for model in (clf, student)
    ]
    assert n_weights[1] < n_weights[0]
    expected = student.predict_proba(X)
    student.save_pretrained(tmp_path / "student")
    for other in (
        BertTextClassifier.from_pretrained(tmp_path / "student"),
        pickle.loads(pickle.dumps(student)),
    ):
        assert other.module_.config.num_hidden_layers == 1
        np.testing.assert_allclose(other.predict_proba(X), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["albert", "modernbert"])
@pytest.mark.filterwarnings("ignore::sklearn_bert.NothingLearntWarning")
def test_layers_that_cannot_be_taken_out_are_named(make_folder, reviews, name):
    X, y = reviews[0][:8], reviews[1][:8]
    clf = BertTextClassifier(make_folder(ARCHITECTURES[name]), epochs=1, head="new").fit(X, y)
    with pytest.raises(ValueError, match=rf"n_layers needs an .* got '{name}'; use model"):
        clf.distill(X, n_layers=1)


# Another encoder


def test_any_encoder_can_be_the_student(fitted, make_folder, reviews):
    folder = make_folder(ARCHITECTURES["distilbert"])
    student = fitted.distill(reviews[0], model=folder, random_state=0)
    assert student.module_.config.model_type == "distilbert"
    assert student.model == folder
    np.testing.assert_array_equal(student.predict(reviews[0]), fitted.predict(reviews[0]))


def test_few_texts_are_not_contrasted_by_their_likely_classes(make_classifier, reviews):
    texts = reviews[0][:24]
    votes = np.array([[0.2, 0.8] if "good" in text else [0.7, 0.3] for text in texts])
    clf = make_classifier(head="auto", epochs="auto").fit(texts, votes)
    student = clf.distill(texts, model=clf.model, random_state=0)
    assert len(student.training_curve_["loss"]) == 102
    np.testing.assert_allclose(student.predict_proba(texts), clf.predict_proba(texts), atol=0.1)


# What becomes of it


def test_it_is_a_classifier_as_any_other(student, fitted, reviews, tmp_path):
    texts = reviews[0]
    expected = student.predict_proba(texts)
    student.save_pretrained(tmp_path / "student")
    loaded = BertTextClassifier.from_pretrained(tmp_path / "student")
    np.testing.assert_array_equal(loaded.predict_proba(texts), expected)
    assert n_layers_of(loaded) == 1
    other = pickle.loads(pickle.dumps(student))
    np.testing.assert_array_equal(other.predict_proba(texts), expected)
    (found,) = explain(student, ["the good film"])
    assert max(found.words, key=lambda pair: abs(pair[1]))[0] == "good"
    # A student may have students.
    again = loaded.distill(texts, random_state=0)
    np.testing.assert_array_equal(again.predict(texts), fitted.predict(texts))


@pytest.mark.filterwarnings("ignore:The tokenizer")
def test_it_is_exported(student, reviews, tmp_path):
    student.export_onnx(tmp_path / "onnx", X=reviews[0])
    light = OnnxTextClassifier.from_pretrained(tmp_path / "onnx")
    np.testing.assert_allclose(
        light.predict_proba(reviews[0]), student.predict_proba(reviews[0]), atol=1e-4
    )


def test_a_clone_is_fitted_to_labels_and_warm_start_goes_on(student, fitted, reviews):
    assert student.get_params() == fitted.get_params()
    copied = clone(student).fit(*reviews)
    np.testing.assert_array_equal(
        copied.predict_proba(reviews[0]), fitted.predict_proba(reviews[0])
    )
    going_on = pickle.loads(pickle.dumps(student)).set_params(warm_start=True)
    assert n_layers_of(going_on.fit(*reviews)) == 1


# How it is trained


def test_a_seed_gives_the_same_bits_and_nothing_else_changes(fitted, student, reviews, capfd):
    texts = reviews[0]
    before, parameters = weights_of(fitted), fitted.get_params()
    torch.manual_seed(5)
    states = torch.get_rng_state(), np.random.get_state()[1].tolist()
    other = fitted.distill(texts, n_layers=1, random_state=0)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.random.get_state()[1].tolist() == states[1]
    np.testing.assert_array_equal(other.predict_proba(texts), student.predict_proba(texts))
    another = fitted.distill(texts, n_layers=1, random_state=1)
    assert (another.predict_proba(texts) != student.predict_proba(texts)).any()
    assert capfd.readouterr() == ("", "")
    after = fitted.module_.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert fitted.get_params() == parameters
    storages = {value.data_ptr() for value in after.values()}
    assert storages.isdisjoint(value.data_ptr() for value in other.module_.state_dict().values())
    assert other.tokenizer_ is not fitted.tokenizer_


def test_parameters_of_the_teacher_hold(make_classifier, reviews):
    clf = make_classifier(epochs=14, batch_size=12, freeze=2, class_weight={"pos": 9}).fit(*reviews)
    student = clf.distill(reviews[0], n_layers=1, random_state=0)
    assert (student.n_epochs_, student.batch_size_, student.learning_rate_) == (14, 12, 5e-3)
    # All of it learns, and the answers have the weights in them already.
    embeddings = [model.module_.get_input_embeddings().weight for model in (clf, student)]
    assert not torch.equal(*embeddings)
    proba = [model.predict_proba(reviews[0]) for model in (clf, student)]
    assert np.abs(proba[0] - proba[1]).mean() < 0.15


def test_early_stopping_holds_out_a_part_of_the_texts(make_classifier, reviews):
    clf = make_classifier(early_stopping=True, epochs=8, scoring=["accuracy", "loss"]).fit(*reviews)
    student = clf.distill(reviews[0], n_layers=1, random_state=0)
    assert max(row["valid_accuracy"] for row in student.history_) == 1


def test_callbacks_run(make_classifier, reviews):
    from skorch.callbacks import Callback

    class Count(Callback):
        epochs: list = []

        def on_epoch_end(self, net, **kwargs):
            self.epochs.append(len(net.history))

    clf = make_classifier().fit(*reviews).set_params(callbacks=[Count()])
    student = clf.distill(reviews[0], n_layers=1, random_state=0)
    assert student.callbacks_[0][1].epochs == list(range(1, student.n_epochs_ + 1))


def test_a_crash_is_survived(make_classifier, reviews, tmp_path):
    texts = reviews[0]
    clf = make_classifier().fit(*reviews)
    expected = clf.distill(texts, n_layers=1, random_state=0).predict_proba(texts)
    clf.set_params(checkpoint_dir=tmp_path / "checkpoints", checkpoint_every=5)
    step = torch.optim.AdamW.step
    n_steps = []

    def crash(*args, **kwargs):
        n_steps.append(1)
        if len(n_steps) == 22:
            raise KeyboardInterrupt
        return step(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(torch.optim.AdamW, "step", crash)
        clf.distill(texts, n_layers=1, random_state=0)
    found = clf.distill(texts, n_layers=1, random_state=0).predict_proba(texts)
    np.testing.assert_array_equal(found, expected)


# What cannot be done


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"n_layers": 2},
            "^n_layers must be less than 2, the layers of the fitted 'bert' model, got 2; ",
        ),
        ({"n_layers": 0}, "^n_layers must be an int of at least 1, got 0; "),
        ({"n_layers": True}, "^n_layers must be an int of at least 1, got True; "),
        ({"n_layers": 1.0}, r"^n_layers must be an int of at least 1, got 1\.0; "),
        (
            {"n_layers": 1, "model": "x"},
            "^distill takes either model or n_layers, got both, 'x' and",
        ),
        ({"model": 3}, "^model must be a name or a folder, got 3; "),
        ({"model": "no/such"}, "no/such"),
        ({"n_layers": 1, "random_state": "x"}, "cannot be used to seed"),
    ],
)
def test_a_wrong_argument_is_named(fitted, reviews, options, told):
    error = OSError if options.get("model") == "no/such" else ValueError
    with pytest.raises(error, match=told):
        fitted.distill(reviews[0], **options)


def test_what_cannot_be_distilled_is_named(make_classifier, reviews):
    texts, labels = reviews
    with pytest.raises(NotFittedError):
        make_classifier().distill(texts, n_layers=1)
    columns = np.column_stack([labels, labels])
    with pytest.raises(ValueError, match="needs one column of labels, got 2; fit"):
        make_classifier(epochs=1).fit(texts, columns).distill(texts, n_layers=1)
