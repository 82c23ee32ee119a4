"""The files that are scanned: the same bytes on every run, by seed, without torch."""
import bz2
import gzip
import io
import pickle
import random
import shutil
import struct
import sys
import zipfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
sys.dont_write_bytecode = True
sys.path.insert(0, str(FIXTURES / "pickle-tricks"))
from asm import *
import boxes

SEED = 20250824
MIB = 1 << 20


def tiny(folder):
    path = folder / "tiny.pkl"
    path.write_bytes(evil(4))
    return path


def torch_zip_2gib(folder, tensors=256, each=8 * MIB):
    """A state dict of `tensors` tensors of zeros as torch.save writes it: stored members, holes for their bytes."""
    path = folder / "checkpoint.pt"
    floats = each // 4
    state = call(glob("collections", "OrderedDict")) + MARK
    for index in range(tensors):
        storage = (MARK + text("storage") + glob("torch", "FloatStorage") + text(str(index)) + text("cpu")
                   + number(floats) + TUPLE + BINPERSID)
        state += text(f"layers.{index}.weight") + call(
            glob("torch._utils", "_rebuild_tensor_v2"), storage, number(0), number(floats) + TUPLE1,
            number(1) + TUPLE1, b"\x89", call(glob("collections", "OrderedDict")))
    members = [("archive/data.pkl", pickled(state, SETITEMS, version=2)), ("archive/byteorder", b"little")]
    members += [(f"archive/data/{index}", None) for index in range(tensors)] + [("archive/version", b"3\n")]
    zeros, central = zlib.crc32(bytes(each)), b""
    with open(path, "wb") as file:
        for name, data in members:
            at, raw = file.tell(), name.encode()
            size = each if data is None else len(data)
            crc = zeros if data is None else zlib.crc32(data)
            # torch begins each member's bytes on a multiple of 64, by way of a field "FB" that means nothing.
            padding = -(at + 30 + len(raw) + 4) % 64
            extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
            fixed = struct.pack("<HHHHHIII", 0, 0, 0, 0, boxes.DOS_DATE, crc, size, size)
            file.write(b"PK\3\4" + fixed + struct.pack("<HH", len(raw), len(extra)) + raw + extra)
            if data is None:
                file.seek(each, io.SEEK_CUR)
            else:
                file.write(data)
            central += (b"PK\1\2" + struct.pack("<H", 0) + fixed
                        + struct.pack("<HHHHHII", len(raw), 0, 0, 0, 0, 0, at) + raw)
        start = file.tell()
        file.write(central + b"PK\5\6" + struct.pack(
            "<HHHHIIH", 0, 0, len(members), len(members), len(central), start, 0))
    return path


def dense(folder, dicts=1_000_000):
    """A list of a million small dictionaries: nearly every byte is an opcode."""
    path = folder / "dense.pkl"
    with open(path, "wb") as file:
        pickle.dump([{"id": i, "half": i / 2, "even": i % 2 == 0, "of": (i & 255, None, i)} for i in range(dicts)], file, 4)
    return path


def small_files(folder, count=1000):
    into = folder / "small"
    into.mkdir()
    source = random.Random(SEED)
    for index in range(count):
        (into / f"{index:04}.pkl").write_bytes(pickle.dumps(plain(source, 40), index % 6))
    return into


