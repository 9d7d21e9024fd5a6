"""All models of a comparison: the cheap ones and the candidates, as they are run."""

from dataclasses import dataclass

from .._estimators.text_estimator import TextEstimator
from ..classifier import BertTextClassifier
from ..regressor import BertTextRegressor
from ._baselines import has_model2vec
from ._best_estimator import alone
from ._candidates import Pretrained, find_pretrained, name_candidates
from ._distilled import distilled
from ._earlier import describe
from ._inputs import check_bert, find_models
from ._pretrained_models import STATIC, row_name
from ._tuning import TunedPretrained, settled


@dataclass
class Contestants:
    """The models of a comparison by name.

    Attributes
    ----------
    models : dict of str to estimator
        The cheap ones.
    candidates : dict of str to estimator
        The BERTs as they were given, and what is distilled from them.
    tried : dict of str to estimator
        The candidates as they are run: tuned, if that was asked for and there was time.
    berts : list of TextEstimator
        The candidates that are ours.
    lacking : str or None
        The row that is left out for want of model2vec.
    descriptions : dict of str to dict
        By which an earlier comparison knows them.
    """

    models: dict
    candidates: dict
    tried: dict
    berts: list
    lacking: str | None
    descriptions: dict

    def finish(self, data, results):
        """Describe what was run, and return the estimators that it comes to, not fitted."""
        self.descriptions |= {name: describe(each) for name, each in self.tried.items()}
        final = {name: alone(each, data) for name, each in self.models.items()}
        return final | {name: settled(each, name, results) for name, each in self.tried.items()}


def find_contestants(estimators, candidates, scorers, data, seed, *, distill=False, tuning=None):
    """Return the models of a comparison, all of which can be used.

    Parameters
    ----------
    estimators : dict of str to estimator or "drop"
        As for `compare`.
    candidates : dict of str to estimator
        As `name_candidates` returns them; if there is none, the default BERT is the only one.
    scorers : dict of str to callable
        scikit-learn scorers by name.
    data : Data
        What is compared on.
    seed : int or None
        Seeds what is random in the models that are not the user's.
    distill : bool, default=False
        Whether what is distilled from each BERT is a candidate, too.
    tuning : Tuning, default=None
        Tunes those that are not the user's, and the candidates.
    """
    candidates = candidates or name_candidates(_default_bert(data, seed))
    berts = [each for each in candidates.values() if isinstance(each, TextEstimator)]
    if distill:
        candidates = candidates | distilled(candidates, data, seed)
    pretrained = find_pretrained(berts, data.kind)
    lacking = None
    if pretrained and not has_model2vec():
        lacking = row_name(STATIC, data.kind)
        pretrained[lacking] = {}
    models = find_models(
        estimators,
        scorers,
        data,
        seed,
        pretrained=pretrained,
        bert_names=candidates,
        tuning=tuning,
    )
    for each in candidates.values():
        check_bert(each, data)
    tried = dict(candidates)
    if tuning is not None:
        tried = {name: tuning.bert(each) for name, each in candidates.items()}
    descriptions = {name: describe(model) for name, model in {**models, **tried}.items()}
    models = {
        name: model.make() if isinstance(model, (Pretrained, TunedPretrained)) else model
        for name, model in models.items()
    }
    return Contestants(models, candidates, tried, berts, lacking, descriptions)


def _default_bert(data, seed):
    """Return what is judged if nothing is given."""
    if data.kind == "numbers":
        return BertTextRegressor(random_state=seed)
    return BertTextClassifier(random_state=seed)
