//! Names that streams import, and what they reach by them.

use casemate_artifact::Verdict::{Dangerous, Known, Unknown};

use crate::stream::{attribute, call, expect, import, stream, text, verdict};

#[test]
fn an_attribute_of_an_import_is_judged_by_its_name() {
    let zone = attribute(&import("zoneinfo/ZoneInfo"), "_unpickle");
    expect(Known, &[&call(&zone, &[&text("Europe/Rome"), b"K\x01"])]);
    for key in ["../../etc/passwd", "/etc/passwd", "a//b", "a.b", ""] {
        let told = verdict(stream(&[&call(&zone, &[&text(key), b"K\x01"])]));
        assert!(told >= Unknown, "{key}");
    }
    let ordered = import("collections/OrderedDict");
    let fromkeys = attribute(&ordered, "fromkeys");
    assert!(verdict(stream(&[&call(&fromkeys, &[b")"])])) >= Unknown);
    let globals = attribute(&attribute(&ordered, "__init__"), "__globals__");
    expect(Dangerous, &[&globals]);
    let module = import("collections/abc");
    let system = attribute(&attribute(&module, "sys"), "modules");
    assert!(verdict(stream(&[&system])) >= Unknown);
    let system = attribute(&import("os/path"), "os");
    expect(
        Dangerous,
        &[&call(&attribute(&system, "system"), &[&text("id")])],
    );
    // Names that are computed are looked up, whatever they are.
    let computed = call(&import("builtins/str"), &[&text("system")]);
    let function = call(&import("builtins/getattr"), &[&ordered, &computed]);
    expect(Dangerous, &[&call(&function, &[b")"])]);
}

#[test]
fn names_that_other_picklers_have_for_types_stand_for_those() {
    let of_dill = |name| call(&import("dill._dill/_load_type"), &[&text(name)]);
    expect(Known, &[&of_dill("DictType")]);
    expect(Dangerous, &[&call(&of_dill("CodeType"), &[b")"])]);
    expect(Dangerous, &[&of_dill("FileType")]);
    let ufunc = import("numpy.core/_ufunc_reconstruct");
    expect(Known, &[&call(&ufunc, &[&text("numpy"), &text("log1p")])]);
    let system = call(&ufunc, &[&text("os"), &text("system")]);
    expect(Dangerous, &[&call(&system, &[&text("id")])]);
    expect(
        Dangerous,
        &[&call(
            &import("cloudpickle.cloudpickle/subimport"),
            &[&text("os")],
        )],
    );
    let unheard = call(&import("dill._dill/_import_module"), &[&text("evil")]);
    assert!(verdict(stream(&[&unheard])) >= Unknown);
}

#[test]
fn a_method_is_unknown_until_it_is_called() {
    expect(Unknown, &[&import("configparser/ConfigParser.get")]);
    expect(
        Dangerous,
        &[&call(
            &import("configparser/ConfigParser.read"),
            &[&text("x")],
        )],
    );
    expect(Dangerous, &[&import("numpy/f2py.os.system")]);
}
