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
        if !self.0.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
            let value = self.0.rsplit('&').find_map(|pair| match pair.strip_prefix(name)? {
                "" => Some(""),
                rest => rest.strip_prefix('='),
            });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_by_its_whole_name_and_its_last_value_counts() {
        for (raw, wait) in [
            ("", None),
            ("wait", Some("")),
            ("wait=", Some("")),
            ("wait=5", Some("5")),
            ("wait=5&after=wait=6", Some("5")),
            ("wait=5&wait=6&waits=7&await=8", Some("6")),
            ("wait=a=b", Some("a=b")),
            ("after=x+y&wait=5", Some("5")),
            ("w%61it=%35", Some("5")),
            ("&&=wait&", None),
        ] {
            assert_eq!(Query::new(Some(raw)).text("wait").as_deref(), wait, "{raw}");
        }
    }
}
