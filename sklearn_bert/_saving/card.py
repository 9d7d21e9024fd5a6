"""The model card: what a fitted estimator is, for people, and for the Hugging Face hub."""

from pathlib import Path

from huggingface_hub import ModelCard, ModelCardData

from .._install import public_command
from .._version import __version__

_LONGEST_LIST = 30


def model_card(estimator, kind, labels, parameters, versions):
    """Return the card as Markdown.

    Parameters
    ----------
    estimator : estimator instance
        Fitted.
    kind : {"classifier", "regressor"}
        Of scikit-learn.
    labels : list of str or None
        Names of the classes.
    parameters : dict
        Of the estimator, by name.
    versions : dict of str to str
        Of the packages.
    """
    model = str(estimator.model)
    base = model if "/" in model else Path(model).name
    columns = ("epoch", "train_loss", "valid_loss", "valid_score")
    return _rendered(
        "model.md",
        ModelCardData(
            library_name="sklearn-bert",
            pipeline_tag="text-classification",
            base_model=base,
            tags=["sklearn", "sklearn-bert", kind],
        ),
        name=type(estimator).__name__,
        n_texts=estimator.n_samples_fit_,
        pairs=estimator.pairs_,
        max_length=estimator.max_length_,
        task=_task(estimator, labels),
        example=_example(estimator),
        columns=[name for name in columns if any(name in row for row in estimator.history_)],
        history=estimator.history_,
        parameters=_shown(parameters),
        versions=_shown(versions),
    )


def onnx_card(clf, labels, manifest):
    """Return the card of an exported classifier as Markdown."""
    return _rendered(
        "onnx.md",
        ModelCardData(
            library_name="sklearn-bert",
            pipeline_tag="text-classification",
            tags=["sklearn", "sklearn-bert", "onnx"],
        ),
        name=type(clf).__name__,
        quantize=manifest["quantize"],
        n_texts=manifest["checked"]["texts"],
        difference=manifest["checked"]["largest difference of probabilities"],
        task=_task(clf, labels),
        example=_example(clf),
        versions=_shown(manifest["versions"]),
    )


def distilled_card(model, versions):
    """Return the card of a distilled model as Markdown."""
    labels = getattr(model, "classes_", None)
    return _rendered(
        "distilled.md",
        ModelCardData(
            library_name="sklearn-bert",
            pipeline_tag="text-classification",
            tags=["sklearn", "sklearn-bert", "distilled"],
        ),
        name=type(model).__name__,
        n_texts=model.n_samples_fit_,
        max_length=model.max_length_,
        task=_task(model, None if labels is None else [str(label) for label in labels.tolist()]),
        versions=_shown(versions),
    )


def _rendered(template, data, **values):
    """Return a card by its template."""
    path = Path(__file__).with_name("templates") / template
    card = ModelCard.from_template(data, template_path=path, package=_package(), **values)
    return f"{card}\n"


def _package():
    """Return name and version of this package, and how to get it on another machine."""
    command = public_command()
    return f"sklearn-bert {__version__}" + ("" if command is None else f" (`{command}`)")


def _task(estimator, labels):
    """Return what the model predicts."""
    if labels is None:
        mean, scale = estimator.target_mean_, estimator.target_scale_
        return (
            f"It predicts numbers. Its outputs are standardized: times {scale}, plus {mean} (its "
            "`predict` does that)."
        )
    shown = ", ".join(f"`{label}`" for label in labels[:_LONGEST_LIST])
    if len(labels) > _LONGEST_LIST:
        shown += f" and {len(labels) - _LONGEST_LIST} more"
    if isinstance(estimator.classes_, list):
        return f"It predicts a label in each of {len(estimator.classes_)} columns: {shown}."
    how = "any of" if estimator.multilabel_ else "one of"
    return f"It predicts {how} {len(labels)} labels: {shown}."


def _example(estimator):
    """Return an X of one row."""
    return '[("a text", "another text")]' if estimator.pairs_ else '["a text"]'


def _shown(values):
    """Return values as they stand in a table, by their names."""
    return {
        name: " ".join(repr(value).split())[:80].replace("|", "\\|")
        for name, value in values.items()
    }
