"""Each message on the command line: a sentence about its own options, and nothing of Python."""

import ast
import re
import shlex
from pathlib import Path

import joblib
import pytest

import sklearn_bert
from sklearn_bert.__main__ import main
from sklearn_bert._cli import phrases as _cli_phrases

# What a message in Python may say, and a command may not.
PYTHON = re.compile(
    r"\b[a-z]\w*=(?!=)|\w\(|\bNone\b|site-packages|\.py\b|Traceback|(?<!row )(?<!line )\b1 \w+s\b"
)
QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")

ROWS = "".join(f"the good film {i},pos\nthe bad film {i},neg\n" for i in range(10))
FILES = {
    "t.csv": f"text,label\n{ROWS}",
    "one.csv": "text,label\na good film,pos\nthe bad film,pos\n",
    "single.csv": "text,label\na,pos\nb,neg\nc,neg\n",
    "empty.csv": "",
    "header.csv": "text,label\n",
    "missing.csv": "text,label\na,x\nb,\n",
    "wide.csv": "text,label\na,b,x\nc,y\n",
    "narrow.csv": "text,label\na\n",
    "quote.csv": 'text,label\n"a,x\nb,y\n',
    "latin.csv": "text,label\ncaf\xe9,x\nb,y\n".encode("latin-1"),
    "pairs.csv": "a,b,label\ngood,bad,x\nbad,good,y\n",
    "several.csv": "text,joy,fear\na,1,2\n",
    "old.xls": "text",
    "paper.pdf": "text",
    "data": "text",
    "no.xlsx": "text",
    "no.parquet": "text",
    "no.csv.gz": "text",
    "no.json": "text",
    "no.jsonl": '{"text": 1, "label": 2}\n',
    "keys.jsonl": '{"a": 1}\n',
    "mixed.jsonl": '{"text": "a", "label": 1}\n{"text": "b", "label": "c"}\n',
    "half.jsonl": "".join(f'{{"text": "a {i}", "label": {i}.5}}\n' for i in range(4)),
    "large.jsonl": "".join(f'{{"text": "a", "label": {2**70 + i}}}\n' for i in range(2)),
    "lone.jsonl": '{"text": "a\\ud800", "label": "x"}\n{"text": "b", "label": "y"}\n',
    "new.txt": "the good film\n",
    "latin.txt": "caf\xe9\n".encode("latin-1"),
    "alone/pos/a.txt": "a",
    "short/pos/a.txt": "a",
    "short/neg/a.log": "a",
    "split/train/pos/a.txt": "a",
    "split/train/neg/a.txt": "a",
    "split/test/pos/a.txt": "a",
    "split/test/odd/a.txt": "a",
    "half/train/pos/a.txt": "a",
    "latin/pos/a.txt": "caf\xe9".encode("latin-1"),
    "latin/neg/a.txt": "a",
    "logs/a.log": "a",
    "checkpoint/config.json": "{}",
}

