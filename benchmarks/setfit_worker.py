"""SetFit in a process of its own, whose interpreter may have the versions that SetFit needs.

    python benchmarks/setfit_worker.py FOLDER DEVICE

FOLDER is the local folder of a sentence-transformers model. Reads one JSON object a line and
answers with one: {"texts", "labels", "seed"} trains anew, {"texts"} predicts with what was trained
last. Labels are class numbers, or rows of 0 and 1. Started by
``every_size.py --setfit-python PYTHON``.

The recipe is the one of its documentation: 40 pairs for each text, one epoch in batches of 16 at a
learning rate of 2e-5, in float32, and a logistic regression as the head, one for each of several
labels.
"""

import json
import sys
import tempfile
import time

import numpy as np
import sentence_transformers
import setfit
import torch
import transformers
from datasets import Dataset, disable_progress_bars

RECIPE = {
    "num_iterations": 20,  # positive and as many negative pairs of each text
    "num_epochs": 1,
    "batch_size": 16,
    "body_learning_rate": 2e-5,
}
SILENT = {
    "show_progress_bar": False,
    "report_to": "none",
    "logging_strategy": "no",
    "save_strategy": "no",
}


def main():
    """Answer until the input ends."""
    folder, device = sys.argv[1:]
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever the libraries print
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    setfit.logging.set_verbosity_error()
    disable_progress_bars()
    model = None
    about = {"recipe": RECIPE, "versions": versions()}
    print(json.dumps(about), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        start = time.process_time()
        answer = {}
        if "labels" in request:
            model = trained(folder, device, **request)
        else:
            predicted = model.predict(request["texts"], show_progress_bar=False)
            answer["predicted"] = np.asarray(predicted).tolist()
        answer["cpu_seconds"] = time.process_time() - start
        print(json.dumps(answer), file=answers, flush=True)


def versions():
    """Return what the results depend on."""
    modules = (setfit, sentence_transformers, transformers, torch)
    names = [f"{module.__name__} {module.__version__}" for module in modules]
    return ", ".join([*names, f"{torch.get_num_threads()} threads"])


def trained(folder, device, texts, labels, seed):
    """Return a model that is trained on the texts."""
    transformers.set_seed(seed)
    several = isinstance(labels[0], list)
    model = setfit.SetFitModel.from_pretrained(
        folder, device=device, multi_target_strategy="one-vs-rest" if several else None
    )
    with tempfile.TemporaryDirectory() as output:
        trainer = setfit.Trainer(
            model,
            setfit.TrainingArguments(output_dir=output, seed=seed, **RECIPE, **SILENT),
            train_dataset=Dataset.from_dict({"text": texts, "label": labels}),
        )
        for printing in (transformers.ProgressCallback, transformers.PrinterCallback):
            trainer.remove_callback(printing)
        trainer.train()
    return model


if __name__ == "__main__":
    main()
