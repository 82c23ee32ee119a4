//! Fields of Falco, out of our events.

use std::{borrow::Cow, net::IpAddr};

use casemate_core::{Event, Field};

use crate::text::render;

/// Where the value of a field of Falco comes from, in a word or two for the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is known of every event that Falco knows it of.
    Exactly,
    /// It is known nearly: how it differs.
    Nearly(&'static str),
    /// Only whether it is negative.
    Sign,
}

type Values<'e> = Vec<Cow<'e, str>>;

/// What is known of a field. None where no event has it.
pub(crate) fn known(field: &str) -> Option<Known> {
    Some(match field {
        "proc.exepath" | "proc.pexepath" | "proc.aexepath" | "proc.pid" | "proc.ppid"
        | "user.uid" | "container.id" | "evt.type" | "syscall.type" | "evt.dir" | "evt.source"
        | "evt.hostname" | "evt.is_open_write" | "fd.directory" | "fd.filename" | "fd.type"
        | "fd.typechar" | "fd.sip" | "fd.rip" | "fd.sport" | "fd.rport" | "fd.l4proto"
        | "fd.snet" | "fd.rnet" | "fd.ip" | "fd.net" | "fd.port" | "fd.sockfamily" => {
            Known::Exactly
        }
        "proc.name" | "proc.pname" | "proc.aname" => {
            Known::Nearly("the name of the executable, and not what the process calls itself")
        }
        "proc.cmdline" | "proc.pcmdline" | "proc.args" | "proc.pargs" | "proc.exe"
        | "proc.pexe" => Known::Nearly("arguments are joined with spaces"),
        "proc.is_exe_from_memfd" => Known::Nearly("deleted executables are among them"),
        "evt.num" => Known::Nearly("never zero"),
        "evt.is_open_read" => Known::Nearly("an open that is not to write"),
        "fd.name" => Known::Nearly("of connections: the peer alone"),
        "evt.rawres" | "evt.res" => {
            Known::Nearly("whether the call was denied, and not whether it failed")
        }
        "fd.num" => Known::Sign,
        _ => return None,
    })
}

/// The values of a field of an event; none where it has none. Of several one has to pass.
pub(crate) fn values<'e>(event: &'e Event, field: &str, argument: Option<&str>) -> Values<'e> {
    let text = |name: &str| text(event, name);
    let one = |value: Option<Cow<'e, str>>| value.into_iter().collect::<Values<'e>>();
    let plain = |value: &'static str| vec![Cow::Borrowed(value)];
    match field {
        "proc.name" => names(text("Image")),
        "proc.pname" => names(text("ParentImage")),
        "proc.aname" => ancestors(event, argument)
            .into_iter()
            .flat_map(|it| names(Some(it)))
            .collect(),
        "proc.exepath" => one(text("Image")),
        "proc.pexepath" => one(text("ParentImage")),
        "proc.aexepath" => ancestors(event, argument),
        "proc.cmdline" => command_lines(text("Image"), text("CommandLine")),
        "proc.pcmdline" => command_lines(text("ParentImage"), text("ParentCommandLine")),
        "proc.args" => one(text("CommandLine").map(|it| part(&it, 1))),
        "proc.pargs" => one(text("ParentCommandLine").map(|it| part(&it, 1))),
        "proc.exe" => one(text("CommandLine").map(|it| part(&it, 0))),
        "proc.pexe" => one(text("ParentCommandLine").map(|it| part(&it, 0))),
        "proc.pid" => one(text("ProcessId")),
        "proc.ppid" => one(text("ParentProcessId")),
        "proc.is_exe_from_memfd" => one(text("ImageInMemory").or(Some("false".into()))),
        "user.uid" => one(text("User")),
        "container.id" => one(text("ContainerId").or(Some("host".into()))),
        "evt.type" | "syscall.type" => types(event).into_iter().map(Into::into).collect(),
        "evt.dir" => plain("<"),
        "evt.num" => plain("1"),
        "evt.source" => plain("syscall"),
        "evt.hostname" => vec![Cow::Borrowed(&*event.source)],
        "evt.is_open_write" | "evt.is_open_read" => {
            let is_wanted = field.ends_with("write") == is_written(event);
            plain(if is_open(event) && is_wanted {
                "true"
            } else {
                "false"
            })
        }
        "fd.name" => one(text("TargetFilename").or_else(|| peer(event))),
        "fd.directory" => one(text("TargetFilename").map(|it| split(&it).0)),
        "fd.filename" => one(text("TargetFilename").map(|it| split(&it).1)),
        "fd.num" if text("TargetFilename").is_some() || text("DestinationIp").is_some() => {
            let is_denied = text("Action").as_deref() == Some("denied");
            plain(if is_denied { "-1" } else { "0" })
        }
        "fd.type" => one(descriptor(event).map(|(name, _)| name.into())),
        "fd.typechar" => one(descriptor(event).map(|(_, letter)| letter.into())),
        "evt.rawres" | "evt.res" => vec![result(event, field)],
        "fd.sockfamily" => one(descriptor(event).and_then(|(name, _)| match name {
            "ipv4" | "ipv6" => Some("ip".into()),
            "unix" => Some("unix".into()),
            _ => None,
        })),
        "fd.ip" | "fd.net" | "fd.sip" | "fd.rip" | "fd.snet" | "fd.rnet" => {
            one(text("DestinationIp"))
        }
        "fd.port" | "fd.sport" | "fd.rport" => one(text("DestinationPort")),
        "fd.l4proto" => one(text("Protocol")),
        _ => Vec::new(),
    }
}

