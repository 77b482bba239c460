//! How many calls may be under way: to one target, and in all.

use std::collections::{HashMap, VecDeque};

/// Calls under way at once, to whatever they go: each may hold an answer in memory.
const IN_ALL: usize = 1024;

/// Admits calls within a limit for each target and one for all of them together.
///
/// A target may also have no more calls under way than there are places left. A few targets that hang can therefore
/// never take every place: each further one gets half of the rest, and there is always a place for a new one. Nor can a
/// definition that computes a function's name get round the limit by making names up.
pub(super) struct Limits<K> {
    targets: HashMap<String, Target<K>>,
    /// The targets that have calls waiting, in the order of their turns.
    turns: VecDeque<String>,
    under_way: usize,
    in_all: usize,
}

struct Target<K> {
    limit: usize,
    under_way: usize,
    waiting: VecDeque<K>,
}

impl<K> Default for Limits<K> {
    fn default() -> Self {
        Self { targets: HashMap::new(), turns: VecDeque::new(), under_way: 0, in_all: IN_ALL }
    }
}

impl<K> Limits<K> {
    /// Whether the call may begin now. Otherwise it waits, and [`Limits::next`] gives it back when its turn has come.
    pub fn admit(&mut self, name: &str, limit: usize, call: K) -> bool {
        let free = self.in_all - self.under_way;
        let target = self.targets.entry(name.to_owned()).or_insert_with(|| Target {
            limit,
            under_way: 0,
            waiting: VecDeque::new(),
        });
        if target.waiting.is_empty() && target.has_room(free) {
            target.under_way += 1;
            self.under_way += 1;
            return true;
        }
        if target.waiting.is_empty() {
            self.turns.push_back(name.to_owned());
        }
        target.waiting.push_back(call);
        false
    }

    /// A call to this target has ended.
    pub fn release(&mut self, name: &str) {
        let Some(target) = self.targets.get_mut(name) else { return };
        target.under_way -= 1;
        self.under_way -= 1;
        if target.under_way == 0 && target.waiting.is_empty() {
            self.targets.remove(name);
        }
    }

    /// A waiting call that may begin now, and its target. Targets take turns.
    pub fn next(&mut self) -> Option<(String, K)> {
        for _ in 0..self.turns.len() {
            let free = self.in_all - self.under_way;
            if free == 0 {
                return None;
            }
            let name = self.turns.pop_front()?;
            let Some(target) = self.targets.get_mut(&name) else { continue };
            if !target.has_room(free) {
                self.turns.push_back(name);
                continue;
            }
            let Some(call) = target.waiting.pop_front() else { continue };
            target.under_way += 1;
            self.under_way += 1;
            if !target.waiting.is_empty() {
                self.turns.push_back(name.clone());
            }
            return Some((name, call));
        }
        None
    }
}

impl<K> Target<K> {
    fn has_room(&self, free: usize) -> bool {
        self.under_way < self.limit.min(free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(in_all: usize) -> Limits<u32> {
        Limits { in_all, ..Limits::default() }
    }

    #[test]
    fn calls_of_a_target_at_its_limit_wait_in_order() {
        let mut limits = limits(100);
        assert!(limits.admit("a", 2, 1) && limits.admit("a", 2, 2));
        assert!(!limits.admit("a", 2, 3) && !limits.admit("a", 2, 4));
        assert!(limits.admit("b", 2, 5));
        assert_eq!(limits.next(), None);
        limits.release("a");
        assert_eq!(limits.next(), Some(("a".to_owned(), 3)));
        assert_eq!(limits.next(), None);
        limits.release("a");
        assert_eq!(limits.next(), Some(("a".to_owned(), 4)));
    }

    #[test]
    fn many_different_names_do_not_exceed_the_total_limit() {
        let mut limits = limits(16);
        let begun = (0..1000).filter(|n| limits.admit(&format!("f{n}"), 4, *n)).count();
        assert_eq!(begun, 16);
        limits.release("f0");
        assert_eq!(limits.next(), Some(("f16".to_owned(), 16)));
        assert_eq!(limits.next(), None);
    }

    #[test]
    fn hanging_targets_leave_room_for_a_new_one() {
        let mut limits = limits(16);
        for n in 0..100 {
            for target in ["a", "b", "c"] {
                limits.admit(target, 8, n);
            }
        }
        assert!(limits.admit("new", 8, 0));
    }

    #[test]
    fn waiting_targets_take_turns() {
        let mut limits = limits(2);
        assert!(limits.admit("a", 8, 1) && limits.admit("b", 8, 2));
        for (name, call) in [("a", 3), ("a", 4), ("b", 5)] {
            assert!(!limits.admit(name, 8, call));
        }
        limits.release("a");
        assert_eq!(limits.next(), Some(("a".to_owned(), 3)));
        limits.release("b");
        assert_eq!(limits.next(), Some(("b".to_owned(), 5)));
    }

    #[test]
    fn a_target_without_calls_is_removed() {
        let mut limits = limits(2);
        assert!(limits.admit("a", 8, 1));
        limits.release("a");
        assert!(limits.targets.is_empty() && limits.turns.is_empty());
    }
}
