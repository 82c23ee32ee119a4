//! Which models are found, and where.

use super::*;
use crate::survey::tests::survey;

#[test]
fn names_of_a_hub_are_told_from_paths() {
    for (text, expected) in [
        ("mistralai/Mistral-7B-Instruct-v0.2", true),
        ("/models/m", false),
        ("./m/n", false),
        ("models/m", false),
        ("a/b/c", false),
        ("$MODEL/x", false),
        ("m", false),
    ] {
        assert_eq!(is_hub_name(text), expected, "{text}");
    }
}

/// Where the two rules about models are found.
fn found(name: &str, text: &str) -> Vec<String> {
    let outcomes = survey(&[(name, text.as_bytes())]);
    let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
    let found = findings.map(|it| format!("{} {}", it.rule, it.location));
    found
        .filter(|it| it.starts_with("CM-AI-020") || it.starts_with("CM-AI-021"))
        .collect()
}

#[test]
fn pods_of_kinds_that_nobody_knows_are_pods() {
    let text = "apiVersion: example.org/v1\nkind: Fleet\nmetadata: {name: f}\nspec:\n  roles:\n  - name: prefill\n    \
        template:\n      spec:\n        containers:\n        - name: a\n          image: r.example.org/vllm:1\n          \
        command: [/bin/bash, -lc, --]\n          args: ['ulimit -n 1; vllm serve org/model --trust-remote-code']\n";
    assert_eq!(
        found("a.yaml", text),
        ["CM-AI-021 a.yaml:13:43", "CM-AI-020 a.yaml:13:53"]
    );
    let policy = text.replace("example.org/v1", "kyverno.io/v1");
    assert!(
        !found("a.yaml", &policy)
            .iter()
            .any(|it| it.starts_with("CM-AI-020"))
    );
}

#[test]
fn a_model_is_found_through_its_variable() {
    let pod = |value: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: a\n    \
             image: r.example.org/a:1\n    args: [--model=$(NAME)]\n    env:\n    - name: NAME\n      value: {value}\n"
        )
    };
    assert_eq!(
        found("a.yaml", &pod("org/model")),
        ["CM-AI-021 a.yaml:11:14"]
    );
    assert_eq!(found("a.yaml", &pod("/models/m")), [""; 0]);
}

#[test]
fn a_variable_of_a_script_is_what_the_script_says() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    \
        image: r.example.org/a:1\n    command: [bash, -c]\n    args:\n    - |\n      M=org/model\n      hf download \"$M\" --local-dir /m\n";
    assert_eq!(found("a.yaml", text), ["CM-AI-021 a.yaml:11:7"]);
}

#[test]
fn what_seldon_loads_with_pickle_is_found() {
    for text in [
        "apiVersion: mlops.seldon.io/v1alpha1\nkind: Model\nmetadata: {name: m}\nspec: {requirements: [sklearn]}\n",
        "apiVersion: machinelearning.seldon.io/v1\nkind: SeldonDeployment\nmetadata: {name: m}\n\
         spec: {predictors: [{name: d, graph: {name: g, implementation: SKLEARN_SERVER}}]}\n",
    ] {
        let outcomes = survey(&[("m.yaml", text.as_bytes())]);
        let mut findings = outcomes.iter().flat_map(|it| &it.findings);
        assert!(findings.any(|it| it.rule.as_str() == "CM-AI-023"), "{text}");
    }
}

#[test]
fn commands_are_read_wherever_they_are() {
    let job = "apiVersion: ray.io/v1\nkind: RayJob\nmetadata: {name: j}\nspec:\n  entrypoint: vllm serve org/model\n";
    let custom = "apiVersion: example.org/v1\nkind: Model\nmetadata: {name: m}\nspec:\n  args: [--trust-remote-code, --tp=2]\n";
    let written = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    \
        image: r.example.org/a:1\n    command: [sh, -c]\n    args:\n    - |\n      cat <<EOF > c.yaml\n      \
        trust_remote_code: true\n      EOF\n";
    let compose =
        "services:\n  v:\n    image: vllm/vllm-openai:v1\n    command: --model ${M:-org/model}\n";
    let values = "engine:\n  extraArgs: [--trust-remote-code]\n  modelURL: org/model\n";
    for (name, text, expected) in [
        ("job.yaml", job, &["CM-AI-021 job.yaml:5:26"][..]),
        ("model.yaml", custom, &["CM-AI-020 model.yaml:5:10"]),
        ("pod.yaml", written, &["CM-AI-020 pod.yaml:12:7"]),
        ("compose.yaml", compose, &["CM-AI-021 compose.yaml:4:14"]),
        (
            "values-prod.yaml",
            values,
            &[
                "CM-AI-020 values-prod.yaml:2:15",
                "CM-AI-021 values-prod.yaml:3:13",
            ],
        ),
    ] {
        assert_eq!(found(name, text), expected, "{text}");
    }
}

