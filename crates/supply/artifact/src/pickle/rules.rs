//! CM-PKL: what a pickle does when it is loaded.

use casemate_core::{Reference, Rule, Severity};

use crate::rules::{example, rule};

pub(crate) static DANGEROUS_CALL: Rule = rule(
    "CM-PKL-001",
    "Loading the file calls a dangerous function",
    Severity::Critical,
    "A pickle is a program, and this one calls a function that runs code, starts a process, reads \
     or writes files, or reaches the network; or one that restores no object at all, or that is \
     handed a command. It does so the moment the file is loaded.",
    "Do not load the file; find out where it came from and treat machines that loaded it as \
     compromised.",
    CODE,
    example("model.pkl", b"cos\nsystem\n(S'id'\ntR."),
    example("model.pkl", b"(S'id'\nt."),
);

pub(crate) static UNLISTED_IMPORT: Rule = rule(
    "CM-PKL-002",
    "The file names something that nobody has vouched for",
    Severity::Medium,
    "Loading the file imports a module and takes a name from it that is not on the allowlist. To \
     import a module runs its code, and the object is left for the program to use.",
    "Save the model as safetensors or ONNX, or add the name to your allowlist after reading its \
     code.",
    CODE,
    example("model.pkl", b"\x80\x02cacme.models\nNet\n."),
    example("model.pkl", b"\x80\x02ccollections\nOrderedDict\n."),
);

pub(crate) static CHANGED_IMPORT: Rule = rule(
    "CM-PKL-003",
    "The file changes a module, class or function of the program that loads it",
    Severity::Critical,
    "The stream sets the state of something it has imported, or puts items into it. So it replaces \
     a method or an entry that the loading program will use later, without calling anything \
     itself. No pickler writes this.",
    "Do not load the file; treat programs that loaded it as compromised.",
    CODE,
    example(
        "model.pkl",
        b"\x80\x02ccollections\nOrderedDict\n}X\x0b\0\0\0__missing__Nsb.",
    ),
    example("model.pkl", b"\x80\x02ccollections\nOrderedDict\n)R."),
);

pub(crate) static COMPUTED_CALL: Rule = rule(
    "CM-PKL-004",
    "The file calls something that it has computed",
    Severity::High,
    "What is called is the result of another call, so that no list of names can tell what it is. \
     Attackers build their function this way, out of harmless pieces; picklers do not.",
    "Do not load the file; save the model again in a format without code.",
    CODE,
    example(
        "model.pkl",
        b"\x80\x02ccollections\nOrderedDict\n)R(K\x01tR.",
    ),
    example("model.pkl", b"\x80\x02ccollections\nOrderedDict\n)R."),
);

pub(crate) static DOTTED_PATH: Rule = rule(
    "CM-PKL-005",
    "The file reaches through a module for something that is not its own",
    Severity::High,
    "From protocol 4 on a name may be a path with dots. This one goes through a module that looks \
     innocent to an attribute that nobody listed, as `torch` does to \
     `serialization.os.system`.",
    "Do not load the file; no pickler writes such a name.",
    CODE,
    example(
        "model.pkl",
        b"\x80\x04\x8c\x06random\x8c\x0a_inst.seed\x93)R.",
    ),
    example(
        "model.pkl",
        b"\x80\x04\x8c\x0bcollections\x8c\x0bOrderedDict\x93.",
    ),
);

pub(crate) static OUTSIDE_OBJECT: Rule = rule(
    "CM-PKL-006",
    "The file asks the loading program for an object",
    Severity::Medium,
    "A persistent id or a number of `copyreg`'s registry stands where an object should. What it \
     becomes depends on the program that loads the file, not on the file.",
    "Find out which program is to load the file and what it makes of the id.",
    CODE,
    example("model.pkl", b"\x80\x02\x82\x01."),
    example("model.pkl", b"\x80\x02K\x01."),
);

