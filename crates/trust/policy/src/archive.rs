//! Files in a `.tar.gz`, as OPA packs them: read where anybody may have made it, and written so that the
//! same files give the same bytes.

use std::io::{self, Read as _, Write as _};

use casemate_container::{Budget, ContainerError, Contents, Kind, Loaded, Magic, Member, open};
use casemate_core::{Coverage, MemorySource, PathText, Source};
use flate2::{Compression, GzBuilder};

/// The files of an archive, by their paths from its root, in order.
///
/// An archive that two programs could unpack in two ways is refused: links, devices, names that stand
/// twice or leave the archive, members behind its end, headers that are broken.
///
/// # Errors
///
/// Why it is refused.
pub(crate) fn unpack(bytes: &[u8]) -> Result<Vec<(PathText, Vec<u8>)>, ArchiveError> {
    let source = MemorySource(bytes);
    let mut budget = Budget::default();
    budget.depth = 2;
    budget.members = MOST_MEMBERS;
    budget.bytes = MOST_BYTES;
    budget.total = MOST_BYTES;
    budget.memory = MOST_BYTES;
    if !bytes.starts_with(&GZIP) {
        return Err(ArchiveError::Format("gzip"));
    }
    let stream = open(&source, Magic::Gzip, &budget)?.ok_or(ArchiveError::Format("gzip"))?;
    is_whole(&stream)?;
    let [member] = &stream.members[..] else {
        return Err(ArchiveError::Format("gzip"));
    };
    let tar = MemorySource(decompressed(member)?);
    let tar = open(&tar, Magic::Tar, &budget.inside())?.ok_or(ArchiveError::Format("tar"))?;
    is_whole(&tar)?;
    let (mut files, mut directories) = (Vec::new(), Vec::new());
    for member in &tar.members {
        let unnamed = || ArchiveError::Name(member.name.clone());
        match &member.kind {
            Kind::File => {
                let name = below_the_root(&member.name).ok_or_else(unnamed)?;
                files.push((name, bytes_of(&member.load()?)?));
            }
            Kind::Directory if is_root(&member.name) => {}
            Kind::Directory => {
                let name = member.name.as_str().trim_end_matches('/');
                let name = below_the_root(&PathText::from_text(name)).ok_or_else(unnamed)?;
                directories.push(name);
            }
            _ => return Err(ArchiveError::Kind(member.name.clone())),
        }
    }
    files.sort();
    if let Some(pair) = files.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(ArchiveError::Twice(pair[0].0.clone()));
    }
    match file_and_directory(&files, &directories) {
        Some(name) => Err(ArchiveError::Both(name)),
        None => Ok(files),
    }
}

/// The archive of `files`, which are sorted. Of the same files it has the same bytes: no times, no
/// owners.
pub(crate) fn pack(files: &[(PathText, Vec<u8>)]) -> Result<Vec<u8>, PackError> {
    // 255: an unknown system (RFC 1952), so that it is the same from each.
    let mut out = GzBuilder::new()
        .operating_system(255)
        .write(Vec::new(), Compression::best());
    let mut put = |name: &[u8], kind: u8, bytes: &[u8]| -> io::Result<()> {
        out.write_all(&header(name, kind, bytes.len()))?;
        out.write_all(bytes)?;
        out.write_all(&[0; BLOCK][..bytes.len().wrapping_neg() % BLOCK])
    };
    let unwritten = |_| PackError;
    for (name, bytes) in files {
        let name = name.to_bytes();
        if name.len() > SHORT {
            put(b"pax", b'x', &extended(&name)).map_err(unwritten)?;
        }
        put(&name, b'0', bytes).map_err(unwritten)?;
    }
    out.write_all(&[0; 2 * BLOCK]).map_err(unwritten)?;
    out.finish().map_err(unwritten)
}

