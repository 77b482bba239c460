//! The files of a database: their permissions, and the lock that keeps other processes away.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::ErrorKind,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::OpenError;

/// Creates an empty file that only its owner can read, unless it exists. The database contains the key that signs task
/// tokens. SQLite gives its other files the same permissions.
pub(in crate::store) fn create_private(path: &Path) -> std::io::Result<()> {
    match private_file().create_new(true).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        created => created.map(drop),
    }
}

fn private_file() -> OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Creates the folder and its missing parents for its owner only.
pub(super) fn create_private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Warns that others can read the file. Earlier versions created it with the default permissions of the process. They
/// may be intended, so they are not changed.
pub(super) fn warn_of_readers(path: &Path) {
    #[cfg(unix)]
    if let Ok(metadata) = std::fs::metadata(path) {
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions());
        if mode & 0o077 != 0 {
            tracing::warn!(
                path = %path.display(),
                "other users may read the database, which holds the key of task tokens; if they should not, run chmod 600"
            );
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Syncs the folder that contains `path`.
pub(in crate::store) fn sync_folder(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// How long to wait for another engine that is closing.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// Locks the file beside the database for as long as the engine has it open, since two engines on one file would fire
/// each timer twice.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let storage = |error: std::io::Error| OpenError::Storage { path: path.display().to_string(), source: error.into() };
    let file = private_file().create(true).truncate(false).open(PathBuf::from(name)).map_err(storage)?;
    let begun = Instant::now();
    let mut is_told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_PATIENCE => {
                if !std::mem::replace(&mut is_told, true) {
                    tracing::info!(path = %path.display(), "another process has it open; waiting {LOCK_PATIENCE:?} for it to close");
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { path: path.display().to_string() }),
            Err(TryLockError::Error(error)) => return Err(storage(error)),
        }
    }
}
