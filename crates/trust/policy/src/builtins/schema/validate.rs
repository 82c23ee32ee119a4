//! Whether a document is what a schema says.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{
    Draft, Fields, Problem, Schema, canonical,
    found::{Found, Path},
    keywords::{common, is_some, lengths, mistyped, numbers, strings, type_of},
    matches,
};
use crate::builtins::Fault;

pub(super) fn validate(schema: &Schema<'_>, document: &Json) -> Result<Vec<Problem>, Fault> {
    let mut validator = Validator { schema, steps: 0 };
    let found = validator.found(schema.root, document, Path::ROOT)?;
    Ok(found.problems)
}

struct Validator<'a> {
    schema: &'a Schema<'a>,
    steps: usize,
}

impl<'a> Validator<'a> {
    fn found(&mut self, schema: &'a Json, value: &Json, path: Path<'_>) -> Result<Found, Fault> {
        let mut found = Found::default();
        self.validate(schema, value, path.deeper(), &mut found)?;
        Ok(found)
    }

    fn validate(
        &mut self,
        schema: &'a Json,
        value: &Json,
        path: Path<'_>,
        found: &mut Found,
    ) -> Result<(), Fault> {
        self.steps += 1;
        if self.steps > MAX_STEPS || found.problems.len() > MAX_PROBLEMS {
            return Err(Fault::refuse("would take more than a million steps"));
        }
        if path.depth > MAX_DEPTH {
            return Err(Fault::refuse("was given a schema that does not end"));
        }
        let fields = match schema {
            Json::Object(fields) => fields,
            Json::Bool(false) => {
                found.tell(path, "false", "False always fails validation");
                return Ok(());
            }
            _ => return Ok(()),
        };
        if let Some(Json::String(reference)) = fields.get("$ref") {
            let part = self.schema.resolve(reference).ok_or("refers to nothing")?;
            return self.validate(part, value, path.deeper(), found);
        }
        if let Some(expected) = mistyped(fields, value) {
            let text = format!(
                "Invalid type. Expected: {expected}, given: {}",
                type_of(value)
            );
            found.tell(path, "invalid_type", text);
            return Ok(());
        }
        self.combinations(fields, value, path, found)?;
        match value {
            Json::Array(items) => self.array(fields, items, path, found)?,
            Json::Object(members) => self.object(fields, members, path, found)?,
            Json::Number(number) => {
                numbers(fields, number, path, found);
                found.score += 1;
            }
            Json::Bool(_) | Json::String(_) | Json::Null => {}
        }
        common(fields, self.schema.draft, value, path, found)?;
        if let (Json::Object(members), Some(Json::Object(parts))) =
            (value, fields.get("properties"))
        {
            for (name, part) in parts {
                if let Some(member) = members.get(name) {
                    self.validate(part, member, path.below(name).deeper(), found)?;
                }
            }
        }
        if let Json::String(text) = value {
            strings(fields, text, path, found)?;
        }
        found.score += 1;
        Ok(())
    }

    /// `anyOf`, `oneOf`, `allOf`, `not`, `dependencies` and `if`.
    fn combinations(
        &mut self,
        fields: &'a Fields,
        value: &Json,
        path: Path<'_>,
        found: &mut Found,
    ) -> Result<(), Fault> {
        if let Some(Json::Array(parts)) = fields.get("anyOf").filter(|parts| is_some(parts)) {
            let (valid, nearest) = self.alternatives(parts, value, path, 1)?;
            if valid == 0 {
                found.tell(
                    path,
                    "number_any_of",
                    "Must validate at least one schema (anyOf)",
                );
                found.merge(nearest.unwrap_or_default());
            }
        }
        if let Some(Json::Array(parts)) = fields.get("oneOf").filter(|parts| is_some(parts)) {
            let (valid, nearest) = self.alternatives(parts, value, path, usize::MAX)?;
            if valid != 1 {
                let text = "Must validate one and only one schema (oneOf)";
                found.tell(path, "number_one_of", text);
            }
            if valid == 0 {
                found.merge(nearest.unwrap_or_default());
            }
        }
        if let Some(Json::Array(parts)) = fields.get("allOf") {
            let mut is_valid = true;
            for part in parts {
                let of_part = self.found(part, value, path)?;
                is_valid &= of_part.is_valid();
                found.merge(of_part);
            }
            if !is_valid {
                found.tell(
                    path,
                    "number_all_of",
                    "Must validate all the schemas (allOf)",
                );
            }
        }
        if let Some(part) = fields.get("not")
            && self.found(part, value, path)?.is_valid()
        {
            found.tell(path, "number_not", "Must not validate the schema (not)");
        }
        self.dependencies(fields, value, path, found)?;
        self.condition(fields, value, path, found)?;
        found.score += 1;
        Ok(())
    }

