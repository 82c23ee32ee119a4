//! The truth suite: modules under `tests/terraform`, each with what Terraform makes of it, stated by hand.
//!
//! A file is an archive of text. Its last part, `expect`, has a line for each thing that must hold:
//!
//! ```text
//! only ADDRESS…             these are all resources and data
//! ADDRESS PATH = JSON       the attribute has this value
//! ADDRESS PATH = sensitive JSON
//! ADDRESS PATH = unknown WORDS     it is not known, and the reason has these words
//! ADDRESS PATH = absent
//! ADDRESS -> ADDRESS        it refers to another
//! missing WORDS             something was not understood, and is told with these words
//! ```

use std::{fs, io, path::Path};

use serde_json::{Value as Json, json};

use super::parse;
use crate::{
    Attr, Value, World,
    survey::tests::{archive, judged, way, world},
};

#[test]
fn every_module_is_what_terraform_makes_of_it() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terraform");
    let entries = fs::read_dir(directory).expect("the suite is there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    assert!(paths.len() >= 200, "only {} modules", paths.len());
    let mut wrong = Vec::new();
    for path in &paths {
        let text = io::read_to_string(fs::File::open(path).expect("a file")).expect("a text");
        let mut files = archive(&text);
        let (name, expected) = files.pop().expect("an expectation");
        assert_eq!(name, "expect", "{}", path.display());
        let world = world(&files);
        let expected = String::from_utf8(expected).expect("a text");
        let mut lines = expected.lines().filter(|line| !line.is_empty()).peekable();
        assert!(lines.peek().is_some(), "{} expects nothing", path.display());
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        wrong.extend(
            lines
                .filter_map(|line| check(&world, line).err())
                .map(|it| format!("{name}: {it}")),
        );
    }
    assert!(
        wrong.is_empty(),
        "{} of {} modules:\n{}",
        wrong.len(),
        paths.len(),
        wrong.join("\n")
    );
}

fn check(world: &World, line: &str) -> Result<(), String> {
    if let Some(addresses) = line.strip_prefix("only") {
        let not_other = |kind: &str| {
            let others = ["module", "module-unavailable", "output", "variable"];
            !others.contains(&kind)
                && !kind.starts_with("provider.")
                && !kind.starts_with("backend.")
        };
        let resources = world.resources().iter().filter(|it| not_other(&it.kind));
        let mut found: Vec<&str> = resources.map(|it| &*it.address).collect();
        let mut expected: Vec<&str> = addresses.split_whitespace().collect();
        found.sort_unstable();
        expected.sort_unstable();
        return same(line, &found, &expected);
    }
    if let Some(words) = line.strip_prefix("missing ") {
        let mut problems = world.problems().iter();
        let is_told = problems.any(|it| it.message.contains(words));
        return if is_told {
            Ok(())
        } else {
            Err(format!("{line}: {:?}", world.problems()))
        };
    }
    if let Some((from, to)) = line.split_once(" -> ") {
        let mut links = world.links();
        let is_there = links.any(|it| &*it.from.address == from && &*it.to.address == to);
        return if is_there {
            Ok(())
        } else {
            Err(format!("{line}: no link"))
        };
    }
    let (way, expected) = line
        .split_once(" = ")
        .ok_or_else(|| format!("{line}: no statement"))?;
    let (address, path) = way.split_once(' ').unwrap_or((way, ""));
    let resource = world.resources().iter().find(|it| &*it.address == address);
    let resource = resource.ok_or_else(|| format!("{line}: no such resource"))?;
    let found = at(&resource.body, path);
    if expected == "absent" {
        return same(line, &found.is_none(), &true);
    }
    let found = found.ok_or_else(|| format!("{line}: there is nothing"))?;
    if let Some(words) = expected.strip_prefix("unknown") {
        let Value::Unknown(why) = &found.value else {
            return Err(format!("{line}: {}", plain(found)));
        };
        let is_so = why.contains(words.trim());
        return if is_so {
            Ok(())
        } else {
            Err(format!("{line}: because {why}"))
        };
    }
    let (is_sensitive, expected) = match expected.strip_prefix("sensitive ") {
        Some(expected) => (true, expected),
        None => (false, expected),
    };
    same(line, &found.is_sensitive, &is_sensitive)?;
    let expected: Json =
        serde_json::from_str(expected).map_err(|error| format!("{line}: {error}"))?;
    same(line, &plain(found), &expected)
}

