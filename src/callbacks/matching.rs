//! Which request a callback answers and what is to be done with it: a pure function of what is known.

use time::OffsetDateTime;

use super::{Outcome, response::ValuationResponse};
use crate::tasks::{Answer, PausedTask, State};

/// What the callback's address says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum UrlSays<'a> {
    /// Nothing, and this desk takes callbacks by their reference alone.
    Nothing,
    /// It was signed for this request.
    Request(&'a PausedTask),
    /// It was signed for a request that is not there.
    NoSuchRequest,
    /// It carries no signature that counts.
    Forged,
}

/// What is to be done with a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It answers the request.
    Answer,
    /// The request was answered with this very callback before.
    Used,
    /// It came before the service had told its reference.
    Park,
    Unknown,
    Duplicate,
    Conflicting,
    Late,
    Refuse,
}

impl Verdict {
    /// The outcome where nothing else is to be done. (An answer's depends on Step Functions.)
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

/// A callback, as far as matching needs it.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// The id that it is kept under.
    pub id: &'a str,
    pub at: OffsetDateTime,
    pub response: &'a ValuationResponse,
}

/// Matches a callback by the request that its address was signed for or, when the address says nothing, by its reference.
/// `by_reference`: the request that has this reference. `being_requested`: whether some request has not been told its
/// reference yet.
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
            // The reference of another request, or of none: either way it is not this one's.
            Some(_) => Verdict::Unknown,
            None if request.state == State::Requesting => Verdict::Park,
            None => Verdict::Late,
        },
        // Whoever sent it cannot have known the reference: it had not been given to this request yet.
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
        // An answer that is being sent may be one that a desk was stopped over: sending it again finishes it.
        State::Open | State::Answering(_) => Verdict::Answer,
        // By this desk's clock. Only Step Functions knows whether it still waits.
        State::Lapsed => Verdict::Answer,
        // Settled again: a desk stopped before it had recorded the outcome.
        State::Answered(answer) if is_this(answer) => Verdict::Used,
        State::Answered(answer) if same(answer) => Verdict::Duplicate,
        State::Answered(_) => Verdict::Conflicting,
        State::TooLate(_) | State::Abandoned | State::Failed => Verdict::Late,
    }
}

#[cfg(test)]
mod tests {
    use app::domain::WaitingOn;
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
            on: WaitingOn::ValuationService,
            application_reference: "app-ref".parse().unwrap(),
            execution_arn: "arn".into(),
            application: serde_json::from_value(application).unwrap(),
            since: datetime!(2026-11-22 10:00 UTC),
            deadline: datetime!(2026-11-22 10:00:30 UTC),
            timeout: std::time::Duration::from_secs(30),
            retries: 0,
            valuation_reference: reference.map(str::to_owned),
            failure: None,
            state,
        }
    }

    fn response(reference: &str, value: u32) -> ValuationResponse {
        let body = json!({"valuationReference": reference, "propertyValue": value});
        ValuationResponse::parse(&body.to_string()).unwrap()
    }

    /// A callback that came after the requests of these tests were made.
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
        }
    }

    #[test]
    fn a_callback_answers_the_request_it_was_signed_for_or_whose_reference_it_names() {
        let open = request("r", Some("ref"), State::Open);
        assert_eq!(decide("other", UrlSays::Request(&open), Some(&open), &response("ref", 1), false), Verdict::Answer);
        assert_eq!(decide("other", UrlSays::Nothing, Some(&open), &response("ref", 1), false), Verdict::Answer);
    }

    #[test]
    fn one_that_comes_before_its_reference_is_parked() {
        let asking = request("r", None, State::Requesting);
        assert_eq!(decide("other", UrlSays::Request(&asking), None, &response("ref", 1), false), Verdict::Park);
        assert_eq!(decide("other", UrlSays::Nothing, None, &response("ref", 1), true), Verdict::Park);
    }

    #[test]
    fn a_reference_that_nobody_knows_is_unknown_even_when_the_url_is_signed() {
        let open = request("r", Some("ref"), State::Open);
        assert_eq!(
            decide("other", UrlSays::Request(&open), None, &response("unknown-ref", 1), false),
            Verdict::Unknown
        );
        assert_eq!(decide("other", UrlSays::Nothing, None, &response("unknown-ref", 1), false), Verdict::Unknown);
        assert_eq!(decide("other", UrlSays::NoSuchRequest, None, &response("ref", 1), false), Verdict::Unknown);
    }

    #[test]
    fn the_same_answer_again_is_a_duplicate_and_another_conflicts() {
        let answered = request("r", Some("ref"), State::Answered(answer(1)));
        for url in [UrlSays::Nothing, UrlSays::Request(&answered)] {
            assert_eq!(decide("other", url, Some(&answered), &response("ref", 1), false), Verdict::Duplicate);
            assert_eq!(decide("other", url, Some(&answered), &response("ref", 2), false), Verdict::Conflicting);
        }
    }

    #[test]
    fn a_callback_that_was_used_is_never_taken_for_a_duplicate_of_itself() {
        let answered = request("r", Some("ref"), State::Answered(answer(1)));
        for url in [UrlSays::Nothing, UrlSays::Request(&answered)] {
            assert_eq!(decide("c", url, Some(&answered), &response("ref", 1), false), Verdict::Used);
        }
        assert_eq!(Verdict::Used.outcome(), Outcome::Accepted);
    }

    #[test]
    fn the_reference_of_another_request_at_a_signed_address_is_unknown_there() {
        let mine = request("r", Some("ref"), State::Open);
        let other = request("s", Some("ref-2"), State::Open);
        assert_eq!(
            decide("other", UrlSays::Request(&mine), Some(&other), &response("ref-2", 1), false),
            Verdict::Unknown
        );
    }

    #[test]
    fn an_answer_that_was_cut_off_is_sent_again() {
        let cut_off = request("r", Some("ref"), State::Answering(answer(1)));
        assert_eq!(
            decide("other", UrlSays::Request(&cut_off), Some(&cut_off), &response("ref", 1), false),
            Verdict::Answer
        );
    }

    #[test]
    fn when_its_request_is_over_it_is_late_and_step_functions_decides_whether_a_deadline_has_passed() {
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
    fn a_forged_url_is_refused_whatever_it_says() {
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