    /// How many of `parts` hold, up to `enough`, and what came of the nearest one of the others.
    fn alternatives(
        &mut self,
        parts: &'a [Json],
        value: &Json,
        path: Path<'_>,
        enough: usize,
    ) -> Result<(usize, Option<Found>), Fault> {
        let (mut valid, mut nearest) = (0, None::<Found>);
        for part in parts {
            if valid >= enough {
                break;
            }
            let found = self.found(part, value, path)?;
            if found.is_valid() {
                valid += 1;
            } else if nearest.as_ref().is_none_or(|near| found.score > near.score) {
                nearest = Some(found);
            }
        }
        Ok((valid, nearest))
    }

    fn dependencies(
        &mut self,
        fields: &'a Fields,
        value: &Json,
        path: Path<'_>,
        found: &mut Found,
    ) -> Result<(), Fault> {
        let (Some(Json::Object(dependencies)), Json::Object(members)) =
            (fields.get("dependencies"), value)
        else {
            return Ok(());
        };
        for (name, dependency) in dependencies {
            match dependency {
                _ if !members.contains_key(name) => {}
                Json::Array(names) => {
                    let names = names.iter().filter_map(Json::as_str);
                    for name in names.filter(|name| !members.contains_key(*name)) {
                        let text = format!("Has a dependency on {name}");
                        found.tell(path, "missing_dependency", text);
                    }
                }
                part => self.validate(part, value, path.deeper(), found)?,
            }
        }
        Ok(())
    }

    fn condition(
        &mut self,
        fields: &'a Fields,
        value: &Json,
        path: Path<'_>,
        found: &mut Found,
    ) -> Result<(), Fault> {
        let Some(condition) = fields
            .get("if")
            .filter(|_| self.schema.draft >= Draft::Seven)
        else {
            return Ok(());
        };
        let is_met = self.found(condition, value, path)?.is_valid();
        let (word, kind, text) = if is_met {
            let text = "Must validate \"then\" as \"if\" was valid";
            ("then", "condition_then", text)
        } else {
            let text = "Must validate \"else\" as \"if\" was not valid";
            ("else", "condition_else", text)
        };
        if let Some(part) = fields.get(word) {
            let of_part = self.found(part, value, path)?;
            if !of_part.is_valid() {
                found.tell(path, kind, text);
                found.merge(of_part);
            }
        }
        Ok(())
    }

