"""What the README promises beside its code, which test_docs.py runs."""

import inspect
import re
from pathlib import Path

from sklearn_bert import BertTextClassifier

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title):
    """Return the text below a heading, up to the next one."""
    return re.search(rf"^## {title}$(.*?)^## ", README, flags=re.DOTALL | re.MULTILINE).group(1)


def test_each_parameter_stands_in_the_table_with_its_default():
    page = (ROOT / "docs" / "guide" / "parameters.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (`[^|]*`) \|", page, flags=re.MULTILINE)
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


def test_it_is_one_page():
    assert len(README.splitlines()) <= 120
