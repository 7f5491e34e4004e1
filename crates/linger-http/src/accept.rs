//! The media type that a reader prefers, from the header `Accept`.
//!
//! Source: RFC 9110, section 12.5.1: a list of media types, each with a weight from
//! 0 to 1, in upper or lower case. A dialect chooses between two; the one that its
//! older clients know is the answer to those who mention neither.

/// Tells whether a reader prefers a stream of events to a page of them.
pub(crate) fn prefers_stream<'a>(accept: impl Iterator<Item = &'a str>) -> bool {
    let (mut stream, mut page) = (None, None);
    for Range { media_type, weight } in ranges(accept) {
        if media_type.eq_ignore_ascii_case("text/event-stream") {
            stream = Some(weight);
        } else if media_type.eq_ignore_ascii_case("application/json") {
            page = Some(weight);
        }
    }
    stream.is_some_and(|stream: f32| stream > 0.0 && page.is_none_or(|page| stream >= page))
}

/// Tells whether a reader prefers HTML to plain text.
///
/// If both are equally good, it is HTML only where that is named first: browsers name
/// it, and `*/*` is a terminal.
pub(crate) fn prefers_html<'a>(accept: impl Iterator<Item = &'a str>) -> bool {
    let (mut html, mut plain) = (Liking::default(), Liking::default());
    for (place, range) in ranges(accept).enumerate() {
        html.hear("text/html", &range, place);
        plain.hear("text/plain", &range, place);
    }
    let is_first = html.precision == 3 && (plain.precision < 3 || html.place < plain.place);
    html.weight > 0.0 && (html.weight > plain.weight || html.weight == plain.weight && is_first)
}

/// How much a reader likes one media type, by the most precise range that has it.
#[derive(Default)]
struct Liking {
    weight: f32,
    /// 3: it is named; 2: `text/*`; 1: `*/*`; 0: nothing was said.
    precision: u8,
    place: usize,
}

impl Liking {
    fn hear(&mut self, media_type: &str, range: &Range<'_>, place: usize) {
        let precision = match range.media_type {
            named if named.eq_ignore_ascii_case(media_type) => 3,
            named if named.eq_ignore_ascii_case("text/*") => 2,
            "*/*" => 1,
            _ => 0,
        };
        if precision > self.precision {
            *self = Liking { weight: range.weight, precision, place };
        }
    }
}

/// One element of the header.
struct Range<'a> {
    media_type: &'a str,
    weight: f32,
}

fn ranges<'a>(accept: impl Iterator<Item = &'a str>) -> impl Iterator<Item = Range<'a>> {
    accept.flat_map(|value| value.split(',')).map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        Range { media_type, weight: parts.find_map(weight).unwrap_or(1.0) }
    })
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

    #[test]
    fn html_is_for_browsers_and_plain_text_for_terminals() {
        let firefox = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let lynx = "text/html, text/plain, text/sgml, text/css, application/xhtml+xml, */*;q=0.01";
        let rows: [(&str, &[&str], bool); 17] = [
            ("nothing", &[], false),
            ("curl", &["*/*"], false),
            ("firefox", &[firefox], true),
            ("w3m", &["text/html, text/*;q=0.5, image/*"], true),
            ("lynx", &[lynx], true),
            ("in capitals", &["Text/HTML"], true),
            ("text of any kind", &["text/*"], false),
            ("plain text first", &["text/plain, text/html"], false),
            ("plain text rather", &["text/html;q=0.5, text/plain"], false),
            ("HTML a little rather", &["text/plain;q=0.2, text/html;q=0.3"], true),
            ("HTML not at all", &["text/html;q=0, */*"], false),
            ("anything but plain text", &["text/plain;q=0, */*"], true),
            ("with parameters", &["text/html;level=1;q=0.4, */*;q=0.3"], true),
            ("in two headers", &["text/plain;q=0.5", "text/html"], true),
            ("JSON", &["application/json"], false),
            ("a precise range counts", &["text/*;q=1, text/html;q=0.1"], false),
            ("a weight that is none", &["text/html;q=much"], true),
        ];
        for (case, accept, expected) in rows {
            assert_eq!(prefers_html(accept.iter().copied()), expected, "{case}");
        }
    }
}
