#!/usr/bin/env python3
"""Compares `casemate model convert` with what torch and NumPy load, bit by bit.

    differential.py write DIR              writes checkpoints with the torch and NumPy at hand
    differential.py check DIR CASEMATE     converts each, and compares

`write` runs with any torch from 1.13 on, `check` wants a current torch, NumPy and safetensors. Every
dtype meets every layout in every form: zip, legacy and tar, pickle protocols 2 to 5. What the reference
library would write for the same tensors is compared byte by byte as well. Where joblib is at hand, its
files are compared too, in every compression that it has.
"""

import bz2
import collections
import gzip
import io
import json
import lzma
import pathlib
import pickle
import struct
import subprocess
import sys
import tarfile
import warnings
import zipfile
import zlib

import numpy
import torch

warnings.filterwarnings("ignore")

CONVERTED = """bool uint8 int8 int16 uint16 float16 bfloat16 int32 uint32 float32 complex64 float64
int64 uint64 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu
float4_e2m1fn_x2""".split()
REFUSED = ["complex128", "complex32"]


def have(names):
    return [getattr(torch, name) for name in names if hasattr(torch, name)]


def random(dtype, count):
    """Any bits at all, except that a bool is 0 or 1."""
    size = torch.empty(0, dtype=dtype).element_size()
    raw = torch.randint(0, 256, (count * size,), dtype=torch.uint8)
    if dtype == torch.bool:
        return raw > 127
    return raw.view(dtype)


def untyped(tensor):
    return tensor.untyped_storage() if hasattr(tensor, "untyped_storage") else tensor.storage()._storage


def layouts(dtype):
    """Views of every kind, by name."""
    flat = random(dtype, 360)
    square = flat[:300].view(15, 20)
    deep = random(dtype, 2 * 3 * 4 * 5).view(2, 3, 4, 5)
    yield "contiguous", flat.view(18, 20)
    yield "transposed", square.t()
    yield "sliced", square[2::3, 1:19:2]
    yield "column", square[:, 3]
    yield "row", square[3]
    yield "expanded", random(dtype, 4).view(4, 1).expand(4, 6)
    yield "everywhere", random(dtype, 1).expand(3, 5)
    yield "permuted", deep.permute(3, 0, 2, 1)
    yield "windows", flat.as_strided((20, 7), (3, 2), 5)
    yield "one", random(dtype, 7)[3:4].view(1, 1, 1)
    yield "empty", random(dtype, 0)
    yield "empty-two", random(dtype, 6).view(2, 3)[:, :0]
    yield "shared.a", square
    yield "shared.b", square[5:, :7]
    if "float4" not in str(dtype):
        yield "zero-dim", random(dtype, 3)[1]


def forms():
    for protocol in (2, 3, 4, 5):
        yield f"zip-{protocol}", dict(pickle_protocol=protocol)
        yield f"legacy-{protocol}", dict(pickle_protocol=protocol, _use_new_zipfile_serialization=False)


class Module(torch.nn.Module):
    pass


def module():
    return torch.nn.Sequential(
        collections.OrderedDict(
            first=torch.nn.Linear(4, 3),
            norm=torch.nn.BatchNorm1d(3),
            more=torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(3, 2, bias=False)),
        )
    )


def checkpoint():
    """What training writes: parameters, an optimizer, and values beside them."""
    model = module()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, betas=(0.9, 0.999))
    model(torch.randn(5, 4)).sum().backward()
    optimizer.step()
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "epoch": 7,
        "loss": 0.1 + 0.2,
        "name": 'a "name"\n',
        "best": numpy.float64(0.25),
        "flags": [True, None, (1, 2.5)],
        3: {"nested": [torch.arange(3), torch.arange(2.0)]},
        "parameter": torch.nn.Parameter(torch.randn(3, 2).t()),
        "array": numpy.arange(12.0).reshape(3, 4).T,
    }


