//! The data folder of the embedded databases, which is locked for one desk and private to its user.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
    time::{Duration, Instant},
};

use super::OpenError;

/// The lock file of the folder. Its content is irrelevant.
const LOCK: &str = "desk.lock";

/// How long to wait for another desk that is shutting down.
pub const PATIENCE: Duration = Duration::from_secs(2);

const POLL: Duration = Duration::from_millis(50);

/// Creates the folder if it is missing, and makes it and its files private to the current user, because they contain
/// names, amounts and task tokens.
pub fn create(folder: &Path) -> io::Result<()> {
    let mut create = fs::DirBuilder::new();
    create.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut create, 0o700);
    create.create(folder)?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.contains(".sqlite") {
            make_private(&path)?;
        }
    }
    Ok(())
}

/// Locks the folder for this process. Waits up to `patience` for another process to release it. The lock is released
/// when the file is dropped or the process ends.
pub fn lock(folder: &Path, patience: Duration) -> Result<File, OpenError> {
    let shown = || folder.display().to_string();
    let path = folder.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|source| OpenError::Lock { folder: shown(), source })?;
    make_private(&path).map_err(|source| OpenError::Lock { folder: shown(), source })?;
    let given_up = Instant::now() + patience;
    let mut is_told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() >= given_up => {
                return Err(OpenError::InUse { folder: shown() });
            }
            Err(TryLockError::WouldBlock) => {
                if !is_told {
                    let folder = shown();
                    tracing::warn!(folder, "another process has it open; waiting {patience:?} for it to close");
                    is_told = true;
                }
                std::thread::sleep(POLL);
            }
            Err(TryLockError::Error(source)) => return Err(OpenError::Lock { folder: shown(), source }),
        }
    }
}

#[cfg(unix)]
fn make_private(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600))
}

/// On other systems, a user's folders are already private.
#[cfg(not(unix))]
fn make_private(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_desk_can_lock_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path(), Duration::ZERO).unwrap();
        assert!(matches!(lock(folder.path(), Duration::ZERO), Err(OpenError::InUse { .. })));
        drop(first);
        assert!(lock(folder.path(), Duration::ZERO).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn the_folder_and_its_files_are_private_to_the_user() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a").join("data");
        create(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        let older = folder.join("dynamodb.sqlite-wal");
        fs::write(&older, "").unwrap();
        fs::set_permissions(&older, fs::Permissions::from_mode(0o644)).unwrap();
        create(&folder).unwrap();
        assert_eq!(mode(&older), 0o600);
    }
}
