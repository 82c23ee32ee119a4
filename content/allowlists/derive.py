"""Derives the allowlist of pickle globals from dumps that the real libraries write.

    python3 derive.py observe FILE.json     # in an environment that has the libraries, once for each set of versions
    python3 derive.py write FILE.json...    # writes python.toml, numpy.toml, ... beside this file
    python3 derive.py audit                 # prints the source of what the rows call that looks like an effect

`observe` makes objects of every kind that a model file is likely to hold, dumps them at every protocol, and reads the
dumps with an unpickler that resolves nothing: it records which global was named and how the stream used it. It runs on
Python 3.6 and later and skips the libraries that are absent. `write` merges the observations, leaves out what DENIED
names, adds the contracts of PARAMETERS after checking that every observation keeps them, and sorts. So a row says that
a real library needs it; that it is also safe is the work of DENIED, and of the reader of `audit`.
"""

import _compat_pickle
import importlib
import inspect
import io
import json
import pathlib
import re
import sys
import warnings

sys.dont_write_bytecode = True
from dumps import sources
from tracer import Tracer

HERE = pathlib.Path(__file__).resolve().parent
LIBRARIES = ("numpy", "scipy", "sklearn", "torch", "pandas", "joblib")

# Globals that real dumps hold and that no row may allow: (module, name or "*", why).
DENIED = [
    ("builtins", "getattr", "resolves any attribute"),
    ("builtins", "type", "with three arguments it makes a class; rows that only refer to it are added by hand"),
    ("numpy.core", "_ufunc_reconstruct", "imports a module by name and resolves an attribute"),
    ("numpy._core", "_ufunc_reconstruct", "imports a module by name and resolves an attribute"),
    ("collections", "ChainMap", "looks keys up in whatever it is given, and no model needs it"),
    ("functools", "*", "partial and reduce call what they are given"),
    ("operator", "*", "attrgetter and methodcaller resolve and call attributes"),
    ("_operator", "*", "attrgetter and methodcaller resolve and call attributes"),
    ("torch.storage", "_load_from_bytes", "loads another pickle"),
    ("torch._tensor", "_rebuild_from_type_v2", "calls its first argument"),
    ("joblib.numpy_pickle_compat", "*", "reads other files named by the stream"),
    ("joblib.memory", "*", "runs and caches functions"),
    ("sklearn.externals.joblib.numpy_pickle_compat", "*", "reads other files named by the stream"),
    ("scipy.stats._distn_infrastructure", "*", "__setstate__ executes source text held in the state"),
    ("scipy.stats._continuous_distns", "*", "__setstate__ executes source text held in the state"),
    ("scipy.stats._discrete_distns", "*", "__setstate__ executes source text held in the state"),
    ("zoneinfo", "*", "opens the file that a key names"),
    ("pytz", "_p", "opens the file that a zone names"),
    ("dateutil", "*", "not one of the listed libraries"),
    ("numpy", "load", "loads another pickle"),
    ("numpy.core.memmap", "*", "maps a file"),
    ("numpy._core.memmap", "*", "maps a file"),
    ("__main__", "*", "defined by the program, not by a library"),
    ("__mp_main__", "*", "defined by the program, not by a library"),
]