pub(crate) static NESTED_PICKLE: Rule = rule(
    "CM-PKL-007",
    "A string in the file is itself a pickle that does something",
    Severity::High,
    "Bytes inside the pickle are a pickle of their own, with effects that are not on the \
     allowlist. Whatever unpacks them runs it.",
    "Do not load the file; judge the inner pickle by its own findings.",
    CODE,
    example(
        "model.pkl",
        b"\x80\x03C\x14\x80\x02cos\nsystem\nU\x02id\x85R..",
    ),
    example("model.pkl", b"\x80\x03C\x08\x80\x02}q\0(h."),
);

pub(crate) static CONTRACT: Rule = rule(
    "CM-PKL-008",
    "An allowed name is used in a way it is not allowed for",
    Severity::Medium,
    "The name is on the allowlist, but it is called with other arguments, or in another manner, \
     than any real file was seen to. Allowed functions can do harm when they are given what they \
     do not expect.",
    "Save the model again with the library that made it; if the use is right, extend the allowlist.",
    CODE,
    example(
        "model.pkl",
        b"\x80\x02ccopy_reg\n_reconstructor\n(K\x01K\x02K\x03tR.",
    ),
    example("model.pkl", b"\x80\x02ccollections\nOrderedDict\n)R."),
);

pub(crate) static CONFUSED_STATE: Rule = rule(
    "CM-PKL-009",
    "The file fills an object in a way its class is not known to support",
    Severity::Medium,
    "State is set on, or items are put into, an object that real files never treat so: twice over, \
     or of a type that has no such thing. This has been used to reach methods planted earlier and \
     to corrupt memory in native code.",
    "Save the model again with the library that made it.",
    const {
        &[
            Reference::new("CWE-843"),
            Reference::new("CWE-502"),
            Reference::new("AML.T0011.000"),
            Reference::new("LLM03:2025"),
            Reference::new("CVE-2026-24747"),
        ]
    },
    example("model.pkl", b"\x80\x02ccollections\nOrderedDict\n)R}b}b."),
    example(
        "model.pkl",
        b"\x80\x02ccollections\nOrderedDict\n)RK\x01K\x02s}b.",
    ),
);

pub(crate) static RESOURCES: Rule = rule(
    "CM-PKL-010",
    "Loading the file can exhaust memory",
    Severity::Medium,
    "A few bytes stand for an object that takes a thousand times as many steps to walk, or make \
     the loader reserve memory that nothing fills.",
    "Load the file only with a memory limit, or not at all.",
    const {
        &[
            Reference::new("CWE-400"),
            Reference::new("CWE-776"),
            Reference::new("AML.T0029"),
            Reference::new("LLM10:2025"),
        ]
    },
    example("model.pkl", b"\x80\x02Nr\0\0\0\x04."),
    example("model.pkl", b"\x80\x02Nq\0."),
);

pub(crate) static CONFUSED_NAME: Rule = rule(
    "CM-PKL-011",
    "The file looks up a name that is not text",
    Severity::High,
    "STACK_GLOBAL finds something else than two strings on the stack. The name is computed, or \
     the stream was made to confuse scanners.",
    "Do not load the file; no pickler writes this.",
    CODE,
    example("model.pkl", b"\x80\x04C\x02os\x8c\x06system\x93."),
    example(
        "model.pkl",
        b"\x80\x04\x8c\x0bcollections\x8c\x0bOrderedDict\x93.",
    ),
);

pub(crate) static DANGEROUS_IMPORT: Rule = rule(
    "CM-PKL-012",
    "The file holds a reference to a dangerous function",
    Severity::High,
    "Loading the file imports a function that runs code, starts a process, reads or writes files, \
     or reaches the network. The stream does not call it itself; what it hands it to may.",
    "Do not load the file; no model needs such a function.",
    CODE,
    example("model.pkl", b"\x80\x02cos\nsystem\n."),
    example("model.pkl", b"\x80\x02ccollections\nOrderedDict\n."),
);

