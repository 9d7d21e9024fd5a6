"""What the README says is what the package does."""

import inspect
import re
import shlex
import warnings
from pathlib import Path

import pytest
import torch
from conftest import make_tokenizer
from huggingface_hub import constants
from transformers import BertConfig, BertModel

from sklearn_bert import BertTextClassifier
from sklearn_bert.__main__ import _make_parser
from sklearn_bert._engine import hub as _hub

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
# The models it names, and the layers of those that stand in for them.
MODELS = {
    "bert-base-uncased": 1,
    "distilbert-base-uncased": 3,
    "sentence-transformers/all-MiniLM-L6-v2": 1,
}
# Of the extra `integrations`, which not everyone who runs the tests has.
INTEGRATIONS = {"datasets", "skops", "tensorboard"}


def section(title):
    """Return the text below a heading, up to the next one."""
    return re.search(rf"^## {title}$(.*?)^## ", README, flags=re.DOTALL | re.MULTILINE).group(1)


def test_each_parameter_stands_in_the_table_with_its_default():
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (`[^|]*`) \|", README, flags=re.MULTILINE)
    table = {}
    for names, defaults in rows:
        values = re.findall(r"`([^`]*)`", defaults)
        table.update(zip(re.findall(r"`(\w+)`", names), values, strict=True))
    parameters = inspect.signature(BertTextClassifier).parameters
    expected = {name: repr(p.default).replace("'", '"') for name, p in parameters.items()}
    assert table == expected


def test_ci_runs_the_two_commands_word_for_word():
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = re.findall(r"```sh\n(.*?)\n```", section("Two commands"), flags=re.DOTALL)
    assert len(commands) == 2
    assert all(f"\n{command}\n" in ci for command in commands)


def test_no_link_breaks_where_only_this_file_is_shown():
    """It is the long description of the package on an index."""
    links = re.findall(r"\]\(([^)]*)\)", README)
    assert links
    assert all(link.startswith("https://") for link in links)


def test_each_command_line_is_understood():
    shell = "\n".join(code for language, code in BLOCKS if language == "sh")
    commands = re.findall(r"python -m sklearn_bert (.+)", shell)
    assert len(commands) > 4
    for command in commands:
        _make_parser().parse_args(shlex.split(command))  # exits if it is not


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A cache of the Hugging Face hub in which the models of the README are tiny random ones."""
    tokenizer = make_tokenizer()
    tokenizer.model_max_length = 512
    for name, n_layers in MODELS.items():
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            num_hidden_layers=n_layers,
            num_attention_heads=2,
            intermediate_size=32,
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


def unpack_reviews(folder):
    """Write a few texts as the first block of shell does, which downloads 50,000."""
    for part in "train", "test":
        for label, text in ("neg", "a poor film"), ("pos", "a fine film"):
            (folder / part / label).mkdir(parents=True)
            for number in range(4):
                (folder / part / label / f"{number}.txt").write_text(text, encoding="utf-8")


def run_blocks(namespace):
    """Run the blocks of Python in their order, and yield each with the text that follows it."""
    for block in re.finditer(r"```python\n(.*?)```\n(\n```text\n.*?```)?", README, flags=re.DOTALL):
        line = README[: block.start(1)].count("\n")  # so that a traceback names the line
        try:
            exec(compile("\n" * line + block.group(1), "README.md", "exec"), namespace)
        except ModuleNotFoundError as error:
            if error.name not in INTEGRATIONS:
                raise
            print(f"The block of line {line} is left out: {error}")
        yield block.group(2)


@pytest.mark.usefixtures("hub", "no_window")
def test_all_blocks_run_in_their_order_without_a_network(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    unpack_reviews(tmp_path / "aclImdb")
    shown = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # random models learn little from few texts, and say so
        for text in run_blocks({}):
            printed = capsys.readouterr().out.splitlines()
            if text is not None:  # figures differ, and so may the models' names by their number
                assert printed[0].split() == text.splitlines()[2].split()
                shown += 1
    assert shown == 1
