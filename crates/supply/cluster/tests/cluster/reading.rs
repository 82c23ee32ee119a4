//! Lists: whole ones, and all the ways in which they are not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use casemate_cluster::{
    Accept, Api, Client, Limits, Reading, RequestError, Scope, Wanted, read, uid,
};
use casemate_core::{Coverage, Outcome, Status};
use serde_json::{Value, json};

use crate::{
    QUICK, access,
    recorded::{Asked, Objects, Recorded, Reply},
};

const WANTED: &[Wanted<'_>] = &[
    wanted("", "ConfigMap"),
    wanted("", "Namespace"),
    wanted("", "Pod"),
    wanted("", "Secret"),
    wanted("apps", "Deployment"),
    wanted("apps", "ReplicaSet"),
    wanted("ray.io", "RayCluster"),
    wanted("ray.io", "RayJob"),
    wanted("rbac.authorization.k8s.io", "ClusterRole"),
    wanted("not.there", "Kind"),
];

const fn wanted(group: &'static str, kind: &'static str) -> Wanted<'static> {
    Wanted { group, kind }
}

fn object(version: &str, kind: &str, namespace: &str, name: &str) -> Value {
    let mut metadata = json!({ "name": name });
    if !namespace.is_empty() {
        metadata["namespace"] = namespace.into();
    }
    json!({ "apiVersion": version, "kind": kind, "metadata": metadata })
}

fn objects() -> Vec<Value> {
    let pod = |name: &str, namespace: &str| object("v1", "Pod", namespace, name);
    let mut secret = object("v1", "Secret", "ml", "key");
    secret["data"] = json!({ "token": "c2VjcmV0LXZhbHVl" });
    secret["metadata"]["annotations"] =
        json!({ "kubectl.kubernetes.io/last-applied-configuration": "c2VjcmV0LXZhbHVl" });
    vec![
        object("v1", "Namespace", "", "ml"),
        object("v1", "Namespace", "", "kube-system"),
        pod("a", "ml"),
        pod("a", "other"),
        pod("b", "ml"),
        pod("c", "ml"),
        pod("d", "ml"),
        object("apps/v1", "Deployment", "ml", "api"),
        object("ray.io/v1", "RayCluster", "ml", "ray"),
        object(
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            "",
            "system:node",
        ),
        secret,
    ]
}

/// A client of a server that answers as `answer` says, and the server.
fn served(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (Client, Recorded) {
    let server = Recorded::plain(answer);
    let access = access(&server.kubeconfig("http", "", "token: of-ada"), false).expect("a way");
    (Client::new(access, QUICK), server)
}

/// A cluster with [`objects`], in which `path` is answered otherwise.
fn but(
    path: &'static str,
    otherwise: impl Fn(&Asked, &Objects) -> Reply + Send + Sync + 'static,
) -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let all = Objects {
        page: 2,
        ..Objects::of(objects())
    };
    move |asked| match asked.path == path {
        true => otherwise(asked, &all),
        false => all.answer(asked),
    }
}

fn reading(client: &Client) -> Reading {
    read_with(client, &Scope::default(), &Limits::default()).expect("a reading")
}

fn read_with(client: &Client, scope: &Scope, limits: &Limits) -> Result<Reading, RequestError> {
    read(client, "prod", WANTED, scope, limits, &|_| {})
}

fn names(reading: &Reading) -> Vec<&str> {
    let documents = reading.documents.iter();
    documents.map(|it| it.subject.file.as_str()).collect()
}

fn told<'a>(reading: &'a Reading, name: &str) -> &'a Outcome {
    let mut outcomes = reading.outcomes.iter();
    let found = outcomes.find(|outcome| outcome.name.ends_with(name));
    found.unwrap_or_else(|| panic!("nothing of {name}: {:#?}", reading.outcomes))
}

