//! Ways to attributes, as text.

use super::{Cursor, Resource};

impl Resource {
    /// The attribute at `path`: keys between dots, items of lists in brackets by their place or their
    /// `name`, keys with dots in brackets and quotes: `spec.containers[api].image`,
    /// `metadata.labels["app.kubernetes.io/name"]`. Where there is nothing, the cursor is at nothing.
    pub fn find(&self, path: &str) -> Cursor<'_> {
        let mut cursor = self.cursor();
        let mut rest = path;
        while !rest.is_empty() {
            let (next, after) = match rest.strip_prefix('[') {
                Some(inside) => bracket(&cursor, inside),
                None => {
                    let end = rest.find(['.', '[']).unwrap_or(rest.len());
                    (cursor.get(&rest[..end]), &rest[end..])
                }
            };
            cursor = next;
            rest = after.strip_prefix('.').unwrap_or(after);
        }
        cursor
    }
}

/// The member of `cursor` that the brackets name, and what follows them.
fn bracket<'a, 'p>(cursor: &Cursor<'a>, inside: &'p str) -> (Cursor<'a>, &'p str) {
    if let Some(quoted) = inside.strip_prefix('"') {
        let (key, after) = quoted.split_once("\"]").unwrap_or((quoted, ""));
        return (cursor.get(key), after);
    }
    let (name, after) = inside.split_once(']').unwrap_or((inside, ""));
    let items = cursor.items();
    let place = name.parse().ok().and_then(|place: usize| items.get(place));
    let end = format!("[{name}]");
    let found = place.or_else(|| items.iter().find(|item| item.path.ends_with(&end)));
    (found.cloned().unwrap_or_else(|| cursor.get(name)), after)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use casemate_document::{
        Limits,
        yaml::{self, Dialect},
    };

    use super::*;
    use crate::{Attr, Language, survey::tests::file};

    #[test]
    fn a_path_leads_by_keys_places_and_names() {
        let text = "a:\n  \"x.y/z\": {b: 1}\n  list: [{name: n, v: 2}, {v: 3}]\n";
        let stream = yaml::read(text, Dialect::CORE, &Limits::default());
        let resource = Resource {
            language: Language::Kubernetes,
            kind: "K".into(),
            address: "K/n".into(),
            body: Attr::of_node(&stream.documents[0].root, &Arc::new(file("a.yaml", text))),
        };
        for (path, expected) in [
            ("a[\"x.y/z\"].b", "1"),
            ("a.list[n].v", "2"),
            ("a.list[0].v", "2"),
            ("a.list[1].v", "3"),
            ("a.list[2].v", "nothing"),
            ("a.none.b", "nothing"),
            ("a.list[", "nothing"),
        ] {
            assert_eq!(resource.find(path).shown(), expected, "{path}");
        }
        assert_eq!(resource.find("a.list[n].v").path, "a.list[n].v");
    }
}
