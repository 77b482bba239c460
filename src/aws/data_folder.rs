//! The folder of the embedded databases: one desk at a time, and nobody else on the machine.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
    time::{Duration, Instant},
};

use super::OpenError;

/// The file that a desk holds a lock on while it uses the folder. What is in it says nothing.
const LOCK: &str = "desk.lock";

/// How long a desk that was just told to close may take to close.
pub const PATIENCE: Duration = Duration::from_secs(2);

const POLL: Duration = Duration::from_millis(50);

/// Creates the folder, unless it is there, so that only the user who runs the desk can look into it. Files that are in it
/// already, perhaps by an older desk, become that user's own: they hold names, amounts and task tokens.
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

/// Locks the folder for this process, and waits for a process that has it open and may be closing. Dropping the file
/// unlocks the folder, and so does the end of the process, however it comes.
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

/// Elsewhere a folder of a user's own is private already.
#[cfg(not(unix))]
fn make_private(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_for_one_desk_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path(), Duration::ZERO).unwrap();
        assert!(matches!(lock(folder.path(), Duration::ZERO), Err(OpenError::InUse { .. })));
        drop(first);
        assert!(lock(folder.path(), Duration::ZERO).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_on_the_machine_can_read_what_is_in_it() {
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
