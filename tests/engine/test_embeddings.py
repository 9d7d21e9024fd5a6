"""Embeddings are those of transformers, whatever stands beside a text."""

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from sklearn_bert._engine.embeddings import Embeddings


def expected(folder, text, max_length=64):
    """Return the mean of the last hidden states by transformers alone."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=max_length)
    with torch.no_grad():
        return model.eval()(**inputs).last_hidden_state[0].mean(0).numpy()


def test_a_vector_is_the_mean_over_the_tokens_of_its_text(tiny_model, reviews):
    texts = reviews[0][:20]
    vectors, *_ = Embeddings(tiny_model, None, "cpu", "float32").get(texts)
    for text, vector in zip(texts, vectors, strict=True):
        assert np.allclose(vector, expected(tiny_model, text), atol=1e-5)


def test_long_texts_are_cut(tiny_model):
    text = "good film " * 30
    vectors, *_ = Embeddings(tiny_model, 8, "cpu", "float32").get([text])
    assert np.allclose(vectors[0], expected(tiny_model, text, max_length=8), atol=1e-5)


def test_repeats_are_computed_once_and_new_texts_are_added(tiny_model):
    embeddings = Embeddings(tiny_model, None, "cpu", "float32")
    first, _, saved = embeddings.get(["the good film", "the bad film", "the good film"])
    assert (saved == 0).all() and (first[0] == first[2]).all()
    second, spent, saved = embeddings.get(["the bad film", "a book"])
    assert (saved > 0).all() and (spent > 0).all() and (second[0] == first[1]).all()


def test_the_global_generator_of_torch_is_left_alone(tiny_model):
    torch.manual_seed(1)
    state = torch.get_rng_state()
    Embeddings(tiny_model, None, "cpu", "float32").get(["a film"])
    assert torch.equal(torch.get_rng_state(), state)
