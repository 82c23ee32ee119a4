//! Dockerfiles: instructions lie within their text one behind the other, and so do the commands of
//! their scripts.

use casemate_posture::{
    dockerfile::parse,
    shell::{Shell, commands},
};

/// The bytes are a Dockerfile.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let file = parse(text);
    let mut end = 0;
    for instruction in &file.instructions {
        let range = instruction.span.range();
        assert!(text.get(range.clone()).is_some(), "{text:?}");
        assert!(end <= range.start);
        end = range.end;
        instruction.list();
        scripts(&instruction.script());
    }
    scripts(text);
}

fn scripts(script: &str) {
    for shell in [Shell::Posix, Shell::PowerShell] {
        for command in commands(script, shell) {
            assert!(script.get(command.span.clone()).is_some(), "{script:?}");
            let inner = command.inner();
            assert!(inner.words.len() <= command.words.len());
            for word in &command.words {
                assert!(script.get(word.span.clone()).is_some(), "{script:?}");
            }
        }
    }
}
