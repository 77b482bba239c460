//! The location of the read model's file. Each desk has its own, even if several run on one machine.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

const NAME: &str = "read-model";

/// Reserves the location of one desk's file until it is dropped.
#[derive(Debug)]
pub struct Place {
    pub file: PathBuf,
    /// Locked, so that other desks use another location.
    _lock: File,
}

impl Place {
    /// Reserves a location in `folder`. If another desk has its file there, or the folder cannot be written, the location is
    /// in the system's folder for temporary files, under a name with this process's id.
    pub fn take(folder: &Path) -> io::Result<Self> {
        match Self::lock(folder, NAME) {
            Ok(Some(place)) => return Ok(place),
            Ok(None) => tracing::debug!(folder = %folder.display(), "another desk has its read model there"),
            Err(error) => {
                tracing::debug!(folder = %folder.display(), %error, "the read model cannot be kept in this folder")
            }
        }
        let name = format!("loan-desk-{}-{NAME}", std::process::id());
        let place = Self::lock(&std::env::temp_dir(), &name)?;
        place.ok_or_else(|| io::Error::other("the file of the read model is locked"))
    }

    /// Returns `None` if another process has it.
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
