//! Task tokens: who holds one may answer the task.
//!
//! Nothing is stored to recognise a token by. It names its task and carries a signature made with a key that is kept in the
//! database, so it can't be guessed, and one that was answered long ago is still told from one that never was.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{interpreter::TaskId, mix::mixed, store::ExecutionId};

const VERSION: u8 = 1;
/// version, execution, task
const NAMED: usize = 1 + 8 + 8;
const SIGNATURE: usize = 32;

/// A task token. Its Debug shows nothing of it: a token is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskToken(String);

impl TaskToken {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskToken(…)")
    }
}

/// The token is not one that this engine has given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Invalid token")]
pub struct InvalidToken;

/// Signs what clients carry for the engine and must not change: task tokens and the marks of pages.
#[derive(Clone)]
pub struct Signer {
    mac: Hmac<Sha256>,
    /// Of this database's own, for [`Signer::seed`].
    salt: u64,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(…)")
    }
}

impl Signer {
    /// The length of a key, in bytes.
    pub const KEY: usize = 32;

    pub fn new(key: &[u8; Self::KEY]) -> Self {
        // HMAC takes keys of any length: this can't fail.
        let mac: Hmac<Sha256> = Hmac::new_from_slice(key).expect("HMAC takes any key");
        let salt = mac.clone().chain_update(b"seed\0").finalize().into_bytes();
        let salt = u64::from_be_bytes(salt[..8].try_into().expect("eight bytes"));
        Self { mac, salt }
    }

    pub fn task_token(&self, execution: ExecutionId, task: TaskId) -> TaskToken {
        let mut bytes = Vec::with_capacity(NAMED + SIGNATURE);
        bytes.push(VERSION);
        bytes.extend_from_slice(&execution.0.to_be_bytes());
        bytes.extend_from_slice(&task.0.to_be_bytes());
        let signature = self.mac.clone().chain_update(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&signature);
        TaskToken(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The task that the token names. Whether it still waits is not said by the token.
    pub fn read_task_token(&self, token: &str) -> Result<(ExecutionId, TaskId), InvalidToken> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidToken)?;
        if bytes.len() != NAMED + SIGNATURE || bytes[0] != VERSION {
            return Err(InvalidToken);
        }
        let (named, signature) = bytes.split_at(NAMED);
        self.mac.clone().chain_update(named).verify_slice(signature).map_err(|_| InvalidToken)?;
        let number = |at: usize| i64::from_be_bytes(named[at..at + 8].try_into().expect("eight bytes"));
        Ok((ExecutionId(number(1)), TaskId(number(9))))
    }

    /// What an execution draws its random choices from: its own, and always the same.
    pub(crate) fn seed(&self, execution: ExecutionId) -> u64 {
        mixed(self.salt, execution.0.cast_unsigned())
    }

    /// An opaque `nextToken`: where the page after this one begins, good for the same request only.
    pub fn page_token(&self, request: &str, next: i64) -> String {
        let mut bytes = next.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.page_signature(request, next));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub fn read_page_token(&self, request: &str, token: &str) -> Result<i64, InvalidToken> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidToken)?;
        let (next, signature) = bytes.split_first_chunk::<8>().ok_or(InvalidToken)?;
        let next = i64::from_be_bytes(*next);
        if signature == self.page_signature(request, next) { Ok(next) } else { Err(InvalidToken) }
    }

    fn page_signature(&self, request: &str, next: i64) -> [u8; 16] {
        let mac = self.mac.clone().chain_update(b"page\0").chain_update(request).chain_update(next.to_be_bytes());
        let mut short = [0; 16];
        short.copy_from_slice(&mac.finalize().into_bytes()[..16]);
        short
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(key: u8) -> Signer {
        Signer::new(&[key; 32])
    }

    #[test]
    fn a_token_names_its_task() {
        let token = signer(7).task_token(ExecutionId(42), TaskId(3));
        assert_eq!(signer(7).read_task_token(token.as_str()), Ok((ExecutionId(42), TaskId(3))));
    }

    #[test]
    fn a_token_of_another_key_is_refused() {
        let token = signer(8).task_token(ExecutionId(42), TaskId(3));
        assert_eq!(signer(7).read_task_token(token.as_str()), Err(InvalidToken));
    }

    #[test]
    fn a_token_changed_anywhere_is_refused() {
        let token = signer(7).task_token(ExecutionId(42), TaskId(3));
        let bytes = URL_SAFE_NO_PAD.decode(token.as_str()).unwrap();
        for at in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[at] ^= 1;
            assert_eq!(signer(7).read_task_token(&URL_SAFE_NO_PAD.encode(forged)), Err(InvalidToken), "byte {at}");
        }
    }

    #[test]
    fn what_is_no_token_at_all_is_refused() {
        for text in ["", "a", "tokenA", "ä", &"A".repeat(2048)] {
            assert_eq!(signer(7).read_task_token(text), Err(InvalidToken), "{text}");
        }
    }

    #[test]
    fn debug_shows_nothing_of_a_token() {
        assert_eq!(format!("{:?}", signer(7).task_token(ExecutionId(1), TaskId(1))), "TaskToken(…)");
    }

    #[test]
    fn executions_draw_different_numbers_and_always_the_same() {
        let seeds: std::collections::HashSet<u64> = (0..1000).map(|id| signer(7).seed(ExecutionId(id))).collect();
        assert_eq!(seeds.len(), 1000);
        assert_eq!(signer(7).seed(ExecutionId(42)), signer(7).seed(ExecutionId(42)));
        assert_ne!(signer(7).seed(ExecutionId(42)), signer(8).seed(ExecutionId(42)));
    }

    #[test]
    fn a_page_token_is_good_for_its_own_request_only() {
        let token = signer(7).page_token("ListExecutions a", 9);
        assert_eq!(signer(7).read_page_token("ListExecutions a", &token), Ok(9));
        assert_eq!(signer(7).read_page_token("ListExecutions b", &token), Err(InvalidToken));
        assert_eq!(signer(7).read_page_token("ListExecutions a", "AAAA"), Err(InvalidToken));
    }
}
