"""The folder that any machine loads, that no crash halves, and that runs no one's code."""

import json
import os
import shutil
import stat
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from huggingface_hub import ModelCard
from released import KINDS, outputs
from safetensors.numpy import load_file, save_file
from sealing import seal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_bert import BertTextClassifier, BertTextEmbedder, BertTextRegressor
from sklearn_bert._engine.encoder import load_encoder
from sklearn_bert._saving import portable as _portable

RELEASED = Path(__file__).parents[1] / "released"


@pytest.fixture
def saved(fitted, tmp_path):
    """The folder of a saved classifier."""
    fitted.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def change_config(folder, **values):
    _portable._update_json(folder / "config.json", values)
    seal(folder)


# Round trips


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_travels(tiny_model, tmp_path, kind):
    cls, X, y, parameters = KINDS[kind]
    estimator = cls(tiny_model, epochs=1, learning_rate=1e-3, random_state=0, **parameters)
    estimator.fit(X, y).save_pretrained(tmp_path / "model")
    again = cls.from_pretrained(tmp_path / "model")
    assert outputs(again, X) == outputs(estimator, X)
    assert again.get_params() == estimator.get_params()
    assert clone(again).get_params() == again.get_params()
    for name, value in vars(estimator).items():
        if name.endswith("_") and name not in ("module_", "tokenizer_", "training_curve_"):
            np.testing.assert_equal(getattr(again, name), value)
    for name, values in estimator.training_curve_.items():
        assert again.training_curve_[name].dtype == values.dtype
        np.testing.assert_array_equal(again.training_curve_[name], values)
    assert (again.predict(X) == estimator.predict(X)).all()
    assert not again.module_.training


@pytest.mark.parametrize(
    "labels",
    [
        ["a", "b"],
        [0, 1],
        [True, False],
        [1.0, 2.0],
        np.array([1, 2], dtype=np.int8),
        pd.Series(["x", "y"], dtype="category"),
        np.array(["a", "bé"], dtype=object),
    ],
)
def test_labels_come_back_with_their_type(make_classifier, tmp_path, labels):
    X = ["good film", "bad film"] * 8
    y = labels.repeat(8) if isinstance(labels, pd.Series) else np.tile(labels, 8)
    clf = make_classifier(epochs=1).fit(X, y)
    clf.save_pretrained(tmp_path / "model")
    again = BertTextClassifier.from_pretrained(tmp_path / "model")
    assert again.classes_.dtype == clf.classes_.dtype
    assert again.classes_.tolist() == clf.classes_.tolist()


def test_labels_that_json_does_not_know_are_named(make_classifier, tmp_path):
    import datetime

    days = np.array([datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)] * 4, dtype=object)
    clf = make_classifier(epochs=1).fit(["good", "bad"] * 4, ["a", "b"] * 4)
    clf.classes_ = days[:2]
    with pytest.raises(TypeError, match=r"str, int, float or bool .* got datetime.date\(2026, 1"):
        clf.save_pretrained(tmp_path / "model")
    assert not any(tmp_path.iterdir())


def test_objects_among_the_parameters_are_left_out_with_a_warning(
    make_classifier, tmp_path, reviews
):
    clf = make_classifier(epochs=1, random_state=np.random.RandomState(0), scoring=max)
    clf.fit(*reviews)
    with pytest.warns(UserWarning, match=r"\['random_state', 'scoring'\] are objects") as record:
        clf.save_pretrained(tmp_path / "model")
    assert record[0].filename == __file__
    again = BertTextClassifier.from_pretrained(tmp_path / "model")
    assert (again.random_state, again.scoring) == (None, "loss")
    assert again.epochs == 1


def test_the_memory_of_token_ids_does_not_travel(make_classifier, reviews, tmp_path):
    """Its files are pickles: a folder from a stranger must not say where to read them."""
    clf = make_classifier(epochs=1, memory=tmp_path / "ids").fit(*reviews)
    clf.save_pretrained(tmp_path / "model")
    for file in (tmp_path / "model").iterdir():
        assert str(tmp_path / "ids").encode() not in file.read_bytes()
    manifest = json.loads((tmp_path / "model" / "sklearn_bert.json").read_text())
    seal(tmp_path / "model", parameters={**manifest["parameters"], "memory": "somewhere"})
    assert BertTextClassifier.from_pretrained(tmp_path / "model").memory is None


