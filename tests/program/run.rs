//! Running the program, and the trees it runs on.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// What came of one run.
pub(crate) struct Run {
    /// The exit status.
    pub(crate) status: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Run {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }

    /// This run, after it ended with `status`.
    pub(crate) fn ended_with(self, status: i32) -> Self {
        assert_eq!(self.status, status, "out: {}\nerr: {}", self.out, self.err);
        self
    }
}

/// Where tests keep what they have fetched, from one run to the next.
pub(crate) fn cache() -> PathBuf {
    std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
        .expect("a home directory")
        .join("casemate")
}

/// Runs the program at a fixed moment.
pub(crate) fn casemate<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> Run {
    casemate_in(root(), arguments)
}

/// Runs the program at a fixed moment, standing in `directory`.
pub(crate) fn casemate_in<I: AsRef<std::ffi::OsStr>>(
    directory: &Path,
    arguments: impl IntoIterator<Item = I>,
) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_casemate"));
    command.args(arguments).current_dir(directory);
    ended(&mut command)
}

/// Runs the program as `command` has it, at a fixed moment.
pub(crate) fn ended(command: &mut Command) -> Run {
    let output = command
        .env("SOURCE_DATE_EPOCH", "1767225600")
        .env_remove("NO_COLOR")
        .output()
        .expect("the program starts");
    Run {
        status: output.status.code().expect("the program exits"),
        out: String::from_utf8(output.stdout).expect("UTF-8 on standard output"),
        err: String::from_utf8(output.stderr).expect("UTF-8 on standard error"),
    }
}

/// The search path, with the program before all others.
pub(crate) fn path_with_the_program() -> std::ffi::OsString {
    let program = Path::new(env!("CARGO_BIN_EXE_casemate"))
        .parent()
        .expect("a directory");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(program.to_owned()).chain(std::env::split_paths(&path)))
        .expect("a path")
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A file of the repository, whole.
pub(crate) fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let path = root().join(path);
    let mut bytes = Vec::new();
    File::open(&path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    bytes
}

/// A text file of the repository, whole.
pub(crate) fn read_text(path: impl AsRef<Path>) -> String {
    String::from_utf8(read(path)).expect("UTF-8")
}

/// A new directory with these files in it.
pub(crate) fn tree(files: &[(&[u8], &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, content) in files {
        let path = dir.path().join(std::ffi::OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, content).expect("a file");
    }
    dir
}

/// A copy of a directory of the repository, without its symbolic links.
pub(crate) fn copy(from: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for file in files_below(&root().join(from)) {
        let to = dir
            .path()
            .join(file.strip_prefix(root().join(from)).expect("below"));
        fs::create_dir_all(to.parent().expect("a parent")).expect("a directory");
        fs::copy(&file, to).expect("a file");
    }
    dir
}

/// Every regular file below a directory, in order.
pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).expect("a directory") {
            let entry = entry.expect("an entry");
            let kind = entry.file_type().expect("a type");
            if kind.is_dir() {
                todo.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}

/// Checks `document` against a JSON Schema, and prints what is wrong with it.
pub(crate) fn assert_valid(document: &Value, schema: Value) {
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler
        .add_resource("schema.json", schema)
        .expect("a resource");
    let index = compiler
        .compile("schema.json", &mut schemas)
        .expect("a schema");
    if let Err(error) = schemas.validate(document, index) {
        panic!("{error:#}");
    }
}
