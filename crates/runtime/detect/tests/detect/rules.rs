//! What a rule says of itself, how rules of several files hang together, and which log sources they are about.

use std::collections::BTreeMap;

use casemate_core::{Confidence, Event, Field, LogSource, Severity};
use casemate_detect::{Detections, Engine, Limits};

use crate::events::{event, rules};

const RULE: &str =
    "title: A rule\nlogsource: {product: linux}\ndetection: {sel: {A: 1}, condition: sel}\n";

#[test]
fn a_rule_is_known_by_ours_its_own_or_its_name() {
    let id = |more: &str| rules(&format!("{RULE}{more}")).rules()[0].id.clone();
    assert_eq!(id(""), "A rule");
    assert_eq!(id("name: a_rule\n"), "a_rule");
    assert_eq!(id("name: a_rule\nid: 0e95725d\n"), "0e95725d");
    assert_eq!(
        id("id: 0e95725d\ncasemate: {id: CM-RUN-999}\n"),
        "CM-RUN-999"
    );
}

#[test]
fn what_a_rule_says_of_itself_is_kept() {
    let detections = rules(&format!(
        "{RULE}level: critical\nstatus: test\ntags: [attack.t1059]\nfalsepositives: [Rare]\n\
         references: [https://example.org]\nauthor: Ada\ndescription: It is one.\ndate: 2026-01-02\n\
         custom: {{anything: [1]}}\ncasemate: {{confidence: low, remediation: Stop it., response: [Look.], references: [T1059]}}\n"
    ));
    let rule = &detections.rules()[0];
    assert_eq!(
        (rule.level, rule.confidence),
        (Severity::Critical, Confidence::Low)
    );
    assert_eq!(rule.references, ["T1059", "https://example.org"]);
    assert_eq!(rule.response, ["Look."]);
    let in_core = rule.rule().expect("a rule of the program");
    assert_eq!(in_core.id.as_str(), "sigma:A%20rule");
    assert_eq!(&*in_core.remediation, "Stop it.");
    assert_eq!(
        rules(RULE).rules()[0].level,
        Severity::Medium,
        "where it says none"
    );
}

#[test]
fn what_is_wrong_with_a_rule_says_where_and_what_to_do() {
    let with = |more: &str| format!("{RULE}{more}");
    for (text, expected) in [
        (with("level: urgent\n"), "r.yml:4:8: `urgent` is no level; write informational, low, medium, high, critical"),
        (with("status: new\n"), "r.yml:4:9: `new` is no status"),
        (with("taxonomy: ecs\n"), "r.yml:4:11: `ecs` is no taxonomy; write sigma"),
        (with("tags: [1]\n"), "a number stands in `tags`"),
        (with("description: [a]\n"), "a list stands where the text of `description` should"),
        (with("casemate: {identity: a}\n"), "`casemate` has no `identity`"),
        (with("casemate: {id: RUN-1}\n"), "`RUN-1` is no identity of a rule; write it as CM-RUN-001"),
        (with("correlation: {type: temporal, rules: [a], timespan: 1s}\n"), "a detection or a correlation"),
        (with("title: Again\n"), "r.yml:4:1: the key `title` stands twice"),
        (with("a: [\n"), "r.yml:"),
        (RULE.replace("A rule", ""), "a rule has a title"),
        (RULE.replace("A rule", &"a".repeat(257)), "a rule has a title of 1 to 256"),
        (RULE.replace("{product: linux}", "{definition: x}"), "no category, no product and no service"),
        (RULE.replace("logsource", "logsources"), "the rule has no log source"),
        (RULE.replace("detection", "detections"), "the rule has no detection"),
        ("title: a\nlogsource: {product: x}\nfilter: {rules: [a], selection: {A: 1}, condition: selection}\n".into(), "filters are not read"),
        ("- a\n- b\n".into(), "a list stands where a rule should"),
        (format!("{RULE}---\n{RULE}"), "r.yml:5:1: `A rule` is the name of a rule of r.yml"),
    ] {
        let errors = Detections::read([("r.yml", text.as_bytes())]).expect_err(expected);
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|it| it.contains(expected)), "{expected}: {told:?}");
    }
    let errors = Detections::read([("r.yml", &b"\xff"[..])]).expect_err("no text");
    assert_eq!(
        errors[0].to_string(),
        "r.yml:1:1: byte 0 is not UTF-8; save the file as UTF-8"
    );
}