def test_the_device_is_that_of_the_loader(saved, fitted):
    assert BertTextClassifier.from_pretrained(saved, device="cpu").device == "cpu"
    assert BertTextClassifier.from_pretrained(str(saved)).device == "auto"


def test_a_pointer_of_git_lfs_in_place_of_the_weights_is_named(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "clone")
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(
        ValueError, match=r"'model.safetensors' is a git-LFS pointer .*git lfs pull"
    ):
        BertTextClassifier.from_pretrained(folder)


def test_it_goes_on_learning(saved, reviews):
    clf = BertTextClassifier.from_pretrained(saved).set_params(warm_start=True)
    assert clf.fit(*reviews).score(*reviews) == 1


def test_it_goes_on_learning_as_the_original_does(
    make_classifier, model_with_dropout, reviews, tmp_path
):
    """Also where the head reads the mean, of which nothing is dropped out."""
    options = {"pooling": "mean", "epochs": 1, "batch_size": 8}
    clf = make_classifier(**options).set_params(model=model_with_dropout).fit(*reviews)
    clf.save_pretrained(tmp_path / "model")
    loaded = BertTextClassifier.from_pretrained(tmp_path / "model")
    for each in clf, loaded:
        each.set_params(warm_start=True, random_state=3).fit(*reviews)
    np.testing.assert_array_equal(
        loaded.decision_function(reviews[0]), clf.decision_function(reviews[0])
    )


def test_transformers_reads_it_with_the_same_answers(saved, fitted, reviews):
    X = reviews[0][:8]
    pipeline = transformers.pipeline("text-classification", str(saved), top_k=None)
    for answer, proba in zip(pipeline(X), fitted.predict_proba(X), strict=True):
        found = {row["label"]: row["score"] for row in answer}
        assert found == pytest.approx(dict(zip(fitted.classes_, proba, strict=True)), abs=1e-5)
    module = transformers.AutoModelForSequenceClassification.from_pretrained(saved)
    assert module.config.id2label == {0: "neg", 1: "pos"}
    assert module.config.label2id == {"neg": 0, "pos": 1}
    assert transformers.AutoTokenizer.from_pretrained(saved).model_max_length == fitted.max_length_


def test_who_reads_the_files_finds_the_classes_in_order(make_classifier, reviews, tmp_path):
    clf = make_classifier(epochs=1).fit(reviews[0], [f"class {i}" for i in range(12)] * 5)
    clf.save_pretrained(tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert list(config["id2label"].items()) == [(str(i), c) for i, c in enumerate(clf.classes_)]
    assert list(config["label2id"]) == clf.classes_.tolist()


def test_numbers_have_no_labels_of_the_checkpoint_they_start_from(tiny_model, reviews, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "base")
    labels = {"id2label": {"0": "toxic"}, "label2id": {"toxic": 0}}
    _portable._update_json(tmp_path / "base" / "config.json", labels)
    number = BertTextRegressor(tmp_path / "base", epochs=1).fit(reviews[0], np.arange(60.0))
    number.save_pretrained(tmp_path / "number")
    config = transformers.AutoConfig.from_pretrained(tmp_path / "number")
    assert config.id2label == {0: "LABEL_0"} and config.label2id == {"LABEL_0": 0}
    assert config.problem_type == "regression"


# A start for other fits: what a fit was set to is not what the model can do


@pytest.mark.parametrize("kind", [BertTextClassifier, BertTextRegressor, BertTextEmbedder])
def test_a_longer_fit_starts_from_a_shorter_one(make_classifier, reviews, tmp_path, kind):
    make_classifier(epochs=1, max_length=12).fit(*reviews).save_pretrained(tmp_path / "short")
    shutil.copytree(tmp_path / "short", tmp_path / "copy")
    for folder, max_length in (("short", 32), ("copy", None)):
        estimator = kind(tmp_path / folder, max_length=max_length)
        if kind is not BertTextEmbedder:
            estimator.set_params(epochs=1)
        estimator.fit(reviews[0], np.arange(60) % 2)
        assert estimator.max_length_ == (max_length or 64)
    with pytest.raises(ValueError, match="must be from 3 to 64 for model"):
        BertTextClassifier(tmp_path / "short", max_length=65).fit(*reviews)


def test_one_that_was_loaded_goes_on_with_longer_texts(make_classifier, reviews, tmp_path):
    make_classifier(epochs=1, max_length=12).fit(*reviews).save_pretrained(tmp_path / "one")
    clf = BertTextClassifier.from_pretrained(tmp_path / "one")
    assert clf.max_length_ == 12
    clf.set_params(warm_start=True, max_length=32).fit(*reviews).save_pretrained(tmp_path / "two")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "two")
    assert tokenizer.model_max_length == 32
    assert BertTextClassifier(tmp_path / "two", epochs=1).fit(*reviews).max_length_ == 64


