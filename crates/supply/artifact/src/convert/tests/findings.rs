//! Which findings stand in the way of a conversion.

use super::*;

#[test]
fn what_no_entry_explains_stands_in_the_way_of_all() {
    let tensor = view("0", 8, 0, &[8], &[1]);
    // Called, and thrown away.
    let dropped = [
        b"cacme\nNet\n)R0".to_vec(),
        dictionary(&[(text("w"), tensor.clone())]),
    ];
    let outcome = converted(&dropped.concat());
    assert!(matches!(outcome.obstacle, Some(Obstacle::File(_))));
    assert_eq!(outcome.tensors, ["w"]);
    let dangerous = dictionary(&[
        (text("w"), tensor),
        (text("x"), b"cos\nsystem\n(X\x02\0\0\0idtR".to_vec()),
    ]);
    let outcome = converted(&dangerous);
    assert_eq!(
        outcome.obstacle,
        Some(Obstacle::File("the file is dangerous".to_owned()))
    );
    assert_eq!(
        outcome.refused[0].1,
        "an object of os.system, which is not on the allowlist"
    );
}

#[test]
fn a_refusal_explains_its_own_findings_and_no_others() {
    let tensor = || view("0", 8, 0, &[8], &[1]);
    let net = || b"cacme\nNet\n)R".to_vec();
    let sparse = || b"ctorch._utils\n_rebuild_sparse_tensor\n)R".to_vec();
    let dropped = |object: Vec<u8>, entries: &[(Vec<u8>, Vec<u8>)]| {
        converted(&[object, b"0".to_vec(), dictionary(entries)].concat()).obstacle
    };
    let good = || (text("w"), tensor());
    for obstacle in [
        dropped(net(), &[good()]),
        dropped(net(), &[good(), (text("s"), sparse())]),
        // The same name, once in an entry and once in none.
        dropped(net(), &[good(), (text("x"), net())]),
    ] {
        assert!(
            matches!(&obstacle, Some(Obstacle::File(why)) if why.contains("acme.Net")),
            "{obstacle:?}"
        );
    }
    // What is in an object is refused with it, and found with it.
    let inner = [&b"cacme\nNet\n)R}X\x01\0\0\0ocacme\nOther\n)Rsb"[..]].concat();
    let whole = dictionary(&[good(), (text("x"), inner)]);
    assert_eq!(converted(&whole).obstacle, Some(Obstacle::Entries));
}

#[test]
fn a_refusal_explains_nothing_about_another_file() {
    let tensor = view("0", 8, 0, &[8], &[1]);
    let net = b"cacme\nNet\n)R".to_vec();
    let refused = checkpoint(&dictionary(&[(text("a"), net.clone())]));
    let dropped = [net, b"0".to_vec(), dictionary(&[(text("b"), tensor)])].concat();
    let sources = [refused, checkpoint(&dropped)].map(MemorySource);
    let files = [0, 1].map(|at| Convertible {
        name: "m",
        source: &sources[at],
    });
    let (allowlist, limits) = (Allowlist::builtin(), Limits::default());
    let plan = Plan::new(&files, None, allowlist, &limits, &Options::default());
    let plan = plan.map_err(|failure| failure.error).expect("checkpoints");
    assert!(matches!(plan.obstacle(), Some(Obstacle::File(_))));
}

#[test]
fn what_was_found_is_kept_where_nothing_can_be_converted() {
    let source = MemorySource(b"\x80\x04cos\nsystem\n(X\x02\0\0\0idtR");
    let file = Convertible {
        name: "m",
        source: &source,
    };
    let (allowlist, limits) = (Allowlist::builtin(), Limits::default());
    let failure = Plan::new(&[file], None, allowlist, &limits, &Options::default()).err();
    let failure = failure.expect("it breaks off");
    assert!(matches!(failure.error, ConvertError::Broken(_)));
    assert_eq!(failure.examinations[0].1.verdict, Verdict::Dangerous);
}
