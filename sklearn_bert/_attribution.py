"""How much each token of a text speaks for a class."""

import numpy as np
import torch

from ._explanation import Explanation, Explanations
from ._inference import predict_outputs
from ._tokens import RaggedIds
from ._torch_state import own_torch_state

_TOKENS_AT_ONCE = 4096  # positions of a gradient


@own_torch_state()
def attribute(module, tokenizer, texts, columns, *, labels, max_length, device, method, n_steps):
    """Return the `Explanations` of some texts.

    Parameters
    ----------
    module : transformers.PreTrainedModel
        The fine-tuned classifier.
    tokenizer : transformers.PreTrainedTokenizerFast
        Its tokenizer.
    texts : list of str
        The texts.
    columns : list of int
        Index of the class that is explained, for each text.
    labels : list
        The classes.
    max_length : int
        Tokens kept of a text.
    device : torch.device
        Where to compute.
    method : {"integrated_gradients", "occlusion"}
        How.
    n_steps : int
        Steps of the integral.
    """
    module.to(device).eval()
    explained = Explanations()
    for text, column in zip(texts, columns, strict=True):
        tokens = tokenizer(
            text,
            truncation=True,
            max_length=max_length,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
        )
        if method == "occlusion":
            found = _occlusion(module, tokenizer, tokens, column, device)
        else:
            found = _integrated_gradients(module, tokenizer, tokens, column, device, n_steps)
        attributions, logit, baseline_logit = found
        words = zip(tokens.word_ids(), tokens["offset_mapping"], strict=True)
        explained.append(
            Explanation(
                text=text,
                target=labels[column],
                tokens=tokenizer.convert_ids_to_tokens(tokens["input_ids"]),
                attributions=attributions,
                spans=[None if word is None else (word, *span) for word, span in words],
                logit=logit,
                baseline_logit=baseline_logit,
                method=method,
            )
        )
    return explained


def _integrated_gradients(module, tokenizer, tokens, column, device, n_steps):
    """Return the attributions of the tokens, and the logits of the text and of padding alone."""
    try:
        from captum.attr import IntegratedGradients
    except ImportError:
        raise ImportError(
            "method='integrated_gradients' needs Captum, which is not installed; run pip install "
            "'sklearn-bert[explain]', or use method='occlusion'."
        ) from None
    ids = torch.tensor([tokens["input_ids"]], device=device)
    special = torch.tensor([tokens["special_tokens_mask"]], device=device, dtype=torch.bool)
    padding = torch.full_like(ids, tokenizer.pad_token_id)
    embedding = module.get_input_embeddings()
    with torch.no_grad():
        text = embedding(ids)
        baseline = embedding(torch.where(special, ids, padding))

    def logits_of(embeddings):
        """Return the logit that is explained."""
        mask = torch.ones(embeddings.shape[:2], dtype=torch.int64, device=device)
        return module(inputs_embeds=embeddings, attention_mask=mask).logits[:, column]

    attributions = IntegratedGradients(logits_of).attribute(
        text,
        baselines=baseline,
        n_steps=n_steps,
        internal_batch_size=max(1, _TOKENS_AT_ONCE // ids.shape[1]),
    )
    with torch.no_grad():
        ends = logits_of(torch.cat([text, baseline]))
    return attributions[0].sum(-1).double().cpu().numpy(), float(ends[0]), float(ends[1])


def _occlusion(module, tokenizer, tokens, column, device):
    """Return how much the logit falls without each word, shared by its tokens."""
    ids, words = np.array(tokens["input_ids"], dtype=np.int32), tokens.word_ids()
    mask = tokenizer.mask_token_id
    mask = tokenizer.unk_token_id if mask is None else mask
    numbers = sorted({word for word in words if word is not None})
    of_word = np.array([[word == number for word in words] for number in numbers], dtype=bool)
    hidden = np.array([word is not None for word in words])
    variants = np.tile(ids, (len(numbers) + 2, 1))
    variants[1][hidden] = mask
    for row, where in enumerate(of_word, start=2):
        variants[row][where] = mask
    lengths = np.full(len(variants), len(ids))
    ragged = RaggedIds(variants.ravel(), lengths, tokenizer.pad_token_id)
    logits = predict_outputs(module, ragged, device, torch.float32)[:, column]
    attributions = np.zeros(len(ids))
    for where, logit in zip(of_word, logits[2:], strict=True):
        attributions[where] = (logits[0] - logit) / where.sum()
    return attributions, float(logits[0]), float(logits[1])