/// Why bytes are no archive of a policy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// It is something else.
    #[error("it is no .tar.gz: no {0} of one thing")]
    Format(&'static str),
    /// Something about it is odd, or not all of it can be read.
    #[error("the archive is not plain: {0}")]
    Odd(String),
    /// A member is neither a file nor a directory.
    #[error("`{0}` is neither a file nor a directory")]
    Kind(PathText),
    /// A name leads out of the archive, or nowhere.
    #[error("`{0}` is no name of a file in the archive")]
    Name(PathText),
    /// Two members have one name.
    #[error("`{0}` stands twice in the archive")]
    Twice(PathText),
    /// One name is that of a file and of what holds files.
    #[error("`{0}` is a file and a directory in the archive")]
    Both(PathText),
    /// A member cannot be read.
    #[error("the archive cannot be read: {0}")]
    Read(#[from] ContainerError),
    /// The bytes cannot be had.
    #[error("the archive cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Files cannot be compressed, which only a lack of memory explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the files cannot be packed")]
pub(crate) struct PackError;

fn is_whole(contents: &Contents<'_>) -> Result<(), ArchiveError> {
    // OPA begins names with a slash, which means the root of the archive; other names that leave it
    // are refused one by one.
    let odd = contents
        .anomalies
        .iter()
        .find(|it| it.rule.id.as_str() != LEAVES);
    if let Some(anomaly) = odd {
        return Err(ArchiveError::Odd(anomaly.message.clone()));
    }
    match (contents.coverage, &contents.reason) {
        (Coverage::Complete, _) => Ok(()),
        (Coverage::Partial, reason) => {
            let reason = reason.clone().unwrap_or_default();
            Err(ArchiveError::Odd(reason))
        }
    }
}

/// What a stream holds, if its checksum is right and nothing is behind it: that is known at its end.
fn decompressed(member: &Member<'_>) -> Result<Vec<u8>, ArchiveError> {
    let mut reader = member.read()?;
    let mut bytes = Vec::new();
    (&mut reader).take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(ArchiveError::Odd("it is too large".to_owned()));
    }
    match reader.anomalies().first() {
        Some(anomaly) => Err(ArchiveError::Odd(anomaly.message.clone())),
        None => Ok(bytes),
    }
}

/// `/a/b`, `./a/b` and `a/b` are the same; `a/../b`, `a//b` and a Windows path are none.
fn below_the_root(name: &PathText) -> Option<PathText> {
    let text = name.as_str();
    let text = text.strip_prefix("./").unwrap_or(text);
    let text = text.strip_prefix('/').unwrap_or(text);
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':']);
    text.split('/')
        .all(is_plain)
        .then(|| PathText::from_text(text))
}

fn is_root(directory: &PathText) -> bool {
    matches!(directory.as_str(), "." | "./" | "/" | "")
}

/// A file that is called as a directory is, or as one that another name leads through.
fn file_and_directory(files: &[(PathText, Vec<u8>)], directories: &[PathText]) -> Option<PathText> {
    let files = files.iter().map(|(name, _)| (name, true));
    let all = files.chain(directories.iter().map(|name| (name, false)));
    // So that what is below a name comes right behind it; no name has a NUL.
    let mut all: Vec<(String, bool)> = all
        .map(|(name, is_file)| (name.as_str().replace('/', "\0"), is_file))
        .collect();
    all.sort();
    let pair = all.windows(2).find(|pair| {
        let [(first, is_file), (second, is_other_file)] = pair else {
            return false;
        };
        let is_both = first == second && is_file != is_other_file;
        let rest = second.strip_prefix(first.as_str());
        is_both || (*is_file && rest.is_some_and(|rest| rest.starts_with('\0')))
    })?;
    Some(PathText::from_text(&pair[0].0.replace('\0', "/")))
}