def write(folder):
    torch.manual_seed(1)
    folder.mkdir(parents=True, exist_ok=True)
    for form, options in forms():
        for dtype in have(CONVERTED):
            name = str(dtype).split(".")[1]
            tensors = dict(layouts(dtype))
            try:
                torch.save(tensors, folder / f"{name}.{form}.pt", **options)
            except (RuntimeError, NotImplementedError) as error:
                print(f"{name}.{form}: {error}", file=sys.stderr)
        for name in ("module", "checkpoint", "alone"):
            value = {"module": module, "checkpoint": checkpoint, "alone": lambda: torch.randn(3, 4)}[name]()
            torch.save(value, folder / f"{name}.{form}.pt", **options)
    for name, value in refused():
        path = folder / f"{name}.refused.pt"
        try:
            torch.save({"good": torch.arange(4), "bad": value}, path)
        except KeyError:
            # Older versions know the dtype, and cannot write it.
            path.unlink()
    arrays(folder)
    swapped(folder)
    for dtype in STORAGES:
        tar(dict(layouts(getattr(torch, dtype))), folder / f"{dtype}.tar.pt")
    joblibs(folder)
    for name in ("float32.legacy-2.pt", "little.f4.f.npy"):
        for suffix, pack in PACKED.items():
            (folder / f"{name}.{suffix}").write_bytes(pack((folder / name).read_bytes()))


def refused():
    """What safetensors has no place for."""
    for dtype in have(REFUSED):
        yield str(dtype).split(".")[1], random(dtype, 4)
    yield "sparse", torch.eye(3).to_sparse()
    yield "csr", torch.eye(3).to_sparse_csr()
    yield "quantized", torch.quantize_per_tensor(torch.randn(4), 0.1, 3, torch.qint8)
    yield "meta", torch.empty(3, device="meta")
    if hasattr(torch._utils, "get_tensor_metadata"):
        yield "conjugated", torch.randn(3, dtype=torch.complex64).conj()
    yield "class", torch.nn.Linear
    yield "storage", torch.arange(4).untyped_storage() if hasattr(torch.arange(1), "untyped_storage") else torch.arange(4).storage()


STORAGES = {
    "float64": "Double", "float32": "Float", "float16": "Half", "int64": "Long", "int32": "Int", "int16": "Short",
    "int8": "Char", "uint8": "Byte",
}


