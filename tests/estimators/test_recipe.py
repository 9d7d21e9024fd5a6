"""What "auto" does: epochs, batches, what the head reads, and what it starts from."""

import shutil

import numpy as np
import pytest
import torch
import transformers
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score

from sklearn_bert import BertTextClassifier, BertTextEmbedder, BertTextRegressor

POOLING = '{"word_embedding_dimension": 32, "pooling_mode_%s": true}'
MODULES = """[
 {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
 {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}
]"""


@pytest.fixture
def sentence_model(tiny_model, tmp_path):
    """Return a function that makes the tiny model a sentence-transformers one."""

    def make(pooling="mean_tokens"):
        folder = tmp_path / pooling
        shutil.copytree(tiny_model, folder)
        (folder / "modules.json").write_text(MODULES)
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(POOLING % pooling)
        return str(folder)

    return make


@pytest.fixture(scope="module")
def topics():
    """Texts of three classes, and the numbers and labels that go with them."""
    rng = np.random.default_rng(0)
    classes = rng.integers(3, size=90)
    words = np.array(["good", "bad", "book"])
    texts = [
        " ".join(rng.permutation([words[label], "the", "film", rng.choice(["a", "of"])]))
        for label in classes
    ]
    return texts, classes


@pytest.mark.parametrize(
    "n_texts, batch_size, epochs",
    [(10, 16, 100), (16, 16, 100), (60, 16, 25), (320, 16, 5), (1000, 16, 3), (1001, 32, 4)],
)
def test_a_fit_takes_a_hundred_steps_and_three_epochs_at_least(
    tiny_model, n_texts, batch_size, epochs
):
    clf = BertTextClassifier(tiny_model, head="new", random_state=0)
    clf.fit(
        ["good film", "bad film"] * (n_texts // 2) + ["good"] * (n_texts % 2),
        [1, 0] * (n_texts // 2) + [1] * (n_texts % 2),
    )
    assert (clf.batch_size_, clf.n_epochs_) == (batch_size, epochs)
    n_batches = -(-n_texts // batch_size)
    assert len(clf.training_curve_["loss"]) == epochs * n_batches >= 100


def test_numbers_that_are_given_are_kept(tiny_model, reviews):
    clf = BertTextClassifier(tiny_model, epochs=2, batch_size=7, random_state=0).fit(*reviews)
    assert (clf.batch_size_, clf.n_epochs_) == (7, 2)
    assert len(clf.training_curve_["loss"]) == 2 * 9


def test_texts_held_out_make_no_steps(tiny_model, reviews):
    clf = BertTextClassifier(
        tiny_model,
        head="new",
        early_stopping=True,
        validation_fraction=30,
        n_iter_no_change=99,
        random_state=0,
    ).fit(*reviews)
    assert (clf.batch_size_, clf.n_epochs_) == (16, 50)  # 30 texts are left: two batches


def still(tiny_model, **parameters):
    """Return a classifier whose head keeps what it starts from."""
    return BertTextClassifier(
        tiny_model, epochs=1, learning_rate=1e-12, dtype="float32", random_state=0, **parameters
    )


def read_by_the_head(clf, texts):
    """Return what the last linear map reads, by transformers' own forward pass."""
    rows = []
    hook = clf.module_.classifier.register_forward_pre_hook(lambda _, given: rows.append(given[0]))
    try:
        with torch.no_grad():
            for text in texts:
                clf.module_(**clf.tokenizer_(text, return_tensors="pt"))
    finally:
        hook.remove()
    return torch.cat(rows).double().numpy()


def test_the_head_starts_from_a_logistic_regression(tiny_model, topics):
    X, y = topics
    clf = still(tiny_model).fit(X, y)
    vectors = read_by_the_head(clf, X)
    scaled = (vectors - vectors.mean(0)) / np.sqrt(vectors.var(0).mean())
    distances = [
        np.abs(
            LogisticRegression(C=C, max_iter=200).fit(scaled, y).predict_proba(scaled)
            - clf.predict_proba(X)
        ).max()
        for C in (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
    ]
    assert min(distances) < 1e-3 < sorted(distances)[1]


def test_with_two_classes_too(tiny_model, reviews):
    clf = still(tiny_model).fit(*reviews)
    assert clf.score(*reviews) == 1
    new = still(tiny_model, head="new").fit(*reviews)
    assert new.score(*reviews) < 1


def test_sample_weights_count_in_it(tiny_model, topics):
    X, y = topics
    weights = np.where(y == 2, 1e-6, 1.0)
    clf = still(tiny_model).fit(X, y, sample_weight=weights)
    assert 2 not in clf.predict(X)


def test_several_labels_have_a_regression_each(tiny_model, topics):
    X, classes = topics
    indicator = np.stack([classes == 0, classes != 1, np.ones(90, bool)], axis=1).astype(int)
    clf = still(tiny_model).fit(X, indicator)
    proba = clf.predict_proba(X)
    assert ((proba > 0.5) == indicator)[:, :2].mean() > 0.9
    assert (proba[:, 2] > 0.9).all()  # of a label that all texts have
    new = still(tiny_model, head="new").fit(X, indicator).predict_proba(X)
    assert ((new > 0.5) == indicator)[:, :2].mean() < 0.9


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_numbers_start_from_a_ridge_regression(tiny_model, topics, n_outputs):
    X, classes = topics
    y = np.stack([3.0 * (classes == 0), -1.0 * classes], axis=1)[:, :n_outputs].squeeze()
    reg = BertTextRegressor(
        tiny_model, epochs=1, learning_rate=1e-12, dtype="float32", random_state=0
    ).fit(X, y)
    assert r2_score(y, reg.predict(X)) > 0.5
    vectors = read_by_the_head(reg, X)
    scaled = (vectors - vectors.mean(0)) / np.sqrt(vectors.var(0).mean())
    distances = [
        np.abs(Ridge(alpha=1 / C).fit(scaled, y).predict(scaled) - reg.predict(X)).max()
        for C in (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
    ]
    assert min(distances) < 1e-3


def pipeline_probabilities(folder, texts, classes):
    """Return what transformers.pipeline makes of a saved folder."""
    pipe = transformers.pipeline("text-classification", model=str(folder), top_k=None, device="cpu")
    return [
        [{row["label"]: row["score"] for row in rows}[c] for c in classes] for rows in pipe(texts)
    ]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_model_made_for_the_mean_is_read_so_by_all_readers(
    sentence_model, reviews, tmp_path, dtype
):
    X, y = reviews
    clf = BertTextClassifier(sentence_model(), epochs=2, dtype=dtype, random_state=0).fit(X, y)
    clf.set_params(dtype="float32")
    proba = clf.predict_proba(X)
    assert len(clf.module_.bert.encoder.layer) == 3  # 2 of the model, and one that takes the mean
    clf.save_pretrained(tmp_path / "saved")
    found = pipeline_probabilities(tmp_path / "saved", X, clf.classes_)
    np.testing.assert_allclose(found, proba, atol=1e-5)
    again = BertTextClassifier.from_pretrained(tmp_path / "saved")
    np.testing.assert_array_equal(again.predict_proba(X), proba)


def test_the_head_reads_the_mean_and_the_first_token(sentence_model, reviews):
    X, _ = reviews
    clf = still(sentence_model()).fit(*reviews)
    layers = clf.module_.bert.encoder.layer
    states = []
    hook = layers[-1].register_forward_hook(lambda _, given, made: states.append((given[0], made)))
    read_by_the_head(clf, X[:3])
    hook.remove()
    for before, after in states:
        expected = torch.nn.functional.layer_norm(before.mean(1) + before[:, 0], (32,))
        found = after[0] if isinstance(after, tuple) else after
        torch.testing.assert_close(found[:, 0], expected, atol=1e-4, rtol=1e-4)


def test_its_layer_learns_nothing_and_counts_as_none(sentence_model, reviews):
    model = sentence_model()
    before = still(model).fit(*reviews).module_.bert.encoder.layer[-1].state_dict()
    before = {name: value.clone() for name, value in before.items()}
    clf = BertTextClassifier(
        model, epochs=2, learning_rate=1e-2, weight_decay=0.1, freeze=1, random_state=0
    ).fit(*reviews)
    after = clf.module_.bert.encoder.layer[-1].state_dict()
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=0, atol=0)
    with pytest.raises(ValueError, match="freeze must be at most 2"):
        BertTextClassifier(model, freeze=3).fit(*reviews)
    frozen = BertTextClassifier(model, freeze="all", epochs=2, random_state=0).fit(*reviews)
    reference = still(model).fit(*reviews).module_
    for name, value in frozen.module_.bert.encoder.state_dict().items():
        torch.testing.assert_close(value, reference.bert.encoder.state_dict()[name])


@pytest.mark.parametrize(
    "stated, pooling, n_layers",
    [
        ("mean_tokens", "auto", 3),
        ("mean_tokens", "cls", 2),
        ("cls_token", "auto", 2),
        ("cls_token", "mean", 3),
        ("max_tokens", "auto", 2),
    ],
)
def test_the_pooling_is_that_of_the_files_or_of_the_user(
    sentence_model, reviews, stated, pooling, n_layers
):
    clf = BertTextClassifier(sentence_model(stated), pooling=pooling, epochs=1, random_state=0)
    clf.fit(*reviews)
    assert len(clf.module_.bert.encoder.layer) == clf.module_.config.num_hidden_layers == n_layers


def test_of_many_labels_the_first_token_is_read_and_the_head_is_new(sentence_model, reviews):
    X, y = reviews
    few = BertTextClassifier(sentence_model(), epochs=1, random_state=0)
    few.fit(X * 6 + X[:39], y * 6 + y[:39])  # 399 texts of two classes
    assert few.module_.config.num_hidden_layers == 3
    many = few.fit(X * 6 + X[:40], y * 6 + y[:40])
    assert many.module_.config.num_hidden_layers == 2
    X, y = X * 7, [i % 3 for i in range(420)]
    assert few.fit(X, y).module_.config.num_hidden_layers == 3  # of three, they are few


def test_a_fit_goes_on_from_a_folder_that_reads_the_mean(sentence_model, reviews, tmp_path):
    X, y = reviews
    clf = BertTextClassifier(sentence_model(), epochs=2, random_state=0).fit(X, y)
    clf.save_pretrained(tmp_path / "saved")
    on = BertTextClassifier(str(tmp_path / "saved"), epochs=1, random_state=0).fit(X, y)
    assert on.module_.config.num_hidden_layers == 3
    off = BertTextClassifier(str(tmp_path / "saved"), pooling="cls", epochs=1, random_state=0)
    assert off.fit(X, y).module_.config.num_hidden_layers == 2
    off.save_pretrained(tmp_path / "off")
    np.testing.assert_allclose(
        pipeline_probabilities(tmp_path / "off", X, off.classes_), off.predict_proba(X), atol=1e-5
    )
    warm = clf.set_params(warm_start=True).fit(X, y)
    assert warm.module_.config.num_hidden_layers == 3


def test_vectors_of_such_a_classifier_are_what_its_head_reads_first(sentence_model, reviews):
    X, y = reviews
    clf = BertTextClassifier(sentence_model(), epochs=1, dtype="float32", random_state=0).fit(X, y)
    vectors = BertTextEmbedder(estimator=clf).fit_transform(X)
    with torch.no_grad():
        inputs = clf.tokenizer_(X, padding=True, return_tensors="pt")
        expected = clf.module_.bert(**inputs)[0][:, 0]
    np.testing.assert_allclose(vectors, expected.numpy(), atol=1e-4)


def cosines(clf, X, y):
    """Return the mean cosine of pairs of one class, and of pairs of two."""
    vectors = read_by_the_head(clf, X)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    same = np.equal.outer(np.asarray(y), np.asarray(y))
    found = vectors @ vectors.T
    return found[same & ~np.eye(len(X), dtype=bool)].mean(), found[~same].mean()


@pytest.fixture
def few(reviews):
    """Twelve texts of two classes."""
    return reviews[0][:12], reviews[1][:12]


def test_of_very_few_labels_texts_of_a_class_are_drawn_together_first(tiny_model, few):
    X, y = few
    before = BertTextClassifier(tiny_model, epochs=1, learning_rate=1e-12, random_state=0)
    pretrained = cosines(before.fit(X, y), X, y)
    clf = BertTextClassifier(tiny_model, random_state=0).fit(X, y)
    assert (clf.n_epochs_, clf.learning_rate_) == (3, 2e-5)
    alike, unlike = cosines(clf, X, y)
    assert alike - unlike > pretrained[0] - pretrained[1]
    assert clf.score(X, y) == 1


@pytest.mark.parametrize(
    "parameters",
    [{"epochs": 3}, {"head": "new"}, {"freeze": "all"}],
    ids=["given epochs", "a new head", "a frozen encoder"],
)
def test_where_that_is_not_asked_for_the_encoder_is_as_it_was(tiny_model, few, parameters):
    clf = BertTextClassifier(tiny_model, learning_rate=1e-12, random_state=0, **parameters)
    states = clf.fit(*few).module_.bert.encoder.state_dict()
    plain = still(tiny_model).fit(*few).module_.bert.encoder.state_dict()
    for name, value in states.items():
        torch.testing.assert_close(value, plain[name], atol=1e-6, rtol=0)


def test_pairs_are_drawn_from_the_seed(tiny_model, few):
    first, again, other = (
        BertTextClassifier(tiny_model, random_state=seed).fit(*few).predict_proba(few[0])
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0


def test_a_class_of_one_text_has_no_pairs_and_is_learnt(tiny_model, few):
    X, y = few
    clf = BertTextClassifier(tiny_model, random_state=0).fit([*X, "the film"], [*y, "none"])
    assert clf.predict_proba(X).shape == (12, 3)


def test_texts_without_weight_are_in_no_pair(tiny_model, few):
    X, y = few
    weights = [1.0] * 12 + [0.0]
    clf = BertTextClassifier(tiny_model, random_state=0)
    proba = clf.fit([*X, "the bad book"], [*y, "pos"], sample_weight=weights).predict_proba(X)
    np.testing.assert_array_equal(proba, clf.fit(X, y).predict_proba(X))


def test_pairs_of_texts_several_labels_and_numbers_are_fitted_by_default(tiny_model, few):
    X, y = few
    pairs = [(text, "the film") for text in X]
    assert BertTextClassifier(tiny_model, random_state=0).fit(pairs, y).score(pairs, y) > 0.7
    indicator = np.eye(2, dtype=int)[[int(label == "pos") for label in y]]
    clf = BertTextClassifier(tiny_model, random_state=0).fit(X, indicator)
    assert clf.score(X, indicator) == 1
    assert clf.n_epochs_ == 100
    reg = BertTextRegressor(tiny_model, random_state=0).fit(X, indicator[:, 0])
    assert (reg.n_epochs_, reg.batch_size_) == (100, 16)


def test_ctrl_c_in_the_contrast_loses_nothing(tiny_model, few, monkeypatch):
    clf = BertTextClassifier(tiny_model, random_state=0)
    monkeypatch.setattr("sklearn_bert._engine.contrastive.PairLoss.forward", interrupt)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*few)
    assert not hasattr(clf, "module_")


def interrupt(*args):
    """Do as Ctrl-C does."""
    raise KeyboardInterrupt


def test_one_progress_bar_for_the_contrast_and_one_for_the_fit(tiny_model, few, capsys):
    BertTextClassifier(tiny_model, random_state=0, verbose=1).fit(*few)
    shown = capsys.readouterr().err
    assert "contrast: 100%" in shown
    assert "fit: 100%" in shown


def test_weights_that_are_no_numbers_are_one_sentence(tiny_model, reviews, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "damaged")
    module = transformers.AutoModel.from_pretrained(folder)
    with torch.no_grad():
        module.encoder.layer[0].output.dense.bias.fill_(torch.nan)
    module.save_pretrained(folder)
    with pytest.raises(ValueError, match="pretrained model must give finite numbers, got nan; its"):
        BertTextClassifier(str(folder), epochs=1).fit(*reviews)
