"""The report of a comparison: one HTML file that needs nothing else, and its JSON."""

import json
import math
import platform
from html import escape
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from .._version import __version__
from ._report_sections import MANY_CLASSES, sections
from ._report_tables import folded, heads, row, table

_PACKAGES = ("scikit-learn", "torch", "transformers", "skorch", "numpy")

_STYLE = """
.sklearn-bert{color-scheme:light dark;--page:#fff;--ink:#1b1f24;--soft:#5b6570;--rule:#d8dee4;
--shade:#0004;--bert:#b8450b;--cheap:#0a66a8;--other:#6b7280}
@media(prefers-color-scheme:dark){.sklearn-bert{--page:#14171a;--ink:#e6e9ec;--soft:#a3adb8;
--rule:#343b43;--shade:#fff4;--bert:#ff9a5c;--cheap:#6cb8f0;--other:#9aa4af}}
.sklearn-bert{background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
.sklearn-bert main{max-width:60rem;margin:0 auto;padding:1rem}
.sklearn-bert h1{font-size:1.1rem;color:var(--soft);margin:0 0 .5rem;font-weight:600}
.sklearn-bert h2{font-size:1.2rem;margin:2.2rem 0 .5rem}
.sklearn-bert h3{font-size:1rem;margin:1rem 0 .5rem}
.sklearn-bert .verdict{font-size:1.35rem;line-height:1.35;margin:0 0 .5rem;font-weight:600}
.sklearn-bert .soft{color:var(--soft)}
.sklearn-bert .wide{overflow-x:auto;background:
linear-gradient(to left,var(--page) 1rem,transparent) right/3rem 100% no-repeat local,
linear-gradient(to left,var(--shade),transparent) right/.7rem 100% no-repeat scroll}
.sklearn-bert table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.92rem}
.sklearn-bert th,.sklearn-bert td{padding:.3rem .6rem;text-align:right;white-space:nowrap;
border-bottom:1px solid var(--rule)}
.sklearn-bert th{white-space:normal;vertical-align:bottom}
.sklearn-bert th[colspan]{text-align:center;overflow-wrap:anywhere}
.sklearn-bert tr>:first-child{text-align:left;position:sticky;left:0;background:var(--page)}
.sklearn-bert tr.more>:first-child{text-align:right;position:static}
.sklearn-bert td.text{white-space:pre-wrap;overflow-wrap:anywhere;text-align:left}
.sklearn-bert th.label,.sklearn-bert td.label{white-space:normal;overflow-wrap:break-word;
text-align:left;max-width:20rem}
@media(max-width:36rem){.sklearn-bert th,.sklearn-bert td{padding:.3rem}
.sklearn-bert tr>:first-child{white-space:normal;max-width:8.5rem}}
.sklearn-bert details{margin:.5rem 0}.sklearn-bert summary{cursor:pointer;color:var(--cheap)}
.sklearn-bert ol.texts{list-style:none;padding:0;margin:0}
.sklearn-bert ol.texts>li{padding:.5rem 0;border-bottom:1px solid var(--rule)}
.sklearn-bert ol.texts p{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}
.sklearn-bert ol.texts p.soft{font-size:.92rem}
.sklearn-bert .pair{display:flex;flex-wrap:wrap;gap:0 1.5rem}
.sklearn-bert .pair>*{flex:1 1 18rem;min-width:0}
.sklearn-bert .chart{max-width:46rem;font-size:13px;color:var(--soft)}
.sklearn-bert .chart svg{display:block;overflow:visible}
.sklearn-bert .chart>svg{box-sizing:border-box;padding:0;margin:.6rem 0 1.6rem 3.2rem;
width:calc(100% - 4.6rem)}
.sklearn-bert .chart>div:last-child{text-align:center}
.sklearn-bert .chart text{fill:var(--ink)}.sklearn-bert .chart .grid{stroke:var(--rule)}
.sklearn-bert .bert{fill:var(--bert);stroke:var(--bert)}
.sklearn-bert .cheap{fill:var(--cheap);stroke:var(--cheap)}
.sklearn-bert .other{fill:var(--other);stroke:var(--other)}
.sklearn-bert .line{stroke-width:2;fill:none;vector-effect:non-scaling-stroke}
.sklearn-bert .band{opacity:.2;stroke:none}
.sklearn-bert .ideal{stroke:var(--soft);stroke-dasharray:4 4}
.sklearn-bert .chart text.bert,.sklearn-bert .chart text.cheap,.sklearn-bert .chart text.other{
stroke:none;font-weight:600}
.sklearn-bert .chart text.bert{fill:var(--bert)}.sklearn-bert .chart text.cheap{fill:var(--cheap)}
.sklearn-bert ul.key{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1.2rem;padding:0;
margin:.5rem 0;font-size:.92rem}
.sklearn-bert span.bert{color:var(--bert)}.sklearn-bert span.cheap{color:var(--cheap)}
.sklearn-bert span.other{color:var(--other)}
.sklearn-bert dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.2rem 1rem;
margin:0}
.sklearn-bert dt{color:var(--soft)}.sklearn-bert dd{margin:0;overflow-wrap:anywhere}
"""


