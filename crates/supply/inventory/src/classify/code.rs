//! Source code, and in Python what it is for: to train, to serve, or neither.

use casemate_core::{AssetKind, Class};
use memchr::memmem;

use super::{class, head::Head, lines::split};

pub(super) fn classify(head: &Head<'_>) -> Option<Class> {
    let text = head.text()?;
    let language = language(head, text)?;
    if language != "python" {
        return Some(class(AssetKind::SourceCode, language));
    }
    let calls = |names: &[&str]| {
        let mut names = names.iter();
        names.any(|name| memmem::find(text, name.as_bytes()).is_some())
    };
    let lines = head.lines();
    let serves = lines.imports(MODEL_SERVERS)
        || lines.imports(WEB_FRAMEWORKS) && calls(INFERENCE)
        || lines.imports(&["ray"]) && calls(&["serve.run(", "@serve.deployment"]);
    if serves {
        return Some(class(AssetKind::ServingCode, language));
    }
    let trains = lines.imports(LEARNING_FRAMEWORKS) && calls(TRAINING);
    let kind = if trains {
        AssetKind::TrainingCode
    } else {
        AssetKind::SourceCode
    };
    Some(class(kind, language))
}

fn language(head: &Head<'_>, text: &[u8]) -> Option<&'static str> {
    if let Some(language) = interpreter(text) {
        return Some(language);
    }
    // JSON is a program in no language, whatever it is called.
    if head.json().is_some_and(|json| json.is_object) {
        return None;
    }
    if let Some((_, language)) = EXTENSIONS
        .iter()
        .find(|(extension, _)| *extension == head.extension())
    {
        return Some(language);
    }
    if let "makefile" | "gnumakefile" | "cmakelists.txt" | "justfile" = head.name.as_str() {
        return Some("make");
    }
    let is_prose = head.has_extension(&["md", "markdown", "rst", "adoc", "html", "htm", "tex"]);
    let lines = head.lines();
    if !is_prose && lines.import_count() > 0 && lines.definitions > 0 {
        return Some("python");
    }
    let begins = |start: &[u8]| text.trim_ascii_start().starts_with(start);
    if begins(b"<?php") {
        Some("php")
    } else if begins(b"#include <") || begins(b"#include \"") {
        Some("c")
    } else if begins(b"package main\n") {
        Some("go")
    } else {
        None
    }
}

/// The language of the interpreter that the first line names.
fn interpreter(text: &[u8]) -> Option<&'static str> {
    let line = split(text.strip_prefix(b"#!")?).next()?;
    let mut words = line
        .split(|byte| byte.is_ascii_whitespace() || *byte == b'/')
        .filter(|word| !word.is_empty());
    words.find_map(|word| {
        let is_version = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        let end = word.iter().rposition(|byte| !is_version(byte))? + 1;
        match &word[..end] {
            b"python" | b"pypy" | b"uv" => Some("python"),
            b"sh" | b"bash" | b"dash" | b"zsh" | b"ksh" | b"ash" => Some("shell"),
            b"node" | b"deno" | b"bun" => Some("javascript"),
            b"perl" => Some("perl"),
            b"ruby" => Some("ruby"),
            b"php" => Some("php"),
            b"Rscript" => Some("r"),
            b"make" => Some("make"),
            _ => None,
        }
    })
}

