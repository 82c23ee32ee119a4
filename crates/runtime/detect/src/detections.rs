//! Rules out of files, and how they hang together.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use casemate_document::{
    Limits, Node, Span, decode,
    yaml::{self, Dialect},
};

use crate::{
    error::{Error, Text, quote},
    sigma::{
        Shared,
        rule::{self, Asks, Detection},
    },
    view::FieldNames,
};

/// Rules that can be used together: every correlation finds its rules.
#[derive(Clone, Debug, Default)]
pub struct Detections {
    pub(crate) rules: Vec<Detection>,
    pub(crate) names: FieldNames,
    /// The correlations, those that others are about before them: each with the rules that it is about.
    pub(crate) correlations: Vec<(usize, Vec<usize>)>,
    /// Whether each rule matches on its own, and not only for a correlation.
    pub(crate) is_alone: Vec<bool>,
}

impl Detections {
    /// Reads files of Sigma, each with its name. Either all of it is understood, or nothing is used.
    ///
    /// # Errors
    ///
    /// Everything that is not understood, in the order of the files.
    pub fn read<'f>(
        files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
    ) -> Result<Self, Vec<Error>> {
        match Self::read_understood(files) {
            (detections, errors) if errors.is_empty() => Ok(detections),
            (_, errors) => Err(errors),
        }
    }

    /// Reads files of others, and leaves out the rules that are not understood: the caller has to tell the errors.
    /// A correlation is left out with any of its rules.
    pub fn read_understood<'f>(
        files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
    ) -> (Self, Vec<Error>) {
        let mut reading = Reading::default();
        for (name, bytes) in files {
            reading.file(name, bytes);
        }
        reading.finish()
    }

    /// The rules, in the order of their files.
    pub fn rules(&self) -> &[Detection] {
        &self.rules
    }

    /// The rule with an identity.
    pub fn rule(&self, id: &str) -> Option<&Detection> {
        self.rules.iter().find(|rule| rule.id == id)
    }
}

#[derive(Default)]
struct Reading {
    shared: Shared,
    rules: Vec<Detection>,
    /// Where each rule refers to others, as an error that only has to be said.
    references: Vec<Vec<Error>>,
    /// The rules under each of their names.
    called: BTreeMap<String, usize>,
    errors: Vec<Error>,
}

impl Reading {
    fn file(&mut self, name: &str, bytes: &[u8]) {
        let whole = match decode(bytes) {
            Ok(text) => text,
            Err(error) => {
                let text = Text::new(name, "");
                let advice = "save the file as UTF-8";
                return (self.errors).push(text.error(Span::default(), error.to_string(), advice));
            }
        };
        let text = Text::new(name, &whole);
        let stream = yaml::read(&whole, Dialect::CORE, &LIMITS);
        if let Some(error) = &stream.error {
            let advice = match stream.is_cut {
                true => "split the file",
                false => "correct the YAML",
            };
            (self.errors).push(text.error(error.span, quoted_line(&error.message), advice));
        }
        for document in &stream.documents {
            if document.root.is_null() {
                continue;
            }
            if let Some(span) = document.repeated.first() {
                let what = format!("the key {} stands twice", quote(span.of(&whole)));
                (self.errors).push(text.error(*span, what, "join the two, or leave one out"));
                continue;
            }
            self.document(&text, &document.root);
        }
    }

    fn document(&mut self, text: &Text<'_>, root: &Node) {
        let (detection, span) = match rule::read(text, &mut self.shared, root) {
            Ok(read) => read,
            Err(errors) => return self.errors.extend(errors),
        };
        let named = [
            Some(&detection.id),
            detection.uuid.as_ref(),
            detection.name.as_ref(),
        ];
        let named: BTreeSet<&String> = named.into_iter().flatten().collect();
        for name in &named {
            if let Some(other) = self.called.get(*name) {
                let file = &self.rules[*other].file;
                let what = format!("{} is the name of a rule of {file}", quote(name));
                let error = text.error(span, what, "give the rule an id of its own");
                return self.errors.push(error);
            }
        }
        for name in named {
            self.called.insert(name.clone(), self.rules.len());
        }
        let spans = match &detection.asks {
            Asks::Events(_) => &[][..],
            Asks::Matches(correlation) => &correlation.rule_spans,
        };
        let error = |span: &Span| text.error(*span, "", "");
        self.references.push(spans.iter().map(error).collect());
        self.rules.push(detection);
    }

