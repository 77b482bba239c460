//! The caller of an operation. Every operation takes an [`Actor`].

/// The caller of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A visitor to the pages who has not given a name. The desk has no sign-in yet.
    Visitor,
    /// A visitor to the pages who has given a name.
    Person(Person),
    /// A program that calls the API.
    Api,
}

/// A person, identified by the name that they gave. Operations that record who did something take this instead of an
/// [`Actor`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    name: String,
}

impl Person {
    /// Returns `None` if the name is blank.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim();
        (!name.is_empty()).then(|| Self { name: name.to_owned() })
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Actor {
    /// The name to record. Only a person has one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Person(person) => Some(person.name()),
            Self::Visitor | Self::Api => None,
        }
    }
}

impl From<Person> for Actor {
    fn from(person: Person) -> Self {
        Self::Person(person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_person_is_not_blank() {
        assert_eq!(Person::named("  "), None);
        let person = Person::named(" Ada Byron ").unwrap();
        assert_eq!(person.name(), "Ada Byron");
        assert_eq!(Actor::from(person).name(), Some("Ada Byron"));
        assert_eq!(Actor::Visitor.name(), None);
    }
}
