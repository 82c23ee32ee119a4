"""Reads a pickle without resolving anything, and notes which globals it names and how it uses them."""

import io
import pickle
import zipfile


class Global:
    def __init__(self, module, name):
        self.key = (module, name)


class Result:
    def __init__(self, callee, arguments):
        self.callee, self.arguments = callee, arguments


class PersistentId:
    pass


# Types that dill writes under a name of Python 2, or one of its own.
DILL_TYPES = {name: ("builtins", built_in) for name, built_in in (
    ("BooleanType", "bool"), ("ClassType", "type"), ("ComplexType", "complex"), ("DictType", "dict"),
    ("DictionaryType", "dict"), ("FloatType", "float"), ("FrozensetType", "frozenset"), ("IntType", "int"),
    ("ListType", "list"), ("LongType", "int"), ("NoneType", "NoneType"), ("ObjectType", "object"),
    ("SetType", "set"), ("SliceType", "slice"), ("StringType", "str"), ("TupleType", "tuple"),
    ("TypeType", "type"), ("UnicodeType", "str"), ("XRangeType", "range"))}
DILL_TYPES["PartialType"] = "functools", "partial"
DILL_TYPES["ItemGetterType"] = "operator", "itemgetter"
DILL_TYPES["AttrGetterType"] = "operator", "attrgetter"

# Functions that call one of their arguments with another: where those stand.
APPLYING = {("dill._dill", "_create_array"): (0, 1), ("torch._tensor", "_rebuild_from_type_v2"): (0, 2)}

KINDS = [(type(None), "none"), (bool, "bool"), (int, "int"), (float, "float"), (str, "str"),
         ((bytes, bytearray), "bytes"), (tuple, "tuple"), (list, "list"), (dict, "dict"), ((set, frozenset), "set"),
         (Global, "global"), (PersistentId, "persid"), (Result, "object")]


def kind_of(value):
    if isinstance(value, Result) and value.callee == ("_codecs", "encode"):
        return "bytes"  # below protocol 3
    return next((kind for cls, kind in KINDS if isinstance(value, cls)), "object")


