//! Which entries are converted, and under which names.

/// Whether a name fits a pattern, in which `*` stands for any text and `?` for any character.
pub(super) fn fits(name: &str, pattern: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    let (mut at, mut p) = (0, 0);
    // Where the last `*` stands, and how much of the name it has taken.
    let mut star = None;
    while at < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, at));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[at] => {
                p += 1;
                at += 1;
            }
            _ => {
                let Some((stands, taken)) = &mut star else {
                    return false;
                };
                *taken += 1;
                p = *stands + 1;
                at = *taken;
            }
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_a_shell() {
        for (name, pattern, expected) in [
            ("model.a.weight", "model.*", true),
            ("model", "model.*", false),
            ("model.a.weight", "*.weight", true),
            ("model.a.weight", "m*.?.w*t", true),
            ("abcabd", "*abd", true),
            ("abc", "abc", true),
            ("abc", "", false),
            ("", "*", true),
            ("é", "?", true),
        ] {
            assert_eq!(fits(name, pattern), expected, "{name} {pattern}");
        }
    }
}
