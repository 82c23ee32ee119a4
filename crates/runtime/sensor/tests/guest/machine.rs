//! A machine with Debian's kernel, whose first program is a shell that runs this one.

use std::{
    env, fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What this program says in there, in a role.
pub(crate) fn run(role: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    for name in [
        "bin",
        "proc",
        "sys",
        "dev",
        "tmp",
        "srv/models",
        "srv/signed",
        "srv/one",
        "opt",
        "mnt",
    ] {
        fs::create_dir_all(root.join(name)).expect("made");
    }
    fs::copy("/bin/busybox", root.join("bin/busybox")).expect("busybox-static is installed");
    let own = env::current_exe().expect("it runs");
    fs::copy(&own, root.join("test")).expect("copied");
    strip(&root.join("test"));
    for library in libraries(&own) {
        let to = root.join(library.strip_prefix("/").expect("absolute"));
        fs::create_dir_all(to.parent().expect("it has one")).expect("made");
        fs::copy(library, to).expect("copied");
    }
    compile("uring.c", &root.join("opt/uring"));
    compile("attack.c", &root.join("opt/attack"));
    let init = format!(
        "#!/bin/busybox sh\n{INIT}CASEMATE_ROLE={role} /test 2>&1\n/bin/busybox poweroff -f\n"
    );
    fs::write(root.join("init"), init).expect("written");
    fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755)).expect("set");
    let archive = folder.path().join("initrd");
    pack(&root, &archive);
    let output = Command::new("qemu-system-x86_64")
        .args([
            "-accel",
            "tcg",
            "-cpu",
            "max",
            "-m",
            "1024",
            "-nographic",
            "-no-reboot",
            "-nic",
            "none",
        ])
        .arg("-kernel")
        .arg(kernel())
        .arg("-initrd")
        .arg(archive)
        .args([
            "-append",
            "console=ttyS0 quiet panic=-1 lsm=lockdown,capability,landlock,bpf",
        ])
        .stdin(Stdio::null())
        .output()
        .expect("qemu-system-x86 is installed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const INIT: &str = "
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
";

/// The kernel of Debian's package for clouds: unpacked, not installed, and kept.
fn kernel() -> PathBuf {
    let home = env::var_os("HOME").map_or_else(env::temp_dir, PathBuf::from);
    let cache = env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
    let cache = cache.join("casemate/guest");
    fs::create_dir_all(&cache).expect("made");
    let kernel = cache.join("vmlinuz");
    if !kernel.exists() {
        let folder = tempfile::tempdir_in(&cache).expect("a folder");
        let script = "set -e
            package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: //p' | head -n 1)
            apt-get download -qq -o APT::Sandbox::User=root \"$package\"
            dpkg-deb -x ./*.deb .";
        let status = Command::new("sh")
            .args(["-c", script])
            .current_dir(&folder)
            .status();
        assert!(
            status.expect("a shell").success(),
            "Debian's kernel cannot be fetched"
        );
        let boot = fs::read_dir(folder.path().join("boot")).expect("it has a kernel");
        let is_it = |path: &PathBuf| {
            path.file_name()
                .is_some_and(|it| it.to_string_lossy().starts_with("vmlinuz"))
        };
        let found = boot
            .map(|it| it.expect("an entry").path())
            .find(is_it)
            .expect("a kernel");
        fs::rename(found, &kernel).expect("kept");
    }
    kernel
}

/// The libraries of a program, with the one that loads them.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().expect("ldd");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let words = text.split_whitespace().filter(|it| it.starts_with('/'));
    words.map(PathBuf::from).collect()
}

fn strip(program: &Path) {
    let status = Command::new("strip").arg(program).status();
    assert!(status.expect("strip").success());
}

fn compile(source: &str, to: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/guest")
        .join(source);
    let status = Command::new("cc")
        .args(["-static", "-no-pie", "-O1", "-o"])
        .arg(to)
        .arg(source)
        .status();
    assert!(status.expect("a C compiler").success());
}

fn pack(root: &Path, to: &Path) {
    let list = Command::new("find")
        .arg(".")
        .current_dir(root)
        .output()
        .expect("find");
    let mut child = Command::new("/bin/busybox")
        .args(["cpio", "-o", "-H", "newc"])
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(fs::File::create(to).expect("made"))
        .stderr(Stdio::null())
        .spawn()
        .expect("busybox");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(&list.stdout)
        .expect("written");
    assert!(child.wait().expect("it ends").success());
}
