"""What is asked of a tokenizer beside the ids of texts."""

import threading

_SETTING_UP = threading.Lock()


def kept_side(tokenizer, long_text):
    """Return `long_text`, with "tail" in place of "head" where the tokenizer cuts on the left.

    So a text is cut as transformers cuts it, given the tokenizer as it was saved.
    """
    cuts_left = getattr(tokenizer, "truncation_side", "right") == "left"
    return "tail" if long_text == "head" and cuts_left else long_text


def backend_of(tokenizer):
    """Return the tokenizer in Rust, set up to cut nothing off and to fill nothing up.

    It is asked itself, since `transformers` would set it up anew in each call, which fails where
    several threads share it.
    """
    backend = tokenizer.backend_tokenizer
    splits = splits_special_tokens(tokenizer)
    with _SETTING_UP:
        if backend.encode_special_tokens != splits:
            backend.encode_special_tokens = splits
        if backend.truncation is not None:
            backend.no_truncation()
        if backend.padding is not None:
            backend.no_padding()
    return backend


def splits_special_tokens(tokenizer):
    """Return whether a special token that stands in a text is read as any other characters."""
    return bool(getattr(tokenizer, "split_special_tokens", False))
