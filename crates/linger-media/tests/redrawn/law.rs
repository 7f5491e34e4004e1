//! The law for any bytes: they are refused, or what is drawn of them is a picture of the
//! size that was told. The test and the fuzzer share it.

use std::io::Cursor;

use linger_media::{Picture, PictureError, Sniffed, redraw, sniff};

/// Draws a picture anew.
pub fn draw(bytes: &[u8]) -> Result<(Picture, Vec<u8>), PictureError> {
    let Sniffed::Picture(format) = sniff(bytes) else {
        return Err(PictureError::Broken("it is no picture".to_owned()));
    };
    let mut drawn = Vec::new();
    let picture = redraw(format, Cursor::new(bytes), &mut drawn)?;
    Ok((picture, drawn))
}

/// Checks the law for these bytes. Errors: what does not hold.
pub fn check(bytes: &[u8]) -> Result<(), String> {
    let Ok((picture, drawn)) = draw(bytes) else { return Ok(()) };
    let again = draw(&drawn).map_err(|error| format!("what was drawn is refused: {error}"))?;
    if (again.0.width, again.0.height) != (picture.width, picture.height) {
        return Err(format!("{picture:?} was drawn, and {:?} again", again.0));
    }
    if sniff(bytes) != sniff(&drawn) {
        return Err("it is of another type than before".to_owned());
    }
    Ok(())
}
