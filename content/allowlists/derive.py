"""Derives the allowlist of pickle globals from dumps that the real libraries write.

    python3 derive.py observe FILE.json [LIBRARY...]   # in an environment that has the libraries, for each set of versions
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
from classes import answers_for_itself
from dumps import sources
from tracer import Tracer

HERE = pathlib.Path(__file__).resolve().parent
LIBRARIES = ("numpy", "scipy", "sklearn", "torch", "pandas", "joblib", "xgboost", "lightgbm", "catboost",
             "transformers", "accelerate", "dill", "imblearn", "category_encoders", "feature_engine", "mlxtend", "pyod",
             "hdbscan", "statsmodels", "gensim", "nltk")
TITLES = {"python": "CPython", "sklearn": "scikit-learn", "imblearn": "imbalanced-learn",
          "feature_engine": "feature-engine"}

# Globals that real dumps hold and that no row may allow: (module, name, "*" or "*" and how names end, why).
DENIED = [
    ("builtins", "getattr", "resolves any attribute"),
    ("numpy.core", "_ufunc_reconstruct", "imports a module by name and resolves an attribute"),
    ("numpy._core", "_ufunc_reconstruct", "imports a module by name and resolves an attribute"),
    ("collections", "ChainMap", "looks keys up in whatever it is given, and no model needs it"),
    ("gensim", "BrownCorpus", "reads the file that its state names when something walks over it"),
    ("gensim", "LineSentence", "reads the file that its state names when something walks over it"),
    ("gensim", "PathLineSentences", "reads the file that its state names when something walks over it"),
    ("gensim", "PoincareRelations", "reads the file that its state names when something walks over it"),
    ("gensim", "TaggedBrownCorpus", "reads the file that its state names when something walks over it"),
    ("gensim", "TaggedLineDocument", "reads the file that its state names when something walks over it"),
    ("gensim", "Text8Corpus", "reads the file that its state names when something walks over it"),
    ("nltk.grammar", "PCFG", "hashes itself, or holds what does, by methods that a state may replace"),
    ("nltk.grammar", "ProbabilisticDependencyGrammar", "hashes itself, or holds what does, by methods that a state may replace"),
    ("nltk.grammar", "ProbabilisticProduction", "hashes itself, or holds what does, by methods that a state may replace"),
    ("statsmodels.imputation.mice", "*", "evaluates a formula of its state when something walks over it"),
    ("statsmodels.imputation.bayes_mi", "MI", "evaluates a formula of its state when it is fitted"),
    ("statsmodels.stats.mediation", "Mediation", "evaluates a formula of its state when it is fitted"),
    ("statsmodels.gam.smooth_basis", "UnivariateCubicCyclicSplines", "evaluates a formula of its state when it transforms"),
    ("statsmodels", "*Results", "evaluates a formula of its state when it predicts"),
    ("xgboost.callback", "TrainingCheckPoint", "writes the files that its state names when a model is fitted"),
    ("functools", "*", "partial and reduce call what they are given"),
    ("operator", "*", "attrgetter and methodcaller resolve and call attributes"),
    ("_operator", "*", "attrgetter and methodcaller resolve and call attributes"),
    ("torch.storage", "_load_from_bytes", "loads another pickle"),
    ("torch._tensor", "_rebuild_from_type_v2", "calls its first argument"),
    ("joblib.numpy_pickle_compat", "*", "reads other files named by the stream"),
    ("joblib.memory", "*", "runs and caches functions"),
    ("sklearn.externals.joblib.numpy_pickle_compat", "*", "reads other files named by the stream"),
    ("zoneinfo", "*", "opens the file that a key names"),
    ("pytz", "_p", "opens the file that a zone names"),
    ("dateutil.parser", "*", "no part of any value"),
    ("dill", "*", "rebuilds functions and classes from code in the stream, and imports modules"),
    ("cloudpickle", "*", "rebuilds functions and classes from code in the stream, and imports modules"),
    ("builtins", "eval", "runs source text"),
    ("torch.fx", "*", "compiles source text held in the state"),
    ("logging", "*", "handlers open files"),
    ("numpy", "load", "loads another pickle"),
    ("numpy.core.memmap", "*", "maps a file"),
    ("numpy._core.memmap", "*", "maps a file"),
    ("__main__", "*", "defined by the program, not by a library"),
    ("__mp_main__", "*", "defined by the program, not by a library"),
    ("scipy.spatial._qhull", "*", "__del__ calls `close`, which the state may set to anything"),
    ("scipy.spatial.qhull", "*", "__del__ calls `close`, which the state may set to anything"),
    ("scipy.spatial._ckdtree", "cKDTree", "__setstate__ takes offsets into memory from the state"),
    ("scipy.spatial.ckdtree", "cKDTree", "__setstate__ takes offsets into memory from the state"),
    ("scipy.spatial.ckdtree", "new_object", "makes a cKDTree, which takes offsets into memory from its state"),
    ("scipy.spatial._kdtree", "KDTree", "is a cKDTree, which takes offsets into memory from its state"),
    ("scipy.spatial.kdtree", "KDTree", "is a cKDTree, which takes offsets into memory from its state"),
    ("pyarrow.lib", "_restore_array", "trusts the offsets and lengths in buffers that the stream fills"),
    ("pyarrow.lib", "py_buffer", "makes the raw buffers that _restore_array trusts"),
    ("transformers.models", "*", "a config's __getattribute__ looks `__setstate__` up in an `attribute_map` of the state"),
    ("pandas.api.typing", "*", "__getattr__ looks `__setstate__` up in an `obj` of the state"),
    ("pandas.core.groupby", "*", "__getattr__ looks `__setstate__` up in an `obj` of the state"),
    ("pandas.core.window", "*", "__getattr__ looks `__setstate__` up in an `obj` of the state"),
]

# Names that DENIED covers and that are allowed all the same, within their contract: read one by one.
KEPT = [
    # Whatever is done with a key is done with what is asked for it, later; it resolves no attribute.
    ("operator", "itemgetter"),
    # A comparison or a sum, by name.
    ("_operator", "*"),
    # torch.load of a string: Casemate judges the string as the file that it is.
    ("torch.storage", "_load_from_bytes"),
    # Calls its first argument with its third, which is judged like any call; `names` has the functions.
    ("torch._tensor", "_rebuild_from_type_v2"),
    # The same with its second.
    ("dill._dill", "_create_array"),
    # `eval` of a range or of a constant, which `texts` spells out. No row may let a state or an item call what it is.
    ("dill._dill", "_eval_repr"),
    # Reads the array from a file beside the pickle; a state that names any other is refused.
    ("joblib.numpy_pickle", "NDArrayWrapper"),
    ("joblib.numpy_pickle", "ZNDArrayWrapper"),
    ("joblib.numpy_pickle_compat", "NDArrayWrapper"),
    ("joblib.numpy_pickle_compat", "ZNDArrayWrapper"),
    ("sklearn.externals.joblib.numpy_pickle", "NDArrayWrapper"),
    ("sklearn.externals.joblib.numpy_pickle", "ZNDArrayWrapper"),
    # Look a zone up in the system's database by a key that `texts` keeps inside of it.
    ("zoneinfo", "ZoneInfo"),
    ("zoneinfo", "ZoneInfo._unpickle"),
    ("pytz", "_p"),
    # Named as the class of a mapped array, which its pickle holds like any other; not to be constructed.
    ("numpy.core.memmap", "memmap"),
    ("numpy._core.memmap", "memmap"),
]
NEVER_CALLED = [("numpy", "memmap"), ("numpy.core.memmap", "memmap"), ("numpy._core.memmap", "memmap"),
                ("zoneinfo", "ZoneInfo")]

# Objects that are made and filled and get no state: they look `__setstate__` up among their items.
NEVER_BUILT = [("scipy.optimize._zeros_py", "RootResults"), ("scipy.optimize.zeros", "RootResults")]

# What strings a call may be given, where it looks something up by them: texts, or `<form>`.
TEXTS = {
    ("zoneinfo", "ZoneInfo._unpickle"): ["<zone>"],
    ("pytz", "_p"): ["<zone>"],
    ("dill._dill", "_eval_repr"): ["<range>", "Ellipsis", "NotImplemented"],
    # Of a string that names a zone of dateutil, pandas opens the file; a type, a frequency or a zone is none.
    ("pandas.core.indexes.base", "_new_Index"): ["<type>"],
    ("pandas.core.indexes.datetimes", "_new_DatetimeIndex"): ["<type>"],
    ("pandas.core.indexes.interval", "_new_IntervalIndex"): ["<type>"],
    ("pandas.core.indexes.timedeltas", "_new_TimedeltaIndex"): ["<type>"],
    ("pandas._libs.tslib", "Timestamp"): ["<type>"],
    ("pandas._libs.tslibs.timestamps", "Timestamp"): ["<type>"],
    ("pandas._libs.tslibs.timestamps", "_unpickle_timestamp"): ["<type>"],
    # With an exponent, a short text is a number that fills the memory.
    ("fractions", "Fraction"): ["<fraction>"],
}

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
    # Of nothing that has an `__iter__` of its own, and never a function to be called until it says so.
    ("builtins", "iter"): ["list|tuple|str|bytes|object"],
    # With three arguments it makes a class.
    ("builtins", "type"): ["none"],
    ("operator", "itemgetter"): ["int|str|tuple*"],
    ("zoneinfo", "ZoneInfo._unpickle"): ["str", "int"],
    ("pytz", "_p"): ["str", "int|str*"],
    ("pytz", "_FixedOffset"): ["int"],
    # With a string for its first argument it opens that.
    ("dateutil.tz.tz", "tzfile"): ["none", "str|none*"],
    ("dateutil.tz._tzfile", "_unpickle"): ["global", "str|none", "str|none", "tuple"],
    ("dill._dill", "_create_array"): ["global", "tuple", "tuple", "none|dict*"],
    ("dill._dill", "_eval_repr"): ["str"],
    ("torch.storage", "_load_from_bytes"): ["bytes"],
    ("torch._tensor", "_rebuild_from_type_v2"): ["global", "global", "tuple", "any"],
    ("random", "Random"): ["any*"],
    ("builtins", "range"): ["int", "int", "int"],
    ("builtins", "set"): ["list|tuple*"],
    ("collections", "Counter"): ["dict*"],
    ("types", "SimpleNamespace"): [],
    ("collections", "OrderedDict"): ["list|tuple*"],
    ("collections", "deque"): ["list|tuple|int|none*"],
    ("decimal", "Decimal"): ["str"],
    ("fractions", "Fraction"): ["int|str", "int*"],
    ("collections", "defaultdict"): ["none|global"],
    ("numpy", "dtype"): ["any", "any*"],
    ("numpy", "ndarray"): ["any*"],
    ("torch", "device"): ["str", "any*"],
    ("torch", "Size"): ["tuple|list"],
    ("torch.serialization", "_get_layout"): ["str"],
    ("torch._utils", "_rebuild_tensor"): ["persid|object", "int", "tuple", "tuple"],
    ("torch._utils", "_rebuild_tensor_v2"): ["persid|object", "int", "tuple", "tuple", "bool", "object", "any*"],
    ("torch._utils", "_rebuild_tensor_v3"): ["persid|object", "int", "tuple", "tuple", "bool", "object", "global", "any*"],
    ("torch._utils", "_rebuild_qtensor"): ["persid|object", "int", "tuple", "tuple", "tuple", "bool", "object"],
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
    ("pandas.core.internals.blocks", "new_block"): ["object", "object"],
    ("pandas.core.indexes.datetimes", "_new_DatetimeIndex"): ["global", "dict"],
    ("pandas.core.indexes.interval", "_new_IntervalIndex"): ["global", "dict"],
    ("pandas.core.indexes.timedeltas", "_new_TimedeltaIndex"): ["global", "dict"],
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
# Each makes an empty object of its argument: of the classes of its own module, see `write`.
TREES = ["sklearn." + name for name in (
    "metrics._dist_metrics", "neighbors._ball_tree", "neighbors._dist_metrics", "neighbors._kd_tree",
    "neighbors.ball_tree", "neighbors.dist_metrics", "neighbors.kd_tree")]
for _module in TREES:
    PARAMETERS[_module, "newObj"] = ["global"]
PARAMETERS["sklearn.metrics._dist_metrics", "__pyx_unpickle_DistanceMetric"] = ["global", "int", "any"]
for _paths in ("pathlib", "pathlib._local"):
    for _class in ("PosixPath", "PurePosixPath", "PureWindowsPath"):
        PARAMETERS[_paths, _class] = ["str*"]

# Rows that come from reading a source, not from a dump.
READ = [
    ("builtins", "NoneType", "class", {}, "dill: its name for the class of None"),
    ("sklearn.externals.joblib.numpy_pickle", "NDArrayWrapper", "class", {"newobj": [], "build": []}, "scikit-learn before 0.19: its copy of joblib 0.9"),
    ("sklearn.externals.joblib.numpy_pickle", "ZNDArrayWrapper", "class", {"newobj": [], "build": []}, "scikit-learn before 0.19: its copy of joblib 0.9"),
]
READ.append(("torch.nn.modules.activation", "Softmin", "class", {"newobj": [], "build": []},
             "torch 2.15.0: nn.Softmin, a module without code for its state"))
READ += [("torch", _name, "value", {}, "torch: a memory format, pickled by its name")
         for _name in ("channels_last", "channels_last_3d", "contiguous_format", "preserve_format")]
READ.append(("pandas.core.internals.blocks", "new_block", "function", {"reduce": []},
             "pandas 1.3.5: frames, by way of a partial that gives it `ndim`"))
for _module in ("joblib.numpy_pickle", "joblib.numpy_pickle_compat"):
    for _name in ("NDArrayWrapper", "ZNDArrayWrapper"):
        READ.append((_module, _name, "class", {"newobj": [], "build": []},
                     "joblib before 0.10: an array in a file beside the pickle"))
for _core in ("numpy.core", "numpy._core"):
    READ.append((_core + "._multiarray_umath", "_reconstruct", "function", {"reduce": [], "build": []},
                 "dill: where it finds the function of multiarray's"))
    PARAMETERS[_core + "._multiarray_umath", "_reconstruct"] = ["global", "tuple", "any"]
    READ.append((_core + "._internal", "_reconstruct", "function", {"reduce": [], "build": []},
                 "numpy before 1.16: the name below which multiarray's function was pickled"))
    PARAMETERS[_core + "._internal", "_reconstruct"] = ["global", "tuple", "any"]

# Top-level modules that belong to a library under another name.
BELONGS = {"_loss": "sklearn", "pytz": "pandas", "dateutil": "pandas"}

# Modules of Python 2 that no module of Python 3 shares its name with.
PYTHON_2 = ("__builtin__", "copy_reg", "UserDict", "UserList", "UserString")



# ---- Observations ---------------------------------------------------------------------------------------------------


def version_of(module):
    if module == "hdbscan":  # which does not say
        return importlib.import_module("importlib.metadata").version(module)
    return ".".join(map(str, sys.version_info[:2])) if module == "sys" else importlib.import_module(module).__version__


def observe(path, libraries):
    warnings.simplefilter("ignore")
    seen, versions = {}, {}
    for library, module, dumps in sources():
        try:
            version = version_of(module).split("+")[0]
        except ImportError:
            continue
        if libraries and library not in libraries:
            continue
        versions[library] = version
        for label, parts in survivors(library, dumps):
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
    rows = []
    for key, row in sorted(seen.items()):
        try:
            kind = kind_of_global(*key)
            if kind == "class" and answers_for_itself(resolve(*key)) and row["uses"].pop("build", None) is not None:
                print("%s.%s: looks attributes up by code that nobody reviewed" % key, file=sys.stderr)
            rows.append(dict(row, module=key[0], name=key[1], kind=kind))
        except (ImportError, AttributeError, ValueError) as error:
            print("%s.%s: %s" % (key + (error,)), file=sys.stderr)
    with open(path, "w") as out:
        json.dump({"versions": versions, "rows": rows}, out, indent=1)
    print("%s: %d globals from %s" % (path, len(rows), versions), file=sys.stderr)


def survivors(library, dumps):
    """The dumps, up to what a version does not have."""
    try:
        for dump in dumps():
            yield dump
    except Exception as error:
        print("%s: broken off: %s" % (library, error), file=sys.stderr)


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
    if module == "exceptions":
        return "builtins", name
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
    ends = rule_name.startswith("*") and name.endswith(rule_name[1:])
    return within and (ends or rule_name == name)


def denied(module, name):
    if any(matches(kept[0], kept[1], module, name) for kept in KEPT):
        return False
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
            if denied(*key) or not key[1] or "<" in key[1]:
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
_STORAGES = ["torch.storage._load_from_bytes", "collections.OrderedDict"]
_ARRAYS = ["numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray", "numpy.ma.mvoid", "numpy.ma.core.mvoid",
           "numpy.chararray", "numpy.record", "numpy.records.recarray", "numpy._core.records.recarray",
           "numpy._core.memmap.memmap", "numpy._core.defchararray.chararray", "numpy.matlib.matrix", "numpy.ndarray", "numpy.matrix", "numpy.recarray", "numpy.memmap", "numpy.char.chararray",
           "numpy.matrixlib.defmatrix.matrix", "numpy.core.records.recarray", "numpy.core.defchararray.chararray",
           "numpy.rec.recarray", "numpy.core.memmap.memmap", "_codecs.encode"]
NAMES = {
    ("builtins", "iter"): ["_codecs.encode", "builtins.bytearray", "builtins.range"],
    ("numpy.random._pickle", "__bit_generator_ctor"): _BIT_GENERATORS,
    ("numpy.random._pickle", "__generator_ctor"):
        _BIT_GENERATORS + ["numpy.random._pickle.__bit_generator_ctor"],
    ("numpy.random._pickle", "__randomstate_ctor"):
        _BIT_GENERATORS + ["numpy.random._pickle.__bit_generator_ctor"],
    ("numpy.core.multiarray", "_reconstruct"): _ARRAYS,
    ("numpy._core.multiarray", "_reconstruct"): _ARRAYS,
    ("numpy.ma.core", "_mareconstruct"): _ARRAYS,
    ("numpy.core._multiarray_umath", "_reconstruct"): _ARRAYS,
    ("numpy._core._multiarray_umath", "_reconstruct"): _ARRAYS,
    ("numpy.core._internal", "_reconstruct"): _ARRAYS,
    ("numpy._core._internal", "_reconstruct"): _ARRAYS,
    ("dill._dill", "_create_array"): [
        "numpy%score.%s._reconstruct" % names for names in (
            (".", "multiarray"), ("._", "multiarray"), (".", "_multiarray_umath"), ("._", "_multiarray_umath"))],
    ("dateutil.tz._tzfile", "_unpickle"): ["dateutil.tz._tzfile.tzfile", "dateutil.tz.tz.tzfile", "dateutil.tz.tzfile"],
    ("torch._tensor", "_rebuild_from_type_v2"): _TENSORS,
    ("torch._utils", "_rebuild_nested_tensor"): _TENSORS,
    # Its class is one of the program's, never one of torch's own.
    ("torch._utils", "_rebuild_wrapper_subclass"): ["torch.Size", "torch.device"],
    ("torch._utils", "_rebuild_tensor"): _STORAGES,
    ("torch._utils", "_rebuild_tensor_v2"): _STORAGES,
    ("torch._utils", "_rebuild_tensor_v3"): _STORAGES,
    ("torch._utils", "_rebuild_qtensor"): _STORAGES,
    ("torch._utils", "_rebuild_parameter"): _TENSORS,
    ("torch._utils", "_rebuild_parameter_with_state"): _TENSORS,
    ("torch._utils", "_rebuild_device_tensor_from_cpu_tensor"): _TENSORS,
}


def evidence(row):
    if not row["versions"]:
        return "%s: %s" % (row["library"], row["dump"])
    versions = sorted(row["versions"], key=version_key)
    span = versions[0] if len(versions) == 1 else "%s to %s" % (versions[0], versions[-1])
    return "%s %s: %s" % (row["library"], span, row["dump"])


def table(module, name, row):
    calls = [how for how in ("reduce", "newobj", "inst") if how in row["uses"]]
    if (module, name) in NEVER_CALLED:
        calls = []
    lines = ["[[allow]]", 'module = "%s"' % module, 'name = "%s"' % name, 'kind = "%s"' % row["kind"],
             "call = [%s]" % ", ".join('"%s"' % how for how in calls),
             "build = %s" % ("true" if "build" in row["uses"] and (module, name) not in NEVER_BUILT else "false")]
    contract = PARAMETERS.get((module, name))
    if contract is not None:
        for kinds in [k for how in calls for k in row["uses"][how]]:
            if not keeps(kinds, contract):
                print("%s.%s: observed with %s, against %s" % (module, name, kinds, contract), file=sys.stderr)
        lines.append("args = [%s]" % ", ".join('"%s"' % kind for kind in contract))
    if (module, name) in NAMES:
        lines.append("names = [%s]" % ", ".join('"%s"' % dotted for dotted in NAMES[module, name]))
    if (module, name) in TEXTS:
        lines.append("texts = [%s]" % ", ".join('"%s"' % text for text in TEXTS[module, name]))
    if "setitems" in row["uses"]:
        lines.append('fill = "key"')
    elif "appends" in row["uses"]:
        lines.append('fill = "order"')
    lines.append('evidence = "%s"' % row["evidence"])
    return "\n".join(lines) + "\n"


HEADER = """\
# Globals of {library} that a pickle may name, and how it may use them: what is not here is not allowed.
# Written by derive.py from dumps by {versions}.
#
# [[allow]] is one name. `call`: how a stream may call it, empty if it may only be referred to; `build`: whether BUILD
# may set its state; `args`: the kinds of its positional arguments, where there is a contract: `|` between
# alternatives, `*` for any number at the end; `names`: what globals and made objects among them may be, values apart;
# `texts`: what strings may be; `fill`: how items are put into its objects; `evidence`: the versions and the dump that
# showed it. Names are those of Python 3, also where protocols 0 to 2 write those of Python 2.
# The others are groups of names of one module: [[plain]] of classes whose objects are made empty and then get their
# dictionary, [[tuple]] of named tuples, [[named]] of what may only be referred to.
"""

# The dump that shows a class to be plain; see classes.py.
PLAIN = "empty objects of plain classes"
# Dumps of many classes that are all used alike.
ALIKE = (PLAIN, "distributions")


def form(key, row):
    """The kind of table that a row is written in, and what its group shares."""
    uses = {how for how in row["uses"] if how != "named"}
    bound = key in PARAMETERS or key in NAMES or key in TEXTS or key in NEVER_CALLED + NEVER_BUILT
    if not uses and not bound:
        return "named", row["kind"]
    if row["dump"] in ALIKE and not bound:
        if uses == {"newobj", "build"} and not any(row["uses"]["newobj"]):
            return "plain", ""
        if uses == {"newobj"}:
            return "tuple", ""
    return "allow", ""


def group(table, module, kind, names, rows):
    shown = sorted({rows[module, name]["evidence"] for name in names})
    lines = ["[[%s]]" % table, 'module = "%s"' % module]
    lines += ['kind = "%s"' % kind] * bool(kind)
    lines.append("names = [")
    line = "   "
    for name in names:
        if len(line) + len(name) > 110:
            lines.append(line)
            line = "   "
        line += ' "%s",' % name
    lines += [line, "]", 'evidence = "%s"' % "; ".join(shown[:3])]
    return "\n".join(lines) + "\n"


def earlier(library):
    """The rows that stand already: other sets of versions showed them, which need not be at hand again."""
    import tomllib

    path = HERE / (library + ".toml")
    if not path.exists():
        return {}, set()
    text = path.read_text()
    found, rows = tomllib.loads(text), {}
    for row in found.get("allow", []):
        uses = {how: [] for how in row["call"] + ["named"] + ["build"] * row["build"]}
        if "fill" in row:
            uses["setitems" if row["fill"] == "key" else "appends"] = []
        rows[row["module"], row["name"]] = dict(evidence_of(row["evidence"]), kind=row["kind"], uses=uses)
    for table, hows in (("plain", ("newobj", "build")), ("tuple", ("newobj",)), ("named", ())):
        for listed in found.get(table, []):
            for name in listed["names"]:
                uses = {how: [] for how in ("named",) + hows}
                rows[listed["module"], name] = dict(
                    evidence_of(listed["evidence"].split("; ")[0]), kind=listed.get("kind", "class"), uses=uses)
    said = re.search(r"^# Written by derive.py from dumps by \S+ (.*)\.$", text, re.M)
    return rows, set(said.group(1).split(", ")) if said else set()


def evidence_of(text):
    span, _, dump = text.partition(": ")
    library, _, span = span.partition(" ")
    return {"library": library, "dump": dump, "versions": set(filter(None, span.split(" to ")))}


def write(paths):
    rows, versions = merged(paths), {}
    for library in ("python",) + LIBRARIES:
        known, spans = earlier(library)
        versions[TITLES.get(library, library)] = spans
        for key, row in known.items():
            if denied(*key):
                continue
            into = rows.setdefault(key, row)
            for how, arguments in row["uses"].items():
                into["uses"].setdefault(how, []).extend(arguments)
            if into["library"] == row["library"]:
                into["versions"] |= row["versions"]
            elif row["dump"] != PLAIN:
                into["versions"] = set(row["versions"])
            if row["dump"] != PLAIN:
                into.update(dump=row["dump"], library=row["library"])
    for module, name, kind, uses, reason in READ:
        rows[module, name] = {"kind": kind, "uses": uses, "evidence": reason, "dump": ""}
    for row in rows.values():
        row.setdefault("evidence", "")
        row["evidence"] = row["evidence"] or evidence(row)
    indexes = sorted("%s.%s" % key for key in rows if file_of(key[0]) == "pandas" and key[1].endswith("Index")
                     and not key[1].startswith("_"))
    for module, kind in (("base", ""), ("datetimes", "Datetime"), ("interval", "Interval"), ("timedeltas", "Timedelta")):
        NAMES["pandas.core.indexes." + module, "_new_%sIndex" % kind] = [
            name for name in indexes if name.endswith(kind + "Index")]
    for module in TREES:
        # One that calls a function of the state is none of them.
        classes = ["%s.%s" % key for key, row in sorted(rows.items())
                   if key[0] == module and row["kind"] == "class" and not key[1].startswith("PyFunc")]
        NAMES[module, "newObj"] = classes
        if (module, "__pyx_unpickle_DistanceMetric") in rows:
            NAMES[module, "__pyx_unpickle_DistanceMetric"] = classes
    for path in paths:
        with open(path) as handle:
            for library, version in json.load(handle)["versions"].items():
                versions.setdefault(library, set()).add(version)
    for library in ("python",) + LIBRARIES:
        title = TITLES.get(library, library)
        mine = {key: row for key, row in sorted(rows.items()) if file_of(key[0]) == library}
        span = ", ".join(sorted(versions.get(title, ()), key=version_key))
        text = HEADER.format(library=title, versions="%s %s" % (title, span))
        forms = {key: form(key, row) for key, row in mine.items()}
        text += "".join("\n" + table(*key, row) for key, row in mine.items() if forms[key][0] == "allow")
        for grouped in sorted({(key[0],) + shape for key, shape in forms.items() if shape[0] != "allow"}):
            module, shape = grouped[0], grouped[1:]
            names = [key[1] for key in mine if key[0] == module and forms[key] == shape]
            text += "\n" + group(shape[0], module, shape[1], names, rows)
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
    if command == "observe" and paths:
        observe(paths[0], paths[1:])
    elif command == "write" and paths:
        write(paths)
    elif command == "audit" and not paths:
        audit()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
