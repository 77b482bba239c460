//! How text is folded for searches, and how the full-text index finds any part of a word.
//!
//! The index contains every sequence of three characters as a token of hexadecimal digits, so that no character has a
//! special meaning to SQLite. A word of three or more characters is searched as a phrase of tokens, a shorter one as the
//! beginning of a token. Whole words and references have further tokens, which begin with a letter that is no such digit.

use std::fmt::Write;

use icu_normalizer::DecomposingNormalizerBorrowed;

/// The number of characters in a token.
const GRAM: usize = 3;

/// The number of words of a search that are used. The others are ignored.
const WORDS: usize = 12;

/// Characters that separate words like a space does. Pages print them between the parts of an address and after a name.
const SEPARATORS: [char; 3] = [',', ';', '\u{b7}'];

/// The first letters of the tokens of whole words and of references.
const WORD: char = 'w';
const REFERENCE: char = 'r';

/// Fills up the last tokens of a line. A search has no line breaks, so its words never match this.
const PADDING: char = '\n';

/// The text in lower case and without accents, so that `Zoe` finds `Zoë`.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in DecomposingNormalizerBorrowed::new_nfkd().normalize(&text.to_lowercase()).chars() {
        match c {
            '\u{300}'..='\u{36f}' => {}
            // Letters that Unicode does not decompose.
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ı' => folded.push('i'),
            'þ' => folded.push_str("th"),
            c => folded.push(c),
        }
    }
    folded
}

/// A text as one folded line.
pub fn line(text: &str) -> String {
    fold(&text.replace(['\n', '\r'], " "))
}

/// The parts of a text between spaces, commas and other separators.
pub fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || SEPARATORS.contains(&c)).filter(|piece| !piece.is_empty())
}

/// The words of a search, folded.
pub fn words(search: &str) -> Vec<String> {
    pieces(search).take(WORDS).map(fold).filter(|word| !word.is_empty()).collect()
}

/// The token of a whole word of folded text.
pub fn word_token(word: &str) -> String {
    token(WORD, word)
}

/// The token of a folded reference.
pub fn reference_token(reference: &str) -> String {
    token(REFERENCE, reference)
}

fn token(kind: char, text: &str) -> String {
    let mut token = String::with_capacity(1 + 2 * text.len());
    token.push(kind);
    push_token(&mut token, &text.chars().collect::<Vec<_>>());
    token
}

/// The tokens of folded text, separated by spaces.
pub fn tokens(text: &str) -> String {
    let mut tokens = String::with_capacity(text.len() * (2 * GRAM + 1));
    for line in text.lines() {
        let characters: Vec<char> = line.chars().chain([PADDING; GRAM - 1]).collect();
        for gram in characters.windows(GRAM) {
            push_token(&mut tokens, gram);
            tokens.push(' ');
        }
    }
    tokens
}

/// The full-text query for all of these folded words, or `None` if there are none.
pub fn query(words: &[String]) -> Option<String> {
    let mut query = String::new();
    for word in words {
        if !query.is_empty() {
            query.push_str(" AND ");
        }
        query.push('"');
        let characters: Vec<char> = word.chars().collect();
        if characters.len() < GRAM {
            push_token(&mut query, &characters);
            query.push_str("\"*");
        } else {
            for gram in characters.windows(GRAM) {
                push_token(&mut query, gram);
                query.push(' ');
            }
            query.push('"');
        }
    }
    (!query.is_empty()).then_some(query)
}

/// The full-text query for all of these folded words as whole words.
pub fn whole_words_query(words: &[String]) -> String {
    let tokens = words.iter().map(|word| format!("\"{}\"", word_token(word)));
    tokens.collect::<Vec<_>>().join(" AND ")
}

fn push_token(to: &mut String, characters: &[char]) {
    let mut utf8 = [0; 4];
    for c in characters {
        for byte in c.encode_utf8(&mut utf8).bytes() {
            // Writing to a string does not fail.
            let _ = write!(to, "{byte:02x}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_do_not_matter() {
        for (text, folded) in [
            ("Zoë O'Brien", "zoe o'brien"),
            ("Łódź", "lodz"),
            ("Straße", "strasse"),
            ("PO1 1CE", "po1 1ce"),
            ("李", "李"),
        ] {
            assert_eq!(fold(text), folded);
        }
    }

    #[test]
    fn a_line_is_split_into_every_three_characters() {
        assert_eq!(
            tokens("abcd\nx").split(' ').collect::<Vec<_>>(),
            ["616263", "626364", "63640a", "640a0a", "780a0a", ""]
        );
    }

    #[test]
    fn a_short_word_is_the_beginning_of_a_token_and_a_long_one_a_phrase() {
        let words = |search: &str| query(&words(search));
        assert_eq!(words("ab").as_deref(), Some("\"6162\"*"));
        assert_eq!(words("abcd x").as_deref(), Some("\"616263 626364 \" AND \"78\"*"));
        assert_eq!(words(" "), None);
        // A combining accent alone.
        assert_eq!(words("\u{301}"), None);
    }

    #[test]
    fn an_address_can_be_searched_as_pages_print_it() {
        assert_eq!(words("Ada · 14, SW1A 1AA"), ["ada", "14", "sw1a", "1aa"]);
        assert_eq!(words("14,SW1A"), ["14", "sw1a"]);
    }
}
