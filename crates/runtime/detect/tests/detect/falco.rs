//! Falco's rules: its language, how files change each other, and what is said about coverage.

use std::collections::BTreeMap;

use casemate_core::{Event, Field, Severity};
use casemate_detect::{Extent, FalcoRules};

use crate::events::event;

fn read(text: &str) -> FalcoRules {
    FalcoRules::read([("rules.yaml", text.as_bytes())]).unwrap_or_else(|it| panic!("{it:#?}"))
}

fn rule(condition: &str) -> String {
    format!(
        "- rule: A rule\n  desc: It is one.\n  condition: >\n    {condition}\n  output: A thing (name=%proc.name above=%proc.aname[2])\n  priority: WARNING\n"
    )
}

/// A shell in a container, started by a server.
fn shell() -> Event {
    let ancestors = ["/usr/bin/python3.12", "/usr/bin/containerd-shim-runc-v2"];
    let text = |value: &str| Field::from(value);
    let fields = [
        ("Image", text("/usr/bin/bash")),
        ("CommandLine", text("bash -c id")),
        ("ProcessId", Field::Integer(77)),
        ("User", text("1000")),
        ("ParentImage", text("/usr/bin/python3.12")),
        ("ParentCommandLine", text("/usr/bin/python3.12 serve.py")),
        (
            "Ancestors",
            Field::List(ancestors.map(Field::from).to_vec()),
        ),
        ("ContainerId", text("3f9a")),
    ];
    event("process_creation", 0, named(&fields))
}

fn connection() -> Event {
    let fields = [
        ("Image", Field::from("/usr/bin/curl")),
        ("DestinationIp", Field::from("169.254.169.254")),
        ("DestinationPort", Field::Integer(80)),
        ("Protocol", Field::from("tcp")),
    ];
    event("network_connection", 0, named(&fields))
}

fn opened(write: bool) -> Event {
    let fields = [
        ("Image", Field::from("/usr/bin/a-rather-long-name")),
        ("TargetFilename", Field::from("/models/llama/a.bin")),
        ("Write", Field::Bool(write)),
    ];
    event("file_access", 0, named(&fields))
}

fn named(fields: &[(&str, Field)]) -> BTreeMap<String, Field> {
    let fields = fields.iter().cloned();
    fields
        .map(|(name, field)| (name.to_owned(), field))
        .collect()
}

#[test]
fn the_language_says_what_falco_says() {
    for (condition, expected) in [
        ("proc.name = bash", true),
        ("proc.name == \"bash\"", true),
        ("proc.name=bash and evt.type in (execve, execveat)", true),
        ("proc.name != bash", false),
        ("proc.name != sh", true),
        ("not proc.name = bash", false),
        ("proc.name in (sh, zsh) or proc.pname in (python3.12)", true),
        (
            "proc.name = sh and proc.name = zsh or proc.name = bash",
            true,
        ),
        (
            "proc.name = bash or proc.name = sh and proc.name = zsh",
            true,
        ),
        (
            "(proc.name = bash or proc.name = sh) and proc.name = zsh",
            false,
        ),
        ("proc.cmdline contains \"-c id\"", true),
        ("proc.cmdline contains -C", false),
        ("proc.cmdline icontains -C", true),
        ("proc.cmdline bcontains 2d63", true),
        ("proc.exepath startswith /usr/", true),
        ("proc.exepath endswith /sh", false),
        ("proc.exepath glob '/usr/*/b?sh'", true),
        ("proc.exepath glob '/usr/bin/[!c]ash'", true),
        ("proc.exepath glob /usr/bin", false),
        ("proc.exepath iglob /USR/*", true),
        ("proc.exepath regex '/usr/.*sh'", true),
        ("proc.exepath regex 'usr'", false),
        ("proc.exepath pmatch (/opt, /usr/)", true),
        ("proc.exepath pmatch (/us)", false),
        ("proc.aname = containerd-shim-runc-v2", true),
        ("proc.aname[1] = python3.12", true),
        ("proc.aname[2] startswith containerd-shim", true),
        ("proc.aname[3] exists", false),
        ("proc.aname intersects (cron, python3.12)", true),
        (
            "proc.pid >= 77 and proc.pid < 78 and proc.pid <= 77 and proc.pid > 7",
            true,
        ),
        ("user.uid = 1000 and user.uid != 0", true),
        ("container.id != host", true),
        ("proc.is_exe_from_memfd = true", false),
        ("evt.num = 0", false),
        ("proc.args = '-c id'", true),
    ] {
        let rules = read(&rule(condition));
        assert_eq!(rules.observe(&shell()).len() == 1, expected, "{condition}");
    }
}

