//! What a restart with other settings changes, and what it leaves as it was.

use app::domain::{ApplicationStatus, Policy};
use serde_json::json;

use crate::support::{Answers, World, application, with_a_desk};

/// Three quarters and a bit of what the valuation service says: £380,000 of £500,000 is 76 %.
const LOAN: u32 = 380_000;

async fn submit(world: &mut World, reference: &str) {
    let mut application = application(reference);
    application["loanAmount"] = json!(LOAN);
    assert!(world.submit(&application).await);
    world.settle().await;
}

async fn decision(world: &World, reference: &str) -> (ApplicationStatus, Option<Policy>) {
    let row = world.application(reference).await.expect("it is there").row;
    assert_eq!(row.loan_to_value, Some(76.0));
    (row.status, row.policy)
}

#[test]
fn limits_that_change_between_two_starts_apply_only_to_executions_that_start_later() {
    let limits = |approve_up_to, refer_up_to| Some(Policy { approve_up_to, refer_up_to });
    with_a_desk(Answers::Values, async |mut world| {
        world.configure(&["--approve-up-to-percent", "80", "--refer-up-to-percent", "90"]);
        world.restart().await;
        submit(&mut world, "decided").await;
        world.deliver().await;
        world.settle().await;
        assert_eq!(decision(&world, "decided").await, (ApplicationStatus::Approved, limits(80.0, 90.0)));
        submit(&mut world, "waiting").await;

        world.configure(&["--approve-up-to-percent", "75", "--refer-up-to-percent", "85"]);
        world.restart().await;
        submit(&mut world, "later").await;
        world.deliver().await;
        world.settle().await;
        assert_eq!(decision(&world, "decided").await, (ApplicationStatus::Approved, limits(80.0, 90.0)));
        assert_eq!(decision(&world, "waiting").await, (ApplicationStatus::Approved, limits(80.0, 90.0)));
        assert_eq!(decision(&world, "later").await, (ApplicationStatus::Referred, limits(75.0, 85.0)));
    });
}

#[test]
fn the_effect_of_a_manual_valuation_is_told_by_the_limits_of_its_execution() {
    with_a_desk(Answers::Refuses, async |mut world| {
        world.configure(&["--approve-up-to-percent", "80", "--refer-up-to-percent", "90"]);
        world.restart().await;
        submit(&mut world, "waiting").await;
        world.configure(&["--approve-up-to-percent", "75", "--refer-up-to-percent", "85"]);
        world.restart().await;
        let item = world.staff_queue().await.remove(0);
        let policy = world.manual_valuation(&item.id).await.expect("it is there").policy;
        assert_eq!(policy, Policy { approve_up_to: 80.0, refer_up_to: 90.0 });
    });
}
