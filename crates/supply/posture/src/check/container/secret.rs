//! Names of what must not be known, and values that give it away.

/// Whether a variable of that name holds a secret.
pub(in crate::check) fn is_secret_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase().replace('-', "_");
    let words: Vec<&str> = upper.split('_').filter(|word| !word.is_empty()).collect();
    let Some(last) = words.last() else {
        return false;
    };
    if NOT_SECRETS.contains(last) || words.contains(&"MAX") || words.contains(&"PUBLIC") {
        return false;
    }
    let has = |word: &str| words.contains(&word);
    let has_pair = |pair: [&str; 2]| words.windows(2).any(|it| it == pair);
    has("TOKEN")
        || has("PASSWORD")
        || has("PASSWD")
        || has("SECRET")
        || has("APIKEY")
        || has_pair(["API", "KEY"])
        || has_pair(["ACCESS", "KEY"])
        || has_pair(["SECRET", "KEY"])
        || has_pair(["PRIVATE", "KEY"])
        || has_pair(["MASTER", "KEY"])
}

/// Whether a value is one, and not a reference to one or nothing.
pub(in crate::check) fn is_written(value: &str) -> bool {
    let value = value.trim();
    let is_reference = value.contains('$') || value.contains("{{") || value.starts_with('<');
    let is_path = value.starts_with('/') || value.starts_with("./");
    !value.is_empty()
        && !is_reference
        && !is_path
        && !matches!(value, "true" | "false" | "null" | "none" | "None")
}

/// Passwords that everybody tries first.
pub(in crate::check) fn is_default(value: &str) -> bool {
    DEFAULTS.contains(&value.trim().to_ascii_lowercase().as_str())
}

/// Last words of names for what is no secret itself.
const NOT_SECRETS: &[&str] = &[
    "FILE",
    "PATH",
    "URL",
    "URI",
    "NAME",
    "ID",
    "TYPE",
    "LENGTH",
    "LIMIT",
    "TTL",
    "EXPIRY",
    "ENDPOINT",
    "HOST",
    "PARALLELISM",
    "COUNT",
    "ENABLED",
    "DIR",
    "ISSUER",
    "LIFETIME",
    "SIZE",
    "HEADER",
];

const DEFAULTS: &[&str] = &[
    "admin",
    "admin123",
    "changeme",
    "change_me",
    "default",
    "guest",
    "letmein",
    "minio",
    "minio123",
    "minioadmin",
    "mlflow",
    "mysql",
    "neo4j",
    "password",
    "password123",
    "postgres",
    "qwerty",
    "redis",
    "root",
    "secret",
    "test",
    "toor",
    "123456",
    "12345678",
    "airflow",
    "elastic",
    "langfuse",
    "mysecret",
    "milvus",
    "sk-1234",
    "user",
    "passw0rd",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_secret_and_a_tokenizer_is_none() {
        for name in [
            "HF_TOKEN",
            "OPENAI_API_KEY",
            "POSTGRES_PASSWORD",
            "AWS_SECRET_ACCESS_KEY",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "TOKENIZERS_PARALLELISM",
            "MAX_TOKEN",
            "PASSWORD_FILE",
            "TOKEN_URL",
            "KEY",
            "SSH_PUBLIC_KEY",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
