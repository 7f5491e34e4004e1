//! Query parameters, parsed with errors that name the parameter.

use std::borrow::Cow;

use linger_core::Position;
use linger_serve::Failure;

/// A query string, not decoded.
#[derive(Clone, Copy)]
pub(crate) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    /// Takes the part of a target after the question mark, if it has one.
    pub(crate) fn new(raw: Option<&'a str>) -> Query<'a> {
        Query(raw.unwrap_or_default())
    }

    /// Returns the last value of a parameter, decoded.
    pub(crate) fn text(self, name: &str) -> Option<Cow<'a, str>> {
        // Mostly nothing is encoded, and then the text is used as it is.
        if !self.0.contains(['%', '+']) {
            let pairs = self.0.rsplit('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
            let value = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next();
            return value.map(Cow::Borrowed);
        }
        let pairs = form_urlencoded::parse(self.0.as_bytes());
        pairs.filter(|(key, _)| key == name).last().map(|(_, value)| value)
    }

    /// Returns a number from `min` to `max`. Errors: 400 for anything else.
    pub(crate) fn number(self, name: &str, min: u64, max: u64) -> Result<Option<u64>, Failure> {
        let Some(given) = self.text(name) else { return Ok(None) };
        let number = given.parse().ok().filter(|number| (min..=max).contains(number));
        number.map(Some).ok_or_else(|| {
            Failure::malformed(format!(
                "'{name}' is a whole number from {min} to {max}, not {given:?}"
            ))
        })
    }

    /// Returns how many items a page may have. Errors: 400 beyond `max`, and for 0.
    pub(crate) fn limit(self, default: usize, max: usize) -> Result<usize, Failure> {
        let limit = self.number("limit", 1, max as u64)?;
        Ok(limit.map_or(default, |limit| limit as usize))
    }

    /// Returns a position, of which ids are made. Errors: 400 if it is none.
    pub(crate) fn position(self, name: &str) -> Result<Option<Position>, Failure> {
        Ok(self.number(name, 0, Position::MAX.get())?.map(Position::new))
    }
}