#[test]
fn code_in_a_config_map_says_what_it_loads() {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  load.py: |\n    for m in [\n      \
        'org/model',\n    ]:\n      snapshot_download(m)\n  a.ipynb: |\n    {\"source\": [\n      \
        \"x.from_pretrained('org/other')\\n\"]}\n";
    let expected = ["CM-AI-021 map.yaml:7:7", "CM-AI-021 map.yaml:12:7"];
    assert_eq!(found("map.yaml", map), expected);
}

#[test]
fn a_model_has_an_address_at_the_hub() {
    let commit = "4d2c9a59d9eabfd4c8a9e04a7aae44fc8f5b416f";
    let pod = |script: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: a\n    \
             image: r.example.org/a:1\n    command: [sh, -c]\n    args: ['{script}']\n"
        );
        found("a.yaml", &text).len()
    };
    let file = |revision: &str| {
        pod(&format!(
            "wget https://huggingface.co/org/m/resolve/{revision}/m.gguf"
        ))
    };
    assert_eq!((file("main"), file(commit)), (1, 0));
    assert_eq!(pod("git clone https://huggingface.co/org/m /models"), 1);
    assert_eq!(
        pod(&format!(
            "git clone https://huggingface.co/org/m && cd m && git checkout {commit}"
        )),
        0
    );
    for pinned in [
        format!("git clone --revision={commit} https://huggingface.co/org/m"),
        format!("git clone https://huggingface.co/org/m && git -C m reset --hard {commit}"),
        format!("git clone -n https://huggingface.co/org/m && git -C m fetch origin {commit}"),
    ] {
        assert_eq!(pod(&pinned), 0, "{pinned}");
    }
    assert_eq!(pod("git clone https://github.com/org/m"), 0);
    assert_eq!(
        pod("curl https://huggingface.co/datasets/o/d/resolve/main/d.json"),
        0
    );
    let values = "model:\n  url: https://huggingface.co/org/m/resolve/main/m.gguf\n";
    assert_eq!(found("values.yaml", values), ["CM-AI-021 values.yaml:2:8"]);
}

#[test]
fn only_a_revision_pins_a_model_and_not_any_word_that_looks_like_one() {
    let digest = "4d2c9a59d9eabfd4c8a9e04a7aae44fc8f5b416f";
    for script in [
        "git clone https://huggingface.co/org/m && echo {} m/w.bin | sha1sum -c",
        "git -C code checkout {} && git clone https://huggingface.co/org/m",
        "git clone -b {} https://huggingface.co/org/m",
        "wget https://huggingface.co/org/m/resolve/main/m.gguf && echo {} m.gguf | sha1sum -c",
        "git checkout {} && wget https://huggingface.co/org/m/resolve/main/m.gguf",
        "vllm serve org/m --code-revision {}",
    ] {
        let script = script.replace("{}", digest);
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: a\n    \
             image: r.example.org/a:1\n    command: [sh, -c]\n    args: ['{script}']\n"
        );
        assert_eq!(found("a.yaml", &text).len(), 1, "{script}");
    }
}

#[test]
fn files_of_models_are_downloaded() {
    let of = |address: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: a\n    \
             image: r.example.org/a:1\n    command: [wget, '{address}']\n"
        );
        let outcomes = survey(&[("a.yaml", text.as_bytes())]);
        let findings = outcomes.iter().flat_map(|outcome| &outcome.findings);
        let found = findings.map(|it| it.rule.to_string());
        found
            .filter(|it| ["CM-AI-022", "CM-AI-023"].contains(&&**it))
            .collect::<Vec<_>>()
    };
    assert_eq!(of("https://a.example/m.safetensors"), [""; 0]);
    assert_eq!(of("http://a.example/m.gguf"), ["CM-AI-022"]);
    assert_eq!(of("https://a.example/m.pth"), ["CM-AI-023"]);
    assert_eq!(of("http://a.example/data.json"), [""; 0]);
}

