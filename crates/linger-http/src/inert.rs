//! JSON that is harmless wherever it ends up: in a page, or evaluated as a program.

use serde::Serialize;

/// Encodes a value as JSON. A browser that shows it as a page finds no markup in it, and
/// older JavaScript evaluates it to the same value.
pub(crate) fn inert_json(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("answers have no failing parts");
    let mut inert = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            // All of these occur only inside of strings, so an escape means the same.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                inert.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => inert.push(c),
        }
    }
    inert
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inert_json_means_the_same_and_holds_no_markup() {
        let value = "<script>alert(1)</script> & \u{2028}\u{2029} \"quoted\" \\ 你好 </div>";
        let json = inert_json(&value);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), value);
        assert!(!json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']), "{json}");
    }
}
