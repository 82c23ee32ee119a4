"""Writes reconstructors.txt: the functions of each library that picklers call to restore its objects.

    python3 reconstructors.py LIBRARY...    # in an environment that has them, for each set of versions

Reads the sources, imports nothing, and notes every name that a `__reduce__`, a `__reduce_ex__`, a `reducer_override`, or a
function given to `copyreg.pickle` uses as a value: so more than are returned, and none that is. What another version
showed stays. A library is listed by a line of its own, which says that it was read; its compiled modules, which nobody can
read so, by theirs; each function by its library and its name alone, since they move between modules.
"""

import ast
import importlib.util
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
REDUCING = ("__reduce__", "__reduce_ex__", "reducer_override")

# Functions that the reducers of other libraries return.
SHARED = ["numpy array", "numpy asarray", "torch as_tensor", "torch tensor"]


def registered(tree):
    """The names of functions that are given to `copyreg.pickle`, `ForkingPickler.register` and dispatch tables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("pickle", "register", "register_reduction", "constructor"):
                for argument in node.args:
                    if isinstance(argument, (ast.Name, ast.Attribute)):
                        yield argument.id if isinstance(argument, ast.Name) else argument.attr
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            if isinstance(node.value, ast.Name) and "dispatch" in ast.dump(node.targets[0].value):
                yield node.value.id


def values(function):
    """The names that a function uses, other than to call them, to look something up in them, or as its object's own."""
    nodes = list(ast.walk(function))
    passed = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    for node in nodes:
        if isinstance(node, ast.Attribute):
            passed.add(id(node.value))
            if isinstance(node.value, ast.Name) and node.value.id == "self":
                passed.add(id(node))
    for node in nodes:
        if isinstance(node, (ast.Name, ast.Attribute)) and id(node) not in passed:
            yield node.id if isinstance(node, ast.Name) else node.attr


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def files(library):
    found = importlib.util.find_spec(library)
    roots = list(found.submodule_search_locations or []) if found else []
    paths = [path for root in roots for path in pathlib.Path(root).rglob("*.*")]
    if found and not roots:
        paths = [pathlib.Path(found.origin)]
    return [path for path in paths if "tests" not in path.parts]


def sources(library):
    for path in files(library):
        if path.suffix == ".py":
            try:
                yield ast.parse(path.read_bytes())
            except (SyntaxError, ValueError):  # templates, and code for other versions
                continue


def compiled(library):
    """The modules of which there is no source to read."""
    for path in files(library):
        if path.suffix in (".so", ".pyd"):
            at = len(path.parts) - 1 - path.parts[::-1].index(library)
            yield ".".join(path.parts[at:-1] + (path.name.split(".")[0],))


def reconstructors(library):
    trees = list(sources(library))
    if not trees:
        return
    defined = {node.name for tree in trees for node in functions(tree)}
    used = set()
    for tree in trees:
        reducers = set(REDUCING) | set(registered(tree))
        for node in functions(tree):
            if node.name in reducers:
                used.update(values(node))
    # Imported under another name, it goes by its own in a pickle.
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                used.update(alias.name for alias in node.names if alias.asname in used)
    yield library
    yield from compiled(library)
    for name in sorted(used & defined):
        if name.lstrip("_")[:1].islower() and not (name.startswith("__") and name.endswith("__")):
            yield library + " " + name


def main(libraries):
    path, found = HERE / "reconstructors.txt", set(SHARED)
    for library in libraries:
        found.update(reconstructors(library))
    lines = path.read_text().splitlines() if path.exists() else []
    found.update(line for line in lines if line and not line.startswith("#"))
    text = "# Functions of libraries by which picklers restore their objects: a library alone was read, but for the\n"
    text += "# modules with dots, and has these and no others. Written by reconstructors.py; edit that instead.\n"
    path.write_text(text + "".join(line + "\n" for line in sorted(found)))


if __name__ == "__main__":
    main(sys.argv[1:])
