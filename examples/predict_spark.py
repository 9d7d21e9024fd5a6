"""Predict a column of Parquet files that do not fit in memory, on the executors of Spark.

    python -m pip install -c constraints.txt -e ".[cluster]"
    python examples/predict_spark.py MODEL IN OUT --column text --master 'local[4]'

IN is a folder of Parquet files, predicted in groups of ``--files``; OUT gets a folder a group,
with a column ``label``. Started again, only groups that are not whole are predicted. MODEL is
what `save_pretrained` or `export_onnx` wrote, in a place that all executors see; each of their
Python processes loads it once.
"""

import argparse
import functools
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, pandas_udf


def main(argv=None):
    """Predict the groups that are not there yet; print how many it were."""
    options, files = parse_arguments(argv)
    groups = [files[i : i + options.files] for i in range(0, len(files), options.files)]
    targets = [options.out / f"group-{number:05}" for number in range(len(groups))]
    missing = [number for number, path in enumerate(targets) if not (path / "_SUCCESS").exists()]
    print(f"{len(groups) - len(missing)} of {len(groups)} groups are done")
    if not missing:
        return
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = SparkSession.builder.master(options.master).appName("sklearn-bert")
    spark = spark.config("spark.sql.execution.arrow.maxRecordsPerBatch", 20_000).getOrCreate()
    spark.sparkContext.addPyFile(__file__)  # the executors import it, and so keep what it loads
    label = make_label(str(options.model))

    def predict_group(number):
        shutil.rmtree(targets[number], ignore_errors=True)
        frame = spark.read.parquet(*groups[number])
        frame.withColumn("label", label(col(options.column))).write.parquet(str(targets[number]))

    with ThreadPoolExecutor(2) as pool:  # a group begins while the one before it ends
        try:
            for _ in pool.map(predict_group, missing):
                pass
        finally:
            spark.stop()  # which ends the groups that are on the way after Ctrl-C
    print(f"{len(missing)} groups predicted")


def parse_arguments(argv):
    """Return the command line's options, and the files; end with a sentence on a wrong one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("folder", type=Path, metavar="IN")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--column", default="text")
    parser.add_argument("--files", type=int, default=8, help="files a group")
    parser.add_argument("--master", default="local[*]")
    options = parser.parse_args(argv)
    files = sorted(str(file) for file in options.folder.glob("*.parquet"))
    if not files:
        parser.error(f"IN must be a folder of Parquet files, got {str(options.folder)!r}")
    if options.files < 1:
        parser.error(f"--files must be at least 1, got {options.files}")
    try:
        columns = pq.read_schema(files[0]).names
        if options.column not in columns:
            parser.error(f"--column must be one of {columns!r}, got {options.column!r}")
        load(str(options.model))  # here first: an error on a worker is long
    except (OSError, ValueError, ImportError) as error:
        parser.error(str(error))
    return options, files


@functools.cache
def load(path):
    """Return the classifier in a folder, once a process."""
    os.environ["RAYON_NUM_THREADS"] = "1"  # of the tokenizer: there is a process for each core
    if any(Path(path).rglob("*.onnx")):
        from sklearn_bert import OnnxTextClassifier

        return OnnxTextClassifier.from_pretrained(path, n_threads=1)
    import torch

    from sklearn_bert import BertTextClassifier

    torch.set_num_threads(1)
    return BertTextClassifier.from_pretrained(path)


def make_label(model):
    """Return the function of columns that gives the labels as strings."""

    @pandas_udf("string")
    def label(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        import predict_spark

        classifier = predict_spark.load(model)
        for texts in batches:
            yield pd.Series(classifier.predict(texts)).astype(str)

    return label


if __name__ == "__main__":
    main()