#[test]
fn connections_and_opens_are_what_falco_calls_them() {
    for (condition, event, expected) in [
        (
            "evt.type = connect and fd.sip = \"169.254.169.254\" and fd.sport = 80",
            connection(),
            true,
        ),
        (
            "fd.typechar = 4 and fd.type = ipv4 and fd.l4proto = tcp",
            connection(),
            true,
        ),
        (
            "fd.snet in (10.0.0.0/8, 169.254.9.9/16)",
            connection(),
            true,
        ),
        ("fd.snet in (10.0.0.0/8)", connection(), false),
        (
            "evt.rawres >= 0 and evt.res = SUCCESS and fd.sockfamily = ip and fd.port = 80",
            connection(),
            true,
        ),
        (
            "evt.rawres < 0 or evt.res startswith E",
            connection(),
            false,
        ),
        ("container.id = host", connection(), true),
        (
            "evt.type in (open, openat) and evt.is_open_read = true and fd.typechar = 'f' and fd.num >= 0",
            opened(false),
            true,
        ),
        ("evt.is_open_write = true", opened(false), false),
        (
            "evt.is_open_write = true and fd.directory = /models/llama and fd.filename = a.bin",
            opened(true),
            true,
        ),
        ("fd.name pmatch (/models)", opened(true), true),
        // The kernel keeps fifteen characters of a name, and lists of Falco have them so.
        (
            "proc.name = a-rather-long-n and proc.name = a-rather-long-name",
            opened(true),
            true,
        ),
    ] {
        let rules = read(&rule(condition));
        assert_eq!(rules.observe(&event).len() == 1, expected, "{condition}");
    }
}

#[test]
fn a_match_shows_what_its_output_shows() {
    let rules = read(&rule("proc.name = bash"));
    let found = rules.observe(&shell());
    assert_eq!(
        (&*found[0].rule, found[0].level),
        ("falco:A%20rule", Severity::Medium)
    );
    assert_eq!(found[0].fields["proc.name"], Field::from("bash"));
    assert_eq!(
        found[0].fields["proc.aname[2]"],
        Field::from("containerd-shim-runc-v2")
    );
}

#[test]
fn lists_and_macros_stand_for_what_is_in_them() {
    let text = "- list: more\n  items: [zsh, '\"ba sh\"']\n- list: shells\n  items: [bash, more]\n\
                - macro: is_shell\n  condition: (spawned and proc.name in (shells))\n\
                - macro: spawned\n  condition: evt.type = execve\n"
        .to_owned()
        + &rule("is_shell and not proc.name in shells or is_shell");
    assert_eq!(read(&text).observe(&shell()).len(), 1);
}

#[test]
fn later_entries_change_earlier_ones() {
    let matches = |change: &str| {
        let text = format!(
            "- list: names\n  items: [sh]\n- macro: known\n  condition: proc.name = sh\n{}{change}",
            rule("proc.name in (names) or known")
        );
        read(&text).observe(&shell()).len()
    };
    assert_eq!(matches(""), 0);
    for (change, expected) in [
        (
            "- list: names\n  items: [bash]\n  override: {items: append}\n",
            1,
        ),
        ("- list: names\n  items: [bash]\n  append: true\n", 1),
        ("- list: names\n  items: [bash]\n", 1),
        (
            "- macro: known\n  condition: or proc.name = bash\n  override: {condition: append}\n",
            1,
        ),
        ("- macro: known\n  condition: proc.name = bash\n", 1),
        (
            "- rule: A rule\n  condition: or proc.name = bash\n  override: {condition: append}\n",
            1,
        ),
        (
            "- rule: A rule\n  condition: or proc.name = bash\n  append: true\n",
            1,
        ),
        (
            "- rule: A rule\n  condition: proc.name = bash\n  override: {condition: replace}\n",
            1,
        ),
        (
            "- rule: A rule\n  condition: proc.name = bash\n  override: {condition: replace}\n- rule: A rule\n  enabled: false\n",
            0,
        ),
    ] {
        assert_eq!(matches(change), expected, "{change}");
    }
}

#[test]
fn exceptions_leave_out_what_they_name() {
    let with = |exceptions: &str| {
        let text = format!("{}  exceptions:\n{exceptions}", rule("evt.type = execve"));
        read(&text).observe(&shell()).len()
    };
    assert_eq!(
        with("  - {name: a, fields: proc.name, comps: in, values: [sh, zsh]}\n"),
        1
    );
    assert_eq!(
        with("  - {name: a, fields: proc.name, comps: in, values: [sh, bash]}\n"),
        0
    );
    assert_eq!(
        with("  - {name: a, fields: [proc.name, user.uid], values: [[bash, 0], [sh, 1000]]}\n"),
        1
    );
    assert_eq!(
        with("  - {name: a, fields: [proc.name, user.uid], values: [[bash, 1000]]}\n"),
        0
    );
    assert_eq!(
        with(
            "  - {name: a, fields: [proc.name, proc.cmdline], comps: [in, contains], values: [[[sh, bash], -c]]}\n"
        ),
        0
    );
    let added = "  - {name: a, fields: proc.name}\n- rule: A rule\n  exceptions:\n  - {name: a, fields: proc.name, values: [bash]}\n  override: {exceptions: append}\n";
    assert_eq!(with(added), 0);
}

