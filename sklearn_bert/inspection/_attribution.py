"""How much each token of a text speaks for an output of a model."""

import copy

import numpy as np
import torch

from .._engine.device import find_dtype
from .._engine.forks import in_living_threads
from .._engine.forward import Forward
from .._engine.inference import make_ready, predict_outputs
from .._engine.memory import explained_memory_error
from .._engine.torch_state import own_torch_state
from .._install import install_command
from .._text.probabilities import probabilities
from .._text.ragged import RaggedIds, RaggedRows
from .._text.texts import check_texts_or_pairs
from .._text.tokens import encode_with_offsets, read_positions
from .._text.words import find_places
from ._explanation import Explanation, Explanations

_TOKENS_AT_ONCE = 4096  # positions of a gradient
_VARIANTS_AT_ONCE = 2**20  # positions of texts with a word hidden, made at once


@own_torch_state()
def explain_texts(model, X, target, *, predict, method, n_steps):
    """Return the `Explanations` of texts, or pairs.

    Parameters
    ----------
    model : BertTextClassifier or BertTextRegressor
        Fitted.
    X : array-like of str
        What it reads.
    target : label, int or None
        As for `explain`.
    predict : callable or None
        Gives the classes that are explained if there is no `target`. None is the most probable.
    method : {"integrated_gradients", "occlusion"}
        How.
    n_steps : int
        Steps of the integral.
    """
    if method == "integrated_gradients":
        _check_captum()
    explained, texts = Outputs(model, target), check_texts_or_pairs(X)
    outputs = model._outputs(X)
    columns = explained.columns(outputs, predict)
    probas = explained.probabilities(outputs, columns)
    device = model._prediction_device()
    dtype = find_dtype("float32" if model.dtype == "auto" else model.dtype, device)
    make_ready(model.module_, device)
    steps = () if method == "occlusion" else (n_steps,)
    attribution = _METHODS[method](model, device, dtype, *steps)
    with explained_memory_error(device, batch_size=1, max_length=model.max_length_):
        return Explanations(
            attribution.explain(
                text, column, row[column], method=method, proba=proba, **explained.of(column)
            )
            for text, column, row, proba in zip(texts, columns, outputs, probas, strict=True)
        )


def _check_captum():
    """Say how to get Captum where it is missing."""
    try:
        import captum.attr  # noqa: F401
    except ImportError:
        raise ImportError(
            "method='integrated_gradients' needs Captum, which is not installed; run "
            f"{install_command('explain')}, or use method='occlusion'."
        ) from None


class Outputs:
    """Which output of a model is explained, and what it stands for.

    Parameters
    ----------
    model : BertTextClassifier or BertTextRegressor
        Fitted.
    target : label, int or None
        As for `explain`.
    """

    def __init__(self, model, target):
        self.model = model
        self.is_regressor = not hasattr(model, "classes_")
        if isinstance(getattr(model, "classes_", None), list):
            raise ValueError(
                f"estimator must have one column of labels, got {len(model.classes_)} columns; "
                "fit a classifier to the column to explain."
            )
        self.labels = self._numbers() if self.is_regressor else model.classes_.tolist()
        self.column = None
        if target is not None:
            self.column = self._find(target)
        elif self.is_regressor:
            self.column = self._only_one()

    def _numbers(self):
        """Return the numbers of a regressor's outputs."""
        return list(range(np.size(self.model.target_mean_)))

    def _find(self, target):
        """Return the column of a target."""
        if np.ndim(target) == 0 and target in self.labels:
            return self.labels.index(target)
        what = "numbers of the outputs" if self.is_regressor else "classes"
        raise ValueError(f"target must be one of the {what} {self.labels!r}, got {target!r}.")

    def _only_one(self):
        """Return the column of a regressor's output, if it has one."""
        if len(self.labels) > 1:
            raise ValueError(
                f"target must be the number of an output, one of {self.labels!r}, for a regressor "
                "of several numbers, got None; explain one output at a time."
            )
        return 0

    def columns(self, outputs, predict):
        """Return the column that is explained of each text."""
        if self.column is not None:
            return [self.column] * len(outputs)
        if predict is None or self.model.multilabel_:
            return outputs.argmax(axis=1).tolist()
        return [self.labels.index(label) for label in np.asarray(predict()).tolist()]

    def probabilities(self, outputs, columns):
        """Return the probability of the class that is explained of each text, None of numbers."""
        if self.is_regressor:
            return [None] * len(columns)
        proba = probabilities(outputs, multilabel=self.model.multilabel_)
        return proba[np.arange(len(columns)), columns].tolist()

    def of(self, column):
        """Return what an `Explanation` of a column is given: its name, unit and scale."""
        if not self.is_regressor:
            return {"target": self.labels[column], "kind": "logit"}
        scale, mean = (
            float(np.ravel(values)[column])
            for values in (self.model.target_scale_, self.model.target_mean_)
        )
        target = column if len(self.labels) > 1 else None
        return {"target": target, "kind": "number", "scale": scale, "offset": mean}


