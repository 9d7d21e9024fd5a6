"""What follows from the results of all models: the two of the verdict, and what is said of them."""

import numpy as np

from ._cheapest import find_cheapest
from ._mixture import find_mixture
from ._next_labels import find_next_labels
from ._overlap import score_without
from ._summary import counts_processor, find_pair, rank_candidates, summarize
from ._verdict import verdict


class Judgement:
    """What follows from the results of a comparison.

    Parameters
    ----------
    runner : Runner
        It has run all models.
    candidates : list of str
        Names of the candidates.
    overlap : Overlap
        Test texts that also stand in the training part.

    Attributes
    ----------
    rows : list of dict
        One a model.
    bert, cheapest : str
        The best candidate, and the cheapest that is not shown to be worse.
    pair : Pair or None
        The best cheap model and BERT.
    called : str
        What sentences call BERT.
    differences, fold_differences : dict of str to Difference
        By name of the score.
    verdict : str
    next_labels : dict of str to Difference
        By model.
    overlap : dict
    mixture : dict of str to float or None
    preview : Preview or None
    notes : list of str
    """

    def __init__(self, runner, candidates, overlap):
        self.data, self.scorers, self.curve = runner.data, runner.scorers, runner.curve
        self.results, self.candidates = runner.results, candidates
        self.with_fits = runner.is_tuned
        self.main = next(iter(self.scorers))
        self.notes = [*runner.notes, *runner.failures()]
        self.busy = counts_processor(self.results)
        self.rows = self._summarize(self.results)
        self.best = rank_candidates(self.results, candidates, self.main)
        self.bert = self.best[0] if self.best else self._first_tried()
        self.called = "BERT" if len(candidates) == 1 else self.bert
        self.pair = find_pair(self.results, self.bert, self.main, candidates)
        self.cheapest, self.mixture, self.preview = self.bert, None, None
        self.differences, self.fold_differences, self.next_labels = {}, {}, {}
        self.overlap = self._count(overlap)
        if runner.previews:
            self._foresee(runner.previews)
        elif self.pair is None:
            self.verdict = self._no_verdict()
        else:
            self._compare()
            self._choose()
        if overlap.alike:
            self.notes.append(self._tell(overlap))
        if self.pair is not None:
            self.next_labels = find_next_labels(self.pair, self.curve, self.scorers, self.data)
            self._mix()

    def _summarize(self, results):
        """Return the row of each model that there are results of."""
        names = dict.fromkeys(result.model for result in results)
        return [
            summarize(
                name,
                [each for each in results if each.model == name],
                self.scorers,
                with_fits=self.with_fits,
            )
            for name in names
        ]

    def _first_tried(self):
        """Return the candidate to name where none has the deciding score."""
        rows = [row for row in self.rows if row["model"] in self.candidates]
        rows.sort(key=lambda row: not row["n_folds"])
        return rows[0]["model"] if rows else self.candidates[0]

    def _compare(self):
        """Find by how much BERT is better, and say so."""
        n_candidates = len(self.best)
        for name in self.scorers:
            self.differences[name] = self.pair.difference(
                self.scorers, name, self.data, n_candidates
            )
            over_folds = self.pair.fold_difference(name, n_candidates)
            if over_folds is not None:
                self.fold_differences[name] = over_folds
        label = getattr(self.scorers[self.main], "label", None)
        self.verdict = verdict(
            *(self.pair, self.differences[self.main], self.main, label, self.called),
            over_folds=self.fold_differences.get(self.main),
            in_cpu_seconds=self.busy,
        )

    def _foresee(self, previews):
        """Take the preview of the best candidate for the verdict, and those of others for notes."""
        best = max(previews, key=lambda name: previews[name][0].gain)
        self.preview, self.verdict = previews[best]
        self.bert = self.cheapest = best
        self.notes += [told for name, (_, told) in previews.items() if name != best]

    def _choose(self):
        """Tell what there is to know of a choice from several candidates."""
        fewer = [
            row["model"]
            for row in self.rows
            if row["model"] in self.candidates
            and row["model"] not in self.best
            and np.isfinite(row[self.main])
        ]
        if fewer:
            self.notes.append(f"Not chosen from, with fewer folds: {', '.join(fewer)}.")
        if len(self.best) > 1:
            self.notes.append(
                f"{self.bert} is the best of {len(self.best)} candidates by {self.main}: having "
                "been chosen, it looks a little better than it is."
            )
            self.cheapest, told = find_cheapest(
                self.results, self.best, self.scorers, self.data, in_cpu_seconds=self.busy
            )
            self.notes += told

    def _count(self, overlap):
        """Return the counts of an overlap, and the deciding scores without it."""
        scores = {}
        if overlap.alike and self.pair:
            for results in (self.pair.cheap, self.pair.bert):
                scores[results[0].model] = score_without(
                    overlap, results, self.data, self.scorers[self.main]
                )
        counts = {name: getattr(overlap, name) for name in ("n_test", "exact", "alike")}
        return {**counts, "scores_without": scores}

    def _tell(self, overlap):
        """Return the sentence on an overlap."""
        scores = self.overlap["scores_without"]
        if not scores:
            return f"{overlap}."
        if np.isnan(list(scores.values())).any():
            return f"{overlap}; too few are left to judge on without them."
        told = " and ".join(f"{value:.3f} for {model}" for model, value in scores.items())
        return f"{overlap}; without them, {self.main} is {told}."

    def _mix(self):
        """Add the mixture of BERT and cheap models, if it is better than its parts."""
        found = find_mixture(self.results, self.pair, self.data, self.scorers, self.candidates)
        if found is not None:
            self.mixture = found.weights
            self.results = [*self.results, *found.results]
            self.rows += self._summarize(found.results)
            self.notes.append(found.told(self.main))

    def _no_verdict(self):
        """Return the sentence for a comparison that BERT or all others are missing from."""
        row = next((row for row in self.rows if row["model"] == self.bert), None)
        several = len(self.candidates) > 1
        if row is None:
            if several:
                return "No candidate was run, so there is nothing to say about them."
            return f"{self.bert} was not run, so there is nothing to say about it."
        if not row["n_folds"]:
            if several:
                return (
                    "No candidate came to the end of a fold, so there is nothing to say about "
                    f"them; {self.bert} failed: {row['error']}"
                )
            return f"{self.bert} failed, so there is nothing to say about it: {row['error']}"
        if np.isnan(row[self.main]):
            whose = "any candidate" if several else self.bert
            return f"There is no {self.main} of {whose}, so there is no verdict."
        return f"No other model was run on the folds of {self.bert}, so there is no verdict."
