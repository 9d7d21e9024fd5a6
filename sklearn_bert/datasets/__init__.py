"""Loaders of labelled texts: class folders, tables and a corpus that is always at hand."""

# What is not in __all__ is for the command line, which reads the same files.
from ._class_folders import (
    find_files,
    find_split,
    ignored_note,
    read_classes,
    read_split,
    read_text,
)
from ._decoding import without_packing
from ._loaders import load_docstrings, load_text_folder, load_text_table
from ._tables import SUFFIXES, find_format, read_lines, read_table

__all__ = ["load_docstrings", "load_text_folder", "load_text_table"]
