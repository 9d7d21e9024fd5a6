"""Behaviour of the loaders of labelled texts."""

import codecs
import gzip
import re
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from sklearn.datasets import load_files

from sklearn_bert.datasets import _docstring_corpus as _docstrings
from sklearn_bert.datasets import load_docstrings, load_text_folder, load_text_table

PACKAGES = {"scikit-learn", "torch", "scipy", "numpy", "transformers", "pandas"}


def write(file, content):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def make_classes(folder, names=("neg", "pos"), n=4):
    for name in names:
        for i in range(n):
            write(folder / name / f"{i}.txt", f"{folder.name} {name} {i}")
    return folder


def make_split(folder, train=("neg", "pos"), test=("neg", "pos")):
    make_classes(folder / "train", train)
    make_classes(folder / "test", test, n=2)
    return folder


# load_text_folder


def test_class_folders_are_split_in_train_test_split_order(tmp_path):
    make_classes(tmp_path, n=8)
    X_train, X_test, y_train, y_test = load_text_folder(tmp_path, random_state=0)
    assert Counter(y_train.tolist()) == {"neg": 6, "pos": 6}
    assert Counter(y_test.tolist()) == {"neg": 2, "pos": 2}
    assert sorted(X_train + X_test) == sorted(load_files(tmp_path, encoding="utf-8").data)
    assert all(f" {label} " in text for text, label in zip(X_train, y_train, strict=True))


def test_texts_are_lists_of_str_and_labels_arrays_of_str(tmp_path):
    for folder in (make_classes(tmp_path / "a"), make_split(tmp_path / "b")):
        X_train, X_test, y_train, y_test = load_text_folder(folder)
        assert type(X_train) is type(X_test) is list
        assert {type(text) for text in X_train + X_test} == {str}
        assert y_train.dtype.kind == y_test.dtype.kind == "U"
        assert y_train.shape == (len(X_train),) and y_test.shape == (len(X_test),)


def test_the_same_random_state_draws_the_same_split(tmp_path):
    make_classes(tmp_path, n=8)
    first, again, other = (load_text_folder(tmp_path, random_state=s)[1] for s in (3, 3, 4))
    assert first == again
    assert first != other


def test_test_size_sets_the_share_of_the_test_set(tmp_path):
    make_classes(tmp_path, n=8)
    assert len(load_text_folder(tmp_path, test_size=0.5)[1]) == 8
    assert len(load_text_folder(tmp_path, test_size=6)[1]) == 6


def test_train_and_test_folders_give_the_split_in_sorted_order(tmp_path):
    make_split(tmp_path)
    X_train, X_test, y_train, y_test = load_text_folder(tmp_path, random_state=0)
    assert X_train == [f"train {name} {i}" for name in ("neg", "pos") for i in range(4)]
    assert X_test == [f"test {name} {i}" for name in ("neg", "pos") for i in range(2)]
    assert y_train.tolist() == ["neg"] * 4 + ["pos"] * 4
    assert y_test.tolist() == ["neg"] * 2 + ["pos"] * 2


def test_the_layout_of_aclimdb_loads_without_unsup_and_stray_files(tmp_path):
    root = make_split(tmp_path / "aclImdb", train=("neg", "pos", "unsup"))
    for name in ("imdb.vocab", "README", "train/labeledBow.feat", "train/urls_pos.txt"):
        write(root / name, b"\xff stray")
    X_train, X_test, y_train, y_test = load_text_folder(root)
    assert (len(X_train), len(X_test)) == (8, 4)
    assert set(y_train) == set(y_test) == {"neg", "pos"}


@pytest.mark.parametrize("make", [make_classes, make_split])
def test_categories_leave_the_other_classes_out(tmp_path, make):
    make(
        tmp_path, ("a", "b", "c"), **({"test": ("a", "b", "c", "d")} if make is make_split else {})
    )
    _, _, y_train, y_test = load_text_folder(tmp_path, categories=("c", "a"))
    assert set(y_train) == set(y_test) == {"a", "c"}


def test_hidden_files_and_macos_junk_are_ignored(tmp_path):
    make_classes(tmp_path)
    junk = ("neg/._0.txt", "neg/.DS_Store", ".git/a.txt", "__MACOSX/a.txt", "pos/Thumbs.db")
    for name in (*junk, "pos/.hidden/a.txt", "beside.md"):
        write(tmp_path / name, b"\xff junk")
    (tmp_path / "pos" / "folder.txt").mkdir()
    X_train, X_test, y_train, _ = load_text_folder(tmp_path)
    assert len(X_train + X_test) == 8
    assert set(y_train) == {"neg", "pos"}


