//! The container that a process is in, as its control groups say.

/// A container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// What its runtime calls it: 64 hexadecimal digits.
    pub id: String,
    /// The UID of its pod, where it has one.
    pub pod: Option<String>,
}

impl Container {
    /// Reads what `/proc/PID/cgroup` says, of either version: a line for each hierarchy. Nothing where it is in none.
    ///
    /// The names of groups are those that containerd, CRI-O, Docker and Podman give them, by either driver (cgroupfs, systemd).
    pub fn of_cgroups(text: &str) -> Option<Self> {
        text.lines()
            .filter_map(|line| line.splitn(3, ':').nth(2))
            .find_map(Self::of_path)
    }

    fn of_path(path: &str) -> Option<Self> {
        let id = path.rsplit('/').find_map(id_of)?;
        Some(Self {
            id: id.to_owned(),
            pod: path.rsplit('/').find_map(pod_of),
        })
    }
}

/// `cri-containerd-<id>.scope`, `docker-<id>.scope`, `<id>`.
fn id_of(name: &str) -> Option<&str> {
    let name = name.strip_suffix(".scope").unwrap_or(name);
    // CRI with systemd's driver: slice:runtime:id.
    let id = name.rsplit(['-', ':']).next().unwrap_or(name);
    let is_hexadecimal = |it: u8| it.is_ascii_digit() || (b'a'..=b'f').contains(&it);
    (id.len() == 64 && id.bytes().all(is_hexadecimal)).then_some(id)
}

/// `pod<uid>`, `kubepods-burstable-pod<uid with underscores>.slice`.
fn pod_of(name: &str) -> Option<String> {
    // CRI with systemd's driver names the slice before the container.
    let name = name.split(':').next().unwrap_or(name);
    let name = name.strip_suffix(".slice").unwrap_or(name);
    let (_, uid) = name.rsplit_once("pod")?;
    let uid = uid.replace('_', "-");
    let is_uuid = uid
        .split('-')
        .map(|part| {
            part.bytes()
                .all(|it| it.is_ascii_hexdigit())
                .then_some(part.len())
        })
        .eq(UUID.map(Some));
    // A pod that a node's own files declare has a digest instead.
    let is_digest = uid.len() == 32 && uid.bytes().all(|it| it.is_ascii_hexdigit());
    (is_uuid || is_digest).then_some(uid)
}

/// The lengths of the parts of a UUID.
const UUID: [usize; 5] = [8, 4, 4, 4, 12];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "4f3b1c9d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809";
    const POD: &str = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed";

    #[test]
    fn a_container_is_found_as_each_runtime_names_it() {
        let pod = POD.replace('-', "_");
        for (line, has_pod) in [
            (
                format!(
                    "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{pod}.slice/cri-containerd-{ID}.scope"
                ),
                true,
            ),
            (
                format!("11:memory:/kubepods/besteffort/pod{POD}/{ID}"),
                true,
            ),
            (
                format!("0::/kubepods.slice/kubepods-pod{pod}.slice/crio-{ID}.scope/container"),
                true,
            ),
            (
                format!("12:pids:/kubepods-pod{pod}.slice:cri-containerd:{ID}"),
                true,
            ),
            (format!("0::/system.slice/docker-{ID}.scope"), false),
            (format!("4:cpu:/docker/{ID}"), false),
            (format!("0::/machine.slice/libpod-{ID}.scope"), false),
        ] {
            let container = Container::of_cgroups(&line).expect("a container");
            assert_eq!(container.id, ID, "{line}");
            assert_eq!(container.pod.as_deref(), has_pod.then_some(POD), "{line}");
        }
    }

    #[test]
    fn what_is_in_no_container_is_in_none() {
        for text in [
            "",
            "0::/",
            "0::/user.slice/user-0.slice/session-1.scope",
            "nothing",
            "1:name=systemd:/init.scope",
        ] {
            assert_eq!(Container::of_cgroups(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([0-9a-f]{0,70}|pod|[:/._-]|slice|scope|\\PC){0,12}") {
            let _ = Container::of_cgroups(&text);
        }
    }
}
