//! Correlations: what is counted, over which time, and what is told when something is forgotten.

use std::collections::BTreeMap;

use casemate_core::{Event, Field, Severity};
use casemate_detect::{Engine, Limits, Match, Notice, NoticeKind};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::events::{at, event, rules};

/// Rules `open`, `connect` and `spawn` about events of these names, and a correlation of them.
fn with(correlation: &str) -> String {
    let rule = |name: &str| {
        format!(
            "title: {name}\nname: {name}\nlogsource: {{category: {name}}}\ndetection:\n  \
             sel: {{Pid|exists: true}}\n  condition: sel\n---\n"
        )
    };
    let correlation = correlation.replace('\n', "\n  ");
    format!(
        "{}{}{}title: The whole\nid: whole\nlevel: high\ncorrelation:\n  {correlation}\n",
        rule("open"),
        rule("connect"),
        rule("spawn")
    )
}

fn of(category: &str, seconds: i64, pid: i64) -> Event {
    carrying(category, seconds, pid, "x")
}

fn carrying(category: &str, seconds: i64, pid: i64, value: &str) -> Event {
    let fields = BTreeMap::from([
        ("Pid".to_owned(), Field::Integer(pid)),
        ("Peer".to_owned(), Field::from(value)),
    ]);
    event(category, seconds, fields)
}

fn run(text: &str, events: &[Event]) -> Vec<Match> {
    let (matches, notices) = run_with(text, events, Limits::default());
    assert_eq!(notices, []);
    matches
}

fn run_with(text: &str, events: &[Event], limits: Limits) -> (Vec<Match>, Vec<Notice>) {
    let mut engine = Engine::new(&rules(text), limits);
    let mut matches: Vec<Match> = events.iter().flat_map(|it| engine.observe(it)).collect();
    matches.extend(engine.finish());
    (matches, engine.notices())
}

fn seconds(matches: &[Match]) -> Vec<i64> {
    let since = |it: &Match| it.event_time.as_second() - at(0).as_second();
    matches.iter().map(since).collect()
}

const COUNT: &str = "type: event_count\nrules: [open]\ngroup-by: [Pid]\ntimespan: 10s\n\
                     condition: {gte: 3}";

#[test]
fn event_count_counts_each_group_within_the_timespan() {
    let text = with(COUNT);
    let events = [
        of("open", 0, 1),
        of("open", 5, 1),
        of("open", 6, 2),
        of("open", 10, 1),
    ];
    let [found] = &run(&text, &events)[..] else {
        panic!("one match");
    };
    assert_eq!((found.count, found.level), (3, Severity::High));
    assert_eq!(found.fields["Pid"], Field::from("1"));
    let ids: Vec<_> = [0, 1, 3].iter().map(|at| events[*at].id).collect();
    assert_eq!(found.events, ids);
    assert_eq!(
        run(
            &text,
            &[of("open", 0, 1), of("open", 5, 1), of("open", 11, 1)]
        ),
        []
    );
}

#[test]
fn a_group_matches_once_in_a_timespan_while_its_condition_holds() {
    let events: Vec<Event> = (0..25).map(|second| of("open", second, 1)).collect();
    assert_eq!(seconds(&run(&with(COUNT), &events)), [2, 13, 24]);
}

#[test]
fn the_rules_of_a_correlation_do_not_match_alone_unless_it_generates_them() {
    let one = [of("open", 0, 1)];
    assert_eq!(run(&with(COUNT), &one), []);
    let generating = format!("{COUNT}\ngenerate: true");
    let matches = run(&with(&generating), &one);
    assert_eq!(
        matches.iter().map(|it| &*it.rule).collect::<Vec<_>>(),
        ["open"]
    );
}

