"""The command that adds an extra, however this copy of the package was installed."""

import configparser
import json
import re
from pathlib import Path

import pytest

import sklearn_bert
from sklearn_bert import __version__
from sklearn_bert._install import install_command, public_command

ROOT = Path(__file__).parents[2]
PIP = "python -m pip install"
REPOSITORY = "https://example.org/sklearn-bert.git"
VCS = {"vcs": "git", "commit_id": "0a1b2c"}


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on the path of imports from which the package is taken to be running."""
    package = tmp_path / "100 %" / "sklearn_bert"
    package.mkdir(parents=True)
    monkeypatch.setattr("sklearn_bert._install.__file__", str(package / "_install.py"))
    monkeypatch.syspath_prepend(package.parent)
    return package.parent


def install(site, source=None):
    """Write what pip notes of an installation from a source, an index if there is none."""
    notes = site / f"sklearn_bert-{__version__}.dist-info"
    notes.mkdir()
    (notes / "METADATA").write_text(f"Name: sklearn-bert\nVersion: {__version__}\n")
    if source is not None:
        (notes / "direct_url.json").write_text(json.dumps(source))


def make_clone(folder):
    (folder / "setup.cfg").write_text("[metadata]\nname = sklearn-bert\n", encoding="utf-8")


def test_in_a_clone_it_is_an_editable_install_of_the_folder(site):
    make_clone(site)
    assert install_command("onnx") == f'{PIP} -e "{site}[onnx]"'
    assert public_command() is None


@pytest.mark.parametrize(
    ("source", "extra", "public"),
    [
        (None, "sklearn-bert[onnx]", f"sklearn-bert=={__version__}"),
        (
            {"url": REPOSITORY, "vcs_info": VCS},
            f"sklearn-bert[onnx] @ git+{REPOSITORY}",
            f"sklearn-bert @ git+{REPOSITORY}@0a1b2c",
        ),
        (
            {
                "url": REPOSITORY,
                "vcs_info": {**VCS, "requested_revision": "v1"},
                "subdirectory": "python",
            },
            f"sklearn-bert[onnx] @ git+{REPOSITORY}@v1#subdirectory=python",
            f"sklearn-bert @ git+{REPOSITORY}@0a1b2c#subdirectory=python",
        ),
        (
            {"url": "ssh://git@example.org/sklearn-bert", "vcs_info": VCS},
            "sklearn-bert[onnx] @ git+ssh://git@example.org/sklearn-bert",
            None,
        ),
        (
            {"url": "https://example.org/sklearn_bert-py3-none-any.whl", "archive_info": {}},
            "sklearn-bert[onnx] @ https://example.org/sklearn_bert-py3-none-any.whl",
            "sklearn-bert @ https://example.org/sklearn_bert-py3-none-any.whl",
        ),
    ],
)
def test_what_pip_had_from_elsewhere_it_gets_from_there_again(site, source, extra, public):
    install(site, source)
    assert install_command("onnx") == f'{PIP} "{extra}"'
    assert public_command() == (public if public is None else f'{PIP} "{public}"')


def test_a_folder_or_file_of_this_machine_is_named_while_it_is_there(site):
    folder = site / "sources"
    folder.mkdir()
    install(site, {"url": folder.as_uri(), "dir_info": {}})
    assert install_command("onnx") == f'{PIP} "{folder}[onnx]"'
    assert public_command() is None
    folder.rmdir()
    assert install_command("onnx") == f'{PIP} "sklearn-bert[onnx]"'
    assert public_command() is None


def test_a_wheel_of_this_machine_is_named_by_its_url(site):
    wheel = site / "sklearn_bert-py3-none-any.whl"
    wheel.write_bytes(b"")
    install(site, {"url": wheel.as_uri(), "archive_info": {}})
    assert install_command("onnx") == f'{PIP} "sklearn-bert[onnx] @ {wheel.as_uri()}"'


def test_another_copy_that_is_installed_does_not_count(site, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    install(other, {"url": REPOSITORY, "vcs_info": VCS})
    monkeypatch.syspath_prepend(other)
    assert install_command("onnx") == f'{PIP} "sklearn-bert[onnx]"'
    assert public_command() is None


def test_a_path_with_a_percent_sign_does_not_break_the_help(site, capsys):
    from sklearn_bert.__main__ import main

    make_clone(site)
    with pytest.raises(SystemExit, match="0"):
        main(["compare", "--help"])
    assert "100 %" in " ".join(capsys.readouterr().out.split())


def test_a_card_names_a_public_source_and_no_folder_of_this_machine(site, fitted, tmp_path):
    make_clone(site)
    fitted.save_pretrained(tmp_path / "cloned")
    (site / "setup.cfg").unlink()
    install(site)
    fitted.save_pretrained(tmp_path / "indexed")
    card = (tmp_path / "cloned" / "README.md").read_text(encoding="utf-8")
    assert f"Fine-tuned with sklearn-bert {__version__} from" in card
    card = (tmp_path / "indexed" / "README.md").read_text(encoding="utf-8")
    assert f'sklearn-bert {__version__} (`{PIP} "sklearn-bert=={__version__}"`) from' in card


def test_no_sentence_takes_an_index_for_granted():
    """`install_command` knows better, and comments say how it is done in a clone."""
    files = [path for path in Path(sklearn_bert.__path__[0]).rglob("*.py")]
    files += [path for name in ("examples", "benchmarks") for path in (ROOT / name).rglob("*")]
    text = "\n".join(
        file.read_text(encoding="utf-8") for file in files if file.suffix in (".py", ".md")
    )
    assert not re.findall(r"pip\s+install\s+[\"'`]*sklearn-bert.*", text)


def test_all_extras_that_are_named_are_there():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    files = [*Path(sklearn_bert.__path__[0]).rglob("*.py"), *ROOT.glob("*/run"), *ROOT.glob("*.md")]
    files += [file for name in ("examples", "benchmarks") for file in (ROOT / name).rglob("*.py")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    named = re.findall(r"install_command\(['\"](\w+)['\"]\)", text)
    for extras in re.findall(r"(?:[\"']\.|sklearn-bert)\[([\w,]+)\]", text):
        named += extras.split(",")
    assert len(named) > 10
    assert set(named) <= set(parser["options.extras_require"])