def test_files_of_other_endings_are_counted_in_a_warning(tmp_path):
    make_classes(tmp_path)
    for name in "pos/a.md", "pos/b.MD", "neg/c.csv", "neg/README", "neg/sub/d.csv":
        write(tmp_path / name, "text")
    (tmp_path / "pos" / "lost.txt").symlink_to(tmp_path / "nowhere")
    counts = re.escape(".csv (2), .md (2), no ending (1), .txt (1); rename")
    with pytest.warns(UserWarning, match=f"6 files in .* are not read, .*: {counts}") as seen:
        X_train, X_test, _, _ = load_text_folder(tmp_path)
    assert len(X_train + X_test) == 8
    assert [warning.filename for warning in seen] == [__file__]


def test_endings_of_any_case_and_folders_of_a_class_are_read(tmp_path):
    root = make_split(tmp_path / "data")
    write(root / "train" / "neg" / "a" / "9.TXT", "upper")
    write(root / "train" / "neg" / "a" / "b" / "10.Txt", "deep")
    write(root / "train" / "neg" / "z.txt.gz", gzip.compress(b"packed"))
    X_train, _, y_train, _ = load_text_folder(root)
    texts = [f"train neg {i}" for i in range(4)]
    assert [x for x, y in zip(X_train, y_train, strict=True) if y == "neg"] == [
        *(*texts, "upper", "deep", "packed")
    ]


def test_links_are_followed_but_not_in_circles(tmp_path):
    make_classes(tmp_path / "elsewhere", ("pos", "more"))
    root = make_classes(tmp_path / "data", ("neg",))
    (root / "pos").symlink_to(tmp_path / "elsewhere" / "pos")
    (root / "neg" / "more").symlink_to(tmp_path / "elsewhere" / "more")
    (root / "neg" / "circle").symlink_to(root / "neg")
    (root / "neg" / "linked.txt").symlink_to(root / "neg" / "0.txt")
    X_train, X_test, y_train, y_test = load_text_folder(root)
    assert Counter([*y_train, *y_test]) == {"neg": 9, "pos": 4}
    assert Counter(X_train + X_test)["data neg 0"] == 2


def test_files_without_an_ending_are_the_texts_where_no_other_is(tmp_path):
    for name in "alt.atheism/49960", "alt.atheism/51060", "sci.space/12.9", "sci.space/README":
        write(tmp_path / name, name)
    write(tmp_path / "about.txt", "no text of a class")
    X_train, X_test, *_ = load_text_folder(tmp_path, test_size=2, random_state=0)
    assert len(X_train + X_test) == 4
    write(tmp_path / "sci.space" / "a.txt", "text")
    write(tmp_path / "sci.space" / "b.txt", "text")
    with pytest.raises(ValueError, match=r"at least 2 .txt .*, and '.*alt.atheism' holds 0"):
        load_text_folder(tmp_path)


def test_a_byte_order_mark_is_no_part_of_a_text(tmp_path):
    make_split(tmp_path)
    write(tmp_path / "train" / "neg" / "0.txt", codecs.BOM_UTF8 + "café".encode())
    write(tmp_path / "train" / "neg" / "1.txt", "café".encode("utf-16"))
    for encoding in "utf-8", "latin-1":
        assert load_text_folder(tmp_path, encoding=encoding)[0][:2] == ["café", "café"]


def test_train_and_test_folders_are_known_in_any_case(tmp_path):
    make_split(tmp_path / "a")
    for old, new in ("train", "Train"), ("test", "TEST"):
        (tmp_path / "a" / old).rename(tmp_path / "a" / new)
    make_classes(tmp_path / "a" / "dev")
    X_train, X_test, *_ = load_text_folder(tmp_path / "a")
    assert (len(X_train), len(X_test)) == (8, 4)


@pytest.mark.parametrize("other", ["dev", "valid", "Validation"])
def test_a_part_in_place_of_test_is_an_error(tmp_path, other):
    make_classes(tmp_path / "train")
    make_classes(tmp_path / other)
    with pytest.raises(ValueError, match=f"needs '.*test' beside it; rename '{other}' if it is"):
        load_text_folder(tmp_path)


def test_a_train_folder_among_other_classes_is_a_class(tmp_path):
    make_classes(tmp_path, ("boat", "train"))
    assert set(load_text_folder(tmp_path)[2]) == {"boat", "train"}


