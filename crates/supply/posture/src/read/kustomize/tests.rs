//! Kustomizations, from their files to what is declared.

mod oracle;

use crate::{
    Cursor, Fact, World,
    read::{Content, Draft, compared::file},
    survey::tests::way,
};

/// What the kustomizations among `files` declare.
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

fn text(cursor: &Cursor<'_>) -> String {
    cursor.text().ok().unwrap_or_default()
}

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  replicas: 1\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec:\n      containers:\n      - name: x\n        image: r.example/x:1\n        securityContext: {privileged: false}\n        envFrom:\n        - configMapRef: {name: settings}\n";

const BASE: [(&str, &str); 2] = [
    ("base/api.yaml", DEPLOYMENT),
    ("base/kustomization.yaml", "resources: [api.yaml]\n"),
];

#[test]
fn an_overlay_stands_behind_the_line_that_it_changes() {
    let overlay = "resources: [../base]\nnamespace: ml\nnamePrefix: my-\nimages:\n- name: r.example/x\n  newTag: \"2\"\npatches:\n- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata:\n      name: api\n    spec:\n      template:\n        spec:\n          containers:\n          - name: x\n            securityContext:\n              privileged: true\n- target: {kind: Deployment, name: a.*}\n  patch: |-\n    - op: replace\n      path: /spec/replicas\n      value: 3\n";
    let world = world(&[BASE[0], BASE[1], ("prod/kustomization.yaml", overlay)]);
    assert!(world.problems().is_empty(), "{:?}", world.problems());
    let [api] = world.resources() else {
        panic!("{:?}", world.resources());
    };
    assert_eq!(&*api.address, "Deployment/ml/my-api");
    assert_eq!(api.at("spec.replicas").integer(), Fact::Known(3));
    assert_eq!(
        way(api.at("spec.replicas").origin()),
        "base/api.yaml:5:13 < patch prod/kustomization.yaml:24:14"
    );
    let container = api.at("spec.template.spec.containers").items().remove(0);
    assert_eq!(text(&container.get("image")), "r.example/x:2");
    assert_eq!(
        way(container.at("securityContext.privileged").origin()),
        "base/api.yaml:13:39 < patch prod/kustomization.yaml:19:27"
    );
}

#[test]
fn a_generated_name_has_the_hash_that_kustomize_gives_it_and_is_followed() {
    let world = world(&[
        BASE[0],
        (
            "base/kustomization.yaml",
            "resources: [api.yaml]\nconfigMapGenerator:\n- name: settings\n  literals: [USE_ISTIO=true]\n  files: [a.conf]\n",
        ),
        ("base/a.conf", "one\n"),
    ]);
    let map = world.of_kind("ConfigMap").next().expect("a map");
    let name = text(&map.at("metadata.name"));
    // `kubectl kustomize` of the same.
    assert_eq!(name, "settings-596th9ktgd");
    let api = world.of_kind("Deployment").next().expect("a deployment");
    let container = api.at("spec.template.spec.containers").items().remove(0);
    assert_eq!(
        text(&container.get("envFrom").items()[0].at("configMapRef.name")),
        name
    );
    assert_eq!(
        map.at("data").get("a.conf").origin().location().to_string(),
        "base/a.conf:1:1"
    );
}

#[test]
fn labels_reach_selectors_only_where_that_is_said() {
    for (labels, selector) in [
        ("commonLabels: {team: ml}\n", "ml"),
        (
            "labels:\n- pairs: {team: ml}\n  includeSelectors: true\n",
            "ml",
        ),
        ("labels:\n- pairs: {team: ml}\n", ""),
    ] {
        let overlay = format!("resources: [../base]\n{labels}");
        let world = world(&[BASE[0], BASE[1], ("o/kustomization.yaml", &overlay)]);
        let api = &world.resources()[0];
        assert_eq!(text(&api.at("metadata.labels.team")), "ml");
        assert_eq!(
            text(&api.at("spec.selector.matchLabels.team")),
            selector,
            "{labels}"
        );
        assert_eq!(
            text(&api.at("spec.template.metadata.labels.team")),
            selector
        );
    }
}

#[test]
fn replacements_and_variables_bring_values_over() {
    let overlay = "resources: [../base, s.yaml]\nnameSuffix: -v1\nreplacements:\n- source: {kind: Service, name: s, fieldPath: spec.host}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [\"spec.template.spec.containers.[name=x].image\"]\n    options: {delimiter: /, index: 0}\nvars:\n- name: HOST\n  objref: {kind: Service, name: s, apiVersion: v1}\n";
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: s, annotations: {at: http://$(HOST)}}\nspec: {host: mirror.example}\n";
    let world = world(&[
        BASE[0],
        BASE[1],
        ("o/kustomization.yaml", overlay),
        ("o/s.yaml", service),
    ]);
    assert!(world.problems().is_empty(), "{:?}", world.problems());
    let api = world.of_kind("Deployment").next().expect("a deployment");
    let container = api.at("spec.template.spec.containers").items().remove(0);
    assert_eq!(text(&container.get("image")), "mirror.example/x:1");
    let service = world.of_kind("Service").next().expect("a service");
    assert_eq!(text(&service.at("metadata.annotations.at")), "http://s-v1");
}

#[test]
fn components_change_what_is_there() {
    let world = world(&[
        BASE[0],
        BASE[1],
        (
            "c/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nreplicas:\n- name: api\n  count: 7\n",
        ),
        (
            "o/kustomization.yaml",
            "resources: [../base]\ncomponents: [../c]\n",
        ),
    ]);
    let [api] = world.resources() else {
        panic!("{:?}", world.resources());
    };
    assert_eq!(api.at("spec.replicas").integer(), Fact::Known(7));
}

#[test]
fn what_is_elsewhere_or_not_understood_is_told() {
    for spec in [
        "resources: [https://github.com/kubernetes-sigs/lws//config/default?ref=v0.8.0]\n",
        "resources: [gone.yaml]\n",
        "resources: [.]\n",
        "helmCharts: [{name: x}]\n",
        "transformers: [t.yaml]\n",
        "patches: [{path: gone.yaml}]\n",
        "patches:\n- patch: '{apiVersion: v1, kind: Pod, metadata: {name: gone}}'\n",
        "replacements:\n- source: {kind: Pod}\n",
        "resources: [\n",
    ] {
        let world = world(&[("k/kustomization.yaml", spec)]);
        assert!(world.problems().iter().all(|it| it.is_partial), "{spec}");
        assert!(!world.problems().is_empty(), "{spec}");
    }
}

#[test]
fn a_patch_deletes_what_it_says() {
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  replicas: null\n  template:\n    spec:\n      containers:\n      - name: x\n        $patch: delete\n      - name: side\n        image: z\n";
    let world = world(&[
        BASE[0],
        BASE[1],
        (
            "o/kustomization.yaml",
            "resources: [../base]\npatchesStrategicMerge: [p.yaml]\n",
        ),
        ("o/p.yaml", patch),
    ]);
    let api = &world.resources()[0];
    assert_eq!(api.at("spec.replicas").integer(), Fact::Absent);
    let names: Vec<String> = api
        .at("spec.template.spec.containers")
        .items()
        .iter()
        .map(|it| text(&it.get("name")))
        .collect();
    assert_eq!(names, ["side"]);
}
