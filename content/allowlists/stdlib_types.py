"""Writes stdlib-types.txt: the names of the standard library that look like functions and restore objects.

    python3 stdlib_types.py PYTHON...     # interpreters to ask, of as many versions as there are

A name that begins with a small letter is a function in most modules, and restoring an object calls none but a few.
Those few, and the types that are spelled like functions, are what this lists.
"""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

# Functions that `__reduce__` of the standard library's own classes names, and where.
RECONSTRUCTORS = [
    ("_codecs.encode", "bytes, below protocol 3"),
    ("_ctypes._unpickle", "arrays and structures of C"),
    ("_operator.getitem", "typing.Union and its kin"),
    ("array._array_reconstructor", "array.array"),
    ("builtins.getattr", "bound methods, and classes inside of classes"),
    ("builtins.iter", "iterators of lists, tuples and strings"),
    ("copyreg.__newobj__", "objects, at protocol 2"),
    ("copyreg.__newobj_ex__", "objects, at protocol 2"),
    ("copyreg._reconstructor", "objects, below protocol 2"),
    ("copyreg.pickle_complex", "complex"),
    ("functools.reduce", "functools.partial of Python 2"),
    ("logging.getLogger", "logging.Logger"),
    ("operator.getitem", "typing.Union and its kin"),
    ("re._compile", "re.Pattern"),
    ("sre_compile.compile", "re.Pattern of old versions"),
]

ASK = r"""
import importlib, pkgutil, sys, warnings
warnings.simplefilter("ignore")
pending = [line.strip() for line in sys.stdin]
while pending:
    module = pending.pop()
    try:
        imported = importlib.import_module(module)
    except BaseException:
        continue
    below = pkgutil.iter_modules(getattr(imported, "__path__", ()), module + ".")
    pending += [found.name for found in below if not found.name.rpartition(".")[2].startswith(("__", "test"))]
    for name, value in vars(imported).items():
        small = name.lstrip("_")[:1].islower()
        if small and isinstance(value, type) and (value.__module__ == module or module == "types"):
            print(module + "." + name)
"""

# Importing these shows something or waits for somebody, or what they hold nobody keeps.
NOT_IMPORTED = (
    "_pyrepl", "antigravity", "distutils", "idlelib", "lib2to3", "test", "this", "tkinter", "turtledemo", "turtle",
)


def main(pythons):
    lines = (HERE / "stdlib.txt").read_text().splitlines()
    modules = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    asked = "\n".join(m for m in modules if not m.startswith("__") and m not in NOT_IMPORTED)
    names = {name for name, _ in RECONSTRUCTORS}
    for python in pythons:
        told = subprocess.run([python, "-c", ASK], input=asked, capture_output=True, text=True, timeout=300)
        names.update(line for line in told.stdout.splitlines() if line.replace(".", "").replace("_", "").isalnum())
    text = "# Names of the standard library that look like functions and restore objects: its types with small\n"
    text += "# letters, and what reduces to a call. Written by stdlib_types.py; edit that instead.\n"
    (HERE / "stdlib-types.txt").write_text(text + "".join(name + "\n" for name in sorted(names)))


if __name__ == "__main__":
    main(sys.argv[1:])
