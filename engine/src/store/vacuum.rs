//! Gives free pages back to the file system, some at a time.
//!
//! A database that this version creates has `auto_vacuum=INCREMENTAL`, so its free pages can be given back in small
//! steps. One that an earlier version has created gets it by one VACUUM when it is opened, which rewrites the file, so
//! only files up to [`REWRITTEN`] bytes are. A larger one stays as it is: its free pages are used again, but the file does not
//! become smaller. A backup of it has `auto_vacuum=INCREMENTAL` and can take its place.

use std::path::Path;

use rusqlite::{Connection, Result};

/// The size up to which a file of an earlier version is rewritten when it is opened: that takes a second or two.
const REWRITTEN: u64 = 256 << 20;
/// The value of `PRAGMA auto_vacuum` for INCREMENTAL.
const INCREMENTAL: i64 = 2;

/// Lets the database give back free pages from now on, if it is small. A failure changes nothing, so it is only logged.
pub(super) fn prepare(connection: &Connection, path: &Path) {
    let done = is_incremental(connection).and_then(|is_incremental| {
        if is_incremental {
            return Ok(());
        }
        let bytes = std::fs::metadata(path).map_or(u64::MAX, |metadata| metadata.len());
        if bytes > REWRITTEN {
            tracing::info!(
                path = %path.display(),
                bytes,
                "the database was created by an earlier version and does not become smaller when executions are \
                 deleted; their space is used again"
            );
            return Ok(());
        }
        connection.pragma_update(None, "auto_vacuum", "incremental")?;
        connection.execute_batch("VACUUM")
    });
    if let Err(error) = done {
        tracing::warn!(%error, path = %path.display(), "the database could not be rewritten; it goes on as it is");
    }
}

fn is_incremental(connection: &Connection) -> Result<bool> {
    Ok(connection.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i64>(0))? == INCREMENTAL)
}

/// Free pages that are kept for what is written next: 4 MB, and a sixteenth of the file.
const KEPT: i64 = 1024;
const KEPT_SHARE: i64 = 16;

/// Gives back `most` free pages at most; whether there are more to give back.
pub(crate) fn give_back(connection: &Connection, most: i64) -> Result<bool> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let spare = |free: i64, pages: i64| free - KEPT.max(pages / KEPT_SHARE);
    let spare_now = spare(pragma("freelist_count")?, pragma("page_count")?);
    if spare_now <= 0 || !is_incremental(connection)? {
        return Ok(false);
    }
    let mut give_back = connection.prepare(&format!("PRAGMA incremental_vacuum({})", most.min(spare_now)))?;
    let mut given_back = give_back.query([])?;
    // Each step gives back one page.
    while given_back.next()?.is_some() {}
    Ok(spare_now > most)
}
