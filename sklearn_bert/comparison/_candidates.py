"""The classifiers that `compare` judges: their names, and the checkpoints that they start from."""

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import NamedTuple

from .._plain import plain
from ._pretrained_models import FROZEN, STATIC, FrozenBert, StaticBert, head_for, row_name

_BERT = "BERT"
# A parameter is part of a name only if its value is this short, and there are this few of them.
_MAX_CHARACTERS = 24
_MAX_PARAMETERS = 3


def name_candidates(bert):
    """Return the classifiers to judge by name.

    Parameters
    ----------
    bert : estimator, list of estimators or dict of str to estimator
        As for `compare`.

    Raises
    ------
    TypeError, ValueError
        If there is none, a name is no text, or a list holds one twice.
    """
    if isinstance(bert, Mapping):
        candidates = dict(bert)
        for name in candidates:
            if not isinstance(name, str) or not name.strip():
                raise TypeError(
                    f"bert must have names of type str for its classifiers, not blank, got {name!r}"
                    "; choose names such as 'small' and 'large'."
                )
    elif isinstance(bert, (list, tuple)):
        _check_differ(bert)
        candidates = dict(zip(_names(bert), bert, strict=True))
    else:
        return {_names([bert])[0]: bert}
    if not candidates:
        raise ValueError(
            f"bert must hold at least one classifier, got {bert!r}; leave it out for "
            "BertTextClassifier()."
        )
    return candidates


def _check_differ(berts):
    """Refuse a list in which two have the same parameters."""
    seen = []
    for bert in berts:
        if isinstance(bert, type) or not hasattr(bert, "get_params"):
            continue  # no classifier, as will be told
        if (key := (type(bert), repr(bert.get_params()))) in seen:
            shown = " ".join(repr(bert).split())
            raise ValueError(
                f"bert must hold classifiers that differ, got {shown} twice; leave one out, or "
                "pass a dict of names to classifiers."
            )
        seen.append(key)


def _names(berts):
    """Return a name for each: what it is, and what tells it from the others."""
    models = [getattr(bert, "model", None) for bert in berts]
    if len(berts) == 1 and models[0] is None:
        return [_BERT]
    kinds = _ends(
        [
            type(bert).__name__ if model is None else model
            for bert, model in zip(berts, models, strict=True)
        ]
    )
    return [f"{_BERT} ({label})" for label in _tell_apart(kinds, [*map(_parameters, berts)])]


def _parameters(bert):
    """Return the parameters of an estimator but for its model."""
    if isinstance(bert, type) or not hasattr(bert, "get_params"):
        return {}
    return {name: value for name, value in bert.get_params(deep=False).items() if name != "model"}


def _ends(models):
    """Return the last part of each path or name, or as many parts as tell them apart."""
    parts = [Path(str(model)).parts for model in models]
    for depth in count(1):
        ends = ["/".join(some[-depth:]) for some in parts]
        if len(set(ends)) == len(set(parts)) or depth > max(map(len, parts)):
            return ends


def _tell_apart(kinds, parameters):
    """Return a label for each: its kind, if need be with parameters that differ, or a number.

    Parameters
    ----------
    kinds : list of str
    parameters : list of dict
    """
    if len(set(kinds)) == len(kinds):
        return kinds
    shown = [{name: repr(plain(value)) for name, value in each.items()} for each in parameters]
    names = [
        name
        for name in dict.fromkeys(name for each in shown for name in each)
        if len({each.get(name) for each in shown}) > 1
        and all(len(each.get(name, "")) <= _MAX_CHARACTERS for each in shown)
    ]
    labels = [
        ", ".join([kind, *(f"{name}={each[name]}" for name in names if name in each)])
        for kind, each in zip(kinds, shown, strict=True)
    ]
    if len(names) <= _MAX_PARAMETERS and len(set(labels)) == len(labels):
        return labels
    return [f"{kind}, no. {number}" for number, kind in enumerate(kinds, 1)]


class Pretrained(NamedTuple):
    """A model on what a checkpoint gives without training, made when its turn comes.

    `vectors` are "static embeddings" or "frozen BERT", `kind` is what it predicts.
    """

    vectors: str
    settings: tuple
    kind: str

    def make(self):
        """Return the model."""
        if self.vectors == STATIC:
            from ._static_embeddings import StaticEmbeddings

            return StaticBert(StaticEmbeddings(*self.settings), head_for(self.kind))
        from .._engine.embeddings import Embeddings

        return FrozenBert(Embeddings(*self.settings), head_for(self.kind))


def find_pretrained(berts, kind="labels"):
    """Return the models on the checkpoints of some BERTs: for both rows, by name.

    Parameters
    ----------
    berts : list of BertTextClassifier or of BertTextRegressor
        Those that start from one checkpoint share them.
    kind : {"labels", "several labels", "numbers"}, default="labels"
        What they predict.

    Returns
    -------
    pretrained : dict of str to dict of str to Pretrained
    """
    if not berts:
        return {}
    static, frozen = {}, {}
    for bert in berts:
        model = str(bert.model)
        static.setdefault(model, Pretrained(STATIC, (bert.model, bert.device), kind))
        settings = tuple(map(plain, (bert.max_length, bert.device, bert.dtype)))
        frozen.setdefault((model, *settings), Pretrained(FROZEN, (bert.model, *settings), kind))
    names = ("max_length", "device", "dtype")
    details = [dict(zip(names, key[1:], strict=True)) for key in frozen]
    rows = row_name(STATIC, kind), row_name(FROZEN, kind)
    return {
        rows[0]: _by_row(rows[0], static, [{}] * len(static)),
        rows[1]: _by_row(rows[1], frozen, details),
    }


def _by_row(row, found, details):
    """Return what was found by the name of its row, which tells the checkpoint of several."""
    if len(found) < 2:
        return {row: next(iter(found.values()))}
    kinds = _ends([each.settings[0] for each in found.values()])
    first, plus, last = row.partition(" + ")
    labels = _tell_apart(kinds, details)
    return {
        f"{first} ({label}){plus}{last}": each
        for label, each in zip(labels, found.values(), strict=True)
    }