def test_what_the_model_itself_cannot_read_stays_so(tiny_model, reviews, tmp_path):
    """Its tokenizer allows 20, its positions 64; the limit of somebody else's tokenizer counts."""
    shutil.copytree(tiny_model, tmp_path / "base")
    _portable._update_json(tmp_path / "base" / "tokenizer_config.json", {"model_max_length": 20})
    clf = BertTextClassifier(tmp_path / "base", epochs=1, max_length=12).fit(*reviews)
    clf.save_pretrained(tmp_path / "model")
    assert BertTextClassifier(tmp_path / "model", epochs=1).fit(*reviews).max_length_ == 20
    _portable._update_json(tmp_path / "model" / "tokenizer_config.json", {"model_max_length": 16})
    assert BertTextClassifier(tmp_path / "model", epochs=1).fit(*reviews).max_length_ == 16


def test_a_fit_starts_from_what_a_release_has_saved():
    X, y = KINDS["labels"][1:3]
    folder = RELEASED / "0.1.0" / "windows"
    clf = BertTextClassifier(folder, epochs=1, max_length=32).fit(X, y)
    assert clf.max_length_ == 32
    clf = BertTextClassifier.from_pretrained(folder).set_params(warm_start=True, max_length=None)
    assert clf.set_params(long_text="head").fit([*X] * 2, [0, 1] * 4).max_length_ == 64


def test_dropout_that_a_fit_does_without_is_there_for_others(tiny_model, reviews, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "base")
    name = "attention_probs_dropout_prob"
    _portable._update_json(tmp_path / "base" / "config.json", {name: 0.25})
    clf = BertTextClassifier(tmp_path / "base", epochs=1, random_state=0).fit(*reviews)
    for folder in ("one", "two"):
        assert getattr(clf.module_.config, name) == 0
        clf.save_pretrained(tmp_path / folder)
        config = transformers.AutoConfig.from_pretrained(tmp_path / folder)
        assert getattr(config, name) == 0.25 and not hasattr(config, "switched_off")
        again = BertTextClassifier.from_pretrained(tmp_path / folder)
        np.testing.assert_array_equal(again.predict_proba(["bad"]), clf.predict_proba(["bad"]))
        clf = again


def test_others_cut_and_fill_up_as_it_does(make_classifier, minilm, reviews, tmp_path):
    """MiniLM's own file cuts at 128 tokens and fills up to as many, which a fit never does."""
    from tokenizers import Tokenizer

    clf = make_classifier(epochs=1, max_length=16).set_params(model=minilm, freeze="all")
    clf.fit(*reviews).save_pretrained(tmp_path / "model")
    tokenizer = Tokenizer.from_file(str(tmp_path / "model" / "tokenizer.json"))
    assert len(tokenizer.encode("the good film").ids) == 5
    long = "a book of a film " * 10
    expected = transformers.AutoTokenizer.from_pretrained(tmp_path / "model")(long, truncation=True)
    assert tokenizer.encode(long).ids == expected["input_ids"] and len(expected["input_ids"]) == 16


def test_transformers_knows_of_several_labels(tiny_model, tmp_path):
    cls, X, y, _ = KINDS["several"]
    clf = cls(tiny_model, epochs=1, random_state=0).fit(X, pd.DataFrame(y, columns=list("abc")))
    clf.save_pretrained(tmp_path / "model")
    pipeline = transformers.pipeline("text-classification", str(tmp_path / "model"), top_k=None)
    found = {row["label"]: row["score"] for row in pipeline(X[:1])[0]}
    expected = dict(zip("abc", clf.predict_proba(X[:1])[0], strict=True))
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("version", sorted(path.name for path in RELEASED.iterdir()))
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_release_has_saved_is_loaded(version, kind):
    cls, X, _, _ = KINDS[kind]
    estimator = cls.from_pretrained(RELEASED / version / kind)
    expected = json.loads((RELEASED / version / "expected.json").read_text())[kind]
    np.testing.assert_allclose(outputs(estimator, X), expected, atol=1e-5)


