"""The peers that sklearn-bert is timed against, each in its best public recipe.

All have the interface of `Peer` and the weights, data, epochs, batch size, peak learning rate and
maximal length of their `Settings`, except where a peer's `note` says otherwise. A peer that is
not installed raises ImportError in `fit`. Its library is imported there too: time a second fit,
or the import counts.

    python -m pip install -c constraints.txt -e . -r benchmarks/requirements.txt
"""

import tempfile
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import torch
import transformers
from accuracy import encode, trainer_logits, training_arguments
from transformers import AutoModelForSequenceClassification, AutoTokenizer


@dataclass(frozen=True)
class Settings:
    """What all peers are given."""

    folder: str  # local folder of the model
    max_length: int = 512  # tokens kept of each text
    epochs: int = 1
    batch_size: int = 32
    learning_rate: float = 5e-5  # the peak
    device: str = "cpu"  # or "cuda"
    bf16: bool = False  # whether the device is fast with bfloat16
    seed: int = 0  # of the new head, the order of the rows and the dropout


class Peer(ABC):
    """A text classifier to be timed: `fit` also loads the model and tokenizes."""

    name = ""  # for the table
    note = ""  # for below the table

    def __init__(self, settings):
        """Keep the settings."""
        self.settings = settings

    @abstractmethod
    def fit(self, texts, labels):
        """Train on lists of texts and of labels and return self."""

    @abstractmethod
    def predict(self, texts):
        """Return an array of the labels of the texts, in their order."""


class TrainerDynamic(Peer):
    """Hugging Face's Trainer in float32, its random batches padded to their own longest text."""

    name = "Trainer, dynamic padding"
    length_groups = False
    bf16 = False  # whether to compute in bfloat16 where that is fast

    def fit(self, texts, labels):
        """Train on lists of texts and of labels and return self."""
        start(self.settings)
        self.classes_ = np.unique(labels)
        self.tokenizer_ = AutoTokenizer.from_pretrained(self.settings.folder)
        with tempfile.TemporaryDirectory() as output:
            self.trainer_ = transformers.Trainer(
                self.module(),
                self.arguments(output),
                train_dataset=self.rows(texts, labels),
                data_collator=transformers.DataCollatorWithPadding(self.tokenizer_),
                processing_class=self.tokenizer_,
                callbacks=self.callbacks(),
            )
            self.trainer_.remove_callback(transformers.PrinterCallback)
            self.trainer_.train()
        return self

    def predict(self, texts):
        """Return an array of the labels of the texts, in their order."""
        rows = self.rows(texts, [None] * len(texts))
        return self.classes_[self.logits(rows).argmax(axis=1)]

    def arguments(self, output):
        """Return the Trainer's arguments."""
        given = self.settings
        options = SimpleNamespace(
            epochs=given.epochs,
            batch_size=given.batch_size,
            device=given.device,
            trainer_plain=not self.length_groups,
        )
        arguments = training_arguments(options, given.seed, given.learning_rate, output)
        return replace(arguments, bf16=self.bf16 and given.bf16)

    def module(self):
        """Return what is trained."""
        return load_classifier(self.settings.folder, len(self.classes_))

    def callbacks(self):
        """Return what is told of the steps."""
        return []

    def rows(self, texts, labels):
        """Return the texts as the Trainer reads them."""
        return encode(self.tokenizer_, self.settings.max_length, self.classes_, texts, labels)

    def logits(self, rows):
        """Return the logits of the rows, computed as they come."""
        return self.trainer_.predict(rows).predictions


class TrainerBest(TrainerDynamic):
    """Hugging Face's Trainer as fast as it can be: rows of like length together, in bfloat16.

    Where bfloat16 is not fast it computes in float32.
    """

    name = "Trainer, bfloat16 + length groups"
    length_groups = True
    bf16 = True

    def logits(self, rows):
        """Return the logits of the rows in their order, computed in the order of length."""
        return trainer_logits(self.trainer_, rows)


