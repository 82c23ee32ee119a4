//! What Compose runs, and with which rights.

use std::borrow::Cow;

use casemate_core::{Confidence, Example, Reference, Rule, RuleId, Severity};

use super::secret::{is_default, is_secret_name, is_written};
use crate::{
    Attr, Cursor, Fact, Truth, World,
    check::{
        Check, Family, Persona, Report,
        ai::{KEY_FLAGS, server},
        command::Command,
        image::{Image, pinned},
    },
    read::compose::{SERVICE, keyed},
};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&PRIVILEGED, Persona::Regular),
        (&HOST, Persona::Regular),
        (&SOCKET, Persona::Regular),
        (&HOST_PATH, Persona::Regular),
        (&CAPABILITY, Persona::Regular),
        (&UNCONFINED, Persona::Regular),
        (&FLOATING, Persona::Regular),
        (&TAGGED, Persona::Pedantic),
        (&PUBLISHED, Persona::Regular),
        (&SECRET, Persona::Regular),
        (&DEFAULT_PASSWORD, Persona::Regular),
        (&NO_KEY, Persona::Regular),
        (&ROOT, Persona::Pedantic),
        (&REMOTE_CODE, Persona::Regular),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    for service in world.of_kind(SERVICE) {
        let service = service.cursor();
        rights(&service, report);
        mounts(&service, report);
        image(&service, report);
        secrets(&service, report);
        ports(&service, report);
    }
}

fn rights(service: &Cursor<'_>, report: &mut Report) {
    let privileged = service.get("privileged");
    report.when(privileged.is_true(), &PRIVILEGED, &privileged, || {
        "the service is privileged".to_owned()
    });
    for key in ["network_mode", "pid", "ipc", "uts", "userns_mode", "cgroup"] {
        let mode = service.get(key);
        report.when(mode.equals("host"), &HOST, &mode, || {
            format!("{key} is that of the host")
        });
    }
    for capability in service.get("cap_add").items() {
        let is_strong = capability.text().is(|name| {
            let upper = name.to_ascii_uppercase();
            CAPABILITIES.contains(&upper.trim_start_matches("CAP_"))
        });
        report.when(is_strong, &CAPABILITY, &capability, || {
            format!("{} is as good as root on the host", capability.shown())
        });
    }
    for option in service.get("security_opt").items() {
        let is_off = option.text().is(|option| {
            let option = option.replace('=', ":");
            option.ends_with(":unconfined")
                || option == "label:disable"
                || option == "no-new-privileges:false"
        });
        report.when(is_off, &UNCONFINED, &option, || {
            format!("{} takes confinement away", option.shown())
        });
    }
    let user = service.get("user");
    let is_root = user
        .text()
        .is(|user| matches!(user.split(':').next(), Some("root" | "0")));
    report.when(is_root, &ROOT, &user, || {
        "the service runs as root".to_owned()
    });
}

fn mounts(service: &Cursor<'_>, report: &mut Report) {
    for volume in service.get("volumes").items() {
        let source = volume.get("source").text();
        let source = match volume.fact.clone() {
            Fact::Known(attr) if attr.as_str().is_some() => volume
                .text()
                .map(|text| text.split(':').next().unwrap_or_default().to_owned()),
            Fact::Unknown(why) => Fact::Unknown(why),
            _ => source,
        };
        let is_socket = source
            .clone()
            .is(|path| SOCKETS.iter().any(|it| path.ends_with(it)));
        report.when(is_socket, &SOCKET, &volume, || {
            format!(
                "{} starts any container",
                source.clone().ok().unwrap_or_default()
            )
        });
        let is_of_host = source.clone().is(|path| {
            let path = path.trim_end_matches('/');
            let is_below = |root: &&str| path == *root || path.starts_with(&format!("{root}/"));
            let is_socket = SOCKETS.iter().any(|it| path.ends_with(it));
            !is_socket && (path.is_empty() || HOST_PATHS.iter().any(is_below))
        });
        // A volume without a source has an empty one.
        let is_path = source.clone().is(|path| path.starts_with('/'));
        report.when(is_path.and(|| is_of_host), &HOST_PATH, &volume, || {
            format!("{} is the host's", source.ok().unwrap_or_default())
        });
    }
}

fn image(service: &Cursor<'_>, report: &mut Report) {
    if !service.get("build").is_absent().is_yes() {
        return;
    }
    pinned(&service.get("image"), "", (&FLOATING, &TAGGED), report);
}

