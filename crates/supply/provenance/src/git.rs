//! Which commit a directory is a checkout of, as git's own files say it. Git is not run: it would obey the
//! configuration of the repository.
//!
//! <https://git-scm.com/docs/gitrepository-layout>. Links of references, packed references and linked
//! worktrees are followed; references kept as reftables are not read.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

use casemate_attest::ResourceDescriptor;

/// A checkout of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// The top of the working tree.
    pub root: PathBuf,
    /// The commit, in hexadecimal. Whether the files are as in it, nobody looked.
    pub commit: String,
    /// The branch that is checked out, as a whole reference, if one is.
    pub reference: Option<String>,
    /// Where the repository comes from, if that is a place that others can know, and no secret.
    pub origin: Option<String>,
}

impl Checkout {
    /// The checkout that `directory` is in; nothing, if it is in none.
    ///
    /// # Errors
    ///
    /// What of git's files cannot be read or understood.
    pub fn of(directory: &Path) -> Result<Option<Self>, GitError> {
        let directory = directory.canonicalize().map_err(GitError::Io)?;
        let Some(root) = directory.ancestors().find(|it| it.join(".git").exists()) else {
            return Ok(None);
        };
        let git = git_directory(root)?;
        // Of a linked worktree, where all of them keep what they share.
        let common = match small(&git.join("commondir")) {
            Ok(text) => git.join(text.trim_end()),
            Err(GitError::Missing) => git.clone(),
            Err(error) => return Err(error),
        };
        let (commit, reference) = resolve(&git, &common)?;
        let origin = match small(&common.join("config")) {
            Ok(text) => origin(&text).and_then(|url| public_uri(&url)),
            Err(GitError::Missing) => None,
            Err(error) => return Err(error),
        };
        Ok(Some(Self {
            root: root.to_owned(),
            commit,
            reference,
            origin,
        }))
    }

    /// The commit as something that went in.
    pub fn descriptor(&self) -> ResourceDescriptor {
        let uri = self.origin.as_ref().map(|origin| match &self.reference {
            Some(reference) => format!("git+{origin}@{reference}"),
            None => format!("git+{origin}"),
        });
        ResourceDescriptor {
            name: uri.is_none().then(|| "git".to_owned()),
            uri,
            digest: [("gitCommit".to_owned(), self.commit.clone())].into(),
        }
    }
}

/// Why nobody can tell which commit it is.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no such file.
    #[error("a file of git is missing")]
    Missing,
    /// A file cannot be read.
    #[error("a file of git cannot be read: {0}")]
    Io(io::Error),
    /// A file is longer than git writes them, or no text.
    #[error("a file of git is not of the form that git writes")]
    Form,
    /// The branch has no commit, or its reference is kept in a way that is not read.
    #[error("{0:?} leads to no commit")]
    Unborn(String),
}

fn git_directory(root: &Path) -> Result<PathBuf, GitError> {
    let git = root.join(".git");
    if git.is_dir() {
        return Ok(git);
    }
    let text = small(&git)?;
    let target = text.strip_prefix("gitdir: ").ok_or(GitError::Form)?;
    Ok(root.join(target.trim_end()))
}

/// The commit that is checked out, and by way of which branch.
fn resolve(git: &Path, common: &Path) -> Result<(String, Option<String>), GitError> {
    let mut text = small(&git.join("HEAD"))?;
    let mut branch = None;
    for _ in 0..MOST_LINKS {
        let value = text.trim_end();
        let Some(reference) = value.strip_prefix("ref: ").map(str::trim) else {
            return match is_commit(value) {
                true => Ok((value.to_owned(), branch)),
                false => Err(GitError::Form),
            };
        };
        if !is_reference(reference) {
            return Err(GitError::Form);
        }
        let unborn = || GitError::Unborn(reference.to_owned());
        let next = match (small(&git.join(reference)), small(&common.join(reference))) {
            (Ok(text), _) | (Err(GitError::Missing), Ok(text)) => text,
            (Err(GitError::Missing), Err(GitError::Missing)) => {
                packed(common, reference)?.ok_or_else(unborn)?
            }
            (Err(GitError::Missing), Err(error)) | (Err(error), _) => return Err(error),
        };
        branch.get_or_insert_with(|| reference.to_owned());
        text = next;
    }
    Err(GitError::Form)
}

