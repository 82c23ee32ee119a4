"""Reads a pickle without resolving anything, and notes which globals it names and how it uses them."""

import pickle


class Global:
    def __init__(self, module, name):
        self.key = (module, name)


class Result:
    def __init__(self, callee, arguments):
        self.callee, self.arguments = callee, arguments


class PersistentId:
    pass


KINDS = [(type(None), "none"), (bool, "bool"), (int, "int"), (float, "float"), (str, "str"),
         ((bytes, bytearray), "bytes"), (tuple, "tuple"), (list, "list"), (dict, "dict"), ((set, frozenset), "set"),
         (Global, "global"), (PersistentId, "persid"), (Result, "object")]


def kind_of(value):
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

    def persistent_load(self, pid):
        """Torch's legacy layout wraps the class of a whole module in an id, with its source text."""
        return pid[1] if isinstance(pid, tuple) and pid[:1] == ("module",) else PersistentId()

    def called(self, callee, how, args):
        if not isinstance(callee, Global):
            raise ValueError("a call on a computed callee: %r" % how)
        self.note(callee.key, how, args)
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