def test_the_folder_holds_no_code_and_says_what_it_is(saved, fitted):
    assert sorted(path.name for path in saved.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "sklearn_bert.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    card = (saved / "README.md").read_text()
    assert "60 texts" in card and "`neg`, `pos`" in card and "| epochs | `3` |" in card
    assert "BertTextClassifier.from_pretrained" in card
    head = ModelCard.load(saved / "README.md").data
    assert head.library_name == "sklearn-bert" and head.pipeline_tag == "text-classification"
    assert head.tags == ["sklearn", "sklearn-bert", "classifier"]
    manifest = json.loads((saved / "sklearn_bert.json").read_text())
    assert manifest["format"] == 1 and manifest["versions"]["torch"]


def test_nothing_is_printed(saved, fitted, capfd):
    fitted.save_pretrained(saved)
    BertTextClassifier.from_pretrained(saved)
    assert capfd.readouterr() == ("", "")


def test_before_a_fit_there_is_nothing_to_save(tmp_path):
    with pytest.raises(NotFittedError):
        BertTextClassifier().save_pretrained(tmp_path / "model")


# Where it may be written


def test_an_older_model_and_an_empty_folder_are_replaced(saved, make_classifier, reviews, tmp_path):
    other = make_classifier(epochs=1).fit(*reviews)
    other.save_pretrained(saved)
    again = BertTextClassifier.from_pretrained(saved)
    np.testing.assert_array_equal(again.predict_proba(reviews[0]), other.predict_proba(reviews[0]))
    (tmp_path / "empty").mkdir()
    other.save_pretrained(tmp_path / "empty")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "model"]


@pytest.mark.parametrize("what", ["folder", "file", "link"])
def test_anything_else_is_left_alone(fitted, tmp_path, what):
    path = tmp_path / "thesis"
    if what == "folder":
        path.mkdir()
        (path / "chapter1.txt").write_text("dear")
    elif what == "file":
        path.write_text("dear")
    else:
        path.symlink_to(tmp_path)
    with pytest.raises(FileExistsError, match=r"new, an empty folder or a model saved before, got"):
        fitted.save_pretrained(path)
    assert [child.name for child in tmp_path.iterdir()] == ["thesis"]
    assert (
        what == "link" or "dear" in (path / "chapter1.txt" if path.is_dir() else path).read_text()
    )


