//! What tells a database from others, and from earlier copies of itself.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::open::APPLICATION;
use crate::token::Signer;

/// Which database a file holds, and how far it has come. An embedder that keeps data of its own beside the database
/// remembers it, and can tell later whether the two still belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The same for as long as the database exists, and in all copies of it. It reveals nothing of the keys.
    pub id: String,
    /// How often the database has been opened.
    pub openings: u64,
}

/// Reads the identity of a database that is not open, without changing the file. `None` when there is no file, or none
/// that [`open`](super::open::open) would take.
pub fn read(path: &Path) -> Option<Identity> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).ok()?;
    if application != APPLICATION {
        return None;
    }
    // Up to schema 5, the number of openings had another name.
    let openings = if connection.column_exists(None, "engine", "openings").ok()? { "openings" } else { "run" };
    let row = connection.query_row(&format!("SELECT signing_key, {openings} FROM engine"), [], |row| {
        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, u64>(1)?))
    });
    let (key, openings) = row.ok()?;
    let key: [u8; Signer::KEY] = key.try_into().ok()?;
    Some(Identity { id: Signer::new(&key).database_id(), openings })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, store::open};

    fn open_and_close(path: &Path) {
        open::open(path, &Options::new("000000000000", "eu-west-2")).unwrap();
    }

    #[test]
    fn a_database_keeps_its_id_and_counts_its_openings() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sqlite");
        assert_eq!(read(&path), None);
        assert!(!path.exists());
        open_and_close(&path);
        let first = read(&path).unwrap();
        assert_eq!(first.openings, 1);
        assert_eq!(read(&path).unwrap(), first, "reading is not opening");
        open_and_close(&path);
        let second = read(&path).unwrap();
        assert_eq!((second.id, second.openings), (first.id, 2));
    }

    #[test]
    fn two_databases_have_two_ids() {
        let folder = tempfile::tempdir().unwrap();
        let ids = ["a.sqlite", "b.sqlite"].map(|name| {
            let path = folder.path().join(name);
            open_and_close(&path);
            read(&path).unwrap().id
        });
        assert_ne!(ids[0], ids[1]);
    }

    #[test]
    fn another_file_has_no_identity() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letters");
        std::fs::write(&path, "letters to the bank").unwrap();
        assert_eq!(read(&path), None);
    }
}