    fn array(
        &mut self,
        fields: &'a Fields,
        items: &[Json],
        path: Path<'_>,
        found: &mut Found,
    ) -> Result<(), Fault> {
        match fields.get("items") {
            Some(Json::Array(parts)) if !parts.is_empty() => {
                for (at, (part, item)) in parts.iter().zip(items).enumerate() {
                    found.merge(self.found(part, item, path.below(&at.to_string()))?);
                }
                let more = items.iter().enumerate().skip(parts.len());
                match fields.get("additionalItems") {
                    Some(Json::Bool(false)) if items.len() > parts.len() => {
                        let text = "No additional items allowed on array";
                        found.tell(path, "array_no_additional_items", text);
                    }
                    Some(part @ Json::Object(_)) => {
                        for (at, item) in more {
                            found.merge(self.found(part, item, path.below(&at.to_string()))?);
                        }
                    }
                    _ => {}
                }
            }
            Some(part @ (Json::Object(_) | Json::Bool(_))) => {
                for (at, item) in items.iter().enumerate() {
                    found.merge(self.found(part, item, path.below(&at.to_string()))?);
                }
            }
            _ => {}
        }
        let told = [
            ("array_min_items", "Array must have at least ", " items"),
            ("array_max_items", "Array must have at most ", " items"),
        ];
        lengths(
            fields,
            ["minItems", "maxItems"],
            items.len(),
            told,
            path,
            found,
        );
        if fields.get("uniqueItems") == Some(&Json::Bool(true)) {
            let mut known = BTreeMap::new();
            for (at, item) in items.iter().enumerate() {
                if let Some(before) = known.insert(canonical(item), at) {
                    let text = format!("array items[{before},{at}] must be unique");
                    found.tell(path, "unique", text);
                }
            }
        }
        if let Some(part) = fields
            .get("contains")
            .filter(|_| self.schema.draft >= Draft::Six)
        {
            let (mut nearest, mut is_met) = (None::<Found>, false);
            for (at, item) in items.iter().enumerate() {
                let of_item = self.found(part, item, path.below(&at.to_string()))?;
                is_met |= of_item.is_valid();
                if is_met {
                    break;
                }
                if nearest
                    .as_ref()
                    .is_none_or(|near| of_item.score > near.score)
                {
                    nearest = Some(of_item);
                }
            }
            if !is_met {
                found.tell(path, "contains", "At least one of the items must match");
                found.merge(nearest.unwrap_or_default());
            }
        }
        found.score += 1;
        Ok(())
    }

    fn object(
        &mut self,
        fields: &'a Fields,
        members: &Fields,
        path: Path<'_>,
        found: &mut Found,
    ) -> Result<(), Fault> {
        let told = [
            ("array_min_properties", "Must have at least ", " properties"),
            ("array_max_properties", "Must have at most ", " properties"),
        ];
        let words = ["minProperties", "maxProperties"];
        lengths(fields, words, members.len(), told, path, found);
        let required = fields.get("required").and_then(Json::as_array);
        for name in required.into_iter().flatten().filter_map(Json::as_str) {
            if members.contains_key(name) {
                found.score += 1;
            } else {
                found.tell(path, "required", format!("{name} is required"));
            }
        }
        for (name, member) in members {
            self.member(fields, name, member, path, found)?;
        }
        if let Some(part) = fields
            .get("propertyNames")
            .filter(|_| self.schema.draft >= Draft::Six)
        {
            for name in members.keys() {
                let of_name = self.found(part, &Json::from(name.as_str()), path)?;
                if !of_name.is_valid() {
                    let text = format!("Property name of \"{name}\" does not match");
                    found.tell(path, "invalid_property_name", text);
                    found.merge(of_name);
                }
            }
        }
        found.score += 1;
        Ok(())
    }

    /// What patterns say of a member, and what is said of those that nothing else is said of.
    fn member(
        &mut self,
        fields: &'a Fields,
        name: &str,
        member: &Json,
        path: Path<'_>,
        found: &mut Found,
    ) -> Result<(), Fault> {
        let properties = fields.get("properties").and_then(Json::as_object);
        let is_named = properties.is_some_and(|parts| parts.contains_key(name));
        let mut is_matched = false;
        let patterns = fields.get("patternProperties").and_then(Json::as_object);
        for (pattern, part) in patterns.into_iter().flatten() {
            if matches(pattern, name)? {
                is_matched = true;
                found.merge(self.found(part, member, path.below(name))?);
            }
        }
        if is_matched {
            found.score += 1;
        }
        if is_named || is_matched {
            return Ok(());
        }
        match fields.get("additionalProperties") {
            Some(Json::Bool(false)) => {
                let text = format!("Additional property {name} is not allowed");
                found.tell(path, "additional_property_not_allowed", text);
            }
            Some(part @ Json::Object(_)) => {
                found.merge(self.found(part, member, path.below(name))?);
            }
            _ => {}
        }
        Ok(())
    }
}

const MAX_STEPS: usize = 1_000_000;

const MAX_PROBLEMS: usize = 10_000;

/// Schemas in each other, references and members of the document: all that the stack holds.
const MAX_DEPTH: usize = 2_000;