def tar(tensors, path):
    """Writes a file as torch did before version 0.1.10: numbered storages, tensors of them, and an object that asks
    for those by their numbers. A storage that several tensors share is there once, and a part of it as a view."""
    storages, views, described, numbers = {}, [], [], {}
    for name, tensor in tensors.items():
        raw = untyped(tensor)
        root = storages.setdefault(raw.data_ptr(), (len(storages) + 1, tensor.dtype, raw))[0]
        key, offset, size = root, tensor.storage_offset(), tensor.element_size()
        if offset:
            # As `storage[offset:]` was saved.
            key = 1000 + len(views)
            views.append((key, root, offset, len(raw) // size - offset))
        numbers[name] = 2000 + len(described)
        kind = getattr(torch, STORAGES[str(tensor.dtype).split(".")[1]] + "Tensor")
        described.append((numbers[name], key, kind, tensor.shape, tensor.stride(), 0))
    record = {name: io.BytesIO() for name in ("storages", "tensors", "pickle")}
    put = lambda name, value: pickle.dump(value, record[name], 2)
    put("storages", len(storages))
    for key, dtype, raw in storages.values():
        name = str(dtype).split(".")[1]
        put("storages", (key, "cpu", getattr(torch, STORAGES[name] + "Storage")))
        record["storages"].write(struct.pack("<q", len(raw) // torch.empty(0, dtype=dtype).element_size()) + bytes(raw.tolist()))
    put("storages", views)
    put("tensors", len(described))
    for key, storage, kind, sizes, strides, offset in described:
        put("tensors", (key, storage, kind))
        numbers_of = struct.pack(f"<i4x{2 * len(sizes) + 1}q", len(sizes), *sizes, *strides, offset)
        record["tensors"].write(numbers_of)

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return str(value.number) if isinstance(value, Numbered) else None

    Pickler(record["pickle"], 2).dump({name: Numbered(number) for name, number in numbers.items()})
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as file:
        for name, body in record.items():
            entry = tarfile.TarInfo(name)
            entry.size = body.tell()
            body.seek(0)
            file.addfile(entry, body)


class Numbered:
    def __init__(self, number):
        self.number = number


PACKED = {"gz": lambda data: gzip.compress(data, mtime=0), "bz2": bz2.compress, "xz": lzma.compress, "z": zlib.compress}


def joblibs(folder):
    try:
        import joblib
    except ImportError:
        return
    rng = numpy.random.default_rng(1)
    values = {"epoch": 3}
    for order in "<>":
        for code in CODES:
            dtype = numpy.dtype(order + code)
            flat = rng.integers(0, 256, 120 * dtype.itemsize, dtype=numpy.uint8)
            flat = (flat > 127) if code == "b1" else flat.view(dtype)
            values[order == "<" and f"little.{code}" or f"big.{code}"] = [flat.reshape(2, 3, 20), numpy.asfortranarray(flat.reshape(20, 6))]
    # More than is held in memory, so that it is read forward: contiguous, of both orders, and shared.
    large = rng.integers(0, 256, (2300, 2000), dtype=numpy.uint8).astype("f8")
    wide = {"b": {"z": large}, "a": {"y": numpy.asfortranarray(large[:1000] + 1)}, "c": large[::2] * 2}
    for method in ("zlib", "gzip", "bz2", "xz", "lzma", "lz4"):
        joblib.dump(values, folder / f"{method}.joblib", compress=(method, 3))
    joblib.dump(values, folder / "raw.joblib")
    joblib.dump(wide, folder / "wide.joblib", compress=("zlib", 1))


CODES = "b1 i1 u1 i2 u2 f2 i4 u4 f4 i8 u8 f8 c8".split()


def arrays(folder):
    rng = numpy.random.default_rng(1)
    for order in "<>":
        values = {}
        for code in CODES:
            dtype = numpy.dtype(order + code)
            flat = rng.integers(0, 256, 120 * dtype.itemsize, dtype=numpy.uint8)
            flat = (flat > 127) if code == "b1" else flat.view(dtype)
            values[f"{code}.c"] = flat.reshape(2, 3, 20)
            values[f"{code}.f"] = numpy.asfortranarray(flat.reshape(20, 6))
            values[f"{code}.zero"] = flat[3].reshape(())
            values[f"{code}.empty"] = flat[:0].reshape(0, 3)
        name = "little" if order == "<" else "big"
        numpy.savez(folder / f"{name}.npz", **values)
        numpy.savez_compressed(folder / f"{name}.packed.npz", **values)
        for key, value in values.items():
            numpy.save(folder / f"{name}.{key}.npy", value)
    for name, value in {
        "complex128": numpy.zeros(3, "c16"),
        "text": numpy.array(["a", "bc"]),
        "bytes": numpy.array([b"a", b"bc"]),
        "fields": numpy.zeros(3, [("a", "f4"), ("b", "i8")]),
        "dates": numpy.zeros(3, "M8[s]"),
        "objects": numpy.array([{}, None]),
        "long-double": numpy.zeros(2, numpy.longdouble),
    }.items():
        numpy.savez(folder / f"{name}.refused.npz", good=numpy.arange(4), bad=value)


def swapped(folder):
    for name in "float32 int64 complex64 bfloat16 bool uint8".split():
        swap(dict(layouts(getattr(torch, name))), folder / f"{name}.big-endian.pt")


def swap(value, path):
    """Writes a file as a machine with the big end first does, which torch turns around when it loads it."""
    native = path.with_suffix(".tmp")
    torch.save(value, native)
    units = {}
    for _, tensor in flattened(value):
        raw = untyped(tensor)
        unit = tensor.element_size() // (2 if tensor.dtype.is_complex else 1)
        units[bytes(raw.tolist())] = unit
    with zipfile.ZipFile(native) as source, zipfile.ZipFile(path, "w") as target:
        for entry in source.namelist():
            data = source.read(entry)
            if "/data/" in entry:
                unit = units[data]
                data = numpy.frombuffer(data, numpy.uint8).reshape(-1, unit)[:, ::-1].tobytes()
            if entry.endswith("/byteorder"):
                data = b"big"
            target.writestr(zipfile.ZipInfo(entry), data)
    native.unlink()


def flattened(value, name=""):
    """The tensors of what was loaded, under the names that a conversion gives them."""
    join = lambda key: f"{name}.{key}" if name else str(key)
    if isinstance(value, torch.Tensor):
        yield name or "tensor", value.detach()
    elif isinstance(value, numpy.ndarray):
        yield name or "tensor", torch.from_numpy(numpy.ascontiguousarray(value).reshape(value.shape))
    elif isinstance(value, torch.nn.Module):
        yield from flattened(value.state_dict(), name)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from flattened(item, join(key))
    elif isinstance(value, (list, tuple)) and not plain(value):
        for key, item in enumerate(value):
            yield from flattened(item, join(key))


def plain(value):
    if isinstance(value, (list, tuple)):
        return all(map(plain, value))
    if isinstance(value, dict):
        return all(map(plain, value.values()))
    return not isinstance(value, (torch.Tensor, numpy.ndarray))


def bits(tensor):
    contiguous = tensor.contiguous().clone()
    if contiguous.numel() == 0:
        return b""
    return contiguous.reshape(-1).view(torch.uint8).numpy().tobytes()


def loaded(path):
    if path.suffix.lstrip(".") in PACKED:
        unpack = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress, ".z": zlib.decompress}
        inner = path.with_name("unpacked" + pathlib.Path(path.stem).suffix)
        inner.write_bytes(unpack[path.suffix](path.read_bytes()))
        tensors = loaded(inner)
        inner.unlink()
        return tensors
    if path.suffix == ".joblib":
        import joblib

        value = joblib.load(path)
        return {key: torch.from_numpy(little_endian(array)) for key, array in arrays_of(value)}
    if path.suffix == ".pt":
        return dict(flattened(torch.load(path, weights_only=False, map_location="cpu")))
    value = numpy.load(path, allow_pickle=True)
    if path.suffix == ".npy":
        value = {"tensor": value}
    return {key: torch.from_numpy(little_endian(value[key])) for key in value}


def little_endian(array):
    swapped = array.astype(array.dtype.newbyteorder("<"), copy=True)
    return numpy.ascontiguousarray(swapped).reshape(array.shape)


def arrays_of(value, name=""):
    """The arrays of what joblib loads, under the names that a conversion gives them."""
    if isinstance(value, numpy.ndarray):
        yield name, value
        return
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from arrays_of(item, f"{name}.{key}" if name else str(key))


def check(folder, casemate):
    from safetensors import safe_open
    from safetensors.torch import save_file

    seen = collections.Counter()
    for path in sorted(folder.iterdir()):
        if ".refused." in path.name:
            check_refused(path, folder, casemate)
            seen["refused"] += 1
            continue
        if path.suffix not in (".pt", ".npz", ".npy", ".joblib", *(f".{suffix}" for suffix in PACKED)):
            continue
        out = folder / "out.safetensors"
        command = [casemate, "model", "convert", path, out, "--force", "--format", "json"]
        run = subprocess.run(command, capture_output=True, text=True)
        assert run.stdout, (path, run.stderr)
        told = json.loads(run.stdout)
        why = told["reason"], told["refused"], told["inputs"]
        assert run.returncode == 0, (path, why, run.stderr)
        try:
            expected = loaded(path)
        except AttributeError:
            # torch writes its newer dtypes into the legacy form, and cannot read them from it.
            assert "legacy" in path.name, path
            seen["files that torch wrote and does not load"] += 1
            continue
        with safe_open(out, "pt") as file:
            found = {key: file.get_tensor(key) for key in file.keys()}
            metadata = file.metadata()
        assert set(found) == set(expected), (path, set(found) ^ set(expected))
        for name, tensor in expected.items():
            other = found[name]
            assert other.dtype == tensor.dtype, (path, name, other.dtype, tensor.dtype)
            assert other.shape == tensor.shape, (path, name, other.shape, tensor.shape)
            assert bits(other) == bits(tensor), (path, name)
            seen["tensors"] += 1
        seen["files"] += 1
        if len(metadata) == 1:
            save_file({k: v.contiguous().clone() for k, v in expected.items()}, folder / "reference", metadata)
            assert (folder / "reference").read_bytes() == out.read_bytes(), path
            seen["files as the reference writes them"] += 1
        if path.name.startswith("checkpoint"):
            assert json.loads(metadata["name"]) == 'a "name"\n', metadata
            assert json.loads(metadata["loss"]) == 0.1 + 0.2, metadata
            assert json.loads(metadata["flags"]) == [True, None, [1, 2.5]], metadata
            assert json.loads(metadata["best"]) == 0.25 and metadata["epoch"] == "7", metadata
        assert told["written"] and not told["refused"], told
    print(dict(seen))


def check_refused(path, folder, casemate):
    from safetensors import safe_open

    out = folder / "out.safetensors"
    out.unlink(missing_ok=True)
    command = [casemate, "model", "convert", path, out, "--format", "json"]
    run = subprocess.run(command, capture_output=True, text=True)
    told = json.loads(run.stdout)
    assert run.returncode == 1 and not out.exists(), (path, run.stdout)
    names = [refused["name"] for refused in told["refused"]]
    assert names == ["bad"], (path, told)
    run = subprocess.run([*command, "--salvage"], capture_output=True, text=True)
    assert run.returncode == 1 and out.exists(), (path, run.stdout)
    with safe_open(out, "np") as file:
        assert list(file.keys()) == ["good"], path
        assert file.get_tensor("good").tolist() == [0, 1, 2, 3], path
    print(f"{path.name}: {told['refused'][0]['reason']}")


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(pathlib.Path(sys.argv[2]))
    else:
        check(pathlib.Path(sys.argv[2]), sys.argv[3])