def contents(folder):
    """Return what is in a folder and below it, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize(
    ("write", "name"),
    [
        ("save_pretrained", "train.py"),
        ("save_pretrained", "notes/chapter1.txt"),
        ("save_pretrained", "onnx/mine.txt"),
        ("export_onnx", "data.csv"),
        ("export_onnx", "onnx/mine.txt"),
    ],
)
def test_a_file_that_is_not_ours_is_named_before_anything_is_computed(
    saved, fitted, monkeypatch, write, name
):
    monkeypatch.setattr("sklearn_bert._engine.device.copy_to_cpu", lambda module: 1 / 0)
    if write == "export_onnx":
        shutil.rmtree(saved)
    (saved / name).parent.mkdir(parents=True, exist_ok=True)
    (saved / name).write_text("dear")
    before = contents(saved)
    named = name if name.startswith("onnx") else name.partition("/")[0]
    with pytest.raises(FileExistsError, match=f"whose '{named}' was not written by sklearn-bert; "):
        getattr(fitted, write)(saved)
    assert contents(saved) == before


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "sklearn_bert.json"])
@pytest.mark.parametrize("how", ["edited", "link"])
def test_a_file_that_was_changed_is_not_ours(saved, fitted, tmp_path, name, how):
    if how == "edited":
        (saved / name).write_bytes((saved / name).read_bytes() + b"\n\n,")
    else:
        (saved / name).rename(tmp_path / name)
        (saved / name).symlink_to(tmp_path / name)
    before = contents(saved)
    reason = {"edited": "was (changed since|not written by)", "link": "is a link"}[how]
    with pytest.raises(FileExistsError, match=f"whose '{name}' {reason}.*; choose another path"):
        fitted.save_pretrained(saved)
    assert contents(saved) == before and (saved / name).is_symlink() == (how == "link")


def test_a_clone_is_saved_into_again_and_again(fitted, make_classifier, reviews, tmp_path):
    """Its history, hidden files and its own card stay; the folder itself does too."""
    repo = tmp_path / "repo"
    (repo / ".git").mkdir(parents=True)
    theirs = {".git/HEAD": "ref", ".gitattributes": "*.safetensors lfs", "README.md": "# Mine"}
    for name, text in theirs.items():
        (repo / name).write_text(text)
    number = repo.stat().st_ino
    for clf in (fitted, make_classifier(epochs=1).fit(*reviews), fitted):
        clf.save_pretrained(repo)
        again = BertTextClassifier.from_pretrained(repo)
        np.testing.assert_array_equal(again.predict_proba(["good"]), clf.predict_proba(["good"]))
    assert {name: (repo / name).read_text() for name in theirs} == theirs
    assert repo.stat().st_ino == number
    names = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert set(os.listdir(repo)) == names | {"sklearn_bert.json", ".git", *theirs} - {".git/HEAD"}


def test_a_card_is_written_anew_unless_it_was_edited(saved, make_classifier, reviews):
    first = (saved / "README.md").read_text()
    clf = make_classifier(epochs=1).fit(*reviews)
    clf.save_pretrained(saved)
    card = (saved / "README.md").read_text()
    assert "| epochs | `1` |" in card and card != first
    (saved / "README.md").write_text(card + "Licence: mine.")
    clf.save_pretrained(saved)
    assert (saved / "README.md").read_text() == card + "Licence: mine."
    (saved / "README.md").unlink()
    clf.save_pretrained(saved)
    assert (saved / "README.md").read_text() == card


def test_from_inside_the_working_directory_stays(saved, fitted, monkeypatch):
    monkeypatch.chdir(saved)
    fitted.save_pretrained(".")
    assert os.getcwd() == str(saved)
    assert "model.safetensors" in os.listdir(".")
    BertTextClassifier.from_pretrained(".")


def test_a_link_to_a_folder_leads_to_it(fitted, tmp_path):
    (tmp_path / "disk").mkdir()
    for name, target in {"one": "disk", "two": "disk/new"}.items():
        (tmp_path / name).symlink_to(target)
        fitted.save_pretrained(tmp_path / name)
        assert os.readlink(tmp_path / name) == target
        BertTextClassifier.from_pretrained(tmp_path / target)
        shutil.rmtree(tmp_path / "disk")
        (tmp_path / "disk").mkdir()


@pytest.mark.parametrize(
    ("folder", "step"),
    [("old", 6), *(pytest.param(name, 1, marks=pytest.mark.slow) for name in ("old", "clone"))],
)
def test_stopped_at_any_step_one_of_both_is_whole(
    fitted, make_classifier, reviews, tmp_path, monkeypatch, folder, step
):
    """Whichever call of the system is the last one; the next save finishes what was begun."""

    class Stopped(BaseException):
        pass

    path, X = tmp_path / "model", reviews[0][:4]
    other = make_classifier(epochs=1).fit(*reviews)
    known = [clf.predict_proba(X).tolist() for clf in (fitted, other)]
    seen, n_done = [], 0
    while True:
        path.mkdir()
        (path / ".gitattributes").write_text("dear")
        fitted.save_pretrained(path)
        if folder == "clone":
            shutil.rmtree(path)
            path.mkdir()
            (path / ".gitattributes").write_text("dear")
        left = n_done

        def stopping(function):
            def call(*args, **kwargs):
                nonlocal left
                left -= 1
                if left < 0:
                    raise Stopped
                return function(*args, **kwargs)

            return call

        with monkeypatch.context() as patch:
            for name in ("rename", "replace", "link", "unlink", "rmdir"):
                patch.setattr(os, name, stopping(getattr(os, name)))
            with suppress(Stopped):
                other.save_pretrained(path)
        try:
            clf = BertTextClassifier.from_pretrained(path)
            seen.append(known.index(clf.predict_proba(X).tolist()))
            start = load_encoder(path, 2)[1].base_model.embeddings.word_embeddings.weight
            assert torch.equal(start, clf.module_.base_model.embeddings.word_embeddings.weight)
        except FileNotFoundError:
            assert folder == "clone"
            seen.append(0)
        stopped = left < 0
        fitted.save_pretrained(path)
        clf = BertTextClassifier.from_pretrained(path)
        assert clf.predict_proba(X).tolist() == known[0]
        hidden = {name for name in os.listdir(path) if name.startswith(".")}
        assert hidden == {".gitattributes"}
        if not stopped:
            break
        shutil.rmtree(path)
        n_done += step
    assert seen == sorted(seen) and seen[0] == 0 and seen[-1] == 1 and len(seen) > 10 / step


def test_a_parent_that_is_not_there_is_named(fitted, tmp_path):
    with pytest.raises(FileNotFoundError, match="in a folder that exists"):
        fitted.save_pretrained(tmp_path / "no" / "model")


@pytest.mark.parametrize("step", ["weights", "manifest", "rename"])
def test_a_failure_loses_nothing(saved, make_classifier, reviews, monkeypatch, step):
    before = {path.name: path.read_bytes() for path in saved.iterdir()}

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    target = {
        "weights": "sklearn_bert._engine.device.copy_to_cpu",
        "manifest": "sklearn_bert._saving.portable.seal",
        "rename": "os.rename",
    }[step]
    monkeypatch.setattr(target, fail)
    with pytest.raises(OSError, match=r"cannot be saved to '.*': No space left .* is as it was"):
        make_classifier(epochs=1).fit(*reviews).save_pretrained(saved)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


def test_a_file_that_cannot_be_replaced_is_one_sentence(
    saved, make_classifier, reviews, monkeypatch
):
    clf = make_classifier(epochs=1).fit(*reviews)
    replace = os.replace

    def fail(source, target):
        if str(target).endswith(".safetensors"):
            raise OSError(26, "Text file busy")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        match = r"cannot be put into their places in '.*': Text file busy; save again"
        with pytest.raises(OSError, match=match):
            clf.save_pretrained(saved)
    BertTextClassifier.from_pretrained(saved)
    (saved / "README.md").write_text("# Mine")
    clf.save_pretrained(saved)
    again = BertTextClassifier.from_pretrained(saved)
    np.testing.assert_array_equal(again.predict_proba(["bad"]), clf.predict_proba(["bad"]))
    assert (saved / "README.md").read_text() == "# Mine"


@pytest.mark.slow
def test_a_disk_that_is_full_is_one_sentence(tiny_model, tmp_path, run_python):
    code = textwrap.dedent(f"""
        import resource, signal
        from sklearn_bert import BertTextClassifier
        clf = BertTextClassifier({tiny_model!r}, epochs=1).fit(["good", "bad"] * 4, [0, 1] * 4)
        clf.save_pretrained({str(tmp_path / "model")!r})
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        try:
            clf.save_pretrained({str(tmp_path / "model")!r})
        except OSError as error:
            print(error)
    """)
    found = run_python(code)
    assert "cannot be saved" in found and "is as it was" in found and found.count("\n") == 1
    BertTextClassifier.from_pretrained(tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_place_is_one_sentence(fitted, tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(OSError, match="cannot be saved"):
            fitted.save_pretrained(tmp_path / "model")
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_what_a_killed_try_has_left_is_removed_by_the_next(saved, fitted):
    import socket

    ours = saved.with_name(f".model.{socket.gethostname()}.999999999.new")
    running = saved.with_name(f".model.{socket.gethostname()}.{os.getppid()}.new")
    elsewhere = saved.with_name(".model.another-machine.1.new")
    for folder in (ours, running, elsewhere):
        folder.mkdir()
    fitted.save_pretrained(saved)
    assert not ours.exists()
    assert running.exists() and elsewhere.exists()


def test_a_folder_that_a_killed_try_cannot_have_left_is_kept(saved, fitted):
    import socket

    theirs = saved.with_name(f".model.{socket.gethostname()}.999999999.new")
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("dear")
    link = saved.with_name(f".model.{socket.gethostname()}.999999998.new")
    link.symlink_to(theirs)
    fitted.save_pretrained(saved)
    assert (theirs / "thesis.txt").read_text() == "dear" and link.is_symlink()


KILLED = """
import os, random, signal, sys, time
import numpy as np
from sklearn_bert import BertTextClassifier