#[test]
fn everything_that_is_wanted_is_read_and_nothing_else_asked() {
    let (client, server) = served(but("", |_, _| unreachable!()));
    let reading = reading(&client);
    assert_eq!(
        names(&reading),
        [
            "cluster prod: v1 Namespace kube-system",
            "cluster prod: v1 Namespace ml",
            "cluster prod: v1 Pod ml/a",
            "cluster prod: v1 Pod ml/b",
            "cluster prod: v1 Pod ml/c",
            "cluster prod: v1 Pod ml/d",
            "cluster prod: v1 Pod other/a",
            "cluster prod: v1 Secret ml/key",
            "cluster prod: apps/v1 Deployment ml/api",
            "cluster prod: ray.io/v1 RayCluster ml/ray",
            "cluster prod: rbac.authorization.k8s.io/v1 ClusterRole system:node",
        ]
    );
    assert!(reading.outcomes.iter().all(|it| it.result == Status::Pass));
    assert_eq!(uid(&client).as_deref(), Ok("uid-of-kube-system"));
    let lines = server.lines();
    assert!(
        lines.iter().all(|line| line.starts_with("GET /api")),
        "{lines:?}"
    );
    assert!(
        !lines
            .iter()
            .any(|line| line.contains("events") || line.contains("services"))
    );
    let pods: Vec<&String> = lines.iter().filter(|line| line.contains("/pods")).collect();
    assert_eq!(
        pods,
        [
            "GET /api/v1/pods?limit=500",
            "GET /api/v1/pods?limit=500&continue=from%2F2",
            "GET /api/v1/pods?limit=500&continue=from%2F4",
        ]
    );
}

#[test]
fn an_object_is_told_by_its_identity_and_without_what_the_server_writes() {
    let (client, _server) = served(but("", |_, _| unreachable!()));
    let reading = reading(&client);
    let pods: Vec<_> = reading
        .documents
        .iter()
        .filter(|it| it.subject.file.as_str().contains("Pod"))
        .collect();
    assert_eq!(
        pods[0].subject.asset.id.to_string(),
        "urn:casemate:k8s:prod:ml:pod:a"
    );
    assert_eq!(pods[0].subject.path.as_str(), "clusters/prod:pod:ml:a.yaml");
    assert_eq!(
        pods[0].text,
        "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"Pod\",\n  \"metadata\": {\n    \"name\": \"a\",\n    \
         \"namespace\": \"ml\"\n  }\n}\n"
    );
    let deployment = reading
        .documents
        .iter()
        .find(|it| it.text.contains("Deployment"));
    assert_eq!(
        deployment.expect("one").subject.asset.id.to_string(),
        "urn:casemate:k8s:prod:ml:deployment.apps:api"
    );
    let mut paths: Vec<&str> = reading
        .documents
        .iter()
        .map(|it| it.subject.path.as_str())
        .collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), reading.documents.len());
}

#[test]
fn both_forms_of_discovery_and_every_order_give_the_same() {
    let texts = |is_aggregated: bool, turned: bool| {
        let mut objects = objects();
        if turned {
            objects.reverse();
            for (at, object) in objects.iter_mut().enumerate() {
                object["metadata"]["resourceVersion"] = at.to_string().into();
                object["metadata"]["uid"] = format!("other-{at}").into();
            }
        }
        let all = Objects {
            is_aggregated,
            ..Objects::of(objects)
        };
        let (client, _server) = served(move |asked| all.answer(asked));
        let reading = reading(&client);
        assert!(reading.outcomes.iter().all(|it| it.result == Status::Pass));
        let documents = reading.documents.into_iter();
        documents
            .map(|it| (it.subject.path, it.text))
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(true, false), texts(false, true));
}

#[test]
fn a_token_that_expired_begins_the_list_again_once() {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let (client, _server) = served(but("/api/v1/pods", move |asked, all| {
        match asked.query.contains("from%2F4") && seen.fetch_add(1, Ordering::SeqCst) == 0 {
            true => Reply::refused(410, "The provided continue parameter is too old"),
            false => all.answer(asked),
        }
    }));
    let again = reading(&client);
    assert_eq!(told(&again, "v1 pods").result, Status::Pass);
    assert_eq!(names(&again).len(), 11);

    let (client, _server) = served(but("/api/v1/pods", |asked, all| {
        match asked.query.contains("from%2F4") {
            true => Reply::refused(410, "The provided continue parameter is too old"),
            false => all.answer(asked),
        }
    }));
    let cut = reading(&client);
    let pods = told(&cut, "v1 pods");
    assert_eq!(
        (pods.result, pods.coverage),
        (Status::Undetermined, Coverage::Partial)
    );
    let reason = pods.reason.as_deref().expect("a reason");
    assert!(
        reason.starts_with("the list broke off: 410 Gone"),
        "{reason}"
    );
    // What came before is judged.
    assert_eq!(names(&cut).len(), 10);
}

