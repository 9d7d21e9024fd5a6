"""Predict a column of Parquet files that do not fit in memory, on the workers of a Dask cluster.

    python -m pip install -c constraints.txt -e ".[cluster]"
    python examples/predict_dask.py MODEL IN OUT --column text --workers 4

IN is a folder of Parquet files; OUT gets a file of the same name for each, with a column ``label``
and one of probability for each label. A file is written whole or not at all: started again, only
those that are missing are predicted. MODEL is what `save_pretrained` or `export_onnx` wrote, in a
place that all workers see; each of them loads it once. ``--scheduler ADDRESS`` is that of a
running cluster.
"""

import argparse
import functools
import os
from pathlib import Path

import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from dask.distributed import Client, LocalCluster

ROWS_AT_ONCE = 20_000


def main(argv=None):
    """Predict what is not there yet; print how much it was."""
    options, files = parse_arguments(argv)
    missing = [str(file) for file in files if not (options.out / file.name).exists()]
    print(f"{len(files) - len(missing)} of {len(files)} files are done")
    if not missing:
        return
    cluster = options.scheduler or LocalCluster(
        n_workers=options.workers, threads_per_worker=1, dashboard_address=None
    )
    predict = functools.partial(
        predict_file, out=str(options.out), model=str(options.model), column=options.column
    )
    with Client(cluster):
        meta = {"file": "object", "rows": "int64"}
        done = dd.from_map(predict, missing, meta=meta).compute(retries=2)
    print(f"{done['rows'].sum():,} rows predicted")


def parse_arguments(argv):
    """Return the command line's options, and the files; end with a sentence on a wrong one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("folder", type=Path, metavar="IN")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--column", default="text")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--scheduler", help="address of a running cluster")
    options = parser.parse_args(argv)
    files = sorted(options.folder.glob("*.parquet"))
    if not files:
        parser.error(f"IN must be a folder of Parquet files, got {str(options.folder)!r}")
    if options.workers < 1:
        parser.error(f"--workers must be at least 1, got {options.workers}")
    try:
        columns = pq.read_schema(files[0]).names
        if options.column not in columns:
            parser.error(f"--column must be one of {columns!r}, got {options.column!r}")
        load(str(options.model))  # here first: an error on a worker is long
        options.out.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError, ImportError) as error:
        parser.error(str(error))
    return options, files


@functools.cache
def load(path):
    """Return the classifier in a folder, once a process."""
    os.environ["RAYON_NUM_THREADS"] = "1"  # of the tokenizer: there is a worker for each core
    if any(Path(path).rglob("*.onnx")):
        from sklearn_bert import OnnxTextClassifier

        return OnnxTextClassifier.from_pretrained(path, n_threads=1)
    import torch

    from sklearn_bert import BertTextClassifier

    torch.set_num_threads(1)
    return BertTextClassifier.from_pretrained(path)


def predict_file(file, *, out, model, column):
    """Predict a file in portions, and put the result in its place when it is whole."""
    classifier = load(model)
    target = Path(out, Path(file).name)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    rows, writer = 0, None
    try:
        for batch in pq.ParquetFile(file).iter_batches(ROWS_AT_ONCE):
            frame = batch.to_pandas()
            proba = classifier.predict_proba(frame[column])
            frame["label"] = classifier.classes_[proba.argmax(axis=1)]
            for label, values in zip(classifier.classes_, proba.T, strict=True):
                frame[f"probability_{label}"] = values
            table = pa.Table.from_pandas(frame, preserve_index=False)
            writer = writer or pq.ParquetWriter(unfinished, table.schema)
            writer.write_table(table)
            rows += len(frame)
    finally:
        if writer is not None:
            writer.close()
    if writer is not None:
        os.replace(unfinished, target)
    return pd.DataFrame({"file": [target.name], "rows": [rows]})


if __name__ == "__main__":
    main()
