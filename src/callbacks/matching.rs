//! Matches a callback to a request and decides what to do with it, in a pure function.

use time::OffsetDateTime;

use super::{Outcome, response::ValuationResponse};
use crate::tasks::{Answer, PausedTask, State};

/// What the callback's address says about its request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum UrlSays<'a> {
    /// Nothing, and this desk accepts callbacks by their reference alone.
    Nothing,
    /// It was signed for this request.
    Request(&'a PausedTask),
    /// It was signed for a request that does not exist.
    NoSuchRequest,
    /// It has no valid signature.
    Forged,
}

/// What to do with a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Answer the request with it.
    Answer,
    /// The request was already answered with this callback.
    Used,
    /// Park it, because the service has not returned its reference yet.
    Park,
    Unknown,
    Duplicate,
    Conflicting,
    Late,
    Refuse,
}

impl Verdict {
    /// The outcome of verdicts that need no further action. (The outcome of an answer depends on Step Functions.)
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Answer => Outcome::Received,
            Self::Used => Outcome::Accepted,
            Self::Park => Outcome::Parked,
            Self::Unknown => Outcome::Unknown,
            Self::Duplicate => Outcome::Duplicate,
            Self::Conflicting => Outcome::Conflicting,
            Self::Late => Outcome::Late,
            Self::Refuse => Outcome::Refused,
        }
    }
}

/// The parts of a callback that matching needs.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// The id of the stored callback.
    pub id: &'a str,
    pub at: OffsetDateTime,
    pub response: &'a ValuationResponse,
}

/// Matches a callback by the request that its address was signed for or, if the address says nothing, by its reference.
/// `by_reference` is the request with this reference. `being_requested` is whether the reference of some request is not
/// known yet.
pub fn decide(
    callback: Received<'_>,
    url: UrlSays<'_>,
    by_reference: Option<&PausedTask>,
    being_requested: bool,
) -> Verdict {
    match (url, by_reference) {
        (UrlSays::Forged, _) => Verdict::Refuse,
        (UrlSays::NoSuchRequest, _) => Verdict::Unknown,
        (UrlSays::Request(request), _) => match &request.valuation_reference {
            Some(reference) if *reference == callback.response.valuation_reference => answers(callback, request),
            // The reference is not this request's.
            Some(_) => Verdict::Unknown,
            None if request.state == State::Requesting => Verdict::Park,
            None => Verdict::Late,
        },
        // The sender cannot have known the reference, because it was not issued yet.
        (UrlSays::Nothing, Some(request)) if callback.at < request.since => Verdict::Unknown,
        (UrlSays::Nothing, Some(request)) => answers(callback, request),
        (UrlSays::Nothing, None) if being_requested => Verdict::Park,
        (UrlSays::Nothing, None) => Verdict::Unknown,
    }
}

fn answers(callback: Received<'_>, request: &PausedTask) -> Verdict {
    let same = |answer: &Answer| answer.says == callback.response.says();
    let is_this = |answer: &Answer| answer.callback.as_deref() == Some(callback.id);
    match &request.state {
        State::Requesting => Verdict::Park,
        // A desk may have been stopped while it sent this answer, so send it again.
        State::Open | State::Answering(_) => Verdict::Answer,
        // The deadline has passed by this desk's clock, but only Step Functions knows whether the task still waits.
        State::Lapsed => Verdict::Answer,
        // A desk was stopped before it recorded the outcome, so the callback is settled again.
        State::Answered(answer) if is_this(answer) => Verdict::Used,
        State::Answered(answer) if same(answer) => Verdict::Duplicate,
        State::Answered(_) => Verdict::Conflicting,
        State::TooLate(_) | State::Abandoned | State::Failed => Verdict::Late,
    }
}

#[cfg(test)]
mod tests {
    use app::domain::TaskKind;
    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::{invocation::PausedTaskId, tasks::Says};

    fn request(id: &str, reference: Option<&str>, state: State) -> PausedTask {
        let application = json!({
            "applicationReference": "app-ref", "property": {"nameOrNumber": "999", "postcode": "PO1 1CE"},
        });
        PausedTask {
            id: PausedTaskId::from_key(id),
            kind: TaskKind::Valuation,
            application_reference: "app-ref".parse().unwrap(),
            execution_arn: "arn".into(),
            application: serde_json::from_value(application).unwrap(),
            since: datetime!(2026-11-22 10:00 UTC),
            deadline: datetime!(2026-11-22 10:00:30 UTC),
            timeout: std::time::Duration::from_secs(30),
            retries: 0,
            valuation_reference: reference.map(str::to_owned),
            failure: None,
            policy: None,
            state,
        }
    }

    fn response(reference: &str, value: u32) -> ValuationResponse {
        let body = json!({"valuationReference": reference, "propertyValue": value});
        ValuationResponse::parse(&body.to_string()).unwrap()
    }

    /// Decides on a callback that was received after the requests in these tests were made.
    fn decide(
        callback: &str,
        url: UrlSays<'_>,
        by_reference: Option<&PausedTask>,
        response: &ValuationResponse,
        being_requested: bool,
    ) -> Verdict {
        let callback = Received { id: callback, at: datetime!(2026-11-22 10:00:06 UTC), response };
        super::decide(callback, url, by_reference, being_requested)
    }