def plain(source, size):
    """A tree of plain values, about `size` of them."""
    if size <= 1:
        return source.choice([None, True, source.randrange(1 << 40), source.random(), f"v{source.randrange(999)}", b"x"])
    parts = [plain(source, size // 4) for _ in range(4)]
    return source.choice([list, tuple, lambda p: {f"k{i}": v for i, v in enumerate(p)}])(parts)


# ---- What is to be told apart ----------------------------------------------------------------------------------------

# Module, name, assembled arguments; each is called in each of the forms below.
CALLED = [
    ("os", "system", [text("true")]), ("subprocess", "Popen", [EMPTY_LIST + text("true") + APPEND]),
    ("builtins", "eval", [text("1")]), ("builtins", "exec", [text("pass")]), ("runpy", "run_path", [text("/dev/null")]),
    ("pty", "spawn", [text("true")]), ("webbrowser", "open", [text("http://localhost")]),
    ("importlib", "import_module", [text("this")]), ("pkgutil", "resolve_name", [text("os:system")]),
    ("ctypes", "CDLL", [NONE]), ("shutil", "rmtree", [text("/nonexistent")]), ("socket", "create_connection", [EMPTY_TUPLE]),
    ("pip", "main", [EMPTY_LIST]), ("code", "interact", []), ("bdb", "Bdb", []), ("cProfile", "run", [text("pass")]),
    ("timeit", "timeit", [text("pass")]), ("marshal", "loads", [blob(b"N")]), ("pickle", "loads", [blob(b"N.")]),
    ("numpy.testing._private.utils", "runstring", [text("pass"), EMPTY_DICT]), ("numpy", "load", [text("x.npy")]),
    ("torch.hub", "load", [text("x")]), ("torch", "load", [text("x.pt")]), ("joblib", "load", [text("x")]),
    ("pandas", "read_pickle", [text("x")]), ("yaml", "unsafe_load", [text("x")]),
    ("multiprocessing.util", "spawnv_passfds", [text("true"), EMPTY_LIST, EMPTY_LIST]),
    ("http.server", "test", []), ("smtplib", "SMTP", [text("127.0.0.1")]), ("logging.config", "listen", []),
    ("_posixsubprocess", "fork_exec", [EMPTY_TUPLE]), ("acme.models", "Restorer", [text("x")]),
]


def as_text(module, name, arguments):
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n" + MARK + b"".join(arguments) + TUPLE + REDUCE + STOP


def as_protocol_2(module, name, arguments):
    return pickled(call(glob(module, name), *arguments), version=2)


def as_protocol_4(module, name, arguments):
    body = short(module) + MEMOIZE + short(name) + MEMOIZE + STACK_GLOBAL + MEMOIZE
    return proto(4) + frame(body + MARK + b"".join(arguments) + TUPLE + MEMOIZE + REDUCE + MEMOIZE + STOP)


def as_inst(module, name, arguments):
    return MARK + b"".join(arguments) + inst(module, name) + STOP


def as_obj(module, name, arguments):
    return pickled(MARK, stack_glob(module, name), *arguments, OBJ)


def as_memo(module, name, arguments):
    return pickled(short(name), put(9), POP, short(module), put(4), POP, get(4), get(9), STACK_GLOBAL, MARK,
                   *arguments, TUPLE, REDUCE)


def as_hidden(module, name, arguments):
    """Among the entries of a state dict, its result thrown away."""
    return pickled(call(glob("collections", "OrderedDict")), MARK, text("bias"), number(1),
                   call(glob(module, name), *arguments), POP, text("scale"), number(2), SETITEMS, version=2)


def as_second(module, name, arguments):
    return pickled(EMPTY_DICT) + as_protocol_2(module, name, arguments)


def as_broken(module, name, arguments):
    return proto(4) + call(glob(module, name), *arguments) + b"\xff"


def as_torch(module, name, arguments):
    return boxes.torch_zip(as_protocol_2(module, name, arguments))


def as_gzip(module, name, arguments):
    return boxes.gzip(as_protocol_4(module, name, arguments))


def as_npy(module, name, arguments):
    return boxes.npy("'|O'", "(1,)", as_protocol_4(module, name, arguments))


FORMS = [(as_text, ".pkl"), (as_protocol_2, ".pkl"), (as_protocol_4, ".pkl"), (as_inst, ".pkl"), (as_obj, ".pkl"),
         (as_memo, ".pkl"), (as_hidden, ".pkl"), (as_second, ".pkl"), (as_broken, ".pkl"), (as_torch, ".pt"),
         (as_gzip, ".pkl.gz"), (as_npy, ".npy")]


def malicious(folder):
    """Our tricks, and a seeded half of all calls in all forms."""
    into = folder / "malicious"
    into.mkdir()
    kept = {"tricks.toml", "advisories.toml", ".gitattributes"}
    for path in sorted((FIXTURES / "pickle-tricks").iterdir()):
        if path.is_file() and path.name not in kept and path.suffix != ".py":
            shutil.copy(path, into / f"trick-{path.name}")
    every = [(what, form) for what in CALLED for form in FORMS]
    for (module, name, arguments), (form, ending) in random.Random(SEED).sample(every, len(every) // 2):
        label = form.__name__.replace("as_", "").replace("_", "-")
        (into / f"call-{module}.{name}-{label}{ending}").write_bytes(form(module, name, arguments))
    return sorted(into.iterdir())


def benign(folder, dumps):
    """Our fixtures by real libraries, plain values in every protocol, and `dumps`, the dumps of a pinned scikit-learn."""
    into = folder / "benign"
    into.mkdir()
    for path in sorted((FIXTURES / "pickle-benign").iterdir()):
        if path.is_file() and path.suffix not in (".py", ".toml") and not path.name.startswith("."):
            shutil.copy(path, into / f"fixture-{path.name}")
    source = random.Random(SEED + 1)
    for index in range(24):
        data = pickle.dumps(plain(source, 200), index % 6)
        (into / f"plain-{index:02}.pkl").write_bytes(data)
    data = pickle.dumps(plain(source, 200), 4)
    (into / "plain.pkl.gz").write_bytes(gzip.compress(data, mtime=0))
    (into / "plain.pkl.bz2").write_bytes(bz2.compress(data))
    with zipfile.ZipFile(into / "plain.zip", "w") as box:
        box.writestr(zipfile.ZipInfo("values.pkl"), data)
    for path in sorted(dumps.iterdir()) if dumps else []:
        shutil.copy(path, into / f"sklearn-{path.name}")
    return sorted(into.iterdir())