# A command line, and what stands on the last line of stderr. FIT, COMPARE and PREDICT begin so.
LINES = [
    ("FIT nothing.csv", "PATH must be a file or a folder, and there is neither at 'nothing.csv';"),
    ("FIT one.csv", "The labels must have at least 2 classes, got one class: 'pos'; add texts of"),
    ("FIT empty.csv", "'empty.csv' must be a table with a header row and rows, and is empty"),
    ("FIT header.csv", "A table needs at least one row below its header, 'header.csv' has none."),
    ("FIT missing.csv", "must have a label in column 'label', row 1 has ''; drop the row, or"),
    ("FIT wide.csv", "put fields with ',' in them into quotes, or give --sep if that is wrong."),
    ("FIT narrow.csv", "Each row of 'narrow.csv' must have 2 fields, row 0 has ['a']; add the"),
    ("FIT quote.csv", "the quote of a field in line 2 of 'quote.csv' never closes; enclose"),
    ("FIT latin.csv --encoding utf-8", "save it as UTF-8, or give --encoding if it has another."),
    ("FIT latin.csv --encoding no", "--encoding must name a text encoding Python knows, got 'no';"),
    ("FIT t.csv --text text --label text", "--text and --label must name different columns, got"),
    ("FIT t.csv --text text text", "--text must name different columns, got ['text', 'text']."),
    ("FIT t.csv --label no", "--label must name exactly one column of 't.csv', got 'no'; its"),
    ("FIT t.csv --no-header --text 1 --label 3", "--label must be the number of a column of"),
    ("FIT t.csv --label text label", "--text and --label must name different columns, got 'text'"),
    ("FIT several.csv --label joy fear", "Each of several label columns must hold 0 or 1, and"),
    ("FIT old.xls", "got 'old.xls'; save the sheet as .xlsx or .csv."),
    ("FIT paper.pdf", "got 'paper.pdf'; save its texts as .txt or .csv."),
    ("FIT data", "got 'data'; if it is csv, tsv, jsonl or json, say so by --input-format."),
    ("FIT no.xlsx", "'no.xlsx' must be an Excel workbook (.xlsx), and cannot be read as one;"),
    ("FIT no.xlsx --sep ;", "--sep is for CSV and TSV only, got ';' for Excel; leave it out."),
    ("FIT no.xlsx --encoding ascii", "--encoding is for text only, got 'ascii' for Excel, which"),
    ("FIT no.parquet", "'no.parquet' must be a Parquet file, and is not: it is damaged or of"),
    ("FIT no.csv.gz", "must be packed by gzip, and 'no.csv.gz' is not or is damaged; pack it"),
    ("FIT no.json", "Each line of 'no.json' must be a JSON object, row 0 (line 1) is no JSON"),
    ("FIT no.jsonl", "Each text in column 'text' of 'no.jsonl' must be a string, row 0 has 1;"),
    ("FIT keys.jsonl", "--text must name a key of every object in 'keys.jsonl', got 'text', and"),
    ("FIT keys.jsonl --no-header --text 1 --label 2", "--no-header is for CSV, TSV and Excel"),
    ("FIT mixed.jsonl", "must be all strings, all numbers or all booleans, row 1 has 'c' and row"),
    ("FIT large.jsonl", "The labels must have labels that fit into 64 bits, got 118059162"),
    ("FIT lone.jsonl", "with a lone surrogate at row 0; correct the file."),
    ("FIT alone", "At least two class folders must be loaded from 'alone', got ['pos']; put"),
    ("FIT short", "A class folder must hold at least 1 .txt file, and 'short/neg' holds 0; add"),
    ("FIT split", "['odd'] does not; add its training texts, or move it elsewhere."),
    ("FIT half", "The folder 'half/train' needs 'half/test' beside it; add it, or pass the"),
    ("FIT latin", "pass the encoding it has, such as --encoding latin-1."),
    ("FIT pairs.csv --text a b --pair --long-text windows", "use --long-text head, which cuts"),
    (
        "FIT t.csv --max-length 2",
        "--max-length must be from 3 to 64 for --model tiny, got 2; leave",
    ),
    ("FIT t.csv --device cuda:9", "--device cuda:9 is not on this machine; use auto or one of"),
    ("FIT t.csv --device no", "--device must be auto or a device that torch knows, got 'no'; use"),
    ("FIT t.csv --model ./no", "--model ./no must be the name of a model or an existing folder,"),
    ("FIT t.csv --model 'no name'", "--model 'no name' is neither a local folder nor in the"),
    ("FIT t.csv --model logs", "--model logs must be a folder with config, weights and tokenizer,"),
    ("FIT t.csv --learning-rate 1e30", "its training has diverged; fit it with a lower --learning"),
    ("FIT t.csv --min-per-class 11", "At least two classes must have 11 texts or more, as --min-"),
    ("fit t.csv --out no/m", "--out must name a folder in a folder that is there, and 'no' is"),
    ("fit t.csv --out data", "--out must name a folder, and 'data' is a file; pass another name,"),
    ("fit t.csv --out logs", "--out must name a new folder, and 'logs' is there; pass another"),
    ("fit t.csv --out logs --force", "--out must be new, an empty folder or a model saved before,"),
    ("fit t.csv --out ''", "--out must name a folder, or a file for a pickle, got ''."),
    ("COMPARE one.csv", "The labels must have at least 2 classes, got one class: 'pos'; add texts"),
    (
        "COMPARE single.csv",
        "'pos' has one, at row 0; add texts of it, or leave it out by --min-per",
    ),
    ("COMPARE single.csv --test-size .5", "leave it out by --min-per-class 2, or name another"),
    ("COMPARE t.csv --cv 11", "--cv must be at most the number of texts of the largest class, 10,"),
    ("COMPARE t.csv --test-size 0.01", "--test-size must put a text of each of the 2 classes on"),
    ("COMPARE t.csv --test-size 0.99", "on either side, got 0.99 of 20 texts; choose a number"),
    ("COMPARE t.csv --groups label", "--cv must be at most the number of groups, 2, got 5; use"),
    (
        "COMPARE t.csv --groups no",
        "--groups must name exactly one column of 't.csv', got 'no'; its",
    ),
    ("COMPARE t.csv --scoring no", "--scoring must be names of scikit-learn's scorers, got 'no';"),
    ("COMPARE t.csv --scoring r2", "--scoring r2 judges numbers, got labels such as 'neg'; use"),
    ("COMPARE t.csv --scoring f1", "pass --pos-label pos, or use 'f1_macro' or 'f1_weighted'."),
    ("COMPARE t.csv --pos-label no", "--pos-label must be one of the labels, ['neg', 'pos'], got"),
    ("COMPARE t.csv --drop no", "--drop must name models that there are, got 'no'; the models are"),
    ("COMPARE t.csv --preview", "--preview fits BERT to half of a training part at most, which"),
    (
        "COMPARE t.csv --preview --learning-curve",
        "--preview fits BERT once, to a few texts, and --learning-curve needs it fitted on all "
        "folds; leave one of the two out.",
    ),
    ("COMPARE t.csv --budget no", "--budget must be seconds above 0, or a text such as '90s', '10"),
    (
        "COMPARE half.jsonl --task classification",
        "must hold labels for --task classification, got the number 0.5 at row 0; put the numbers "
        "into classes, or leave it out.",
    ),
    ("COMPARE t.csv --task regression", "needs a number in each row, got 'pos' at row 0; drop"),
    ("COMPARE t.csv --html no/x", "--html must name a file in a folder that is there, and 'no' is"),
    ("COMPARE t.csv --json data", "--json must name a new file, and 'data' is there; pass another"),
    ("predict no new.txt", "MODEL must name a file or a folder, and there is neither at 'no'."),
    (
        "predict data new.txt",
        "MODEL must be a file that fit or joblib.dump has written, and 'data'",
    ),
    ("predict logs new.txt", "'logs' is none: it has no sklearn_bert.json; make one by fit."),
    ("predict checkpoint new.txt", "make one of this checkpoint by fit --model checkpoint."),
    ("PREDICT no.txt", "PATH must be a file or a folder, and there is neither at 'no.txt'; check"),
    ("PREDICT latin.txt", "save it as UTF-8, or give --encoding if it has another."),
    ("PREDICT logs", "A folder must hold .txt files, and 'logs' holds none; add some, or pass a"),
    ("PREDICT t.csv --text no", "got 'no'; its columns are ['text', 'label']; a table without a"),
    ("PREDICT old.xls", "got 'old.xls'; save the sheet as .xlsx or .csv."),
    ("PREDICT data", "if it is txt, csv, tsv, jsonl or json, say so by --input-format."),
    ("PREDICT new.txt --out no/x", "--out must name a file in a folder that is there, and 'no' is"),
]
BEGINNINGS = {
    "FIT ": "fit --model tiny --epochs 1 --out out --quiet ",
    "COMPARE ": "compare --model tiny --epochs 1 --quiet ",
    "PREDICT ": "predict fitted.joblib --quiet ",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_model, fitted):
    """The folder that the commands run in."""
    folder = tmp_path_factory.mktemp("messages")
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "tiny").symlink_to(tiny_model)
    joblib.dump(fitted, folder / "fitted.joblib")
    return folder


