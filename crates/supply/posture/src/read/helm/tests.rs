//! Charts, from their files to what is declared.

mod functions;
mod hostile;
mod oracle;

use crate::{
    Fact, World,
    read::{Content, Draft, compared::file},
    survey::tests::way,
};

/// What the charts among `files` declare.
fn world(files: &[(&str, &str)]) -> World {
    let mut files = files.to_vec();
    files.sort_unstable();
    let draft = |(path, text): &(&str, &str)| Draft {
        file: file(path, text),
        content: Content::Text,
    };
    let mut drafts: Vec<Draft> = files.iter().map(draft).collect();
    let mut world = World::default();
    super::compose(&mut drafts, &mut world);
    world
}

const CHART: (&str, &str) = (
    "Chart.yaml",
    "apiVersion: v2\nname: serve\nversion: 1.2.3\n",
);

/// A chart with one template and its values.
fn chart(template: &str, values: &str) -> World {
    world(&[
        CHART,
        ("templates/a.yaml", template),
        ("values.yaml", values),
    ])
}

/// What a template makes of the expression, as the text of a label.
fn text(expression: &str, values: &str) -> Result<String, String> {
    let template = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n  it: {{{{ {expression} | toString | toJson }}}}\n"
    );
    let world = chart(&template, values);
    if let Some(problem) = world.problems().first() {
        return Err(problem.message.clone());
    }
    match world.resources()[0].at("data.it").text() {
        Fact::Known(text) => Ok(text),
        Fact::Absent => Ok(String::new()),
        Fact::Unknown(why) => Err(why.to_string()),
    }
}

#[test]
fn values_for_a_chart_that_is_elsewhere_are_read_by_themselves() {
    let chart = "apiVersion: v2\nname: serve\nversion: 1.2.3\ndependencies:\n- {name: web, version: 1.0.0}\n";
    let of = |values: &str| {
        let world = world(&[("Chart.yaml", chart), ("values-prod.yaml", values)]);
        let found = world.of_kind(crate::read::values::KIND);
        found.map(|it| it.at("a").text()).collect::<Vec<_>>()
    };
    assert_eq!(
        of("web: {a: x}\nother: {a: y}\n"),
        [Fact::Known("x".to_owned())]
    );
    assert_eq!(of("web: {enabled: false, a: x}\n"), []);
}

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ include \"name\" . }}\nspec:\n  containers:\n  - name: x\n    image: \"{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}\"\n    securityContext:\n      {{- toYaml .Values.security | nindent 6 }}\n";

#[test]
fn a_value_stands_in_its_template_and_behind_that_in_the_values() {
    let world = world(&[
        CHART,
        (
            "templates/_names.tpl",
            "{{ define \"name\" }}{{ .Chart.Name }}-pod{{ end }}",
        ),
        ("templates/pod.yaml", POD),
        (
            "values.yaml",
            "image:\n  repository: r.example/x\n  tag: v1\nsecurity:\n  privileged: true\n  runAsUser: 0\n",
        ),
    ]);
    assert!(world.problems().is_empty(), "{:?}", world.problems());
    let pod = &world.resources()[0];
    assert_eq!(&*pod.address, "Pod/serve-pod");
    let container = pod.at("spec.containers").items().remove(0);
    assert_eq!(
        container.get("image").text(),
        Fact::Known("r.example/x:v1".to_owned())
    );
    assert_eq!(
        way(container.get("image").origin()),
        "templates/pod.yaml:8:12 < value values.yaml:2:15 < value values.yaml:3:8"
    );
    assert_eq!(
        way(container.at("securityContext.privileged").origin()),
        "templates/pod.yaml:10:7 < value values.yaml:5:15"
    );
    assert_eq!(
        way(container.at("securityContext.runAsUser").origin()),
        "templates/pod.yaml:10:7 < value values.yaml:6:14"
    );
    assert_eq!(
        way(container.get("name").origin()),
        "templates/pod.yaml:7:11"
    );
}

#[test]
fn a_chart_overrides_those_below_it_and_what_it_overrides_stays_known() {
    let world = world(&[
        (
            "Chart.yaml",
            "apiVersion: v2\nname: top\nversion: 1.0.0\ndependencies:\n- name: below\n  version: 1.x\n  condition: below.enabled\n- name: off\n  version: \"*\"\n  condition: off.enabled\n",
        ),
        (
            "values.yaml",
            "below:\n  enabled: true\n  port: 80\nglobal:\n  zone: eu\noff:\n  enabled: false\n",
        ),
        (
            "charts/below/Chart.yaml",
            "apiVersion: v2\nname: below\nversion: 1.4.0\n",
        ),
        ("charts/below/values.yaml", "port: 8080\nhost: h\n"),
        (
            "charts/below/templates/c.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  port: {{ .Values.port }}\n  host: {{ .Values.host }}\n  zone: {{ .Values.global.zone }}\n",
        ),
        (
            "charts/off/Chart.yaml",
            "apiVersion: v2\nname: off\nversion: 1.0.0\n",
        ),
        (
            "charts/off/templates/c.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: c}\n",
        ),
    ]);
    assert!(world.problems().is_empty(), "{:?}", world.problems());
    let [map] = world.resources() else {
        panic!("{:?}", world.resources());
    };
    assert_eq!(
        way(map.at("data.port").origin()),
        "charts/below/templates/c.yaml:5:9 < value values.yaml:3:9 < default charts/below/values.yaml:1:7"
    );
    assert_eq!(map.at("data.port").integer(), Fact::Known(80));
    assert_eq!(map.at("data.zone").text(), Fact::Known("eu".to_owned()));
    assert_eq!(map.at("data.host").text(), Fact::Known("h".to_owned()));
}