class Attribution:
    """Shares an output of a model out among the tokens of a text.

    Parameters
    ----------
    model : BertTextClassifier or BertTextRegressor
        Fitted.
    device : torch.device
        Where to compute.
    dtype : torch.dtype
        Arithmetic: that of the prediction.
    """

    def __init__(self, model, device, dtype):
        self.model = model
        self.module = model.module_
        self.tokenizer = model.tokenizer_
        self.device = device
        self.dtype = dtype

    def explain(self, text, column, output, scale=1.0, offset=0.0, **named):
        """Return the `Explanation` of a text, or pair.

        What is explained is the mean of the outputs of the sequences that the model reads of it:
        a token is given the mean of what it is given in each of them, 0 where it is not.

        Parameters
        ----------
        text : str or (str, str)
            The text, or pair.
        column : int
            Of the output that is explained.
        output : float
            Its value for the text.
        scale, offset : float
            What makes the value of the output.
        **named : dict
            Given to `Explanation`.
        """
        ragged, positions, places = self._read(text)
        read = np.unique(positions.ids)
        ids, attributions, baseline = np.zeros_like(read), np.zeros(len(read)), 0.0
        for row in range(len(ragged)):
            words = np.array([-1 if places[i] is None else places[i].word for i in positions[row]])
            where = np.searchsorted(read, positions[row])
            values, without = self.attribute(ragged, row, words, column)
            ids[where] = ragged[row]
            attributions[where] += values / len(ragged)
            baseline += without / len(ragged)
        return Explanation(
            text=text,
            tokens=self.tokenizer.convert_ids_to_tokens(ids.tolist()),
            attributions=attributions * scale,
            spans=[None if places[i] is None else places[i][1:] for i in read],
            sides=[None if places[i] is None else places[i].side for i in read],
            logit=float(output * scale + offset),
            baseline_logit=float(baseline * scale + offset),
            **named,
        )

    def _read(self, text):
        """Return the ids of the sequences that are read of a text, and where its tokens stand.

        That is the number of each of them among all tokens of the text, and the place of each of
        those in the text.
        """
        model, tokenizer = self.model, self.tokenizer
        ragged = model._tokenize([text], tokenizer, model.max_length_)
        overlap = model._overlap(tokenizer, model.max_length_)
        positions = read_positions(tokenizer, text, model.max_length_, model.long_text, overlap)
        texts = text if isinstance(text, tuple) else (text,)
        places = find_places(encode_with_offsets(tokenizer, text), texts)
        # What is read of a text without tokens is none of them.
        places += [None] * (1 + int(positions.ids.max()) - len(places))
        return ragged, positions, places

    def attribute(self, ragged, row, words, column):
        """Return the attributions of the tokens of a sequence, and its output without words.

        Parameters
        ----------
        ragged : RaggedIds
            All sequences of the text.
        row : int
            Which of them.
        words : ndarray of shape (n_tokens,)
            Number of the word of each token, -1 for special tokens.
        column : int
            Of the output that is explained.
        """
        raise NotImplementedError


