//! What is known of an attribute that a provider computes from arguments alone.

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use super::{Eval, Key, Module, place::object};
use crate::{
    Origin,
    read::terraform::{
        parse,
        syntax::Block,
        value::{Field, Fields, Kind, Val},
    },
};

impl<'a> Eval<'a> {
    /// The attribute, where what is declared decides it.
    pub(super) fn answer(
        &self,
        module: &Rc<Module<'a>>,
        block: &'a Block,
        key: &Key,
        name: &str,
    ) -> Option<Val> {
        let declared = |name: &str| {
            let origin = Origin::new(&block.file, block.header);
            let is_there = block.body.attribute(name).is_some();
            is_there.then(|| self.instance_attribute(module, block, key, &name.into(), &origin))
        };
        match (&*block.kind, &**block.labels.first()?, name) {
            ("data", "aws_iam_policy_document", "json" | "minified_json") => {
                Some(document(&self.instance(module, block, key)))
            }
            ("resource", "terraform_data", "output") => declared("input"),
            ("data", "template_file", "rendered") => {
                let (template, vars) = (declared("template")?, declared("vars"));
                Some(self.rendered(&template, vars.as_ref()))
            }
            ("data" | "resource", "local_file", "content")
                if block.body.attribute("filename").is_some() =>
            {
                let path = declared("filename")?;
                Some(self.read_file(&path, path.origin.clone()))
            }
            ("resource", "random_password", "result" | "bcrypt_hash")
            | (
                "resource",
                "tls_private_key",
                "private_key_pem" | "private_key_openssh" | "private_key_pem_pkcs8",
            )
            | ("resource", "aws_iam_access_key", "secret" | "ses_smtp_password_v4")
            | ("data", "aws_secretsmanager_secret_version", "secret_string" | "secret_binary")
            | ("data", "aws_ssm_parameter", "value")
            | ("data", "azurerm_key_vault_secret", "value")
            | ("data", "google_secret_manager_secret_version", "secret_data") => {
                let place = Origin::new(&block.file, block.header);
                Some(Val::unknown(self.later(module, block, key, name), place).mark(true))
            }
            _ => None,
        }
    }

    /// A text as a template, which sees nothing but `vars`.
    pub(super) fn rendered(&self, template: &Val, vars: Option<&Val>) -> Val {
        let origin = template.origin.clone();
        let Some(text) = template.as_text() else {
            return template.clone();
        };
        let file = Arc::new(crate::File {
            subject: origin.file.subject.clone(),
            text,
        });
        match parse::template(&file) {
            Ok(parts) => self.fill(&file, &parts, vars, origin),
            Err(error) => Val::error(error.message, origin),
        }
    }
}

/// The policy that `data.aws_iam_policy_document` makes of its statements
/// (<https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/iam_policy_document>).
fn document(data: &Val) -> Val {
    let origin = data.origin.clone();
    let get = |name: &str| {
        data.as_fields()
            .and_then(|it| it.items.get(name))
            .map(|it| &it.value)
    };
    let mut statements: Vec<Val> = Vec::new();
    let mut others = |name: &str| {
        // Those that override come last, and replace those of their Sid; which is as if they were added.
        let documents = get(name).and_then(Val::as_items).map_or(&[][..], |it| it);
        for document in documents {
            statements.push(Val::unknown(
                document
                    .reason()
                    .unwrap_or_else(|| "it is of another document".into()),
                document.origin.clone(),
            ));
            if let Kind::Json(value) = &document.kind
                && let Some(fields) = value.as_fields()
                && let Some(inner) = fields
                    .items
                    .get("Statement")
                    .and_then(|it| it.value.as_items())
            {
                statements.pop();
                statements.extend(inner.iter().cloned());
            }
        }
    };
    others("source_policy_documents");
    others("override_policy_documents");
    if let Some(value) = get("statement") {
        match value.as_items() {
            Some(items) => statements.extend(items.iter().map(statement)),
            None => statements.push(value.clone()),
        }
    }
    let version = get("version").cloned();
    let version = version.unwrap_or_else(|| Val::text("2012-10-17", origin.clone()));
    let fields = [
        ("Version", version),
        ("Statement", Val::list(statements, origin.clone())),
    ];
    let document = object(fields.to_vec(), &origin);
    Val::new(Kind::Json(Arc::new(document)), origin)
}

