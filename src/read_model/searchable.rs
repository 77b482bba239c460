//! The texts by which an application is found, and how the full-text index stores them.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{stored, text};
use crate::applications::{self, Record};

/// The texts of one application, folded.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Searchable {
    lines: Vec<String>,
    /// Those among the lines that are references: each of them leads to the application by itself.
    references: BTreeSet<String>,
}

impl Searchable {
    /// Every text that a page prints about an application. `valuation_references` are those of its tasks.
    fn of(record: &Record, valuation_references: impl IntoIterator<Item = String>) -> Self {
        let application = &record.application;
        let property = &application.property;
        let postcode = property.postcode.as_str();
        let mut searchable = Self::default();
        searchable.add_reference(application.application_reference.as_str());
        if let Some(applicant) = &application.applicant {
            searchable.add(applicant.as_str());
        }
        searchable.add(&property.to_string());
        searchable.add(&postcode.replace(' ', ""));
        if let Some((_, name)) = record.execution_arn.rsplit_once(':') {
            searchable.add_reference(name);
        }
        let used = record.valuation.as_ref().and_then(|valuation| valuation["valuationReference"].as_str());
        for reference in record.other_references.iter().map(String::as_str).chain(used) {
            searchable.add_reference(reference);
        }
        for reference in valuation_references {
            searchable.add_reference(&reference);
        }
        searchable
    }

    fn add(&mut self, text: &str) {
        let line = text::line(text);
        if !self.lines.contains(&line) {
            self.lines.push(line);
        }
    }

    fn add_reference(&mut self, reference: &str) {
        self.add(reference);
        self.references.insert(text::line(reference));
    }

    /// The column in which lists look for words: a line for each text, and a last line with the whole words, each between
    /// spaces.
    fn column(&self) -> String {
        let words = self.words().into_iter().collect::<Vec<_>>().join(" ");
        format!("{}\n {words} ", self.lines.join("\n"))
    }

    fn tokens(&self) -> String {
        let mut tokens = text::tokens(&self.lines.join("\n"));
        for word in self.words() {
            tokens.push_str(&text::word_token(word));
            tokens.push(' ');
        }
        for reference in &self.references {
            tokens.push_str(&text::reference_token(reference));
            tokens.push(' ');
        }
        tokens
    }

    /// The words that count as whole. The parts of a reference do not: `1` is not a word of `LN-1`.
    fn words(&self) -> BTreeSet<&str> {
        let mut words = BTreeSet::new();
        for line in &self.lines {
            let is_reference = self.references.contains(line);
            for piece in text::pieces(line) {
                words.insert(piece);
                if !is_reference {
                    words.extend(piece.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()));
                }
            }
        }
        words
    }
}

/// Enters the texts of an application with this id, unless they are known.
pub fn enter(transaction: &Transaction<'_>, id: i64, record: &Record) -> rusqlite::Result<()> {
    let mut references = transaction.prepare_cached(
        "SELECT DISTINCT valuation_reference FROM tasks WHERE reference = ?1 AND valuation_reference IS NOT NULL",
    )?;
    let references = references.query_map([record.application.application_reference.as_str()], |row| row.get(0))?;
    let searchable = Searchable::of(record, references.collect::<rusqlite::Result<Vec<String>>>()?);
    let column = searchable.column();
    let is_new = transaction
        .prepare_cached("UPDATE applications SET search_text = ?2 WHERE id = ?1 AND search_text <> ?2")?
        .execute(params![id, column])?
        > 0;
    if is_new {
        forget(transaction, id)?;
        transaction
            .prepare_cached("INSERT INTO search (rowid, tokens) VALUES (?1, ?2)")?
            .execute(params![id, searchable.tokens()])?;
    }
    Ok(())
}

/// Lets an application be found by the valuation reference of one of its tasks, which has just been entered. If the
/// application is entered later, it looks for its references itself.
pub fn enter_reference(
    transaction: &Transaction<'_>,
    application_reference: &str,
    valuation_reference: &str,
) -> rusqlite::Result<()> {
    let application: Option<(i64, String, String)> = transaction
        .prepare_cached("SELECT id, search_text, item FROM applications WHERE reference = ?1")?
        .query_row([application_reference], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((id, known, item)) = application else { return Ok(()) };
    let line = text::line(valuation_reference);
    if known.lines().any(|known| known == line) {
        return Ok(());
    }
    match stored::read(&item).and_then(|item| applications::read(&item)) {
        Ok(record) => enter(transaction, id, &record),
        Err(error) => {
            tracing::error!(application = application_reference, %error, "a valuation reference cannot be searched for");
            Ok(())
        }
    }
}

/// Deletes an application from the full-text index.
pub fn forget(transaction: &Transaction<'_>, id: i64) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM search WHERE rowid = ?1")?.execute([id])?;
    Ok(())
}

/// References of applications that have exactly this reference, in any case: as their own, as the name of their execution,
/// or as that of a valuation. At most two are returned, because a second one means that it leads to no single application.
pub fn with_reference(connection: &Connection, reference: &str) -> rusqlite::Result<Vec<String>> {
    let query = format!("\"{}\"", text::reference_token(&text::line(reference)));
    let mut found = connection.prepare_cached(
        "SELECT reference FROM search CROSS JOIN applications ON applications.id = search.rowid \
         WHERE search MATCH ?1 LIMIT 2",
    )?;
    found.query_map([query], |row| row.get(0))?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_are_those_between_spaces_and_the_parts_of_names() {
        let mut searchable = Searchable::default();
        searchable.add_reference("LN-1");
        searchable.add("Zoë Smith-O'Brien");
        searchable.add("14, SW1A 1AA");
        let words: Vec<&str> = searchable.words().into_iter().collect();
        assert_eq!(words, ["14", "1aa", "brien", "ln-1", "o", "smith", "smith-o'brien", "sw1a", "zoe"]);
        assert!(searchable.column().ends_with("14, sw1a 1aa\n 14 1aa brien ln-1 o smith smith-o'brien sw1a zoe "));
    }
}
