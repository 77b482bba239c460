//! Two desks on one AWS share the background work: the one that holds the lease does it.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::support::{Answers, MANUAL_TIMEOUT, SecondDesk, VALUATION_TIMEOUT, World, application, with_a_desk};

/// Advances the clocks of both desks in small steps, and lets their background tasks run in between.
async fn pass(world: &mut World, second: &SecondDesk, time: Duration) {
    const STEP: Duration = Duration::from_secs(2);
    for _ in 0..time.as_secs() / STEP.as_secs() {
        world.clock.advance(STEP);
        second.clock.advance(STEP);
        world.settle().await;
        second.settle().await;
    }
}

/// Whether a desk has done more than ask for the lease since it was last asked.
fn has_worked(calls: &[String]) -> bool {
    calls.iter().any(|call| call == "Query")
}

#[test]
fn only_the_holder_of_the_lease_works_in_the_background_and_the_other_desk_takes_over_when_it_stops() {
    with_a_desk(Answers::Never, async |mut world| {
        let second = SecondDesk::open(&world).await;
        let mut first_works = JoinSet::new();
        first_works.spawn(world.reconcile());
        world.settle().await;
        let mut second_works = JoinSet::new();
        second_works.spawn(second.reconcile());
        pass(&mut world, &second, Duration::from_secs(60)).await;
        assert!(has_worked(&world.faults.calls()), "the first desk holds the lease");
        let calls = second.faults.calls();
        assert!(!has_worked(&calls) && !calls.is_empty(), "the second desk only asks for the lease: {calls:?}");

        // A manual valuation is overdue. The first desk is killed before it sees that.
        assert!(world.submit(&application("app-1")).await);
        pass(&mut world, &second, VALUATION_TIMEOUT + Duration::from_secs(10)).await;
        assert_eq!(world.staff_queue().await.len(), 1);
        first_works.shutdown().await;
        world.clock.advance(MANUAL_TIMEOUT);
        second.clock.advance(Duration::from_secs(10));
        world.settle().await;
        second.settle().await;
        assert_eq!(world.execution_status("app-1").await.as_deref(), Some("FAILED"));
        let open = async |world: &World| {
            let tasks = world.table("loan-desk-paused-tasks").await;
            tasks.iter().filter(|task| task["state"] == "open").count()
        };
        assert_eq!(open(&world).await, 1);
        assert!(!has_worked(&second.faults.calls()), "the lease has not lapsed");

        second.clock.advance(MANUAL_TIMEOUT);
        pass(&mut world, &second, Duration::from_secs(60)).await;
        assert!(has_worked(&second.faults.calls()), "the second desk has taken over");
        assert_eq!(open(&world).await, 0, "the holder of the lease closes what is overdue");
    });
}
