//! A proxy's words about its caller: `X-Forwarded-For`, or `Forwarded`.
//!
//! Source: RFC 7239 for the latter. Only the last entry counts, which the nearest
//! proxy added; earlier entries may be made up. The older header wins, because a
//! proxy that writes it often passes a caller's own `Forwarded` on.

use std::net::{IpAddr, SocketAddr};

use crate::fields::Fields;

/// Returns the caller's address, if a proxy gives one.
///
/// Errors: the entry, if it is no address.
pub(crate) fn address(fields: &impl Fields) -> Option<Result<IpAddr, String>> {
    let given = match fields.values("x-forwarded-for").next_back() {
        Some(value) => readable(value).map(|value| last(value).to_owned()),
        None => {
            let value = readable(fields.values("forwarded").next_back()?)?;
            // An entry without `for` has no address; an earlier entry must not count for it.
            Some(parameter(last(value), "for").unwrap_or_default())
        }
    };
    let given = given.unwrap_or_else(|| "characters that are not ASCII".to_owned());
    Some(parse(&given).ok_or(given))
}

/// Tells whether the browser speaks TLS with the first proxy. This is believed from
/// anybody, because it only makes a cookie stricter.
pub(crate) fn is_tls(fields: &impl Fields) -> bool {
    let is_https = |proto: &str| proto.trim().eq_ignore_ascii_case("https");
    let first = |list: &str| list.split(',').next().expect("a split has a part").to_owned();
    if let Some(proto) = fields.text("x-forwarded-proto") {
        return is_https(&first(proto));
    }
    let entry = fields.text("forwarded").map(first);
    entry.and_then(|entry| parameter(&entry, "proto")).is_some_and(|proto| is_https(&proto))
}

/// Reads an address as proxies write it: plain, in quotes, in brackets, with a port.
fn parse(given: &str) -> Option<IpAddr> {
    let given = given.trim().trim_matches('"');
    if let Ok(address) = given.parse() {
        return Some(address);
    }
    if let Ok(address) = given.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    given.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn readable(value: &[u8]) -> Option<&str> {
    str::from_utf8(value).ok().filter(|value| value.is_ascii())
}

fn last(list: &str) -> &str {
    list.rsplit(',').next().expect("a split has a part")
}

/// Returns a parameter of one entry of `Forwarded`. No address has a comma or a
/// semicolon in it, quoted or not.
fn parameter(entry: &str, name: &str) -> Option<String> {
    entry.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = value.trim().trim_matches('"');
        key.trim().eq_ignore_ascii_case(name).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;

    #[test]
    fn a_forwarded_address_is_understood_in_every_form_that_proxies_write() {
        let rows = [
            ("203.0.113.9", Some("203.0.113.9")),
            (" 203.0.113.9 ", Some("203.0.113.9")),
            ("203.0.113.9:40001", Some("203.0.113.9")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:443", Some("2001:db8::1")),
            ("\"[2001:db8::1]:443\"", Some("2001:db8::1")),
            ("unknown", None),
            ("_hidden", None),
            ("203.0.113.9:port", None),
            ("", None),
        ];
        for (given, expected) in rows {
            let expected = expected.map(|address| address.parse::<IpAddr>().unwrap());
            assert_eq!(parse(given), expected, "{given:?}");
        }
    }

    #[test]
    fn the_last_entry_of_whichever_header_there_is_counts() {
        type Given<'a> = &'a [(&'static str, &'a str)];
        let rows: [(Given<'_>, Option<Result<&str, &str>>); 12] = [
            (&[], None),
            (&[("x-forwarded-for", "10.0.0.1, 203.0.113.9")], Some(Ok("203.0.113.9"))),
            (
                &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2")],
                Some(Ok("2.2.2.2")),
            ),
            (&[("x-forwarded-for", "nobody")], Some(Err("nobody"))),
            (&[("x-forwarded-for", "")], Some(Err(""))),
            (&[("forwarded", "for=192.0.2.60;proto=http;by=203.0.113.43")], Some(Ok("192.0.2.60"))),
            (&[("forwarded", "For=\"[2001:db8::1]:4711\"")], Some(Ok("2001:db8::1"))),
            (&[("forwarded", "for=1.1.1.1, proto=https; for=\"2.2.2.2:80\"")], Some(Ok("2.2.2.2"))),
            (&[("forwarded", "for=1.1.1.1"), ("forwarded", "for=3.3.3.3")], Some(Ok("3.3.3.3"))),
            (&[("forwarded", "for=1.1.1.1, proto=https")], Some(Err(""))),
            (&[("forwarded", "for=_hidden")], Some(Err("_hidden"))),
            (&[("forwarded", "for=1.1.1.1"), ("x-forwarded-for", "2.2.2.2")], Some(Ok("2.2.2.2"))),
        ];
        for (given, expected) in rows {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                headers.append(*name, value.parse().unwrap());
            }
            let expected = expected.map(|told| {
                told.map(|text| text.parse::<IpAddr>().unwrap()).map_err(str::to_owned)
            });
            assert_eq!(address(&headers), expected, "{given:?}");
        }
    }

    #[test]
    fn a_browser_behind_tls_is_known_by_either_header() {
        let rows = [
            ("x-forwarded-proto", "https", true),
            ("x-forwarded-proto", "HTTPS", true),
            ("x-forwarded-proto", "http", false),
            ("x-forwarded-proto", "https, http", true),
            ("forwarded", "for=1.1.1.1;proto=https", true),
            ("forwarded", "proto=\"https\"", true),
            ("forwarded", "for=1.1.1.1;proto=http", false),
            ("via", "https", false),
        ];
        for (name, value, expected) in rows {
            let mut headers = HeaderMap::new();
            headers.append(name, value.parse().unwrap());
            assert_eq!(is_tls(&headers), expected, "{name}: {value}");
        }
    }
}