# What positional arguments a call must have; every observation is checked against these.
PARAMETERS = {
    ("copyreg", "_reconstructor"): ["global", "global", "any"],
    ("_codecs", "encode"): ["str", "str"],
    # What makes a container is given its elements, and never a number of them or something that counts on.
    ("array", "array"): ["str", "list|bytes|str"],
    ("builtins", "bytearray"): ["bytes|str*"],
    ("builtins", "bytes"): ["list|bytes|str*"],
    ("builtins", "complex"): ["float", "float"],
    ("builtins", "frozenset"): ["list|tuple*"],
    ("builtins", "range"): ["int", "int", "int"],
    ("builtins", "set"): ["list|tuple*"],
    ("collections", "Counter"): ["dict*"],
    ("collections", "OrderedDict"): ["list|tuple*"],
    ("collections", "deque"): ["list|tuple|int|none*"],
    ("decimal", "Decimal"): ["str"],
    ("collections", "defaultdict"): ["any*"],
    ("numpy", "dtype"): ["any", "any*"],
    ("numpy", "ndarray"): ["any*"],
    ("torch", "device"): ["str", "any*"],
    ("torch", "Size"): ["any*"],
    ("torch.serialization", "_get_layout"): ["str"],
    ("torch._utils", "_rebuild_tensor"): ["persid", "int", "tuple", "tuple"],
    ("torch._utils", "_rebuild_tensor_v2"): ["persid", "int", "tuple", "tuple", "bool", "object", "any*"],
    ("torch._utils", "_rebuild_tensor_v3"): ["persid", "int", "tuple", "tuple", "bool", "object", "global", "any*"],
    ("torch._utils", "_rebuild_qtensor"): ["persid", "int", "tuple", "tuple", "tuple", "bool", "object"],
    ("torch._utils", "_rebuild_sparse_tensor"): ["any", "tuple"],
    ("torch._utils", "_rebuild_sparse_csr_tensor"): ["any", "tuple"],
    ("torch._utils", "_rebuild_nested_tensor"): ["object", "object", "object", "object"],
    ("torch._utils", "_rebuild_parameter"): ["object", "bool", "object"],
    ("torch._utils", "_rebuild_parameter_with_state"): ["object", "bool", "object", "any"],
    ("torch._utils", "_rebuild_meta_tensor_no_storage"): ["global", "tuple", "tuple", "bool"],
    ("torch._utils", "_rebuild_device_tensor_from_numpy"): ["object", "any", "any", "bool"],
    ("torch._utils", "_rebuild_device_tensor_from_cpu_tensor"): ["object", "any", "any", "bool"],
    ("torch._utils", "_rebuild_wrapper_subclass"): ["global", "any*"],
    ("pandas.core.indexes.base", "_new_Index"): ["global", "dict"],
    ("array", "_array_reconstructor"): ["global", "str", "int", "bytes"],
    ("re", "_compile"): ["any", "int"],
    ("numpy.ma.core", "_mareconstruct"): ["global", "global", "tuple", "any"],
    ("numpy.random._pickle", "__bit_generator_ctor"): ["global|str"],
    ("numpy.random._pickle", "__generator_ctor"): ["object|str", "global*"],
    ("numpy.random._pickle", "__randomstate_ctor"): ["object|str", "global*"],
}
for _core in ("numpy.core", "numpy._core"):
    PARAMETERS[_core + ".multiarray", "_reconstruct"] = ["global", "tuple", "any"]
    PARAMETERS[_core + ".multiarray", "scalar"] = ["object", "any*"]
    PARAMETERS[_core + ".numeric", "_frombuffer"] = ["any", "object", "tuple", "str"]
for _paths in ("pathlib", "pathlib._local"):
    for _class in ("PosixPath", "PurePosixPath", "PureWindowsPath"):
        PARAMETERS[_paths, _class] = ["str*"]

# Rows that come from reading a source, not from a dump.
READ = [("builtins", "type", "class", "CPython: named as the class of something; calling it is not allowed")]

# Top-level modules that belong to a library under another name.
BELONGS = {"_loss": "sklearn", "pytz": "pandas"}

# Modules of Python 2 that no module of Python 3 shares its name with.
PYTHON_2 = ("__builtin__", "copy_reg", "UserDict", "UserList")



# ---- Observations ---------------------------------------------------------------------------------------------------


def version_of(module):
    return ".".join(map(str, sys.version_info[:2])) if module == "sys" else importlib.import_module(module).__version__


def observe(path):
    warnings.simplefilter("ignore")
    seen, versions = {}, {}
    for library, module, dumps in sources():
        try:
            versions[library] = version_of(module).split("+")[0]
        except ImportError:
            continue
        for label, parts in dumps():
            notes = []
            try:
                for part in parts:
                    Tracer(io.BytesIO(part), notes).load()
            except Exception as error:
                print("%s: %s: %s" % (library, label, error), file=sys.stderr)
                continue
            for key, how, kinds in notes:
                row = seen.setdefault(key, {"dump": "%s: %s" % (library, label), "uses": {}})
                arguments = row["uses"].setdefault(how, [])
                if kinds is not None and kinds not in arguments and len(arguments) < 40:
                    arguments.append(kinds)
    if "torch" in versions:
        add_weights_only(seen)
    rows = [dict(row, module=key[0], name=key[1], kind=kind_of_global(*key)) for key, row in sorted(seen.items())]
    with open(path, "w") as out:
        json.dump({"versions": versions, "rows": rows}, out, indent=1)
    print("%s: %d globals from %s" % (path, len(rows), versions), file=sys.stderr)


