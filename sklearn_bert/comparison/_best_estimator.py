"""The winner of a comparison, or a mixture, as an estimator to be fitted on everything."""

from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import has_fit_parameter

from ..embedder import BertTextEmbedder
from ._baselines import OneThreadPipeline
from ._one_vs_rest import OneVsRest
from ._pretrained_models import FrozenBert, StaticBert, of_pairs
from ._tuning import plain_search


def alone(model, data):
    """Return a model, not fitted, that shares nothing with its copies; others are as they were.

    In a comparison, copies share what they compute of its texts, which later texts have no use for.
    """
    if isinstance(model, OneThreadPipeline):
        *before, (name, last) = model.steps
        return Pipeline([*before, (name, _plain(last))])
    if isinstance(model, StaticBert):
        embeddings = type(model.embeddings)(model.embeddings.model, model.embeddings.device)
        return StaticBert(embeddings, clone(model.head))
    if isinstance(model, FrozenBert):
        *before, (name, last) = model.head.steps
        return Pipeline([*_embedding_steps(model, data), *before, (name, _plain(last))])
    return model


def _plain(model):
    """Return scikit-learn's own class for ours that hands weights on, also inside a search."""
    if isinstance(model, GridSearchCV):
        return plain_search(model, _plain(model.estimator))
    return OneVsRestClassifier(model.estimator) if isinstance(model, OneVsRest) else model


def _embedding_steps(model, data):
    """Return the steps that give the vectors of texts or pairs."""
    source = model.embeddings
    embedder = BertTextEmbedder(
        source.model,
        pooling="mean",
        max_length=source.max_length,
        device=source.device,
        dtype=source.dtype,
    )
    if not data.is_pairs:
        return [("berttextembedder", embedder)]
    sides = ColumnTransformer([("first", embedder, 0), ("second", embedder, 1)])
    return [("columntransformer", sides), ("functiontransformer", FunctionTransformer(of_pairs))]


def mixture(models, weights, data):
    """Return the mixture of models, given both by name."""
    models = [(name.replace("__", "_"), clone(models[name])) for name in weights]
    if data.kind == "numbers":
        return VotingRegressor(models, weights=list(weights.values()))
    for _, model in models:
        _count_classes(model, data.classes.tolist())
    return VotingClassifier(models, voting="soft", weights=list(weights.values()))


def _count_classes(model, classes):
    """Have weights of classes be by their numbers, which a VotingClassifier hands on."""
    for name, value in model.get_params().items():
        if name.rpartition("__")[2] == "class_weight" and isinstance(value, dict):
            weights = {classes.index(label): value[label] for label in value if label in classes}
            model.set_params(**{name: weights})


def request_weights(model):
    """Have a model, and all that it consists of, ask for the weights of the texts."""
    with config_context(enable_metadata_routing=True):
        for part in [model, *model.get_params().values()]:
            is_estimator = isinstance(part, BaseEstimator) and hasattr(part, "fit")
            takes = is_estimator and has_fit_parameter(part, "sample_weight")
            if takes and hasattr(part, "set_fit_request"):
                part.set_fit_request(sample_weight=True)
    return model