    fn finish(mut self) -> (Detections, Vec<Error>) {
        let (order, left_out) = self.order();
        self.errors.extend(left_out);
        self.errors.sort();
        // Those that are left take the places of those that are not.
        let mut places: Vec<usize> = order.iter().map(|(at, _)| *at).collect();
        places.sort_unstable();
        let place = |at: &usize| places.binary_search(at).unwrap_or_default();
        let correlations = order.iter().filter(|(_, about)| !about.is_empty());
        let correlations: Vec<(usize, Vec<usize>)> = correlations
            .map(|(at, about)| (place(at), about.iter().map(place).collect()))
            .collect();
        let mut rules = Vec::with_capacity(places.len());
        for (at, rule) in self.rules.into_iter().enumerate() {
            if places.binary_search(&at).is_ok() {
                rules.push(rule);
            }
        }
        let is_alone = are_alone(&rules, &correlations);
        let detections = Detections {
            rules,
            names: self.shared.names,
            correlations,
            is_alone,
        };
        (detections, self.errors)
    }

    /// The rules that can be used, each behind those that it is about; and why the others cannot.
    fn order(&self) -> (Vec<(usize, Vec<usize>)>, Vec<Error>) {
        let called = |name: &String| self.called.get(name).copied();
        let about: Vec<Vec<Option<usize>>> = (self.rules.iter())
            .map(|rule| about(rule).iter().map(called).collect())
            .collect();
        let mut waits_for: Vec<usize> = about.iter().map(Vec::len).collect();
        let mut awaited_by = vec![Vec::new(); self.rules.len()];
        for (at, about) in about.iter().enumerate() {
            (about.iter().flatten()).for_each(|other| awaited_by[*other].push(at));
        }
        let is_ready = |at: &usize| waits_for[*at] == 0;
        let mut ready: VecDeque<usize> = (0..self.rules.len()).filter(is_ready).collect();
        let mut order = Vec::new();
        while let Some(at) = ready.pop_front() {
            for other in &awaited_by[at] {
                waits_for[*other] -= 1;
                if waits_for[*other] == 0 {
                    ready.push_back(*other);
                }
            }
            order.push((at, about[at].iter().flatten().copied().collect()));
        }
        let mut errors = Vec::new();
        for (at, rule) in self
            .rules
            .iter()
            .enumerate()
            .filter(|(at, _)| waits_for[*at] > 0)
        {
            let references = self::about(rule)
                .iter()
                .zip(&about[at])
                .zip(&self.references[at]);
            for ((name, other), error) in references {
                let (message, advice) = match other {
                    None => (
                        format!("there is no rule {}", quote(name)),
                        "give the file of the rule as well, or correct the name",
                    ),
                    Some(other) if waits_for[*other] > 0 => (
                        format!("{} is not used itself, or is about this rule", quote(name)),
                        "correct that rule first",
                    ),
                    Some(_) => continue,
                };
                errors.push(Error {
                    message,
                    advice: advice.to_owned(),
                    ..error.clone()
                });
            }
        }
        (order, errors)
    }
}

/// Whether each rule matches on its own: what correlations are about does only where one of them shows it.
fn are_alone(rules: &[Detection], correlations: &[(usize, Vec<usize>)]) -> Vec<bool> {
    let mut is_alone = vec![true; rules.len()];
    for generate in [false, true] {
        for (at, about) in correlations {
            let Asks::Matches(correlation) = &rules[*at].asks else {
                continue;
            };
            if correlation.generate == generate {
                about.iter().for_each(|about| is_alone[*about] = generate);
            }
        }
    }
    is_alone
}

/// The rules that a correlation is about, by name.
fn about(detection: &Detection) -> &[String] {
    match &detection.asks {
        Asks::Events(_) => &[],
        Asks::Matches(correlation) => &correlation.rules,
    }
}

fn quoted_line(message: &str) -> String {
    message.escape_debug().to_string()
}

/// What one file may hold.
pub(crate) const LIMITS: Limits = Limits {
    bytes: 4 << 20,
    nodes: 400_000,
    depth: 40,
};
