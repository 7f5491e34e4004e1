//! The header `Upload-Metadata`: pairs of a key and a value in Base64, with commas between.
//!
//! Clients of tus send `filename` and `filetype`; everything else is passed over.

use linger_serve::Failure;

/// What a client says of its file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    /// Its name.
    pub(super) name: Option<String>,
    /// Its type.
    pub(super) kind: Option<String>,
}

impl Metadata {
    /// Reads the header, if there is one. Errors: 400 when it cannot be read.
    pub(super) fn parse(header: Option<&str>) -> Result<Metadata, Failure> {
        let mut metadata = Metadata::default();
        for pair in header.unwrap_or_default().split(',') {
            let (key, value) = pair.trim().split_once(' ').unwrap_or((pair.trim(), ""));
            let place = match key {
                "filename" | "name" => &mut metadata.name,
                "filetype" | "type" => &mut metadata.kind,
                _ => continue,
            };
            let decoded = decode(value.trim()).and_then(|bytes| String::from_utf8(bytes).ok());
            let decoded = decoded.ok_or_else(|| {
                Failure::malformed(format!("'{key}' in Upload-Metadata is no UTF-8 in Base64"))
            })?;
            *place = Some(decoded).filter(|text| !text.is_empty());
        }
        Ok(metadata)
    }
}

/// Decodes Base64 with or without its padding. Source: RFC 4648, section 4.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for group in text.chunks(4) {
        if group.len() == 1 {
            return None;
        }
        let mut bits = 0_u32;
        for place in 0..4 {
            bits = bits << 6 | group.get(place).map_or(Some(0), |digit| value_of(*digit))?;
        }
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

fn value_of(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_type_are_read_and_the_rest_is_passed_over() {
        let both = "filename Y2F0LnBuZw==,filetype aW1hZ2UvcG5n,relativePath bnVsbA==,is_draft";
        let parsed = Metadata::parse(Some(both)).unwrap();
        assert_eq!(
            (parsed.name.as_deref(), parsed.kind.as_deref()),
            (Some("cat.png"), Some("image/png"))
        );
        assert_eq!(Metadata::parse(None).unwrap(), Metadata::default());
        assert_eq!(Metadata::parse(Some("filename")).unwrap(), Metadata::default());
        let chinese = Metadata::parse(Some("filename 54yrLnBuZw")).unwrap();
        assert_eq!(chinese.name.as_deref(), Some("猫.png"));
        for wrong in ["filename !", "filename A", "filename /w=="] {
            assert!(Metadata::parse(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
