"""Derives the allowlist of operators that code in a model may call: TorchScript and exported programs.

    python3 torchscript.py observe FILE.json     # in an environment that has torch, once for each version
    python3 torchscript.py write FILE.json...    # writes torchscript.toml beside this file

`observe` asks torch for the schemas of every operator and class that it registers by itself. `write` merges the
observations and leaves out what DENIED names or what a schema shows to leave the computation: processes of other
machines, Python objects, streams of a device. What is left out of a namespace that is listed is kept by name, so that
a method of the same name is not taken for the model's own. A row says that torch itself has the operator; that it only
computes is the work of DENIED and of whoever reads what a new version adds.
"""

import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent

# Namespaces of operators that compute. The others send messages to other processes, are parts of a compiler that no
# file calls by name, or tests.
NAMESPACES = [
    "aten", "prim", "prims", "quantized", "_quantized", "sparse", "quantization", "mkldnn", "mkldnn_prepacked", "onednn",
    "prepacked", "static_runtime",
]

# Operators that only an attack needs: (namespace, name, predicate of a sentence).
DANGEROUS = [
    ("aten", "save", "writes a file"),
    ("aten", "from_file", "reads or writes a file through memory"),
    ("prim", "rpc_async", "calls another machine"),
    ("prim", "rpc_remote", "calls another machine"),
    ("prim", "rpc_sync", "calls another machine"),
]

# Operators that are not allowed: (namespace, pattern of the whole name, why).
DENIED = [
    ("aten", "_test_.*|_foobar", "tests"),
    ("aten", "to_here|local_value|owner|owner_name|is_owner|confirmed_by_owner|.*rref.*", "objects of other machines"),
    ("aten", ".*_unsafe|_nested_view_from_buffer.*|_propagate_xla_data", "trusts what it is given about memory"),
    ("prim", "rpc_.*", "calls another machine"),
    ("prim", "PythonOp|IgnoredPythonOp", "calls Python"),
    ("prim", "id|AddStatValue|TimePoint|profile.*", "tells about the process"),
    ("prim", ".*Group|.*Graph|.*Subgraph|.*Guard|BailOut.*|BailoutTemplate|TypeCheck|RequiresGradCheck|StaticRuntime.*",
     "carries a graph, which no source can spell"),
]

# Operators of exported programs that are given graphs and call them. Others take code of another kind: kernels in
# Triton, compiled libraries, objects of a class.
HIGHER_ORDER = [
    "associative_scan", "cond", "flex_attention", "hints_wrapper", "invoke_subgraph", "map_impl", "out_dtype", "scan",
    "strict_mode", "while_loop", "wrap_with_autocast", "wrap_with_set_grad_enabled",
]

# Types in a schema that no computation needs.
FOREIGN = re.compile(r"RRef|ProcessGroup|PyObject|classes\.(c10d|dist_rpc|_nnapi|profiling|backendutils)")

# Classes that a model's state may hold, and why each is here.
CLASSES = {
    "quantized": "packed weights", "sparse": "packed weights", "rnn": "packed weights", "mkldnn": "packed weights",
    "xnnpack": "packed weights",
}

# Functions of torch/jit/_pickle.py, which give back what they are given.
BUILDERS = {
    "build_boollist": ["list"], "build_doublelist": ["list"], "build_intlist": ["list"], "build_tensorlist": ["list"],
    "restore_type_tag": ["any", "str"],
}


def observe(path):
    import torch

    operators = {}
    for schema in torch._C._jit_get_all_schemas():
        namespace, name = schema.name.split("::", 1)
        if namespace in NAMESPACES:
            operators.setdefault(namespace, {}).setdefault(name, []).append(str(schema))
    try:
        from torch._export.serde.serialize import _SYM_OPS
        for function in _SYM_OPS:
            operators.setdefault(function.__module__, {})[function.__name__] = []
        for name in HIGHER_ORDER:
            if hasattr(torch.ops.higher_order, name):
                operators.setdefault("higher_order", {})[name] = []
    except ImportError:
        pass  # before torch 2.1
    classes = {}
    for schema in torch._C._jit_get_custom_class_schemas():
        owner = re.match(r"__torch__\.torch\.classes\.(\S+)", str(schema.arguments[0].type))
        if owner:
            classes.setdefault(owner[1], []).append(schema.name)
    found = {"torch": torch.__version__.split("+")[0], "operators": operators, "classes": classes}
    pathlib.Path(path).write_text(json.dumps(found, indent=1, sort_keys=True))


def is_allowed(namespace, name, schemas):
    if any(namespace == row[0] and name == row[1] for row in DANGEROUS):
        return False
    if any(namespace == row[0] and re.fullmatch(row[1], name) for row in DENIED):
        return False
    return not any(FOREIGN.search(schema) for schema in schemas)


def versions(seen):
    return f"torch {seen[0]}" if len(seen) == 1 else f"torch {seen[0]} to {seen[-1]}"


def lines(names):
    """A TOML array, some names to a line."""
    out, line = ["["], "   "
    for name in sorted(names):
        item = f' "{name}",'
        if len(line) + len(item) > 118:
            out.append(line)
            line = "   "
        line += item
    return "\n".join([*out, line, "]"]) if names else "[]"


def write(paths):
    found = sorted((json.loads(pathlib.Path(path).read_text()) for path in paths),
                   key=lambda one: [int(part) for part in one["torch"].split(".")])
    allowed, refused, classes = {}, {}, {}
    for one in found:
        for namespace, operators in one["operators"].items():
            for name, schemas in operators.items():
                table = allowed if is_allowed(namespace, name, schemas) else refused
                table.setdefault((namespace, name), []).append(one["torch"])
        for name, methods in one["classes"].items():
            if name.split(".")[0] in CLASSES:
                seen = classes.setdefault(name, ([], set()))
                seen[0].append(one["torch"])
                seen[1].update(methods)
    for key in refused:
        allowed.pop(key, None)
    text = f"""# Operators that code in a model may call, and those of the same namespaces that it may not.
# Written by torchscript.py from torch {", ".join(one["torch"] for one in found)}. `evidence`: the versions whose registry has them.
"""
    for table, key in ((allowed, "names"), (refused, "refused")):
        rows = {}
        for (namespace, name), seen in table.items():
            rows.setdefault((namespace, versions(seen)), []).append(name)
        for (namespace, evidence), names in sorted(rows.items()):
            text += f'\n[[operators]]\nnamespace = "{namespace}"\nevidence = "{evidence}"\n{key} = {lines(names)}\n'
    for namespace, name, what in DANGEROUS:
        text += f'\n[[dangerous_operator]]\nnamespace = "{namespace}"\nname = "{name}"\nwhat = "{what}"\n'
    for name, (seen, methods) in sorted(classes.items()):
        text += (f'\n[[operator_class]]\nname = "{name}"\nevidence = "{versions(seen)}: {CLASSES[name.split(".")[0]]}"\n'
                 f'methods = {lines(methods)}\n')
    for name, kinds in BUILDERS.items():
        text += (f'\n[[allow]]\nmodule = "torch.jit._pickle"\nname = "{name}"\nkind = "function"\n'
                 f'call = ["reduce"]\nbuild = false\nargs = {json.dumps(kinds)}\n'
                 f'evidence = "{versions([one["torch"] for one in found])}: torch.jit.save"\n')
    (HERE / "torchscript.toml").write_text(text)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["observe", path]:
            observe(path)
        case ["write", *paths] if paths:
            write(paths)
        case _:
            sys.exit(__doc__)