fn same<T: PartialEq + std::fmt::Debug>(line: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{line}: found {found:?}"))
    }
}

/// The attribute at `a.b[0]["c"]`.
fn at<'a>(mut attr: &'a Attr, path: &str) -> Option<&'a Attr> {
    for part in path.split(['.', '[']).filter(|part| !part.is_empty()) {
        let key = part.trim_end_matches(']');
        attr = match key.parse::<usize>() {
            Ok(index) if part.ends_with(']') => match &attr.value {
                Value::List(items) => items.get(index)?,
                _ => return None,
            },
            _ => match &attr.value {
                Value::Map(map) => &map.item(key.trim_matches('"'))?.value,
                _ => return None,
            },
        };
    }
    Some(attr)
}

fn plain(attr: &Attr) -> Json {
    match &attr.value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Integer(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::String(text) => json!(&**text),
        Value::List(items) => items.iter().map(plain).collect(),
        Value::Map(map) => {
            let items = map.items().iter();
            Json::Object(
                items
                    .map(|it| (it.key.to_string(), plain(&it.value)))
                    .collect(),
            )
        }
        Value::Unknown(why) => json!({ "unknown": &**why }),
    }
}

fn one(text: &str) -> World {
    world(&[("main.tf".to_owned(), text.as_bytes().to_vec())])
}

#[test]
fn a_value_tells_the_way_that_it_came() {
    let files = archive(
        "-- main.tf --\nmodule \"m\" {\n  source = \"./m\"\n  acl = var.acl\n}\nvariable \"acl\" {\n  default = \"private\"\n}\n\
         -- m/main.tf --\nvariable \"acl\" {}\nresource \"aws_s3_bucket\" \"b\" {\n  acl = var.acl\n}\n\
         -- terraform.tfvars --\nacl = \"public-read\"\n",
    );
    let world = world(&files);
    let bucket = world.of_kind("aws_s3_bucket").next().expect("a bucket");
    let acl = bucket.at("acl");
    let expected = "m/main.tf:3:9 < argument main.tf:3:9 < value terraform.tfvars:1:7";
    assert_eq!(way(acl.origin()), expected);
}

#[test]
fn a_policy_in_a_heredoc_has_its_places() {
    let world = one(
        "resource \"aws_iam_policy\" \"p\" {\n  policy = <<EOF\n{\n  \"Statement\": [\n    {\"Action\": \"s3:*\"}\n  ]\n}\nEOF\n}\n",
    );
    let policy = world.of_kind("aws_iam_policy").next().expect("a policy");
    let action = policy.at("policy.Statement").items()[0].get("Action");
    assert_eq!(action.origin().location().to_string(), "main.tf:5:16");
}