model, path, n_kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
X = ["the good film", "a bad book"] * 4
fits = [
    BertTextClassifier(
        model, head="new", epochs=1, learning_rate=1e-3, random_state=seed
    ).fit(X, [0, 1] * 4)
    for seed in range(2)
]
known = [fit.predict_proba(X) for fit in fits]
fits[0].save_pretrained(path)
rng = random.Random(0)
seen = set()
for _ in range(n_kills):
    child = os.fork()
    if child == 0:
        while True:
            for fit in fits[::-1]:
                fit.save_pretrained(path)
    time.sleep(rng.uniform(0, 0.12))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    found = BertTextClassifier.from_pretrained(path).predict_proba(X)
    (which,) = [i for i in range(2) if np.array_equal(found, known[i])]
    seen.add(which)
fits[0].save_pretrained(path)
assert not [name for name in os.listdir(path) if name.startswith(".")]
print(sorted(seen), os.listdir(os.path.dirname(path)))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kills by fork")
@pytest.mark.parametrize("n_kills", [8, pytest.param(400, marks=pytest.mark.slow)])
def test_killed_at_any_moment_one_of_both_is_whole(tiny_model, tmp_path, n_kills):
    import subprocess

    code = [sys.executable, "-c", KILLED, tiny_model, str(tmp_path / "model"), str(n_kills)]
    found = subprocess.run(code, capture_output=True, text=True, timeout=600)
    assert found.returncode == 0, found.stderr[-2000:]
    assert found.stdout.strip().endswith("['model']")
    assert n_kills < 100 or found.stdout.startswith("[0, 1]")


