"""What every estimator around a torch module shares: where it predicts, and how it travels."""

import copy
from functools import partial

from sklearn.base import BaseEstimator

from .._text.texts import in_chunks, in_chunks_ahead
from .._warn import warn
from .fit_tasks import CallbackSupportMixin

_PACKED = "packed_model_"  # in a pickle, in place of module and tokenizer


class TextModel(CallbackSupportMixin, BaseEstimator):
    """An estimator on texts whose fitted state is a torch module and its tokenizer.

    A subclass has the parameters `long_text`, `stride` and `device`.
    """

    def _tokenize(self, texts, tokenizer, max_length, memory=None):
        """Return the token ids of texts or pairs, kept in a joblib.Memory if there is one."""
        from .._text.tokens import tokenize

        overlap = self._overlap(tokenizer, max_length)
        return tokenize(tokenizer, texts, max_length, self.long_text, overlap, memory)

    def _compute(self, texts, function, device):
        """Return the rows that `function` gives for the token ids of texts, on a device."""
        ids_of = partial(self._tokenize, tokenizer=self.tokenizer_, max_length=self.max_length_)
        if device.type == "cpu":  # it has no time left to tokenize meanwhile
            return in_chunks(lambda some: function(ids_of(some)), texts)
        return in_chunks_ahead(ids_of, function, texts)

    def _overlap(self, tokenizer, max_length):
        """Return the tokens that neighbouring windows share."""
        if self.long_text != "windows":
            return 0
        size = max_length - tokenizer.num_special_tokens_to_add()
        if self.stride is None:
            return size // 4
        if self.stride > size // 2:
            raise ValueError(
                f"stride must be at most {size // 2}, half of the {size} tokens of a window, got "
                f"{self.stride}; lower it, or use None for a quarter."
            )
        return int(self.stride)

    def _prediction_device(self):
        """Return where to predict: `device`, or what there is on a machine without it."""
        from .._engine.device import find_device

        try:
            return find_device(self.device)
        except ValueError as error:
            device = find_device("auto")
            warn(f"{error} Predicting on {str(device)!r}.")
            return device

    def __getstate__(self):
        """Return the state, with module and tokenizer in plain types that any machine can load."""
        state = dict(super().__getstate__())
        if "module_" in state:
            from .._saving.pickled_model import pack_model

            state[_PACKED] = pack_model(state.pop("module_"), state.pop("tokenizer_"))
        return state

    def __setstate__(self, state):
        """Take over the state, and build module and tokenizer of it."""
        state = dict(state)
        packed = state.pop(_PACKED, None)
        super().__setstate__(state)
        if packed is not None:
            from .._saving.pickled_model import unpack_model

            self.module_, self.tokenizer_ = unpack_model(packed)

    def __copy__(self):
        """Return an estimator with the same attributes, not a copy of the module."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def __deepcopy__(self, memo):
        """Return a copy with the module on the CPU."""
        other = type(self).__new__(type(self))
        memo[id(self)] = other
        state = vars(self)
        if "module_" in state and id(self.module_) not in memo:
            from .._engine.device import copy_to_cpu

            memo[id(self.module_)] = copy_to_cpu(self.module_)
        vars(other).update((name, copy.deepcopy(value, memo)) for name, value in state.items())
        return other

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags
