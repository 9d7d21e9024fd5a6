"""What the README says is what the package does."""

import inspect
import re
from pathlib import Path

import pytest

from sklearn_bert import BertTextClassifier

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)


def test_each_parameter_stands_in_the_table_with_its_default():
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (`[^|]*`) \|", README, flags=re.MULTILINE)
    table = {}
    for names, defaults in rows:
        values = re.findall(r"`([^`]*)`", defaults)
        table.update(zip(re.findall(r"`(\w+)`", names), values, strict=True))
    parameters = inspect.signature(BertTextClassifier).parameters
    expected = {name: repr(p.default).replace("'", '"') for name, p in parameters.items()}
    assert table == expected


@pytest.mark.parametrize("code", [code for language, code in BLOCKS if language == "python"])
def test_each_example_is_python(code):
    compile(code, "README.md", "exec")


def test_ci_runs_the_two_commands_word_for_word():
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    commands = [line for language, code in BLOCKS if language == "sh" for line in code.splitlines()]
    commands = [line for line in commands if "constraints.txt" in line]
    assert len(commands) == 2
    assert all(f"\n{command}\n" in ci for command in commands)