fn bytes_of(loaded: &Loaded<'_>) -> io::Result<Vec<u8>> {
    let len = usize::try_from(loaded.len()).map_err(io::Error::other)?;
    let bytes = loaded.read_vec(0, len)?;
    match bytes.len() == len {
        true => Ok(bytes),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// A header of POSIX.1-1988 (`ustar`). The name is cut off where it is too long.
fn header(name: &[u8], kind: u8, len: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &name[..name.len().min(SHORT)]);
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{len:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    // The checksum is taken with blanks in its own place.
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// A record of POSIX.1-2001 (`pax`), which begins with its own length.
fn extended(name: &[u8]) -> Vec<u8> {
    let rest = b" path=".len() + name.len() + 1;
    let mut len = rest + 1;
    while len != rest + len.to_string().len() {
        len = rest + len.to_string().len();
    }
    let mut record = format!("{len} path=").into_bytes();
    record.extend_from_slice(name);
    record.push(b'\n');
    record
}

const GZIP: [u8; 2] = [0x1f, 0x8b];
const BLOCK: usize = 512;
/// What a header has room for.
const SHORT: usize = 100;
/// A name that leaves the directory.
const LEAVES: &str = "CM-ARC-001";
/// Directories too.
const MOST_MEMBERS: usize = 20_000;
/// Of the whole archive, with its headers.
const MOST_BYTES: u64 = 96 << 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Named<'a> = (&'a str, u8, &'a [u8]);

    /// A `.tar.gz` of whatever members.
    fn archive(members: &[Named<'_>]) -> Vec<u8> {
        let mut tar = Vec::new();
        for (name, kind, bytes) in members {
            tar.extend(header(name.as_bytes(), *kind, bytes.len()));
            tar.extend(*bytes);
            tar.resize(tar.len().next_multiple_of(BLOCK), 0);
        }
        tar.resize(tar.len() + 2 * BLOCK, 0);
        gzip(&tar)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = GzBuilder::new().write(Vec::new(), Compression::fast());
        out.write_all(bytes).expect("memory");
        out.finish().expect("memory")
    }

    fn file(name: &str, bytes: &[u8]) -> (PathText, Vec<u8>) {
        (PathText::from_text(name), bytes.to_vec())
    }

    #[test]
    fn names_from_the_root_are_names_in_the_archive() {
        let bytes = archive(&[
            ("/b.rego", b'0', b"b"),
            ("./a/", b'5', b""),
            ("./a/a.rego", b'0', b"a"),
            ("c", b'0', b""),
        ]);
        let files = [file("a/a.rego", b"a"), file("b.rego", b"b"), file("c", b"")];
        assert_eq!(unpack(&bytes).expect("unpacks"), files);
    }

    #[test]
    fn what_could_be_unpacked_in_two_ways_is_refused() {
        let plain = archive(&[("a", b'0', b"a")]);
        let twice = [plain.clone(), plain.clone()].concat();
        let longer = [plain.clone(), vec![1; 512]].concat();
        let mut checksum = plain.clone();
        let crc = plain.len() - 8;
        checksum[crc] ^= 1;
        let link = |target: &str| {
            let mut tar = header(b"a", b'2', 0).to_vec();
            tar[157..157 + target.len()].copy_from_slice(target.as_bytes());
            tar[148..156].copy_from_slice(b"        ");
            let sum: u32 = tar.iter().map(|&byte| u32::from(byte)).sum();
            tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            tar.resize(3 * BLOCK, 0);
            gzip(&tar)
        };
        let unended = gzip(&header(b"a", b'0', 4_000));
        for (what, bytes, why) in [
            (
                "climbs",
                archive(&[("a/../../b", b'0', b"")]),
                "`a/../../b` is no name",
            ),
            (
                "climbs at once",
                archive(&[("../b", b'0', b"")]),
                "`../b` is no name",
            ),
            (
                "detours",
                archive(&[("a/../b", b'0', b"")]),
                "`a/../b` is no name",
            ),
            (
                "climbs in a directory",
                archive(&[("a/../../b/", b'5', b"")]),
                "`a/../../b/` is no name",
            ),
            (
                "empty part",
                archive(&[("a//b", b'0', b"")]),
                "`a//b` is no name",
            ),
            (
                "drive",
                archive(&[("c:/b", b'0', b"")]),
                "`c:/b` is no name",
            ),
            ("backslash", archive(&[("a\\b", b'0', b"")]), "is no name"),
            (
                "two of one name",
                archive(&[("a", b'0', b"1"), ("a", b'0', b"2")]),
                "2 members are called",
            ),
            (
                "and with a slash",
                archive(&[("a", b'0', b"1"), ("/a", b'0', b"1")]),
                "`a` stands twice",
            ),
            (
                "and with a dot",
                archive(&[("a", b'0', b"1"), ("./a", b'0', b"1")]),
                "`a` stands twice",
            ),
            (
                "and a directory",
                archive(&[("a", b'0', b"1"), ("a/", b'5', b"")]),
                "`a` is a file and a directory",
            ),
            (
                "and with files in it",
                archive(&[("a", b'0', b"1"), ("a/b", b'0', b"")]),
                "`a` is a file and a directory",
            ),
            ("link", link("b"), "`a` is neither a file nor a directory"),
            (
                "link outside",
                link("/etc/passwd"),
                "a link to the absolute path",
            ),
            (
                "hard link",
                archive(&[("a", b'0', b""), ("b", b'1', b"")]),
                "`b` is neither a file nor a directory",
            ),
            (
                "FIFO",
                archive(&[("a", b'6', b"")]),
                "neither a file nor a directory",
            ),
            (
                "device",
                archive(&[("a", b'3', b"")]),
                "neither a file nor a directory",
            ),
            (
                "control",
                archive(&[("a\u{7}", b'0', b"")]),
                "control characters",
            ),
            ("two streams", twice, "2 members are called"),
            ("something behind", longer, "not plain"),
            ("checksum", checksum, "checksum"),
            ("cut", plain[..plain.len() / 2].to_vec(), "not plain"),
            ("unended", unended, "breaks off inside a member"),
            ("no tar", gzip(b"package a\n"), "wrong checksum"),
            ("plain tar", vec![0; 1024], "no .tar.gz"),
            ("nothing", Vec::new(), "no .tar.gz"),
        ] {
            let error = unpack(&bytes).expect_err(what).to_string();
            assert!(error.contains(why), "{what}: {error}");
        }
        let plain = [
            ("./", b'5', &b""[..]),
            ("a/", b'5', b""),
            ("a/b", b'0', b""),
        ];
        assert!(unpack(&archive(&plain)).is_ok());
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let bomb = archive(&[("a.rego", b'0', &vec![0; 100 << 20])]);
        assert!(bomb.len() < 1 << 20);
        assert!(unpack(&bomb).is_err());
        let many: Vec<String> = (0..=MOST_MEMBERS).map(|n| n.to_string()).collect();
        let many: Vec<Named<'_>> = many
            .iter()
            .map(|it| (it.as_str(), b'0', &b""[..]))
            .collect();
        assert!(unpack(&archive(&many)).is_err());
    }

    #[test]
    fn long_names_and_names_that_are_no_text_come_back() {
        let mut files = vec![
            file(&format!("{}/a.rego", ["d"; 80].join("/")), b"x"),
            (PathText::from_bytes(b"\xff.rego"), vec![1; 513]),
        ];
        files.sort();
        assert_eq!(
            unpack(&pack(&files).expect("packs")).expect("unpacks"),
            files
        );
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back_and_has_the_same_bytes(
            files in proptest::collection::btree_map("[a-z]{1,6}(/[a-z.]{1,60}[a-z]){0,3}", proptest::collection::vec(any::<u8>(), 0..1200), 0..6),
        ) {
            let is_plain = |name: &str| name.split('/').all(|part| part != "..");
            // What is a directory is no file.
            let is_file = |name: &str| files.keys().all(|it| !it.starts_with(&format!("{name}/")));
            prop_assume!(files.keys().all(|name| is_plain(name) && is_file(name)));
            let files: Vec<_> = files.iter().map(|(name, bytes)| file(name, bytes)).collect();
            let packed = pack(&files).expect("packs");
            prop_assert_eq!(&packed, &pack(&files).expect("packs"));
            prop_assert_eq!(unpack(&packed).expect("unpacks"), files);
        }

        #[test]
        fn no_bytes_make_it_panic(
            mut bytes in Just(archive(&[("a.rego", b'0', b"package a\n"), ("data.json", b'0', b"{}")])),
            at in any::<prop::sample::Index>(), with in any::<u8>(), wrap in any::<bool>(),
        ) {
            if wrap {
                let mut tar = header(b"a.rego", b'0', 10).to_vec();
                tar.resize(4 * BLOCK, 0);
                let at = at.index(tar.len());
                tar[at] = with;
                bytes = gzip(&tar);
            } else {
                let at = at.index(bytes.len());
                bytes[at] = with;
            }
            let _ = unpack(&bytes);
        }
    }
}
