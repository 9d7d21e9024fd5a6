"""What stands for a model in every chart and table: its colour and its mark."""

from typing import NamedTuple

# Names of CSS variables of the report. Of each pair, the letters of one have enough contrast to its
# page to be read, and the colour-blind tell the models apart.
LIGHT = {
    "page": "#ffffff",
    "ink": "#1b1f24",
    "soft": "#5b6570",
    "rule": "#d8dee4",
    "bert": "#b8450b",
    "cheap": "#0a66a8",
    "other": "#6b7280",
}
DARK = {
    "page": "#14171a",
    "ink": "#e6e9ec",
    "soft": "#a3adb8",
    "rule": "#343b43",
    "bert": "#ff9a5c",
    "cheap": "#6cb8f0",
    "other": "#9aa4af",
}
# The markers of matplotlib, and the letters that look like them: BERT's, that of the best cheap
# model, and those of the others.
MARKERS = {
    "o": "\N{BLACK CIRCLE}",
    "s": "\N{BLACK SQUARE}",
    "^": "\N{BLACK UP-POINTING TRIANGLE}",
    "D": "\N{BLACK DIAMOND}",
    "v": "\N{BLACK DOWN-POINTING TRIANGLE}",
    "<": "\N{BLACK LEFT-POINTING POINTER}",
    ">": "\N{BLACK RIGHT-POINTING POINTER}",
    "P": "\N{HEAVY GREEK CROSS}",
    "X": "\N{HEAVY MULTIPLICATION X}",
    "*": "\N{BLACK STAR}",
    "p": "\N{BLACK PENTAGON}",
    "h": "\N{BLACK HEXAGON}",
}


class ModelMark(NamedTuple):
    """What stands for a model on the page: a letter, in the colour of its kind."""

    kind: str
    mark: str
    name: str


def kind_of(comparison, model):
    """Return "bert" or "cheap" for the two models of the verdict, else "other"."""
    return {comparison.bert_: "bert", comparison.best_cheap_: "cheap"}.get(model, "other")


def marker_of(kind, number=0):
    """Return the marker of a model: of the others, each has one by its number."""
    bert, cheap, *others = MARKERS
    return {"bert": bert, "cheap": cheap}.get(kind, others[number % len(others)])
