"""What the README and the pages of the site show is what the package does."""

import re
import runpy
import shlex
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_tokenizer
from huggingface_hub import constants
from transformers import BertConfig, BertModel

import sklearn_bert
from sklearn_bert.__main__ import _make_parser
from sklearn_bert._engine import hub as _hub

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted(DOCS.glob("*.md")) if page.stem != "paper"),
    *sorted(DOCS.glob("guide/*.md")),
]
EXAMPLES = sorted((DOCS / "gallery").glob("plot_*.py"))
# The models that are named, and the layers of those that stand in for them.
MODELS = {
    "bert-base-uncased": 1,
    "distilbert-base-uncased": 3,
    "roberta-base": 1,
    "sentence-transformers/all-MiniLM-L6-v2": 3,
}
# Of the extra `integrations`, which not everyone who runs the tests has.
INTEGRATIONS = {"datasets", "skops", "tensorboard"}
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)```)?", re.DOTALL | re.MULTILINE)


def name_of(page):
    """Return the path of a page in the repository."""
    return page.relative_to(ROOT).as_posix()


def read(page):
    """Return the text of a page."""
    return page.read_text(encoding="utf-8")


QUICK = {"README.md", "docs/index.md"}
PAGES_WITH_CODE = [
    pytest.param(page, id=name_of(page), marks=[] if name_of(page) in QUICK else [pytest.mark.slow])
    for page in PAGES
    if BLOCK.search(read(page))
]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A cache of the Hugging Face hub in which the models of the pages are tiny random ones."""
    tokenizer = make_tokenizer()
    tokenizer.model_max_length = 512
    for name, n_layers in MODELS.items():
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            num_hidden_layers=n_layers,
            num_attention_heads=2,
            intermediate_size=32,
            initializer_range=0.5,  # so that texts differ in what is made of them
        )
        folder = tmp_path / "hub" / f"models--{name.replace('/', '--')}"
        with torch.random.fork_rng():
            torch.manual_seed(0)
            BertModel(config).save_pretrained(folder / "snapshots" / "0")
        tokenizer.save_pretrained(folder / "snapshots" / "0")
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text("0")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    # The real MiniLM of the extra `offline` would take minutes.
    monkeypatch.setattr(_hub, "_PACKAGED", {})


@pytest.fixture
def docstrings(monkeypatch, request):
    """Made-up texts in place of those of all installed packages, which take seconds to parse."""
    most = getattr(request, "param", 1000)

    def load_docstrings(*, n_per_class=300, random_state=0, target="package"):
        n_per_class = min(n_per_class, most)
        names = (
            ["class", "function"] if target == "kind" else ["numpy", "scipy", "sklearn", "torch"]
        )
        rng = np.random.default_rng(random_state)
        codes = rng.permutation(np.repeat(range(len(names)), n_per_class))
        texts = []
        for code in codes:  # of different lengths, so that no model answers all of them alike
            word = ["good", "bad", "fine", "poor"][code]
            words = rng.choice([word, word, "a", "the", "film", "book"], rng.integers(4, 12))
            texts.append(" ".join([word, *words]))
        return texts, np.array(names)[codes]

    monkeypatch.setattr(sklearn_bert, "load_docstrings", load_docstrings, raising=False)


def unpack_reviews(folder):
    """Write a few texts as the page on loading downloads 50,000."""
    for part in "train", "test":
        for label, text in ("neg", "a poor film"), ("pos", "a fine film"):
            (folder / part / label).mkdir(parents=True)
            for number in range(4):
                (folder / part / label / f"{number}.txt").write_text(text, encoding="utf-8")


def run_blocks(page):
    """Run the blocks of Python in their order, and yield each with the output that it shows."""
    namespace, text = {}, read(page)
    for block in BLOCK.finditer(text):
        line = text[: block.start(1)].count("\n")  # so that a traceback names the line
        try:
            exec(compile("\n" * line + block.group(1), name_of(page), "exec"), namespace)
        except ModuleNotFoundError as error:
            if error.name not in INTEGRATIONS:
                raise
            print(f"The block of line {line} is left out: {error}")
        yield block.group(2)


def without_answers(line):
    """Return the words of a line; figures and labels differ with the model."""
    return re.sub(r"'[^']*'|\d[\d,.]*", "#", line).split()


@pytest.mark.usefixtures("hub", "docstrings", "no_window")
@pytest.mark.parametrize("docstrings", [75], indirect=True, ids=[""])
@pytest.mark.parametrize("page", PAGES_WITH_CODE)
def test_the_code_of_a_page_runs_in_its_order_without_a_network(
    page, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    unpack_reviews(tmp_path / "aclImdb")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # random models learn little from few texts, and say so
        for shown in run_blocks(page):
            printed = capsys.readouterr().out.splitlines()
            if shown is not None:
                assert without_answers(printed[0]) == without_answers(shown.splitlines()[0])


def test_each_command_line_is_understood():
    shell = "\n".join(
        code for page in PAGES for code in re.findall(r"```sh\n(.*?)```", read(page), re.DOTALL)
    )
    commands = re.findall(r"python -m sklearn_bert (.+)", shell)
    assert len(commands) > 4
    for command in commands:
        _make_parser().parse_args(shlex.split(command))  # exits if it is not


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_link_and_picture_is_there(page):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", read(page))
    here = [link for link in links if "://" not in link and not link.startswith("auto_examples")]
    lost = [link for link in here if not (page.parent / link).exists()]
    assert [link for link in lost if not link.endswith("auto_examples/index.rst")] == []


def test_each_page_is_in_a_table_of_contents():
    contents = "\n".join(read(DOCS / name) for name in ("index.md", "guide/index.md"))
    pages = {page.stem for page in PAGES[1:]} - {"index"}
    assert {page for page in pages if not re.search(rf"^(.*/)?{page}$", contents, re.M)} == set()


def test_each_public_name_is_in_the_reference():
    listed = re.findall(r"^   (\w+)$", read(DOCS / "api.md"), flags=re.MULTILINE)
    assert sorted(listed) == sorted(set(sklearn_bert.__all__) - {"__version__"})


@pytest.mark.parametrize("start", re.findall(r"^`(.+?)`$", read(DOCS / "troubleshooting.md"), re.M))
def test_each_sentence_of_the_troubleshooting_is_one_of_ours(start):
    sources = "\n".join(map(read, Path(sklearn_bert.__path__[0]).rglob("*.py")))
    # As it stands in the source: strings of several lines in one, and nothing of what is filled in.
    joined = re.sub(r'"\s*\n\s*f?"', "", sources)
    parts = [part.strip(" '.") for part in re.split(r"…|'…'|nan of type float|nan\b", start)]
    assert [part for part in parts if len(part) > 12 and part not in joined] == []


def test_each_example_of_the_gallery_compiles_and_imports_what_there_is():
    assert len(EXAMPLES) >= 12
    for example in EXAMPLES:
        compile(read(example), example.name, "exec")
        (names,) = re.findall(r"^from sklearn_bert import (.+)$", read(example), flags=re.MULTILINE)
        assert set(names.split(", ")) <= set(sklearn_bert.__all__)


@pytest.mark.slow
@pytest.mark.usefixtures("hub", "docstrings", "no_window")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_an_example_of_the_gallery_runs_to_its_end(example):
    """With a tiny random model; the real one runs when the site is built."""
    for name in ("mapie", "skrub"):
        if f"from {name}" in read(example):
            pytest.importorskip(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        runpy.run_path(str(example))
