//! Returns free pages to the file system in small steps.
//!
//! A database that this version creates has `auto_vacuum=INCREMENTAL`, so its free pages can be returned in small
//! steps. A database of an earlier version is converted with a VACUUM when it is opened. That rewrites the file, so it
//! is only done for files up to [`REWRITTEN`] bytes. A larger file reuses its free pages, but does not shrink. A backup
//! of it has `auto_vacuum=INCREMENTAL` and can replace it.

use std::path::Path;

use rusqlite::{Connection, Result};

/// The maximum size of a file that is rewritten when it is opened, which takes a second or two.
const REWRITTEN: u64 = 256 << 20;
/// The value of `PRAGMA auto_vacuum` for INCREMENTAL.
const INCREMENTAL: i64 = 2;

/// Enables returning free pages if the database is small. A failure changes nothing, so it is only logged.
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

/// The number of free pages that are kept for new data: 4 MB, and a sixteenth of the file.
const KEPT: i64 = 1024;
const KEPT_SHARE: i64 = 16;

/// Returns up to `most` free pages to the file system. Returns whether there are more.
pub(crate) fn release_pages(connection: &Connection, most: i64) -> Result<bool> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let spare = |free: i64, pages: i64| free - KEPT.max(pages / KEPT_SHARE);
    let spare_now = spare(pragma("freelist_count")?, pragma("page_count")?);
    if spare_now <= 0 || !is_incremental(connection)? {
        return Ok(false);
    }
    let mut give_back = connection.prepare(&format!("PRAGMA incremental_vacuum({})", most.min(spare_now)))?;
    let mut given_back = give_back.query([])?;
    // Each step returns one page.
    while given_back.next()?.is_some() {}
    Ok(spare_now > most)
}
