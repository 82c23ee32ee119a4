//! Dockerfiles and Containerfiles: their stages, with what `ARG` and `ENV` stand for.

pub mod parse;
mod substitute;

use std::sync::Arc;

use super::{Content, Draft, Reader, shell};
use crate::{Attr, File, Item, Language, Map, Origin, Resource, Value, World};
use parse::{Dockerfile, Instruction};
use substitute::Variables;

pub(super) const READER: Reader = Reader { read, gather };

/// What a Dockerfile is called: a list of `stages`, each with its `name`, its `base`, the place of the
/// stage that the base is, and its `instructions`: what runs has a `script` and what is known of its
/// `environment`, and what copies has the `files` of its here-documents.
pub(crate) const DOCKERFILE: &str = "dockerfile";

fn read(file: &Arc<File>) -> Option<Draft> {
    let path = file.subject.path.as_str();
    let name = path.rsplit('/').next()?.to_ascii_lowercase();
    let is_named = ["dockerfile", "containerfile"].iter().any(|word| {
        name == *word
            || name.ends_with(&format!(".{word}"))
            || (name.starts_with(&format!("{word}.")) && !name.ends_with(".dockerignore"))
            || (name.starts_with(&format!("{word}-")) && !name.contains('.'))
    });
    if !is_named {
        return None;
    }
    Some(Draft {
        file: file.clone(),
        content: Content::Dockerfile(parse::parse(&file.text)),
    })
}

fn gather(drafts: &[Draft], world: &mut World) {
    for draft in drafts {
        let Content::Dockerfile(dockerfile) = &draft.content else {
            continue;
        };
        for (span, message) in &dockerfile.mistakes {
            world.missing(&draft.file, *span, message.clone());
        }
        world.add(Resource {
            language: Language::Dockerfile,
            kind: DOCKERFILE.into(),
            address: draft.file.subject.path.as_str().into(),
            body: body(dockerfile, &draft.file),
        });
    }
}

/// A stage while it is read.
struct Stage {
    name: Option<String>,
    items: Vec<Item>,
    instructions: Vec<Attr>,
    variables: Variables,
    origin: Origin,
}

fn body(dockerfile: &Dockerfile, file: &Arc<File>) -> Attr {
    let mut global = Variables::default();
    let mut stages: Vec<Stage> = Vec::new();
    for instruction in &dockerfile.instructions {
        let origin = Origin::new(file, instruction.span);
        match (instruction.name.as_str(), stages.last_mut()) {
            ("FROM", _) => {
                let stage = from(instruction, &origin, &global, &stages);
                stages.push(stage);
            }
            ("ARG", None) => global.declare(&instruction.line(), &origin, None),
            (_, None) => {}
            (_, Some(stage)) => {
                let attr = stage.instruction(instruction, &origin, &global);
                stage.instructions.push(attr);
            }
        }
    }
    let whole = Origin::new(file, casemate_document::Span::new(0, file.text.len()));
    let list = Value::List(stages.into_iter().map(Stage::finish).collect());
    map(vec![item("stages", Attr::new(list, whole.clone()))], whole)
}

fn from(instruction: &Instruction, origin: &Origin, global: &Variables, stages: &[Stage]) -> Stage {
    let line = instruction.line();
    let mut words = line.split_whitespace();
    let base = global.filled(words.next().unwrap_or_default(), origin);
    let name = match (words.next(), words.next()) {
        (Some(word), Some(name)) if word.eq_ignore_ascii_case("as") => Some(name.to_owned()),
        _ => None,
    };
    let named = base.as_str().and_then(|base| {
        let is = |stage: &Stage| {
            let name = stage.name.as_deref();
            name.is_some_and(|name| name.eq_ignore_ascii_case(base))
        };
        stages.iter().rposition(is)
    });
    let mut items = vec![item("base", base)];
    if let Some(name) = &name {
        let name = Value::String(name.as_str().into());
        items.push(item("name", Attr::new(name, origin.clone())));
    }
    if let Some(at) = named {
        let at = Value::Integer(i64::try_from(at).unwrap_or(i64::MAX));
        items.push(item("parent", Attr::new(at, origin.clone())));
    }
    Stage {
        name,
        items,
        instructions: Vec::new(),
        variables: named.map_or_else(Variables::default, |at| stages[at].variables.inherited()),
        origin: origin.clone(),
    }
}