def as_html(comparison, data_name=None):
    """Return the whole report; `data_name` is what it calls the data."""
    parts = [_head(comparison), _data(comparison, data_name), _table(comparison)]
    parts += [*sections(comparison), _repeat(comparison)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Is BERT worth it?</title><style>{_STYLE}</style></head>"
        f'<body class="sklearn-bert" style="margin:0"><main>{"".join(parts)}</main></body>'
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


def _data(comparison, name):
    """Return what was compared on, and when."""
    counts = _counts(comparison._data)
    classes = ", ".join(f"{label} ({n:,})" for label, n in counts.items())
    more = ""
    if len(counts) > MANY_CLASSES:
        rows = [row([label, f"{n:,}"], "label") for label, n in counts.items()]
        most, fewest = max(counts.values()), min(counts.values())
        more = folded("Texts of each class", table(heads(["class", "texts"]), rows))
        classes = f"of {fewest:,} to {most:,} texts"
    facts = {} if name is None else {"data": name}
    facts |= {"texts": f"{len(comparison._data.texts):,}", "classes": f"{len(counts):,}: {classes}"}
    facts["date"] = comparison.date_.isoformat(" ", "minutes")
    return f"<h2>The data</h2>{_listed(facts)}{more}"


def _counts(data):
    """Return the number of texts of each class, the largest first."""
    labels, counts = np.unique(data.y, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return dict(zip(labels[order].tolist(), counts[order].tolist(), strict=True))


def _listed(facts):
    """Return names with their values."""
    items = "".join(
        f"<dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd>"
        for name, value in facts.items()
    )
    return f"<dl>{items}</dl>"


def _table(comparison):
    """Return the table of the models."""
    layout = comparison._layout
    rows = []
    for found in comparison.rows_:
        cells = layout.cells(found)
        if found["n_folds"]:
            rows.append(row(cells))
            continue
        failed = f'<td class="text" colspan="{len(cells) - 1}">failed: {escape(found["error"])}'
        rows.append(f"<tr><td>{escape(found['model'])}</td>{failed}</td></tr>")
    return f"<h2>The models</h2>{table(heads(layout.headings), rows)}{_fewer_folds(comparison)}"


def _fewer_folds(comparison):
    """Return the sentence on models that finished fewer folds than others."""
    done = {row["model"]: row["n_folds"] for row in comparison.rows_ if row["n_folds"]}
    most = max(done.values(), default=0)
    fewer = ", ".join(f"{name} {n}" for name, n in done.items() if n < most)
    if not fewer:
        return ""
    return (
        f'<p class="soft">Some models finished fewer than {most} folds, and their figures are '
        f"means over those: {escape(fewer)}.</p>"
    )


def _repeat(comparison):
    """Return what is needed to do it again."""
    facts = {**comparison.settings_, **versions()}
    if isinstance(facts["bert"], dict):
        facts["bert"] = "; ".join(f"{name}: {each}" for name, each in facts["bert"].items())
    return f"<h2>Settings and versions</h2>{_listed(facts)}"


def versions():
    """Return the versions of what was used."""
    found = {"sklearn-bert": __version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return {**found, "Python": platform.python_version(), "machine": platform.machine()}


def as_json(comparison, data_name=None):
    """Return the results without texts and predictions, as JSON without NaN."""
    data = comparison._data
    results = {
        "data": {"name": data_name, "n_texts": len(data.texts), "classes": _counts(data)},
        "date": comparison.date_.isoformat(timespec="seconds"),
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