def add_weights_only(seen):
    """What torch.load(weights_only=True) allows, read from torch itself."""
    try:
        from torch._weights_only_unpickler import _get_allowed_globals
    except ImportError:
        return
    for path in _get_allowed_globals():
        key = tuple(path.rsplit(".", 1))
        uses = {"named": []}
        if inspect.isfunction(resolve(*key)):
            uses["reduce"] = []
        elif path == "torch.nn.parameter.Parameter":
            uses.update(newobj=[], build=[])
        seen.setdefault(key, {"dump": "torch: list of weights_only", "uses": uses})


def in_python_3(module, name):
    """The name of today for one of Python 2, which protocols 0 to 2 write."""
    if module not in PYTHON_2:
        return module, name
    return _compat_pickle.NAME_MAPPING.get((module, name), (_compat_pickle.IMPORT_MAPPING[module], name))


def resolve(module, name):
    module, name = in_python_3(module, name)
    value = importlib.import_module(module)
    for part in name.split("."):
        value = getattr(value, part)
    return value


def kind_of_global(module, name):
    value = resolve(module, name)
    is_class = inspect.isclass(value) or type(value).__name__ == "tensortype"
    return "class" if is_class else "function" if callable(value) else "value"


# ---- Rows -----------------------------------------------------------------------------------------------------------


def matches(rule_module, rule_name, module, name):
    within = module == rule_module or module.startswith(rule_module + ".")
    return within and rule_name in ("*", name)


def denied(module, name):
    return any(matches(rule[0], rule[1], module, name) for rule in DENIED)


def keeps(kinds, contract):
    """Whether observed argument kinds satisfy a contract."""
    fixed = [kind for kind in contract if not kind.endswith("*")]
    rest = [kind[:-1] for kind in contract if kind.endswith("*")]
    if len(kinds) < len(fixed) or (len(kinds) > len(fixed) and not rest):
        return False
    wanted = fixed + rest * (len(kinds) - len(fixed))
    return all(want == "any" or have in want.split("|") for want, have in zip(wanted, kinds))


def version_key(text):
    return [int(part) for part in re.findall(r"\d+", text)]


def merged(paths):
    rows = {}
    for path in paths:
        with open(path) as handle:
            observation = json.load(handle)
        for row in observation["rows"]:
            key = in_python_3(row["module"], row["name"])
            if denied(*key):
                continue
            library, dump = row["dump"].split(": ", 1)
            into = rows.setdefault(
                key, {"kind": row["kind"], "uses": {}, "dump": dump, "library": library, "versions": set()})
            into["versions"].add(observation["versions"][library])
            for how, arguments in row["uses"].items():
                into["uses"].setdefault(how, []).extend(arguments)
    return rows


# What the globals and the made objects among the arguments may be, by their dotted names, for functions that construct or
# call what they are given.
_BIT_GENERATORS = ["numpy.random._%s" % name for name in (
    "mt19937.MT19937", "pcg64.PCG64", "pcg64.PCG64DXSM", "philox.Philox", "sfc64.SFC64")]
_TENSORS = ["torch._utils.%s" % name for name in (
    "_rebuild_device_tensor_from_cpu_tensor", "_rebuild_device_tensor_from_numpy", "_rebuild_meta_tensor_no_storage",
    "_rebuild_parameter", "_rebuild_qtensor", "_rebuild_sparse_tensor", "_rebuild_tensor", "_rebuild_tensor_v2",
    "_rebuild_tensor_v3")] + ["collections.OrderedDict"]
_ARRAYS = ["numpy.ndarray", "numpy.matrix", "numpy.recarray", "numpy.memmap", "numpy.char.chararray",
           "numpy.matrixlib.defmatrix.matrix", "numpy.core.records.recarray", "numpy.core.defchararray.chararray",
           "numpy.rec.recarray", "numpy.core.memmap.memmap", "_codecs.encode"]
NAMES = {
    ("numpy.random._pickle", "__bit_generator_ctor"): _BIT_GENERATORS,
    ("numpy.random._pickle", "__generator_ctor"):
        _BIT_GENERATORS + ["numpy.random._pickle.__bit_generator_ctor"],
    ("numpy.random._pickle", "__randomstate_ctor"):
        _BIT_GENERATORS + ["numpy.random._pickle.__bit_generator_ctor"],
    ("numpy.core.multiarray", "_reconstruct"): _ARRAYS,
    ("numpy._core.multiarray", "_reconstruct"): _ARRAYS,
    ("numpy.ma.core", "_mareconstruct"): ["numpy.ma.core.MaskedArray", "numpy.ma.core.mvoid"] + _ARRAYS,
    ("torch._utils", "_rebuild_parameter"): _TENSORS,
    ("torch._utils", "_rebuild_parameter_with_state"): _TENSORS,
    ("torch._utils", "_rebuild_device_tensor_from_cpu_tensor"): _TENSORS,
}


