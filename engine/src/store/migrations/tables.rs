//! Whether a database has the tables of its schema.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, Result};

use super::{OLDEST, steps};

/// The columns of tables and indexes by the names of these, such as `table call`. The order of the columns depends on
/// whether the database was migrated, so it is left out.
type Tables = BTreeMap<String, BTreeSet<String>>;

/// The differences between the tables of a database and those of its schema. `None` if there are none. Tables and
/// indexes that someone has added are ignored.
pub(in crate::store) fn difference(connection: &Connection, schema: i32) -> Result<Option<String>> {
    let found = read(connection)?;
    let differences: Vec<String> = expected(schema)?
        .into_iter()
        .filter_map(|(name, columns)| match found.get(&name) {
            None => Some(format!("{name} is missing")),
            Some(found) if *found != columns => Some(format!("{name} has other columns")),
            Some(_) => None,
        })
        .collect();
    Ok((!differences.is_empty()).then(|| differences.join(", ")))
}

/// The tables of a new database that was migrated to this schema.
fn expected(schema: i32) -> Result<Tables> {
    let mut connection = Connection::open_in_memory()?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(include_str!("schema_2.sql"))?;
    for (_, step) in steps(OLDEST, schema) {
        step(&transaction)?;
    }
    read(&transaction)
}

fn read(connection: &Connection) -> Result<Tables> {
    let mut columns = connection.prepare(
        "SELECT 'table ' || entry.name, field.name || ' ' || field.type
         FROM sqlite_schema AS entry, pragma_table_info(entry.name) AS field WHERE entry.type = 'table'
         UNION ALL SELECT 'index ' || entry.name, field.name
         FROM sqlite_schema AS entry, pragma_index_info(entry.name) AS field WHERE entry.type = 'index'",
    )?;
    let mut rows = columns.query([])?;
    let mut tables = Tables::new();
    while let Some(row) = rows.next()? {
        tables.entry(row.get(0)?).or_default().insert(row.get(1)?);
    }
    Ok(tables)
}
