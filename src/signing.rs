//! Signed callback addresses. A callback at a signed address must come from a party that received the address from this
//! desk.
//!
//! An address carries the id of the valuation request, the time until which it is valid, the id of the key, and an
//! HMAC-SHA-256 over these three. All desks on the same tables share the keys, which are stored in the settings table.
//!
//! Keys rotate by age, and two are valid at any time. A new key is stored [`LEAD`] before it is used, so that every
//! desk has read it by then. The older key stays valid until the next rotation.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use time::OffsetDateTime;
use url::Url;

use crate::{aws::AwsError, clock::Clock, invocation::PausedTaskId, random, settings::Settings};

/// The setting that holds the keys.
const SETTING: &str = "callback-signing-keys";

/// The minimum age at which a key is replaced.
const ROTATION: Duration = Duration::from_secs(90 * 24 * 3600);

/// How long a new key is stored before it is used for signing.
const LEAD: Duration = Duration::from_secs(2 * 3600);

/// How often a desk reads the keys. Must be shorter than [`LEAD`].
const REFRESH: Duration = Duration::from_secs(3600);

/// How long an address is valid after the deadline of its request. A callback in this time is recorded as late and
/// assigned to its application.
const AFTER_DEADLINE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Creates and checks addresses of the form `https://desk.example/api/valuations?request=<id>.<expiry>.<key
/// id>.<signature>`.
#[derive(Clone)]
pub struct CallbackUrls {
    endpoint: Url,
    settings: Settings,
    clock: Clock,
    /// The age at which a key is replaced.
    rotation: Duration,
    keys: Arc<RwLock<Keys>>,
}

/// The result of checking the address of a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedRequest {
    /// The address carries no signature.
    Absent,
    Signed(PausedTaskId),
    /// The signature is wrong or has expired.
    Forged,
}

/// The callback endpoint of a desk with this `public_url`.
pub fn callback_endpoint(public_url: &Url) -> Url {
    let mut endpoint = public_url.clone();
    endpoint.set_path("/api/valuations");
    endpoint
}

impl CallbackUrls {
    /// Reads the keys that all desks on these tables share. The first desk creates them.
    ///
    /// `longest_wait` is the maximum time that a request waits for its callback. Keys are valid for longer than that.
    pub async fn load(
        settings: &Settings,
        clock: &Clock,
        public_url: &Url,
        longest_wait: Duration,
    ) -> Result<Self, AwsError> {
        let rotation = ROTATION.max(longest_wait + AFTER_DEADLINE + LEAD + REFRESH);
        let endpoint = callback_endpoint(public_url);
        let kept = settings.get_or_keep(SETTING, Keys::first(clock.now()).write()).await?;
        let keys = Arc::new(RwLock::new(Keys::read(&kept)?));
        let urls = Self { endpoint, settings: settings.clone(), clock: clock.clone(), rotation, keys };
        urls.refresh().await?;
        Ok(urls)
    }

    /// Reads the keys every hour, and replaces the older one when it is due.
    pub async fn keep_keys(self) {
        loop {
            self.clock.sleep(REFRESH).await;
            if let Err(error) = self.refresh().await {
                tracing::warn!(%error, "cannot read the callback signing keys; trying again later");
            }
        }
    }

    async fn refresh(&self) -> Result<(), AwsError> {
        let stored = self.settings.get_or_keep(SETTING, Keys::first(self.clock.now()).write()).await?;
        let mut keys = Keys::read(&stored)?;
        let now = self.clock.now();
        if keys.is_due(now, self.rotation) {
            let next = keys.rotated(now);
            // If another desk was faster, its keys are read in an hour, long before the new one is used.
            if self.settings.replace(SETTING, &stored, next.write()).await? {
                tracing::info!("a new callback signing key was stored");
                keys = next;
            }
        }
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// The address for the callback to `request`, which is due at `deadline`. The address for a request is the same
    /// until the key changes.
    pub fn sign(&self, request: &PausedTaskId, deadline: OffsetDateTime) -> Url {
        let expires = (deadline + AFTER_DEADLINE).unix_timestamp();
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let mut url = self.endpoint.clone();
        url.query_pairs_mut().append_pair("request", &keys.sign(request.as_str(), expires, self.clock.now()));
        url
    }

    /// Checks the `request` parameter of a callback's address.
    pub fn check(&self, parameter: Option<&str>) -> SignedRequest {
        let Some(parameter) = parameter else { return SignedRequest::Absent };
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        match keys.check(parameter, self.clock.now()) {
            Some(id) => SignedRequest::Signed(PausedTaskId::from_key(id)),
            None => SignedRequest::Forged,
        }
    }
}

/// One or two keys, the newest first.
#[derive(Clone, Serialize, Deserialize)]
struct Keys(Vec<Key>);

#[derive(Clone, Serialize, Deserialize)]
struct Key {
    id: String,
    /// 32 bytes in base64.
    secret: String,
    #[serde(with = "time::serde::rfc3339")]
    since: OffsetDateTime,
}

impl Keys {
    fn first(now: OffsetDateTime) -> Self {
        Self(vec![Key::new(now)])
    }

