//! Which files are signed, found out ahead of time: a model may be too long to be read while somebody waits to open it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, TryRecvError, channel},
    },
    thread,
};

use super::resolve::{Changed, Resolved, identity_of};
use crate::{Identity, Policy};

/// Who knows what is signed. The sensor does not.
pub trait Verifier: Send + Sync {
    /// The files in a folder whose contents are signed by whom a trust store trusts, and why others are not.
    fn signed(&self, trust_store: &Path, folder: &Path) -> Vouched;
}

/// What is signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vouched {
    /// Absolute paths.
    pub files: Vec<PathBuf>,
    /// What is not, in lines to be told.
    pub notes: Vec<String>,
}

/// What was found out, and what is looked at meanwhile.
pub(super) struct Vouchers {
    verifier: Option<Arc<dyn Verifier>>,
    /// What everything that is asked about was like when it was last looked at.
    looked_at: Option<Files>,
    known: BTreeMap<Identity, Changed>,
    looking: Option<Receiver<Found>>,
}

type Files = BTreeMap<PathBuf, (Identity, Changed)>;
type Found = (BTreeMap<Identity, Changed>, Vec<String>);

impl Vouchers {
    pub(super) fn new(verifier: Option<Arc<dyn Verifier>>) -> Self {
        Self {
            verifier,
            looked_at: None,
            known: BTreeMap::new(),
            looking: None,
        }
    }

    /// Looks at what has changed, if anything has, and waits for it where that is asked. Files that changed are not vouched for until
    /// they are looked at: the kernel compares times.
    pub(super) fn look(&mut self, policy: &Policy, resolved: &mut Resolved, is_waiting: bool) {
        let asking: Vec<(PathBuf, PathBuf)> = policy
            .protect
            .iter()
            .filter_map(|block| Some((block.signed.clone()?, block)))
            .flat_map(|(store, block)| {
                block
                    .paths
                    .iter()
                    .map(move |path| (store.clone(), path.clone()))
            })
            .collect();
        if let Some(looking) = &self.looking {
            match looking.try_recv() {
                Ok(found) => self.take(found, resolved),
                // Whoever looks has panicked: everything is looked at anew.
                Err(TryRecvError::Disconnected) => (self.looking, self.looked_at) = (None, None),
                Err(TryRecvError::Empty) => {}
            }
        }
        let (Some(verifier), false) = (&self.verifier, asking.is_empty()) else {
            return;
        };
        let mut files = resolved.changed.clone();
        files.extend(asking.iter().filter_map(|(store, _)| file(store)));
        if self.looking.is_none() && self.looked_at.as_ref() != Some(&files) {
            let (tell, told) = channel();
            let verifier = Arc::clone(verifier);
            let before = files.clone();
            thread::spawn(move || {
                // Who is gone is told nothing.
                let _ = tell.send(look(&*verifier, &asking, &before));
            });
            self.looked_at = Some(files);
            self.looking = Some(told);
            if is_waiting && let Some(Ok(found)) = self.looking.as_ref().map(Receiver::recv) {
                self.take(found, resolved);
            }
        }
        resolved.verified.clone_from(&self.known);
    }

    fn take(&mut self, (known, notes): Found, resolved: &mut Resolved) {
        self.known = known;
        self.looking = None;
        resolved.gaps.extend(notes);
    }
}

fn look(verifier: &dyn Verifier, asking: &[(PathBuf, PathBuf)], before: &Files) -> Found {
    let (mut known, mut notes) = (BTreeMap::new(), Vec::new());
    for (store, folder) in asking {
        let Ok(folder) = fs::canonicalize(folder) else {
            continue;
        };
        let vouched = verifier.signed(store, &folder);
        notes.extend(vouched.notes);
        // A file that was changed while it was read was not read.
        let same = vouched.files.into_iter().filter_map(|path| {
            let now = file(&path)?;
            (before.get(&path) == Some(&now.1)).then_some(now.1)
        });
        known.extend(same);
    }
    (known, notes)
}

fn file(path: &Path) -> Option<(PathBuf, (Identity, Changed))> {
    let metadata = fs::symlink_metadata(path).ok()?;
    let file = metadata.is_file();
    file.then(|| {
        (
            path.to_owned(),
            (identity_of(&metadata), Changed::of(&metadata)),
        )
    })
}