pub(crate) static UNLISTED_CALL: Rule = rule(
    "CM-PKL-013",
    "Loading the file calls something that nobody has vouched for",
    Severity::High,
    "The file makes the loading program call a function or construct an object of a class that is \
     not on the allowlist.",
    "Save the model as safetensors or ONNX, or add the name to your allowlist after reading its \
     code.",
    CODE,
    example("model.pkl", b"\x80\x02cacme.models\nNet\n)R."),
    example("model.pkl", b"\x80\x02ccollections\nOrderedDict\n)R."),
);

pub(crate) static BROKEN: Rule = rule(
    "CM-PKL-020",
    "The pickle breaks off",
    Severity::Medium,
    "The stream cannot be read to its end. What comes before the break runs all the same when the \
     file is loaded, and a break is how attackers make scanners give up.",
    "Get an intact copy of the file, and compare its digest with the publisher's.",
    const {
        &[
            Reference::new("CWE-502"),
            Reference::new("CWE-693"),
            Reference::new("AML.T0107"),
            Reference::new("LLM03:2025"),
        ]
    },
    example("model.pkl", b"\x80\x02K\x01\xff\xff"),
    example("model.pkl", b"\x80\x02K\x01."),
);

pub(crate) static TRAILING: Rule = rule(
    "CM-PKL-021",
    "Bytes that no pickle holds",
    Severity::Medium,
    "The file goes on after its pickles, or a pickle stands behind bytes that are none. A loader \
     that starts elsewhere sees another file.",
    "Save the model again with the library that made it.",
    const {
        &[
            Reference::new("CWE-436"),
            Reference::new("AML.T0074"),
            Reference::new("LLM03:2025"),
        ]
    },
    example("model.pkl", b"\x80\x02K\x01.\xff\xfe\xfd\xfc"),
    example("model.pkl", b"\x80\x02K\x01.\x80\x02K\x02."),
);

pub(crate) static READERS_DISAGREE: Rule = rule(
    "CM-PKL-030",
    "The file does different things in different readers",
    Severity::Critical,
    "Bytes that one reader takes for data are opcodes to another, and do something there. Such a \
     file is made to show a harmless side to scanners.",
    "Do not load the file.",
    TAMPERED,
    example(
        "model.pkl",
        b"\x80\x04\x95\x05\0\0\0\0\0\0\0]\x8c\x0azzyyyyyyyyC\x14cos\nsystem\n\x8c\x02id\x85R...",
    ),
    example("model.pkl", b"\x80\x04\x95\x02\0\0\0\0\0\0\0]."),
);

pub(crate) static FRAME: Rule = rule(
    "CM-PKL-031",
    "The framing has been tampered with",
    Severity::High,
    "From protocol 4 on opcodes come in frames, and a pickler never lets one cross a frame's end. \
     Where one does, CPython's two unpicklers read different opcodes from the same bytes.",
    "Do not load the file; no pickler writes this.",
    TAMPERED,
    example("model.pkl", b"\x80\x04\x95\x01\0\0\0\0\0\0\0K\x01."),
    example("model.pkl", b"\x80\x04\x95\x03\0\0\0\0\0\0\0K\x01."),
);

pub(crate) static RULES: &[&Rule] = &[
    &DANGEROUS_CALL,
    &UNLISTED_IMPORT,
    &CHANGED_IMPORT,
    &COMPUTED_CALL,
    &DOTTED_PATH,
    &OUTSIDE_OBJECT,
    &NESTED_PICKLE,
    &CONTRACT,
    &CONFUSED_STATE,
    &RESOURCES,
    &CONFUSED_NAME,
    &DANGEROUS_IMPORT,
    &UNLISTED_CALL,
    &BROKEN,
    &TRAILING,
    &READERS_DISAGREE,
    &FRAME,
];

const CODE: &[Reference] = &[
    Reference::new("CWE-502"),
    Reference::new("AML.T0011.000"),
    Reference::new("AML.T0018.002"),
    Reference::new("LLM03:2025"),
    Reference::new("ML06:2023"),
];

const TAMPERED: &[Reference] = &[
    Reference::new("CWE-436"),
    Reference::new("CWE-502"),
    Reference::new("AML.T0107"),
    Reference::new("LLM03:2025"),
    Reference::new("https://github.com/python/cpython/issues/154848"),
];
