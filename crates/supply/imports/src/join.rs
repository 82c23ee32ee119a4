//! What others found, beside what was found here.

use std::collections::{BTreeMap, HashMap};

use casemate_core::{
    AssetId, Coverage, Digest, Finding, Fingerprint, Import, Location, Outcome, PathText, Reported,
    Rule, RuleId, Status, Suppression,
};

use crate::{
    Run, Table,
    place::{Found, Known, Tree},
    rule,
    run::{Gaps, Said},
    same::{Kept, Place, is_same, plain, worst},
    table::is_ours,
};

/// A report that was read.
#[derive(Debug)]
pub struct Source {
    /// The report, as the caller named it.
    pub name: PathText,
    /// Its identity.
    pub asset: AssetId,
    /// The digest of its bytes.
    pub digest: Digest,
    /// What it tells of.
    pub runs: Vec<Run>,
}

/// What came of an import.
#[derive(Debug, Default)]
pub struct Joined {
    /// What the tools said, as the outcomes of checks that are named `import:<tool>`: one of each run as a
    /// whole, about its report, and one of each file that something is said of.
    pub outcomes: Vec<Outcome>,
    /// The rules that they name.
    pub rules: Vec<Rule>,
    /// The runs in numbers.
    pub runs: Vec<Import>,
}

/// Joins what `sources` say with what our checks said of `tree`. Of what both found, `ours` says who else
/// reports it; nothing else of `ours` changes.
pub fn join(mut sources: Vec<Source>, ours: &mut [Outcome], tree: &Tree) -> Joined {
    let mut runs: Vec<(Origin<'_>, Run)> = Vec::new();
    for source in &mut sources {
        let taken = std::mem::take(&mut source.runs);
        let source: &Source = source;
        for run in taken {
            let origin = Origin {
                nth: runs.len(),
                check: check_of(&run.tool),
                source: &source.name,
                asset: &source.asset,
                digest: source.digest,
            };
            runs.push((origin, run));
        }
    }
    // What is joined with what depends on which comes first, and the caller's order must decide no verdict.
    runs.sort_by(|(a, run), (b, other)| {
        let key = (&a.check, &run.tool, &run.version, a.digest);
        key.cmp(&(&b.check, &other.tool, &other.version, b.digest))
    });
    let mut said: Vec<&mut Run> = runs.iter_mut().map(|(_, run)| run).collect();
    let kept = worst(&mut said, tree);
    let mut joint = Joint {
        tree,
        known: index(ours),
        ours,
        added: Vec::new(),
        asked: HashMap::new(),
        pairs: MOST_PAIRS,
        rules: BTreeMap::new(),
    };
    let tallies = runs.iter_mut().zip(kept);
    let tallies = tallies.map(|((origin, run), kept)| (origin.nth, joint.take(origin, run, kept)));
    let tallies: BTreeMap<usize, Import> = tallies.collect();
    Joined {
        outcomes: joint.added,
        rules: joint.rules.into_values().collect(),
        runs: tallies.into_values().collect(),
    }
}

/// Where the findings of ours are, by file and rule.
type Index = HashMap<(PathText, RuleId), Vec<Place>>;

fn index(ours: &[Outcome]) -> Index {
    let mut index = Index::new();
    for (at, outcome) in ours.iter().enumerate() {
        for (n, finding) in outcome.findings.iter().enumerate() {
            if finding.location.members.is_empty() {
                let key = (finding.location.file.clone(), finding.rule.clone());
                let place = Place::new(at, n, finding);
                index.entry(key).or_default().push(place);
            }
        }
    }
    index
}

fn check_of(tool: &str) -> String {
    let id = RuleId::of_tool(tool, "any").ok();
    let tool = id.as_ref().and_then(RuleId::tool).unwrap_or("unnamed");
    format!("import:{tool}")
}

/// Where a run is from.
struct Origin<'a> {
    /// Which of the runs it is, in the caller's order.
    nth: usize,
    check: String,
    source: &'a PathText,
    asset: &'a AssetId,
    digest: Digest,
}

struct Joint<'a> {
    tree: &'a Tree,
    ours: &'a mut [Outcome],
    known: Index,
    /// The outcomes of the imports.
    added: Vec<Outcome>,
    /// The findings of the imports by file and by what their rule asks, and then by tool.
    asked: HashMap<(PathText, &'static str), BTreeMap<String, Vec<Place>>>,
    /// How many more pairs of a result and a finding are compared.
    pairs: usize,
    rules: BTreeMap<RuleId, Rule>,
}

