//! Signatures of callback URLs: whoever calls back with one has it from this desk.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use url::Url;

use crate::{aws::AwsError, paused::PausedTaskId, random, settings::Settings};

/// Makes and checks `https://desk.example/api/valuations?request=<id>.<signature>`.
#[derive(Clone)]
pub struct CallbackUrls {
    endpoint: Url,
    key: Vec<u8>,
}

/// What a callback's URL says about the request it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedRequest {
    /// Nothing: a plain valuer calls back at the bare address.
    Absent,
    Signed(PausedTaskId),
    /// The signature does not fit.
    Forged,
}

/// Where a desk that is reached at `public_url` takes callbacks.
pub fn callback_endpoint(public_url: &Url) -> Url {
    let mut endpoint = public_url.clone();
    endpoint.set_path("/api/valuations");
    endpoint
}

impl CallbackUrls {
    /// With the key that all desks on these tables share; it is made by the first of them.
    pub async fn load(settings: &Settings, public_url: &Url) -> Result<Self, AwsError> {
        let kept = settings.get_or_keep("callback-signing-key", URL_SAFE_NO_PAD.encode(random::bytes())).await?;
        let key = URL_SAFE_NO_PAD.decode(kept).map_err(|_| AwsError::corrupt("the callback signing key"))?;
        Ok(Self::new(public_url, key))
    }

    fn new(public_url: &Url, key: Vec<u8>) -> Self {
        Self { endpoint: callback_endpoint(public_url), key }
    }

    pub fn sign(&self, request: &PausedTaskId) -> Url {
        let signature = URL_SAFE_NO_PAD.encode(self.mac(request.as_str()).finalize().into_bytes());
        let mut url = self.endpoint.clone();
        url.query_pairs_mut().append_pair("request", &format!("{request}.{signature}"));
        url
    }

    /// Reads the `request` parameter of a callback's URL.
    pub fn check(&self, parameter: Option<&str>) -> SignedRequest {
        let Some(parameter) = parameter else { return SignedRequest::Absent };
        let Some((id, signature)) = parameter.split_once('.') else { return SignedRequest::Forged };
        match URL_SAFE_NO_PAD.decode(signature) {
            Ok(signature) if self.mac(id).verify_slice(&signature).is_ok() => {
                SignedRequest::Signed(PausedTaskId::from_key(id))
            }
            _ => SignedRequest::Forged,
        }
    }

    fn mac(&self, id: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        // The purpose is signed too: this key will never vouch for anything else.
        mac.update(b"valuation-request:");
        mac.update(id.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(key: u8) -> CallbackUrls {
        CallbackUrls::new(&"https://desk.example".parse().unwrap(), vec![key; 32])
    }

    fn parameter(url: &Url) -> String {
        url.query_pairs().find(|(name, _)| name == "request").unwrap().1.into_owned()
    }

    #[test]
    fn a_signed_url_names_its_request() {
        let id = PausedTaskId::from_key("abc-_1");
        let url = urls(1).sign(&id);
        assert!(url.as_str().starts_with("https://desk.example/api/valuations?request=abc-_1."));
        assert_eq!(urls(1).check(Some(&parameter(&url))), SignedRequest::Signed(id));
    }

    #[test]
    fn a_url_signed_elsewhere_or_changed_is_forged() {
        let signed = parameter(&urls(1).sign(&PausedTaskId::from_key("abc")));
        assert_eq!(urls(2).check(Some(&signed)), SignedRequest::Forged);
        assert_eq!(urls(1).check(Some(&signed.replacen("abc", "abd", 1))), SignedRequest::Forged);
        for wrong in ["", "abc", "abc.", "abc.%%%"] {
            assert_eq!(urls(1).check(Some(wrong)), SignedRequest::Forged, "{wrong}");
        }
    }

    #[test]
    fn a_bare_url_names_none() {
        assert_eq!(urls(1).check(None), SignedRequest::Absent);
    }
}
