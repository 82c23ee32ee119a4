//! Models that texts inside of objects load: code, and configuration.

use super::{PICKLE, REMOTE_CODE, UNPINNED};
use crate::{
    Attr, Cursor, Truth,
    check::{
        Report,
        ai::{
            named::is_hub_name,
            python,
            texts::{lines, scalars},
        },
    },
};

/// Code and configuration that a ConfigMap has as a text.
pub(super) fn in_text(text: &Cursor<'_>, report: &mut Report) {
    let whole = text.fact.clone().ok().and_then(Attr::as_str);
    let whole = whole.unwrap_or_default();
    if whole.contains("models:") {
        for scalar in scalars(text) {
            // A list of models, each with where it is from.
            let is_model = scalar.ends(&["models", "source"]) && is_hub_name(&scalar.value);
            let message = format!("{} is named without a revision", scalar.value);
            scalar.report(is_model, &UNPINNED, text, report, &message);
        }
    }
    for line in lines(text) {
        let code = line
            .text
            .split('#')
            .next()
            .unwrap_or_default()
            .replace(' ', "");
        let is_on = code.contains("trust_remote_code=True")
            || code.contains("trust_remote_code:true")
            || code.contains("--trust-remote-code")
            || code.contains("--trust_remote_code");
        line.report(is_on, &REMOTE_CODE, report, "the code of the model is run");
        let is_loaded = code.contains("weights_only=False");
        line.report(
            is_loaded,
            &PICKLE,
            report,
            "torch loads whatever the pickle says",
        );
    }
    loaded(text, report);
}

/// The models that code in a text loads.
pub(super) fn loaded(text: &Cursor<'_>, report: &mut Report) {
    let whole = text.fact.clone().ok().and_then(Attr::as_str);
    let whole = whole.unwrap_or_default();
    let is_notebook = whole.trim_start().starts_with('{');
    // A notebook has its lines in quotes, and each is read by itself.
    let loads = match is_notebook {
        true => python::Loads::default(),
        false => python::loaded(whole),
    };
    let mut cut = loads.cut;
    let mut models = loads.models.into_iter().peekable();
    if models.peek().is_none() && cut.is_none() && !is_notebook {
        return;
    }
    for (number, line) in lines(text).enumerate() {
        let mut model = None;
        while let Some(next) = models.next_if(|it| it.line == number) {
            model = model.or(Some(next.model));
        }
        if is_notebook {
            let own = python::loaded(line.text.trim().trim_start_matches('"'));
            model = own.models.first().map(|it| it.model);
            cut = cut.or(own.cut);
        }
        // A rule is reported of a line once.
        if let Some(model) = model {
            let message = format!("{model} is named without a revision");
            line.report(true, &UNPINNED, report, &message);
        }
    }
    if let Some(why) = cut {
        let is_more = Truth::Unknown(why.into());
        report.when(is_more, &UNPINNED, text, String::new);
    }
}

/// What a configuration of Ray Serve loads.
pub(super) fn serve_config(text: &Cursor<'_>, report: &mut Report) {
    for scalar in scalars(text) {
        let is_on =
            scalar.is_under(&["trust_remote_code"]) && scalar.value.eq_ignore_ascii_case("true");
        scalar.report(
            is_on,
            &REMOTE_CODE,
            text,
            report,
            "the code of the model is run",
        );
        let is_model = scalar.is_under(&["MODEL_ID", "model_source"]) && is_hub_name(&scalar.value);
        let message = format!("{} is named without a revision", scalar.value);
        scalar.report(is_model, &UNPINNED, text, report, &message);
    }
}
