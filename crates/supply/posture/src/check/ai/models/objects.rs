//! Models that objects name, of whatever kind they are.

use super::{PICKLE, REMOTE_CODE, UNPINNED, remote_code};
use crate::{
    Attr, Cursor, Fact, Value, World,
    check::{
        Report,
        ai::{
            downloads::is_pickle,
            named::{hub_address, is_file_of_hub, is_hub_name, unpinned},
            texts::is_commit,
        },
        command::Command,
        workload::objects,
    },
    read::values,
};

/// Looks into every object that has a sign of a model in it, and into values of charts.
pub(super) fn check(world: &World, report: &mut Report) {
    for resource in objects(world).chain(world.of_kind(values::KIND)) {
        // To look into every text of every object is much, and most have none.
        let text = resource.body.origin.text();
        if SIGNS.iter().any(|sign| text.contains(sign)) {
            anywhere(&resource.cursor(), MAX_DEPTH, report);
        }
    }
}

/// What stands in an object that names a model, or runs its code.
const SIGNS: &[&str] = &[
    "hf://",
    "/resolve/",
    "trust_remote_code",
    "trust-remote-code",
    "trustRemoteCode",
    "--model",
    "modelURL",
    "modelID",
    "modelId",
    "hfModelName",
    "ollama://",
    ".ckpt",
    ".pth",
    ".pkl",
    ".joblib",
];

/// Every address of a model of the hub below a place, every list that is a command, and every key that
/// has the code of models run, whatever kind of object it is.
fn anywhere(place: &Cursor<'_>, depth: usize, report: &mut Report) {
    let (Some(depth), Fact::Known(attr)) = (depth.checked_sub(1), &place.fact) else {
        return;
    };
    if let Some(text) = attr.as_str() {
        // What a program is told in a script is asked of its words.
        let is_address = text.contains("://") && !text.contains(char::is_whitespace);
        report.when(
            (is_address && is_pickle(text)).into(),
            &PICKLE,
            place,
            || format!("{text} may be a pickle"),
        );
        let model = text.strip_prefix("ollama://");
        let is_free = model.is_some_and(|model| !model.contains("@sha256:"));
        report.when(is_free.into(), &UNPINNED, place, || {
            format!("{text} is named without a digest")
        });
    }
    if let Some(text) = attr.as_str().filter(|it| is_file_of_hub(it))
        && let Some(address) = hub_address(text)
    {
        report.when((!address.is_pinned).into(), &UNPINNED, place, || {
            format!("{} is named without a revision", address.model)
        });
    }
    if let Some(text) = attr.as_str()
        && let Some(name) = text.strip_prefix("hf://")
    {
        let revision = name.rsplit_once([':', '@']).map(|(_, revision)| revision);
        let is_free = !revision.is_some_and(|it| is_commit(it) || it.starts_with('$'));
        report.when(is_free.into(), &UNPINNED, place, || {
            format!("{text} is named without a revision")
        });
    }
    for (key, inner) in place.entries() {
        let key = key.replace(['_', '-'], "").to_ascii_lowercase();
        if key == "trustremotecode" {
            report.when(inner.is_true(), &REMOTE_CODE, &inner, || {
                "the code of the model is run".to_owned()
            });
        }
        if MODEL_KEYS.contains(&key.as_str()) {
            let is_pinned = || place.get("revision").text().is(|it| is_commit(&it));
            let is_free = inner.text().is(|it| is_hub_name(&it));
            report.when(is_free.and(|| !is_pinned()), &UNPINNED, &inner, || {
                format!("{} is named without a revision", inner.shown())
            });
        }
        anywhere(&inner, depth, report);
    }
    let Value::List(items) = &attr.value else {
        return;
    };
    let is_option = |item: &Attr| item.as_str().is_some_and(|it| it.starts_with("--"));
    if items.iter().any(is_option) && items.iter().all(|it| it.text().ok().is_some()) {
        let command = Command::at(place);
        remote_code(&command, report);
        unpinned(&command, None, report);
    }
    for inner in place.items() {
        anywhere(&inner, depth, report);
    }
}

/// Keys, without their dashes and in small letters, that name a model of a hub and nothing else.
const MODEL_KEYS: &[&str] = &[
    "modelurl",
    "modelid",
    "hfmodelname",
    "hfmodelid",
    "huggingfacemodel",
];

/// As deep as manifests go.
const MAX_DEPTH: usize = 40;
