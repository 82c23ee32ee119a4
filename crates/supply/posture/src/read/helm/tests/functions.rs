//! What functions make, beside what Helm makes of the same.

use super::text;

#[test]
fn functions_make_what_those_of_helm_make() {
    let values =
        "n: 1000000\nf: 0.5\nm: {b: 2, a: [1, x]}\ns: hello world\nempty: \"\"\nno: false\n";
    for (expression, expected) in [
        (".Values.n", "1e+06"),
        (".Values.n | int", "1000000"),
        (".Values.f", "0.5"),
        ("toJson .Values.m", r#"{"a":[1,"x"],"b":2}"#),
        ("toYaml .Values.m", "a:\n- 1\n- x\nb: 2"),
        (".Values.m", "map[a:[1 x] b:2]"),
        (
            "printf \"%s-%d-%v-%q-%5.2f|%05d|%-4s|\" \"a\" 1 true \"q\" 1.5 42 \"z\"",
            "a-1-true-\"q\"- 1.50|00042|z   |",
        ),
        ("printf \"%d\" .Values.n", "%!d(float64=1e+06)"),
        ("print 1 2 \"a\" 3", "1 2a3"),
        ("add 1 2 .Values.n", "1000003"),
        ("div 7 2", "3"),
        ("mod 7 2", "1"),
        ("eq 3 1 2 3", "true"),
        ("and 1 0 (fail \"never\")", "0"),
        ("or 0 \"\" \"x\"", "x"),
        ("default \"d\" .Values.empty", "d"),
        ("default \"d\" .Values.s", "hello world"),
        ("coalesce .Values.none .Values.no \"c\"", "c"),
        ("ternary \"y\" \"n\" .Values.no", "n"),
        ("trunc 5 .Values.s", "hello"),
        ("trunc -5 .Values.s", "world"),
        ("title .Values.s", "Hello World"),
        ("replace \" \" \"-\" .Values.s", "hello-world"),
        ("splitList \" \" .Values.s | last", "world"),
        ("(split \" \" .Values.s)._1", "world"),
        ("join \",\" (list 1 \"a\" true)", "1,a,true"),
        ("list 3 1 2 | sortAlpha | join \" \"", "1 2 3"),
        ("without (list 1 2 3) 2 | join \" \"", "1 3"),
        ("has 2 (list 1 2 3)", "true"),
        ("dig \"m\" \"b\" 0 .Values", "2"),
        ("dig \"m\" \"c\" \"none\" .Values", "none"),
        (
            "merge (dict \"a\" 1) (dict \"a\" 2 \"b\" 3) | toJson",
            r#"{"a":1,"b":3}"#,
        ),
        (
            "mergeOverwrite (dict \"a\" 1) (dict \"a\" 2) | toJson",
            r#"{"a":2}"#,
        ),
        ("omit (dict \"a\" 1 \"b\" 2) \"a\" | toJson", r#"{"b":2}"#),
        ("kindOf .Values.n", "float64"),
        ("typeOf .Values.m.a", "[]interface {}"),
        ("kindIs \"map\" .Values.m", "true"),
        (
            "semverCompare \">=1.20-0\" .Capabilities.KubeVersion.Version",
            "true",
        ),
        ("semverCompare \"^1.2.3\" \"1.9.0\"", "true"),
        ("semverCompare \"~1.2.3\" \"1.3.0\"", "false"),
        ("semverCompare \"1.2 - 1.4\" \"1.3.5\"", "true"),
        ("semverCompare \"<1.0 || >=2\" \"2.1\"", "true"),
        ("(semver \"1.2.3-rc.1\").Minor", "2"),
        ("b64enc \"abc\"", "YWJj"),
        (
            "sha256sum \"\"",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        ("adler32sum \"Wikipedia\"", "300286872"),
        ("regexReplaceAll \"l+\" .Values.s \"L\"", "heLo worLd"),
        ("regexMatch \"^h.*d$\" .Values.s", "true"),
        ("until 3 | toJson", "[0,1,2]"),
        ("seq 1 2 5", "1 3 5"),
        ("round 1.2345 2", "1.23"),
        ("quote 1 \"a\"", "\"1\" \"a\""),
        ("nindent 2 \"a\\nb\"", "\n  a\n  b"),
        ("tpl \"{{ .Values.s }}!\" .", "hello world!"),
        ("fromYaml \"a: [1, 2]\" | toJson", r#"{"a":[1,2]}"#),
        ("(fromJson \"{\\\"a\\\": \\\"b\\\"}\").a", "b"),
        ("index .Values \"m\" \"a\" 1", "x"),
        ("len .Values.s", "11"),
        ("lookup \"v1\" \"Secret\" \"\" \"\" | len", "0"),
        (".Capabilities.APIVersions.Has \"batch/v1\"", "true"),
        (
            ".Capabilities.APIVersions.Has \"monitoring.coreos.com/v1\"",
            "false",
        ),
        (
            "toToml (dict \"a\" \"b\" \"t\" (dict \"n\" 1))",
            "a = \"b\"\n\n[t]\n  n = 1\n",
        ),
        (
            "(urlParse \"http://u@h.example:80/p?q#f\").host",
            "h.example:80",
        ),
        ("base \"/a/b.c\"", "b.c"),
        ("dir \"/a/b.c\"", "/a"),
        ("snakecase \"firstName\"", "first_name"),
        ("'a'", "97"),
        ("0x10", "16"),
        ("`raw`", "raw"),
    ] {
        assert_eq!(
            text(expression, values).as_deref(),
            Ok(expected),
            "{expression}"
        );
    }
}

#[test]
fn what_helm_refuses_is_refused() {
    for expression in [
        "eq 1 1.5",
        "lt 1 \"a\"",
        ".Values.a.b",
        "index (list 1) 3",
        "len 3",
        "trunc 3 .Values.none",
        "semverCompare \">>1\" \"1\"",
        "div 1 0",
        "first 3",
        "dict 1 2 | first",
        "include \"a\"",
    ] {
        assert!(text(expression, "").is_err(), "{expression}");
    }
}
