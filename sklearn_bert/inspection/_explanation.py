"""What `explain` gives: attributions of tokens, and the text with its words coloured."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

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
        texts = "".join(map(self._text_to_html, range(len(self._texts))))
        return f'<div style="margin:.8em 0">{self._heading()}{self._words_to_html()}{texts}</div>'

    def _heading(self) -> str:
        """Return what is explained: the class with its probability, or the number."""
        if self.proba is not None:
            said = f"<b>{escape(str(self.target))}</b>, probability {self.proba:.2f}"
        else:
            name = "" if self.target is None else f"output {self.target}: "
            said = f"{name}<b>{self.logit:.4g}</b>"
        return f"<div>{said}</div>"

    def _words_to_html(self) -> str:
        """Return the words that speak for and against, and what their shares add up to."""
        names = ("for", "against") if self.kind == "logit" else ("raised by", "lowered by")
        lists = []
        for name, sign, color in zip(names, (1, -1), (_FOR, _AGAINST), strict=True):
            listed = ", ".join(f"{escape(word)} {v:+.2f}" for word, v in self._strongest(sign))
            box = f'<span style="background:rgba({color},.5);padding:0 .2em">{name}</span>'
            lists.append(f"{box} {listed or 'no word'}")
        return (
            f'<div style="font-size:.85em">{"; ".join(lists)}</div>'
            f'<div style="opacity:.7;font-size:.85em">{self.kind} {self.logit:+.2f}, without words '
            f"{self.baseline_logit:+.2f}</div>"
        )

    def _text_to_html(self, side: int) -> str:
        """Return one of the texts with its words coloured."""
        text, parts, end = self._texts[side], [], 0
        strongest = max((abs(value) for _, value in self.words), default=0.0) or 1.0
        for start, stop, value in self._word_spans(side):
            color = _FOR if value > 0 else _AGAINST
            strength = _STRONGEST * abs(value) / strongest
            parts.append(_unread_to_html(text[end:start]))
            parts.append(
                f'<span style="background:rgba({color},{strength:.2f});border-radius:3px" '
                f'title="{value:+.3f}">{escape(text[max(start, end) : stop])}</span>'
            )
            end = max(end, stop)
        parts.append(_unread_to_html(text[end:]))
        return f'<div style="white-space:pre-wrap;line-height:1.7">{"".join(parts)}</div>'

    def _repr_html_(self) -> str:
        return self.to_html()


def _unread_to_html(text: str) -> str:
    """Return what stands between words, pale if it is more than white space."""
    if not text or text.isspace():
        return text
    return f'<span style="opacity:.45" title="not read">{escape(text)}</span>'


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
