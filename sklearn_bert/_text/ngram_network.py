"""A small network on pieces of words that NumPy computes by looking up and adding."""

import numpy as np

# Pieces computed at once: their features fit the caches of a processor.
_PIECES_AT_ONCE = 4096


class NgramNetwork:
    """A convolution over three neighbouring pieces, its maximum and mean, and a linear model.

    The products of a convolution with the vectors of pieces do not depend on the text: there is
    one row for each piece that has them all, so that no matrix is multiplied but the last one,
    once a text. It
    also has the weights of the piece by itself.

    Parameters
    ----------
    arrays : dict of str to ndarray
        ``table``, of shape (n_rows, 3 * n_features + n_outputs): what a piece adds to the features
        of the piece after it, its own and those of the piece before it, and its weights. The last
        row is that of the end of a text, the one before it that of all pieces without a row.
        ``rows``, the number of the row of each id. ``bias``, of shape (n_features,); ``coef``,
        of shape (2 * n_features, n_outputs); ``intercept``, of shape (n_outputs,).

    Raises
    ------
    ValueError
        If their shapes do not fit together, or there is no row of some number.
    """

    def __init__(self, arrays):
        _check(arrays)
        self.arrays = arrays
        self.rows = arrays["rows"].astype(np.int64)
        table = arrays["table"].astype(np.float32)
        ends = len(arrays["bias"]) * np.arange(1, 4)
        self.before, self.own, self.after, self.weights = (
            np.ascontiguousarray(part) for part in np.split(table, ends, axis=1)
        )
        self.bias = arrays["bias"].astype(np.float32)
        self.coef = arrays["coef"].astype(np.float32)
        self.intercept = arrays["intercept"].astype(np.float64)
        self.end = len(table) - 1

    def outputs(self, ids, counts):
        """Return the outputs for texts.

        Parameters
        ----------
        ids : ndarray of shape (n_pieces,)
            The ids of all pieces, those of one text after those of the other.
        counts : ndarray of shape (n_texts,)
            Pieces of each text, at least 1.

        Returns
        -------
        outputs : ndarray of shape (n_texts, n_outputs), dtype float64
        """
        ends = np.cumsum(counts)
        outputs = np.empty((len(counts), len(self.intercept)))
        first = start = 0
        while first < len(counts):
            last = max(int(np.searchsorted(ends, start + _PIECES_AT_ONCE, "right")), first + 1)
            stop = ends[last - 1]
            outputs[first:last] = self._outputs(ids[start:stop], counts[first:last])
            first, start = last, stop
        return outputs

    def _outputs(self, ids, counts):
        """Return the outputs for some texts."""
        # Each text has an end before it and one behind it, which it shares with its neighbours.
        places = np.arange(1, len(ids) + 1) + np.repeat(np.arange(len(counts)), counts)
        rows = np.full(len(ids) + len(counts) + 1, self.end)
        rows[places] = own = self.rows.take(ids, mode="clip")
        features = self.own.take(own, axis=0)
        features += self.before.take(rows[places - 1], axis=0)
        features += self.after.take(rows[places + 1], axis=0)
        features += self.bias
        np.maximum(features, 0, out=features)
        starts = np.cumsum(counts) - counts
        n_pieces = counts[:, None].astype(np.float32)
        largest = np.maximum.reduceat(features, starts, axis=0)
        mean = np.add.reduceat(features, starts, axis=0) / n_pieces
        weights = np.add.reduceat(self.weights.take(own, axis=0), starts, axis=0)
        linear = np.hstack([largest, mean]) @ self.coef + weights / np.sqrt(n_pieces)
        return linear + self.intercept


def _check(arrays):
    """Refuse arrays that do not fit together."""
    n_features, n_outputs = (arrays[name].size for name in ("bias", "intercept"))
    wanted = {
        "rows": (arrays["rows"].size,),
        "table": (len(arrays["table"]), 3 * n_features + n_outputs),
        "bias": (n_features,),
        "coef": (2 * n_features, n_outputs),
        "intercept": (n_outputs,),
    }
    found = {name: array.shape for name, array in arrays.items()}
    if found != wanted:
        raise ValueError(f"arrays of the shapes {found}")
    rows = arrays["rows"]
    if rows.dtype.kind != "i" or rows.min() < 0 or rows.max() >= len(arrays["table"]):
        raise ValueError("a row that the table does not have")
