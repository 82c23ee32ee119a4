//! The bookkeeping of version-control systems.

use casemate_container::{Magic, is_lfs_pointer};
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
    if is_lfs_pointer(head.magic, &head.bytes) {
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
