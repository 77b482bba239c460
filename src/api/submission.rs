//! Reading a submitted application. Every wrong field is reported at once, so that a client can show or log all of them.

use app::domain::{ApplicationReference, LoanApplication, Property};
use axum::http::StatusCode;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::refusals::Problem;

/// Errors that one answer reports. A body of 64 kB may hold thousands of unknown fields.
const REPORTED: usize = 20;

/// What a fragment of a URI cannot hold as it is (RFC 3986, section 3.5).
const NOT_IN_A_FRAGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// One field that is not valid.
#[derive(Debug, PartialEq)]
struct InvalidField {
    /// The names that lead to it from the body, outermost first.
    path: Vec<String>,
    detail: String,
}

/// Reads an application. One without a reference is given a new one, of the time `now`.
///
/// # Errors
/// A problem with the member `errors`: a JSON pointer and a sentence for each field that is not valid.
pub fn read(body: Map<String, Value>, now: OffsetDateTime) -> Result<LoanApplication, Problem> {
    let mut errors = Vec::new();
    let application = read_application(body, now, &mut errors);
    application.filter(|_| errors.is_empty()).ok_or_else(|| refusal(&errors))
}

fn read_application(
    body: Map<String, Value>,
    now: OffsetDateTime,
    errors: &mut Vec<InvalidField>,
) -> Option<LoanApplication> {
    let mut fields = Fields { path: Vec::new(), members: body, errors };
    let application_reference =
        fields.optional("applicationReference").unwrap_or_else(|| ApplicationReference::generate(now));
    let property = fields.object("property").and_then(|mut property| {
        let name_or_number = property.required("nameOrNumber");
        let postcode = property.required("postcode");
        property.refuse_others(&["nameOrNumber", "postcode"]);
        Some(Property { name_or_number: name_or_number?, postcode: postcode? })
    });
    let applicant = fields.optional("applicant");
    let loan_amount = fields.optional("loanAmount");
    let estimated_value = fields.optional("estimatedValue");
    let term_years = fields.optional("termYears");
    fields.refuse_others(&[
        "applicationReference",
        "property",
        "applicant",
        "loanAmount",
        "estimatedValue",
        "termYears",
    ]);
    Some(LoanApplication {
        application_reference,
        property: property?,
        applicant,
        loan_amount,
        estimated_value,
        term_years,
    })
}

/// The members of an object that have not been read yet.
struct Fields<'a> {
    path: Vec<String>,
    members: Map<String, Value>,
    errors: &'a mut Vec<InvalidField>,
}

impl Fields<'_> {
    fn required<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        match self.members.remove(name) {
            None => self.invalid(name, "this field is required"),
            Some(value) => self.parse(name, value),
        }
    }

    /// A field that may be absent or null.
    fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        match self.members.remove(name) {
            None | Some(Value::Null) => None,
            Some(value) => self.parse(name, value),
        }
    }

    fn object(&mut self, name: &str) -> Option<Fields<'_>> {
        match self.members.remove(name) {
            None => self.invalid(name, "this field is required"),
            Some(Value::Object(members)) => Some(Fields { path: self.path_to(name), members, errors: self.errors }),
            Some(_) => self.invalid(name, "this must be a JSON object"),
        }
    }

    fn refuse_others(&mut self, known: &[&str]) {
        let others: Vec<_> = std::mem::take(&mut self.members).into_iter().map(|(name, _)| name).collect();
        for name in others {
            let detail = format!("unknown field `{name}`; the fields here are {}", known.join(", "));
            self.invalid::<()>(&name, detail);
        }
    }

    fn parse<T: DeserializeOwned>(&mut self, name: &str, value: Value) -> Option<T> {
        T::deserialize(value).map_err(|error| self.invalid::<T>(name, error.to_string())).ok()
    }

    fn invalid<T>(&mut self, name: &str, detail: impl Into<String>) -> Option<T> {
        let path = self.path_to(name);
        self.errors.push(InvalidField { path, detail: detail.into() });
        None
    }

    fn path_to(&self, name: &str) -> Vec<String> {
        self.path.iter().cloned().chain([name.to_owned()]).collect()
    }
}

