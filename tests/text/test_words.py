"""Which word of a text a token belongs to, whatever the tokenizer takes for a word."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from sklearn_bert._text.words import find_places

SPECIAL = ["<s>", "</s>", "<pad>", "<unk>"]


def make(model, pre_tokenizer):
    """Return a tokenizer that puts special tokens around a text."""
    tokenizer = Tokenizer(model)
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.add_special_tokens(SPECIAL)
    numbers = [(name, tokenizer.token_to_id(name)) for name in SPECIAL[:2]]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=numbers
    )
    return tokenizer


def byte_level(**options):
    """Return a tokenizer of single bytes, as RoBERTa's and ModernBERT's fall back to."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(alphabet)}
    return make(models.BPE(vocabulary, []), pre_tokenizers.ByteLevel(**options))


def by_letter(pre_tokenizer):
    """Return a tokenizer of single letters."""
    letters = {letter: number for number, letter in enumerate(["<unk>", "▁", *" abcdefg電影"])}
    return make(models.BPE(letters, [], unk_token="<unk>"), pre_tokenizer)


def words_of(tokenizer, *texts):
    """Return the words of texts as their places tell, each token a letter of its number."""
    encoding = tokenizer.encode(*texts)
    words = {}
    for place in find_places(encoding, texts):
        if place is not None and place.start < place.stop:
            start, stop = words.get(place[:2], (place.start, place.stop))
            words[place[:2]] = min(start, place.start), max(stop, place.stop)
    assert [number for _, number in words] == list(range(len(words)))
    return [texts[side][start:stop] for (side, _), (start, stop) in words.items()]


@pytest.mark.parametrize(
    "tokenizer",
    [
        byte_level(add_prefix_space=False),
        byte_level(add_prefix_space=True),
        by_letter(pre_tokenizers.Metaspace()),
        by_letter(pre_tokenizers.WhitespaceSplit()),
        by_letter(None),  # the whole text is one word to it
    ],
)
@pytest.mark.parametrize("text", ["abc de", " abc  de ", "abc\n\nde\t", "abc\u3000de"])
def test_words_stand_between_white_space(tokenizer, text):
    assert words_of(tokenizer, text) == ["abc", "de"]
    places = find_places(tokenizer.encode(text), (text,))
    assert all((place is None) == (i in (0, len(places) - 1)) for i, place in enumerate(places))
    assert {place.word for place in places[1:-1]} == {0, 1}


def test_bytes_of_an_emoji_and_of_letters_make_words():
    assert words_of(byte_level(add_prefix_space=False), "ab😀 電影") == ["ab", "😀", "電影"]


def test_unknown_letters_keep_their_place():
    assert words_of(by_letter(pre_tokenizers.Whitespace()), "ab xyz!") == ["ab", "xyz", "!"]


def test_the_words_of_a_pair_are_counted_on():
    assert words_of(byte_level(), "ab c ", " d") == ["ab", "c", "d"]


def test_white_space_alone_is_no_word():
    assert words_of(byte_level(add_prefix_space=False), " \n ") == []
    assert words_of(byte_level(), "", "") == []
