"""The model card: what a fitted estimator is, for people, and for the Hugging Face hub."""

import json
from pathlib import Path

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
    base = Path(str(estimator.model)).name if "/" not in str(estimator.model) else estimator.model
    head = {
        "library_name": "sklearn-bert",
        "pipeline_tag": "text-classification",
        "base_model": str(base),
        "tags": ["sklearn", "sklearn-bert", kind],
    }
    front = "\n".join(f"{name}: {json.dumps(value)}" for name, value in head.items())
    name = type(estimator).__name__
    return f"""---
{front}
---

# {name}

Fine-tuned with {_package()} from `{base}`, on
{estimator.n_samples_fit_:,} {"pairs of texts" if estimator.pairs_ else "texts"}, of which up to
{estimator.max_length_} tokens are read.

{_task(estimator, kind, labels)}

```python
from sklearn_bert import {name}

{name}.from_pretrained("this/folder").predict({_example(estimator)})
```

`transformers.pipeline("text-classification", "this/folder")` reads it too.

## Training

{_training(estimator)}

## Parameters

{_table(parameters)}

## Versions

{_table(versions)}
"""


def onnx_card(clf, labels, manifest):
    """Return the card of an exported classifier as Markdown."""
    quantize = "float32" if manifest["quantize"] is None else manifest["quantize"]
    checked = manifest["checked"]
    return f"""---
library_name: "sklearn-bert"
pipeline_tag: "text-classification"
tags: ["sklearn", "sklearn-bert", "onnx"]
---

# {type(clf).__name__}, exported to ONNX

Fine-tuned with {_package()}; weights in {quantize}. On
{checked["texts"]} texts, its probabilities differ from those of torch by at most
{checked["largest difference of probabilities"]:.2g}.

{_task(clf, "classifier", labels)}

```python
from sklearn_bert import OnnxTextClassifier

OnnxTextClassifier.from_pretrained("this/folder").predict({_example(clf)})
```

Optimum's `ORTModelForSequenceClassification.from_pretrained("this/folder")` reads it too, and so
does `pipeline("text-classification", "this/folder")` of transformers.js.

## Versions

{_table(manifest["versions"])}
"""


def _package():
    """Return name and version of this package, and how to get it on another machine."""
    command = public_command()
    return f"sklearn-bert {__version__}" + ("" if command is None else f" (`{command}`)")


def _task(estimator, kind, labels):
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
    how = "any of" if estimator.multilabel_ else "one of"
    return f"It predicts {how} {len(labels)} labels: {shown}."


def _example(estimator):
    """Return an X of one row."""
    return '[("a text", "another text")]' if estimator.pairs_ else '["a text"]'


def _training(estimator):
    """Return a table of the epochs."""
    names = ["epoch", "train_loss", "valid_loss", "valid_score"]
    names = [name for name in names if any(name in row for row in estimator.history_)]
    lines = ["| " + " | ".join(names) + " |", "|" + "---:|" * len(names)]
    for row in estimator.history_:
        lines.append("| " + " | ".join(f"{row.get(name, ''):.5g}" for name in names) + " |")
    return "\n".join(lines)


def _table(values):
    """Return names and values as a table."""
    lines = ["| | |", "|---|---|"]
    for name, value in values.items():
        shown = " ".join(repr(value).split())[:80].replace("|", "\\|")
        lines.append(f"| {name} | `{shown}` |")
    return "\n".join(lines)