#[test]
fn a_kind_that_is_refused_is_named_and_the_others_are_read() {
    for (code, name) in [
        (401, "401 Unauthorized"),
        (403, "403 Forbidden"),
        (404, "404 Not Found"),
        (405, "405 Method Not Allowed"),
    ] {
        let (client, _server) = served(but("/apis/apps/v1/deployments", move |_, _| {
            Reply::refused(code, "deployments.apps is forbidden")
        }));
        let reading = reading(&client);
        let refused = told(&reading, "apps/v1 deployments");
        assert_eq!(
            (refused.result, refused.coverage),
            (Status::Error, Coverage::Partial)
        );
        let reason = refused.reason.as_deref().expect("a reason");
        assert_eq!(reason, format!("{name}: deployments.apps is forbidden"));
        assert_eq!(names(&reading).len(), 10);
    }
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let (client, _server) = served(but("/api/v1/pods", move |asked, all| {
        match seen.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::refused(500, "etcdserver: leader changed"),
            1 => Reply::Raw(
                b"HTTP/1.1 429 X\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n".to_vec(),
            ),
            _ => all.answer(asked),
        }
    }));
    assert_eq!(told(&reading(&client), "v1 pods").result, Status::Pass);

    // Longer than we wait: not asked again.
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let (client, _server) = served(but("/api/v1/pods", move |_, _| {
        seen.fetch_add(1, Ordering::SeqCst);
        Reply::Raw(b"HTTP/1.1 429 X\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n".to_vec())
    }));
    let reason = told(&reading(&client), "v1 pods").reason.clone();
    assert_eq!(reason.as_deref(), Some("429 Too Many Requests"));
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

type Answer = fn() -> Reply;

fn list(items: &Value) -> Reply {
    Reply::Json(200, json!({ "kind": "PodList", "items": items }))
}

fn raw(text: &str) -> Reply {
    Reply::Raw(text.as_bytes().to_vec())
}

#[test]
fn what_is_no_whole_list_is_told() {
    let cases: [(Answer, &str); 9] = [
        (
            || raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"kind\""),
            "the answer is cut off",
        ),
        (
            || raw("HTTP/1.1 200 OK\r\n\r\n{\"kind\": \"PodList\", \"items\": ["),
            "it is no JSON",
        ),
        (|| Reply::Endless, "longer than 65536 bytes"),
        (
            || raw("HTTP/1.1 302 X\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n"),
            "redirects to http://elsewhere/",
        ),
        (|| raw("hello"), "cut off"),
        (|| list(&json!({})), "its items are no list"),
        (|| list(&json!([7])), "no object with a name"),
        (
            || list(&json!([{ "metadata": { "name": "" } }])),
            "no object with a name",
        ),
        (
            || Reply::Json(200, json!({ "kind": "Pod" })),
            "it is no list",
        ),
    ];
    for (reply, word) in cases {
        let (client, _server) = served(but("/api/v1/pods", move |_, _| reply()));
        let limits = Limits {
            answer: 64 << 10,
            ..Limits::default()
        };
        let reading = read_with(&client, &Scope::default(), &limits).expect("a reading");
        let pods = told(&reading, "v1 pods");
        assert_eq!(pods.coverage, Coverage::Partial, "{word}");
        let reason = pods.reason.as_deref().expect("a reason");
        assert!(reason.contains(word), "{word}: {reason}");
        assert_eq!(names(&reading).len(), 6, "{word}");
    }
}

