//! Query parameters, parsed with errors that name the parameter.

use crate::failure::Failure;

/// The parameters of a query string, decoded, in order.
pub(super) type Parameters = Vec<(String, String)>;

/// Decodes a query string. Errors: 400 when it is no query string.
pub(super) fn parse(raw: Option<&str>) -> Result<Parameters, Failure> {
    let uri = format!("/?{}", raw.unwrap_or_default());
    let uri = uri.parse().map_err(|_| Failure::malformed("the query string is not one"))?;
    let decoded = axum::extract::Query::<Parameters>::try_from_uri(&uri);
    decoded.map(|query| query.0).map_err(|error| Failure::malformed(error.body_text()))
}

/// Returns the last value of a parameter.
pub(super) fn text<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a str> {
    let mut values = parameters.iter().rev().filter(|(key, _)| key == name);
    values.next().map(|(_, value)| value.as_str())
}

/// Returns a number from `min` to `max`. Errors: 400 for anything else.
pub(super) fn number(
    parameters: &Parameters,
    name: &str,
    min: u64,
    max: u64,
) -> Result<Option<u64>, Failure> {
    let Some(given) = text(parameters, name) else { return Ok(None) };
    let number = given.parse().ok().filter(|number| (min..=max).contains(number));
    number.map(Some).ok_or_else(|| {
        Failure::malformed(format!("'{name}' is a whole number from {min} to {max}, not {given:?}"))
    })
}
