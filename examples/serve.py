"""A classifier behind HTTP, loaded once and shared by all workers of gunicorn.

    python -m pip install -c constraints.txt -e . gunicorn
    SKLEARN_BERT_MODEL=model gunicorn --chdir examples --preload --workers 2 --threads 4 serve:app

    curl -d '{"texts": ["a joy from start to end"]}' http://127.0.0.1:8000/predict
    {"labels": ["good"], "probabilities": [{"bad": 0.04, "good": 0.96}]}

The folder is what `save_pretrained` or `export_onnx` wrote, of a distilled classifier too. With
--preload the workers are forked from one process that has loaded it, and share its memory. One
thread a call is best when there are as many calls at once as cores.
"""

import json
import os
import sys
from pathlib import Path

from sklearn_bert import DistilledTextClassifier, OnnxTextClassifier

MAX_BYTES = 10_000_000
CANNOT_START = 3  # tells gunicorn not to start the worker again


def load_or_end():
    """Return the classifier that the variable names; end with one sentence if there is none."""
    path = os.environ.get("SKLEARN_BERT_MODEL")
    try:
        if not path:
            raise ValueError(
                "SKLEARN_BERT_MODEL must name the folder of a model, and it is not set; set it to "
                "what save_pretrained or export_onnx wrote."
            )
        return load(path)
    except (OSError, ValueError, ImportError) as error:
        print(f"serve.py: {error}", file=sys.stderr)
        raise SystemExit(CANNOT_START) from None


def load(path):
    """Return the classifier in a folder, of any kind, with one thread a call."""
    manifest = Path(path, "sklearn_bert.json")
    if manifest.is_file() and json.loads(manifest.read_text())["estimator"].startswith("distilled"):
        return DistilledTextClassifier.from_pretrained(path)
    if any(Path(path).rglob("*.onnx")):
        return OnnxTextClassifier.from_pretrained(path, n_threads=1)
    import torch

    from sklearn_bert import BertTextClassifier

    torch.set_num_threads(1)
    return BertTextClassifier.from_pretrained(path)


def predict(texts):
    """Return labels and probabilities as JSON knows them."""
    names = [str(label) for label in classifier.classes_]
    proba = classifier.predict_proba(texts)
    return {
        "labels": classifier.classes_[proba.argmax(axis=1)].tolist(),
        "probabilities": [dict(zip(names, row, strict=True)) for row in proba.tolist()],
    }


def app(environ, start_response):
    """Answer POST /predict; any other request is an error with a reason."""
    try:
        status, answer = "200 OK", predict(read(environ))
    except LookupError as error:
        status, answer = "404 Not Found", {"error": error.args[0]}
    except (TypeError, ValueError) as error:
        status, answer = "400 Bad Request", {"error": str(error)}
    body = json.dumps(answer).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response(status, headers)
    return [body]


def read(environ):
    """Return the texts of a request."""
    if (environ["REQUEST_METHOD"], environ["PATH_INFO"]) != ("POST", "/predict"):
        raise LookupError("There is only POST /predict.")
    n_bytes = int(environ.get("CONTENT_LENGTH") or 0)
    if n_bytes > MAX_BYTES:
        raise ValueError(f"A request must not be above {MAX_BYTES} bytes, got {n_bytes}.")
    body = json.loads(environ["wsgi.input"].read(n_bytes))
    if not isinstance(body, dict) or "texts" not in body:
        raise ValueError('A request must be JSON such as {"texts": ["a text", "another"]}.')
    return body["texts"]


classifier = load_or_end()