impl InvalidField {
    /// As a fragment of a URI, which is how RFC 9457 writes it: `#/property/postcode`.
    fn pointer(&self) -> String {
        let escaped = self.path.iter().map(|name| name.replace('~', "~0").replace('/', "~1"));
        let pointer: String = escaped.map(|name| format!("/{name}")).collect();
        format!("#{}", utf8_percent_encode(&pointer, NOT_IN_A_FRAGMENT))
    }
}

fn refusal(errors: &[InvalidField]) -> Problem {
    let reported = &errors[..errors.len().min(REPORTED)];
    let mut details: Vec<_> =
        reported.iter().map(|error| format!("{}: {}", error.path.join("."), error.detail)).collect();
    if errors.len() > REPORTED {
        details.push(format!("and {} more", errors.len() - REPORTED));
    }
    let pointers: Vec<_> =
        reported.iter().map(|error| json!({ "pointer": error.pointer(), "detail": error.detail })).collect();
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Not valid", details.join("; ")).with("errors", pointers)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-24 22:00 UTC);

    fn invalid(body: Value) -> Vec<(String, String)> {
        let Value::Object(body) = body else { panic!("an object") };
        let mut errors = Vec::new();
        read_application(body, NOW, &mut errors);
        errors.iter().map(|error| (error.pointer(), error.detail.clone())).collect()
    }

    fn accepted(body: &Value) -> LoanApplication {
        read(body.as_object().unwrap().clone(), NOW).unwrap()
    }

    #[test]
    fn every_wrong_field_is_reported_with_its_pointer() {
        let errors = invalid(json!({
            "applicationReference": "app ref",
            "property": { "postcode": "PO1", "street": "x" },
            "loanAmount": "a lot",
            "termYears": 41,
            "a/b~c d": 1,
        }));
        let pointers: Vec<_> = errors.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "#/applicationReference",
                "#/property/nameOrNumber",
                "#/property/postcode",
                "#/property/street",
                "#/loanAmount",
                "#/termYears",
                "#/a~1b~0c%20d"
            ]
        );
        assert_eq!(errors[1].1, "this field is required");
        assert!(errors[3].1.contains("unknown field `street`; the fields here are nameOrNumber, postcode"));
    }

    #[test]
    fn a_property_must_be_an_object() {
        for body in [json!({}), json!({ "property": null }), json!({ "property": ["999", "PO1 1CE"] })] {
            let errors = invalid(body.clone());
            assert_eq!(errors.len(), 1, "{body}");
            assert_eq!(errors[0].0, "#/property", "{body}");
        }
    }

    #[test]
    fn an_application_without_a_reference_is_given_one() {
        let property = json!({ "nameOrNumber": "999", "postcode": "PO1 1CE" });
        let application = accepted(&json!({ "property": &property }));
        assert!(application.application_reference.as_str().starts_with("LN-"));
        let application = accepted(&json!({ "applicationReference": null, "property": &property }));
        assert!(application.application_reference.as_str().starts_with("LN-"));
        // A wrong reference is refused; it is not replaced.
        assert_eq!(invalid(json!({ "applicationReference": "", "property": &property })).len(), 1);
    }

    #[test]
    fn what_serde_reads_is_read_alike() {
        let body = json!({
            "applicationReference": "app-ref",
            "property": { "nameOrNumber": "999", "postcode": "po11ce" },
            "applicant": "Ada Byron",
            "loanAmount": 250_000,
            "estimatedValue": "330000.00",
            "termYears": 25,
        });
        assert_eq!(accepted(&body), serde_json::from_value(body).unwrap());
    }

    #[test]
    fn an_answer_reports_a_bounded_number_of_errors() {
        let body: Map<_, _> = (0..1_000).map(|number| (format!("f{number}"), json!(1))).collect();
        let problem = format!("{:?}", read(body, NOW).unwrap_err());
        assert!(problem.contains("and 981 more"), "{}", &problem[problem.len().saturating_sub(300)..]);
    }
}