/// What `packed-refs` says of a reference.
fn packed(common: &Path, reference: &str) -> Result<Option<String>, GitError> {
    let file = match open(&common.join("packed-refs")) {
        Err(GitError::Missing) => return Ok(None),
        file => file?,
    };
    for line in BufReader::new(file.take(LONGEST_PACKED)).split(b'\n') {
        let line = line.map_err(GitError::Io)?;
        let Ok(line) = std::str::from_utf8(&line) else {
            continue;
        };
        if let Some((commit, name)) = line.split_once(' ')
            && name.trim_end() == reference
            && is_commit(commit)
        {
            return Ok(Some(commit.to_owned()));
        }
    }
    Ok(None)
}

fn is_commit(text: &str) -> bool {
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    matches!(text.len(), 40 | 64) && text.bytes().all(is_hex)
}

/// A name below `refs`, as git checks it as far as paths are concerned.
fn is_reference(name: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains("..");
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace() && !"\\~^:?*[".contains(c);
    name.starts_with("refs/")
        && name.len() < 1024
        && name.split('/').all(plain)
        && name.chars().all(is_plain)
}

/// The address of the remote `origin` in a configuration, of which other files are not read.
fn origin(config: &str) -> Option<String> {
    let mut is_origin = false;
    let mut found = None;
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            is_origin = line == "[remote \"origin\"]";
        } else if let Some((name, value)) = line.split_once('=')
            && is_origin
            && name.trim().eq_ignore_ascii_case("url")
        {
            // The first is what is fetched from.
            found = found.or_else(|| Some(value.trim().trim_matches('"').to_owned()));
        }
    }
    found
}

/// An address without secrets that means the same elsewhere: of a host, by HTTPS, HTTP, SSH or git's own
/// protocol. A user name is kept for SSH alone: elsewhere it may be a token.
fn public_uri(url: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_graphic() && !"?#\"<>\\^`{|}%".contains(c);
    if !url.chars().all(is_plain) {
        return None;
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        // `git@host:path`, as SSH writes it.
        let (place, path) = url.split_once(':')?;
        let is_place = !place.is_empty() && !place.contains('/') && !path.starts_with('/');
        return (is_place && !path.is_empty())
            .then(|| public_uri(&format!("ssh://{place}/{path}")))
            .flatten();
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let may_be_told = match (scheme, user) {
        ("https" | "http" | "ssh" | "git", None) => true,
        ("ssh", Some(user)) => !user.contains([':', '@']),
        _ => false,
    };
    (may_be_told && !host.is_empty()).then(|| url.to_owned())
}

/// A small text file of git's.
fn small(path: &Path) -> Result<String, GitError> {
    let mut text = String::new();
    let mut file = open(path)?.take(LONGEST + 1);
    match file.read_to_string(&mut text) {
        Ok(read) if read as u64 <= LONGEST => Ok(text),
        Ok(_) => Err(GitError::Form),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(GitError::Form),
        Err(error) => Err(GitError::Io(error)),
    }
}

/// Opens a file, and nothing that waits for somebody at its other end.
fn open(path: &Path) -> Result<File, GitError> {
    let missing = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => GitError::Missing,
        _ => GitError::Io(error),
    };
    match path.metadata().map_err(missing)? {
        metadata if metadata.is_file() => File::open(path).map_err(missing),
        // A branch may be the beginning of the name of another one.
        metadata if metadata.is_dir() => Err(GitError::Missing),
        _ => Err(GitError::Form),
    }
}

