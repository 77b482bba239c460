//! Task tokens, which authorize their holder to answer a task.
//!
//! Tokens are not stored. A token identifies its task and is signed with a key that is stored in the database, so it
//! can't be guessed, and the token of a task that was answered long ago is still distinguished from an invalid one.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    ids::ExecutionId,
    interpreter::{Nonce, TaskId},
    splitmix,
};

/// The format of tokens up to schema 3, without a nonce: version, execution, event.
const WITHOUT_NONCE: u8 = 1;
/// The current format: version, execution, event, nonce.
const WITH_NONCE: u8 = 2;
const SIGNATURE: usize = 32;
/// The length of a page token's signature, in bytes.
const PAGE_SIGNATURE: usize = 16;

/// The shapes of task tokens: their number of characters, and the first of these (the version and the upper bytes of
/// the execution's number). For programs that must not show tokens to people.
pub const TASK_TOKEN_SHAPES: [(usize, &str); 2] = [(66, "AQAA"), (76, "AgAA")];

/// A task token. Its Debug output is redacted, because a token is a secret.
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

/// The error for a token that this engine did not issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Invalid token")]
pub struct InvalidToken;

/// Signs what clients carry for the engine and must not change: task tokens and page tokens.
#[derive(Clone)]
pub struct Signer {
    mac: Hmac<Sha256>,
    /// Specific to this database. Used by [`Signer::seed`].
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
        // HMAC accepts keys of any length, so this can't fail.
        let mac: Hmac<Sha256> = Hmac::new_from_slice(key).expect("HMAC takes any key");
        let salt = mac.clone().chain_update(b"seed\0").finalize().into_bytes();
        let salt = u64::from_be_bytes(salt[..8].try_into().expect("eight bytes"));
        Self { mac, salt }
    }

    /// Names the database that holds the key, and reveals nothing of the key.
    pub fn database_id(&self) -> String {
        let digest = self.mac.clone().chain_update(b"database\0").finalize().into_bytes();
        URL_SAFE_NO_PAD.encode(&digest[..PAGE_SIGNATURE])
    }

    pub fn task_token(&self, execution: ExecutionId, task: TaskId) -> TaskToken {
        let has_nonce = task.nonce != Nonce::NONE;
        let mut bytes = vec![if has_nonce { WITH_NONCE } else { WITHOUT_NONCE }];
        bytes.extend_from_slice(&execution.0.to_be_bytes());
        bytes.extend_from_slice(&task.event.to_be_bytes());
        if has_nonce {
            bytes.extend_from_slice(&task.nonce.0.to_be_bytes());
        }
        let signature = self.mac.clone().chain_update(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&signature);
        TaskToken(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The attempt at a task that the token identifies. The task may have been answered already.
    ///
    /// # Errors
    /// When this signer did not issue the token.
    pub fn read_task_token(&self, token: &str) -> Result<(ExecutionId, TaskId), InvalidToken> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidToken)?;
        let (named, signature) = bytes.split_last_chunk::<SIGNATURE>().ok_or(InvalidToken)?;
        self.mac.clone().chain_update(named).verify_slice(signature).map_err(|_| InvalidToken)?;
        let (version, numbers) = named.split_first().ok_or(InvalidToken)?;
        let (numbers, rest) = numbers.as_chunks::<8>();
        let (execution, event, nonce) = match (*version, numbers, rest) {
            (WITHOUT_NONCE, [execution, event], []) => (execution, event, [0; 8]),
            (WITH_NONCE, [execution, event, nonce], []) => (execution, event, *nonce),
            _ => return Err(InvalidToken),
        };
        let number = |bytes: &[u8; 8]| i64::from_be_bytes(*bytes);
        Ok((ExecutionId(number(execution)), TaskId { event: number(event), nonce: Nonce(number(&nonce)) }))
    }

    /// A nonce for a new attempt at a task.
    pub fn nonce() -> Nonce {
        loop {
            let drawn = getrandom::u64().expect("the operating system provides random numbers");
            // Zero stands for tasks without a nonce.
            if drawn != 0 {
                return Nonce(drawn.cast_signed());
            }
        }
    }

    /// The seed for an execution's random choices. It differs from execution to execution, and is always the same for
    /// the same one.
    pub(crate) fn seed(&self, execution: ExecutionId) -> u64 {
        splitmix::nth(self.salt, execution.0.cast_unsigned())
    }

    /// An opaque `nextToken`, which says where the next page begins. Only valid for the same request.
    pub fn page_token(&self, request: &str, next: i64) -> String {
        let mut bytes = next.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.page_mac(request, next).finalize().into_bytes()[..PAGE_SIGNATURE]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub fn read_page_token(&self, request: &str, token: &str) -> Result<i64, InvalidToken> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidToken)?;
        let (next, signature) = bytes.split_first_chunk::<8>().ok_or(InvalidToken)?;
        let next = i64::from_be_bytes(*next);
        // `verify_truncated_left` accepts signatures of any length.
        if signature.len() != PAGE_SIGNATURE {
            return Err(InvalidToken);
        }
        self.page_mac(request, next).verify_truncated_left(signature).map_err(|_| InvalidToken)?;
        Ok(next)
    }

    fn page_mac(&self, request: &str, next: i64) -> Hmac<Sha256> {
        self.mac.clone().chain_update(b"page\0").chain_update(request).chain_update(next.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(key: u8) -> Signer {
        Signer::new(&[key; 32])
    }

    const TASK: TaskId = TaskId { event: 3, nonce: Nonce(0x0102_0304_0506_0708) };

    #[test]
    fn a_token_identifies_its_task() {
        let token = signer(7).task_token(ExecutionId(42), TASK);
        assert_eq!(signer(7).read_task_token(token.as_str()), Ok((ExecutionId(42), TASK)));
    }

    #[test]
    fn a_token_of_schema_3_still_identifies_its_task() {
        let token = "AQAAAAAAAAAqAAAAAAAAAAOc-qUIQ0PpA8N99IYj0ELi1khKM9RmG_pJFdbyelu-qg";
        let task = TaskId { event: 3, nonce: Nonce::NONE };
        assert_eq!(signer(7).read_task_token(token), Ok((ExecutionId(42), task)));
        assert_eq!(signer(7).task_token(ExecutionId(42), task).as_str(), token);
    }

    #[test]
    fn every_token_has_one_of_the_shapes() {
        for nonce in [Nonce::NONE, Nonce(1), Nonce(i64::MIN)] {
            for execution in [0, 42, (1 << 40) + 1] {
                let token = signer(7).task_token(ExecutionId(execution), TaskId { nonce, ..TASK });
                let token = token.as_str();
                let is_known = |(length, start): (usize, &str)| token.len() == length && token.starts_with(start);
                assert!(TASK_TOKEN_SHAPES.into_iter().any(is_known), "{token}");
            }
        }
    }

    #[test]
    fn each_attempt_at_a_task_has_its_own_token() {
        let first = signer(7).task_token(ExecutionId(42), TASK);
        let second = signer(7).task_token(ExecutionId(42), TaskId { nonce: Nonce(9), ..TASK });
        assert_ne!(first, second);
        assert_ne!(signer(7).read_task_token(first.as_str()), signer(7).read_task_token(second.as_str()));
    }

    #[test]
    fn nonces_are_random_and_never_zero() {
        let drawn: std::collections::HashSet<Nonce> = (0..1000).map(|_| Signer::nonce()).collect();
        assert_eq!(drawn.len(), 1000);
        assert!(!drawn.contains(&Nonce::NONE));
    }

    #[test]
    fn a_token_of_another_key_is_refused() {
        let token = signer(8).task_token(ExecutionId(42), TASK);
        assert_eq!(signer(7).read_task_token(token.as_str()), Err(InvalidToken));
    }

    #[test]
    fn a_token_with_any_change_is_refused() {
        let token = signer(7).task_token(ExecutionId(42), TASK);
        let bytes = URL_SAFE_NO_PAD.decode(token.as_str()).unwrap();
        for at in 0..bytes.len() {
            let mut forged = bytes.clone();
            forged[at] ^= 1;
            assert_eq!(signer(7).read_task_token(&URL_SAFE_NO_PAD.encode(forged)), Err(InvalidToken), "byte {at}");
        }
    }

    #[test]
    fn an_invalid_token_is_refused() {
        for text in ["", "a", "tokenA", "ä", &"A".repeat(2048)] {
            assert_eq!(signer(7).read_task_token(text), Err(InvalidToken), "{text}");
        }
    }

    #[test]
    fn the_debug_output_of_a_token_is_redacted() {
        assert_eq!(format!("{:?}", signer(7).task_token(ExecutionId(1), TASK)), "TaskToken(…)");
    }

    #[test]
    fn the_seed_differs_between_executions_but_not_between_steps() {
        let seeds: std::collections::HashSet<u64> = (0..1000).map(|id| signer(7).seed(ExecutionId(id))).collect();
        assert_eq!(seeds.len(), 1000);
        assert_eq!(signer(7).seed(ExecutionId(42)), signer(7).seed(ExecutionId(42)));
        assert_ne!(signer(7).seed(ExecutionId(42)), signer(8).seed(ExecutionId(42)));
    }

    #[test]
    fn a_page_token_is_only_valid_for_its_own_request() {
        let token = signer(7).page_token("ListExecutions a", 9);
        assert_eq!(signer(7).read_page_token("ListExecutions a", &token), Ok(9));
        assert_eq!(signer(7).read_page_token("ListExecutions b", &token), Err(InvalidToken));
        assert_eq!(signer(7).read_page_token("ListExecutions a", "AAAA"), Err(InvalidToken));
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for length in 0..bytes.len() {
            let cut = URL_SAFE_NO_PAD.encode(&bytes[..length]);
            assert_eq!(signer(7).read_page_token("ListExecutions a", &cut), Err(InvalidToken), "{length} bytes");
        }
    }
}
