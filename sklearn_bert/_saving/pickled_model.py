"""A module and its tokenizer in plain types: what a pickle or skops holds of a model.

They are what `save_pretrained` of transformers writes: the configuration and the files of the
tokenizer as bytes, and the weights as arrays, which joblib maps into memory.
"""

import tempfile
from mmap import mmap
from pathlib import Path

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoTokenizer
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)

from .._engine.encoder import _LOADING, silent_transformers
from .._engine.pooling import switch_dropout_off

_CONFIG, _TOKENIZER = "config.json", "tokenizer.json"


def pack_model(module, tokenizer):
    """Return a module, on any device, and its tokenizer in plain types.

    Parameters
    ----------
    module : transformers.PreTrainedModel
        A sequence classifier. Its weights are not copied if they are on the CPU.
    tokenizer : transformers.PreTrainedTokenizerFast
        Its tokenizer.

    Returns
    -------
    packed : dict
        ``files``, a dict of file names to arrays of bytes; ``weights``, a dict of names to
        arrays; ``dtype``, the name of that of the module.
    """
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        files = {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}
    files[_CONFIG] = module.config.to_json_string().encode()
    return {
        "files": {name: np.frombuffer(content, np.uint8) for name, content in files.items()},
        "weights": _to_arrays(module),
        "dtype": str(module.dtype).removeprefix("torch."),
    }


def _to_arrays(module):
    """Return the weights of a module as arrays; one that has two names is one array."""
    known, arrays = {}, {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        if id(tensor) not in known:
            value = tensor.detach().cpu().contiguous()
            # NumPy has no bfloat16; float32 holds the same numbers.
            known[id(tensor)] = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
        arrays[name] = known[id(tensor)]
    return arrays


def unpack_model(packed):
    """Return the module, on the CPU, and the tokenizer that `pack_model` was given.

    No code is run that did not come with transformers, and the hub is not asked.

    Raises
    ------
    ValueError
        If the weights are not those of the configuration, or a file has a path for a name.
    """
    for name in packed["files"]:
        if Path(name).name != name:
            raise ValueError(
                f"A pickled model must hold files of plain names, got {name!r}; do not trust it."
            )
    # What the caller set in torch is not for the weights.
    with torch.inference_mode(False), torch.device("cpu"), _LOADING, silent_transformers():
        with tempfile.TemporaryDirectory() as folder:
            for name, content in packed["files"].items():
                (Path(folder) / name).write_bytes(content.tobytes())
            options = {"trust_remote_code": False, "local_files_only": True}
            config = AutoConfig.from_pretrained(folder, **options)
            tokenizer = AutoTokenizer.from_pretrained(folder, **options)
        module = _build(config, packed)
        switch_dropout_off(module)
    # Some classes build their own instead of reading the file.
    tokenizer._tokenizer = Tokenizer.from_buffer(packed["files"][_TOKENIZER].tobytes())
    # The folder is gone.
    tokenizer.name_or_path = module.config.name_or_path = module.name_or_path = ""
    tokenizer.init_kwargs["name_or_path"] = ""
    return module, tokenizer


def _build(config, packed):
    """Return the module of a configuration with its weights."""
    name = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES[config.model_type]
    module, found = getattr(transformers, name).from_pretrained(
        None,
        config=config,
        state_dict={name: _to_tensor(array) for name, array in packed["weights"].items()},
        dtype=getattr(torch, packed["dtype"]),
        ignore_mismatched_sizes=True,  # they are refused in our words
        output_loading_info=True,
    )
    wrong = sorted(map(str, [*found["missing_keys"], *found["mismatched_keys"]]))
    if wrong:
        raise ValueError(
            f"A pickled model must hold the weights of its configuration, {wrong[0]} is not as it "
            "should be; pickle the model again."
        )
    return module


def _to_tensor(array):
    """Return a tensor on the memory of an array; one that others share is copied when written to.

    Whoever changed a tensor on memory that is mapped for reading would end the process.
    """
    if isinstance(array, np.memmap) and array.mode == "r" and isinstance(array.base, mmap):
        array = np.memmap(array.filename, array.dtype, "c", array.offset, array.shape)
    return torch.from_numpy(array if array.flags.writeable else array.copy())