const EXTENSIONS: &[(&str, &str)] = &[
    ("py", "python"),
    ("pyi", "python"),
    ("pyw", "python"),
    ("pyx", "cython"),
    ("pxd", "cython"),
    ("rs", "rust"),
    ("go", "go"),
    ("js", "javascript"),
    ("mjs", "javascript"),
    ("cjs", "javascript"),
    ("jsx", "javascript"),
    ("ts", "typescript"),
    ("tsx", "typescript"),
    ("mts", "typescript"),
    ("vue", "javascript"),
    ("svelte", "javascript"),
    ("c", "c"),
    ("h", "c"),
    ("cc", "c++"),
    ("cpp", "c++"),
    ("cxx", "c++"),
    ("hh", "c++"),
    ("hpp", "c++"),
    ("hxx", "c++"),
    ("cu", "cuda"),
    ("cuh", "cuda"),
    ("m", "objective-c"),
    ("mm", "objective-c"),
    ("metal", "metal"),
    ("java", "java"),
    ("kt", "kotlin"),
    ("kts", "kotlin"),
    ("scala", "scala"),
    ("groovy", "groovy"),
    ("cs", "c#"),
    ("fs", "f#"),
    ("swift", "swift"),
    ("dart", "dart"),
    ("sh", "shell"),
    ("bash", "shell"),
    ("zsh", "shell"),
    ("fish", "shell"),
    ("ps1", "powershell"),
    ("bat", "batch"),
    ("cmd", "batch"),
    ("rb", "ruby"),
    ("pl", "perl"),
    ("pm", "perl"),
    ("php", "php"),
    ("r", "r"),
    ("jl", "julia"),
    ("lua", "lua"),
    ("ex", "elixir"),
    ("exs", "elixir"),
    ("erl", "erlang"),
    ("hs", "haskell"),
    ("ml", "ocaml"),
    ("clj", "clojure"),
    ("sql", "sql"),
    ("proto", "protobuf"),
    ("thrift", "thrift"),
    ("graphql", "graphql"),
    ("css", "css"),
    ("scss", "css"),
    ("less", "css"),
    ("rego", "rego"),
    ("cmake", "make"),
    ("mk", "make"),
    ("bzl", "starlark"),
    ("nix", "nix"),
    ("asm", "assembly"),
    ("s", "assembly"),
    ("jinja", "jinja"),
    ("jinja2", "jinja"),
    ("j2", "jinja"),
    ("el", "lisp"),
    ("vim", "vim"),
];

const LEARNING_FRAMEWORKS: &[&str] = &[
    "torch",
    "tensorflow",
    "keras",
    "sklearn",
    "xgboost",
    "lightgbm",
    "catboost",
    "jax",
    "flax",
    "transformers",
    "pytorch_lightning",
    "lightning",
    "accelerate",
    "trl",
    "peft",
    "unsloth",
    "deepspeed",
    "fastai",
    "mxnet",
    "paddle",
    "mlx",
    "diffusers",
    "sentence_transformers",
    "datasets",
    "optax",
    "spacy",
    "statsmodels",
    "stable_baselines3",
];

const TRAINING: &[&str] = &[
    ".fit(",
    ".fit_transform(",
    ".backward(",
    "Trainer(",
    ".train(",
    ".partial_fit(",
    "optimizer.step(",
    "apply_gradients(",
    "GradientTape(",
    "value_and_grad(",
    "xgb.train(",
    "lgb.train(",
    "train_step(",
    "TrainingArguments(",
    ".minimize(",
];

/// Frameworks that exist to serve models.
const MODEL_SERVERS: &[&str] = &[
    "bentoml",
    "vllm",
    "sglang",
    "litserve",
    "mlserver",
    "kserve",
    "triton_python_backend_utils",
    "ts.torch_handler",
    "ray.serve",
    "torchserve",
    "seldon_core",
    "runpod",
    "cog",
    "sagemaker_inference",
];

const WEB_FRAMEWORKS: &[&str] = &[
    "fastapi",
    "flask",
    "starlette",
    "aiohttp",
    "sanic",
    "tornado",
    "falcon",
    "bottle",
    "quart",
    "litestar",
    "django",
    "grpc",
    "gradio",
    "streamlit",
    "robyn",
    "http.server",
];

/// What loads a model or asks it something.
const INFERENCE: &[&str] = &[
    ".predict(",
    ".predict_proba(",
    ".generate(",
    "torch.load(",
    "joblib.load(",
    "pickle.load(",
    "from_pretrained(",
    "load_model(",
    "InferenceSession(",
    "pipeline(",
    "load_state_dict(",
    "safe_open(",
    "load_file(",
    "onnxruntime",
    "tritonclient",
    "Llama(",
];