#[test]
fn value_count_counts_different_values() {
    let text = with(
        "type: value_count\nrules: [connect]\ngroup-by: [Pid]\ntimespan: 10s\n\
                     condition: {field: Peer, gt: 2}",
    );
    let to = |second, peer| carrying("connect", second, 1, peer);
    assert_eq!(
        run(&text, &[to(0, "a"), to(1, "b"), to(2, "a"), to(3, "b")]),
        []
    );
    let found = run(&text, &[to(0, "a"), to(1, "b"), to(2, "a"), to(3, "c")]);
    assert_eq!((seconds(&found), found[0].count), (vec![3], 3));
    // The first value is seen again, and so it is not too old.
    let again = [to(0, "a"), to(5, "b"), to(9, "a"), to(14, "c")];
    assert_eq!(seconds(&run(&text, &again)), [14]);
    assert_eq!(run(&text, &[to(0, "a"), to(5, "b"), to(14, "c")]), []);
}

#[test]
fn value_count_of_several_fields_counts_them_together() {
    let text = with(
        "type: value_count\nrules: [connect]\ntimespan: 10s\n\
                     condition: {field: [Pid, Peer], gte: 3}",
    );
    let to = |second, pid, peer| carrying("connect", second, pid, peer);
    assert_eq!(
        run(&text, &[to(0, 1, "a"), to(1, 2, "b"), to(2, 1, "a")]),
        []
    );
    assert_eq!(
        run(&text, &[to(0, 1, "a"), to(1, 2, "b"), to(2, 1, "b")]).len(),
        1
    );
}

#[test]
fn value_sum_adds_what_a_field_says() {
    let text = with(
        "type: value_sum\nrules: [open]\ngroup-by: [Pid]\ntimespan: 10s\n\
                     condition: {field: Peer, gte: 100}",
    );
    let read = |second, bytes| carrying("open", second, 1, bytes);
    assert_eq!(
        seconds(&run(&text, &[read(0, "60"), read(5, "39"), read(9, "1")])),
        [9]
    );
    assert_eq!(run(&text, &[read(0, "60"), read(11, "60")]), []);
}

#[test]
fn a_condition_that_more_events_could_break_is_judged_when_its_window_ends() {
    let text = with(
        "type: event_count\nrules: [open]\ngroup-by: [Pid]\ntimespan: 10s\n\
                     condition: {gt: 1, lte: 3}",
    );
    let at = |seconds: &[i64]| -> Vec<Event> {
        seconds
            .iter()
            .map(|second| of("open", *second, 1))
            .collect()
    };
    assert_eq!(run(&text, &at(&[0])), []);
    let found = run(&text, &at(&[0, 1, 2]));
    assert_eq!((seconds(&found), found[0].count), (vec![10], 3));
    assert_eq!(run(&text, &at(&[0, 1, 2, 10])), []);
    assert_eq!(seconds(&run(&text, &at(&[0, 1, 11, 12]))), [10, 21]);
    let mean = with(
        "type: value_avg\nrules: [open]\ntimespan: 10s\n\
                     condition: {field: Peer, gt: 5}",
    );
    let read = |second, bytes| carrying("open", second, 1, bytes);
    assert_eq!(run(&mean, &[read(0, "9"), read(1, "1")]), []);
    assert_eq!(seconds(&run(&mean, &[read(0, "1"), read(10, "11")])), [10]);
}

#[test]
fn temporal_wants_every_rule_in_any_order() {
    let text = with("type: temporal\nrules: [open, connect]\ngroup-by: [Pid]\ntimespan: 10s");
    let found = run(&text, &[of("connect", 0, 1), of("open", 10, 1)]);
    assert_eq!((seconds(&found), found[0].count), (vec![10], 2));
    for none in [
        [of("connect", 0, 1), of("open", 11, 1)],
        [of("connect", 0, 1), of("open", 1, 2)],
        [of("open", 0, 1), of("open", 1, 1)],
    ] {
        assert_eq!(run(&text, &none), []);
    }
    let some = with(
        "type: temporal\nrules: [open, connect, spawn]\ngroup-by: [Pid]\n\
                     timespan: 10s\ncondition: {gte: 2}",
    );
    assert_eq!(
        run(&some, &[of("spawn", 0, 1), of("connect", 1, 1)]).len(),
        1
    );
}