@pytest.mark.parametrize(("line", "expected"), LINES, ids=[line for line, _ in LINES])
def test_each_message_is_a_sentence_about_options(line, expected, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    for beginning, argv in BEGINNINGS.items():
        line = line.replace(beginning, argv)
    assert main(shlex.split(line)) == 1
    *_, last = said = capsys.readouterr().err.splitlines()
    assert last.startswith("sklearn-bert: error: ") and expected in last
    for message in said:
        assert not PYTHON.search(QUOTED.sub("", message)), message
    assert not (folder / "out").exists()


# Modules that no command calls, and those that need what no option sets.
ELSEWHERE = {
    "_engine.checkpoints",
    "_engine.distributed",
    "_engine.lr_finder",
    "_estimators.callback_rules",
    "_estimators.epoch_scores",
    "_estimators.holdout",
    "_estimators.validation",
    "_estimators.weights",
    "_saving.card",
    "_saving.onnx_export",
    "comparison._plots",
    "datasets._loaders",
    "embedder",
    "inspection._attribution",
    "inspection._explanation",
    "inspection._explain",
    "inspection._top_losses",
    "inspection._unwrap",
}


# Sentences in other modules on what no option sets and no table holds.
NEVER = ("MultiLabelBinarizer", "RandomState", "shape=(0,)", "held out for validation")


def messages():
    """Return the texts of all modules that a command can show, values as 7 and reprs as 'x'."""
    found = []
    package = Path(sklearn_bert.__file__).parent
    for file in sorted(package.rglob("*.py")):
        module = ".".join(file.relative_to(package).with_suffix("").parts)
        if module not in ELSEWHERE and not module.startswith("_cli."):
            found += [(module, text) for text in texts(ast.parse(file.read_text("utf-8")))]
    return found


def texts(node):
    """Yield the strings and f-strings in a piece of source, but for docstrings."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Constant):
        yield from [node.value] if isinstance(node.value, str) else []
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            part.value if isinstance(part, ast.Constant) else "'x'" if part.conversion > 0 else "7"
            for part in node.values
        )
    else:
        for child in ast.iter_child_nodes(node):
            yield from texts(child)


def test_whatever_speaks_of_an_option_speaks_of_nothing_in_python():
    wrong = []
    for module, message in messages():
        said = _cli_phrases.in_words_of_options(message)
        is_sentence = message.endswith(".") and not any(words in message for words in NEVER)
        if is_sentence and "--" in said and PYTHON.search(QUOTED.sub("", said)):
            wrong.append((module, said))
    assert not wrong


def test_each_phrase_that_is_put_into_other_words_is_still_said():
    said = [text for _, text in messages()]
    for pattern in _cli_phrases._PHRASES:
        assert any(re.search(pattern, text) for text in said), pattern