/// The system calls that an event stands for.
fn types(event: &Event) -> Vec<String> {
    let operation = text(event, "Operation");
    let calls: &[&str] = match event.log_source.category.as_deref() {
        Some("process_creation") => &["execve", "execveat"],
        Some("process_termination") => &["procexit"],
        Some("file_access" | "file_open" | "device_access") => OPENS,
        Some("file_event") => match operation.as_deref() {
            Some("create") => CREATES,
            Some("link") => &["link", "linkat"],
            Some("rename") => &["rename", "renameat", "renameat2"],
            Some("unlink") => &["unlink", "unlinkat"],
            _ => &[],
        },
        Some("network_connection") => match text(event, "Protocol").as_deref() {
            Some("udp") => &["connect", "sendto", "sendmsg"],
            _ => &["connect"],
        },
        Some("unix_connection") => &["connect"],
        Some("process_access" | "kernel_call") => {
            return text(event, "Call").into_iter().map(Into::into).collect();
        }
        _ => &[],
    };
    calls.iter().map(|call| (*call).to_owned()).collect()
}

/// The system calls that some event stands for: each with what of it is not seen.
pub(crate) const SEEN: &[(&str, Option<&str>)] = &[
    ("bpf", None),
    ("connect", None),
    ("creat", Some(PROTECTED)),
    ("execve", None),
    ("execveat", None),
    ("finit_module", None),
    ("init_module", None),
    ("io_uring_setup", None),
    ("link", Some(PROTECTED)),
    ("linkat", Some(PROTECTED)),
    ("memfd_create", None),
    ("mount", None),
    ("move_mount", None),
    ("open", Some(NAMED)),
    ("open_by_handle_at", Some(NAMED)),
    ("openat", Some(NAMED)),
    ("openat2", Some(NAMED)),
    ("pidfd_getfd", None),
    ("process_vm_readv", None),
    ("process_vm_writev", None),
    ("procexit", None),
    ("ptrace", None),
    ("rename", Some(PROTECTED)),
    ("renameat", Some(PROTECTED)),
    ("renameat2", Some(PROTECTED)),
    ("sendmsg", Some("UDP alone")),
    ("sendto", Some("UDP alone")),
    ("setuid", None),
    ("unlink", Some(PROTECTED)),
    ("unlinkat", Some(PROTECTED)),
];

const PROTECTED: &str = "protected files alone";
const NAMED: &str = "protected files, devices, and files that a detection names";
const OPENS: &[&str] = &["open", "openat", "openat2", "open_by_handle_at"];
const CREATES: &[&str] = &["open", "openat", "openat2", "creat"];

fn is_open(event: &Event) -> bool {
    types(event).iter().any(|call| call.starts_with("open"))
}