#[test]
fn temporal_ordered_wants_them_in_their_order() {
    let text = with(
        "type: temporal_ordered\nrules: [open, connect, spawn]\n\
                     group-by: [Pid]\ntimespan: 10s",
    );
    let of = |rows: &[(&str, i64)]| -> Vec<Event> {
        rows.iter()
            .map(|(name, second)| of(name, *second, 1))
            .collect()
    };
    let way = of(&[("open", 0), ("connect", 4), ("spawn", 10)]);
    let found = run(&text, &way);
    assert_eq!(seconds(&found), [10]);
    assert_eq!(
        found[0].events,
        way.iter().map(|it| it.id).collect::<Vec<_>>()
    );
    assert_eq!(
        run(&text, &of(&[("connect", 0), ("open", 1), ("spawn", 2)])),
        []
    );
    assert_eq!(
        run(&text, &of(&[("open", 0), ("connect", 4), ("spawn", 11)])),
        []
    );
    // A later beginning keeps the way open.
    let twice = of(&[("open", 0), ("open", 5), ("connect", 6), ("spawn", 14)]);
    assert_eq!(seconds(&run(&text, &twice)), [14]);
    // What happens at one time is in order.
    assert_eq!(
        run(&text, &of(&[("spawn", 3), ("connect", 3), ("open", 3)])).len(),
        1
    );
}

#[test]
fn aliases_group_by_fields_of_other_names() {
    let text = with(
        "type: temporal\nrules: [open, connect]\ngroup-by: [who]\ntimespan: 10s\n\
                     aliases:\n  who: {open: Pid, connect: Peer}",
    );
    let events = [of("open", 0, 7), carrying("connect", 1, 99, "7")];
    assert_eq!(run(&text, &events)[0].fields["who"], Field::from("7"));
    assert_eq!(
        run(&text, &[of("open", 0, 7), carrying("connect", 1, 7, "8")]),
        []
    );
}

#[test]
fn correlations_of_correlations_match_upon_what_those_match() {
    let text = with(COUNT)
        + "name: many\n---\ntitle: Then\nid: then\ncorrelation:\n  type: temporal_ordered\n  \
           rules: [many, connect]\n  group-by: [Pid]\n  timespan: 1m\n";
    let mut events: Vec<Event> = (0..3).map(|second| of("open", second, 1)).collect();
    events.push(of("connect", 30, 1));
    let found = run(&text, &events);
    assert_eq!(
        found.iter().map(|it| &*it.rule).collect::<Vec<_>>(),
        ["then"]
    );
    assert_eq!(
        found[0].events,
        events.iter().map(|it| it.id).collect::<Vec<_>>()
    );
    events.rotate_right(1);
    assert_eq!(run(&text, &events).len(), 1, "arrival is not order");
}

#[test]
fn a_match_waits_until_nothing_can_come_before_it() {
    let mut engine = Engine::new(&rules(&with(COUNT)), Limits::default());
    for second in [2, 0, 1] {
        assert_eq!(engine.observe(&of("open", second, 1)), []);
    }
    assert_eq!(engine.advance(at(32)), []);
    assert_eq!(seconds(&engine.advance(at(33))), [2]);
}

#[test]
fn an_event_that_is_delivered_twice_counts_once() {
    let one = of("open", 0, 1);
    let events = [one.clone(), one.clone(), one];
    assert_eq!(run(&with(COUNT), &events), []);
}

#[test]
fn what_comes_too_late_is_told() {
    let events = [
        of("open", 0, 1),
        of("open", 1, 1),
        of("noise", 100, 1),
        of("open", 2, 1),
    ];
    let (matches, notices) = run_with(&with(COUNT), &events, Limits::default());
    assert_eq!(matches, []);
    let [notice] = &notices[..] else {
        panic!("one notice");
    };
    assert_eq!(
        (notice.kind, &*notice.rule, notice.count),
        (NoticeKind::Late, "open", 1)
    );
    let event = notice.event(at(0), "node-1");
    assert_eq!(event.fields["Operation"], Field::from("late"));
}

