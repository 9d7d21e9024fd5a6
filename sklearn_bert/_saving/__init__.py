"""Fitted estimators as files: folders, pickles, model cards and ONNX graphs."""
