"""Messages to a caller in Python, put into words about the options of a command."""

import re
import shlex

OPTIONS = (
    *("text", "label", "groups", "encoding", "sep", "pos_label", "n_per_class", "max_length"),
    *("long_text", "batch_size", "learning_rate", "random_state", "epochs", "model", "device"),
    *("cv", "scoring", "budget", "learning_curve", "preview"),
)
# Parameters at the beginning, with an underscore or with a value, and what stands in quotes, which
# is somebody else's.
_PARAMETER = re.compile(
    rf"^(?P<subject>{'|'.join(OPTIONS)})(?= (?:must|is for|needs) )"
    rf"|\b(?P<given>{'|'.join(OPTIONS)})="
    r"""(?P<value>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[\w+-]+(?:\.\w+)*)?"""
    rf"|\b(?P<bare>{'|'.join(name for name in OPTIONS if '_' in name)})\b"
    r"""|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
)
# What only Python has, and what stands for it here: patterns and templates.
_PHRASES = {
    r"^X must ": "The texts must ",
    r"^y must ": "The labels must ",
    r"^path must be new": "--out must be new",
    r"\bheader=False": "--no-header",
    r"load_text_table": "the path of the file",
    r" or leave it out (?:by|of) categories": " or move it elsewhere",
    r"^text and label must": "--text and --label must",
    r"^estimators can only drop models that there are": "--drop must name models that there are",
    r"^estimators must leave": "--drop must leave",
    r" with a weight above 0, got": ", got",
    r", or raise its class_weight": "",
    r" or weight_decay": "",
    r", or use dtype='float32'": "",
    r"use None for the longest, or another model": "leave it out for the longest, or use another "
    "model",
    r"use 'auto' or one of \[?([^\]]*?)\]?\.$": r"use auto or one of \1.",
    r"must be 'auto' or a device that torch knows": "must be auto or a device that torch knows",
    r"(that torch knows, .*; use one of) \[?([^\]]*?)\]?\.$": r"\1 \2.",
    r"; use 'head', which cuts": "; use --long-text head, which cuts",
    r"save all with model\.save_pretrained and tokenizer\.save_pretrained": "get a complete copy",
    r"save weights and config\.json together, with save_pretrained of the transformers model "
    "itself": "get a complete copy",
    r" with merge_and_unload\(\), and save that with save_pretrained": " first",
    r"set one with tokenizer\.pad_token = '\[PAD\]' and save the folder again": "use another model",
    r"use pooling='mean' for the mean of its last hidden states(?:, or sentence-transformers "
    "itself)?": "leave it out by --drop",
    r"names of scikit-learn's scorers, or scorers,": "names of scikit-learn's scorers,",
    r"use fewer folds, or another splitter": "use fewer folds",
    r"add texts of it, or drop it or merge it with another class": "add texts of it, or leave it "
    "out by --min-per-class 2",
    r"needs 2 classes, and y has": "needs 2 classes, and there are",
    r"one of the labels of y,": "one of the labels,",
    r"for a classifier, got the number (.*), or pass a regressor as bert, such as "
    r"BertTextRegressor\(\)": r"for --task classification, got the number \1, or leave it out",
    r"; decode the source with errors='replace'": "; correct the file",
    r",? as in \[[^\]]*\]": "",
    r"^X does not have valid feature names, but \w+ was fitted with feature names": "MODEL was "
    "fitted to columns with names",
    r"the labels of y\b": "the labels",
    r"; write (?:one object a line|it) as json\.dumps? does": "; correct the file",
    r", as json\.dumps does": "",
}
_COMPILED = [(re.compile(pattern), template) for pattern, template in _PHRASES.items()]
_ELSEWHERE = re.compile(r"device='([^']*)' is not on this machine; .* Predicting on '([^']*)'\.")
_TOO_LITTLE_MEMORY = re.compile(r"Out of memory on device '(\w+)' with .*")


def in_words_of_options(message, options=OPTIONS):
    """Return a message to a caller in Python as one line about the options of a command.

    Parameters
    ----------
    message : object
        What it is the text of.
    options : collection of str, default=OPTIONS
        Those that the command has. Advice to set others is left out.
    """
    return translate(" ".join(str(message).split()), options)


def translate(line, options=OPTIONS):
    """Return a line in words of options; its spaces stay."""
    if match := _ELSEWHERE.fullmatch(line):
        return (
            f"MODEL was fitted on {match[1]}, which this machine lacks: predicting on {match[2]}."
        )
    if "batch_size" not in options and (match := _TOO_LITTLE_MEMORY.fullmatch(line)):
        return f"Out of memory on {match[1]}; use a machine with more, or a smaller model."
    for pattern, template in _COMPILED:
        line = pattern.sub(template, line)
    unknown = []

    def rename(match):
        name = match["subject"] or match["bare"] or match["given"]
        if name not in options:
            unknown.extend([match.start()] if name else [])
            return match[0]
        return f"--{name.replace('_', '-')}{_as_argument(match['value'])}"

    renamed = _PARAMETER.sub(rename, line)
    advice = line.rfind("; ")
    if unknown and 0 < advice < unknown[0]:
        return translate(line[:advice], options) + "."
    return renamed


def _as_argument(value):
    """Return a value of a parameter as the shell takes it, behind a space."""
    if value is None or value == "True":
        return ""
    is_quoted = value[:1] in ("'", '"')
    return f" {shlex.quote(value[1:-1]) if is_quoted else value}"