#[test]
fn coverage_says_what_blocks_a_rule_and_what_is_seen_only_in_part() {
    let text = [
        ("full", "evt.type = execve and proc.exepath = /a"),
        (
            "opens",
            "evt.type in (open, openat) and fd.directory = /etc",
        ),
        ("some", "evt.type in (execve, chmod) and proc.exepath = /a"),
        (
            "unseen",
            "evt.type in (chmod, fchmod) and proc.exepath = /a",
        ),
        (
            "field",
            "evt.type = execve and (proc.tty != 0 or user.name = root)",
        ),
        ("number", "evt.type = openat and fd.num in (0, 1, 2)"),
        ("all", "proc.exepath = /a"),
        ("negated", "not (evt.type = execve) and proc.exepath = /a"),
    ]
    .map(|(name, condition)| rule(condition).replace("A rule", name))
    .concat();
    let rules = read(&text);
    let coverage = rules.coverage();
    let extents: Vec<(&str, Extent)> = coverage
        .rules
        .iter()
        .map(|it| (&*it.rule, it.extent))
        .collect();
    let expected = [
        ("full", Extent::Full),
        ("opens", Extent::Partial),
        ("some", Extent::Partial),
        ("unseen", Extent::Blocked),
        ("field", Extent::Blocked),
        ("number", Extent::Blocked),
        ("all", Extent::Partial),
        ("negated", Extent::Partial),
    ];
    assert_eq!(extents, expected);
    let blocking: Vec<String> = coverage
        .blocking_fields()
        .into_iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(blocking, ["fd.num as a number", "proc.tty", "user.name"]);
    let asked: Vec<&str> = rules.rules().iter().map(|it| &*it.name).collect();
    assert_eq!(
        asked,
        ["full", "opens", "some", "all", "negated"],
        "no other is asked"
    );
    let told = coverage.to_string();
    for line in [
        "blocked field\n        no event has proc.tty, user.name\n",
        "partial some\n        not observed: chmod\n",
        "        only so far: open: protected files, devices, and files that a detection names",
        "8 rules: 1 fully evaluable, 4 in part, 3 blocked\n",
    ] {
        assert!(told.contains(line), "{told}");
    }
    let json = serde_json::to_string(coverage).expect("serialises");
    assert_eq!(
        &serde_json::from_str::<casemate_detect::Coverage>(&json).expect("reads"),
        coverage
    );
}

#[test]
fn what_is_not_understood_is_refused_with_its_place() {
    for (text, expected) in [
        (
            rule("proc.name = bash or known"),
            "rules.yaml:4:5: there is no macro `known`",
        ),
        (rule("proc.name"), "no operator follows `proc.name`"),
        (rule("proc.name ~ a"), "no operator follows"),
        (rule("(proc.name = a"), "a parenthesis is not closed"),
        (rule("proc.name in (a"), "a list is not closed"),
        (rule("proc.name = 'a"), "a quotation is not closed"),
        (
            rule("tolower(proc.name) = a"),
            "the function `tolower` is not known",
        ),
        (
            rule("proc.name = a proc.name = b"),
            "where `and`, `or` or the end should",
        ),
        (rule("proc.pid > x"), "is compared with no number"),
        (
            rule("fd.snet = 10.0.0.1/33"),
            "has a prefix longer than its address",
        ),
        (
            rule("proc.name = a").replace("WARNING", "LOUD"),
            "is no priority",
        ),
        (
            rule("proc.name = a") + "  colour: red\n",
            "a rule has no `colour`",
        ),
        (
            "- macro: a\n  condition: b\n- macro: b\n  condition: a\n".into(),
            "where it names itself",
        ),
        (
            "- list: a\n  items: [b]\n  append: true\n".into(),
            "there is no list `a` to change",
        ),
        ("- thing: a\n".into(), "is no rule, no macro and no list"),
        (
            "rule: a\n".into(),
            "a map stands where a list of rules should",
        ),
    ] {
        let read = FalcoRules::read([("rules.yaml", text.as_bytes())]);
        let errors = read.expect_err(expected);
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(
            told.iter().any(|it| it.contains(expected)),
            "{expected}: {told:?}"
        );
    }
}