def test_str_paths_and_home_folders_are_understood(tmp_path, monkeypatch):
    make_split(tmp_path / "data")
    write(tmp_path / "t.csv", "x,y\na,b\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert load_text_folder(str(tmp_path / "data"))[0] == load_text_folder("~/data")[0]
    assert load_text_table("~/t.csv", text="x", label="y")[0] == ["a"]


def test_encoding_decodes_the_files_and_line_ends_stay(tmp_path):
    make_split(tmp_path)
    write(tmp_path / "test" / "neg" / "0.txt", "caf\xe9\r\n".encode("latin-1"))
    assert load_text_folder(tmp_path, encoding="latin-1")[1][0] == "caf\xe9\r\n"


def test_an_undecodable_file_is_named_with_the_way_out(tmp_path):
    make_classes(tmp_path)
    bad = write(tmp_path / "pos" / "2.txt", b"caf\xe9")
    message = f"encoding='utf-8', and {re.escape(repr(str(bad)))} .* encoding='latin-1'"
    with pytest.raises(ValueError, match=message) as caught:
        load_text_folder(tmp_path)
    assert type(caught.value) is ValueError
    assert caught.value.__suppress_context__  # the sentence says it all


@pytest.mark.parametrize("encoding", ["utf-nine", "base64", None])
def test_an_unknown_encoding_is_an_error(tmp_path, encoding):
    with pytest.raises(ValueError, match=f"text encoding Python knows, got {encoding!r}"):
        load_text_folder(make_classes(tmp_path), encoding=encoding)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is none at '.*nowhere'; pass the folder"):
        load_text_folder(tmp_path / "nowhere")


def test_the_reviews_of_the_first_example_are_where_the_error_says(tmp_path):
    message = r"'.*aclImdb'; download it from https://ai\.stanford\.edu/~amaas/data/sentiment/ and"
    with pytest.raises(FileNotFoundError, match=message):
        load_text_folder(tmp_path / "aclImdb")


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path):
    file = write(tmp_path / "a.csv", "x,y\n")
    with pytest.raises(NotADirectoryError, match=r"'.*a.csv' is a file; .* load_text_table"):
        load_text_folder(file)


def test_a_folder_without_class_folders_is_an_error(tmp_path):
    write(tmp_path / "a.txt", "text")
    with pytest.raises(ValueError, match=r"At least two class folders .* got \[\]; put"):
        load_text_folder(tmp_path)


def test_a_single_class_is_an_error(tmp_path):
    message = r"At least two class folders .* got \['neg'\]"
    with pytest.raises(ValueError, match=message):
        load_text_folder(make_classes(tmp_path / "one", ("neg",)))
    with pytest.raises(ValueError, match=message):
        load_text_folder(make_classes(tmp_path / "two"), categories=["neg"])


def test_train_and_test_that_share_one_class_are_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"both '.*train' and '.*test', got \['neg'\]"):
        load_text_folder(make_split(tmp_path, test=("neg",)))


@pytest.mark.parametrize(("given", "other"), [("train", "test"), ("test", "train")])
def test_train_or_test_alone_is_an_error(tmp_path, given, other):
    make_classes(tmp_path / given)
    with pytest.raises(ValueError, match=f"'.*{given}' needs '.*{other}' beside it; add"):
        load_text_folder(tmp_path)


def test_a_test_size_for_a_given_split_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"give the split, so test_size must be None, got 0.2"):
        load_text_folder(make_split(tmp_path), test_size=0.2)


def test_a_class_of_test_alone_is_an_error(tmp_path):
    make_split(tmp_path, test=("neg", "pos", "new"))
    with pytest.raises(ValueError, match=r"must stand in '.*train' too, and \['new'\] does not"):
        load_text_folder(tmp_path)


def test_a_class_folder_without_txt_files_is_an_error(tmp_path):
    write(make_classes(tmp_path) / "empty" / "a.md", "text")
    with pytest.raises(ValueError, match=r"at least 2 .txt .*, and '.*empty' holds 0; add some"):
        load_text_folder(tmp_path)


def test_an_empty_class_of_a_given_split_is_an_error(tmp_path):
    make_split(tmp_path, train=("a", "b"), test=("a",))
    (tmp_path / "test" / "b").mkdir()
    with pytest.raises(ValueError, match=r"at least 1 .txt .*, and '.*b' holds 0; add some"):
        load_text_folder(tmp_path)


def test_classes_that_are_all_empty_are_an_error(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match=r"'.*a' holds 0"):
        load_text_folder(tmp_path)


def test_a_single_file_cannot_be_split(tmp_path):
    write(make_classes(tmp_path) / "single" / "a.txt", "text")
    with pytest.raises(ValueError, match=r"at least 2 .txt .*, and '.*single' holds 1"):
        load_text_folder(tmp_path)


