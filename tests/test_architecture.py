"""The house keeps its rules: imports run one way and in no circle, and a name means one thing."""

import ast
import collections
import functools
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
FOLDERS = ("topiclens", "pipeline", "components", "trainer", "schemas", "serving")
# Folder -> those that it may import.
BELOW = {
    "topiclens": {"pipeline", "components", "trainer", "serving", "schemas"},
    "pipeline": {"components", "trainer", "serving", "schemas"},
    "components": {"trainer", "schemas"},
    "serving": {"trainer", "schemas"},
    "trainer": {"schemas"},
    "schemas": set(),
}
MODULES = {
    "topiclens." * (path.parts[len(ROOT.parts)] != "topiclens")
    + ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
}


@functools.cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports(nodes) -> set[str]:
    """The modules of ours that some nodes import."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            named = {f"{node.module}.{alias.name}" for alias in node.names} & set(MODULES)
            found.update(named or {node.module})
    return found & set(MODULES)


def at_load(module: str):
    """The imports that run when a module is loaded: not those within functions, nor those for type checkers."""
    waiting = list(tree(module).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting.extend(ast.iter_child_nodes(node))


def folder_of(module: str) -> str:
    return MODULES[module].relative_to(ROOT).parts[0]


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_run_one_way(folder):
    upwards = [
        f"{module} imports {other}"
        for module in MODULES
        if folder_of(module) == folder
        for other in imports(ast.walk(tree(module)))
        if folder_of(other) != folder and folder_of(other) not in BELOW[folder] and other != "topiclens"
    ]
    assert not upwards


def test_no_modules_import_each_other_in_a_circle():
    arrows = {module: imports(at_load(module)) - {module} for module in MODULES}
    while True:
        leaves = {module for module, targets in arrows.items() if not targets & set(arrows)}
        if not leaves:
            break
        arrows = {module: targets for module, targets in arrows.items() if module not in leaves}
    assert not {module: sorted(targets & set(arrows)) for module, targets in arrows.items()}


def test_no_two_public_classes_share_a_name():
    homes = collections.defaultdict(set)
    for module in MODULES:
        for node in tree(module).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].add(module)
    assert not {name: sorted(found) for name, found in homes.items() if len(found) > 1}


@pytest.mark.parametrize("package", ["tfx", "apache_beam"])
def test_the_mathematics_needs_no_pipeline_framework(package):
    users = [
        module
        for module in MODULES
        if folder_of(module) in ("trainer", "schemas", "serving")
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        if name.split(".")[0] == package and not _for_types_alone(module, node)
    ]
    assert not users


def _for_types_alone(module: str, wanted: ast.stmt) -> bool:
    return any(
        isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test) and wanted in ast.walk(node)
        for node in ast.walk(tree(module))
    )


def test_nothing_is_imported_under_the_old_top_level_names():
    others = [path for folder in ("tests", "benchmarks", "docs") for path in (ROOT / folder).rglob("*.py")]
    found = [
        f"{path}: {node.module}"
        for path in [*MODULES.values(), *others]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in FOLDERS[1:]
    ]
    assert not found


def test_keras_is_never_taken_from_tensorflow():
    """`tf.keras` is Keras 2 as soon as TensorFlow Transform is imported."""
    users = [
        module
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Attribute) and node.attr == "keras" and getattr(node.value, "id", "") == "tf"
    ]
    assert not users
