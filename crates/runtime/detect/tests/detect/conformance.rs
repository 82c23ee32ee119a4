//! The specification of Sigma, clause by clause. The cases stand in `conformance.yml`.

use casemate_core::{Event, LogSource};
use casemate_detect::{Detections, Engine, Limits};
use casemate_document::Node;

use crate::events;

#[test]
fn every_clause_of_the_specification_holds() {
    let cases = events::document(include_str!("conformance.yml"));
    let mut wrong = Vec::new();
    for case in cases.items() {
        let clause = case.get("clause").and_then(Node::as_str).expect("a clause");
        if let Err(why) = judge(case) {
            wrong.push(format!("{clause}: {why}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases.items().len() >= 90, "{} cases", cases.items().len());
}

fn judge(case: &Node) -> Result<(), String> {
    let detection = case.get("detection").and_then(Node::as_str).expect("text");
    let detection = detection.replace('\n', "\n  ");
    let rule = format!("title: A rule\nlogsource: {{product: linux}}\ndetection:\n  {detection}\n");
    let read = Detections::read([("rule.yml", rule.as_bytes())]);
    if let Some(expected) = case.get("error").and_then(Node::as_str) {
        return match read {
            Ok(_) => Err("is taken".into()),
            Err(errors) => {
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                let is_said = errors.iter().any(|error| error.contains(expected));
                is_said.then_some(()).ok_or(format!("{errors:?}"))
            }
        };
    }
    let detections = read.map_err(|errors| format!("{errors:?}"))?;
    let mut seen = 0;
    for (key, expected) in [("hits", 1), ("misses", 0)] {
        for event in case.get(key).expect(key).items() {
            let mut engine = Engine::new(&detections, Limits::default());
            let found = engine.observe(&linux(event)).len();
            if found != expected {
                return Err(format!("{:?} is none of the {key}", events::fields(event)));
            }
            seen += 1;
        }
    }
    (seen >= 2).then_some(()).ok_or("has too few events".into())
}

fn linux(fields: &Node) -> Event {
    let mut event = events::event("test", 0, events::fields(fields));
    event.log_source = LogSource {
        product: Some("linux".into()),
        ..LogSource::default()
    };
    event
}
