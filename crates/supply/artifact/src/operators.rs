//! The operators that code in a model may call: those of TorchScript and of exported programs.
//!
//! As with the names of pickles, the list is the boundary, and the table of dangerous ones only
//! sharpens unknown to dangerous.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use crate::AllowlistError;

/// What is known of operators.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operators {
    /// By namespace and name: whether it may be called.
    names: HashMap<String, HashMap<String, bool>>,
    dangerous: HashMap<String, HashMap<String, String>>,
    /// Classes that are built into torch, without `__torch__.torch.classes`, and their methods.
    classes: HashMap<String, HashSet<String>>,
}

/// What the list says of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator<'a> {
    Allowed,
    /// The predicate of a sentence: `writes a file`.
    Dangerous(&'a str),
    /// torch has it, and nothing needs it.
    Refused,
    Unheard,
}

impl Operators {
    pub(crate) fn operator(&self, namespace: &str, name: &str) -> Operator<'_> {
        match self.names.get(namespace).and_then(|names| names.get(name)) {
            Some(true) => Operator::Allowed,
            known => match self.dangerous.get(namespace).and_then(|n| n.get(name)) {
                Some(what) => Operator::Dangerous(what),
                None if known.is_some() => Operator::Refused,
                None => Operator::Unheard,
            },
        }
    }

    /// Whether `class`, without `__torch__.torch.classes`, is built into torch and allowed.
    pub(crate) fn has_class(&self, class: &str) -> bool {
        self.classes.contains_key(class)
    }

    /// The allowed classes.
    pub(crate) fn classes(&self) -> impl Iterator<Item = &str> {
        self.classes.keys().map(String::as_str)
    }

    /// Whether some class that is built into torch has a method of this name.
    pub(crate) fn has_method(&self, name: &str) -> bool {
        self.classes.values().any(|methods| methods.contains(name))
    }

    /// Forgets which operators are dangerous.
    pub(crate) fn forget_dangers(&mut self) {
        self.dangerous.clear();
    }

    /// Adds a caller's own operators.
    ///
    /// # Errors
    ///
    /// Where one is known already, whether it is allowed or not, or no reason is given.
    pub(crate) fn add_own(&mut self, own: OverlayOperators) -> Result<(), AllowlistError> {
        for name in &own.names {
            let why = match self.operator(&own.namespace, name) {
                Operator::Unheard if own.reason.trim().is_empty() => "has an empty `reason`",
                Operator::Unheard => continue,
                Operator::Allowed => "is on the allowlist already",
                Operator::Dangerous(_) | Operator::Refused => "is torch's own, and not allowed",
            };
            return Err(AllowlistError::Refused {
                name: format!("{}.{name}", own.namespace),
                why: why.to_owned(),
            });
        }
        let names = self.names.entry(own.namespace).or_default();
        names.extend(own.names.into_iter().map(|name| (name, true)));
        Ok(())
    }

    pub(crate) fn add(&mut self, rows: OperatorRows) {
        for row in rows.operators {
            let names = self.names.entry(row.namespace).or_default();
            for name in row.refused {
                names.entry(name).or_insert(false);
            }
            names.extend(row.names.into_iter().map(|name| (name, true)));
        }
        for row in rows.dangerous_operator {
            let names = self.dangerous.entry(row.namespace).or_default();
            names.insert(row.name, row.what);
        }
        for row in rows.operator_class {
            self.classes
                .entry(row.name)
                .or_default()
                .extend(row.methods);
        }
    }
}

/// The rows of a file under `content/allowlists`.
pub(crate) struct OperatorRows {
    pub(crate) operators: Vec<NamespaceRow>,
    pub(crate) dangerous_operator: Vec<DangerousRow>,
    pub(crate) operator_class: Vec<ClassRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamespaceRow {
    namespace: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    refused: Vec<String>,
    /// The versions of torch that have them; for readers of the data.
    #[serde(rename = "evidence")]
    _evidence: String,
}

/// A caller's own operators, and why they are allowed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OverlayOperators {
    namespace: String,
    names: Vec<String>,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DangerousRow {
    namespace: String,
    name: String,
    what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClassRow {
    name: String,
    methods: Vec<String>,
    #[serde(rename = "evidence")]
    _evidence: String,
}

#[cfg(test)]
mod tests {
    use super::Operator;
    use crate::Allowlist;

    #[test]
    fn what_only_computes_is_allowed_and_what_touches_files_is_dangerous() {
        let list = Allowlist::builtin();
        let says = |namespace, name| list.operators().operator(namespace, name);
        assert_eq!(says("aten", "add"), Operator::Allowed);
        assert_eq!(says("quantized", "linear"), Operator::Allowed);
        assert_eq!(says("aten", "save"), Operator::Dangerous("writes a file"));
        assert_eq!(says("prim", "PythonOp"), Operator::Refused);
        assert_eq!(says("torchvision", "nms"), Operator::Unheard);
        let bare = list.without_gadgets();
        assert_eq!(bare.operators().operator("aten", "save"), Operator::Refused);
    }

    #[test]
    fn an_overlay_may_allow_an_operator_of_a_library() {
        let row = "[[operators]]\nnamespace = 'torchvision'\nnames = ['nms']\nreason = 'ours'\n";
        let list = Allowlist::builtin().with_overlay(row).expect("sound");
        let says = |name| list.operators().operator("torchvision", name);
        assert_eq!(says("nms"), Operator::Allowed);
        assert_eq!(says("roi_align"), Operator::Unheard);
        for wrong in [
            row.replace("'nms'", "'nms', 'roi_align'")
                .replace("ours", " "),
            row.replace("torchvision", "aten").replace("nms", "save"),
            row.replace("torchvision", "aten").replace("nms", "add"),
        ] {
            let list = Allowlist::builtin().with_overlay(&wrong);
            assert!(list.is_err(), "{wrong}");
        }
    }
}
