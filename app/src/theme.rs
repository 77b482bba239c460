//! Light or dark.

use crate::request;

const COOKIE: &str = "theme";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// Whatever the person's system says.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    /// As chosen in the cookie of this request.
    pub fn current() -> Self {
        request::cookie(COOKIE).and_then(|key| Self::from_key(&key)).unwrap_or_default()
    }

    pub fn key(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        [Self::System, Self::Light, Self::Dark].into_iter().find(|theme| theme.key() == key)
    }

    /// What the switch chooses when it is pressed.
    pub fn next(self) -> Self {
        match self {
            Self::System => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::System,
        }
    }

    /// The cookie that keeps the choice for a year.
    pub fn cookie(self) -> String {
        format!("{COOKIE}={}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly", self.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_presses_of_the_switch_lead_back() {
        assert_eq!(Theme::System.next().next().next(), Theme::System);
    }
}
