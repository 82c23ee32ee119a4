use crate::survey::tests::survey;

/// The rules that are reported of a template.
fn reported(text: &str) -> Vec<String> {
    let outcomes = survey(&[("stack.yaml", text.as_bytes())]);
    let findings = outcomes.iter().flat_map(|it| &it.findings);
    findings
        .map(|it| format!("{} {}", it.rule, it.location))
        .collect()
}

const HEAD: &str = "Parameters:\n  Open: {Type: String, Default: 'yes'}\n  Key: {Type: String}\nConditions:\n  IsOpen: !Equals [!Ref Open, 'yes']\nResources:\n";

#[test]
fn one_rule_asks_both_languages() {
    let text = format!(
        "{HEAD}  Notes:\n    Type: AWS::SageMaker::NotebookInstance\n    Properties:\n      RootAccess: Disabled\n      DirectInternetAccess: !If [IsOpen, Enabled, Disabled]\n"
    );
    let found = reported(&text);
    assert!(
        found.contains(&"CM-AWS-100 stack.yaml:11:42".to_owned()),
        "{found:?}"
    );
    assert!(
        !found.iter().any(|it| it.starts_with("CM-AWS-101")),
        "{found:?}"
    );
}

#[test]
fn what_a_condition_leaves_out_is_not_there() {
    let text = format!(
        "{HEAD}  B:\n    Type: AWS::S3::Bucket\n    Condition: IsShut\n    Properties: {{AccessControl: PublicRead}}\n"
    );
    let text = text.replace(
        "Resources:",
        "  IsShut: !Not [!Condition IsOpen]\nResources:",
    );
    assert_eq!(reported(&text), Vec::<String>::new());
    let text = text.replace("Condition: IsShut", "Condition: IsOpen");
    assert!(
        reported(&text)
            .iter()
            .any(|it| it.starts_with("CM-AWS-001"))
    );
}

#[test]
fn a_policy_is_asked_for_what_it_says() {
    let text = format!(
        "{HEAD}  P:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      PolicyDocument:\n        Statement:\n        - {{Effect: Allow, Action: '*', Resource: '*'}}\n"
    );
    assert!(
        reported(&text)
            .iter()
            .any(|it| it.starts_with("CM-AWS-040"))
    );
}

#[test]
fn a_parameter_without_a_default_decides_nothing() {
    let text = format!(
        "{HEAD}  V:\n    Type: AWS::EC2::Volume\n    Properties: {{Encrypted: !Ref Key}}\n"
    );
    let outcomes = survey(&[("stack.yaml", text.as_bytes())]);
    assert_eq!(outcomes[0].result, casemate_core::Status::Undetermined);
    assert!(
        outcomes[0]
            .reason
            .as_deref()
            .is_some_and(|it| it.contains("the parameter Key has no default"))
    );
}

#[test]
fn conditions_that_refer_to_each_other_are_bounded() {
    let text = "Conditions:\n  A: !Condition B\n  B: !Not [!Condition A]\nResources:\n  V:\n    Type: AWS::EC2::Volume\n    Condition: A\n    Properties: {Encrypted: false}\n";
    assert!(reported(text).iter().any(|it| it.starts_with("CM-AWS-063")));
}

fn told(text: &str) -> String {
    let outcomes = survey(&[("stack.yaml", text.as_bytes())]);
    assert_eq!(outcomes.len(), 1, "a template has an outcome");
    assert_eq!(outcomes[0].coverage, casemate_core::Coverage::Partial);
    outcomes[0].reason.clone().unwrap_or_default()
}

const LOOP: &str = "Transform: AWS::LanguageExtensions\nParameters:\n  Names: {Type: CommaDelimitedList, Default: 'a, b'}\n  Open: {Type: CommaDelimitedList}\nMappings: {M: {x: {l: [a, b]}}}\nResources:\n  Fn::ForEach::Buckets:\n  - Name\n  - LIST\n  - Bucket&{Name}:\n      Type: AWS::S3::Bucket\n      Properties: {BucketName: !Sub 'x-${Name}', AccessControl: PublicRead}\n";

#[test]
fn a_loop_makes_a_resource_for_each_item() {
    for list in [
        "[a, b]",
        "!Ref Names",
        "{Ref: Names}",
        "!FindInMap [M, x, l]",
    ] {
        let text = LOOP.replace("LIST", list);
        let world = crate::survey::tests::world(&[("stack.yaml".to_owned(), text.into_bytes())]);
        let names: Vec<String> = world
            .of_kind("aws_s3_bucket")
            .map(|it| format!("{} {}", it.address, it.at("bucket_name").shown()))
            .collect();
        assert_eq!(names, ["Bucketa x-a", "Bucketb x-b"], "{list}");
    }
}

#[test]
fn loops_in_loops_and_in_properties_are_unrolled() {
    let text = "Transform: [AWS::LanguageExtensions]\nResources:\n  Fn::ForEach::A:\n  - A\n  - [x, y]\n  - Fn::ForEach::B:\n    - B\n    - [p, q]\n    - V${A}${B}:\n        Type: AWS::EC2::Volume\n        Properties:\n          Fn::ForEach::K: [K, [Encrypted], {'${K}': false}]\n";
    let found = reported(text);
    let plain = found.iter().filter(|it| it.starts_with("CM-AWS-063"));
    assert_eq!(plain.count(), 4, "{found:?}");
}

#[test]
fn a_loop_that_is_not_understood_is_told() {
    for (list, why) in [
        ("!Ref Open", "Open has no default"),
        ("!Split [',', x]", "its list is Fn::Split"),
        ("[!Ref Open]", "an item that is not known"),
    ] {
        let reason = told(&LOOP.replace("LIST", list));
        assert!(reason.contains(why), "{reason}");
    }
    let reason = told(&LOOP.replace("AWS::LanguageExtensions", "AWS::Other"));
    assert!(reason.contains("AWS::LanguageExtensions"), "{reason}");
}

#[test]
fn loops_that_make_too_much_are_told() {
    let list = (0..1000)
        .map(|at| at.to_string())
        .collect::<Vec<_>>()
        .join(",");
    let text = format!(
        "Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::A:\n  - A\n  - [{list}]\n  - Fn::ForEach::B:\n    - B\n    - [{list}]\n    - V${{A}}x${{B}}: {{Type: AWS::EC2::Volume}}\n"
    );
    assert!(told(&text).contains("more than"));
}

#[test]
fn a_template_with_a_mistake_is_told() {
    let broken = "AWSTemplateFormatVersion: '2010-09-09'\nResources:\n  S:\n    Type: AWS::S3::Bucket\nX:\n  Fn::If: [\n";
    assert!(!told(broken).is_empty());
    let open = "!Join ['', [".repeat(300);
    let deep = format!(
        "Resources:\n  S:\n    Type: AWS::S3::Bucket\n    Properties:\n      AccessControl: {open}x{}\n",
        "]]".repeat(300)
    );
    assert!(told(&deep).contains("limit"), "{}", told(&deep));
}