fn statement(block: &Val) -> Val {
    let origin = block.origin.clone();
    let Some(given) = block.as_fields() else {
        return block.clone();
    };
    let mut fields: Vec<(&str, Val)> = Vec::new();
    let effect = given.items.get("effect").map(|it| it.value.clone());
    fields.push((
        "Effect",
        effect.unwrap_or_else(|| Val::text("Allow", origin.clone())),
    ));
    for (from, to) in [
        ("sid", "Sid"),
        ("actions", "Action"),
        ("not_actions", "NotAction"),
        ("resources", "Resource"),
        ("not_resources", "NotResource"),
    ] {
        if let Some(field) = given.items.get(from).filter(|it| !it.value.is_null()) {
            fields.push((to, field.value.clone()));
        }
    }
    for (from, to) in [
        ("principals", "Principal"),
        ("not_principals", "NotPrincipal"),
    ] {
        if let Some(field) = given.items.get(from) {
            fields.push((to, principals(&field.value)));
        }
    }
    if let Some(conditions) = given.items.get("condition") {
        fields.push(("Condition", condition(&conditions.value)));
    }
    object(fields, &origin)
}

/// `principals { type, identifiers }` blocks as `{type: identifiers}`; all of any type is `"*"`.
fn principals(blocks: &Val) -> Val {
    let origin = blocks.origin.clone();
    let Some(items) = blocks.as_items() else {
        return blocks.clone();
    };
    let mut fields: Vec<(&str, Val)> = Vec::new();
    for block in items.iter() {
        let get = |name: &str| {
            block
                .as_fields()
                .and_then(|it| it.items.get(name))
                .map(|it| it.value.clone())
        };
        let (Some(of), Some(identifiers)) = (get("type"), get("identifiers")) else {
            return Val::unknown(
                block
                    .reason()
                    .unwrap_or_else(|| "a principal is not known".into()),
                origin,
            );
        };
        let of = match of.as_text().as_deref() {
            Some("*") => return Val::text("*", origin),
            Some("AWS") => "AWS",
            Some("Service") => "Service",
            Some("Federated") => "Federated",
            Some("CanonicalUser") => "CanonicalUser",
            _ => return Val::unknown("the type of a principal is not known", origin),
        };
        let before = fields.iter().position(|(name, _)| *name == of);
        match before.and_then(|at| Some((at, fields[at].1.as_items()?.to_vec()))) {
            Some((at, mut list)) => {
                list.extend(
                    identifiers
                        .as_items()
                        .map_or(&[][..], |it| it)
                        .iter()
                        .cloned(),
                );
                fields[at].1 = Val::list(list, origin.clone());
            }
            None => fields.push((of, identifiers)),
        }
    }
    object(fields, &origin)
}

/// `condition { test, variable, values }` blocks as `{test: {variable: values}}`.
fn condition(blocks: &Val) -> Val {
    let origin = blocks.origin.clone();
    let Some(items) = blocks.as_items() else {
        return blocks.clone();
    };
    let mut tests: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Field>> = BTreeMap::new();
    for block in items.iter() {
        let get = |name: &str| {
            block
                .as_fields()
                .and_then(|it| it.items.get(name))
                .map(|it| it.value.clone())
        };
        let text = |name: &str| get(name).and_then(|it| it.as_text());
        let (Some(test), Some(variable), Some(value)) =
            (text("test"), text("variable"), get("values"))
        else {
            return Val::unknown("a condition is not known", origin);
        };
        let place = block.origin.clone();
        tests
            .entry(test)
            .or_default()
            .insert(variable, Field { place, value });
    }
    let items = tests.into_iter().map(|(test, items)| {
        let value = Val::map(Fields { items, open: None }, origin.clone());
        let place = origin.clone();
        (test, Field { place, value })
    });
    let items = items.collect();
    Val::map(Fields { items, open: None }, origin.clone())
}
