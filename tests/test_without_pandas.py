"""Without pandas, which no one is made to install, one sentence tells who needs it."""

import sys

import pytest
from sklearn.dummy import DummyClassifier

from sklearn_bert import compare, top_losses


class NoPandas:
    """An import system where pandas is not to be found."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """Refuse pandas, leave the rest to others."""
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.fixture
def remove_pandas(monkeypatch):
    """Return a function after which there is no pandas."""

    def remove():
        for name in [name for name in sys.modules if name.partition(".")[0] == "pandas"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(sys, "meta_path", [NoPandas, *sys.meta_path])

    return remove


def test_worst_errors_need_pandas_and_say_so(remove_pandas):
    remove_pandas()
    with pytest.raises(ImportError, match=r"^top_losses requires pandas\.$"):
        top_losses(None, ["x", "z"], [0, 1], proba=[[0.5, 0.5]] * 2)


def test_tables_of_a_comparison_need_pandas_and_its_text_does_not(reviews, remove_pandas):
    texts, labels = reviews
    left_out = dict.fromkeys(("TF-IDF + linear SVM", "naive-Bayes SVM"), "drop")
    found = compare(texts, labels, cv=2, bert=DummyClassifier(), estimators=left_out, verbose=0)
    remove_pandas()
    for name in ("table_", "folds_", "predictions_"):
        with pytest.raises(ImportError, match=rf"^Comparison\.{name} requires pandas\.$"):
            getattr(found, name)
    assert found.learning_curve_ is None
    assert "majority class" in str(found) and found.to_json() and found.to_html()
