//! Pointers of Git LFS.

use std::io;

use casemate_container::{LONGEST_LFS_POINTER, Magic, TextEncoding, is_lfs_pointer};
use casemate_core::Source;

use crate::notes::Notes;

/// Notes that a text stands for a file that is not here, and gives its format; nothing where it is no
/// pointer.
///
/// # Errors
///
/// What the medium says.
pub(crate) fn examine(
    source: &dyn Source,
    encoding: TextEncoding,
    notes: &mut Notes<'_>,
) -> io::Result<Option<&'static str>> {
    let bytes = source.read_vec(0, LONGEST_LFS_POINTER)?;
    if !is_lfs_pointer(Magic::Text(encoding), &bytes) {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&bytes);
    let size = text.lines().find_map(|line| line.strip_prefix("size "));
    let what = match size.and_then(|size| size.trim().parse::<u64>().ok()) {
        Some(size) => format!("the {size} bytes it stands for are not here"),
        None => "the bytes it stands for are not here".to_owned(),
    };
    let reason = format!("a Git LFS pointer: {what}; fetch them with `git lfs pull`");
    notes.leave_out("git-lfs-pointer", None, reason);
    Ok(Some("git-lfs-pointer"))
}

#[cfg(test)]
mod tests {
    use casemate_core::{Coverage, MemorySource};

    use crate::{Allowlist, Limits, Verdict, examine};

    const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22e\
        adbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

    /// The format, the verdict, whether it is partial, and why.
    fn examined(text: &str) -> (&'static str, Verdict, bool, String) {
        let limits = Limits::default();
        let seen = examine(
            &MemorySource(text.as_bytes()),
            Allowlist::builtin(),
            &limits,
        );
        let is_partial = seen.coverage == Coverage::Partial;
        let reason = seen.reason.unwrap_or_default();
        (seen.format, seen.verdict, is_partial, reason)
    }

    #[test]
    fn nobody_vouches_for_what_a_pointer_stands_for() {
        let reason = "a Git LFS pointer: the 12345 bytes it stands for are not here; fetch them with `git lfs pull`";
        let expected = ("git-lfs-pointer", Verdict::Unknown, true, reason.to_owned());
        assert_eq!(examined(POINTER), expected);
        assert_eq!(examined(&format!("\u{feff}{POINTER}")), expected);
        let older = POINTER.replace("git-lfs.github.com", "hawser.github.com");
        assert_eq!(examined(&older), expected);
        let broken = POINTER.replace("size 12345", "size 99999999999999999999");
        assert!(
            examined(&broken)
                .3
                .contains("the bytes it stands for are not here")
        );
    }

    #[test]
    fn a_text_about_pointers_is_a_text() {
        for text in [
            format!("An example:\n{POINTER}"),
            format!("{POINTER}{}", "x".repeat(1024)),
            "version https://git-lfs.github.com\n".to_owned(),
        ] {
            let (format, verdict, is_partial, _) = examined(&text);
            assert_eq!(
                (format, verdict, is_partial),
                ("text", Verdict::Inert, false)
            );
        }
    }
}