impl Stage {
    fn instruction(&mut self, it: &Instruction, origin: &Origin, global: &Variables) -> Attr {
        let string = |text: &str| Attr::new(Value::String(text.into()), origin.clone());
        let mut items = vec![item("instruction", string(&it.name))];
        if it.is_on_build {
            let yes = Attr::new(Value::Bool(true), origin.clone());
            items.push(item("onbuild", yes));
        }
        let flags = it
            .flags
            .iter()
            .map(|flag| self.variables.filled(flag, origin));
        let flags = Value::List(flags.collect());
        items.push(item("flags", Attr::new(flags, origin.clone())));
        let line = it.line();
        match it.name.as_str() {
            // The shell has the variables of those.
            "RUN" | "CMD" | "ENTRYPOINT" | "HEALTHCHECK" => {
                let script = it.script();
                let names = shell::variables(&script).into_iter();
                let known = self.variables.of_shell(names, it.name == "RUN");
                let known = known.into_iter().map(|(name, value)| item(name, value));
                items.push(item("environment", map(known.collect(), origin.clone())));
                items.push(item("script", string(&script)));
            }
            "ARG" | "ENV" => {
                let pairs = substitute::pairs(&line, it.name == "ENV");
                let filled: Vec<Item> = pairs
                    .iter()
                    .map(|(name, value)| {
                        let value = value.as_ref().map_or_else(
                            || Attr::new(Value::Null, origin.clone()),
                            |value| self.variables.filled(value, origin),
                        );
                        item(name, value)
                    })
                    .collect();
                items.push(item("variables", map(filled, origin.clone())));
                if it.name == "ARG" {
                    self.variables.declare(&line, origin, Some(global));
                } else {
                    self.variables.set(&pairs, origin);
                }
            }
            _ => {
                let words = it
                    .list()
                    .unwrap_or_else(|| line.split_whitespace().map(str::to_owned).collect());
                let words = words.iter().map(|word| self.variables.filled(word, origin));
                let words = Value::List(words.collect());
                items.push(item("words", Attr::new(words, origin.clone())));
                let files = it.heredocs.iter().map(|heredoc| {
                    let path = placed(&line, it.heredocs.len(), &heredoc.name);
                    let path = item("path", self.variables.filled(&path, origin));
                    let items = vec![path, item("content", string(&heredoc.body))];
                    map(items, origin.clone())
                });
                let files = Value::List(files.collect());
                items.push(item("files", Attr::new(files, origin.clone())));
            }
        }
        map(items, origin.clone())
    }

    fn finish(mut self) -> Attr {
        let list = Value::List(self.instructions.into());
        let list = Attr::new(list, self.origin.clone());
        self.items.push(item("instructions", list));
        map(self.items, self.origin)
    }
}

/// Where `COPY` puts the here-document called `name`, one of `count`.
fn placed(line: &str, count: usize, name: &str) -> String {
    let target = line.split_whitespace().last().unwrap_or_default();
    match count > 1 || target.ends_with('/') {
        true => format!("{}/{name}", target.trim_end_matches('/')),
        false => target.to_owned(),
    }
}

fn item(key: &str, value: Attr) -> Item {
    Item {
        key: key.into(),
        place: value.origin.clone(),
        value,
    }
}

fn map(items: Vec<Item>, origin: Origin) -> Attr {
    Attr::new(Value::Map(Arc::new(Map::new(items))), origin)
}