def evidence(row):
    versions = sorted(row["versions"], key=version_key)
    span = versions[0] if len(versions) == 1 else "%s to %s" % (versions[0], versions[-1])
    return "%s %s: %s" % (row["library"], span, row["dump"])


def table(module, name, row):
    calls = [how for how in ("reduce", "newobj", "inst") if how in row["uses"]]
    lines = ["[[allow]]", 'module = "%s"' % module, 'name = "%s"' % name, 'kind = "%s"' % row["kind"],
             "call = [%s]" % ", ".join('"%s"' % how for how in calls),
             "build = %s" % ("true" if "build" in row["uses"] else "false")]
    contract = PARAMETERS.get((module, name))
    if contract:
        for kinds in [k for how in calls for k in row["uses"][how]]:
            assert keeps(kinds, contract), (module, name, kinds, contract)
        lines.append("args = [%s]" % ", ".join('"%s"' % kind for kind in contract))
    if (module, name) in NAMES:
        lines.append("names = [%s]" % ", ".join('"%s"' % dotted for dotted in NAMES[module, name]))
    lines.append('evidence = "%s"' % row["evidence"])
    return "\n".join(lines) + "\n"


HEADER = """\
# Globals of {library} that a pickle may name, and how it may use them: what is not here is not allowed.
# Written by derive.py from dumps by {versions}.
# `call`: how a stream may call it, empty if it may only be referred to; `build`: whether BUILD may set its state;
# `args`: the kinds of its positional arguments, where there is a contract: `|` between alternatives, `*` for any number
# at the end; `names`: what globals and made objects among them may be, values apart; `evidence`: the versions and the dump that showed it. Names are those of Python 3, also where protocols 0
# to 2 write those of Python 2.
"""


def write(paths):
    rows = merged(paths)
    for row in rows.values():
        row["evidence"] = evidence(row)
    for module, name, kind, reason in READ:
        rows[module, name] = {"kind": kind, "uses": {}, "evidence": reason}
    versions = {}
    for path in paths:
        with open(path) as handle:
            for library, version in json.load(handle)["versions"].items():
                versions.setdefault(library, set()).add(version)
    for library in ("python",) + LIBRARIES:
        title = {"python": "CPython", "sklearn": "scikit-learn"}.get(library, library)
        mine = {key: row for key, row in sorted(rows.items()) if file_of(key[0]) == library}
        span = ", ".join(sorted(versions.get(title, ()), key=version_key))
        text = HEADER.format(library=title, versions="%s %s" % (title, span))
        text += "".join("\n" + table(*key, row) for key, row in mine.items())
        (HERE / (library + ".toml")).write_text(text)
        print("%s.toml: %d rows" % (library, len(mine)))


def file_of(module):
    top = module.split(".")[0]
    top = BELONGS.get(top, top)
    return top if top in LIBRARIES else "python"


EFFECT = re.compile(
    r"\b(exec|eval|compile|open|load|loads|import_module|__import__|getattr|setattr|system|Popen|urlopen)\(")


def audit():
    """Prints, for every row that is called or built, the lines of its code that could be an effect."""
    import tomllib

    for library in ("python",) + LIBRARIES:
        for row in tomllib.loads((HERE / (library + ".toml")).read_text()).get("allow", []):
            try:
                value = resolve(row["module"], row["name"])
            except (ImportError, AttributeError):
                continue
            parts = [value] if row["call"] and row["kind"] == "function" else []
            if row["build"]:
                parts.append(getattr(value, "__setstate__", None))
            if row["call"] and row["kind"] == "class":
                parts += [value.__new__] + ([value.__init__] if "reduce" in row["call"] else [])
            for part in parts:
                try:
                    source = inspect.getsource(part)
                except (TypeError, OSError):
                    continue
                for line in source.splitlines():
                    if EFFECT.search(line):
                        where = "%s.%s %s" % (row["module"], row["name"], getattr(part, "__name__", ""))
                        print(where, line.strip(), sep=": ")


def main():
    command, paths = sys.argv[1] if len(sys.argv) > 1 else "", sys.argv[2:]
    if command == "observe" and len(paths) == 1:
        observe(paths[0])
    elif command == "write" and paths:
        write(paths)
    elif command == "audit" and not paths:
        audit()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