@pytest.mark.parametrize("make", [make_classes, make_split])
def test_a_category_that_is_not_there_is_an_error(tmp_path, make):
    message = r"\['new'\] is not among them; choose from \['neg', 'pos'\]"
    with pytest.raises(ValueError, match=message):
        load_text_folder(make(tmp_path), categories=["neg", "pos", "new"])


@pytest.mark.parametrize("categories", ["pos", 3])
def test_categories_that_are_no_list_are_an_error(tmp_path, categories):
    with pytest.raises(ValueError, match=f"must be a list of class names, got {categories!r}"):
        load_text_folder(make_classes(tmp_path), categories=categories)


# load_docstrings


@pytest.fixture(scope="module")
def corpus():
    return load_docstrings(n_per_class=20)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Two packages that fail if they are imported, of which a test writes the first."""
    names = {"first_package": "first", "second_package": "second"}
    monkeypatch.setattr(_docstrings, "_PACKAGES", names)
    monkeypatch.syspath_prepend(tmp_path)
    for name in names:
        write(tmp_path / name / "__init__.py", "raise RuntimeError('imported')\n")
    first, second = (tmp_path / name for name in names)
    write(second / "module.py", '"""One text that is in the second package."""\n')
    return first


def first_texts(**kwargs):
    X, y = load_docstrings(**{"n_per_class": None, **kwargs})
    return sorted(text for text, label in zip(X, y, strict=True) if label == "first")


def test_the_corpus_is_balanced_over_the_installed_packages(corpus):
    X, y = corpus
    assert type(X) is list and {type(text) for text in X} == {str}
    assert y.dtype.kind == "U" and y.shape == (len(X),)
    counts = Counter(y.tolist())
    assert {"scikit-learn", "scipy", "numpy"} <= set(counts) <= PACKAGES
    assert set(counts.values()) == {20}


def test_the_corpus_names_no_package_and_repeats_no_text(corpus):
    X, _ = corpus
    assert len(set(X)) == len(X)
    names = r"(?<![a-z0-9])(sklearn|scikit-learn|(py)?torch|scipy|numpy|np|transformers|pandas|pd)"
    assert not [text for text in X if re.search(names + r"(?![a-z0-9])", text, re.IGNORECASE)]
    assert all(len(text.split()) >= 5 and text == " ".join(text.split()) for text in X)


def test_the_corpus_is_the_same_for_the_same_random_state(package):
    for i in range(20):
        write(package / f"{i}.py", f'"""Text that has the word {chr(97 + i) * 3} in it."""\n')
    drawn, y = load_docstrings(n_per_class=9, random_state=1)
    again, y_again = load_docstrings(n_per_class=9, random_state=1)
    assert drawn == again
    np.testing.assert_array_equal(y, y_again)
    assert drawn != load_docstrings(n_per_class=9, random_state=2)[0]


def test_public_docstrings_are_read_without_an_import(package):
    source = '''"""The module has a text
    of two lines.

    Not the second paragraph of it."""
@decorated(by="something")
class Public:
    """The class has a text as well."""
    def method(self):
        """The method has a text of its own."""
        def inner():
            """The inner function has none that counts."""
    def _private(self):
        """The private method has none that counts."""
class _Private:
    def method(self):
        """The method of a private class has none."""
async def function():
    """The function is a coroutine with a text."""
def undocumented(): "Too short a text"
'''
    write(package / "sub" / "module.py", source)
    assert first_texts() == [
        "The class has a text as well.",
        "The function is a coroutine with a text.",
        "The method has a text of its own.",
        "The module has a text of two lines.",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "sklearn",
        "Scikit-Learn",
        "torch",
        "PyTorch",
        "SciPy",
        "NumPy",
        "np",
        "transformers",
        "Pandas",
        "pd",
        "huggingface",
        "Hugging Face",
        "hugging_face",
        "\N{HUGGING FACE}",
    ],
)
def test_the_names_of_all_packages_are_masked(package, name):
    write(package / "a.py", f'"""A text on {name} and on `{name}.x` or __{name}_f__ here."""\n')
    assert first_texts() == ["A text on library and on `library.x` or __library_f__ here."]


def test_a_name_within_a_word_is_not_masked(package):
    write(package / "a.py", '"""The input and the pandastic torchlight stay whole."""\n')
    assert first_texts() == ["The input and the pandastic torchlight stay whole."]


def test_repeats_are_dropped_within_and_across_packages(package):
    write(package / "a.py", '"""A text that is there on numpy."""\n')
    write(package / "b.py", '"""A text that is there on scipy."""\n')
    write(package / "c.py", '"""Some template text for the `BertModel` of BERT."""\n')
    write(package / "d.py", '"""Some template text for the `T5Model` of T5."""\n')
    second = package.parent / "second_package"
    write(second / "a.py", '"""A text that is there on torch."""\n')
    X, y = load_docstrings(n_per_class=None)
    assert len(first_texts()) == 2
    assert y.tolist().count("second") == 1
    assert "A text that is there on library." in X


@pytest.mark.parametrize(
    "text",
    [
        "Four words are few.",
        "relu(input, inplace=False, out=None, more=None) -> Tensor or so",
        "Args: x the input of the function",
        "Parameters\n----------\nx : the input of the function",
        "hidden_size (int): the size of the layer",
        ">>> x = 1 + 2 + 3 + 4",
        "A script. Copyright (c) 2015 by somebody, all rights reserved.",
    ],
)
def test_texts_that_are_short_or_no_prose_are_dropped(package, text):
    write(package / "a.py", f'"""{text}"""\n')
    assert first_texts() == []


def test_tests_and_vendored_packages_are_skipped(package):
    for name in ("tests", "test", "testing", "externals"):
        write(package / name / "a.py", '"""A text that is there in a skipped folder."""\n')
    assert first_texts() == []


def test_files_that_do_not_parse_are_skipped(package, recwarn):
    write(package / "a.py", "def broken(:\n")
    write(package / "b.py", b"\xff\xfe\x00")
    write(package / "c.py", '"""A text that has an invalid \\d escape."""\n')
    assert first_texts() == ["A text that has an invalid \\d escape."]
    assert not recwarn.list


def test_one_file_does_not_dominate_unless_the_others_run_out(package):
    words = ["".join(chr(97 + int(d)) for d in str(i)) for i in range(100, 150)]
    big = [f'def f_{w}():\n    """Text {w} of the big file."""\n' for w in words]
    write(package / "big.py", "".join(big))
    for w in words:
        write(package / f"{w}.py", f'"""Text {w} of a small file."""\n')
    assert sum("big" in text for text in first_texts(n_per_class=50)) <= 10
    assert len(first_texts(n_per_class=90)) == 90
    assert len(first_texts()) == 100


def test_kinds_are_those_of_classes_and_functions_of_all_packages(package):
    source = '''"""The module is neither of the two kinds."""
class First:
    """One class that is of the word {0}."""
    def method(self):
        """The method is neither of the two kinds."""
def first():
    """Do something that is of the word {0}."""
'''
    for i in range(9):
        write(package / f"{i}.py", source.format(chr(97 + i) * 3))
    second = package.parent / "second_package"
    write(second / "a.py", source.replace("of the word", "in the second package with").format("z"))
    X, y = load_docstrings(n_per_class=None, target="kind")
    kinds = {text.partition(" ")[0]: label for text, label in zip(X, y.tolist(), strict=True)}
    assert kinds == {"One": "class", "Do": "function"}
    assert Counter(y.tolist()) == {"class": 10, "function": 10}
    y = load_docstrings(n_per_class=3, target="kind")[1]
    assert Counter(y.tolist()) == {"class": 3, "function": 3}


@pytest.mark.parametrize("target", ["kinds", None, True])
def test_an_unknown_target_is_an_error(target):
    with pytest.raises(ValueError, match=f"must be 'package' or 'kind', got {target!r}"):
        load_docstrings(target=target)


def test_a_missing_package_is_left_out_but_one_alone_is_an_error(package, monkeypatch):
    names = dict(_docstrings._PACKAGES)
    monkeypatch.setattr(_docstrings, "_PACKAGES", {**names, "no_such_package": "absent"})
    write(package / "a.py", '"""A text that is in the first package."""\n')
    assert set(load_docstrings()[1]) == {"first", "second"}
    del names["first_package"]
    monkeypatch.setattr(_docstrings, "_PACKAGES", {**names, "no_such_package": "absent"})
    message = r"At least two of \['second', 'absent'\] must be installed, found \['second'\]"
    with pytest.raises(ModuleNotFoundError, match=message):
        load_docstrings()


@pytest.mark.parametrize("n_per_class", [0, -1, 2.5, "all"])
def test_an_n_per_class_that_is_no_positive_int_is_an_error(n_per_class):
    with pytest.raises(
        ValueError, match=f"positive int, or None for all texts, got {n_per_class!r}"
    ):
        load_docstrings(n_per_class=n_per_class)


def test_the_module_imports_and_loads_without_torch_and_transformers():
    code = (
        "import sys, sklearn_bert\n"
        "X, y = sklearn_bert.load_docstrings(n_per_class=2)\n"
        "assert len(X) >= 4\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)