/// What a run says of the files of the tree, and of what is not in it.
struct Taking<'a> {
    origin: &'a Origin<'a>,
    run: &'a Run,
    tally: Import,
    /// The places among the added outcomes: with findings, and left open, by file.
    failed: BTreeMap<PathText, usize>,
    open: BTreeMap<PathText, usize>,
    gaps: Gaps,
    elsewhere: Gaps,
    /// Results that were not compared with every finding.
    uncompared: u64,
    /// Results that a finding does not name, since it names enough.
    unnamed: u64,
}

impl Joint<'_> {
    fn take(&mut self, origin: &Origin<'_>, run: &mut Run, kept: Kept) -> Import {
        let gaps = std::mem::take(&mut run.gaps);
        let mut taking = Taking::new(origin, run, gaps);
        taking.tally.repeated = kept.repeated;
        let whole = self.added.len();
        self.added
            .push(taking.outcome(origin.asset, origin.source, Some(origin.digest)));
        for said in kept.said {
            match RuleId::of_tool(&run.tool, &said.rule) {
                Ok(id) => self.put(&mut taking, &id, &said),
                Err(_) => taking
                    .gaps
                    .push("a result has no name of a rule, or one that is too long".to_owned()),
            }
        }
        taking.conclude(&mut self.added[whole]);
        taking.tally
    }

    fn put(&mut self, taking: &mut Taking<'_>, id: &RuleId, said: &Said) {
        let found = self.tree.find(&said.place);
        let known = match found {
            Found::File(path, known) => Some((path, known)),
            Found::Leaves | Found::Missing => {
                taking.elsewhere(said, &found);
                None
            }
        };
        if let Some(why) = said.open {
            self.leave_open(taking, id, said, known, why);
            return;
        }
        let reported = taking.reported(said);
        if let Some((_, known)) = known
            && self.join(taking, said, id, known, &reported)
        {
            taking.tally.joined += 1;
            return;
        }
        self.add(taking, id, said, known, reported);
    }

    /// Adds `reported` to every finding that is the same: of ours, or else to the first of another tool's. What
    /// could not be compared is not the same, so that it stands.
    fn join(
        &mut self,
        taking: &mut Taking<'_>,
        said: &Said,
        id: &RuleId,
        known: &Known,
        reported: &Reported,
    ) -> bool {
        let tool = id.tool().unwrap_or_default();
        let asked = Table::builtin().asked(tool, &said.rule);
        let resource = said.resource.as_deref().map(plain);
        let mut joins = false;
        let mut is_named = true;
        for name in asked.iter().filter(|name| is_ours(name)) {
            let Ok(rule) = name.parse::<RuleId>() else {
                continue;
            };
            let places = self.known.get(&(known.name.clone(), rule));
            for place in places.into_iter().flatten() {
                if self.pairs == 0 {
                    taking.uncompared += 1;
                    return joins;
                }
                self.pairs -= 1;
                let finding = &mut self.ours[place.at].findings[place.n];
                if is_same(finding, place, said, resource.as_deref()) {
                    is_named &= name_in(finding, reported, false);
                    joins = true;
                }
            }
        }
        if joins {
            taking.unnamed += u64::from(!is_named);
            return true;
        }
        for name in asked {
            let tools = self.asked.get(&(known.name.clone(), name.as_str()));
            let tools = tools.into_iter().flatten();
            for place in tools.filter(|it| it.0 != tool).flat_map(|it| it.1) {
                if self.pairs == 0 {
                    taking.uncompared += 1;
                    return false;
                }
                self.pairs -= 1;
                let finding = &mut self.added[place.at].findings[place.n];
                if is_same(finding, place, said, resource.as_deref()) {
                    let is_worse = said.severity > finding.severity;
                    let is_named = name_in(finding, reported, is_worse);
                    taking.unnamed += u64::from(!is_named);
                    // The worst that one of them says stands, and what one of them did not accept.
                    finding.severity = finding.severity.max(said.severity);
                    finding.confidence = finding.confidence.max(said.confidence);
                    if reported.accepted.is_none() {
                        finding.suppression = None;
                    }
                    return true;
                }
            }
        }
        false
    }

    fn add(
        &mut self,
        taking: &mut Taking<'_>,
        id: &RuleId,
        said: &Said,
        known: Option<(&PathText, &Known)>,
        reported: Reported,
    ) {
        let rule = self.rules.entry(id.clone());
        let rule = rule.or_insert_with(|| rule::of(id, &taking.run.tool, said));
        rule.severity = rule.severity.max(said.severity);
        let finding = finding(rule, said, known, taking, reported);
        taking.tally.added += 1;
        taking.tally.accepted += u64::from(finding.suppression.is_some());
        let at = self.outcome_of(taking, known, false);
        let outcome = &mut self.added[at];
        outcome.result = Status::Fail;
        let n = outcome.findings.len();
        if let Some((_, known)) = known {
            let tool = id.tool().unwrap_or_default();
            for name in Table::builtin().asked(tool, &said.rule) {
                let tools = self.asked.entry((known.name.clone(), name.as_str()));
                let places = tools.or_default().entry(tool.to_owned()).or_default();
                places.push(Place::new(at, n, &finding));
            }
        }
        outcome.findings.push(finding);
    }

    fn leave_open(
        &mut self,
        taking: &mut Taking<'_>,
        id: &RuleId,
        said: &Said,
        known: Option<(&PathText, &Known)>,
        why: &str,
    ) {
        taking.tally.open += 1;
        let at = self.outcome_of(taking, known, true);
        let outcome = &mut self.added[at];
        outcome.result = Status::Undetermined;
        let reason = outcome.reason.get_or_insert_default();
        if reason.len() < MOST_REASON {
            let separator = if reason.is_empty() { "" } else { "; " };
            reason.push_str(&format!("{separator}{id}: {why}: {}", said.message));
        }
    }

    /// The outcome of the run about a file, or about its report where the tree has no such file.
    fn outcome_of(
        &mut self,
        taking: &mut Taking<'_>,
        known: Option<(&PathText, &Known)>,
        is_open: bool,
    ) -> usize {
        let path = known.map(|(path, _)| path.clone()).unwrap_or_default();
        let places = match is_open {
            true => &mut taking.open,
            false => &mut taking.failed,
        };
        if let Some(&at) = places.get(&path) {
            return at;
        }
        let at = self.added.len();
        places.insert(path, at);
        let origin = taking.origin;
        self.added.push(match known {
            Some((_, known)) => taking.outcome(&known.asset, &known.name, known.digest),
            None => taking.outcome(origin.asset, origin.source, Some(origin.digest)),
        });
        at
    }
}