#[test]
fn a_page_that_is_too_long_is_asked_for_in_smaller_ones() {
    let mut large = objects();
    for object in large.iter_mut().filter(|it| it["kind"] == "Pod") {
        object["metadata"]["annotations"] = json!({ "note": "x".repeat(30 << 10) });
    }
    let all = Objects::of(large);
    let (client, server) = served(move |asked| all.answer(asked));
    let limits = Limits {
        answer: 64 << 10,
        ..Limits::default()
    };
    let reading = read_with(&client, &Scope::default(), &limits).expect("a reading");
    assert_eq!(told(&reading, "v1 pods").result, Status::Pass);
    assert_eq!(names(&reading).len(), 11);
    assert!(
        server
            .lines()
            .iter()
            .any(|line| line.contains("/pods?limit=1&continue"))
    );
}

#[test]
fn a_page_of_too_many_values_is_asked_for_in_smaller_ones() {
    let (client, server) = served(but("/api/v1/pods", |asked, all| {
        let mut pod = object("v1", "Pod", "ml", "many");
        pod["spec"] = json!(vec![0; 1_000_001]);
        match asked.query.contains("limit=500") {
            true => list(&json!([pod])),
            false => all.answer(asked),
        }
    }));
    let reading = reading(&client);
    assert_eq!(told(&reading, "v1 pods").result, Status::Pass);
    let lines = server.lines();
    assert!(lines.iter().any(|line| line.contains("/pods?limit=50")));
}

#[test]
fn a_list_in_circles_has_an_end() {
    let (client, _server) = served(but("/api/v1/pods", |_, _| {
        Reply::Json(
            200,
            json!({ "kind": "PodList", "items": [{ "metadata": { "name": "p" } }], "metadata": { "continue": "x" } }),
        )
    }));
    let reading = reading(&client);
    let reason = told(&reading, "v1 pods")
        .reason
        .as_deref()
        .expect("a reason");
    assert!(reason.contains("goes in circles"), "{reason}");
}

#[test]
fn an_object_that_comes_twice_is_told() {
    let (client, _server) = served(but("/api/v1/pods", |_, _| {
        let pod = object("v1", "Pod", "ml", "a");
        Reply::Json(200, json!({ "kind": "PodList", "items": [pod, pod] }))
    }));
    let twice = reading(&client);
    let reason = told(&twice, "v1 pods").reason.as_deref().expect("a reason");
    assert!(
        reason.starts_with("1 of its objects came twice"),
        "{reason}"
    );
}

#[test]
fn what_is_beyond_our_limits_is_told() {
    for limits in [
        Limits {
            objects: 4,
            ..Limits::default()
        },
        Limits {
            bytes: 300,
            ..Limits::default()
        },
    ] {
        let (client, _server) = served(but("", |_, _| unreachable!()));
        let reading = read_with(&client, &Scope::default(), &limits).expect("a reading");
        let mut partial = reading
            .outcomes
            .iter()
            .filter(|it| it.coverage == Coverage::Partial);
        let reason = partial
            .next()
            .and_then(|it| it.reason.as_deref())
            .expect("a reason");
        assert!(reason.contains("by our own limit"), "{reason}");
        assert!(names(&reading).len() < 11);
    }
}

#[test]
fn nothing_is_asked_for_once_the_room_is_used_up() {
    let (client, server) = served(but("", |_, _| unreachable!()));
    let limits = Limits {
        objects: 2,
        ..Limits::default()
    };
    let reading = read_with(&client, &Scope::default(), &limits).expect("a reading");
    assert_eq!(names(&reading).len(), 2);
    let lists = server.lines();
    let lists = lists.iter().filter(|line| line.contains("?limit="));
    // Both namespaces are there, and of what follows nothing is known.
    assert!(
        lists.clone().all(|line| !line.contains("pods")),
        "{lists:?}"
    );
    let pods = told(&reading, "v1 pods");
    assert_eq!(
        (pods.result, pods.coverage),
        (Status::Error, Coverage::Partial)
    );
    let why = Some("no more is taken, by our own limit");
    assert_eq!(pods.reason.as_deref(), why);

    // Nor for a single namespace.
    let (client, server) = served(but("", |_, _| unreachable!()));
    let scope = Scope {
        namespaces: vec!["ml".to_owned(), "kube-system".to_owned()],
    };
    let limits = Limits {
        objects: 1,
        ..Limits::default()
    };
    let reading = read_with(&client, &scope, &limits).expect("a reading");
    let reason = told(&reading, "v1 namespaces").reason.clone();
    let reason = reason.expect("a reason");
    assert!(
        reason.ends_with("no more is taken, by our own limit"),
        "{reason}"
    );
    assert!(
        !server
            .lines()
            .iter()
            .any(|line| line.ends_with("/namespaces/ml"))
    );
}

