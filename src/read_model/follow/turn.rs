//! Which open applications are read again next, in turn.

use app::domain::ApplicationStatus;
use rusqlite::{Connection, params};

/// How many open applications are read at a time.
const OPEN: usize = 50;

#[derive(Debug, Clone, Copy, Default)]
pub struct Turn {
    status: usize,
    after: i64,
}

impl Turn {
    /// Adds the next few to `references` and returns where to go on.
    pub fn next(self, connection: &Connection, references: &mut Vec<String>) -> rusqlite::Result<Self> {
        let open = || ApplicationStatus::ALL.into_iter().filter(|status| status.is_open());
        let mut next = self;
        let mut left = OPEN;
        let mut statement = connection.prepare_cached(
            "SELECT reference, id FROM applications INDEXED BY applications_status \
             WHERE status = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        )?;
        for _ in 0..open().count() {
            let status = open().nth(next.status).map(ApplicationStatus::key);
            let found = statement.query_map(params![status, next.after, left], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let found: Vec<(String, i64)> = found.collect::<Result<_, _>>()?;
            left -= found.len();
            if let Some((_, id)) = found.last() {
                next.after = *id;
            }
            for (reference, _) in found {
                if !references.contains(&reference) {
                    references.push(reference);
                }
            }
            if left == 0 {
                return Ok(next);
            }
            next = Self { status: (next.status + 1) % open().count(), after: 0 };
        }
        Ok(next)
    }
}