    fn read(stored: &str) -> Result<Self, AwsError> {
        match serde_json::from_str::<Self>(stored) {
            Ok(keys) if !keys.0.is_empty() => Ok(keys),
            // The stored text is secret, so the error must not contain it.
            _ => Err(AwsError::corrupt(format_args!("the setting {SETTING}"))),
        }
    }

    fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    fn is_due(&self, now: OffsetDateTime, rotation: Duration) -> bool {
        self.0.first().is_none_or(|newest| newest.since + rotation <= now)
    }

    fn rotated(&self, now: OffsetDateTime) -> Self {
        Self([Key::new(now)].into_iter().chain(self.0.iter().take(1).cloned()).collect())
    }

    /// The newest key that all desks have read.
    fn signing(&self, now: OffsetDateTime) -> Option<&Key> {
        self.0.iter().find(|key| key.since + LEAD <= now).or(self.0.last())
    }

    fn sign(&self, id: &str, expires: i64, now: OffsetDateTime) -> String {
        // There is always a key: `read` and `first` ensure it.
        let Some(key) = self.signing(now) else { return String::new() };
        let signature = URL_SAFE_NO_PAD.encode(key.mac(id, expires).finalize().into_bytes());
        format!("{id}.{expires}.{}.{signature}", key.id)
    }

    /// Returns the id of the request if the signature is valid and has not expired.
    fn check<'a>(&self, parameter: &'a str, now: OffsetDateTime) -> Option<&'a str> {
        let mut parts = parameter.split('.');
        let (id, expires, key, signature) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let expires: i64 = expires.parse().ok()?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let key = self.0.iter().find(|known| known.id == key).filter(|_| parts.next().is_none())?;
        key.mac(id, expires).verify_slice(&signature).ok()?;
        (now.unix_timestamp() < expires).then_some(id)
    }
}

impl Key {
    fn new(now: OffsetDateTime) -> Self {
        Self { id: random::id()[..8].to_owned(), secret: URL_SAFE_NO_PAD.encode(random::bytes()), since: now }
    }

    fn mac(&self, id: &str, expires: i64) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("HMAC takes a key of any length");
        // The purpose is part of the signed text, so that a signature for another purpose is not valid here.
        mac.update(format!("valuation-callback.{id}.{expires}.{}", self.id).as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);
    const LATER: i64 = NOW.unix_timestamp() + 60;

    #[test]
    fn a_signed_address_names_its_request_until_it_expires() {
        let keys = Keys::first(NOW);
        let signed = keys.sign("abc-_1", LATER, NOW);
        assert!(signed.starts_with(&format!("abc-_1.{LATER}.{}.", keys.0[0].id)), "{signed}");
        assert_eq!(keys.check(&signed, NOW), Some("abc-_1"));
        assert_eq!(keys.check(&signed, NOW + Duration::from_secs(60)), None);
    }

    #[test]
    fn an_address_that_was_changed_or_signed_with_another_key_is_forged() {
        let keys = Keys::first(NOW);
        let signed = keys.sign("abc", LATER, NOW);
        assert_eq!(Keys::first(NOW).check(&signed, NOW), None);
        assert_eq!(keys.check(&signed.replacen("abc", "abd", 1), NOW), None);
        assert_eq!(keys.check(&signed.replacen(&LATER.to_string(), &(LATER + 1).to_string(), 1), NOW), None);
        assert_eq!(keys.check(&format!("{signed}.x"), NOW), None);
        for wrong in ["", "abc", "abc.", "abc.1.2.3", "abc.%%%", "...", "abc.9999999999.k."] {
            assert_eq!(keys.check(wrong, NOW), None, "{wrong}");
        }
    }

    #[test]
    fn two_keys_are_valid_during_a_rotation_and_the_older_one_signs_until_all_desks_have_the_newer() {
        let old = Keys::first(NOW);
        let signed_before = old.sign("abc", LATER, NOW);
        let both = Keys::read(&old.rotated(NOW).write()).unwrap();
        assert_eq!(both.check(&signed_before, NOW), Some("abc"));
        assert_eq!(old.check(&both.sign("abc", LATER, NOW + Duration::from_secs(60)), NOW), Some("abc"));

        let by_the_newer = both.sign("abc", LATER, NOW + LEAD);
        assert_eq!(both.check(&by_the_newer, NOW), Some("abc"));
        assert_eq!(old.check(&by_the_newer, NOW), None);
        let third = both.rotated(NOW);
        assert_eq!(third.0.len(), 2);
        assert_eq!(third.check(&by_the_newer, NOW), Some("abc"));
        assert_eq!(third.check(&signed_before, NOW), None);
    }

    #[test]
    fn an_old_key_is_replaced() {
        let keys = Keys::first(NOW);
        assert!(!keys.is_due(NOW + ROTATION - Duration::from_secs(1), ROTATION));
        assert!(keys.is_due(NOW + ROTATION, ROTATION));
    }

    #[test]
    fn the_error_for_corrupt_keys_does_not_contain_them() {
        let error = Keys::read("not-json-but-secret").map(drop).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
