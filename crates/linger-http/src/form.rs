//! The fields of a form-encoded body, whatever its content type says.
//!
//! Source: the URL standard, section 5.1. Stricter in one thing: a text that is not
//! UTF-8 is refused, because replacement characters in it help nobody.

use std::borrow::Cow;

use linger_serve::Failure;
use percent_encoding::percent_decode;

/// A form as it came.
pub(crate) struct Form<'a>(&'a [u8]);

impl Form<'_> {
    /// Takes the body of a request.
    pub(crate) fn new(body: &[u8]) -> Form<'_> {
        Form(body)
    }

    /// Returns the first field of this name. Errors: 400 for a text that is not UTF-8, and
    /// for a body that is no form.
    pub(crate) fn given(&self, name: &str) -> Result<String, Failure> {
        let text = self.text(name)?;
        let other = match self.0.trim_ascii_start() {
            [b'{' | b'[', ..] => "JSON",
            [b'-', b'-', ..] => "multipart/form-data",
            _ => return Ok(text),
        };
        if !text.is_empty() {
            return Ok(text);
        }
        let detail = format!(
            "the body is {other}; this address takes a form: send '{name}=…' as application/x-www-form-urlencoded"
        );
        Err(Failure::malformed(detail))
    }

    /// Returns the first field of this name; an absent one is empty, as in the
    /// article. Errors: 400 for a text that is not UTF-8.
    pub(crate) fn text(&self, name: &str) -> Result<String, Failure> {
        Ok(self.find(name)?.unwrap_or_default())
    }

    /// Returns the first field of this name, if there is one. Errors: 400 for a text that
    /// is not UTF-8.
    pub(crate) fn find(&self, name: &str) -> Result<Option<String>, Failure> {
        for pair in self.0.split(|&byte| byte == b'&') {
            let (key, value) = match pair.iter().position(|&byte| byte == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, [].as_slice()),
            };
            if decode(key).is_some_and(|key| key == name) {
                let not_utf8 = || {
                    Failure::malformed(format!("the field '{name}' is not UTF-8; send it as UTF-8"))
                };
                return decode(value).map(Some).ok_or_else(not_utf8);
            }
        }
        Ok(None)
    }
}

fn decode(part: &[u8]) -> Option<String> {
    let spaced: Vec<u8> = part.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_decode(&spaced).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_and_curl_send_it() {
        let cases = [
            ("plain", "msg=hello", Some("hello")),
            ("spaces, both ways", "msg=a+b%20c", Some("a b c")),
            ("a plus sign", "msg=1%2B1", Some("1+1")),
            ("line breaks as browsers send them", "msg=a%0D%0Ab", Some("a\r\nb")),
            ("other fields around it", "x=1&msg=yes&y=2", Some("yes")),
            ("twice: the first", "msg=one&msg=two", Some("one")),
            ("Chinese, encoded or raw", "msg=%E4%BD%A0好", Some("你好")),
            ("an equals sign in it", "msg=a=b", Some("a=b")),
            ("no value", "msg", Some("")),
            ("another name", "message=hello", Some("")),
            ("nothing", "", Some("")),
            ("a broken percent sign stays", "msg=100%&x", Some("100%")),
            ("GBK", "msg=%C4%E3", None),
        ];
        for (case, body, expected) in cases {
            let form = Form(body.as_bytes());
            assert_eq!(form.text("msg").ok().as_deref(), expected, "{case}");
        }
    }
}