impl<'a> Taking<'a> {
    fn new(origin: &'a Origin<'a>, run: &'a Run, gaps: Gaps) -> Self {
        Self {
            origin,
            run,
            tally: Import {
                source: origin.source.clone(),
                digest: origin.digest,
                format: run.format.to_string(),
                tool: run.tool.clone(),
                version: run.version.clone(),
                added: 0,
                joined: 0,
                accepted: 0,
                open: 0,
                repeated: 0,
                elsewhere: 0,
            },
            failed: BTreeMap::new(),
            open: BTreeMap::new(),
            gaps,
            elsewhere: Gaps::default(),
            uncompared: 0,
            unnamed: 0,
        }
    }

    fn outcome(&self, subject: &AssetId, name: &PathText, input: Option<Digest>) -> Outcome {
        let unknown = || "unknown".to_owned();
        Outcome {
            check: self.origin.check.clone(),
            version: self.run.version.clone().unwrap_or_else(unknown),
            subject: subject.clone(),
            name: name.as_str().to_owned(),
            input,
            result: Status::Pass,
            coverage: Coverage::Complete,
            reason: None,
            facts: BTreeMap::from([
                ("tool".to_owned(), self.run.tool.clone()),
                ("report".to_owned(), self.origin.source.as_str().to_owned()),
            ]),
            findings: Vec::new(),
        }
    }

    fn elsewhere(&mut self, said: &Said, found: &Found<'_>) {
        self.tally.elsewhere += 1;
        let place = match said.place.shown.as_str() {
            "" => "a result without a place".to_owned(),
            shown => format!("`{shown}`"),
        };
        self.elsewhere.push(match found {
            Found::Leaves => format!("{place} leads out of the tree"),
            _ => place,
        });
    }

    fn reported(&self, said: &Said) -> Reported {
        Reported {
            tool: self.run.tool.clone(),
            version: self.run.version.clone(),
            rule: crate::fields::line(&said.rule, crate::run::MOST_TITLE),
            severity: said.word.clone(),
            source: self.origin.source.as_str().to_owned(),
            accepted: said.accepted.clone(),
            baseline: said.baseline.clone(),
        }
    }