#[test]
fn what_is_known_only_at_the_installation_is_unknown() {
    for (expression, why) in [
        ("randAlphaNum 10", "by chance"),
        ("genCA \"x\" 365 | toYaml", "key or certificate"),
        ("(genCA \"x\" 365).Cert | b64enc", "key or certificate"),
        ("now | date \"2006\"", "a time"),
        ("required \"say who\" .Values.who", "say who"),
        ("printf \"%s-x\" (randAlpha 3)", "by chance"),
        ("randAlpha 3 | quote | upper", "by chance"),
    ] {
        let result = text(expression, "");
        let reason = result.expect_err(expression);
        assert!(reason.contains(why), "{expression}: {reason}");
    }
}

#[test]
fn a_decision_upon_what_is_unknown_is_told() {
    let world = chart(
        "{{ if eq (randNumeric 1) \"1\" }}\napiVersion: v1\nkind: Pod\nmetadata: {name: x}\n{{ end }}",
        "",
    );
    let problem = &world.problems()[0];
    assert!(problem.is_partial && problem.message.contains("by chance"));
    assert_eq!(
        problem.origin.location().to_string(),
        "templates/a.yaml:1:1"
    );
}

#[test]
fn the_namespace_is_for_whoever_installs_to_choose() {
    let world = chart(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n  namespace: {{ .Release.Namespace | quote }}\ndata: {at: x.{{ .Release.Namespace }}.svc}\n",
        "",
    );
    let map = &world.resources()[0];
    assert!(matches!(
        map.at("metadata.namespace").text(),
        Fact::Unknown(_)
    ));
    assert_eq!(
        map.at("data.at").text(),
        Fact::Known("x.default.svc".to_owned())
    );
}

#[test]
fn what_is_not_understood_is_missing_and_the_rest_is_read() {
    for template in [
        "{{ if }}",
        "{{ .Values.a.b }}",
        "{{ nosuchfunction 1 }}",
        "{{ include \"nobody\" . }}",
        "a: {{ fail \"no\" }}",
        "{{ range }}{{ end }}",
        "a: [",
        "{{ \"x",
        "{{ define \"a\" }}",
        "{{ end }}",
        "{{ (((((((1 }}",
    ] {
        let world = world(&[
            CHART,
            ("templates/a.yaml", template),
            (
                "templates/b.yaml",
                "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n",
            ),
        ]);
        assert_eq!(world.resources().len(), 1, "{template}");
        assert!(
            world.problems().iter().any(|it| it.is_partial),
            "{template}"
        );
    }
}

#[test]
fn what_costs_too_much_ends() {
    let define = "{{ define \"r\" }}{{ include \"r\" . }}{{ end }}{{ include \"r\" . }}";
    let deep = "(".repeat(5_000);
    let blocks = "{{ if 1 }}".repeat(5_000);
    for template in [
        define,
        "{{ range until 999999 }}{{ range until 999999 }}{{ end }}{{ end }}",
        "{{ $x := \"a\" }}{{ range until 99 }}{{ $x = print $x $x }}{{ end }}",
        "{{ $x := list }}{{ range until 999999 }}{{ $x = list $x }}{{ end }}",
        "{{ $x := dict }}{{ range until 999999 }}{{ $y := dict }}{{ $_ := set $x \"a\" $y }}{{ $x = $y }}{{ end }}",
        "{{ $x := dict }}{{ $_ := set $x \"x\" $x }}{{ toYaml $x }}",
        "{{ $x := dict }}{{ $_ := set $x \"x\" $x }}{{ deepCopy $x }}",
        "{{ repeat 999999999 \"aaaaaaaa\" }}",
        "{{ printf \"%999999999d\" 1 }}",
        "{{ indent 999999999 \"a\" }}",
        "{{ tpl \"{{ tpl . . }}\" \"{{ tpl . . }}\" }}",
        &format!("{{{{ {deep}1 }}}}"),
        &blocks,
    ] {
        let world = chart(template, "");
        assert!(
            !world.problems().is_empty(),
            "{}",
            &template[..60.min(template.len())]
        );
    }
}

#[test]
fn what_a_chart_lacks_is_told() {
    let world = world(&[(
        "Chart.yaml",
        "apiVersion: v2\nname: top\nversion: 1.0.0\ndependencies:\n- name: postgresql\n  version: 12.x\n  repository: https://charts.example.org\n",
    )]);
    let problem = &world.problems()[0];
    assert!(
        problem.message.contains("postgresql"),
        "{}",
        problem.message
    );
    assert_eq!(problem.origin.location().to_string(), "Chart.yaml:5:3");
}