#[test]
fn a_clock_that_runs_ahead_makes_nobody_else_late() {
    let mut ahead = of("noise", 1_000_000, 1);
    ahead.ingest_time = at(1);
    let events = [of("open", 0, 1), of("open", 1, 1), ahead, of("open", 2, 1)];
    assert_eq!(run(&with(COUNT), &events).len(), 1);
}

#[test]
fn an_event_without_the_fields_of_its_group_is_told() {
    let text = with(
        "type: event_count\nrules: [open]\ngroup-by: [Pod]\ntimespan: 10s\n\
                     condition: {gte: 1}",
    );
    let (matches, notices) = run_with(&text, &[of("open", 0, 1)], Limits::default());
    assert_eq!((matches.len(), notices[0].kind), (0, NoticeKind::Ungrouped));
}

#[test]
fn a_flood_of_keys_evicts_those_with_the_least_to_lose_and_is_told() {
    let limits = Limits {
        groups: 10,
        ..Limits::default()
    };
    let text = with(&COUNT.replace("10s", "1h"));
    let mut events = vec![of("open", 0, 1), of("open", 1, 1)];
    events.extend((0..100).map(|key| of("open", 2, 1_000 + key)));
    events.push(of("open", 3, 1));
    let (matches, notices) = run_with(&text, &events, limits);
    assert_eq!(matches.len(), 1, "the slow one is still found");
    assert_eq!(
        (notices[0].kind, notices[0].count),
        (NoticeKind::Evicted, 91)
    );
}

#[test]
fn a_count_beyond_what_may_be_kept_is_told_at_once() {
    let limits = Limits {
        kept: 2,
        ..Limits::default()
    };
    let (_, notices) = run_with(&with(COUNT), &[], limits);
    assert_eq!(
        (notices[0].kind, &*notices[0].rule),
        (NoticeKind::OutOfReach, "whole")
    );
}

#[test]
fn more_that_waits_than_may_is_put_in_order_early_and_told() {
    let limits = Limits {
        waiting: 2,
        ..Limits::default()
    };
    let events = [
        of("open", 1, 1),
        of("open", 2, 1),
        of("open", 3, 1),
        of("open", 0, 1),
    ];
    let (matches, notices) = run_with(&with(COUNT), &events, limits);
    assert_eq!(matches.len(), 1);
    let kinds: Vec<NoticeKind> = notices.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [NoticeKind::Late, NoticeKind::Hurried]);
}

#[test]
fn what_is_wrong_with_a_correlation_says_where() {
    for (correlation, expected) in [
        (
            "type: event_count\nrules: [open]\ntimespan: 10s",
            "rules.yml:26:3: the correlation has no condition",
        ),
        ("type: events\nrules: [open]\ntimespan: 10s", "has no type"),
        (
            "type: temporal\nrules: [close]\ntimespan: 10s",
            "rules.yml:27:11: there is no rule `close`",
        ),
        (
            "type: temporal\nrules: [open, open]\ntimespan: 10s",
            "stands twice",
        ),
        (
            "type: temporal\nrules: [whole]\ntimespan: 10s",
            "is about this rule",
        ),
        (
            "type: temporal\nrules: [open]\ntimespan: 10",
            "the timespan is no number",
        ),
        (
            "type: temporal\nrules: [open]\ntimespan: 1M",
            "the timespan is no number",
        ),
        (
            "type: temporal\nrules: [open]\ntimespan: 10s\ngroup: [Pid]",
            "has no `group`",
        ),
        (
            "type: value_count\nrules: [open]\ntimespan: 1s\ncondition: {gte: 3}",
            "names no field",
        ),
        (
            "type: event_count\nrules: [open]\ntimespan: 1s\ncondition: {ge: 3}",
            "has no `ge`",
        ),
        (
            "type: event_count\nrules: [open]\ntimespan: 1s\ncondition: {gte: '3'}",
            "is no number",
        ),
        (
            "type: value_percentile\nrules: [open]\ntimespan: 1s",
            "which percentile",
        ),
        (
            "type: temporal_ordered\nrules: [open, connect]\ntimespan: 1s\ncondition: {gte: 1}",
            "an order is of all",
        ),
        (
            "type: temporal\nrules: [open, connect]\ntimespan: 1s\ngroup-by: [who]\naliases: {who: {open: Pid}}",
            "no field of `connect`",
        ),
        (
            "type: temporal\nrules: [open]\ntimespan: 1s\naliases: {who: {open: Pid}}",
            "is not used",
        ),
    ] {
        let text = with(correlation);
        let read = casemate_detect::Detections::read([("rules.yml", text.as_bytes())]);
        let errors = read.expect_err(correlation);
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(
            told.iter().any(|it| it.contains(expected)),
            "{expected}: {told:?}"
        );
    }
}

