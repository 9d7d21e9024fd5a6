"""Run the cheap models and BERT on the same folds, once everything has been checked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from .._durations import parse_duration
from .._install import install_command
from .._plain import plain
from ._candidates import name_candidates
from ._comparison import Comparison
from ._contestants import find_contestants
from ._data import check_data
from ._earlier import Earlier
from ._folds import find_folds, rare_classes
from ._inputs import (
    are_regressors,
    check_earlier,
    check_fractions,
    check_n_jobs,
    check_pos_label,
    check_tune,
    draw_seed,
    find_scorers,
)
from ._judgement import Judgement
from ._overlap import Overlap, find_overlap
from ._runner import Runner
from ._saved import fingerprint, fold_keys
from ._short_fit import check_preview
from ._stages import run_all
from ._table import wrap
from ._tuning import Tuning

if TYPE_CHECKING:
    from datetime import timedelta

    from sklearn.base import BaseEstimator
    from sklearn.model_selection import BaseCrossValidator

    from .._estimators.text_estimator import TextEstimator
    from .._typing import PerText, RandomState, Scoring, Targets, Texts
    from ._data import Data


def compare(
    X: Texts,
    y: Targets,
    *,
    cv: int | BaseCrossValidator | Iterable[tuple[Any, Any]] = 5,
    groups: PerText | None = None,
    scoring: Scoring | None = None,
    estimators: Mapping[str, BaseEstimator | Literal["drop"]] | None = None,
    bert: BaseEstimator | Sequence[BaseEstimator] | Mapping[str, BaseEstimator] | None = None,
    budget: float | str | timedelta | None = None,
    distill: bool = False,
    learning_curve: bool | PerText = False,
    preview: bool = False,
    tune: bool = False,
    pos_label: Any = None,
    sample_weight: PerText | None = None,
    earlier: Comparison | None = None,
    n_jobs: int | None = None,
    random_state: RandomState = None,
    verbose: int = 1,
) -> Comparison:
    """Compare BERT with cheaper models on the same folds, and say whether it is worth it.

    The cheap models come first: majority class, TF-IDF with logistic regression and with a
    linear SVM, the naive-Bayes SVM [1]_, and logistic regression on static embeddings that
    model2vec [2]_ distils from the BERT, if it is installed, and on the embeddings of the BERT
    that is not fine-tuned. Where a text may have several labels, there is one linear model for
    each of them; numbers are predicted by their mean, and by ridge regression in place of
    logistic regression and SVM. Before BERT is trained, a probe of a few steps tells how long that
    is going to take.

    Parameters
    ----------
    X : array-like of str of shape (n_samples,), (n_samples, 1) or (n_samples, 2)
        The texts, or pairs of texts, as `BertTextClassifier` takes them.
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        The labels, of any type; several labels a text, as a matrix of 0 and 1; or numbers. They
        are taken for numbers if `bert` is a regressor, or if there is no `bert` and some of them
        are not whole.
    cv : int, cross-validation generator or iterable, default=5
        An int is the number of shuffled folds, over which labels are spread evenly; a generator
        is one of scikit-learn's; an iterable gives pairs of training and test rows. With
        ``[(train, test)]`` there is one given split. Each class of a test part must be in its
        training part; classes that are missing from some parts are named in the notes.
    groups : array-like of shape (n_samples,), default=None
        Texts of one group, such as those of one author, stay on one side of each split; folds
        that do not keep to that are refused.
    scoring : str, callable, list of str or dict of str to scorer, default=None
        Any scikit-learn scorers. The first decides. None is "accuracy"; of several labels a text
        "f1_micro" and "f1_macro", of numbers "r2". Each is tried on the predictions of a majority
        class, or of the mean, before anything is trained, and refused if it cannot judge these
        labels. A score that a model lacks, as a classifier without probabilities lacks the log
        loss, is NaN.
    estimators : dict of str to estimator, default=None
        Classifiers of texts, or regressors, to compare as well; one under the name of a default
        model replaces it, and "drop" instead of an estimator leaves it out. Where candidates start
        from several checkpoints, the name of a row without that of a checkpoint stands for all of
        them.
    bert : estimator, list of estimators or dict of str to estimator, default=None
        The classifier or regressor to judge; it is cloned. None is
        ``BertTextClassifier(random_state=random_state)``, or the `BertTextRegressor` of that seed
        if `y` holds numbers. Of several candidates, each has a row,
        and the verdict, the learning curve and the report are on the best one by the first
        score, of those that finished most folds. In a list, they are named by their models, or by
        the parameters in which they differ.
    budget : float or str, default=None
        Seconds, or a text such as "90s", "10min" or "1h30min", from the check of the models on:
        no fold is started that is not expected to end within that time, the probe takes at most a
        tenth of what is left, and a fit of a BERT of ours that lasts a tenth longer than
        all of it is ended, unless it has a `checkpoint_dir`. So the comparison ends within a
        tenth, or one fold of another model, of that time; a note tells which. None is no limit.
    distill : bool, default=False
        Whether to judge what is distilled from each BERT of ours, too, on the texts that it was
        fitted to: a candidate more, see :class:`DistilledTextClassifier`. Each fold fits the BERT
        for it once more. Distilled on many unlabelled texts as well, it would be better.
    learning_curve : bool or array-like, default=False
        Whether to compare BERT and the best cheap model on fewer training texts too: those
        fractions of each training part, or 0.05, 0.1, 0.2 and 0.5 for True.
    preview : bool, default=False
        Whether to tell what BERT is expected to gain, with an 80 % interval, and from about how
        many texts on it is ahead, for a few per cent of the price: the cheap models run on all
        folds, and BERT is fitted once, to some hundred texts of the first. It is a forecast: for
        the verdict, compare again with ``earlier=comparison`` and without `preview`.
    tune : bool, default=False
        Whether to tune the models a little inside each training part, by the first score: C of the
        linear models, a tenth and ten times of it too, by cross-validation in three folds; the
        learning rate of BERT, half and twice of it too, and twice its epochs, on a fifth of the
        texts. A BERT takes five or six times as long, which the forecast counts; where the
        `budget` is too short for that, it is not tuned, and a note tells. Ridge regression finds
        its penalty anyway. Your `estimators` are left as they are, and so is a `bert` that is
        none of ours. Inner folds do not keep `groups` together. The table tells how many fits a
        fold took.
    pos_label : label, default=None
        The positive one of two classes, for scorers that judge one label, such as "f1",
        "precision", "recall", "jaccard" or "average_precision". They need it unless the labels
        are 0 and 1. Functions, and scorers that were made with a `pos_label`, keep to theirs.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the texts, not negative, in the fits and in the scores. A pipeline hands them
        to its last step. Models whose ``fit`` takes none learn from all texts alike, and a note
        tells which.
    earlier : Comparison, default=None
        A comparison on the same data that is continued: what it has of the same models, with the
        same parameters, on the same folds is not computed again, so that models, folds and scorers
        may be added. It may have been loaded by :meth:`Comparison.load`.
    n_jobs : int, default=None
        Processes for the folds of the models on words, which compute in one thread, where that is
        quicker and there is no `budget`. None is 1 unless in a :obj:`joblib.parallel_config`
        context, -1 all cores. BERT has the cores to itself.
    random_state : int, RandomState instance or None, default=None
        Seeds the folds, and the models that are not given. None takes that of `earlier`.
    verbose : int, default=1
        1 prints a line on each model as soon as it is done, and what BERT will cost; 0 prints
        nothing.

    Returns
    -------
    comparison : Comparison
        ``print`` shows the table and the verdict. After Ctrl-C it holds what was done.

    Raises
    ------
    TypeError, ValueError
        If the texts, labels, weights, groups, folds or parameters do not fit together, or a
        scorer cannot judge the labels; if the model of a BERT, or its device, cannot be used. All
        before anything is trained. What a fit raises does not end the comparison: it is in the
        table.
    OSError
        If the model of a BERT is neither a folder nor cached, and cannot be downloaded; before
        anything is trained.

    See Also
    --------
    BertTextClassifier, BertTextRegressor : What is compared.
    sklearn.model_selection.cross_validate : The scores of one model, without a verdict.

    Notes
    -----
    BERT is compared with the cheap model that has the best mean on the same folds. Having been
    chosen, that one looks a little better than it is, so the gain of BERT is rather under- than
    overstated. The best of several candidates has been chosen, too, and its gain may well be
    overstated: the interval is widened, by Bonferroni's correction for as many candidates, so that
    it holds in 95 % of all cases whichever is chosen.

    The 95 % interval of the difference is that of the fits that were made, on further texts like
    those that were compared on. It is taken from the texts, of which there are many, and not from
    the folds, of which there are few: by a grouped jackknife [3]_, which for a mean such as the
    accuracy is the interval of the central limit theorem for cross-validation [4]_, widened for few
    texts. Those of one of the `groups` count as one. What other training texts and seeds would
    change is told by a second interval, that of the corrected resampled t-test [5]_ over the folds.
    It is much wider; where it does not exclude zero, the verdict says "probably". A single split
    has none.

    Test texts that also stand in the training part are counted, since a model may know them by
    heart, and BERT and the best cheap model are judged without them as well.

    Weights count in the folds' scores and in their intervals; all folds count alike.

    A preview rests on what seven sets have in common: the more texts, the smaller the ratio of the
    error of BERT to that of the best cheap model, and about equally so [8]_. An error is what a
    score lacks to 1, or a loss. This was found by accuracy and micro-F1, with MiniLM, and mostly by
    what 1,000 texts gave: other scores and models, and very many texts, may be forecast less well.
    A short fit has as many texts as cost 3 % of the full comparison. It has a hundred steps at
    least, so that of fewer than about 4,000 texts it costs more, which the sentence tells.

    Static embeddings have one vector for each token, whatever stands beside it; a text is their
    mean, weighted by smooth inverse frequency. They are what is fastest of all that knows words
    from pretraining.

    Seconds are those of the clock, unless the machine has other work too: then those of the
    processor, which it makes no longer, are what the table shows and the verdict counts. Both are
    in `rows_` and `folds_`. The default models compute with one thread of BLAS, with which such
    small ones are fastest; yours compute as you have set it.

    Of pairs, the linear models on words see both texts side by side, with a vectorizer for each;
    those on embeddings see both vectors, their distances and their products [6]_. Folds over which
    several labels are spread evenly are drawn by iterative stratification [7]_.

    Memory is the peak above what the process held before, told on Linux only. It is not known
    for a model that found all the room it needed in what the process held. The embeddings of
    the frozen BERT are computed once for all folds, and the static ones are distilled once; the
    seconds shown are those without that. Candidates that start from the same checkpoint share
    both rows.

    References
    ----------
    .. [1] S. Wang, C. D. Manning (2012). Baselines and Bigrams: Simple, Good Sentiment and
       Topic Classification. ACL.
    .. [2] https://github.com/MinishLab/model2vec
    .. [3] P. S. Kott (2001). The Delete-a-Group Jackknife. Journal of Official Statistics 17,
       521-526.
    .. [4] P. Bayle, A. Bayle, L. Janson, L. Mackey (2020). Cross-validation Confidence Intervals
       for Test Error. NeurIPS.
    .. [5] C. Nadeau, Y. Bengio (2003). Inference for the Generalization Error. Machine
       Learning 52, 239-281.
    .. [6] A. Conneau, D. Kiela, H. Schwenk, L. Barrault, A. Bordes (2017). Supervised Learning of
       Universal Sentence Representations from Natural Language Inference Data. EMNLP.
    .. [7] K. Sechidis, G. Tsoumakas, I. Vlahavas (2011). On the Stratification of Multi-label
       Data. ECML PKDD.
    .. [8] benchmarks/preview.py, and its table in benchmarks/RESULTS.md.

    Examples
    --------
    >>> from sklearn_bert import BertTextClassifier, compare
    >>> texts = ["a joy from start to end", "what a waste of time"] * 12
    >>> labels = ["good", "bad"] * 12
    >>> bert = BertTextClassifier(
    ...     "sentence-transformers/all-MiniLM-L6-v2", epochs=3, batch_size=4, random_state=0
    ... )
    >>> left_out = {"static embeddings + logistic regression": "drop"}
    >>> comparison = compare(
    ...     texts, labels, cv=2, estimators=left_out, bert=bert, random_state=0, verbose=0
    ... )
    >>> for row in comparison.rows_:
    ...     print(row["model"], row["accuracy"])
    majority class 0.5
    TF-IDF + logistic regression 1.0
    TF-IDF + linear SVM 1.0
    naive-Bayes SVM 1.0
    frozen BERT + logistic regression 1.0
    BERT (all-MiniLM-L6-v2) 1.0
    >>> print(comparison.verdict_.partition(" (")[0])
    No difference shown
    >>> comparison.worth_it(min_gain=0.01)
    False

    Numbers in place of labels, and another regressor in place of BERT:

    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> judged = make_pipeline(TfidfVectorizer(), Ridge())
    >>> comparison = compare(
    ...     texts, [4.5, 1.0] * 12, cv=2, bert=judged, random_state=0, verbose=0
    ... )
    >>> comparison.table_.index.tolist(), list(comparison.differences_)
    (['mean', 'TF-IDF + ridge', 'BERT'], ['r2'])
    """
    cv = 5 if cv is None else cv
    cv, budget, random_state = (plain(value) for value in (cv, budget, random_state))
    named = {} if bert is None else name_candidates(bert)
    data = check_data(X, y, sample_weight, regressors=are_regressors(named.values()))
    check_earlier(earlier)
    if earlier is not None and random_state is None:
        random_state = earlier.settings_["random_state"]
    check_n_jobs(n_jobs)
    seed = draw_seed(random_state)
    pos_label = check_pos_label(pos_label, data)
    folds, units = find_folds(data, cv, groups, seed)
    data = replace(data, units=units)
    scorers = find_scorers(scoring, data, pos_label)
    tuning = Tuning(scorers, data, seed) if check_tune(tune) else None
    fractions = check_fractions(learning_curve)
    limit = math.inf if budget is None else parse_duration(budget, name="budget")
    found = find_contestants(estimators, named, scorers, data, seed, distill=distill, tuning=tuning)
    known = Earlier(earlier, data, folds, scorers, found.descriptions)
    others = {"distill": distill, "learning_curve": len(fractions) > 0}
    preview = check_preview(preview, found.candidates, scorers, data, folds, known, others)
    if found.berts:
        from . import _forecast, _speed  # noqa: F401  (an import is not counted)
    start = perf_counter()
    speeds = _check_models(found.berts, data, limit)
    say = _say if verbose else _say_nothing
    runner = Runner(
        data, folds, scorers, limit, start, say, known, n_jobs, is_tuned=tuning is not None
    )
    overlap = find_overlap(data.texts, folds)
    _tell_of_data(runner, overlap, found.lacking, estimators or ())
    forecasts, interrupted = run_all(runner, found, speeds, fractions, seed, preview=preview)
    settings = {
        "cv": repr(cv) if isinstance(cv, Integral) or hasattr(cv, "split") else "given folds",
        "pos_label": pos_label,
        "sample_weight": sample_weight is not None,
        "scoring": list(scorers),
        "groups": groups is not None,
        "bert": _shown(found.candidates),
        "budget": budget,
        "random_state": seed,
        **({} if tuning is None else {"tune": True}),
        **({"preview": True} if preview else {}),
    }
    setting = {
        "forecasts_": forecasts,
        "interrupted_": interrupted,
        "settings_": settings,
        "seconds_": perf_counter() - start,
        "_estimators": found.finish(data, runner.results),
        "_descriptions": found.descriptions,
        "_fingerprint": fingerprint(data),
        "_fold_keys": fold_keys(folds),
    }
    return Comparison(Judgement(runner, [*found.candidates], overlap), setting)


def _tell_of_data(
    runner: Runner, overlap: Overlap, lacking: str | None, estimators: Iterable[str]
) -> None:
    """Tell what the reader should know of the data and the models before anything is trained."""
    for sentence in rare_classes(runner.data, runner.folds):
        runner.note(sentence)
    if lacking is not None and lacking not in estimators:
        runner.note(
            f"{lacking} is left out, since model2vec is not installed: {install_command('static')}."
        )
    if overlap.alike:
        runner.say(f"{overlap}.")


def _shown(candidates: dict[str, Any]) -> str | dict[str, str]:
    """Return the candidate as it is shown, or each of several by its name."""
    shown = {name: repr(candidate) for name, candidate in candidates.items()}
    return shown if len(shown) > 1 else next(iter(shown.values()))


def _check_models(berts: list[TextEstimator], data: Data, limit: float) -> dict[Any, Any]:
    """Refuse a BERT that cannot be used; within a limit, return how fast they are."""
    if not berts:
        return {}
    from ._speed import check_models

    return check_models(berts, data.texts, data.n_outputs, with_speed=limit < math.inf)


def _say(sentence: str) -> None:
    """Print a sentence at once, in lines of at most 79 characters."""
    print("\n".join(wrap(sentence)), flush=True)


def _say_nothing(sentence: str) -> None:
    """Do nothing with a sentence."""
