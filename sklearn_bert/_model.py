"""What every estimator around a torch module shares: where it predicts, and how it travels."""

from sklearn.base import BaseEstimator

from ._warn import warn


class TextModel(BaseEstimator):
    """An estimator on texts whose fitted state is a torch module and its tokenizer.

    A subclass has the parameters `long_text`, `stride` and `device`.
    """

    def _tokenize(self, texts, tokenizer, max_length, memory=None):
        """Return the token ids of texts or pairs, kept in a joblib.Memory if there is one."""
        from ._tokens import tokenize

        overlap = self._overlap(tokenizer, max_length)
        return tokenize(tokenizer, texts, max_length, self.long_text, overlap, memory)

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
        from ._device import find_device

        try:
            return find_device(self.device)
        except ValueError as error:
            device = find_device("auto")
            warn(f"{error} Predicting on {str(device)!r}.")
            return device

    def __getstate__(self):
        """Return the state with the module on the CPU, so that any machine can load it."""
        state = dict(super().__getstate__())
        if "module_" in state and self.module_.device.type != "cpu":
            from ._device import copy_to_cpu

            state["module_"] = copy_to_cpu(self.module_)
        return state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags
