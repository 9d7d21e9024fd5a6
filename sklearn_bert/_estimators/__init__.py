"""scikit-learn's contract on top of the engine: parameters, targets, callbacks, a fit."""
