"""What the head reads of a text: the state of its first token alone, or the mean over all, too."""

import copy

import torch

from .hub import locate
from .sentence_model import stated_pooling

# Where the parts of a layer are, by the architectures whose layers can take a mean.
_BERT = {
    "zero": ("attention.self.query", "attention.self.key", "output.dense"),
    "identity": ("attention.self.value", "attention.output.dense"),
    "norms": ("attention.output.LayerNorm", "output.LayerNorm"),
    "dropouts": ("attention.output.dropout", "output.dropout"),
}
_DISTILBERT = {
    "zero": ("attention.q_lin", "attention.k_lin", "ffn.lin2"),
    "identity": ("attention.v_lin", "attention.out_lin"),
    "norms": ("sa_layer_norm", "output_layer_norm"),
    "dropouts": ("ffn.dropout",),
}
_PARTS = {
    "BertForSequenceClassification": _BERT,
    "RobertaForSequenceClassification": _BERT,
    "CamembertForSequenceClassification": _BERT,
    "XLMRobertaForSequenceClassification": _BERT,
    "DistilBertForSequenceClassification": _DISTILBERT,
}


def set_pooling(module, model, pooling, *, few):
    """Let the head of a new module read what it should.

    transformers' own classifiers of these kinds read the first token. One more layer, which does
    not learn, lets them read the mean: its attention is the same to all tokens, and the rest of it
    does nothing. Whatever reads such a classifier reads the mean, and need not know.

    Parameters
    ----------
    module : transformers.PreTrainedModel
        Changed in place.
    model : str or path-like
        What it was loaded from, whose files tell what it was made for.
    pooling : {"auto", "cls", "mean"}
        What to read. "auto" is the mean if `few` and the model was made for it, else what the
        module reads by itself.
    few : bool
        Whether there are few labels to learn from.

    Raises
    ------
    ValueError
        If the architecture cannot read the mean, and it was asked for.
    """
    is_asked = pooling != "auto"
    if not is_asked and few:
        pooling = stated_pooling(locate(model), str(model))
    own = getattr(module.config, "classifier_pooling", None)
    if own in ("cls", "mean"):  # ModernBERT and its kin pool as their configuration says
        module.config.classifier_pooling = pooling if pooling in ("cls", "mean") else own
    elif has_mean_layer(module):
        _remove_mean_layer(module) if pooling == "cls" else switch_dropout_off(module)
    elif pooling == "mean" and type(module).__name__ in _PARTS:
        _add_mean_layer(module)
    elif pooling == "mean" and is_asked:
        raise ValueError(
            f"pooling='mean' needs an architecture whose head can read the mean (BERT, DistilBERT, "
            f"RoBERTa, XLM-RoBERTa, CamemBERT or ModernBERT), got {module.config.model_type!r}; "
            "use 'auto'."
        )


def has_mean_layer(module):
    """Return whether the last layer of a module only takes the mean over the tokens."""
    return getattr(module.config, "mean_layer", False)


def mean_layer(module):
    """Return the layer that only takes the mean, None if there is none."""
    return _layers(module)[-1] if has_mean_layer(module) else None


def _layers(module):
    """Return the layers of one of the architectures."""
    body = module.base_model
    return (body.transformer if hasattr(body, "transformer") else body.encoder).layer


def _add_mean_layer(module):
    """Put a layer on top whose state of the first token is the mean over the tokens.

    It is the sum of that mean and of the first token's own state, scaled to mean 0 and variance 1
    as all states are: no layer can leave out the state that it adds to, and a head that reads both
    is the better one where there is more to learn from.
    """
    layers, parts = _layers(module), _PARTS[type(module).__name__]
    layer = copy.deepcopy(layers[-1])
    factors = {"zero": 0.0, "identity": 1.0}
    with torch.no_grad():
        for kind, factor in factors.items():
            for name in parts[kind]:
                _scale_only(layer.get_submodule(name), factor)
        for name in parts["norms"]:
            layer.get_submodule(name).weight.fill_(1)
            layer.get_submodule(name).bias.zero_()
        if hasattr(module.base_model, "pooler") and module.base_model.pooler is not None:
            _scale_only(module.base_model.pooler.dense, 1.0)  # it was made for the first token
    for child in layer.modules():
        if hasattr(child, "layer_idx"):
            child.layer_idx = len(layers)
    layers.append(layer)
    module.config.num_hidden_layers += 1
    module.config.mean_layer = True
    switch_dropout_off(module)


def _scale_only(linear, factor):
    """Let a linear map do no more than multiply by a factor."""
    torch.nn.init.eye_(linear.weight).mul_(factor)
    linear.bias.zero_()


def switch_dropout_off(module):
    """Drop nothing of the mean, if a layer takes it: the head has a dropout of its own.

    No configuration says so, and whoever builds the module from one has to.
    """
    if has_mean_layer(module) and type(module).__name__ in _PARTS:
        for name in _PARTS[type(module).__name__]["dropouts"]:
            mean_layer(module).get_submodule(name).p = 0.0


def _remove_mean_layer(module):
    """Let the head read the first token again."""
    del _layers(module)[-1]
    module.config.num_hidden_layers -= 1
    module.config.mean_layer = False
