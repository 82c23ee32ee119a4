//! Paths in the tree, as files name each other.

/// `path` from `folder` on; none where it leads out of the tree.
pub(super) fn joined(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The folder that a file is in.
pub(super) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The name of a file.
pub(super) fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a file is YAML by its name. Programs that are given one by name take `A.YAML` too.
pub(super) fn is_yaml(path: &str) -> bool {
    let end = name(path).rsplit_once('.').map_or("", |(_, end)| end);
    ["yaml", "yml"]
        .iter()
        .any(|it| end.eq_ignore_ascii_case(it))
}