#[test]
fn what_came_before_a_token_expired_counts() {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let (client, _server) = served(but("/api/v1/pods", move |asked, all| {
        match asked.query.contains("from%2F4") && seen.fetch_add(1, Ordering::SeqCst) == 0 {
            true => Reply::refused(410, "The provided continue parameter is too old"),
            false => all.answer(asked),
        }
    }));
    // Enough for the pods once, and not for four of them and all of them.
    let limits = Limits {
        bytes: 1800,
        ..Limits::default()
    };
    let wanted = [wanted("", "Pod")];
    let reading = read(
        &client,
        "prod",
        &wanted,
        &Scope::default(),
        &limits,
        &|_| {},
    );
    let reading = reading.expect("a reading");
    let pods = told(&reading, "v1 pods");
    assert_eq!(pods.coverage, Coverage::Partial, "{pods:?}");
    let (client, _server) = served(but("", |_, _| unreachable!()));
    let reading = read(
        &client,
        "prod",
        &wanted,
        &Scope::default(),
        &limits,
        &|_| {},
    );
    assert_eq!(
        told(&reading.expect("one"), "v1 pods").coverage,
        Coverage::Complete
    );
}

#[test]
fn what_was_missing_before_a_refusal_is_told() {
    let all = Objects::of(objects());
    let (client, _server) = served(move |asked| match &*asked.path {
        "/api/v1/namespaces/a/secrets" => Reply::refused(404, "gone"),
        "/api/v1/namespaces/b/secrets" => Reply::refused(403, "no"),
        _ => all.answer(asked),
    });
    let scope = Scope {
        namespaces: vec!["a".to_owned(), "b".to_owned()],
    };
    let reading = read_with(&client, &scope, &Limits::default()).expect("a reading");
    let secrets = told(&reading, "v1 secrets");
    assert_eq!(secrets.coverage, Coverage::Partial);
    let reason = secrets.reason.as_deref().expect("a reason");
    assert!(reason.starts_with("a: 404 Not Found"), "{reason}");
}

#[test]
fn the_values_of_secrets_stay_where_they_are() {
    let (client, server) = served(but("", |_, _| unreachable!()));
    let whole = reading(&client);
    let secret = whole
        .documents
        .iter()
        .find(|it| it.text.contains("\"Secret\""))
        .expect("it");
    assert!(!secret.text.contains("c2VjcmV0LXZhbHVl"), "{}", secret.text);
    let asked = server.asked.lock().expect("one at a time");
    let of_secrets = asked
        .iter()
        .find(|it| it.path.ends_with("/secrets"))
        .expect("it was asked");
    assert!(
        of_secrets
            .headers
            .contains("accept: application/json;as=partialobjectmetadatalist")
    );
    drop(asked);

    // A server that sends them all the same is not believed.
    let (client, _server) = served(but("/api/v1/secrets", |_, _| {
        let mut secret = objects().pop().expect("a Secret");
        secret["data"] = json!({ "token": "c2VjcmV0LXZhbHVl" });
        Reply::Json(200, json!({ "kind": "SecretList", "items": [secret] }))
    }));
    let dropped = reading(&client);
    let reason = told(&dropped, "v1 secrets")
        .reason
        .as_deref()
        .expect("a reason");
    assert!(reason.contains("dropped"), "{reason}");
    assert!(
        !dropped
            .documents
            .iter()
            .any(|it| it.text.contains("c2VjcmV0LXZhbHVl"))
    );

    // Who may not list them misses nothing that is judged.
    let (client, _server) = served(but("/api/v1/secrets", |_, _| Reply::refused(403, "no")));
    let without = reading(&client);
    let outcome = told(&without, "v1 secrets");
    assert_eq!(
        (outcome.result, outcome.coverage),
        (Status::NotApplicable, Coverage::Complete)
    );
}

