"""The report: one file that needs nothing, tells the verdict first, and runs no text."""

import errno
import json
import re
import shutil
import subprocess
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from html import escape
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_bert import compare

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine")

EVIL = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\"> & so on "
EVIL_LABEL = "<b>neg</b>"
LINKS = ("src", "href", "xlink:href", "srcset")


def make_comparison(**options):
    """Return a comparison on texts with markup in them, which BERT's stand-in tells better."""
    rng = np.random.default_rng(0)
    y = np.array([EVIL_LABEL, "pos"] * 40)
    hidden = rng.random(80) < 0.4
    words = np.where(hidden, "film", np.where(y == "pos", "good", "bad"))
    marks = np.where(y == "pos", "!", "?")
    texts = [f"{EVIL}the {word} {mark}" for word, mark in zip(words, marks, strict=True)]
    reader = make_pipeline(CountVectorizer(token_pattern=r"\S+"), LogisticRegression(C=100))
    options = {"bert": reader, "cv": 2, "random_state": 0, "verbose": 0, **options}
    return compare(texts, y, **options)


@pytest.fixture(scope="module")
def comparison():
    """A comparison with a learning curve."""
    return make_comparison(learning_curve=[0.5])


@pytest.fixture(scope="module")
def html(comparison):
    """Its report."""
    return comparison.to_html()


