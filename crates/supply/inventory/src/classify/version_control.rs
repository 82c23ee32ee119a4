//! The bookkeeping of version-control systems.

use casemate_container::sniff::Magic;
use casemate_core::{AssetKind, Class};

use super::{class, head::Head};

pub(super) fn classify(head: &Head<'_>) -> Option<Class> {
    let is_git = matches!(
        head.magic,
        Magic::GitPack | Magic::GitIndex | Magic::GitPackIndex | Magic::GitCache | Magic::GitObject
    );
    if is_git {
        return Some(class(AssetKind::VersionControl, head.magic.as_str()));
    }
    if head.bytes.starts_with(LFS) && head.bytes.len() < LONGEST_POINTER {
        return Some(class(AssetKind::Other, "git-lfs-pointer"));
    }
    let mut parents = head.path.split('/').rev().skip(1);
    let format = parents.find_map(|part| match part {
        ".git" => Some("git"),
        ".hg" => Some("mercurial"),
        ".svn" => Some("subversion"),
        _ => None,
    })?;
    Some(class(AssetKind::VersionControl, format))
}

/// What stands for a file that Git LFS has elsewhere begins so, and is shorter than that
/// (<https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>).
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";
const LONGEST_POINTER: usize = 1024;
