//! How histories and states are stored: as JSON, compressed where that is shorter.
//!
//! The JSON of an execution is short and repeats the same names, so it is compressed with a dictionary: a text that the
//! engine has anyway, and to which the compressed text refers. The first byte tells which dictionary that is. Rows of
//! earlier schemas are plain JSON, and so are those that compression would not make shorter.

use std::borrow::Cow;

use lz4_flex::block::{compress_prepend_size_with_dict, decompress_size_prepended_with_dict};
use rusqlite::{Error, Result, types::Type};

/// The dictionary of all rows that begin with [`WITH_DICTIONARY_1`]. It must never change. A better one would be a second
/// one, with a number of its own.
const DICTIONARY_1: &[u8] = include_bytes!("dictionary_1.txt");
/// JSON never begins with this byte.
const WITH_DICTIONARY_1: u8 = 1;

/// Longer rows are stored as they are, because compressing one takes milliseconds while all others wait for the writer.
const LONGEST: usize = 1 << 20;

pub(super) fn pack(json: &[u8]) -> Cow<'_, [u8]> {
    if json.len() > LONGEST {
        return Cow::Borrowed(json);
    }
    let mut packed = compress_prepend_size_with_dict(json, DICTIONARY_1);
    packed.insert(0, WITH_DICTIONARY_1);
    if packed.len() < json.len() { Cow::Owned(packed) } else { Cow::Borrowed(json) }
}

/// # Errors
/// When the file is damaged.
pub(super) fn unpack(stored: &[u8]) -> Result<Cow<'_, [u8]>> {
    let damaged = |what: String| Error::FromSqlConversionFailure(0, Type::Blob, what.into());
    let Some((&WITH_DICTIONARY_1, packed)) = stored.split_first() else { return Ok(Cow::Borrowed(stored)) };
    let length = packed.first_chunk().map_or(0, |length| u32::from_le_bytes(*length) as usize);
    if length > LONGEST {
        return Err(damaged(format!("a compressed row claims to have {length} bytes")));
    }
    let json = decompress_size_prepended_with_dict(packed, DICTIONARY_1).map_err(|error| damaged(error.to_string()))?;
    if json.len() != length {
        return Err(damaged(format!("a compressed row has {} bytes instead of {length}", json.len())));
    }
    Ok(Cow::Owned(json))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// Bytes without any pattern.
    fn noise(length: usize) -> Vec<u8> {
        (0..length).map(|at| Sha256::digest(at.to_be_bytes())[0] | 0x20).collect()
    }

    #[test]
    fn compressed_rows_can_be_decompressed() {
        let event = br#"{"timestamp":1795341600.0,"id":1,"previousEventId":0,"type":"TaskSubmitted"}"#.as_slice();
        let long = [b'[', b' '].repeat(LONGEST / 2);
        let longer = [long.as_slice(), b"x"].concat();
        for json in [b"".as_slice(), b"{", event, &noise(1), &noise(100_000), &long, &longer, DICTIONARY_1] {
            assert_eq!(unpack(&pack(json)).unwrap(), json);
            assert!(pack(json).len() <= json.len());
        }
        assert!(pack(event).len() * 2 < event.len());
        assert_eq!(*pack(&longer), *longer, "compressing it would take too long");
    }

    #[test]
    fn rows_of_earlier_schemas_are_read_as_they_are() {
        let json = br#"{"e":5,"t":1,"n":1}"#;
        assert_eq!(*unpack(json).unwrap(), *json);
    }

    #[test]
    fn damaged_rows_are_refused() {
        let packed = pack(DICTIONARY_1).into_owned();
        for length in 1..packed.len() {
            assert!(unpack(&packed[..length]).is_err(), "{length} bytes");
        }
        assert!(unpack(&[WITH_DICTIONARY_1, 0xff, 0xff, 0xff, 0xff]).is_err());
    }

    #[test]
    fn the_dictionary_never_changes() {
        let hash = Sha256::digest(DICTIONARY_1).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hash, "c001dcc1da43ffdd46e96033b8c3f345fc52b5059c1a124ece4361d5fe7b5dd8");
    }
}
