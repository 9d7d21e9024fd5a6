"""The report of a comparison: one HTML file that needs nothing else, and its JSON."""

import json
import math
import platform
from html import escape
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from . import _report_parts as parts
from ._version import __version__

_PACKAGES = ("scikit-learn", "torch", "transformers", "skorch", "numpy")

_STYLE = """
.sklearn-bert{color-scheme:light dark;--page:#fff;--ink:#1b1f24;--soft:#5b6570;--rule:#d8dee4;
--panel:#f5f7f9;--bert:#b8450b;--cheap:#0a66a8;--other:#6b7280}
@media(prefers-color-scheme:dark){.sklearn-bert{--page:#14171a;--ink:#e6e9ec;--soft:#a3adb8;
--rule:#343b43;--panel:#1d2126;--bert:#ff9a5c;--cheap:#6cb8f0;--other:#9aa4af}}
.sklearn-bert{background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
.sklearn-bert main{max-width:60rem;margin:0 auto;padding:1rem}
.sklearn-bert h1{font-size:1.1rem;color:var(--soft);margin:0 0 .5rem;font-weight:600}
.sklearn-bert h2{font-size:1.2rem;margin:2.2rem 0 .5rem}
.sklearn-bert .verdict{font-size:1.35rem;line-height:1.35;margin:0 0 .5rem;font-weight:600}
.sklearn-bert .soft{color:var(--soft)}
.sklearn-bert .wide{overflow-x:auto}
.sklearn-bert table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.92rem}
.sklearn-bert th,.sklearn-bert td{padding:.3rem .6rem;text-align:right;white-space:nowrap;
border-bottom:1px solid var(--rule)}
.sklearn-bert th{white-space:normal;vertical-align:bottom}
.sklearn-bert th:first-child,.sklearn-bert td:first-child{text-align:left}
.sklearn-bert td.text{white-space:pre-wrap;overflow-wrap:anywhere;text-align:left;min-width:16rem}
.sklearn-bert .pair{display:flex;flex-wrap:wrap;gap:1.5rem}
.sklearn-bert .pair>*{flex:1 1 18rem;min-width:0}
.sklearn-bert svg{display:block;width:100%;height:auto;max-width:46rem}
.sklearn-bert svg{font:13px system-ui,sans-serif}
.sklearn-bert svg text{fill:var(--ink)}.sklearn-bert svg .grid{stroke:var(--rule)}
.sklearn-bert .bert{fill:var(--bert);stroke:var(--bert)}
.sklearn-bert .cheap{fill:var(--cheap);stroke:var(--cheap)}
.sklearn-bert .other{fill:var(--other);stroke:var(--other)}
.sklearn-bert .line{stroke-width:2;fill:none}.sklearn-bert .band{opacity:.2;stroke:none}
.sklearn-bert svg text.bert,.sklearn-bert svg text.cheap{stroke:none}
.sklearn-bert svg text.bert{fill:var(--bert)}.sklearn-bert svg text.cheap{fill:var(--cheap)}
.sklearn-bert .ideal{stroke:var(--soft);stroke-dasharray:4 4}
.sklearn-bert dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:0}
.sklearn-bert dt{color:var(--soft)}.sklearn-bert dd{margin:0;overflow-wrap:anywhere}
"""


def as_html(comparison):
    """Return the whole report."""
    sections = [_head(comparison), _table(comparison), *parts.sections(comparison)]
    sections.append(_repeat(comparison))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Is BERT worth it?</title><style>{_STYLE}</style></head>"
        f'<body class="sklearn-bert" style="margin:0"><main>{"".join(sections)}</main></body>'
        "</html>\n"
    )


def as_fragment(comparison):
    """Return verdict and table, for a notebook."""
    return (
        f'<div class="sklearn-bert"><style>{_STYLE}</style>'
        f"{_head(comparison)}{_table(comparison)}</div>"
    )


def _head(comparison):
    """Return the verdict with its method and the notes."""
    _, *rest = comparison._sentences()
    notes = "".join(f'<p class="soft">{escape(line)}</p>' for line in rest)
    return f'<h1>Is BERT worth it?</h1><p class="verdict">{escape(comparison.verdict_)}</p>{notes}'


def _table(comparison):
    """Return the table of the models."""
    layout = comparison._layout
    rows = []
    for row in comparison.rows_:
        cells = layout.cells(row)
        if not row["n_folds"]:
            failed = f'<td class="text" colspan="{len(cells) - 1}">failed: {escape(row["error"])}'
            rows.append(f"<tr><td>{escape(row['model'])}</td>{failed}</td></tr>")
            continue
        rows.append(parts.row(cells))
    note = ""
    if len({row["n_folds"] for row in comparison.rows_}) > 1:
        note = '<p class="soft">Not all models finished all folds: see the notes above.</p>'
    return f"<h2>The models</h2>{parts.table(layout.headings, rows)}{note}"


def _repeat(comparison):
    """Return what is needed to do it again."""
    facts = {**comparison.settings_, **versions()}
    if isinstance(facts["bert"], dict):
        facts["bert"] = "; ".join(f"{name}: {each}" for name, each in facts["bert"].items())
    items = "".join(
        f"<dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd>"
        for name, value in facts.items()
    )
    return f"<h2>To repeat it</h2><dl>{items}</dl>"


def versions():
    """Return the versions of what was used."""
    found = {"sklearn-bert": __version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return {**found, "Python": platform.python_version(), "machine": platform.machine()}


def as_json(comparison):
    """Return the results without texts and predictions, as JSON without NaN."""
    results = {
        "verdict": comparison.verdict_,
        "notes": comparison.notes_,
        "bert": comparison.bert_,
        "candidates": comparison.candidates_,
        "best_cheap": comparison.best_cheap_,
        "differences": {
            name: vars(difference) for name, difference in comparison.differences_.items()
        },
        "overlap": comparison.overlap_,
        "models": comparison.rows_,
        "folds": comparison._fold_rows(),
        "learning_curve": comparison._curve_rows(),
        "forecast": comparison.forecast_ and _forecast(comparison.forecast_),
        "forecasts": {name: _forecast(each) for name, each in comparison.forecasts_.items()},
        "settings": comparison.settings_,
        "versions": versions(),
    }
    return json.dumps(_plain(results), indent=2, allow_nan=False) + "\n"


def _forecast(forecast):
    """Return a forecast as a dict, without the lengths of the texts."""
    names = ("fit_seconds", "predict_seconds", "probe_seconds", "share_cut", "max_length")
    return {name: getattr(forecast, name) for name in names}


def _plain(value):
    """Return nested results as JSON knows them: NaN and infinity become null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
