"""Results of an earlier comparison that need not be computed again."""

import re
from dataclasses import replace

from ._candidates import Pretrained
from ._fold_result import judge
from ._saved import fingerprint, fold_keys


def describe(model):
    """Return what tells a model from others: its class and its parameters, as they are shown."""
    if isinstance(model, Pretrained) or not hasattr(model, "get_params"):
        shown = repr(model)
    else:
        shown = f"{type(model).__name__}({model.get_params()!r})"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", shown)


class Earlier:
    """The results of a comparison that can be taken over into one on the same data.

    Parameters
    ----------
    comparison : Comparison or None
        None holds none.
    data : Data
        What is compared on now.
    folds : list of (train, test) pairs of arrays of int
        The folds now.
    scorers : dict of str to callable
        By which results are judged now.
    descriptions : dict of str to str
        Of the models now, by name.

    Raises
    ------
    ValueError
        If it was on other data, or on other folds.
    """

    def __init__(self, comparison, data, folds, scorers, descriptions):
        self.data, self.scorers = data, scorers
        self.results, self.forecasts = {}, {}
        if comparison is None:
            return
        if comparison._fingerprint != fingerprint(data):
            raise ValueError(
                "earlier must be a comparison on the same texts, labels, weights and groups, in "
                "the same order, and is on others; leave it out."
            )
        numbers = {key: number for number, key in enumerate(fold_keys(folds))}
        if not numbers.keys() & set(comparison._fold_keys):
            raise ValueError(
                f"earlier must have a fold in common with cv, and has none of its {len(folds)}; "
                "pass the cv and the random_state of then."
            )
        known = comparison._descriptions
        same = {name for name, what in descriptions.items() if known.get(name) == what}
        for result in comparison._results:
            number = numbers.get(comparison._fold_keys[result.fold])
            if result.model in same and number is not None and not result.error:
                self.results[result.model, number] = result
        self.forecasts = {
            name: each
            for name, each in comparison.forecasts_.items()
            if all((name, number) in self.results for number in range(len(folds)))
        }

    def find(self, name, fold):
        """Return the result of a model on a fold, judged anew, None if there is none."""
        result = self.results.get((name, fold))
        if result is None:
            return None
        scores = {
            scorer: judge(self.scorers[scorer], result.recorded, self.data, result.rows)
            for scorer in self.scorers
        }
        return replace(
            result,
            fold=fold,
            scores={scorer: value for scorer, (value, _) in scores.items()},
            undefined={scorer: reason for scorer, (_, reason) in scores.items() if reason},
        )
