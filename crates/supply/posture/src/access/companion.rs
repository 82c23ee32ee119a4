//! What belongs to a resource and stands in one of its own.

use std::{collections::HashMap, ptr};

use crate::{Fact, Resource, Truth, World};

/// Resources of one kind by what they belong to: an attribute of theirs refers to it, or has its name.
/// They are joined once, however many owners there are.
pub(crate) struct Companions<'a> {
    key: &'static str,
    by_owner: HashMap<*const Resource, Vec<&'a Resource>>,
    by_name: HashMap<String, Vec<&'a Resource>>,
    /// Whether there are such whose owner nobody knows.
    others: Truth,
}

impl<'a> Companions<'a> {
    /// Resources of `kind` by what their attribute `key` says of one of the kind `owner`.
    pub(crate) fn new(world: &'a World, kind: &str, key: &'static str, owner: &str) -> Self {
        let mut owners: HashMap<*const Resource, Vec<&Resource>> = HashMap::new();
        for link in world.links() {
            // What a data source finds is made elsewhere, and is none of these.
            let to = link.to.kind.strip_prefix("data.").unwrap_or(&link.to.kind);
            if link.path == key && &*link.from.kind == kind && to == owner {
                owners.entry(link.from).or_default().push(link.to);
            }
        }
        let mut all = Self {
            key,
            by_owner: HashMap::new(),
            by_name: HashMap::new(),
            others: Truth::No,
        };
        for resource in world.of_kind(kind) {
            let owners = owners.remove(&ptr::from_ref(resource)).unwrap_or_default();
            match resource.at(key).text() {
                Fact::Known(name) => all.by_name.entry(name).or_default().push(resource),
                Fact::Unknown(why) if owners.is_empty() => all.others = Truth::Unknown(why),
                _ => {}
            }
            for owner in owners {
                all.by_owner.entry(owner).or_default().push(resource);
            }
        }
        all
    }

    /// Those of `owner`. One that both refers to it and has its name is there twice.
    pub(crate) fn of(&self, owner: &Resource) -> impl Iterator<Item = &'a Resource> + use<'_, 'a> {
        let referring = self.by_owner.get(&ptr::from_ref(owner));
        let named = match owner.at(self.key).text() {
            Fact::Known(name) => self.by_name.get(&name),
            _ => None,
        };
        referring.into_iter().chain(named).flatten().copied()
    }

    /// Whether `owner` has one; not known where there are some whose owner is not.
    pub(crate) fn has(&self, owner: &Resource) -> Truth {
        match self.of(owner).next() {
            Some(_) => Truth::Yes,
            None => self.others.clone(),
        }
    }

    /// Whether there are such whose owner nobody knows.
    pub(crate) fn others(&self) -> Truth {
        self.others.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::survey::tests::{survey, world};

    fn declared(text: &str) -> World {
        world(&[("main.tf".to_owned(), text.as_bytes().to_vec())])
    }

    #[test]
    fn they_are_found_by_reference_and_by_name() {
        let world = declared(
            r#"
resource "aws_s3_bucket" "a" { bucket = "a" }
resource "aws_s3_bucket" "b" { bucket = "b" }
resource "aws_s3_bucket" "c" {}
resource "aws_s3_bucket_logging" "a" { bucket = aws_s3_bucket.a.id }
resource "aws_s3_bucket_logging" "b" { bucket = "b" }
"#,
        );
        let logs = Companions::new(&world, "aws_s3_bucket_logging", "bucket", "aws_s3_bucket");
        let has = world.of_kind("aws_s3_bucket").map(|it| logs.has(it));
        let expected = [Truth::Yes, Truth::Yes, Truth::No];
        assert_eq!(has.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn one_whose_owner_nobody_knows_may_be_of_each() {
        let world = declared(
            r#"
variable "b" {}
resource "aws_s3_bucket" "a" {}
resource "aws_s3_bucket_logging" "x" { bucket = var.b }
"#,
        );
        let logs = Companions::new(&world, "aws_s3_bucket_logging", "bucket", "aws_s3_bucket");
        let bucket = world.of_kind("aws_s3_bucket").next().expect("a bucket");
        assert!(matches!(logs.has(bucket), Truth::Unknown(_)));
    }

    #[test]
    fn what_is_of_a_data_source_is_of_no_other() {
        let world = declared(
            r#"
data "aws_vpc" "x" {}
resource "aws_vpc" "a" {}
resource "aws_flow_log" "x" { vpc_id = data.aws_vpc.x.id }
"#,
        );
        let logs = Companions::new(&world, "aws_flow_log", "vpc_id", "aws_vpc");
        let network = world.of_kind("aws_vpc").next().expect("a network");
        assert_eq!(logs.has(network), Truth::No);
    }

    #[test]
    fn the_network_of_a_subnet_is_not_told_apart_from_others() {
        let text = r#"
resource "aws_vpc" "a" { cidr_block = "10.0.0.0/16" }
data "aws_subnet" "s" {}
resource "aws_flow_log" "x" { vpc_id = data.aws_subnet.s.vpc_id }
"#;
        let outcomes = survey(&[("main.tf", text.as_bytes())]);
        let rules = outcomes[0].findings.iter().map(|it| it.rule.to_string());
        let rules: Vec<String> = rules.collect();
        assert!(!rules.contains(&"CM-AWS-025".to_owned()), "{rules:?}");
        let reason = outcomes[0].reason.as_deref().unwrap_or_default();
        assert!(reason.contains("CM-AWS-025"), "{reason}");
    }

    /// Work that grows with the square takes minutes here, and the runner ends it.
    #[test]
    fn many_owners_are_joined_once() {
        let mut text = String::new();
        for at in 0..4000 {
            let _ = write!(
                text,
                "resource \"aws_s3_bucket\" \"b{at}\" {{\n bucket = \"b{at}\"\n}}\nresource \"aws_s3_bucket_public_access_block\" \"b{at}\" {{\n bucket = aws_s3_bucket.b{at}.id\n}}\n"
            );
        }
        let world = declared(&text);
        let kind = "aws_s3_bucket_public_access_block";
        let blocks = Companions::new(&world, kind, "bucket", "aws_s3_bucket");
        let mut buckets = world.of_kind("aws_s3_bucket");
        assert!(buckets.all(|it| blocks.of(it).count() == 1));
    }
}
