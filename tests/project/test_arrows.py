"""Which module of the package may import which: arrows point down, and never in a circle.

A room is a folder. What one may import is of its own, of the rooms below, or of the ground.
"""

import ast
import graphlib
from functools import cache
from pathlib import Path

import sklearn_bert

ROOT = Path(sklearn_bert.__file__).parent
FACES = {"classifier", "regressor", "embedder", "onnx_classifier"}
FACES |= {"distilled_classifier", "distilled_regressor"}
# From the top down; rooms of one floor know nothing of each other.
FLOORS = [
    {"__main__"},
    {"_cli"},
    {"comparison"},
    {"inspection"},
    {"__init__"},
    FACES,
    {"_estimators"},
    {"_saving"},
    {"_engine"},
    {"_files"},
    {"_text", "datasets"},
    {"_clock", "_durations", "_install", "_plain", "_shorten", "_templates", "_typing", "_versions"}
    | {"_warn", "exceptions"},
    {"_version"},
]
FLOOR_OF = {room: -number for number, rooms in enumerate(FLOORS) for room in rooms}
# Packages that users import from: the command line does as they do.
PUBLIC = {"comparison", "datasets", "inspection"}
HEAVY = {"torch", "transformers", "skorch"}
# What a room does without, and the library that it is about stays out of.
WITHOUT = {
    "_text": {"sklearn", *HEAVY},
    "_files": {"sklearn", *HEAVY},
    "_engine": {"sklearn"},
}


@cache
def modules():
    """Return the files of the package by the dotted name within it, "" for the package itself."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in ROOT.rglob("*.py")
    }


def imports(name, path, *, types=True):
    """Return the modules that a module of the package imports: ours, and names of others."""
    ours, others = set(), set()
    for node in nodes(ast.parse(path.read_text(encoding="utf-8")), types=types):
        if isinstance(node, ast.Import):
            others |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            others.add(node.module.partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = name.split(".")[: -node.level]
            base += node.module.split(".") if node.module else []
            ours |= {resolve([*base, alias.name]) for alias in node.names}
    return ours, others


def nodes(tree, *, types):
    """Return all nodes of a tree, those for type checkers only where `types`."""
    for node in ast.iter_child_nodes(tree):
        if types or not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)):
            yield node
            yield from nodes(node, types=types)


def resolve(parts):
    """Return the module that holds a name: itself, the one above, or a package."""
    known = modules()
    for name in (".".join(parts), ".".join(parts[:-1])):
        for module in (name, f"{name}.__init__".lstrip(".")):
            if module in known:
                return module
    raise AssertionError(f"{parts} is no module")


def room_of(module):
    """Return the room, or the module itself if it lives in none."""
    return module.partition(".")[0]


def test_each_module_is_on_a_floor():
    assert {room_of(module) for module in modules()} == set(FLOOR_OF)


def test_arrows_point_down():
    up = []
    for module, path in modules().items():
        if module == "__init__":
            continue  # it hands out the names of all
        floor = FLOOR_OF[room_of(module)]
        for other in imports(module, path)[0]:
            rooms = {room_of(module), room_of(other)}
            # One face may send to another one.
            is_own = len(rooms) == 1 or rooms <= FACES
            if not is_own and FLOOR_OF[room_of(other)] >= floor:
                up.append(f"{module} -> {other}")
    assert up == []


def test_there_is_no_circle():
    graph = {
        module: imports(module, path, types=False)[0] - {module, "__init__"}
        for module, path in modules().items()
    }
    list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError


def test_rooms_do_without_what_they_are_free_of():
    found = [
        f"{module} imports {other}"
        for module, path in modules().items()
        for other in imports(module, path)[1] & WITHOUT.get(room_of(module), set())
    ]
    assert found == []


def test_the_command_line_uses_public_names_only():
    private = [
        f"{module} -> {other}"
        for module, path in modules().items()
        if room_of(module) == "_cli"
        for other in imports(module, path)[0]
        if room_of(other) in PUBLIC and other not in {room_of(other), f"{room_of(other)}.__init__"}
    ]
    assert private == []