def test_who_reads_while_it_is_written_gets_one_of_both(saved, fitted, make_classifier, reviews):
    X = reviews[0][:4]
    fits = [fitted, make_classifier(epochs=1).fit(*reviews)]
    known = [fit.predict_proba(X).tolist() for fit in fits]
    with ThreadPoolExecutor(3) as pool:
        written = [pool.submit(fit.save_pretrained, saved) for fit in fits * 6]
        while not all(future.done() for future in written):
            assert BertTextClassifier.from_pretrained(saved).predict_proba(X).tolist() in known
    assert all(future.result() is None for future in written)
    assert BertTextClassifier.from_pretrained(saved).predict_proba(X).tolist() in known
    assert not [name for name in os.listdir(saved) if name.startswith(".")]


# What must not be believed


def refused(folder, match, cls=BertTextClassifier):
    with pytest.raises(ValueError, match=match) as error:
        cls.from_pretrained(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("damage", ["flip", "cut", "grow", "remove"])
def test_any_damage_to_any_file_is_noticed(saved, damage):
    rng = np.random.RandomState(0)
    for path in sorted(saved.iterdir()):
        if path.name == "README.md":
            continue
        whole = path.read_bytes()
        for _ in range(4 if damage == "flip" else 1):
            position = rng.randint(len(whole))
            if damage == "flip":
                changed = bytearray(whole)
                changed[position] ^= 1 << rng.randint(7)
                path.write_bytes(changed)
            elif damage == "remove":
                path.unlink()
            else:
                path.write_bytes(whole[:position] if damage == "cut" else whole + b" ")
            if damage == "grow" and path.name == "sklearn_bert.json":
                continue  # a blank at the end of JSON is nothing
            with pytest.raises((ValueError, FileNotFoundError), match=r"damaged|written by save"):
                BertTextClassifier.from_pretrained(saved)
        path.write_bytes(whole)
    BertTextClassifier.from_pretrained(saved)


def test_the_card_is_for_people_and_may_be_edited(saved):
    (saved / "README.md").write_text("# My model")
    BertTextClassifier.from_pretrained(saved)
    (saved / "README.md").unlink()
    (saved / ".gitattributes").write_text("")
    BertTextClassifier.from_pretrained(saved)


@pytest.mark.parametrize(
    "name", ["model.pkl", "pytorch_model.bin", "modeling_mine.py", "adapter_config.json", "more"]
)
def test_a_file_that_was_not_written_is_refused(saved, name):
    if name == "more":
        (saved / name).mkdir()
    else:
        (saved / name).write_bytes(b"cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    refused(saved, rf"must hold only what sklearn-bert wrote, got '{name}'")


@pytest.mark.parametrize("name", ["model.pkl", "../model.safetensors", "sub/config.json", "x.py"])
def test_a_manifest_that_names_other_files_is_refused(saved, name):
    files = json.loads((saved / "sklearn_bert.json").read_text())["files"]
    seal(saved, files={**files, name: "0" * 64})
    refused(saved, "not trusted: sklearn_bert.json names the file")


def test_links_to_files_are_read_as_files(saved, fitted, reviews, tmp_path):
    """As the cache of the hub has it, and git-annex, and DVC."""
    (tmp_path / "blobs").mkdir()
    for number, file in enumerate(sorted(saved.iterdir())):
        file.rename(tmp_path / "blobs" / str(number))
        file.symlink_to(f"../blobs/{number}")
    clf = BertTextClassifier.from_pretrained(saved)
    np.testing.assert_array_equal(clf.predict_proba(reviews[0]), fitted.predict_proba(reviews[0]))
    (tmp_path / "blobs" / "1").write_text("{}")
    refused(saved, "'config.json' is not as it was written")


@pytest.mark.parametrize("what", ["device", "pipe", "folder", "process", "nothing"])
@pytest.mark.parametrize("name", ["tokenizer.json", "sklearn_bert.json"])
def test_a_link_to_what_is_no_file_is_refused(saved, tmp_path, what, name):
    (saved / name).unlink()
    target = {"device": "/dev/zero", "folder": tmp_path, "process": "/proc/self/mounts"}
    if what == "pipe":
        os.mkfifo(tmp_path / "pipe")
    (saved / name).symlink_to(target.get(what, tmp_path / what))
    with pytest.raises((ValueError, FileNotFoundError), match=r"is damaged|not trusted|without a"):
        BertTextClassifier.from_pretrained(saved)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_code_of_its_own_is_refused(saved, name):
    _portable._update_json(saved / name, {"auto_map": {"AutoConfig": "mine.MyConfig"}})
    seal(saved)
    refused(saved, f"{name} asks for code of its own")


@pytest.mark.parametrize(
    "values",
    [
        {"num_hidden_layers": 10**9},
        {"hidden_size": 10**9},
        {"vocab_size": 10**12},
        {"max_position_embeddings": 10**12},
        {"num_hidden_layers": 3},
        {"id2label": {str(i): str(i) for i in range(5)}},
    ],
)
def test_a_config_that_asks_for_more_than_there_is_is_refused(saved, values):
    change_config(saved, **values)
    refused(saved, "not trusted|damaged")


def test_a_header_of_a_billion_elements_is_refused(saved):
    header = json.dumps(
        {"x": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4 * 10**9]}}
    ).encode()
    (saved / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    seal(saved)
    refused(saved, "damaged")
    (saved / "model.safetensors").write_bytes((10**12).to_bytes(8, "little") + header)
    seal(saved)
    refused(saved, "damaged")


def test_weights_of_another_shape_are_refused(saved):
    weights = load_file(saved / "model.safetensors")
    weights["classifier.bias"] = np.zeros(7, dtype=np.float32)
    save_file(weights, saved / "model.safetensors", metadata={"format": "pt"})
    seal(saved)
    refused(saved, r"'classifier.bias' of shape \[7\], its config \[2\]")


def test_weights_that_are_missing_are_refused(saved):
    weights = load_file(saved / "model.safetensors")
    del weights["classifier.bias"]
    save_file(weights, saved / "model.safetensors", metadata={"format": "pt"})
    seal(saved)
    refused(saved, "'classifier.bias'")


def test_another_kind_and_a_newer_format_are_named(saved):
    refused(saved, "holds a classifier, not a regressor", BertTextRegressor)
    seal(saved, format=2)
    refused(saved, r"newer sklearn-bert .*; upgrade to read it")


def test_a_checkpoint_is_not_taken_for_a_saved_model(tiny_model):
    with pytest.raises(FileNotFoundError, match="a checkpoint to fine-tune as model=path"):
        BertTextClassifier.from_pretrained(tiny_model)


def test_a_fitted_attribute_of_an_odd_type_is_refused(saved):
    manifest = json.loads((saved / "sklearn_bert.json").read_text())
    fitted = {**manifest["fitted"], "classes_": {"array": [0, 1], "dtype": "datetime64[s]"}}
    seal(saved, fitted=fitted)
    refused(saved, "damaged")


def test_the_folder_may_move(saved, tmp_path, reviews, fitted):
    shutil.move(saved, tmp_path / "moved")
    clf = BertTextClassifier.from_pretrained(tmp_path / "moved")
    np.testing.assert_array_equal(clf.predict_proba(reviews[0]), fitted.predict_proba(reviews[0]))
