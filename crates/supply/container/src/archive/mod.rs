//! What can be wrong with any archive: names that climb, links that leave, sizes that explode.

mod rules;

use std::fmt;

use casemate_core::Region;

pub(crate) use rules::RULES;

use crate::{Budget, Contents, Kind, Member};

/// What stands in for a container that is nested deeper than the budget allows.
pub(crate) fn too_deep<'a>(format: &'static str) -> Contents<'a> {
    let mut contents = Contents::new(format);
    contents.note(
        &rules::DEEP,
        None,
        None,
        "depth",
        format_args!("a {format} is nested too deep to be opened"),
    );
    contents.leave_out(format_args!("containers are nested too deep"));
    contents
}

/// Says that the container has more members than the budget allows.
pub(crate) fn too_many(contents: &mut Contents<'_>, budget: &Budget) {
    contents.note(
        &rules::MANY,
        None,
        None,
        "members",
        format_args!("more than the {} members that are allowed", budget.members),
    );
    contents.leave_out(format_args!("more than {} members", budget.members));
}

/// Judges how a member is called.
pub(crate) fn judge_name(member: &Member<'_>, contents: &mut Contents<'_>) {
    let name = member.name.as_str();
    if is_absolute(name) || climbs(name, 0) {
        let message = format_args!("{name:?} leaves the directory that it is unpacked in");
        note(contents, &rules::CLIMBS, member, message);
    }
    if name.chars().any(char::is_control) {
        let message = format_args!("{name:?} holds control characters");
        note(contents, &rules::CONTROL, member, message);
    }
}

/// Judges what a member is and where it leads.
pub(crate) fn judge_kind(member: &Member<'_>, contents: &mut Contents<'_>) {
    let name = member.name.as_str();
    // A symbolic link starts where it stands, a hard link at the root of the archive.
    let (target, depth, hard) = match &member.kind {
        Kind::File | Kind::Directory => return,
        Kind::Special => {
            let message = format_args!("{name:?} is neither a file nor a directory nor a link");
            note(contents, &rules::SPECIAL, member, message);
            return;
        }
        Kind::Symlink(target) => (target.as_str(), depth_of(name), false),
        Kind::Hardlink(target) => (target.as_str(), 0, true),
    };
    if climbs(target, depth) || (hard && is_absolute(target)) {
        let message = format_args!("{name:?} is a link to {target:?}, outside the archive");
        note(contents, &rules::LINK_CLIMBS, member, message);
    } else if is_absolute(target) {
        let message = format_args!("{name:?} is a link to the absolute path {target:?}");
        note(contents, &rules::LINK_ABSOLUTE, member, message);
    }
}

/// Judges how large `packed` bytes declare to become.
pub(crate) fn judge_growth(
    member: &Member<'_>,
    packed: u64,
    unpacked: u64,
    budget: &Budget,
    contents: &mut Contents<'_>,
) {
    if member.stored().is_none() && budget.is_bomb(packed, unpacked) {
        let name = member.name.as_str();
        let message = format_args!("{name:?} grows from {packed} to {unpacked} bytes");
        note(contents, &rules::BOMB, member, message);
    }
}

fn note(
    contents: &mut Contents<'_>,
    rule: &'static casemate_core::Rule,
    member: &Member<'_>,
    message: fmt::Arguments<'_>,
) {
    let region: Option<Region> = member.region();
    let anchor = member.name.as_str();
    contents.note(rule, Some(&member.name), region, anchor, message);
}

/// Absolute on Unix or on Windows.
fn is_absolute(path: &str) -> bool {
    let bytes = path.as_bytes();
    let drive = bytes.len() > 2
        && bytes[0].is_ascii_alphabetic()
        && bytes[1] == b':'
        && matches!(bytes[2], b'/' | b'\\');
    path.starts_with(['/', '\\']) || drive
}

/// Whether `path`, read from `depth` directories below the root, is ever above the root.
fn climbs(path: &str, depth: usize) -> bool {
    let mut depth = depth;
    for component in path.split(['/', '\\']) {
        match component {
            "" | "." => {}
            ".." => match depth.checked_sub(1) {
                Some(above) => depth = above,
                None => return true,
            },
            _ => depth += 1,
        }
    }
    false
}

/// How many directories `name` stands in.
fn depth_of(name: &str) -> usize {
    let named = |component: &&str| !matches!(*component, "" | ".");
    name.split('/').filter(named).count().saturating_sub(1)
}
