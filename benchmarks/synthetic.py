"""Models with random weights, and texts of random words of as many tokens as are wanted."""

import itertools
import re
import string

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from sklearn_bert._engine.hub import locate

SIZES = {
    "MiniLM": {"num_hidden_layers": 6, "hidden_size": 384, "intermediate_size": 1536},
    "bert-base": {"num_hidden_layers": 12, "hidden_size": 768, "intermediate_size": 3072},
    "ModernBERT-base": {"num_hidden_layers": 22, "hidden_size": 768, "intermediate_size": 1152},
}
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def make_tokenizer(*, tiny):
    """Return the tokenizer of MiniLM where it is, else one of its size with made-up words."""
    if not tiny:
        try:
            return AutoTokenizer.from_pretrained(locate("sentence-transformers/all-MiniLM-L6-v2"))
        except OSError:
            pass
    letters = itertools.product(string.ascii_lowercase, repeat=4)  # 456,976 words
    made_up = ("".join(word) for word in itertools.islice(letters, 0, None, 1500 if tiny else 15))
    words = [*_SPECIAL, *string.ascii_lowercase, *made_up]
    ids = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, ids[token]) for token in ("[CLS]", "[SEP]")],
    )
    names = {f"{token.strip('[]').lower()}_token": token for token in _SPECIAL}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=512,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **names,
    )


def make_words(tokenizer):
    """Return the words that are tokens."""
    return np.array([word for word in tokenizer.get_vocab() if re.fullmatch("[a-z]{2,}", word)])


def random_set(words, lengths, seed=0):
    """Return texts of so many tokens, special ones included, and what their first word tells."""
    random = np.random.default_rng(seed)
    lengths = np.maximum(lengths, 3)
    numbers = random.integers(0, len(words), lengths.sum() - 2 * len(lengths))
    labels = np.arange(len(lengths)) % 2
    starts = np.cumsum(lengths - 2) - (lengths - 2)
    numbers[starts] = labels
    texts = [" ".join(words[some]) for some in np.split(numbers, starts[1:])]
    return texts, labels


def gamma_lengths(n, mean, seed=0):
    """Return `n` lengths that vary by half about a mean, and are cut at 512."""
    lengths = np.random.default_rng(seed).gamma(4, mean / 4, n)
    return lengths.round().clip(4, 512).astype(np.int64)


def imdb_lengths(n, seed=0):
    """Return `n` lengths as the reviews of IMDb have them: half have more than 240 tokens.

    On average there are 297, and 270 where they are cut at 512; of IMDb's, 307 and 270.
    """
    lengths = np.random.default_rng(seed).lognormal(np.log(240), 0.65, n)
    return lengths.round().clip(10, 2500).astype(np.int64)


def save_model(folder, name, tokenizer, *, tiny):
    """Return the folder of a random model of a size, or of a tiny one of its architecture."""
    sizes = {**SIZES[name], "num_attention_heads": 12, "vocab_size": len(tokenizer)}
    if tiny:
        small = {"num_hidden_layers": 2, "hidden_size": 32, "intermediate_size": 64}
        sizes |= {**small, "num_attention_heads": 2}
    ids = {f"{kind}_token_id": getattr(tokenizer, f"{kind}_token_id") for kind in ("cls", "sep")}
    if name.startswith("ModernBERT"):
        ids |= {"bos_token_id": ids["cls_token_id"], "eos_token_id": ids["sep_token_id"]}
        config = transformers.ModernBertConfig(**sizes, **ids, pad_token_id=tokenizer.pad_token_id)
    else:
        config = transformers.BertConfig(**sizes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