fn is_written(event: &Event) -> bool {
    let is_created = event.log_source.category.as_deref() == Some("file_event");
    is_created || event.fields.get("Write") == Some(&Field::Bool(true))
}

fn text<'e>(event: &'e Event, name: &str) -> Option<Cow<'e, str>> {
    match event.fields.get(name)? {
        Field::Text(text) => Some(Cow::Borrowed(text)),
        field => render(field).map(Cow::Owned),
    }
}

/// The name of an executable, whole and as long as the kernel keeps it.
fn names(path: Option<Cow<'_, str>>) -> Values<'_> {
    let Some(path) = path else {
        return Vec::new();
    };
    let name = split(&path).1.into_owned();
    let short: String = name.chars().take(KEPT_BY_KERNEL).collect();
    match short == name {
        true => vec![Cow::Owned(name)],
        false => vec![Cow::Owned(name), Cow::Owned(short)],
    }
}

/// Ancestors, the nearest first; of `[n]` the one so far above, and the process itself for `[0]`.
fn ancestors<'e>(event: &'e Event, argument: Option<&str>) -> Values<'e> {
    let own = text(event, "Image");
    let above = match event.fields.get("Ancestors") {
        Some(Field::List(items)) => items.iter().filter_map(render).map(Cow::Owned).collect(),
        Some(field) => render(field).map(Cow::Owned).into_iter().collect(),
        None => text(event, "ParentImage")
            .into_iter()
            .collect::<Values<'e>>(),
    };
    match argument.map(str::parse::<usize>) {
        None => above,
        Some(Ok(0)) => own.into_iter().collect(),
        Some(Ok(number)) => above.into_iter().nth(number - 1).into_iter().collect(),
        Some(Err(_)) => Vec::new(),
    }
}

/// A command line as it was given, and with the executable's name in place of its first word.
fn command_lines<'e>(image: Option<Cow<'e, str>>, line: Option<Cow<'e, str>>) -> Values<'e> {
    let Some(line) = line else {
        return Vec::new();
    };
    let named = image.map(|image| format!("{} {}", split(&image).1, part(&line, 1)));
    let named = named
        .map(|it| it.trim_end().to_owned())
        .filter(|it| *it != *line);
    [Some(line), named.map(Cow::Owned)]
        .into_iter()
        .flatten()
        .collect()
}

/// The first word of a command line, or what follows it.
fn part<'e>(line: &str, number: usize) -> Cow<'e, str> {
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    Cow::Owned([first, rest][number].to_owned())
}

/// The folder and the name of a path.
fn split<'e>(path: &str) -> (Cow<'e, str>, Cow<'e, str>) {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = if folder.is_empty() && path.starts_with('/') {
        "/"
    } else {
        folder
    };
    (Cow::Owned(folder.to_owned()), Cow::Owned(name.to_owned()))
}

/// The result of a call: its number where that is told, and otherwise whether it was denied.
fn result<'e>(event: &'e Event, field: &str) -> Cow<'e, str> {
    let is_denied = text(event, "Action").as_deref() == Some("denied");
    let number = text(event, "Result").unwrap_or(if is_denied { "-1" } else { "0" }.into());
    match (field, number.starts_with('-')) {
        ("evt.rawres", _) => number,
        (_, true) => "EPERM".into(),
        (_, false) => "SUCCESS".into(),
    }
}

fn peer<'e>(event: &Event) -> Option<Cow<'e, str>> {
    let address = text(event, "DestinationIp")?;
    Some(Cow::Owned(match text(event, "DestinationPort") {
        Some(port) => format!("{address}:{port}"),
        None => address.into_owned(),
    }))
}

fn descriptor(event: &Event) -> Option<(&'static str, &'static str)> {
    if let Some(address) = text(event, "DestinationIp") {
        return match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(_) => Some(("ipv4", "4")),
            IpAddr::V6(_) => Some(("ipv6", "6")),
        };
    }
    match event.log_source.category.as_deref()? {
        "unix_connection" => Some(("unix", "u")),
        "file_access" | "file_open" | "file_read" | "file_event" | "device_access" => {
            Some(("file", "f"))
        }
        _ => None,
    }
}

/// `TASK_COMM_LEN` of the kernel, without the zero at its end.
const KEPT_BY_KERNEL: usize = 15;
