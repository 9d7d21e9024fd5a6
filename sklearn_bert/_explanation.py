"""What `explain` gives: attributions of tokens, and the text with its words coloured."""

from dataclasses import dataclass
from html import escape

import numpy as np

# Red and blue that the colour-blind tell apart, thin enough for black and for white letters.
_FOR, _AGAINST = "0,114,178", "213,94,0"
_STRONGEST = 0.65


@dataclass(frozen=True, repr=False)
class Explanation:
    """How much each token of a text speaks for a class.

    Attributes
    ----------
    text : str
        The text.
    target : label
        The class that is explained.
    tokens : list of str of length n_tokens
        Special tokens included.
    attributions : ndarray of shape (n_tokens,)
        Positive for the class, negative against it, in units of its logit.
    spans : list of (word, start, stop) or None, of length n_tokens
        The number of the word that a token belongs to, and its characters; None for special
        tokens.
    logit, baseline_logit : float
        Of the class, for the text, and without any of its words.
    method : str
        How it was computed.
    """

    text: str
    target: object
    tokens: list
    attributions: np.ndarray
    spans: list
    logit: float
    baseline_logit: float
    method: str

    @property
    def words(self):
        """List of (word, attribution): tokens of one word are added up."""
        return [(self.text[start:stop], value) for start, stop, value in self._word_spans()]

    def _word_spans(self):
        """Return start, stop and attribution of each word, in the order of the text."""
        words = {}
        for span, value in zip(self.spans, self.attributions, strict=True):
            if span is not None:
                number, start, stop = span
                before = words.get(number, (start, stop, 0.0))
                words[number] = (
                    min(before[0], start),
                    max(before[1], stop),
                    before[2] + float(value),
                )
        return sorted(words.values())

    def __repr__(self):
        strongest = sorted(self.words, key=lambda word: -abs(word[1]))[:5]
        listed = ", ".join(f"{word} {value:+.2f}" for word, value in strongest)
        return f"<Explanation for {self.target!r}: {listed}>"

    def to_html(self):
        """Return the text with its words coloured: blue for the class, orange against it.

        Returns
        -------
        html : str
        """
        spans = self._word_spans()
        strongest = max((abs(value) for *_, value in spans), default=0.0) or 1.0
        parts, end = [], 0
        for start, stop, value in spans:
            color = _FOR if value > 0 else _AGAINST
            strength = _STRONGEST * abs(value) / strongest
            parts.append(escape(self.text[end:start]))
            parts.append(
                f'<span style="background:rgba({color},{strength:.2f});border-radius:3px" '
                f'title="{value:+.3f}">{escape(self.text[start:stop])}</span>'
            )
            end = max(end, stop)
        parts.append(escape(self.text[end:]))
        return (
            f'<div style="margin:.6em 0"><div style="opacity:.7;font-size:.85em">'
            f"{escape(str(self.target))}: logit {self.logit:+.2f}, without words "
            f'{self.baseline_logit:+.2f}; <span style="background:rgba({_FOR},.5)">for</span> '
            f'<span style="background:rgba({_AGAINST},.5)">against</span></div>'
            f'<div style="white-space:pre-wrap;line-height:1.7">{"".join(parts)}</div></div>'
        )

    def _repr_html_(self):
        return self.to_html()


class Explanations(list):
    """Explanations of several texts."""

    def to_html(self):
        """Return all texts with their words coloured.

        Returns
        -------
        html : str
        """
        return "".join(explanation.to_html() for explanation in self)

    def _repr_html_(self):
        return self.to_html()