fn secrets(service: &Cursor<'_>, report: &mut Report) {
    let environment = service.get("environment");
    let Fact::Known(attr) = environment.fact else {
        return;
    };
    let items = keyed(attr);
    for item in items.entries() {
        let Some(value) = item.value.as_str() else {
            continue;
        };
        let at = || (&*item.key, item.value.origin.clone());
        let is_secret = is_secret_name(&item.key) && is_written(value);
        let is_guess = is_secret && is_default(value);
        report.of_part(
            is_guess.into(),
            &DEFAULT_PASSWORD,
            &environment,
            at(),
            || format!("{} is a password that everybody tries", item.key),
        );
        let is_own = Truth::from(is_secret && !is_guess);
        report.of_part(is_own, &SECRET, &environment, at(), || {
            format!("the value of {} stands in the file", item.key)
        });
    }
}

/// Where a port is published.
#[derive(Clone)]
struct Published {
    host: String,
    target: String,
}

fn published(port: &Cursor<'_>) -> Fact<Published> {
    let long = port.get("target");
    if !matches!(long.fact, Fact::Absent) {
        let host = port.get("host_ip").text().ok().unwrap_or_default();
        return match port.get("published").is_absent() {
            Truth::Yes => Fact::Absent,
            _ => long.text().map(|target| Published { host, target }),
        };
    }
    port.text().and_then(|text| {
        let text = text.split('/').next().unwrap_or_default().to_owned();
        let Some((rest, target)) = text.rsplit_once(':') else {
            return Fact::Absent;
        };
        let host = rest.rsplit_once(':').map_or("", |(host, _)| host);
        Fact::Known(Published {
            host: host.trim_matches(['[', ']']).to_owned(),
            target: target.split('-').next().unwrap_or_default().to_owned(),
        })
    })
}

fn ports(service: &Cursor<'_>, report: &mut Report) {
    let image = service
        .get("image")
        .text()
        .ok()
        .unwrap_or_default()
        .to_lowercase();
    let command = command(service);
    let words = words(service);
    let server = server(Image::of(&image).name, &words);
    let environment = service.get("environment").fact.ok().map(keyed);
    let has = |name: &str| {
        let map = environment.as_ref().map(|it| it.get(name));
        !matches!(map, None | Some(Fact::Absent))
    };
    for port in service.get("ports").items() {
        let place = published(&port);
        let is_open = place
            .clone()
            .is(|it| !matches!(it.host.as_str(), "127.0.0.1" | "localhost" | "::1"));
        let known = place.clone().ok().and_then(|it| {
            let is_it = |(number, words, _): &&(&str, &[&str], &str)| {
                *number == it.target
                    && words
                        .iter()
                        .any(|word| image.contains(word) || command.contains(word))
            };
            INTERFACES.iter().find(is_it).map(|(.., name)| *name)
        });
        if let Some(name) = known {
            report.when(is_open.clone(), &PUBLISHED, &port, || {
                format!("{name} is published to everybody")
            });
        }
        let Some(server) = server else { continue };
        let has_key = KEY_FLAGS.iter().any(|flag| words.flag(flag).is_some())
            || server.variables.iter().any(|name| has(name));
        let said = words.flag("--port").and_then(|flag| flag.value);
        let is_its = |it: Published| match said {
            Some(said) => it.target == said,
            None => it.target == server.port.to_string(),
        };
        if !has_key && place.ok().is_some_and(is_its) {
            report.when(
                is_open.and(|| !may_have_more(&words)),
                &NO_KEY,
                &port,
                || {
                    "the server of a model asks for no key, and is published to everybody"
                        .to_owned()
                },
            );
        }
    }
    let is_remote = command.replace('_', "-").contains("--trust-remote-code");
    let at = service.get("command");
    report.when(is_remote.into(), &REMOTE_CODE, &at, || {
        "code that comes with the model is run".to_owned()
    });
}

/// Not known, where a variable stands for options that are not here.
fn may_have_more(words: &Command<'_>) -> Truth {
    let pairs = words.words.windows(2);
    let mut bare =
        pairs.filter(|pair| pair[1].text.starts_with('$') && !pair[0].text.starts_with('-'));
    match bare.next() {
        Some(pair) => Truth::Unknown(format!("{} may have the key", pair[1].text).into()),
        None => Truth::No,
    }
}

