//! The order of a list of applications.

/// The order of a list of applications.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// By submission time, newest first. Of what a search finds, applications with whole words come first.
    #[default]
    Newest,
    By(Column, Direction),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    Reference,
    Applicant,
    Property,
    Amount,
    LoanToValue,
    Status,
    Deadline,
    Updated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

impl Sort {
    /// The value in a query string: `amount` for ascending, `-amount` for descending, `None` for newest first.
    pub fn key(self) -> Option<String> {
        match self {
            Self::Newest => None,
            Self::By(column, Direction::Ascending) => Some(column.key().to_owned()),
            Self::By(column, Direction::Descending) => Some(format!("-{}", column.key())),
        }
    }

    /// Parses a query string's value. Anything invalid means newest first.
    pub fn from_key(key: &str) -> Self {
        let (name, direction) = match key.strip_prefix('-') {
            Some(name) => (name, Direction::Descending),
            None => (key, Direction::Ascending),
        };
        let column = Column::ALL.into_iter().find(|column| column.key() == name);
        column.map_or(Self::Newest, |column| Self::By(column, direction))
    }

    /// The order that a column heading links to: first the column's usual direction, then the opposite one, then newest
    /// first.
    pub fn next(self, column: Column) -> Self {
        let first = column.first_direction();
        match self {
            Self::By(by, direction) if by == column && direction == first => Self::By(column, first.other()),
            Self::By(by, _) if by == column => Self::Newest,
            _ => Self::By(column, first),
        }
    }
}

impl Column {
    pub const ALL: [Self; 8] = [
        Self::Reference,
        Self::Applicant,
        Self::Property,
        Self::Amount,
        Self::LoanToValue,
        Self::Status,
        Self::Deadline,
        Self::Updated,
    ];

    fn key(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Applicant => "applicant",
            Self::Property => "property",
            Self::Amount => "amount",
            Self::LoanToValue => "loan_to_value",
            Self::Status => "status",
            Self::Deadline => "deadline",
            Self::Updated => "updated",
        }
    }

    fn first_direction(self) -> Direction {
        match self {
            Self::Amount | Self::LoanToValue | Self::Updated => Direction::Descending,
            Self::Reference | Self::Applicant | Self::Property | Self::Status | Self::Deadline => Direction::Ascending,
        }
    }
}

impl Direction {
    fn other(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_round_trips_through_its_key() {
        for column in Column::ALL {
            for direction in [Direction::Ascending, Direction::Descending] {
                let sort = Sort::By(column, direction);
                assert_eq!(sort.key().as_deref().map(Sort::from_key), Some(sort));
            }
        }
        assert_eq!(Sort::from_key("-nonsense"), Sort::Newest);
    }

    #[test]
    fn a_column_heading_sorts_in_one_direction_then_the_other_then_not_at_all() {
        let once = Sort::Newest.next(Column::Amount);
        assert_eq!(once, Sort::By(Column::Amount, Direction::Descending));
        let twice = once.next(Column::Amount);
        assert_eq!(twice, Sort::By(Column::Amount, Direction::Ascending));
        assert_eq!(twice.next(Column::Amount), Sort::Newest);
        assert_eq!(twice.next(Column::Applicant), Sort::By(Column::Applicant, Direction::Ascending));
    }
}
