"""How a sentence-transformers model reads texts, and what it makes of their hidden states."""

import pickle
from dataclasses import dataclass, field

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import normalizers

from .._files.model_files import check_file, kind_of, read_json, read_modules, transformer_folder
from .._text.tokens import tokenize
from .hub import locate_with_modules

# The flags of older models, in the order in which what they ask for is laid side by side.
_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_READERS = tuple(
    f"sentence_{kind}_config.json"
    for kind in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta")
)
_UNREADABLE = (SafetensorError, pickle.UnpicklingError, EOFError, OSError)
_VECTOR = "sentence_embedding"  # what a module reads and writes, unless it says otherwise


@dataclass(frozen=True)
class SentenceModel:
    """What the files of a model say beside those of its transformer.

    Attributes
    ----------
    pooling : tuple of str
        How the tokens of a text become one vector; the vectors of several ways lie side by side.
    layers : list of torch.nn.Module
        What the vector goes through then.
    max_length : int or None
        Tokens kept of a text, None for as many as the transformer reads.
    lower_case : bool
        Whether texts are read in lower case.
    prompt : str
        What is put before each text.
    includes_prompt : bool
        Whether the tokens of the prompt are pooled, too.
    """

    pooling: tuple = ("mean",)
    layers: list = field(default_factory=list)
    max_length: int | None = None
    lower_case: bool = False
    prompt: str = ""
    includes_prompt: bool = True

    def check_widths(self, width, model):
        """Refuse a Dense that does not take what comes before it; hidden states have `width`."""
        width *= len(self.pooling)
        for layer in self.layers:
            if isinstance(layer, Dense):
                asked = layer.linear.in_features
                if asked != width:
                    raise _unknown(str(model), f"a Dense of in_features={asked} after {width}")
                width = layer.linear.out_features

    def set_up(self, tokenizer):
        """Let the tokenizer read in lower case, if the model does."""
        if not self.lower_case:
            return
        backend = tokenizer.backend_tokenizer
        own = [] if backend.normalizer is None else [backend.normalizer]
        backend.normalizer = normalizers.Sequence([normalizers.Lowercase(), *own])

    def tokens_left_out(self, tokenizer, max_length):
        """Return the number of tokens at the beginning of each text that are not pooled."""
        if self.includes_prompt or not self.prompt:
            return 0
        ids = tokenize(tokenizer, [self.prompt], max_length)[0]
        return len(ids) - (ids[-1] in tokenizer.all_special_ids)


def read_sentence_model(model, pooling):
    """Return the `SentenceModel` of `model`; with a `pooling` of the user's, that one alone.

    Parameters
    ----------
    model : str or path-like
        Hub name or local folder, of any kind of model.
    pooling : {"auto", "mean", "cls"}
        "auto" is what the files of the model say, else the mean.

    Raises
    ------
    ValueError
        If the model has a module that is not known here, or one that is damaged.
    """
    folder, name = locate_with_modules(model), str(model)
    modules = read_modules(folder, name)
    reading = _reading(folder, name) if modules else {}
    if pooling != "auto":
        return SentenceModel((pooling,), **reading)
    if not modules:
        return SentenceModel(_poolings(_config(folder / "1_Pooling", name), name))
    _, pooled, *others = _check_kinds(modules, name)
    config = _config(folder / pooled["path"], name)
    layers = [_layer(folder, module, name) for module in others]
    includes = bool(config.get("include_prompt", True))
    return SentenceModel(_poolings(config, name), layers, includes_prompt=includes, **reading)


def stated_pooling(folder, name):
    """Return how the files of a model say that its tokens become one vector, None if they do not.

    Parameters
    ----------
    folder : Path
        Where its files are.
    name : str
        What the user calls it.
    """
    modules = [module for module in read_modules(folder, name) if kind_of(module) == "Pooling"]
    if len(modules) != 1:
        return None
    try:
        ways = _poolings(_config(folder / modules[0]["path"], name), name)
    except ValueError:  # a way that is not known here is none that a head can read
        return None
    return ways[0] if len(ways) == 1 else None


def _check_kinds(modules, name):
    """Return the modules, if there are a transformer, a pooling, and then only what we know."""
    kinds = [kind_of(module) for module in modules]
    for number, kind in enumerate(kinds):
        known = ({"Transformer"}, {"Pooling"})[number] if number < 2 else {"Dense", "Normalize"}
        if kind not in known:
            raise ValueError(
                f"model={name!r} must be a Transformer, a Pooling, and then Dense or Normalize, "
                f"but number {number} of its modules is {kind!r}; use pooling='mean' for the mean "
                "of its last hidden states, or sentence-transformers itself."
            )
    if len(modules) < 2:
        raise ValueError(
            f"model={name!r} must be a Transformer and a Pooling, but its modules.json has no "
            "Pooling; use pooling='mean' for the mean of its last hidden states."
        )
    return modules


def _config(folder, name, file="config.json"):
    """Return the configuration of a module, empty if it has none."""
    path = folder / file
    if not path.is_file():
        return {}
    config = read_json(path, name)
    if not isinstance(config, dict):
        raise _unknown(name, f"a {file} that is no JSON object")
    return config