proptest! {
    #[test]
    fn what_is_found_does_not_depend_on_arrival_within_the_lateness(
        rows in proptest::collection::vec((0..3usize, 0..20i64, 0..2i64, 0..4u8), 1..40),
        order in proptest::collection::vec(any::<u32>(), 40),
        kind in 0..6usize,
    ) {
        let correlation = [
            "type: event_count\nrules: [open, connect]\ngroup-by: [Pid]\ntimespan: 5s\ncondition: {gte: 3}",
            "type: event_count\nrules: [open]\ngroup-by: [Pid]\ntimespan: 5s\ncondition: {eq: 2}",
            "type: value_count\nrules: [open, spawn]\ngroup-by: [Pid]\ntimespan: 5s\ncondition: {field: Peer, gte: 3}",
            "type: temporal\nrules: [open, connect, spawn]\ngroup-by: [Pid]\ntimespan: 5s",
            "type: temporal_ordered\nrules: [open, connect, spawn]\ngroup-by: [Pid]\ntimespan: 5s",
            "type: value_sum\nrules: [open]\ngroup-by: [Pid]\ntimespan: 5s\ncondition: {field: Peer, gt: 6}",
        ][kind];
        let text = with(correlation);
        let events: Vec<Event> = rows.iter().map(|(name, second, pid, value)| {
            carrying(["open", "connect", "spawn"][*name], *second, *pid, &value.to_string())
        }).collect();
        let mut shuffled: Vec<(u32, Event)> = order.into_iter().zip(events.clone()).collect();
        shuffled.sort_by_key(|(key, _)| *key);
        let shuffled: Vec<Event> = shuffled.into_iter().map(|(_, event)| event).collect();
        let limits = Limits { lateness: SignedDuration::from_secs(30), ..Limits::default() };
        let whole = |events| {
            let (mut matches, notices) = run_with(&text, events, limits);
            matches.retain(|it| it.rule == "whole");
            (matches, notices)
        };
        let (one, _) = whole(&events);
        let (other, notices) = whole(&shuffled);
        prop_assert_eq!(one, other);
        prop_assert_eq!(notices, []);
    }

    #[test]
    fn event_count_says_what_counting_by_hand_says(
        times in proptest::collection::vec(0..60i64, 1..30),
    ) {
        let mut times = times;
        times.sort_unstable();
        times.dedup();
        let events: Vec<Event> = times.iter().map(|second| of("open", *second, 1)).collect();
        let mut expected = Vec::new();
        for (at, time) in times.iter().enumerate() {
            let within = times[..=at].iter().filter(|it| time - **it <= 10).count();
            if within >= 3 && expected.last().is_none_or(|last| time - last > 10) {
                expected.push(*time);
            }
        }
        prop_assert_eq!(seconds(&run(&with(COUNT), &events)), expected);
    }
}
