"""Write the folder that later versions must be able to load.

    python tests/released.py

makes ``tests/released/VERSION`` of the version at hand: one tiny model of each kind, and what they
predict. Do it once for each release, and never again for that release.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from conftest import make_tokenizer
from transformers import BertConfig, BertModel

from sklearn_bert import BertTextClassifier, BertTextRegressor, __version__

TEXTS = ["the good film", "a bad book", "the fine book of a film", "poor"]
PAIRS = [(text, "the film") for text in TEXTS]
INDICATOR = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1]])
KINDS = {
    "labels": (BertTextClassifier, TEXTS, ["good", "bad", "good", "bad"], {}),
    "numbers": (BertTextClassifier, TEXTS, [3, 1, 3, 2], {"class_weight": {3: 2.0}}),
    "several": (BertTextClassifier, TEXTS, INDICATOR, {}),
    "pairs": (BertTextClassifier, PAIRS, [True, False, True, False], {}),
    "windows": (
        BertTextClassifier,
        [text * 5 for text in TEXTS],
        [0, 1, 0, 1],
        {"max_length": 8, "long_text": "windows"},
    ),
    "regression": (BertTextRegressor, TEXTS, [10.5, -3, 8, 0], {}),
}


def outputs(estimator, X):
    """Return what is compared."""
    method = getattr(estimator, "predict_proba", estimator.predict)
    return method(X).tolist()


def main():
    """Write the folders."""
    folder = Path(__file__).parent / "released" / __version__
    if folder.exists():
        sys.exit(f"{folder} is there already")
    folder.mkdir(parents=True)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    expected = {}
    with tempfile.TemporaryDirectory() as model:
        BertModel(config).save_pretrained(model)
        tokenizer.save_pretrained(model)
        for name, (kind, X, y, parameters) in KINDS.items():
            estimator = kind(model, epochs=2, learning_rate=1e-3, random_state=0, **parameters)
            estimator.fit(X, y).set_params(model="tiny").save_pretrained(folder / name)
            expected[name] = outputs(estimator, X)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1))


if __name__ == "__main__":
    main()
