//! A first look at bytes that may or may not be a pickle, before anything is said of them.

use super::effect::{Effect, Effects, View};
use crate::Allowlist;

/// What a stream would do, in so far as it makes it believable that the bytes are a stream at all.
pub(crate) struct Survey<'a> {
    allowlist: &'a Allowlist,
    /// Names that look like Python's.
    pub(crate) imports: u64,
    /// Calls of such names, or changes of them.
    pub(crate) actions: u64,
    /// An import of an allowed name, or from the standard library. Gadgets do not count: they
    /// decide nothing but words.
    pub(crate) real: bool,
    /// Any import of a name that no Python module has.
    pub(crate) odd: bool,
    /// Whether it asks the loading program for something, up to the first import that must fail:
    /// for a name that could be a module's, or for the object of a persistent id.
    pub(crate) asks: bool,
    /// Whether anything is called or changed.
    pub(crate) acts: bool,
    /// Whether some import must fail, so that what follows never runs.
    stuck: bool,
}

impl<'a> Survey<'a> {
    pub(crate) fn new(allowlist: &'a Allowlist) -> Self {
        Self {
            allowlist,
            imports: 0,
            actions: 0,
            real: false,
            odd: false,
            asks: false,
            acts: false,
            stuck: false,
        }
    }
}

impl Effects for Survey<'_> {
    fn effect(&mut self, _at: u64, effect: Effect, view: &View<'_>) {
        let acts_on = match effect {
            Effect::Import(id) => {
                let symbol = view.symbols.symbol(id);
                let (module, path) = (&*symbol.module, &*symbol.path);
                self.stuck |= !is_importable(module) || !is_importable(path);
                self.asks |= !self.stuck;
                if !is_dotted_name(module) || !is_dotted_name(path) {
                    self.odd = true;
                    return;
                }
                self.imports += 1;
                self.real |=
                    self.allowlist.is_stdlib(module) || self.allowlist.row(module, path).is_some();
                return;
            }
            Effect::Persistent { id } => {
                let written = view.text(id);
                let is_name = written.is_none_or(|id| is_importable(&id));
                self.asks |= is_name && !self.stuck;
                return;
            }
            Effect::Call(call) => call.callee,
            Effect::State { object, .. } | Effect::Mutate { object, .. } => object,
            _ => return,
        };
        self.acts = true;
        if let Some(id) = view.global(acts_on) {
            let symbol = view.symbols.symbol(id);
            self.actions +=
                u64::from(is_dotted_name(&symbol.module) && is_dotted_name(&symbol.path));
        }
    }
}

/// Whether CPython could import a name as it is written: a module is a file, whose name need not be
/// an identifier (`my-model`), but which nobody gives blanks, separators or wildcards.
pub(crate) fn is_importable(name: &str) -> bool {
    let in_a_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    !name.is_empty() && name.chars().all(in_a_name)
}

/// Whether a name could be a module's or a path of attributes.
pub(crate) fn is_dotted_name(name: &str) -> bool {
    name.split('.').all(|segment| {
        let mut letters = segment.chars();
        letters
            .next()
            .is_some_and(|first| first.is_alphabetic() || first == '_')
            && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
    })
}