#[test]
fn single_namespaces_are_read_without_what_is_in_none() {
    let (client, server) = served(but("", |_, _| unreachable!()));
    let scope = Scope {
        namespaces: vec!["other".to_owned()],
    };
    let reading = read_with(&client, &scope, &Limits::default()).expect("a reading");
    // The namespace itself is not there: that is told.
    assert_eq!(names(&reading), ["cluster prod: v1 Pod other/a"]);
    let namespaces = told(&reading, "v1 namespaces");
    assert!(
        namespaces
            .reason
            .as_deref()
            .expect("a reason")
            .starts_with("other: 404 Not Found")
    );
    assert_eq!(told(&reading, "clusterroles").result, Status::NotApplicable);
    assert!(
        !server
            .lines()
            .iter()
            .any(|line| line.contains("clusterroles?"))
    );
    let odd = Scope {
        namespaces: vec!["../pods".to_owned()],
    };
    assert!(read_with(&client, &odd, &Limits::default()).is_err());
}

#[test]
fn a_group_that_is_not_told_of_is_a_gap() {
    let all = |asked: &Asked| {
        Objects {
            is_aggregated: false,
            ..Objects::of(objects())
        }
        .answer(asked)
    };
    let (client, _server) = served(move |asked| match &*asked.path {
        "/apis/ray.io/v1" => {
            Reply::Json(503, json!({ "message": "the server is currently unable" }))
        }
        _ => all(asked),
    });
    let reading = reading(&client);
    let group = told(&reading, "the API group ray.io");
    assert_eq!(group.coverage, Coverage::Partial);
    assert!(
        !names(&reading)
            .iter()
            .any(|name| name.contains("RayCluster"))
    );
}

#[test]
fn a_cluster_that_knows_us_not_is_an_error() {
    let (client, _server) = served(|_| Reply::refused(401, "Unauthorized"));
    let error = read_with(&client, &Scope::default(), &Limits::default()).expect_err("nobody");
    assert_eq!(error.to_string(), "401 Unauthorized: Unauthorized");
    let (client, _server) = served(|_| Reply::Json(200, json!({ "kind": "Other" })));
    let error = read_with(&client, &Scope::default(), &Limits::default()).expect_err("no API");
    assert!(
        error.to_string().contains("no discovery document"),
        "{error}"
    );
}

/// What the server says of itself, with `turned` made of the core's resources.
fn discovered(
    is_aggregated: bool,
    turned: impl Fn(&mut Vec<Value>) + Send + Sync + 'static,
) -> (Client, Recorded) {
    let all = Objects {
        is_aggregated,
        ..Objects::of(objects())
    };
    served(move |asked| {
        let list = match &*asked.path {
            "/api" if is_aggregated => "/items/0/versions/0/resources",
            "/api/v1" => "/resources",
            _ => return all.answer(asked),
        };
        let Reply::Json(code, mut body) = all.answer(asked) else {
            unreachable!()
        };
        let resources = body.pointer_mut(list).and_then(Value::as_array_mut);
        turned(resources.expect("resources"));
        Reply::Json(code, body)
    })
}

fn named(resource: &Value, plural: &str) -> bool {
    resource["resource"] == plural || resource["name"] == plural
}

#[test]
fn a_server_without_what_every_cluster_has_is_an_error() {
    let (client, _server) =
        served(|_| Reply::Json(200, json!({ "kind": "APIGroupDiscoveryList", "items": [] })));
    let error = read_with(&client, &Scope::default(), &Limits::default()).expect_err("nothing");
    assert!(error.to_string().contains("pods and namespaces"), "{error}");
    for is_aggregated in [true, false] {
        for plural in ["pods", "namespaces"] {
            let (client, _server) = discovered(is_aggregated, move |resources| {
                resources.retain(|it| !named(it, plural));
            });
            // Whether somebody asks for them or not.
            let wanted = [wanted("apps", "Deployment")];
            let (scope, limits) = (Scope::default(), Limits::default());
            assert!(read(&client, "prod", &wanted, &scope, &limits, &|_| {}).is_err());
        }
    }
}

