//! Where the vendor's library is.

use std::path::{Path, PathBuf};

use crate::TokenError;

/// The library through which tokens are reached, as the caller names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Module {
    /// This file.
    File(PathBuf),
    /// A library of this name, wherever the system keeps such libraries.
    Named(String),
    /// A library of this name in this directory; if the path is of a file, that file.
    In(PathBuf, String),
}

impl Module {
    /// The file, with links resolved: a name without a directory would be looked for where the environment
    /// says.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn find(&self) -> Result<PathBuf, TokenError> {
        let found = |path: &Path| {
            path.canonicalize().map_err(|error| TokenError::Module {
                path: path.to_owned(),
                reason: error.to_string(),
            })
        };
        match self {
            Self::File(path) => found(path),
            Self::In(path, _) if path.is_file() => found(path),
            Self::In(path, name) => named(name, std::slice::from_ref(path)),
            Self::Named(name) => {
                let directories: Vec<PathBuf> = DIRECTORIES.iter().map(PathBuf::from).collect();
                named(name, &directories)
            }
        }
    }
}

/// A file is named with or without what libraries have around their names.
fn named(name: &str, directories: &[PathBuf]) -> Result<PathBuf, TokenError> {
    let suffix = std::env::consts::DLL_SUFFIX;
    let files = [
        name.to_owned(),
        format!("{name}{suffix}"),
        format!("lib{name}{suffix}"),
    ];
    let mut all = directories
        .iter()
        .flat_map(|directory| files.iter().map(|file| directory.join(file)));
    all.find(|path| path.is_file())
        .and_then(|path| path.canonicalize().ok())
        .ok_or_else(|| TokenError::NoModule {
            name: name.to_owned(),
            directories: directories.to_vec(),
        })
}

/// Where distributions keep modules of PKCS#11: those of p11-kit first, then SoftHSM's own.
const DIRECTORIES: &[&str] = &[
    "/usr/lib64/pkcs11",
    "/usr/lib/pkcs11",
    "/usr/lib/x86_64-linux-gnu/pkcs11",
    "/usr/lib/aarch64-linux-gnu/pkcs11",
    "/usr/local/lib/pkcs11",
    "/usr/lib/softhsm",
    "/usr/lib64/softhsm",
    "/usr/local/lib/softhsm",
    "/opt/homebrew/lib/pkcs11",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_found_by_what_is_in_its_name() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = format!("libvendor{}", std::env::consts::DLL_SUFFIX);
        let path = dir.path().canonicalize().expect("there").join(&file);
        std::fs::write(&path, b"").expect("written");
        for name in ["vendor", "libvendor", &file] {
            let module = Module::In(dir.path().to_owned(), name.to_owned());
            assert_eq!(module.find().expect("is there"), path);
        }
        let module = Module::In(path.clone(), "other".to_owned());
        assert_eq!(module.find().expect("is there"), path);
    }

    #[test]
    fn a_library_that_is_not_there_is_told_with_where_it_was_looked_for() {
        let error = Module::Named("no-such".to_owned()).find();
        let told = error.expect_err("there is none").to_string();
        assert!(
            told.contains("no-such") && told.contains("/usr/lib/pkcs11"),
            "{told}"
        );
        let error = Module::File("/no/such.so".into()).find();
        let told = error.expect_err("there is none").to_string();
        assert!(told.contains("/no/such.so"), "{told}");
    }
}
