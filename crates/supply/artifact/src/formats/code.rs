//! CM-COD: code beside a model, told by its content. This version says that it is there; it does
//! not judge what it does.

use casemate_core::{Reference, Rule, Severity};

use crate::rules::{example, rule};

pub(crate) static PYTHON: Rule = rule(
    "CM-COD-001",
    "Python source",
    Severity::Info,
    "The file is Python. A library that is told to trust remote code runs it when it loads the \
     model. This version does not judge what it does.",
    "Read the file before anything imports it, and pin the revision you have read.",
    CODE,
    example(
        "modeling.py",
        b"import torch\n\n\nclass Net(torch.nn.Module):\n    pass\n",
    ),
    example("notes.txt", b"Import the model before use.\n"),
);

pub(crate) static SCRIPT: Rule = rule(
    "CM-COD-002",
    "A script",
    Severity::Info,
    "The file is a program for a shell, a browser or another interpreter. This version does not \
     judge what it does.",
    "Read the file before anything runs it, and pin the revision you have read.",
    CODE,
    example("run", b"#!/bin/sh\necho hello\n"),
    example("notes.txt", b"# /bin/sh is a shell\n"),
);

pub(crate) static CHAT_TEMPLATE: Rule = rule(
    "CM-COD-003",
    "A template that the model's runtime renders",
    Severity::Low,
    "Chat templates are Jinja programs. A renderer without a sandbox runs what they say, and a \
     template can change what the model is asked without anybody noticing. This version does not \
     judge what it does.",
    "Read the template, and render it in a sandbox only.",
    const {
        &[
            Reference::new("CWE-1336"),
            Reference::new("AML.T0051.002"),
            Reference::new("LLM01:2025"),
            Reference::new("LLM03:2025"),
            Reference::new("CVE-2024-34359"),
        ]
    },
    example(
        "tokenizer_config.json",
        b"{\"chat_template\": \"{% for m in messages %}{{ m.content }}{% endfor %}\"}",
    ),
    example("tokenizer_config.json", b"{\"chat_template\": null}"),
);

pub(crate) static NAMES_CODE: Rule = rule(
    "CM-COD-004",
    "A configuration that names code",
    Severity::Medium,
    "The file names Python modules, classes or functions that a library imports or calls when it \
     reads it: `auto_map`, `_target_`, a Keras `class_name`. Or it has YAML tags that only a loader \
     takes which may also call what a file names. This version does not judge what they are.",
    "Look up every name before you load the model, and do not let the library trust remote code.",
    CODE,
    example(
        "config.json",
        b"{\"auto_map\": {\"AutoModel\": \"modeling.Net\"}}",
    ),
    example("config.json", b"{\"architectures\": [\"BertModel\"]}"),
);

pub(crate) static NOTEBOOK: Rule = rule(
    "CM-COD-005",
    "A notebook",
    Severity::Info,
    "The file is a Jupyter notebook. Its cells are code for whoever runs it. This version does not \
     judge what they do.",
    "Read the cells before running them.",
    CODE,
    example(
        "a.ipynb",
        b"{\"cells\": [], \"nbformat\": 4, \"nbformat_minor\": 5}",
    ),
    example("a.json", b"{\"cells\": []}"),
);

pub(crate) static CONSTRUCTS: Rule = rule(
    "CM-COD-006",
    "A YAML tag that constructs or calls",
    Severity::High,
    "The file has a YAML tag such as `!!python/object/apply:`. A loader that is not a safe one \
     imports what the tag names and calls it. Tags that are spelled with escapes or through a \
     handle of their own are the same tags.",
    "Load the file with `yaml.safe_load` only, and find out who wrote the tag.",
    const {
        &[
            Reference::new("CWE-502"),
            Reference::new("AML.T0010.003"),
            Reference::new("AML.T0011.001"),
            Reference::new("LLM03:2025"),
            Reference::new("CVE-2020-14343"),
        ]
    },
    example("config.yaml", b"seed: !!python/object/apply:os.getpid []\n"),
    example("config.yaml", b"size: !!python/tuple [1, 2]\n"),
);

pub(crate) static RULES: &[&Rule] = &[
    &PYTHON,
    &SCRIPT,
    &CHAT_TEMPLATE,
    &NAMES_CODE,
    &NOTEBOOK,
    &CONSTRUCTS,
];

const CODE: &[Reference] = &[
    Reference::new("CWE-829"),
    Reference::new("AML.T0010.003"),
    Reference::new("AML.T0011.001"),
    Reference::new("LLM03:2025"),
];
