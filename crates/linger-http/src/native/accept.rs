//! The form in which a reader wants events, from the header `Accept`.
//!
//! Source: RFC 9110, section 12.5.1: a list of media types, each with a weight from
//! 0 to 1, in upper or lower case. If streams are not mentioned, the answer is JSON.

/// Tells whether a reader prefers a stream of events to a page of them.
pub(super) fn prefers_stream<'a>(accept: impl Iterator<Item = &'a str>) -> bool {
    let (mut stream, mut page) = (None, None);
    for range in accept.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let weight = parts.find_map(weight).unwrap_or(1.0);
        if media_type.eq_ignore_ascii_case("text/event-stream") {
            stream = Some(weight);
        } else if media_type.eq_ignore_ascii_case("application/json") {
            page = Some(weight);
        }
    }
    stream.is_some_and(|stream: f32| stream > 0.0 && page.is_none_or(|page| stream >= page))
}

/// Reads `q=0.5`. A weight that is no number is ignored.
fn weight(parameter: &str) -> Option<f32> {
    let (name, value) = parameter.split_once('=')?;
    name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_for_those_who_ask_for_it_and_do_not_like_json_better() {
        let rows: [(&[&str], bool); 14] = [
            (&[], false),
            (&["*/*"], false),
            (&["application/json"], false),
            (&["text/event-stream"], true),
            (&["Text/Event-Stream"], true),
            (&["text/event-stream;charset=utf-8"], true),
            (&["text/event-stream, */*;q=0.1"], true),
            (&["application/json, text/event-stream"], true),
            (&["application/json, text/event-stream;q=0.5"], false),
            (&["application/json;q=0.5, text/event-stream"], true),
            (&["application/json;Q=0.2", "text/event-stream; q=0.3"], true),
            (&["text/event-stream;q=0"], false),
            (&["text/event-stream;q=much"], true),
            (&["text/event-streams"], false),
        ];
        for (accept, expected) in rows {
            assert_eq!(prefers_stream(accept.iter().copied()), expected, "{accept:?}");
        }
    }
}
