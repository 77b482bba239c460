//! Where the file of a read model lies. A desk has one of its own, also where several run on one machine.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

const NAME: &str = "read-model";

/// The place of one desk's file, for as long as this is kept.
#[derive(Debug)]
pub struct Place {
    pub file: PathBuf,
    /// Keeps other desks away.
    _lock: File,
}

impl Place {
    /// In `folder`; or, when another desk has its file there, or nothing can be written there, in the system's folder for
    /// temporary files, under a name that only this process has.
    pub fn take(folder: &Path) -> io::Result<Self> {
        match Self::lock(folder, NAME) {
            Ok(Some(place)) => return Ok(place),
            Ok(None) => tracing::debug!(folder = %folder.display(), "another desk has its read model there"),
            Err(error) => tracing::debug!(folder = %folder.display(), %error, "no room for a read model"),
        }
        let name = format!("loan-desk-{}-{NAME}", std::process::id());
        let place = Self::lock(&std::env::temp_dir(), &name)?;
        place.ok_or_else(|| io::Error::other("the file of the read model is locked"))
    }

    /// `None` when another process has it.
    fn lock(folder: &Path, name: &str) -> io::Result<Option<Self>> {
        fs::create_dir_all(folder)?;
        let lock = File::create(folder.join(format!("{name}.lock")))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { file: folder.join(format!("{name}.sqlite")), _lock: lock })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_desks_with_one_folder_have_a_file_each() {
        let folder = tempfile::tempdir().unwrap();
        let first = Place::take(folder.path()).unwrap();
        let second = Place::take(folder.path()).unwrap();
        assert_eq!(first.file, folder.path().join("read-model.sqlite"));
        assert_ne!(first.file, second.file);
        drop(first);
        assert_eq!(Place::take(folder.path()).unwrap().file, folder.path().join("read-model.sqlite"));
    }
}