/// What it runs, as words.
fn words<'a>(service: &Cursor<'a>) -> Command<'a> {
    let places = ["entrypoint", "command"].map(|key| service.get(key));
    let words = places.iter().flat_map(|place| match place.fact {
        // A variable has no value here; the options around it are written nevertheless.
        Fact::Unknown(_) => Command::written(place).words,
        _ => Command::at(place).words,
    });
    Command {
        words: words.collect(),
    }
}

/// What it runs, in one line.
fn command(service: &Cursor<'_>) -> String {
    let mut words = Vec::new();
    for key in ["entrypoint", "command"] {
        let at = service.get(key);
        words.extend(at.text().ok());
        let items = at.items();
        words.extend(
            items
                .iter()
                .filter_map(|item| item.fact.clone().ok().and_then(Attr::as_str))
                .map(str::to_owned),
        );
    }
    words.join(" ")
}

const SOCKETS: &[&str] = &[
    "/docker.sock",
    "/containerd.sock",
    "/crio.sock",
    "/podman.sock",
];

const HOST_PATHS: &[&str] = &[
    "/boot",
    "/dev",
    "/etc",
    "/lib/modules",
    "/proc",
    "/root",
    "/run",
    "/sys",
    "/usr",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/log",
    "/var/run",
];

/// Each a way to root on the host (<https://man7.org/linux/man-pages/man7/capabilities.7.html>).
const CAPABILITIES: &[&str] = &[
    "ALL",
    "BPF",
    "DAC_READ_SEARCH",
    "NET_ADMIN",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
];

/// Ports of interfaces that run code or give models and data to whoever reaches them, words of their
/// images, and their names.
const INTERFACES: &[(&str, &[&str], &str)] = &[
    ("8888", &["jupyter", "notebook"], "Jupyter"),
    ("5000", &["mlflow"], "MLflow"),
    ("8265", &["ray"], "Ray's dashboard"),
    ("10001", &["ray"], "Ray's client server"),
    ("8787", &["dask", "rstudio"], "Dask's dashboard or RStudio"),
    ("8786", &["dask"], "Dask's scheduler"),
    ("11434", &["ollama"], "Ollama"),
    ("6006", &["tensorboard", "tensorflow"], "TensorBoard"),
    (
        "7860",
        &[
            "gradio",
            "stable-diffusion",
            "text-generation-webui",
            "langflow",
        ],
        "Gradio",
    ),
    ("8501", &["streamlit"], "Streamlit"),
    ("8188", &["comfyui"], "ComfyUI"),
    ("6333", &["qdrant"], "Qdrant"),
    ("6334", &["qdrant"], "Qdrant"),
    ("19530", &["milvus"], "Milvus"),
    (
        "8080",
        &[
            "weaviate",
            "open-webui",
            "airflow",
            "label-studio",
            "localai",
            "llama",
        ],
        "an interface of models or data",
    ),
    ("8000", &["chroma"], "Chroma"),
    ("6379", &["redis"], "Redis"),
    ("9200", &["elasticsearch", "opensearch"], "a search index"),
    ("8001", &["triton"], "Triton"),
    ("8002", &["triton"], "Triton's metrics"),
    ("2375", &["docker", "dind"], "a container engine"),
];

static PRIVILEGED: Rule = Rule {
    id: RuleId::new("CM-CMP-001"),
    title: Cow::Borrowed("A service is privileged"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A privileged container has every capability and every device of its host: whoever runs code in it runs code on \
         the host. GPUs do not need it.",
    ),
    remediation: Cow::Borrowed("Remove `privileged`, and name the devices that are needed."),
    references: Cow::Borrowed(&[Reference::new("CWE-250"), Reference::new("T1611")]),
    bad: Some(Example::new("compose.yml", BAD)),
    good: Some(Example::new("compose.yml", GOOD)),
};

static HOST: Rule = Rule {
    id: RuleId::new("CM-CMP-002"),
    title: Cow::Borrowed("A service shares a namespace of the host"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "With the network of the host, every service that listens there is reached, also those that only listen to the \
         host itself; with its processes or its memory, others can be read and ended.",
    ),
    remediation: Cow::Borrowed(
        "Remove it; publish ports, and set `shm_size` where workers need memory.",
    ),
    references: Cow::Borrowed(&[Reference::new("CWE-653"), Reference::new("T1611")]),
    bad: Some(Example::new("compose.yml", BAD)),
    good: Some(Example::new("compose.yml", GOOD)),
};