class IntegratedGradients(Attribution):
    """The gradient along the way from padding tokens to the text, by Captum.

    Parameters
    ----------
    model, device, dtype
        As for `Attribution`.
    n_steps : int
        Steps of the integral.
    """

    def __init__(self, model, device, dtype, n_steps):
        super().__init__(model, device, dtype)
        self.n_steps = n_steps
        # A copy that shares the weights: a hook on the module itself would be met by other
        # threads that predict with it.
        shared = [*self.module.parameters(), *self.module.buffers()]
        self.copy = copy.deepcopy(self.module, {id(tensor): tensor for tensor in shared})
        self.forward = Forward(self.copy, device, dtype)

    @in_living_threads
    def attribute(self, ragged, row, words, column):
        """Return what `Attribution.attribute` tells."""
        from captum.attr import IntegratedGradients as CaptumIntegratedGradients

        ids = torch.tensor(ragged[row], dtype=torch.int64, device=self.device)
        is_word = torch.from_numpy(words >= 0).to(self.device)
        padding = torch.where(is_word, self.tokenizer.pad_token_id, ids)
        embedding = self.copy.get_input_embeddings()
        with torch.no_grad():
            text, baseline = embedding(ids[None]), embedding(padding[None])

        def output_of(embeddings):
            """Return the output that is explained."""
            copies = RaggedRows(ragged, np.full(len(embeddings), row))
            hook = embedding.register_forward_hook(_replace_by(embeddings))
            try:
                return self.forward(copies)[:, column]
            finally:
                hook.remove()

        attributions = CaptumIntegratedGradients(output_of).attribute(
            text,
            baselines=baseline,
            n_steps=self.n_steps,
            internal_batch_size=max(1, _TOKENS_AT_ONCE // len(ids)),
        )
        with torch.no_grad():
            without = float(output_of(baseline)[0])
        return attributions[0].sum(-1).cpu().double().numpy(), without


def _replace_by(embeddings):
    """Return a hook that puts `embeddings` in place of those that a module has looked up.

    There may be more of those, at the end: what fills up a batch.
    """
    wanted = embeddings.flatten(0, 1)

    def replace(module, inputs, found):
        rest = found.flatten(0, 1)[len(wanted) :]
        return torch.cat([wanted.to(found.dtype), rest]).view_as(found)

    return replace


class Occlusion(Attribution):
    """How much the output falls without each word, shared by the tokens of the word."""

    def attribute(self, ragged, row, words, column):
        """Return what `Attribution.attribute` tells."""
        numbers = np.unique(words[words >= 0])
        hidden = [np.empty(0, dtype=int), numbers, *numbers[:, None]]
        types = None if ragged.types is None else ragged.types_of(row)
        whole, without, *others = self._outputs(ragged[row], types, words, hidden)[:, column]
        attributions = np.zeros(len(words))
        for number, output in zip(numbers, others, strict=True):
            where = words == number
            attributions[where] = (whole - output) / where.sum()
        return attributions, without

    def _outputs(self, ids, types, words, hidden):
        """Return the outputs for a sequence with some of its words hidden, one row each."""
        at_once = max(1, _VARIANTS_AT_ONCE // len(ids))
        outputs = []
        for start in range(0, len(hidden), at_once):
            some = hidden[start : start + at_once]
            masks = np.array([np.isin(words, numbers) for numbers in some])
            ragged = RaggedIds(
                np.where(masks, self._mask_id(), ids).astype(np.int32).ravel(),
                np.full(len(some), len(ids)),
                self.tokenizer.pad_token_id,
                None if types is None else np.tile(types, len(some)),
            )
            outputs.append(predict_outputs(self.module, ragged, self.device, self.dtype))
        return np.concatenate(outputs)

    def _mask_id(self):
        """Return the id of the token that hides a word."""
        tokenizer = self.tokenizer
        ids = (tokenizer.mask_token_id, tokenizer.unk_token_id, tokenizer.pad_token_id)
        return next(token for token in ids if token is not None)


_METHODS = {"integrated_gradients": IntegratedGradients, "occlusion": Occlusion}