#[test]
fn hostile_texts_are_bounded() {
    let deep =
        |open: &str, close: &str| format!("a = {}1{}\n", open.repeat(50_000), close.repeat(50_000));
    let mut texts = vec![
        deep("(", ")"),
        deep("[", "]"),
        deep("{a=", "}"),
        deep("f(", ")"),
        deep("!", ""),
        deep("-", ""),
        deep("\"${", "}\""),
        deep("true?1:", ""),
        "a {\n".repeat(50_000),
        format!("x = {}1\n", "1 + ".repeat(50_000)),
        format!("x = a{}\n", ".b".repeat(50_000)),
        format!("x = a{}\n", "[0]".repeat(50_000)),
        format!("x = a{}\n", ".*".repeat(50_000)),
        format!("x = \"{}\"\n", "%{if true}".repeat(50_000)),
        "x = <<E\n".repeat(1000),
        "resource \"t\" \"a\" {\n  count = 1000000000\n  v = count.index\n}\n".to_owned(),
        "resource \"t\" \"a\" {\n  v = range(1000000000)\n}\n".to_owned(),
        "resource \"t\" \"a\" {\n  v = format(\"%999999999d\", 1)\n}\n".to_owned(),
        "resource \"t\" \"a\" {\n  v = setproduct(range(1000), range(1000), range(1000))\n}\n".to_owned(),
        "resource \"t\" \"a\" {\n  for_each = aws_x.y\n}\nresource \"aws_x\" \"y\" {\n  for_each = t.a\n}\n".to_owned(),
        "module \"m\" {\n  source = \"./\"\n  for_each = toset([\"a\", \"b\"])\n}\n".to_owned(),
        "resource \"t\" \"a\" {\n  v = [for a in range(1000) : [for b in range(1000) : [for c in range(1000) : c]]]\n}\n".to_owned(),
    ];
    // Texts, lists and maps that double at each step; and names that hold each other.
    for (first, step) in [
        ("\"xxxxxxxx\"", "\"${local.PREV}${local.PREV}\""),
        ("[1]", "concat(local.PREV, local.PREV)"),
        ("[1]", "[local.PREV, local.PREV]"),
        ("{a = 1}", "{a = local.PREV, b = local.PREV}"),
        ("[1]", "jsonencode([local.PREV, local.PREV])"),
        ("[1]", "[local.PREV] == [local.PREV]"),
    ] {
        let mut text = format!("locals {{\n  l0 = {first}\n");
        for at in 1..400 {
            text.push_str(&format!(
                "  l{at} = {}\n",
                step.replace("PREV", &format!("l{}", at - 1))
            ));
        }
        text.push_str("}\nresource \"t\" \"a\" {\n  v = local.l399\n  w = local.l20\n}\nresource \"t\" \"b\" {\n  v = [for i in range(400) : local.l40]\n}\n");
        texts.push(text);
    }
    for text in texts {
        let text = match text.starts_with("resource")
            || text.starts_with("module")
            || text.starts_with("locals")
        {
            true => text,
            false => format!("resource \"t\" \"a\" {{\n{text}\n}}\n"),
        };
        let world = one(&text);
        let resources = world.resources().len();
        let is_told = !world.problems().is_empty();
        assert!(
            resources > 0 || is_told,
            "nothing is said of {}",
            &text[..text.len().min(60)]
        );
    }
}

#[test]
fn what_follows_a_mistake_is_read() {
    let world = one(
        "resource \"t\" \"a\" {\n  x = = 1\n  y = 2\n}\n}\nresource \"t\" \"b\" {\n  z = 3\n}\n",
    );
    assert_eq!(world.problems().len(), 1);
    let addresses: Vec<&str> = world.resources().iter().map(|it| &*it.address).collect();
    assert_eq!(addresses, ["t.a", "t.b"]);
    assert!(
        world.resources()[0]
            .at("y")
            .integer()
            .is(|it| it == 2)
            .is_yes()
    );
}

/// Everybody has modules that are elsewhere: what is here was judged all the same.
#[test]
fn who_calls_what_is_not_there_is_undetermined() {
    let text = "module \"m\" {\n  source = \"git::https://example.org/m.git?ref=v1.2.3\"\n}\n";
    let survey = crate::PostureSurvey::new(crate::check::Persona::Regular);
    let outcomes = judged(&survey, &[("main.tf", text.as_bytes())]);
    assert_eq!(outcomes[0].result, casemate_core::Status::Undetermined);
    assert_eq!(outcomes[0].coverage, casemate_core::Coverage::Complete);
    assert_eq!(
        outcomes[0].reason.as_deref(),
        Some("main.tf:1:1: module.m is not among the files")
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in r#"(resource "t" "a" \{|\}|\n|a = |b|\(|\)|\[|\]|\{|"|\$\{|%\{|if |for x in |~|<<E\n|E\n|\*|\.|,|1|0x|\?|:|=>|\.\.\.|\\u|ä|&&|==){0,40}"#) {
        let world = one(&text);
        proptest::prop_assert!(world.resources().len() <= text.len());
        let file = std::sync::Arc::new(crate::File {
            subject: crate::survey::tests::subject("main.tf", text.as_bytes()),
            text: text.as_str().into(),
        });
        let _ = parse::template(&file);
    }
}