    /// What the run is as a whole: partial where it was not whole itself, or could not be read whole.
    fn conclude(&mut self, outcome: &mut Outcome) {
        if self.run.is_ours {
            outcome.result = Status::NotApplicable;
            outcome.reason =
                Some("it is what this program found itself: nothing of it is added".to_owned());
            return;
        }
        let mut reasons: Vec<String> = Vec::new();
        if let Some(gaps) = self.gaps.told() {
            outcome.coverage = Coverage::Partial;
            reasons.push(gaps);
        }
        let limits = [
            (
                self.uncompared,
                format!(
                    "of its results were not compared with every finding: {MOST_PAIRS} pairs are the most"
                ),
            ),
            (
                self.unnamed,
                format!(
                    "of its results are not named by every finding that they are: {MOST_NAMED} are the most that one names"
                ),
            ),
        ];
        for (results, limit) in limits.into_iter().filter(|it| it.0 > 0) {
            outcome.coverage = Coverage::Partial;
            reasons.push(format!("{results} {limit}"));
        }
        if let Some(places) = self.elsewhere.told() {
            let results = self.tally.elsewhere;
            reasons.push(format!(
                "{results} of its results are about what is not in the tree: {places}"
            ));
        }
        if !reasons.is_empty() {
            outcome.result = Status::Undetermined;
            outcome.reason = Some(reasons.join("; "));
        }
        let counts = [
            ("passed", self.run.quiet),
            ("added", self.tally.added),
            ("joined", self.tally.joined),
        ];
        for (name, count) in counts {
            outcome.facts.insert(name.to_owned(), count.to_string());
        }
    }
}

fn finding(
    rule: &Rule,
    said: &Said,
    known: Option<(&PathText, &Known)>,
    taking: &Taking<'_>,
    reported: Reported,
) -> Finding {
    let origin = taking.origin;
    let shown = &said.place.shown;
    let (asset, path, file, region, message) = match known {
        Some((path, known)) => (
            &known.asset,
            path.clone(),
            &known.name,
            said.region,
            said.message.clone(),
        ),
        // The place is that tool's own name of something else, and no path of the tree.
        None => {
            let place = if shown.is_empty() { "no place" } else { shown };
            let message = format!("{} (of {place}, which is not in the tree)", said.message);
            (
                origin.asset,
                PathText::from_text(shown),
                origin.source,
                None,
                message,
            )
        }
    };
    let location = Location {
        file: file.clone(),
        members: Vec::new(),
        region,
    };
    let anchor = said.resource.as_deref().or(said.recognised.as_deref());
    let fingerprint = Fingerprint::new(&rule.id, asset, &path, &[], anchor.unwrap_or_default());
    let mut finding = Finding::new(rule, asset, &path, location, "", message);
    finding.fingerprint = fingerprint;
    finding.severity = said.severity;
    finding.confidence = said.confidence;
    if let Some(remediation) = &said.about.remediation
        && !remediation.is_empty()
    {
        finding.remediation.clone_from(remediation);
    }
    if let Some(why) = &said.accepted {
        let reason = match why.is_empty() {
            true => "without a reason",
            false => why,
        };
        finding.suppression = Some(Suppression {
            reason: reason.to_owned(),
            owner: reported.by(),
            expires: None,
        });
    }
    finding.reported_by.push(reported);
    if let Some(resource) = &said.resource {
        finding = finding.with_evidence("resource", resource);
    }
    for (label, value) in &said.facts {
        finding = finding.with_evidence(label, value);
    }
    finding
}

/// Names who reports `finding`, once for each tool, version and rule, or says that no more are named.
/// `is_worse` is that the finding is as bad as `reported` says and not as any before.
fn name_in(finding: &mut Finding, reported: &Reported, is_worse: bool) -> bool {
    let is_it = |it: &&mut Reported| {
        (&it.tool, &it.version, &it.rule) == (&reported.tool, &reported.version, &reported.rule)
    };
    if let Some(before) = finding.reported_by.iter_mut().find(is_it) {
        if reported.accepted.is_none() {
            before.accepted = None;
        }
        if is_worse {
            before.severity.clone_from(&reported.severity);
        }
        return true;
    }
    let is_room = finding.reported_by.len() < MOST_NAMED;
    if is_room {
        finding.reported_by.push(reported.clone());
    }
    is_room
}

/// Bytes of a reason, after which no more of them are told.
const MOST_REASON: usize = 500;
/// Pairs of a result and a finding of its rule and file that are compared, in all: a report with as many
/// results as one may have, about a file with many findings, would otherwise cost their product.
const MOST_PAIRS: usize = 2_000_000;
/// How many a finding names that report it: a tool's rule may be spelled in any number of ways.
const MOST_NAMED: usize = 32;
