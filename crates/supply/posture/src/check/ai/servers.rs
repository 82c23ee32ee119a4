//! Servers of models that ask for a key once they have one, by their images and their commands.

use crate::check::command::Command;

/// A server.
pub(in crate::check) struct Server {
    /// How the last part of its image's name begins; with `/` at its end, a part before that.
    images: &'static [&'static str],
    /// What it is run by.
    words: &'static [&'static str],
    /// Where it takes the key from, if there is no option.
    pub(in crate::check) variables: &'static [&'static str],
    /// Where it answers, unless it is told.
    pub(in crate::check) port: i64,
}

/// The server that an image with this name is, or that this command runs.
pub(in crate::check) fn server(image: &str, command: &Command<'_>) -> Option<&'static Server> {
    let name = image.rsplit('/').next().unwrap_or_default();
    let is_other = OTHERS.iter().any(|word| name.contains(word));
    let is_it = |server: &&Server| {
        let is_image = server
            .images
            .iter()
            .any(|begin| match begin.ends_with('/') {
                true => image.contains(&format!("/{begin}")),
                false => name.starts_with(begin),
            });
        (is_image && !is_other) || server.words.iter().any(|word| command.runs(word))
    };
    SERVERS.iter().find(is_it)
}

/// Options with the key.
pub(in crate::check) const KEY_FLAGS: &[&str] = &["--api-key", "--api-keys", "--api-key-file"];

/// What stands beside servers, or before them, and has their name.
pub(super) const OTHERS: &[&str] = &["router", "operator", "exporter", "bench", "sim", "gateway"];

const SERVERS: &[Server] = &[
    Server {
        images: &["vllm"],
        words: &[
            "vllm",
            "vllm.entrypoints.openai.api_server",
            "vllm.entrypoints.api_server",
        ],
        variables: &["VLLM_API_KEY"],
        port: 8000,
    },
    Server {
        images: &["sglang"],
        words: &["sglang.launch_server"],
        variables: &[],
        port: 30000,
    },
    Server {
        images: &["text-generation-inference"],
        words: &["text-generation-launcher"],
        variables: &["API_KEY"],
        port: 80,
    },
    Server {
        images: &["text-embeddings-inference"],
        words: &["text-embeddings-router"],
        variables: &["API_KEY"],
        port: 80,
    },
    Server {
        images: &["llama.cpp", "llama-server"],
        words: &["llama-server", "llama_cpp.server"],
        variables: &["LLAMA_API_KEY"],
        port: 8080,
    },
    // It has no key of its own (<https://docs.nvidia.com/nim/large-language-models/latest/>).
    Server {
        images: &["nim/"],
        words: &[],
        variables: &[],
        port: 8000,
    },
    Server {
        images: &["lmdeploy"],
        words: &["lmdeploy"],
        variables: &[],
        port: 23333,
    },
];