#[test]
fn a_kind_that_nobody_can_list_is_a_gap() {
    for is_aggregated in [true, false] {
        let (client, _server) = discovered(is_aggregated, |resources| {
            let mut maps = resources.iter_mut().filter(|it| named(it, "configmaps"));
            maps.next().expect("it")["verbs"] = json!(["get", "create"]);
        });
        let reading = reading(&client);
        let maps = told(&reading, "v1 configmaps");
        assert_eq!(
            (maps.result, maps.coverage),
            (Status::Error, Coverage::Partial)
        );
    }
}

#[test]
fn a_text_longer_than_our_limits_is_told() {
    let (client, _server) = served(but("/api/v1/pods", |_, _| {
        let mut pod = object("v1", "Pod", "ml", "deep");
        let mut deep = json!(vec![1; 1000]);
        for _ in 0..60 {
            deep = json!([deep]);
        }
        pod["spec"] = deep;
        list(&json!([object("v1", "Pod", "ml", "a"), pod]))
    }));
    let limits = Limits {
        bytes: 32 << 10,
        ..Limits::default()
    };
    let reading = read_with(&client, &Scope::default(), &limits).expect("a reading");
    let pods = told(&reading, "v1 pods");
    assert_eq!(
        (pods.result, pods.coverage),
        (Status::Undetermined, Coverage::Partial)
    );
    let reason = pods.reason.as_deref().expect("a reason");
    assert!(
        reason.starts_with("1 of its objects were left out"),
        "{reason}"
    );
    assert!(names(&reading).contains(&"cluster prod: v1 Pod ml/a"));
    // What is after it and short is still judged.
    assert!(names(&reading).contains(&"cluster prod: apps/v1 Deployment ml/api"));
}

#[test]
fn empty_pages_without_end_are_told() {
    let count = AtomicUsize::new(0);
    let (client, server) = served(but("/api/v1/pods", move |_, _| {
        let next = count.fetch_add(1, Ordering::SeqCst).to_string();
        match next.len() {
            // An end all the same, for whoever does not see it.
            1 => Reply::Json(
                200,
                json!({ "kind": "PodList", "items": [], "metadata": { "continue": next } }),
            ),
            _ => list(&json!([])),
        }
    }));
    let reading = reading(&client);
    let reason = told(&reading, "v1 pods").reason.as_deref();
    assert!(reason.expect("a reason").contains("3 pages in a row"));
    let lines = server.lines();
    assert_eq!(lines.iter().filter(|it| it.contains("/pods?")).count(), 3);
}

/// A server that is asked no more once the second page of pods is.
struct Ending {
    client: Client,
    is_over: AtomicBool,
}

impl Api for Ending {
    fn get(&self, path: &str, accept: Accept, limit: u64) -> Result<Vec<u8>, RequestError> {
        if path.starts_with("/api/v1/pods") && path.contains("continue=") {
            self.is_over.store(true, Ordering::Relaxed);
        }
        match self.is_over.load(Ordering::Relaxed) {
            true => Err(RequestError::Over(Duration::from_secs(600))),
            false => self.client.get(path, accept, limit),
        }
    }
}

#[test]
fn when_the_time_is_over_every_kind_that_was_not_read_is_named() {
    let (client, _server) = served(but("/", |asked, all| all.answer(asked)));
    let api = Ending {
        client,
        is_over: AtomicBool::new(false),
    };
    let (scope, limits) = (Scope::default(), Limits::default());
    let reading = read(&api, "prod", WANTED, &scope, &limits, &|_| {}).expect("a reading");
    let pods = told(&reading, "v1 pods");
    assert_eq!(
        (pods.result, pods.coverage),
        (Status::Undetermined, Coverage::Partial)
    );
    let deployments = told(&reading, "apps/v1 deployments");
    assert_eq!(
        (deployments.result, deployments.coverage),
        (Status::Error, Coverage::Partial)
    );
    for outcome in [pods, deployments] {
        let reason = outcome.reason.as_deref().unwrap_or_default();
        assert!(reason.contains("the 600 seconds"), "{reason}");
    }
    // What came before is judged.
    assert!(names(&reading).iter().any(|name| name.contains("Pod ml/a")));
}