#[test]
fn a_model_has_more_than_one_hub() {
    let commit = "4d2c9a59d9eabfd4c8a9e04a7aae44fc8f5b416f";
    let source = |more: &str| {
        format!(
            "apiVersion: llmaz.io/v1alpha1\nkind: OpenModel\nmetadata: {{name: m}}\nspec:\n  source:\n    \
             modelHub: {{modelID: org/model{more}}}\n"
        )
    };
    let own = source("");
    let branch = source(", revision: main");
    let pinned = source(&format!(", revision: {commit}"));
    let uri = |uri: &str| {
        format!(
            "apiVersion: kubeai.org/v1\nkind: Model\nmetadata: {{name: m}}\nspec: {{url: '{uri}'}}\n"
        )
    };
    for (text, count) in [
        (own, 1),
        (branch, 1),
        (pinned, 0),
        (uri("ollama://qwen2:0.5b"), 1),
        (uri("ollama://qwen2@sha256:0f"), 0),
        (uri("s3://models/ollama"), 0),
    ] {
        assert_eq!(found("m.yaml", &text).len(), count, "{text}");
    }
}

#[test]
fn hooks_of_containers_get_models() {
    let pod = |model: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: a\n    \
             image: r.example.org/a:1\n    env: [{{name: M, value: 'mistral:latest'}}]\n    lifecycle:\n      \
             postStart: {{exec: {{command: [sh, -c, '/bin/ollama pull {model}']}}}}\n"
        );
        found("a.yaml", &text)
    };
    assert_eq!(pod("$M"), ["CM-AI-021 a.yaml:8:28"]);
    assert_eq!(pod("qwen").len(), 1);
    assert_eq!(pod("qwen@sha256:0f"), [""; 0]);
}

#[test]
fn code_in_a_script_says_what_it_loads() {
    let pod = |program: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: a\n    \
             image: r.example.org/a:1\n    command: [sh, -c]\n    args:\n    - |\n      {program}\n"
        )
    };
    let inline = pod("python -c '\n      snapshot_download(\n        repo_id=\"org/model\")'");
    assert_eq!(found("a.yaml", &inline), ["CM-AI-021 a.yaml:13:9"]);
    let document =
        pod("cat << EOF | python3\n      t = A.from_pretrained(\"org/model\")\n      EOF");
    assert_eq!(found("a.yaml", &document), ["CM-AI-021 a.yaml:12:7"]);
    let local = pod("python -c 'A.from_pretrained(\"/models/m\")'");
    assert_eq!(found("a.yaml", &local), [""; 0]);
}

#[test]
fn a_parameter_of_a_workflow_is_a_model_where_a_step_is_told_one() {
    let workflow = |option: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {{name: w}}\nspec:\n  \
             arguments: {{parameters: [{{name: model, value: org/model}}, {{name: out, value: a/b}}]}}\n  templates:\n  \
             - name: d\n    container: {{image: 'r.example.org/a:1', args: [{option}, '{{{{inputs.parameters.model}}}}']}}\n"
        )
    };
    assert_eq!(
        found("w.yaml", &workflow("--model")),
        ["CM-AI-021 w.yaml:5:49"]
    );
    assert_eq!(found("w.yaml", &workflow("--car")), [""; 0]);
}

#[test]
fn values_have_addresses_of_pickles() {
    let of = |address: &str| {
        let text = format!("models: {{a: '{address}'}}\n");
        let outcomes = survey(&[("values.yaml", text.as_bytes())]);
        let mut findings = outcomes.iter().flat_map(|it| &it.findings);
        findings.any(|it| it.rule.as_str() == "CM-AI-023")
    };
    assert!(of("https://a.example/m.ckpt"));
    assert!(!of("https://a.example/m.safetensors"));
    assert!(!of("m.ckpt"));
}

#[test]
fn a_list_of_models_in_a_config_map_says_where_they_are_from() {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  adapters.yaml: |\n    \
        ensureExist:\n      models:\n      - id: a\n        source: org/adapter\n      - id: b\n        source: /models/b\n";
    assert_eq!(found("map.yaml", map), ["CM-AI-021 map.yaml:9:17"]);
}

#[test]
fn the_name_of_a_model_is_none_of_a_hub_beside_its_path() {
    let job = |command: &str| {
        let text = format!(
            "apiVersion: ray.io/v1\nkind: RayJob\nmetadata: {{name: j}}\nspec:\n  entrypoint: {command}\n"
        );
        found("job.yaml", &text).len()
    };
    assert_eq!(job("torchrun train.py --model_name org/model"), 1);
    assert_eq!(job("serve --model-path /m --model-name org/model"), 0);
}
