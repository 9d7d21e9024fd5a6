"""What `explain` gives: attributions of tokens, and the text with its words coloured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

from .._templates import templates

# Blue and orange that the colour-blind tell apart, thin enough for black and for white letters.
_FOR, _AGAINST = "0,114,178", "213,94,0"
_STRONGEST = 0.65
_NAMED = 5  # words that are named, for and against
_LEAST = 0.01  # of the share of the strongest word: others are not named


@dataclass(frozen=True, repr=False)
class Explanation:
    """How much each token of a text speaks for a class, or adds to a number.

    Attributes
    ----------
    text : str or (str, str)
        The text, or the pair of texts.
    target : label, int or None
        The class that is explained. Of a regressor, the number of the output; None if it has one.
    tokens : list of str of length n_tokens
        Those that are read, special tokens included, in the order of the text. A token that stands
        in two windows is there once.
    attributions : ndarray of shape (n_tokens,)
        Positive for the class, negative against it, in units of its logit; of a regressor, in
        units of the number.
    spans : list of (word, start, stop) or None, of length n_tokens
        The number of the word that a token belongs to, and its characters; None for special
        tokens.
    sides : list of int or None, of length n_tokens
        Which text of a pair a token is of, 0 or 1; None for special tokens.
    logit, baseline_logit : float
        Of the class, for the text, and without any of its words. Of a regressor, the number.
    method : str
        How it was computed.
    kind : {"logit", "number"}
        What `logit` is.
    proba : float or None
        Probability of the class, as the model inside gives it: before a calibration. None of a
        regressor.
    """

    text: str | tuple[str, str]
    target: Any
    tokens: list[str]
    attributions: npt.NDArray[np.floating]
    spans: list[tuple[int, int, int] | None]
    sides: list[int | None]
    logit: float
    baseline_logit: float
    method: str
    kind: Literal["logit", "number"]
    proba: float | None = None

    @property
    def words(self) -> list[tuple[str, float]]:
        """List of (word, attribution): tokens of one word are added up.

        Words that are not read, since they are cut off, are not in it. Those of a pair's second
        text follow those of its first.
        """
        return [
            (text[start:stop], value)
            for side, text in enumerate(self._texts)
            for start, stop, value in self._word_spans(side)
        ]

    @property
    def _texts(self) -> tuple[str, ...]:
        """The text, or both texts of the pair, as a tuple."""
        return self.text if isinstance(self.text, tuple) else (self.text,)

    def _word_spans(self, side: int) -> list[tuple[int, int, float]]:
        """Return start, stop and attribution of each word of a text, in its order."""
        spans: dict[int, tuple[int, int]] = {}
        values: dict[int, float] = {}
        for token_side, span, value in zip(self.sides, self.spans, self.attributions, strict=True):
            if token_side == side and span is not None:
                word, start, stop = span
                values[word] = values.get(word, 0.0) + float(value)
                known = spans.setdefault(word, (start, stop))
                if start < stop:  # a token of white space has no say in where its word is
                    is_blank = known[0] == known[1]
                    merged = (min(known[0], start), max(known[1], stop))
                    spans[word] = (start, stop) if is_blank else merged
        words = sorted(spans, key=lambda word: spans[word])
        return [(*spans[word], values[word]) for word in words]

    def _strongest(self, sign: int | None = None) -> list[tuple[str, float]]:
        """Return the words that count most, of those for or against if there is a sign."""
        words = sorted(self.words, key=lambda pair: -abs(pair[1]))
        least = _LEAST * abs(words[0][1]) if words else 0.0
        words = [pair for pair in words if abs(pair[1]) > least]
        return [pair for pair in words if sign is None or sign * pair[1] > 0][:_NAMED]

    def __repr__(self) -> str:
        listed = ", ".join(f"{word} {value:+.2f}" for word, value in self._strongest())
        of = "" if self.target is None else f" for {self.target!r}"
        proba = "" if self.proba is None else f", probability {self.proba:.2f}"
        return f"<Explanation{of}{proba}: {listed}>"

    def to_html(self) -> str:
        """Return the class with its probability, the words that count, and the coloured text.

        Words are blue for the class, orange against it; of a number, blue raises it, and orange
        lowers it. What is not read of the text is pale. The two texts of a pair stand one below
        the other.

        Returns
        -------
        html : str
        """
        names = ("for", "against") if self.kind == "logit" else ("raised by", "lowered by")
        sides = zip(names, (_FOR, _AGAINST), (1, -1), strict=True)
        return (
            templates("sklearn_bert.inspection")
            .get_template("explanation.html")
            .render(
                vars(self),
                strongest=[(name, color, self._strongest(sign)) for name, color, sign in sides],
                texts=[self._parts(side) for side in range(len(self._texts))],
            )
        )

    def _parts(self, side: int) -> list[tuple[str, float | None, str | None, float | None]]:
        """Return one of the texts in parts: words with their value, colour and strength.

        What is not read, or stands between words, has None for them.
        """
        text, end = self._texts[side], 0
        parts: list[tuple[str, float | None, str | None, float | None]] = []
        strongest = max((abs(value) for _, value in self.words), default=0.0) or 1.0
        for start, stop, value in self._word_spans(side):
            color = _FOR if value > 0 else _AGAINST
            strength = _STRONGEST * abs(value) / strongest
            parts.append((text[end:start], None, None, None))
            parts.append((text[max(start, end) : stop], value, color, strength))
            end = max(end, stop)
        return [*parts, (text[end:], None, None, None)]

    def _repr_html_(self) -> str:
        return self.to_html()


class Explanations(list[Explanation]):
    """Explanations of several texts."""

    def to_html(self) -> str:
        """Return all texts with their words coloured.

        Returns
        -------
        html : str
        """
        return "".join(explanation.to_html() for explanation in self)

    def _repr_html_(self) -> str:
        return self.to_html()