def _reading(folder, name):
    """Return how texts are read: what is put before them, how far, and in which letters."""
    prompts = _config(folder, name, "config_sentence_transformers.json")
    texts = (prompts.get("prompts") or {}).get(prompts.get("default_prompt_name")) or ""
    own = transformer_folder(folder, name)
    config = next((config for file in _READERS if (config := _config(own, name, file))), {})
    task = config.get("transformer_task", "feature-extraction")
    if task != "feature-extraction":
        raise _unknown(name, f"the transformer_task {task!r}")
    return {
        "max_length": config.get("max_seq_length"),
        "lower_case": bool(config.get("do_lower_case", False)),
        "prompt": texts,
    }


def _poolings(config, name):
    """Return the ways of pooling that a configuration asks for."""
    asked = config.get("pooling_mode") or [way for flag, way in _FLAGS.items() if config.get(flag)]
    asked = (asked,) if isinstance(asked, str) else tuple(asked) or ("mean",)
    for way in asked:
        if way not in _FLAGS.values():
            raise _unknown(name, f"the pooling_mode {way!r}")
    return asked


def _layer(folder, module, name):
    """Return what follows the pooling as a torch module."""
    folder, kind = folder / module["path"], kind_of(module)
    config = _config(folder, name)
    for end in ("module_input_name", "module_output_name"):
        if (config.get(end) or _VECTOR) != _VECTOR:
            raise _unknown(name, f"a {kind} with the {end} {config[end]!r}")
    return Normalize() if kind == "Normalize" else _dense(folder, config, name)


def _dense(folder, config, name):
    """Return a Dense with its weights."""
    activation = _activation(config.get("activation_function"), name)
    sizes = config.get("in_features"), config.get("out_features")
    files = [folder / file for file in ("model.safetensors", "pytorch_model.bin")]
    file = next((file for file in files if file.is_file()), None)
    if file is None or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise _unknown(name, f"a Dense without sizes or weights in {folder.name}")
    layer = Dense(*sizes, config.get("bias", True), activation, config.get("use_residual", False))
    try:
        layer.load_state_dict(_tensors(file, name))
    except (*_UNREADABLE, RuntimeError, TypeError) as error:
        raise _unknown(name, f"weights of a Dense that do not fit it, {folder.name}") from error
    return layer.eval()


def _tensors(file, name):
    """Return the tensors of a file, by name."""
    check_file(file, name)
    if file.suffix == ".safetensors":
        return load_file(file)
    return torch.load(file, map_location="cpu", weights_only=True)


def _activation(path, name):
    """Return the activation that a Dense names: one of torch's own, never other code."""
    path = path or "torch.nn.modules.activation.Tanh"
    kind = getattr(torch.nn, str(path).rpartition(".")[2], None)
    home = getattr(kind, "__module__", None)
    is_known = kind is torch.nn.Identity or home == torch.nn.Tanh.__module__
    if is_known and path in (f"torch.nn.{kind.__name__}", f"{home}.{kind.__name__}"):
        try:
            return kind()
        except TypeError:  # it needs parameters, which are nowhere
            pass
    raise _unknown(name, f"a Dense with the activation_function {path!r}")


def _unknown(name, what):
    """Return the error for what a model asks for and cannot be done."""
    return ValueError(
        f"model={name!r} has {what}, which cannot be read; use pooling='mean' for the mean of its "
        "last hidden states, or sentence-transformers itself."
    )


class Dense(torch.nn.Module):
    """A linear map and an activation, with the names of sentence-transformers.

    Parameters
    ----------
    in_features, out_features : int
        Widths of the vectors before and after.
    bias : bool
        Whether the map has a constant.
    activation : torch.nn.Module
        What is applied to its result.
    use_residual : bool
        Whether the vector before is added, through a map of its own where the widths differ.
    """

    def __init__(self, in_features, out_features, bias, activation, use_residual):
        super().__init__()
        self.linear = torch.nn.Linear(in_features, out_features, bias=bias)
        self.activation_function = activation
        self.residual = None
        if use_residual:
            same = in_features == out_features
            self.residual = (
                torch.nn.Identity() if same else torch.nn.Linear(in_features, out_features, False)
            )

    @property
    def settings(self):
        """What it is made with, in plain types."""
        return {
            "in_features": self.linear.in_features,
            "out_features": self.linear.out_features,
            "bias": self.linear.bias is not None,
            "activation": f"torch.nn.{type(self.activation_function).__name__}",
            "use_residual": self.residual is not None,
        }

    def forward(self, vectors):
        """Return the vectors after it."""
        found = self.activation_function(self.linear(vectors))
        return found if self.residual is None else found + self.residual(vectors)


class Normalize(torch.nn.Module):
    """Scales vectors to the Euclidean length 1."""

    def forward(self, vectors):
        """Return the vectors after it."""
        return torch.nn.functional.normalize(vectors, dim=-1)


def pack_layers(layers):
    """Return layers in plain types, as a pickle or skops holds them."""
    return [
        {
            "settings": layer.settings if isinstance(layer, Dense) else {},
            "weights": {name: value.numpy() for name, value in layer.state_dict().items()},
        }
        for layer in layers
    ]


def unpack_layers(packed):
    """Return the layers that `pack_layers` was given, and run no code but torch's own."""
    return [_unpack_layer(**entry) for entry in packed]


def _unpack_layer(settings, weights):
    """Return one layer: without settings, it is a Normalize."""
    if not settings:
        return Normalize()
    activation = _activation(settings["activation"], "pickled")
    layer = Dense(**{**settings, "activation": activation})
    layer.load_state_dict(
        {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
    )
    return layer.eval()
