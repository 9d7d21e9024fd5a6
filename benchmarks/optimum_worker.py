"""Optimum's pipeline in an interpreter of its own, since it needs an older transformers.

    python benchmarks/optimum_worker.py SAVED [int8]

SAVED is what `save_pretrained` wrote. Reads a JSON list of texts a line, and answers with a line of
their probabilities. Started by ``serving.py --optimum PYTHON``.
"""

import json
import sys
import tempfile

from optimum.onnxruntime import ORTModelForSequenceClassification, ORTQuantizer, pipeline
from optimum.onnxruntime.configuration import AutoQuantizationConfig
from transformers import PreTrainedTokenizerFast

BATCH = 32


def main():
    """Answer until the input ends."""
    saved, answers = sys.argv[1], sys.stdout
    sys.stdout = sys.stderr  # whatever the libraries print
    model = ORTModelForSequenceClassification.from_pretrained(saved, export=True)
    if sys.argv[2:] == ["int8"]:
        model = quantized(model)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=f"{saved}/tokenizer.json",
        model_max_length=model.config.max_position_embeddings,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        pad_token="[PAD]",
    )
    pipe = pipeline("text-classification", model=model, tokenizer=tokenizer, accelerator="ort")
    labels = [model.config.id2label[i] for i in range(model.config.num_labels)]
    print(json.dumps(labels), file=answers, flush=True)
    for line in sys.stdin:
        texts = json.loads(line)
        rows = pipe(texts, top_k=None, truncation=True, batch_size=min(BATCH, len(texts)))
        scores = [{entry["label"]: entry["score"] for entry in row} for row in rows]
        answer = [[row[label] for label in labels] for row in scores]
        print(json.dumps(answer), file=answers, flush=True)


def quantized(model):
    """Return the model with its weights in 8 bits, as Optimum does it for this kind of CPU."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        config = AutoQuantizationConfig.avx512_vnni(is_static=False, per_channel=True)
        ORTQuantizer.from_pretrained(folder).quantize(config, folder)
        return ORTModelForSequenceClassification.from_pretrained(
            folder, file_name="model_quantized.onnx"
        )


if __name__ == "__main__":
    main()