    fn answer(value: u32) -> Answer {
        let output = json!({"valuationReference": "ref", "propertyValue": value});
        Answer {
            says: Says::Success { output },
            by: None,
            callback: Some("c".into()),
            at: datetime!(2026-11-22 10:00:06 UTC),
            versions: Vec::new(),
        }
    }

    #[test]
    fn a_callback_answers_the_request_it_was_signed_for_or_whose_reference_it_names() {
        let open = request("r", Some("ref"), State::Open);
        assert_eq!(decide("other", UrlSays::Request(&open), Some(&open), &response("ref", 1), false), Verdict::Answer);
        assert_eq!(decide("other", UrlSays::Nothing, Some(&open), &response("ref", 1), false), Verdict::Answer);
    }

    #[test]
    fn a_callback_before_its_reference_is_known_is_parked() {
        let asking = request("r", None, State::Requesting);
        assert_eq!(decide("other", UrlSays::Request(&asking), None, &response("ref", 1), false), Verdict::Park);
        assert_eq!(decide("other", UrlSays::Nothing, None, &response("ref", 1), true), Verdict::Park);
    }

    #[test]
    fn an_unknown_reference_is_unknown_even_at_a_signed_url() {
        let open = request("r", Some("ref"), State::Open);
        assert_eq!(
            decide("other", UrlSays::Request(&open), None, &response("unknown-ref", 1), false),
            Verdict::Unknown
        );
        assert_eq!(decide("other", UrlSays::Nothing, None, &response("unknown-ref", 1), false), Verdict::Unknown);
        assert_eq!(decide("other", UrlSays::NoSuchRequest, None, &response("ref", 1), false), Verdict::Unknown);
    }

    #[test]
    fn a_repeated_answer_is_a_duplicate_and_a_different_one_conflicts() {
        let answered = request("r", Some("ref"), State::Answered(answer(1)));
        for url in [UrlSays::Nothing, UrlSays::Request(&answered)] {
            assert_eq!(decide("other", url, Some(&answered), &response("ref", 1), false), Verdict::Duplicate);
            assert_eq!(decide("other", url, Some(&answered), &response("ref", 2), false), Verdict::Conflicting);
        }
    }

    #[test]
    fn a_used_callback_is_not_a_duplicate_of_itself() {
        let answered = request("r", Some("ref"), State::Answered(answer(1)));
        for url in [UrlSays::Nothing, UrlSays::Request(&answered)] {
            assert_eq!(decide("c", url, Some(&answered), &response("ref", 1), false), Verdict::Used);
        }
        assert_eq!(Verdict::Used.outcome(), Outcome::Accepted);
    }

    #[test]
    fn the_reference_of_another_request_is_unknown_at_a_signed_address() {
        let mine = request("r", Some("ref"), State::Open);
        let other = request("s", Some("ref-2"), State::Open);
        assert_eq!(
            decide("other", UrlSays::Request(&mine), Some(&other), &response("ref-2", 1), false),
            Verdict::Unknown
        );
    }

    #[test]
    fn an_interrupted_answer_is_sent_again() {
        let cut_off = request("r", Some("ref"), State::Answering(answer(1)));
        assert_eq!(
            decide("other", UrlSays::Request(&cut_off), Some(&cut_off), &response("ref", 1), false),
            Verdict::Answer
        );
    }

    #[test]
    fn a_callback_to_a_closed_request_is_late_but_step_functions_decides_on_passed_deadlines() {
        let lapsed = request("r", Some("ref"), State::Lapsed);
        assert_eq!(decide("other", UrlSays::Request(&lapsed), None, &response("ref", 1), false), Verdict::Answer);
        for state in [State::TooLate(answer(1)), State::Abandoned, State::Failed] {
            let over = request("r", Some("ref"), state.clone());
            assert_eq!(
                decide("other", UrlSays::Request(&over), Some(&over), &response("ref", 1), false),
                Verdict::Late
            );
            let never_told = request("r", None, state);
            assert_eq!(decide("other", UrlSays::Request(&never_told), None, &response("ref", 1), false), Verdict::Late);
        }
    }

    #[test]
    fn a_callback_at_a_forged_url_is_refused() {
        let open = request("r", Some("ref"), State::Open);
        assert_eq!(decide("other", UrlSays::Forged, Some(&open), &response("ref", 1), false), Verdict::Refuse);
    }

    #[test]
    fn an_unsigned_callback_that_is_older_than_the_request_is_never_used() {
        let open = request("r", Some("ref"), State::Open);
        let planted = response("ref", 9_999_999);
        let planted = Received { id: "c", at: open.since - std::time::Duration::from_millis(1), response: &planted };
        assert_eq!(super::decide(planted, UrlSays::Nothing, Some(&open), false), Verdict::Unknown);
        let on_time = Received { at: open.since, ..planted };
        assert_eq!(super::decide(on_time, UrlSays::Nothing, Some(&open), false), Verdict::Answer);
    }
}
