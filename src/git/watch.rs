//! Small files of git's whose content has to stay as it was, read again only when they may have changed.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file as it stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    #[serde(with = "shared_bytes")]
    pub bytes: Arc<[u8]>,
    /// Permission bits.
    pub mode: u32,
}

mod shared_bytes {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    pub fn serialize<S: Serializer>(bytes: &Arc<[u8]>, to: S) -> Result<S::Ok, S::Error> {
        bytes.as_ref().serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<[u8]>, D::Error> {
        Vec::deserialize(from).map(Arc::from)
    }
}

/// A change time, in seconds and nanoseconds. Unlike the modification time, no program can set it.
pub(super) type Changed = (i64, i64);

/// What one look at a file tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    inode: (u64, u64),
    size: u64,
    mode: u32,
    changed: Changed,
}

/// Files that were read before.
#[derive(Debug, Default)]
pub(super) struct Watch {
    known: BTreeMap<PathBuf, (Look, Held)>,
}

impl Watch {
    /// The file's content, through links; None when there is no such file.
    ///
    /// `written` is the change time of a file on the same file system that was written before this call. A
    /// file that was last changed earlier than that shows every later change in its own change time, however
    /// coarse the clock is; only then is what was read kept for the next call.
    pub(super) fn read(&mut self, path: &Path, written: Option<Changed>) -> Option<Held> {
        let look = look(path)?;
        if let Some((was, held)) = self.known.get(path)
            && *was == look
        {
            return Some(held.clone());
        }
        let held = Held {
            bytes: std::fs::read(path).ok()?.into(),
            mode: look.mode,
        };
        if written.is_some_and(|w| look.changed < w) {
            self.known.insert(path.to_path_buf(), (look, held.clone()));
        } else {
            self.known.remove(path);
        }
        Some(held)
    }
}

/// When the file last changed.
pub(super) fn changed(path: &Path) -> Option<Changed> {
    look(path).map(|l| l.changed)
}

fn look(path: &Path) -> Option<Look> {
    let meta = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some(Look {
        inode: (meta.dev(), meta.ino()),
        size: meta.size(),
        mode: meta.mode() & 0o7777,
        changed: (meta.ctime(), meta.ctime_nsec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_changed_is_read_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let (file, mark) = (dir.path().join("hook"), dir.path().join("mark"));
        let put = |text: &str| {
            std::fs::File::create(&file).and_then(|mut f| {
                use std::io::Write;
                f.write_all(text.as_bytes())
            })
        };
        put("one").expect("written");
        let mut watch = Watch::default();
        let text = |held: Option<Held>| held.map(|h| h.bytes.to_vec());

        // Changed in the same tick as the mark, or without any mark: never kept.
        assert_eq!(text(watch.read(&file, None)), Some(b"one".to_vec()));
        assert_eq!(
            text(watch.read(&file, changed(&file))),
            Some(b"one".to_vec())
        );
        assert!(watch.known.is_empty());

        // A mark that is younger than the file: kept, until the file looks different.
        while changed(&mark) <= changed(&file) {
            std::fs::File::create(&mark).expect("made");
        }
        assert_eq!(
            text(watch.read(&file, changed(&mark))),
            Some(b"one".to_vec())
        );
        assert_eq!(watch.known.len(), 1);
        put("two").expect("written");
        assert_eq!(
            text(watch.read(&file, changed(&mark))),
            Some(b"two".to_vec())
        );
        std::fs::remove_file(&file).expect("removed");
        assert_eq!(watch.read(&file, changed(&mark)), None);
    }
}