class Outline(HTMLParser):
    """Collects tags, attributes and visible text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.links, self.text, self.open = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """Note the tag and what it refers to."""
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in LINKS and value[0] != "#"]
        self.open.append(tag)

    def handle_endtag(self, tag):
        """Close what is open down to the tag."""
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        """Note visible text."""
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def test_it_refers_to_nothing_outside_and_has_no_script(html):
    outline = Outline(html)
    assert not outline.links
    assert not {"script", "link", "img", "iframe", "object"} & set(outline.tags)
    assert "http" not in re.sub(
        r"&\w+;", "", " ".join(re.findall(r"<style>.*?</style>", html, re.S))
    )
    assert "@import" not in html
    assert all(place[0] == "#" for place in re.findall(r"url\((.)", html)), "of the page itself"


def test_the_verdict_comes_first(html, comparison):
    text = " ".join(Outline(html).text)
    start = text.index(comparison.verdict_)
    assert text.index("Is BERT worth it?", 10) < start < text.index("The models")
    assert "corrected resampled t-test over 2 folds" in text


def test_all_sections_are_there(html):
    headings = re.findall(r"<h2>(.*?)</h2>", html)
    assert headings == [
        "The data",
        "The models",
        "Score and training time",
        "How many labels it takes",
        "Which classes are confused",
        "F1, precision and recall of each class",
        "Texts that only one of them gets right",
        "Are the probabilities right?",
        "How long the texts are",
        "Settings and versions",
    ]


def test_texts_and_labels_are_escaped(html):
    assert EVIL not in html and EVIL_LABEL not in html
    text = "".join(Outline(html).text)
    assert EVIL in text and EVIL_LABEL in text


def test_figures_are_those_of_the_comparison(html, comparison):
    text = " ".join(Outline(html).text)
    for row in comparison.rows_:
        assert row["model"] in text and f"{row['accuracy']:.3f}" in text
    assert "Expected calibration error: 0." in text
    assert "random_state" in text and "scikit-learn" in text


def test_the_texts_shown_are_those_that_only_one_gets_right(html, comparison):
    predictions = comparison.predictions_.set_index(["model", "row"]).sort_index()
    bert, cheap = (
        predictions.loc[name].eval("label == predicted")
        for name in (comparison.bert_, comparison.best_cheap_)
    )
    assert f"BERT right, {comparison.best_cheap_} wrong: {(bert & ~cheap).sum()} texts" in html


def test_the_data_are_named_counted_and_dated(comparison):
    html = comparison.to_html(data_name="<reviews>.csv")
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html))
    assert facts["data"] == "&lt;reviews&gt;.csv" and facts["texts"] == "80"
    assert facts["classes"] == "2: &lt;b&gt;neg&lt;/b&gt; (40), pos (40)"
    assert facts["date"].startswith(f"{comparison.date_:%Y-%m-%d %H:%M}")
    found = json.loads(comparison.to_json(data_name="reviews.csv"))
    assert found["data"] == {
        "name": "reviews.csv", "n_texts": 80, "classes": {EVIL_LABEL: 40, "pos": 40}
    }  # fmt: skip
    assert datetime.fromisoformat(found["date"]) == comparison.date_.replace(microsecond=0)


def test_data_without_a_name_have_none(html):
    assert "<dt>data</dt>" not in html and "<dt>texts</dt>" in html


@pytest.fixture(scope="module")
def many_classes():
    """The report of a comparison on 15 classes, 2 of which are confused 9 times, and others."""
    texts = [f"word{i % 15} {'x' * (i % 7)}" for i in range(150)]
    y = [f"class_{i % 15:02}" for i in range(150)]
    bert = DummyClassifier(strategy="uniform", random_state=0)
    return compare(texts, y, bert=bert, cv=2, random_state=0, verbose=0).to_html()


def test_of_many_classes_the_most_confused_pairs_come_first(many_classes):
    section = many_classes.partition("Which classes are confused")[2].partition("<h2>")[0]
    shown, _, folded = section.partition("<details>")
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", part) for part in (shown, folded)]
    counts = [[int(a) + int(b) for a, b in zip(r[2::4], r[3::4], strict=True)] for r in rows]
    both = [*counts[0], *counts[1]]
    assert len(counts[0]) == 10 and both == sorted(both, reverse=True)
    assert f"<summary>The other {len(counts[1])} pairs</summary>" in folded
    assert "true \\ predicted" not in many_classes


def test_of_many_classes_the_worst_come_first_and_the_rest_is_folded(many_classes):
    section = many_classes.partition("F1, precision and recall")[2].partition("<h2>")[0]
    shown, _, folded = section.partition("<details>")
    assert shown.count('<td class="label">') == 10 and folded.count('<td class="label">') == 5
    scores = [re.findall(r"<td>(\d\.\d{3})</td>", line) for line in section.split("<tr>")]
    sums = [float(row[0]) + float(row[1]) for row in scores if row]
    assert sums == sorted(sums)
    assert "<summary>Texts of each class</summary>" in many_classes


def test_names_of_classes_break_at_underscores_only(many_classes):
    assert "class_<wbr>00" in many_classes


def test_models_with_fewer_folds_are_named_where_that_is_said(comparison):
    assert "fewer than" not in comparison.to_html()
    half = make_comparison()
    half.rows_[1]["n_folds"] = 1
    told = f"their figures are means over those: {half.rows_[1]['model']} 1."
    assert told in half.to_html()


def test_no_note_is_referred_to_that_is_not_there():
    bad = make_pipeline(CountVectorizer(max_df=0.0), LogisticRegression())
    html = make_comparison(estimators={"bad": bad}).to_html()
    assert "failed: " in html and "notes above" not in html


def test_charts_have_alternative_texts_with_their_figures(html, comparison):
    titles = re.findall(r'<div class="chart" role="img" aria-label="([^"]*)"', html)
    assert len(titles) == html.count('<div class="chart"') == 5
    curve = comparison.learning_curve_.query("model == 'BERT'")
    small = curve[curve["n_train"] == curve["n_train"].min()]["accuracy"].mean()
    assert f"BERT: {small:.3f} with {curve['n_train'].min()}" in titles[1]
    assert all(title.strip() for title in titles)


def test_the_colours_of_charts_are_those_of_the_page(html):
    charts = re.findall(r"<svg.*?</svg>", html, re.S)
    assert len(charts) == 5
    for chart in charts:
        assert not re.findall(r"#[0-9a-f]{6}|rgb|black|white", chart)
    names = set(re.findall(r"var\((--\w+)\)", html))
    for theme in re.findall(r"--page: [^}]*", html):
        assert names <= set(re.findall(r"--\w+", theme)) | {"--shade"}


def test_a_point_tells_its_model_and_figures(html, comparison):
    titles = re.findall(r"<use [^>]*><title>(.*?)</title></use>", html)
    for row in comparison.rows_:
        assert any(
            title.startswith(f"{row['model']}: accuracy {row['accuracy']:.3f}, ")
            for title in titles
        )
    for curve in (
        comparison.learning_curve_.groupby(["model", "n_train"])["accuracy"].mean().items()
    ):
        (model, n_train), accuracy = curve
        assert f"{model}: {accuracy:.3f} with {n_train} texts" in titles


def test_charts_are_the_same_whatever_the_user_has_set(html, comparison):
    style = {"axes.facecolor": "red", "font.size": 30, "text.usetex": True, "svg.fonttype": "path"}
    with matplotlib.rc_context(style):
        before = dict(matplotlib.rcParams)
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda _: comparison.to_html(), range(4)))
        assert dict(matplotlib.rcParams) == before
    assert set(found) == {html}


def test_names_may_be_anything():
    name = "$\\frac{$ <b>\x07\n模型"
    found = make_comparison(estimators={name: DummyClassifier()}, scoring={name: "accuracy"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        html = found.to_html()
    assert "<b>" not in html and html.count(escape(name)) >= 4


def test_a_model_without_probabilities_says_so():
    others = ("majority class", "TF-IDF + logistic regression", "naive-Bayes SVM")
    found = make_comparison(estimators=dict.fromkeys(others, "drop"))
    assert found.best_cheap_ == "TF-IDF + linear SVM"
    assert "It gives no probabilities." in found.to_html()


def test_a_comparison_without_bert_still_has_a_report():
    html = make_comparison(budget=1e-9).to_html()
    assert "was not run, so there is nothing to say" in html and "</html>" in html


def test_failures_stand_in_the_table():
    bad = make_pipeline(CountVectorizer(max_df=0.0), LogisticRegression())
    html = make_comparison(estimators={"bad": bad}).to_html()
    assert re.search(r"<td>bad</td><td[^>]*>failed: \w+Error", html)


def test_it_is_written_only_where_asked(tmp_path, comparison, monkeypatch):
    monkeypatch.chdir(tmp_path)
    html = comparison.to_html()
    assert list(tmp_path.iterdir()) == []
    comparison.to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == html


@pytest.mark.parametrize("write", ["to_html", "to_json"])
def test_it_is_written_whole_or_not_at_all(tmp_path, comparison, monkeypatch, write):
    path, link = tmp_path / "report", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o600)
    link.symlink_to(path)

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            getattr(comparison, write)(path)
    assert path.read_text() == "old" and sorted(tmp_path.iterdir()) == [link, path]
    text = getattr(comparison, write)(link)
    assert link.is_symlink() and path.read_text(encoding="utf-8") == text
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileNotFoundError, match=r"nowhere.report'$"):
        getattr(comparison, write)(tmp_path / "nowhere" / "report")


def test_a_notebook_shows_verdict_and_table(comparison):
    fragment = comparison._repr_html_()
    assert comparison.verdict_ in fragment and "<table>" in fragment
    assert "<html" not in fragment and ":root" not in fragment, "the notebook's own page is spared"


# The page is looked at in a frame, since the window of a browser has a least width. The script that
# looks is the test's own: the report is read without any.
FRAME = """<!doctype html><body style="margin:0">
<iframe srcdoc="{page}" style="border:0;width:{width}px;height:900px"></iframe><script>
addEventListener("load",()=>{{const w=frames[0],d=w.document;
const boxes=query=>[...d.querySelectorAll(query)].map(e=>e.getBoundingClientRect());
const outside=boxes("svg use,svg path,svg text").filter(
b=>b.left<0||b.right>w.innerWidth);
const covered=[...d.querySelectorAll("div:has(>svg)")].flatMap(c=>{{
const of=query=>[...c.querySelectorAll(query)].map(e=>e.getBoundingClientRect());
const marks=of("use"),texts=of("text");
return texts.flatMap((a,i)=>[...marks,...texts.slice(i+1)].filter(
b=>a.left<b.right&&b.left<a.right&&a.top+3<b.bottom-1&&b.top+1<a.bottom-3))}});
document.documentElement.dataset.found=[d.documentElement.scrollWidth,w.innerWidth,
w.getComputedStyle(d.body).backgroundColor,d.querySelectorAll("svg use").length,d.title,
outside.length,covered.length].join("|")}})</script>"""


@needs_browser
@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize(("scheme", "page"), [("light", "rgb(255, 255, 255)"), ("dark", None)])
def test_a_real_browser_shows_it(html, tmp_path, width, scheme, page):
    path = tmp_path / "frame.html"
    path.write_text(FRAME.format(page=escape(html), width=width), encoding="utf-8")
    options = [
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *(f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width + 100},900"),
        *(f"--blink-settings=preferredColorScheme={int(scheme == 'light')}", "--dump-dom"),
    ]
    done = subprocess.run(
        [BROWSER, *options, path.as_uri()], capture_output=True, text=True, timeout=600
    )
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    scroll_width, inner_width, background, n_points, title, outside, covered = found[1].split("|")
    assert int(scroll_width) <= int(inner_width) == width, "the page does not scroll sideways"
    assert (background == page) if page else (background != "rgb(255, 255, 255)")
    assert int(n_points) >= 5
    assert title == "Is BERT worth it?", "no script of a text was run"
    assert (outside, covered) == ("0", "0"), "marks are on the page, and no letters on a mark"
