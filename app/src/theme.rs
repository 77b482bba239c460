//! The colour theme: light, dark, or as the system prefers.

use crate::request;

const COOKIE: &str = "theme";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// Follows the preference of the person's system.
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    /// The theme chosen in the cookie of the current request.
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

    /// The theme that the switch selects next.
    pub fn next(self) -> Self {
        match self {
            Self::System => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::System,
        }
    }

    /// The `Set-Cookie` value that keeps the choice for a year.
    pub fn cookie(self) -> String {
        format!("{COOKIE}={}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly", self.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_returns_to_the_first_theme_after_three_presses() {
        assert_eq!(Theme::System.next().next().next(), Theme::System);
    }
}