#[test]
fn one_mistake_does_not_hide_another() {
    let text = "title: a\nlevel: x\nlogsource: {}\ndetection: {a: {B|c: 1}, d: {E|f: 1}, condition: a and d}\n";
    let errors = Detections::read([("r.yml", text.as_bytes())]).expect_err("four mistakes");
    assert_eq!(errors.len(), 4, "{errors:?}");
}

#[test]
fn what_is_understood_of_others_is_used_and_the_rest_is_told() {
    let count = "title: Count\ncorrelation: {type: event_count, rules: [bad], timespan: 1m, condition: {gte: 1}}\n";
    let files = [
        ("good.yml", RULE.to_owned()),
        (
            "bad.yml",
            RULE.replace("A: 1", "A|b: 1").replace("A rule", "bad"),
        ),
        ("count.yml", count.to_owned()),
        (
            "over.yml",
            "title: Over\ncorrelation: {type: temporal, rules: [Count], timespan: 1m}\n".to_owned(),
        ),
    ];
    let files = files.iter().map(|(name, text)| (*name, text.as_bytes()));
    let (detections, errors) = Detections::read_understood(files);
    assert_eq!(
        detections
            .rules()
            .iter()
            .map(|it| &*it.id)
            .collect::<Vec<_>>(),
        ["A rule"]
    );
    let told: Vec<String> = errors
        .iter()
        .map(|it| format!("{}: {}", it.file, it.message))
        .collect();
    assert_eq!(
        told,
        [
            "bad.yml: `b` is no modifier of Sigma 2.1.0",
            "count.yml: there is no rule `bad`",
            "over.yml: `Count` is not used itself, or is about this rule",
        ]
    );
}

#[test]
fn rules_of_other_files_are_found_whatever_the_order() {
    let count = "title: Count\ncorrelation: {type: event_count, rules: [A rule], timespan: 1m, condition: {gte: 1}}\n";
    for files in [[("a", RULE), ("b", count)], [("b", count), ("a", RULE)]] {
        let detections = Detections::read(files.map(|(name, text)| (name, text.as_bytes())));
        let mut engine = Engine::new(&detections.expect("read"), Limits::default());
        assert_eq!(engine.observe(&seen(Some("test"), Some("linux"), None)), []);
        assert_eq!(engine.finish()[0].rule, "Count");
    }
}

#[test]
fn a_rule_is_asked_of_the_log_sources_that_it_names() {
    for (log_source, source, expected) in [
        ("product: linux", (None, Some("linux"), None), 1),
        (
            "product: Linux",
            (Some("file_open"), Some("LINUX"), Some("x")),
            1,
        ),
        (
            "category: file_open",
            (Some("file_open"), Some("windows"), None),
            1,
        ),
        (
            "category: file_open",
            (Some("file_event"), Some("linux"), None),
            0,
        ),
        (
            "category: file_open, product: linux",
            (Some("file_open"), None, None),
            0,
        ),
        (
            "category: file_open, product: linux",
            (Some("file_open"), Some("linux"), Some("x")),
            1,
        ),
        ("service: sshd", (None, None, None), 0),
        (
            "product: linux, definition: it has to be turned on",
            (None, Some("linux"), None),
            1,
        ),
    ] {
        let detections = rules(&RULE.replace("product: linux", log_source));
        let mut engine = Engine::new(&detections, Limits::default());
        let (category, product, service) = source;
        let found = engine.observe(&seen(category, product, service)).len();
        assert_eq!(found, expected, "{log_source}: {source:?}");
    }
}

#[test]
fn a_match_shows_the_fields_that_its_rule_names() {
    let detections = rules(&format!("{RULE}fields: [A, B, C]\n"));
    let mut engine = Engine::new(&detections, Limits::default());
    let event = seen(None, Some("linux"), None);
    let found = engine.observe(&event);
    assert_eq!(found[0].fields.keys().collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!(found[0].events, [event.id]);
    assert_eq!(
        found[0].id,
        engine.observe(&event)[0].id,
        "the same match, observed again"
    );
    let json = serde_json::to_string(&found[0]).expect("serialises");
    assert_eq!(
        serde_json::from_str::<casemate_detect::Match>(&json).expect("reads"),
        found[0]
    );
}

fn seen(category: Option<&str>, product: Option<&str>, service: Option<&str>) -> Event {
    let fields = BTreeMap::from([
        ("A".to_owned(), Field::Integer(1)),
        ("B".to_owned(), Field::from("b")),
    ]);
    let mut event = event("", 0, fields);
    event.log_source = LogSource {
        category: category.map(Into::into),
        product: product.map(Into::into),
        service: service.map(Into::into),
    };
    event
}