static SOCKET: Rule = Rule {
    id: RuleId::new("CM-CMP-003"),
    title: Cow::Borrowed("A service has the socket of the container engine"),
    severity: Severity::Critical,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Who writes to the socket starts a container with all of the host in it. A socket that is mounted to be read \
         only can be written to all the same.",
    ),
    remediation: Cow::Borrowed(
        "Put a proxy before the engine that lets only the needed calls through.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("T1611"),
        Reference::new("T1610"),
    ]),
    bad: Some(Example::new("compose.yml", BAD)),
    good: Some(Example::new("compose.yml", GOOD)),
};

static HOST_PATH: Rule = Rule {
    id: RuleId::new("CM-CMP-004"),
    title: Cow::Borrowed("A service has a folder of the host's system"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "The folder is one of the system's: what can be written there makes the host run code, and what can be read \
         there are its keys and what it does.",
    ),
    remediation: Cow::Borrowed("Use a volume, or the one file that is needed, `read_only`."),
    references: Cow::Borrowed(&[Reference::new("CWE-668"), Reference::new("T1611")]),
    bad: Some(Example::new("compose.yml", BAD)),
    good: Some(Example::new("compose.yml", GOOD)),
};

static CAPABILITY: Rule = Rule {
    id: RuleId::new("CM-CMP-005"),
    title: Cow::Borrowed("A service has a capability that is as good as root"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "The capability is one with which a way out of the container is known.",
    ),
    remediation: Cow::Borrowed("Remove it, or grant a narrower one."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-250"),
        Reference::new("T1611"),
        Reference::new("https://man7.org/linux/man-pages/man7/capabilities.7.html"),
    ]),
    bad: Some(Example::new("compose.yml", BAD)),
    good: Some(Example::new("compose.yml", GOOD)),
};

static UNCONFINED: Rule = Rule {
    id: RuleId::new("CM-CMP-006"),
    title: Cow::Borrowed("The confinement of a service is turned off"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Without seccomp, AppArmor or SELinux the container has the calls of the kernel that most ways out begin with.",
    ),
    remediation: Cow::Borrowed("Remove the option, or give a profile of its own."),
    references: Cow::Borrowed(&[Reference::new("CWE-693"), Reference::new("T1611")]),
    bad: Some(Example::new("compose.yml", BAD)),
    good: Some(Example::new("compose.yml", GOOD)),
};

static FLOATING: Rule = Rule {
    id: RuleId::new("CM-CMP-007"),
    title: Cow::Borrowed("A service is whatever image is the latest"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "Without a tag, or with `latest`, the service is another program whenever somebody pushes one.",
    ),
    remediation: Cow::Borrowed("Name the image with its digest."),
    references: Cow::Borrowed(&[Reference::new("CWE-829"), Reference::new("AML.T0010")]),
    bad: Some(Example::new("compose.yml", BAD)),
    good: Some(Example::new("compose.yml", GOOD)),
};

static TAGGED: Rule = Rule {
    id: RuleId::new("CM-CMP-008"),
    title: Cow::Borrowed("The image of a service has no digest"),
    severity: Severity::Low,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A tag can be pushed again: the image that was looked at is not surely the one that runs.",
    ),
    remediation: Cow::Borrowed("Name the image with its digest."),
    references: Cow::Borrowed(&[Reference::new("CWE-829")]),
    bad: Some(Example::new(
        "compose.yml",
        b"services:\n  a:\n    image: redis:8\n",
    )),
    good: Some(Example::new("compose.yml", GOOD)),
};

static PUBLISHED: Rule = Rule {
    id: RuleId::new("CM-CMP-009"),
    title: Cow::Borrowed("An interface of models or data is published to everybody"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "A port without an address is published on all of the host's, past its firewall. The interface behind it runs \
         code, or gives models and data, for whoever reaches it, as it comes.",
    ),
    remediation: Cow::Borrowed(
        "Publish it on `127.0.0.1`, and put a proxy with a login before it.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-668"),
        Reference::new("AML.T0040"),
        Reference::new("https://docs.docker.com/engine/network/packet-filtering-firewalls/"),
    ]),
    bad: Some(Example::new("compose.yml", BAD)),
    good: Some(Example::new("compose.yml", GOOD)),
};

