//! Transactions that are sent more than once.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

use super::dynamodb::unpoisoned;

/// How long a `ClientRequestToken` is remembered: as long as AWS says.
const REMEMBERED: Duration = Duration::from_secs(600);

/// The transactions of the last ten minutes by their tokens. Of each it keeps a digest and the answer, some 200 bytes.
#[derive(Default)]
pub struct Transactions(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    by_token: HashMap<String, Arc<Transaction>>,
    /// The tokens, oldest first, with the time when each came.
    by_age: VecDeque<(Instant, String)>,
}

struct Transaction {
    /// The SHA-256 digest of its request.
    request: [u8; 32],
    /// Locked while it is under way; `None` until it has succeeded.
    answer: Mutex<Option<Vec<u8>>>,
}

/// The token was sent before with another request.
#[derive(Debug, PartialEq, Eq)]
pub struct Mismatch;

impl Transactions {
    /// Performs a transaction unless one with the same token has succeeded; then returns that one's answer. A transaction
    /// whose token is under way waits for it. Others do not wait.
    pub fn once<E>(
        &self,
        token: &str,
        request: &[u8],
        perform: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Result<Vec<u8>, E>, Mismatch> {
        let request: [u8; 32] = Sha256::digest(request).into();
        let transaction = unpoisoned(&self.0).enter(token, request);
        if transaction.request != request {
            return Err(Mismatch);
        }
        let mut answer = unpoisoned(&transaction.answer);
        if let Some(answer) = &*answer {
            return Ok(Ok(answer.clone()));
        }
        let performed = perform();
        match &performed {
            Ok(given) => *answer = Some(given.clone()),
            // It has changed nothing, so it may be sent again, with other parameters too.
            Err(_) => unpoisoned(&self.0).forget(token, &transaction),
        }
        Ok(performed)
    }
}

impl Remembered {
    fn enter(&mut self, token: &str, request: [u8; 32]) -> Arc<Transaction> {
        while let Some((_, old)) = self.by_age.pop_front_if(|(came, _)| came.elapsed() >= REMEMBERED) {
            self.by_token.remove(&old);
        }
        if let Some(known) = self.by_token.get(token) {
            return known.clone();
        }
        let transaction = Arc::new(Transaction { request, answer: Mutex::default() });
        self.by_token.insert(token.to_owned(), transaction.clone());
        self.by_age.push_back((Instant::now(), token.to_owned()));
        transaction
    }

    fn forget(&mut self, token: &str, transaction: &Arc<Transaction>) {
        if self.by_token.get(token).is_some_and(|known| Arc::ptr_eq(known, transaction)) {
            self.by_token.remove(token);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn answered(text: &str) -> Result<Result<Vec<u8>, &'static str>, Mismatch> {
        Ok(Ok(text.as_bytes().to_vec()))
    }

    #[test]
    fn a_token_stands_for_one_transaction_and_its_answer() {
        let transactions = Transactions::default();
        assert_eq!(transactions.once("a", b"1", || Ok(b"first".to_vec())), answered("first"));
        assert_eq!(transactions.once("a", b"1", || panic!("a second time")), answered("first"));
        assert_eq!(transactions.once("a", b"2", || panic!("another request")), Err::<Result<_, &str>, _>(Mismatch));
        assert_eq!(transactions.once("b", b"2", || Ok(b"second".to_vec())), answered("second"));
    }

    #[test]
    fn a_transaction_that_failed_may_be_sent_again() {
        let transactions = Transactions::default();
        assert_eq!(transactions.once("a", b"1", || Err("refused")), Ok(Err("refused")));
        assert_eq!(transactions.once("a", b"2", || Ok(b"first".to_vec())), answered("first"));
    }

    #[test]
    fn only_a_transaction_with_the_same_token_waits_for_one_that_is_under_way() {
        let transactions = Transactions::default();
        let (begun, has_begun) = mpsc::channel();
        let (finish, may_finish) = mpsc::channel();
        std::thread::scope(|scope| {
            let transactions = &transactions;
            let first = scope.spawn(move || {
                transactions.once("a", b"1", || {
                    begun.send(()).unwrap();
                    may_finish.recv().unwrap();
                    Ok(b"first".to_vec())
                })
            });
            has_begun.recv().unwrap();
            assert_eq!(transactions.once("b", b"2", || Ok(b"second".to_vec())), answered("second"));
            let again = scope.spawn(move || transactions.once("a", b"1", || panic!("a second time")));
            finish.send(()).unwrap();
            assert_eq!(first.join().unwrap(), answered("first"));
            assert_eq!(again.join().unwrap(), answered("first"));
        });
    }
}