class Pipeline(Peer):
    """transformers.pipeline: the prediction of a module that is fine-tuned already.

    Parameters
    ----------
    settings : Settings
    module, tokenizer
        The fine-tuned pair; the module is moved to the device of the settings.
    classes : sequence or None
        The label of each output; None takes ``module.config.id2label``.
    """

    name = "transformers.pipeline"
    note = "Predicts with the module that sklearn-bert has trained."

    def __init__(self, settings, module, tokenizer, classes=None):
        """Keep the settings and make the pipeline."""
        super().__init__(settings)
        names = module.config.id2label
        labels = [names[code] for code in range(len(names))] if classes is None else list(classes)
        self.label_of_ = {names[code]: label for code, label in enumerate(labels)}
        self.pipeline_ = transformers.pipeline(
            "text-classification",
            model=module,
            tokenizer=tokenizer,
            device=settings.device,
            batch_size=32,
            truncation=True,
            max_length=settings.max_length,
        )

    def fit(self, texts, labels):
        """Return self: there is nothing to train."""
        return self

    def predict(self, texts):
        """Return an array of the labels of the texts, in their order."""
        return np.array([self.label_of_[found["label"]] for found in self.pipeline_(list(texts))])


class SkorchRecipe(Peer):
    """The recipe for fine-tuning in skorch's documentation: all rows padded to `max_length`.

    https://github.com/skorch-dev/skorch/blob/master/notebooks/Hugging_Face_Finetuning.ipynb
    """

    name = "skorch recipe"
    note = "Its recipe in float32, not its second one, which trains in float16 on GPUs."

    def fit(self, texts, labels):
        """Train on lists of texts and of labels and return self."""
        from sklearn.pipeline import make_pipeline
        from skorch.hf import HuggingfacePretrainedTokenizer

        start(self.settings)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        tokenizer = HuggingfacePretrainedTokenizer(
            self.settings.folder, max_length=self.settings.max_length
        )
        self.pipeline_ = make_pipeline(tokenizer, self.net(len(codes))).fit(texts, codes)
        return self

    def net(self, n_rows):
        """Return the net that trains on that many rows."""
        from skorch import NeuralNetClassifier
        from skorch.callbacks import LRScheduler

        given = self.settings
        steps = given.epochs * -(-n_rows // given.batch_size)
        decay = LRScheduler(
            torch.optim.lr_scheduler.LambdaLR,
            lr_lambda=lambda step: 1 - step / steps,
            step_every="batch",
        )
        return NeuralNetClassifier(
            BertModule,
            module__folder=given.folder,
            module__n_classes=len(self.classes_),
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.AdamW,
            lr=given.learning_rate,
            max_epochs=given.epochs,
            batch_size=given.batch_size,
            iterator_train__shuffle=True,
            train_split=None,  # train on all rows, as the others do
            device=given.device,
            callbacks=[decay],
            verbose=0,
        )

    def predict(self, texts):
        """Return an array of the labels of the texts, in their order."""
        with torch.inference_mode():
            return self.classes_[self.pipeline_.predict(texts)]


class BertModule(torch.nn.Module):
    """What skorch's recipe trains: a classifier that returns its logits only."""

    def __init__(self, folder, n_classes):
        """Load the classifier."""
        super().__init__()
        self.bert = load_classifier(folder, n_classes)

    def forward(self, **inputs):
        """Return the logits of a batch."""
        return self.bert(**inputs).logits


class SimpleTransformers(Peer):
    """simpletransformers: all rows padded to `max_length`, in float16 on CUDA (its default)."""

    name = "simpletransformers"

    def fit(self, texts, labels):
        """Train on lists of texts and of labels and return self."""
        import pandas as pd
        from simpletransformers.classification import ClassificationModel

        start(self.settings)
        classes = np.unique(labels).tolist()
        # It leaves its log file open, which only some systems can delete.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as output:
            self.model_ = ClassificationModel(
                "bert",
                str(self.settings.folder),
                num_labels=len(classes),
                use_cuda=self.settings.device == "cuda",
                args=self.arguments(output) | {"labels_list": classes},
            )
            # A folder name that ends in a number looks like a checkpoint: it would skip steps.
            self.model_.args.model_name = None
            self.model_.load_and_cache_examples = in_memory(self.model_.load_and_cache_examples)
            self.model_.train_model(pd.DataFrame({"text": texts, "labels": labels}), verbose=False)
        return self

    def arguments(self, output):
        """Return its settings; all that it writes goes to the folder `output`."""
        given = self.settings
        return {
            **dict.fromkeys(("output_dir", "cache_dir", "tensorboard_dir"), output),
            **dict.fromkeys(("no_cache", "no_save", "overwrite_output_dir", "silent"), True),
            "save_model_every_epoch": False,
            "save_steps": -1,
            "use_multiprocessing": False,
            "use_multiprocessing_for_evaluation": False,
            "max_seq_length": given.max_length,
            "num_train_epochs": given.epochs,
            "train_batch_size": given.batch_size,
            "eval_batch_size": given.batch_size,
            "learning_rate": given.learning_rate,
            "manual_seed": given.seed,
            "fp16": given.device == "cuda",
        }

    def predict(self, texts):
        """Return an array of the labels of the texts, in their order."""
        return np.array(self.model_.predict(list(texts))[0])


class Embeddings(Peer):
    """A logistic regression on the embeddings of sentence-transformers, whose BERT stays as is."""

    name = "sentence-transformers + LR"
    note = "BERT is not fine-tuned."

    def fit(self, texts, labels):
        """Train on lists of texts and of labels and return self."""
        from sentence_transformers import SentenceTransformer
        from sklearn.linear_model import LogisticRegression

        start(self.settings)
        self.encoder_ = SentenceTransformer(str(self.settings.folder), device=self.settings.device)
        self.encoder_.max_seq_length = self.settings.max_length
        self.head_ = LogisticRegression(max_iter=1000).fit(self.embed(texts), labels)
        return self

    def embed(self, texts):
        """Return the embeddings of the texts."""
        return self.encoder_.encode(list(texts), batch_size=32, show_progress_bar=False)

    def predict(self, texts):
        """Return an array of the labels of the texts, in their order."""
        return self.head_.predict(self.embed(texts))


class SetFit(Peer):
    """SetFit on the first 16 texts of each class: it is made for 8 to 64 texts a class.

    Its batch size, epochs and learning rate are its own defaults: 16, 1 and 2e-5. Their pairs of
    texts grow with the square of the number of classes; from four classes on, its documented
    ``num_iterations=20`` makes fewer of them and is used.
    """

    name = "SetFit"
    note = "Trained on the first 16 texts of each class only, in batches of 16 for one epoch."
    n_shots = 16

    def fit(self, texts, labels):
        """Train on the first texts of each class and return self."""
        import setfit
        from datasets import Dataset
        from setfit import logging

        logging.set_verbosity_error()
        start(self.settings)
        model = setfit.SetFitModel.from_pretrained(
            str(self.settings.folder), device=self.settings.device
        )
        model.model_body.max_seq_length = self.settings.max_length
        texts, labels = first_of_each_class(texts, labels, self.n_shots)
        with tempfile.TemporaryDirectory() as output:
            trainer = setfit.Trainer(
                model,
                self.arguments(output, len(set(labels))),
                train_dataset=Dataset.from_dict({"text": texts, "label": labels}),
            )
            for printing in (transformers.ProgressCallback, transformers.PrinterCallback):
                trainer.remove_callback(printing)
            trainer.train()
        self.model_ = model
        return self

    def arguments(self, output, n_classes):
        """Return the arguments of its Trainer: the defaults, silent."""
        import setfit

        return setfit.TrainingArguments(
            output_dir=output,
            batch_size=16,
            num_epochs=1,
            num_iterations=20 if n_classes > 3 else None,
            seed=self.settings.seed,
            show_progress_bar=False,
            report_to="none",
            logging_strategy="no",
            save_strategy="no",
        )

    def predict(self, texts):
        """Return an array of the labels of the texts, in their order."""
        return np.asarray(self.model_.predict(list(texts), show_progress_bar=False))


def start(settings):
    """Seed everything random, and silence the libraries that peers are built on."""
    transformers.set_seed(settings.seed)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        import datasets
    except ImportError:  # only some peers need it
        return
    datasets.disable_progress_bars()


def in_memory(load):
    """Return simpletransformers' loader of rows, their tokens held as tensors.

    They were, until datasets 4 began to read and convert a column row by row as it is used.
    """

    def load_rows(*args, **options):
        """Return the dataset, its columns as tensors."""
        rows = load(*args, **options)
        rows.examples = {name: column[:] for name, column in rows.examples.items()}
        return rows

    return load_rows


def load_classifier(folder, n_classes):
    """Return the model of the folder in float32, with a new head for that many classes."""
    return AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=n_classes, dtype=torch.float32, ignore_mismatched_sizes=True
    )


def first_of_each_class(texts, labels, count):
    """Return the first `count` texts of each class and their labels, as two lists."""
    seen, kept = Counter(), []
    for row in zip(texts, labels, strict=True):
        seen[row[1]] += 1
        if seen[row[1]] <= count:
            kept.append(row)
    return [text for text, _ in kept], [label for _, label in kept]