static SECRET: Rule = Rule {
    id: RuleId::new("CM-CMP-010"),
    title: Cow::Borrowed("A secret stands in a Compose file"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "Who can read the file has the secret, and so has who can look at the container.",
    ),
    remediation: Cow::Borrowed("Use `secrets`, and change it."),
    references: Cow::Borrowed(&[
        Reference::new("CWE-798"),
        Reference::new("T1552.001"),
        Reference::new("AML.T0055"),
        Reference::new("https://docs.docker.com/compose/how-tos/use-secrets/"),
    ]),
    bad: Some(Example::new("compose.yml", BAD)),
    good: Some(Example::new("compose.yml", GOOD)),
};

static DEFAULT_PASSWORD: Rule = Rule {
    id: RuleId::new("CM-CMP-011"),
    title: Cow::Borrowed("A password is one that everybody tries"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed("The password is in every list of those that are tried first."),
    remediation: Cow::Borrowed("Make a password, and give it to the service with `secrets`."),
    references: Cow::Borrowed(&[Reference::new("CWE-1392"), Reference::new("CWE-521")]),
    bad: Some(Example::new("compose.yml", BAD)),
    good: Some(Example::new("compose.yml", GOOD)),
};

static NO_KEY: Rule = Rule {
    id: RuleId::new("CM-CMP-012"),
    title: Cow::Borrowed("The server of a model asks for no key"),
    severity: Severity::High,
    confidence: Confidence::Medium,
    description: Cow::Borrowed(
        "vLLM answers whoever reaches it unless it is given a key. Published on all addresses, its GPUs are everybody's, \
         and what others ask can be slowed down and guessed at.",
    ),
    remediation: Cow::Borrowed(
        "Set `VLLM_API_KEY`, and publish the port on `127.0.0.1` behind a gateway.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-306"),
        Reference::new("AML.T0040"),
        Reference::new("LLM10:2025"),
    ]),
    bad: Some(Example::new("compose.yml", BAD)),
    good: Some(Example::new("compose.yml", GOOD)),
};

static ROOT: Rule = Rule {
    id: RuleId::new("CM-CMP-013"),
    title: Cow::Borrowed("A service is told to run as root"),
    severity: Severity::Medium,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "A flaw in what it serves has all of the container, and root is what most ways out of it need.",
    ),
    remediation: Cow::Borrowed("Name a user without rights."),
    references: Cow::Borrowed(&[Reference::new("CWE-250")]),
    bad: Some(Example::new("compose.yml", BAD)),
    good: Some(Example::new("compose.yml", GOOD)),
};

static REMOTE_CODE: Rule = Rule {
    id: RuleId::new("CM-CMP-014"),
    title: Cow::Borrowed("A service runs code that comes with a model"),
    severity: Severity::High,
    confidence: Confidence::High,
    description: Cow::Borrowed(
        "With `--trust-remote-code` the Python files of the model's repository are run when it is loaded: whoever can push \
         to that repository runs code in the service.",
    ),
    remediation: Cow::Borrowed(
        "Use a model that needs none of it, or pin the revision whose code you have read.",
    ),
    references: Cow::Borrowed(&[
        Reference::new("CWE-829"),
        Reference::new("AML.T0011"),
        Reference::new("AML.T0010"),
    ]),
    bad: Some(Example::new("compose.yml", BAD)),
    good: Some(Example::new("compose.yml", GOOD)),
};

const BAD: &[u8] = b"\
services:
  serve:
    image: vllm/vllm-openai:latest
    command: [--model, example/model, --trust-remote-code]
    privileged: true
    network_mode: host
    user: root
    cap_add: [SYS_ADMIN]
    security_opt: [seccomp:unconfined]
    volumes:
    - /var/run/docker.sock:/var/run/docker.sock:ro
    - /etc:/host/etc
    ports:
    - 8000:8000
    environment:
      HF_TOKEN: hf_0123456789abcdefghijklmnopqrstuv
  store:
    image: qdrant/qdrant:v1.15
    ports: [\"6333:6333\"]
    environment:
    - POSTGRES_PASSWORD=postgres
";

const GOOD: &[u8] = b"\
services:
  serve:
    image: vllm/vllm-openai:v0.10@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    command: [--model, example/model]
    user: app
    volumes:
    - models:/models
    ports:
    - 127.0.0.1:8000:8000
    environment:
      VLLM_API_KEY_FILE: /run/secrets/key
";
