//! Objects that can be called, or that call something when somebody walks over them: libraries
//! keep them, and only an attack has them called while the file is loaded.

use casemate_artifact::Verdict::{Dangerous, Known, Unknown};

use crate::stream::{call, expect, import, stream, text, tuple, verdict};

#[test]
fn what_looks_attributes_up_may_be_kept_and_not_called() {
    for (module, name) in [
        ("operator", "a.name"),
        ("operator", "_private"),
        ("_operator", "x"),
    ] {
        let made = call(&import(&format!("{module}/attrgetter")), &[&text(name)]);
        expect(Unknown, &[b"](", &made, b"e"]);
        expect(Dangerous, &[&call(&made, &[&import("acme/x")])]);
    }
    let getter = import("operator/attrgetter");
    for name in [
        "__globals__",
        "__class__.__base__",
        "system",
        "os.popen",
        "modules",
        "a b",
        "",
    ] {
        expect(Dangerous, &[&call(&getter, &[&text(name)])]);
        expect(Dangerous, &[&call(&getter, &[&text("a"), &text(name)])]);
    }
    let computed = call(&import("builtins/str"), &[&text("x")]);
    expect(Dangerous, &[&call(&getter, &[&computed])]);
}

#[test]
fn what_calls_a_method_may_be_kept_and_not_called() {
    let caller = import("operator/methodcaller");
    let made = call(&caller, &[&text("strip")]);
    expect(Unknown, &[b"](", &made, b"e"]);
    expect(Dangerous, &[&call(&made, &[&text("x")])]);
    expect(
        Dangerous,
        &[&call(&caller, &[&text("system"), &text("id")])],
    );
    expect(Dangerous, &[&call(&caller, &[&text("__init__")])]);
    // With keywords, Python writes a call of a `partial`.
    let partial = call(&import("functools/partial"), &[&caller]);
    let partial = |name| {
        let state = tuple(&[&caller, &tuple(&[&text(name)]), b"}", b"N"]);
        [&partial[..], &state, b"b"].concat()
    };
    let made = call(&partial("get"), &[&text("a")]);
    expect(Unknown, &[b"](", &made, b"e"]);
    expect(Dangerous, &[&call(&made, &[&import("acme/x")])]);
    expect(Dangerous, &[&call(&partial("system"), &[&text("id")])]);
    let system = call(&import("functools/partial"), &[&import("os/system")]);
    expect(Dangerous, &[&system]);
}

#[test]
fn an_iterator_may_be_kept_and_not_walked() {
    let list = b"](K\x01K\x02e".as_slice();
    let numbers = call(&import("builtins/iter"), &[list]);
    expect(Known, &[&numbers]);
    let int = import("builtins/int");
    for (name, arguments) in [
        ("builtins/map", [&int[..], &numbers]),
        ("builtins/filter", [&int, &numbers]),
        ("builtins/filter", [b"N", &numbers]),
        ("itertools/accumulate", [&numbers, &int]),
        ("itertools/takewhile", [&int, &numbers]),
        ("itertools/starmap", [&int, &numbers]),
    ] {
        let made = call(&import(name), &arguments);
        expect(Unknown, &[b"](", &made, b"e"]);
        let again = call(&import("builtins/zip"), &[&made]);
        expect(Unknown, &[b"](", &again, b"e"]);
        if arguments[0] == b"N" {
            continue;
        }
        for walker in ["builtins/list", "collections/deque", "acme/Model"] {
            expect(Dangerous, &[&call(&import(walker), &[&made])]);
            expect(Dangerous, &[&call(&import(walker), &[&again])]);
        }
        let deque = import("collections/deque");
        expect(Dangerous, &[&deque, &tuple(&[&made]), b"\x81"]);
        expect(Dangerous, &[&deque, b")R", &made, b"b"]);
    }
    let system = import("os/system");
    expect(
        Dangerous,
        &[&call(&import("builtins/map"), &[&system, list])],
    );
    expect(Dangerous, &[&call(&import("builtins/map"), &[list, list])]);
    expect(Dangerous, &[&call(&import("builtins/iter"), &[&int, b"N"])]);
}

#[test]
fn a_union_of_types_is_no_reduction() {
    let types = tuple(&[&import("builtins/int"), &import("builtins/str")]);
    let reduce = import("functools/reduce");
    let or = import("_operator/or_");
    assert_eq!(verdict(stream(&[&call(&reduce, &[&or, &types])])), Unknown);
    for function in ["operator/call", "builtins/getattr", "acme/f"] {
        expect(Dangerous, &[&call(&reduce, &[&import(function), &types])]);
    }
    let made = call(&import("builtins/str"), &[&text("x")]);
    expect(Dangerous, &[&call(&reduce, &[&made, &types])]);
    expect(Dangerous, &[&call(&reduce, &[&or, &types, &types])]);
}

#[test]
fn a_closure_that_dill_carries_fills_its_cell() {
    let made = |attribute: &str, otherwise: &str| {
        let owner = import("dill/_dill");
        let function = call(
            &import("builtins/getattr"),
            &[&owner, &text(attribute), &import(otherwise)],
        );
        let cell = call(&import("dill._dill/_create_cell"), &[b"N"]);
        let code = call(&import("dill._dill/_create_code"), &[b"K\0"]);
        let carried = call(&import("dill._dill/_create_function"), &[&code, b"}"]);
        let filled = call(&function, &[&cell, &text("cell_contents"), b"K\x03"]);
        [carried, filled].concat()
    };
    expect(Unknown, &[&made("_setattr", "builtins/setattr")]);
    expect(Dangerous, &[&made("_import_module", "builtins/setattr")]);
    expect(Dangerous, &[&made("_setattr", "os/system")]);
    // What dill wrote of a `partial` before 0.3.5.
    let make = import("dill._dill/_create_ftype");
    let function = import("acme/f");
    let partial = import("functools/partial");
    expect(Unknown, &[&call(&make, &[&partial, &function, b")", b"}"])]);
    expect(
        Dangerous,
        &[&call(&make, &[&function, &function, b")", b"}"])],
    );
}

#[test]
fn the_graph_of_a_module_is_compiled_and_unknown() {
    let make = import("torch.fx.graph_module/reduce_graph_module");
    let made = |imports: &str, code: &str| {
        let body = [b"}", &text("_code")[..], &text(code), b"s"].concat();
        verdict(stream(&[&call(&make, &[&body, &text(imports)])]))
    };
    let forward = "\n\n\ndef forward(self, x):\n    l = self.l(x);  x = None\n    return l\n    ";
    assert_eq!(made("import torch\nfrom math import inf", forward), Unknown);
    assert_eq!(made("import os", forward), Dangerous);
    assert_eq!(
        made("import torch", "__import__('os').system('id')"),
        Dangerous
    );
    assert_eq!(made("import torch; print(1)", forward), Dangerous);
    expect(Dangerous, &[&call(&make, &[b"}", &text("import torch")])]);
    let computed = call(&import("builtins/str"), &[&text(forward)]);
    let body = [b"}", &text("_code")[..], &computed, b"s"].concat();
    expect(Dangerous, &[&call(&make, &[&body, &text("")])]);
}