const LONGEST: u64 = 1 << 20;
const LONGEST_PACKED: u64 = 256 << 20;
/// Git follows as many.
const MOST_LINKS: usize = 5;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222";

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        }
        dir
    }

    fn of(files: &[(&str, &str)], directory: &str) -> Result<Option<Checkout>, GitError> {
        let dir = tree(files);
        fs::create_dir_all(dir.path().join(directory)).expect("made");
        Checkout::of(&dir.path().join(directory))
    }

    #[test]
    fn the_commit_is_found_wherever_git_keeps_it() {
        let packed = format!(
            "# pack-refs with: peeled\n{TWO} refs/heads/other\n{ONE} refs/heads/main\n^{TWO}\n"
        );
        let loose = format!("{ONE}\n");
        let branch = "ref: refs/heads/main\n";
        let cases: &[&[(&str, &str)]] = &[
            &[(".git/HEAD", &loose)],
            &[(".git/HEAD", branch), (".git/refs/heads/main", &loose)],
            &[(".git/HEAD", branch), (".git/packed-refs", &packed)],
            &[
                (".git/HEAD", "ref: refs/heads/link\n"),
                (".git/refs/heads/link", branch),
                (".git/packed-refs", &packed),
            ],
            // A linked worktree of a repository elsewhere.
            &[
                (".git", "gitdir: bare/worktrees/w\n"),
                ("bare/worktrees/w/HEAD", branch),
                ("bare/worktrees/w/commondir", "../..\n"),
                ("bare/packed-refs", &packed),
            ],
        ];
        for files in cases {
            let found = of(files, "deep/down").expect("reads").expect("a checkout");
            assert_eq!(found.commit, ONE, "{files:?}");
        }
        assert_eq!(of(&[("a", "")], "deep").expect("reads"), None);
    }

    #[test]
    fn what_git_did_not_write_is_no_commit() {
        for files in [
            &[(".git/HEAD", "ref: refs/heads/main\n")][..],
            &[(".git/HEAD", "ref: refs/../../secret\n"), ("secret", ONE)],
            &[(".git/HEAD", "ref: HEAD\n")],
            &[
                (".git/HEAD", "ref: refs/a\n"),
                (".git/refs/a", "ref: refs/a\n"),
            ],
            &[(".git/HEAD", "main\n")],
            &[(".git/HEAD", "ABCDEF1111111111111111111111111111111111\n")],
            &[(".git", "no gitdir\n")],
            &[(".git/config", "")],
        ] {
            assert!(of(files, "").is_err(), "{files:?}");
        }
    }

    #[test]
    fn an_origin_is_told_where_it_has_no_secret() {
        for (url, told) in [
            (
                "https://example.org/a/b.git",
                Some("https://example.org/a/b.git"),
            ),
            (
                "git@example.org:a/b.git",
                Some("ssh://git@example.org/a/b.git"),
            ),
            (
                "ssh://git@example.org:22/a",
                Some("ssh://git@example.org:22/a"),
            ),
            ("https://user:secret@example.org/a", None),
            ("https://token@example.org/a", None),
            ("https://a@b@example.org/a", None),
            ("ssh://git:secret@example.org/a", None),
            ("https://example.org/a?token=secret", None),
            ("https://example.org/%41", None),
            ("/home/somebody/a", None),
            ("../a", None),
            ("file:///home/somebody/a", None),
            ("https:///a", None),
            ("", None),
        ] {
            assert_eq!(public_uri(url).as_deref(), told, "{url}");
        }
        let config = "[core]\n\turl = no\n[remote \"other\"]\n\turl = no\n[remote \"origin\"]\n\tURL = https://example.org/a\n\turl = second\n";
        let files = [(".git/HEAD", ONE), (".git/config", config)];
        let found = of(&files, "").expect("reads").expect("a checkout");
        let descriptor = found.descriptor();
        assert_eq!(descriptor.uri.as_deref(), Some("git+https://example.org/a"));
        assert_eq!(descriptor.digest["gitCommit"], ONE);
    }
}