class Tracer(pickle._Unpickler):
    """CPython's own Python unpickler, with every effect replaced by a note of it."""

    dispatch = dict(pickle._Unpickler.dispatch)

    def __init__(self, stream, notes):
        super().__init__(stream, fix_imports=False, encoding="latin1")
        self.stream, self.notes = stream, notes

    def note(self, callee, how, args=None):
        self.notes.append((callee, how, None if args is None else [kind_of(arg) for arg in args]))

    def find_class(self, module, name):
        self.note((module, name), "named")
        return Global(module, name)

    def folded(self, callee, args):
        """What a call that only names something gives: the same as `fold.rs` makes of it."""
        module, name = callee.key
        if name in ("getattr", "_get_attr") and len(args) == 2 and isinstance(args[1], str):
            owner = args[0].key if isinstance(args[0], Global) else getattr(args[0], "callee", None)
            if owner is not None:
                return owner[0], (owner[1] + "." if owner[1] else "") + args[1]
        elif name == "_ufunc_reconstruct":
            return tuple(args)
        elif name in ("_import_module", "subimport"):
            return args[0], ""
        elif name == "_create_namedtuple":
            return args[2], args[0]
        elif name == "_builtin_type":
            return "types", args[0]
        elif name == "_load_type":
            return DILL_TYPES.get(args[0]) or ("types" if args[0].endswith("Type") else "builtins", args[0])
        return None

    def persistent_load(self, pid):
        """Torch's legacy layout wraps the class of a whole module in an id, with its source text."""
        return pid[1] if isinstance(pid, tuple) and pid[:1] == ("module",) else PersistentId()

    def called(self, callee, how, args):
        if not isinstance(callee, Global):
            raise ValueError("a call on a computed callee: %r" % how)
        folded = self.folded(callee, args) if how == "reduce" else None
        if folded is not None:
            if folded[1]:
                self.note(folded, "named")
            return Global(*folded)
        self.note(callee.key, how, args)
        if callee.key in APPLYING:
            function, given = APPLYING[callee.key]
            self.called(args[function], "reduce", args[given])
        elif callee.key == ("torch.storage", "_load_from_bytes"):
            self.load_file(args[0])
        if callee.key[1] == "_reconstructor":  # the construction of protocols 0 and 1
            self.note(args[0].key, "newobj", [])
            return Result(args[0].key, [])
        return Result(callee.key, args)

    def load_reduce(self):
        args = self.stack.pop()
        self.stack[-1] = self.called(self.stack[-1], "reduce", args)

    def load_newobj(self):
        args = self.stack.pop()
        self.stack[-1] = self.called(self.stack[-1], "newobj", args)

    def load_newobj_ex(self):
        kwargs, args = self.stack.pop(), self.stack.pop()
        self.stack[-1] = self.called(self.stack[-1], "newobj", list(args) + list(kwargs.values()))

    def _instantiate(self, cls, args):
        self.append(self.called(cls, "inst", args))

    def load_build(self):
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, Result):
            self.note(target.callee, "build")
            if target.callee[1] == "NumpyArrayWrapper":
                self.skip_array(state)
        elif isinstance(target, Global):
            raise ValueError("BUILD on a global")

    def load_file(self, data):
        """What torch.save wrote into a string."""
        if isinstance(data, Result):  # text that a call encodes, below protocol 3
            data = data.arguments[0].encode("latin1")
        stream = io.BytesIO(data)
        if data[:2] == b"PK":
            archive = zipfile.ZipFile(stream)
            parts = [archive.read(name) for name in archive.namelist() if name.endswith("data.pkl")]
            for part in parts:
                Tracer(io.BytesIO(part), self.notes).load()
        else:
            for _ in range(4):  # magic, protocol, system, and the object itself
                Tracer(stream, self.notes).load()

    def skip_array(self, state):
        """Joblib puts an array's bytes right behind the BUILD of its wrapper."""
        import numpy
        dtype = numpy.dtype(state["dtype"].arguments[0])
        if dtype.hasobject:
            Tracer(self.stream, self.notes).load()
            return
        if state.get("numpy_array_alignment_bytes") is not None:
            self.stream.read(self.stream.read(1)[0])
        count = 1
        for extent in state["shape"]:
            count *= extent
        self.stream.read(count * dtype.itemsize)

    def filled(self, target, how):
        if isinstance(target, Result):
            self.note(target.callee, how)

    def load_setitem(self):
        value, key = self.stack.pop(), self.stack.pop()
        self.filled(self.stack[-1], "setitems")
        if isinstance(self.stack[-1], dict):
            self.stack[-1][hashable(key)] = value

    def load_setitems(self):
        items = self.pop_mark()
        self.filled(self.stack[-1], "setitems")
        if isinstance(self.stack[-1], dict):
            self.stack[-1].update((hashable(items[i]), items[i + 1]) for i in range(0, len(items), 2))

    def load_append(self):
        value = self.stack.pop()
        self.filled(self.stack[-1], "appends")
        if isinstance(self.stack[-1], list):
            self.stack[-1].append(value)

    def load_appends(self):
        items = self.pop_mark()
        self.filled(self.stack[-1], "appends")
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    def load_additems(self):
        self.pop_mark()
        self.filled(self.stack[-1], "additems")


def hashable(key):
    try:
        hash(key)
        return key
    except TypeError:
        return id(key)


for _opcode in ("REDUCE", "NEWOBJ", "NEWOBJ_EX", "BUILD", "SETITEM", "SETITEMS", "APPEND", "APPENDS", "ADDITEMS"):
    Tracer.dispatch[getattr(pickle, _opcode)[0]] = getattr(Tracer, "load_" + _opcode.lower())