#[test]
fn files_of_a_chart_are_read_where_a_template_names_them() {
    let world = world(&[
        CHART,
        ("files/a.conf", "one\ntwo\n"),
        (
            "templates/a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n{{ (.Files.Glob \"files/*\").AsConfig | indent 2 }}\n  get: {{ .Files.Get \"files/a.conf\" | quote }}\n",
        ),
    ]);
    let map = &world.resources()[0];
    assert_eq!(
        map.at("data").get("a.conf").text(),
        Fact::Known("one\ntwo\n".to_owned())
    );
    assert_eq!(
        map.at("data.get").text(),
        Fact::Known("one\ntwo\n".to_owned())
    );
}

#[test]
fn what_another_cluster_or_release_decides_is_not_known() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {hostPID: true}\n";
    for asked in [
        "lookup \"v1\" \"Pod\" \"x\" \"y\"",
        "(lookup \"v1\" \"Pod\" \"x\" \"y\").items",
        "not (.Capabilities.APIVersions.Has \"policy/v1\")",
        "semverCompare \"<1.20\" .Capabilities.KubeVersion.Version",
        "eq .Release.Namespace \"prod\"",
        ".Release.IsUpgrade",
        "and true .Release.IsUpgrade",
        "gt .Release.Revision 1",
        "index .Release \"IsUpgrade\"",
        "ternary true false .Release.IsUpgrade",
        "include \"is-old\" .",
    ] {
        for template in [
            format!("{{{{ if {asked} }}}}\n{pod}{{{{ end }}}}"),
            format!("{{{{ $x := {asked} }}}}{{{{ if $x }}}}\n{pod}{{{{ end }}}}"),
        ] {
            let template = format!(
                "{{{{ define \"is-old\" }}}}{{{{ eq .Release.Namespace \"a\" | ternary \"y\" \"\" }}}}{{{{ end }}}}{template}"
            );
            let world = world(&[CHART, ("templates/pod.yaml", &template)]);
            let problems = world.problems();
            let is_told = |it: &crate::Problem| it.message.contains("it depends on");
            assert!(problems.iter().any(is_told), "{template} {problems:?}");
        }
    }
}

#[test]
fn a_version_of_an_api_is_asked_for_and_a_name_printed() {
    let world = world(&[
        CHART,
        (
            "templates/pod.yaml",
            "{{ if .Capabilities.APIVersions.Has \"v9\" }}apiVersion: v9{{ else if .Release.IsUpgrade }}\n\
             apiVersion: {{ print \"x.io/v1beta1\" }}{{ else }}apiVersion: v1{{ end }}\nkind: Pod\n\
             metadata: {name: p, namespace: {{ .Release.Namespace }}}\n",
        ),
    ]);
    assert!(world.problems().is_empty(), "{:?}", world.problems());
    assert_eq!(world.resources().len(), 1);
}

#[test]
fn a_chart_is_rendered_with_each_file_of_values_beside_it() {
    let template = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  \
        hostPID: {{ .Values.pid }}\n  hostIPC: {{ .Values.ipc }}\n\
        ---\napiVersion: v1\nkind: Pod\nmetadata: {name: same}\n\
        ---\n{{ with .Values.more }}{{ toYaml . }}{{ end }}\n";
    let more = "ipc: true\nmore: {apiVersion: v1, kind: Pod, metadata: {name: more}}\n";
    let world = world(&[
        CHART,
        ("templates/pod.yaml", template),
        ("values.yaml", "pid: false\nipc: false\n"),
        ("values-prod.yaml", more),
        ("test_values.yml", "pid: true\n"),
    ]);
    assert!(world.problems().is_empty(), "{:?}", world.problems());
    let mut seen: Vec<String> = Vec::new();
    for pod in world.of_kind("Pod") {
        let (name, spec) = (pod.at("metadata.name"), pod.at("spec"));
        let (pid, ipc) = (spec.get("hostPID"), spec.get("hostIPC"));
        seen.push(format!("{} {} {}", name.shown(), pid.shown(), ipc.shown()));
    }
    assert_eq!(
        seen,
        [
            "p false false",
            "same nothing nothing",
            "p true false",
            "p false true",
            "more nothing nothing",
        ]
    );
}

#[test]
fn values_that_a_chart_is_not_rendered_with_are_told_of() {
    let values = "a: {apiVersion: v1, kind: Pod}\n";
    let below = "apiVersion: v2\nname: below\nversion: 0.1.0\n";
    let world = world(&[
        CHART,
        ("charts/below/Chart.yaml", below),
        ("charts/below/values-prod.yaml", values),
        ("charts/below/settings.yaml", "a: 1\n"),
        ("other/values-prod.yaml", values),
    ]);
    let told: Vec<&str> = world
        .problems()
        .iter()
        .map(|it| it.origin.file.subject.path.as_str())
        .collect();
    assert_eq!(told, ["charts/below/values-prod.yaml"]);
}
