//! Whether text looks like something a machine drew or a person chose, rather than like code.

use std::collections::BTreeSet;

/// Shannon entropy in bits per character, over the frequencies of the bytes of `text` itself.
pub(crate) fn entropy(text: &[u8]) -> f32 {
    if text.is_empty() {
        return 0.0;
    }
    let mut counts = [0_u32; 256];
    for &byte in text {
        counts[usize::from(byte)] += 1;
    }
    #[allow(clippy::cast_precision_loss)] // a candidate has far fewer than 2^24 bytes
    let total = text.len() as f32;
    #[allow(clippy::cast_precision_loss)]
    let share = |count: u32| count as f32 / total;
    counts
        .into_iter()
        .filter(|&count| count > 0)
        .map(|count| -share(count) * share(count).log2())
        .sum()
}

/// Whether `text` was drawn at random, as far as its characters can tell: rich in different ones,
/// with digits, and changing between digits, small and capital letters far more often than names
/// and words do.
pub(crate) fn is_random(text: &[u8]) -> bool {
    let class = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        _ => 3,
    };
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    let drawn: Vec<u8> = text
        .iter()
        .copied()
        .map(class)
        .filter(|&class| class < 3)
        .collect();
    let turns = drawn.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let varied = digits >= 2 && digits < drawn.len() && turns * 4 >= text.len();
    varied && entropy(text) >= RANDOM && !is_words(text)
}

/// Whether `text` is nothing but words, numbers and short pieces with joints between them: a path,
/// a version, the name of a field.
fn is_words(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let mut pieces = text.split(['.', '_', '-', '/', '+', '=', '~']);
    pieces.all(|piece| piece.len() <= 3 || is_word(piece))
}

/// Whether `text` looks like a password that a person chose, rather than a word, a reference to
/// something that holds the password, or code.
pub(crate) fn is_password(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let digits = text.chars().any(|c| c.is_ascii_digit());
    let lower = text.chars().any(char::is_lowercase);
    let upper = text.chars().any(char::is_uppercase);
    let marks = text
        .chars()
        .any(|c| c.is_ascii_punctuation() && !"_-./:".contains(c));
    let kinds: BTreeSet<char> = text.chars().collect();
    if kinds.len() < 6 || text.contains(char::is_whitespace) {
        return false;
    }
    let classes = [digits, lower, upper, marks]
        .into_iter()
        .filter(|&there| there)
        .count();
    if classes < 2 || !(digits || marks) {
        return false;
    }
    !is_reference(text)
}

/// Whether `text` names where a value is, or is a piece of code: a path, an address, a variable,
/// a call.
fn is_reference(text: &str) -> bool {
    let code = [
        "(", ")", "[", "]", "{", "}", "://", "=>", "->", "::", "==", "&&", "||", "\\", "<", ">",
    ];
    if code.iter().any(|mark| text.contains(mark))
        || text.starts_with(['/', '.', '$', '%', '&', '@', '#', '-', '*'])
    {
        return true;
    }
    // `settings.DB_PASS1`, `DB_PASS_2`, `model-v2`, `a/b/c1`: words with joints.
    let words = text.split(['.', '_', '-', '/', ':', ',', ' ', ';']);
    words.into_iter().all(is_word)
}

/// Whether `part` is a word, perhaps with a short number after it: `DB2`, `v1`, `secretName`.
fn is_word(part: &str) -> bool {
    let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
    if part.len() - letters.len() > 3 && !letters.is_empty() {
        return false;
    }
    if !letters.chars().all(char::is_alphabetic) {
        return false;
    }
    // Camel case is a name; alternating case is not.
    let turns = letters
        .as_bytes()
        .windows(2)
        .filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
        .count();
    turns * 4 <= letters.len()
}

/// Bits per character that 20 random hexadecimal digits rarely stay below.
const RANDOM: f32 = 3.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_told_from_code_and_names() {
        for password in [
            "S3cure!Passphrase",
            "hunter2-Blue$",
            "q7Xw92LmZk",
            "Tr0ub4dor&3",
        ] {
            assert!(is_password(password.as_bytes()), "{password}");
        }
        for other in [
            "password",
            "settings.DB_PASS1",
            "os.environ[0]",
            "get_password()",
            "/run/secrets/db1",
            "https://example.org/a1",
            "my-model-v2",
            "DB_PASSWORD_2",
            "aaaaaaa1",
            "two words 1",
            "secretName2",
            "$PASSWORD1",
        ] {
            assert!(!is_password(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn random_text_is_told_from_names() {
        for random in [
            "9f86d081884c7d659a2f",
            "k3Jd92mXq0Zr7TbLw8Vc",
            "a1B2-c3D4-e5F6-g7H8",
        ] {
            assert!(is_random(random.as_bytes()), "{random}");
        }
        for name in [
            "my-service-api-key-production",
            "gpt-4-turbo-2024-04-09-preview",
            "getUserTokenFromAuth2Provider",
            "12345678901234567890",
            "projects/p1/secrets/s1/versions/1",
            "EXTERNAL_SERVICE_TOKEN_V2",
            "resp.EncryptionKeySHA256",
            "Qwen/Qwen3-Embedding-0.6B",
        ] {
            assert!(!is_random(name.as_bytes()), "{name}");
        }
    }
}
