//! Pictures drawn anew: what survives, what does not, and what is refused.
//!
//! The kept corpus is `corpus/`: one file for each form of each format, most with a place,
//! a comment or a script in them. Tests look at what comes out with the decoders themselves.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod law;

use std::{collections::BTreeMap, fs, io::Cursor, path::Path};

use law::draw;
use linger_media::{PictureError, PictureFormat, Sniffed, sniff};
use proptest::{prelude::*, test_runner::RngSeed};

/// The files of the corpus, by name.
fn corpus() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect()
}

fn file(name: &str) -> Vec<u8> {
    corpus().remove(name).unwrap_or_else(|| panic!("{name} is not in the corpus"))
}

fn has(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark)
}

/// Returns the pixels of a picture as red, green and blue.
fn pixels(bytes: &[u8]) -> (u32, u32, Vec<[u8; 3]>) {
    let (width, height, samples, raw) = match sniff(bytes) {
        Sniffed::Picture(PictureFormat::Jpeg) => {
            let mut decoder = zune_jpeg::JpegDecoder::new(Cursor::new(bytes));
            let raw = decoder.decode().unwrap();
            let info = decoder.info().unwrap();
            (u32::from(info.width), u32::from(info.height), usize::from(info.components), raw)
        }
        Sniffed::Picture(PictureFormat::Png) => {
            let mut decoder = png::Decoder::new(Cursor::new(bytes));
            decoder.set_transformations(png::Transformations::normalize_to_color8());
            let mut reader = decoder.read_info().unwrap();
            let mut raw = vec![0; reader.output_buffer_size().unwrap()];
            let frame = reader.next_frame(&mut raw).unwrap();
            (frame.width, frame.height, frame.color_type.samples(), raw)
        }
        Sniffed::Picture(PictureFormat::Webp) => {
            let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).unwrap();
            let (width, height) = decoder.dimensions();
            let mut raw = vec![0; decoder.output_buffer_size().unwrap()];
            decoder.read_image(&mut raw).unwrap();
            (width, height, if decoder.has_alpha() { 4 } else { 3 }, raw)
        }
        other => panic!("{other:?} is not looked at here"),
    };
    let rgb = |pixel: &[u8]| match samples {
        1 | 2 => [pixel[0]; 3],
        _ => [pixel[0], pixel[1], pixel[2]],
    };
    (width, height, raw.chunks_exact(samples).map(rgb).collect())
}

#[test]
fn only_the_pixels_of_a_picture_survive() {
    for (name, bytes) in corpus() {
        let (picture, drawn) = draw(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let marks: [&[u8]; 7] =
            [b"PLACE", b"48.2082", b"<script>", b"Exif", b"EXIF", b"XMP ", b"eXIf"];
        for mark in marks {
            assert!(!has(&drawn, mark), "{name} still has {}", String::from_utf8_lossy(mark));
        }
        assert_eq!(sniff(&drawn), sniff(&bytes), "{name}");
        let (again, drawn_again) = draw(&drawn).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((again.width, again.height), (picture.width, picture.height), "{name}");
        if !name.ends_with(".jpg") {
            assert!(drawn == drawn_again, "{name}: nothing is left to take away");
        }
        if let Some(thumbnail) = picture.thumbnail {
            let (width, height, _) = pixels(&thumbnail);
            assert_eq!(width.max(height), picture.width.max(picture.height).min(640), "{name}");
            assert!(!has(&thumbnail, b"PLACE"), "{name}");
        }
    }
}

#[test]
fn a_picture_is_drawn_upright() {
    // In the stored pixels red is top left and blue is bottom right.
    for (name, size, red, blue) in [
        ("upright.jpg", (40, 24), (0, 0), (39, 23)),
        ("progressive.jpg", (40, 24), (39, 23), (0, 0)),
        ("turned.jpg", (24, 40), (23, 0), (0, 39)),
        ("alpha.png", (24, 40), (23, 0), (0, 39)),
        ("turned.webp", (24, 40), (23, 0), (0, 39)),
        ("lossy.webp", (40, 24), (0, 0), (39, 23)),
    ] {
        let (picture, drawn) = draw(&file(name)).unwrap();
        assert_eq!((picture.width, picture.height), size, "{name}");
        let (width, height, pixels) = pixels(&drawn);
        assert_eq!((width, height), size, "{name}");
        let at = |(x, y): (u32, u32)| pixels[(y * width + x) as usize];
        let is_red = |[r, g, b]: [u8; 3]| r > 200 && g < 60 && b < 60;
        let is_blue = |[r, g, b]: [u8; 3]| r < 60 && g < 60 && b > 200;
        assert!(is_red(at(red)) && is_blue(at(blue)), "{name}: {:?} {:?}", at(red), at(blue));
    }
}

#[test]
fn a_thumbnail_is_upright_and_there_if_the_picture_is_large_or_moves() {
    for (name, expected) in [
        ("wide.jpg", Some((14, 640))),
        ("wide-alpha.png", Some((640, 5))),
        ("moving.gif", Some((40, 24))),
        ("moving.webp", Some((40, 24))),
        ("still.gif", None),
        ("upright.jpg", None),
        ("plain.webp", None),
    ] {
        let (picture, _) = draw(&file(name)).unwrap();
        let size = picture.thumbnail.map(|thumbnail| {
            let (width, height, _) = pixels(&thumbnail);
            (width, height)
        });
        assert_eq!(size, expected, "{name}");
    }
}

#[test]
fn pictures_without_loss_keep_every_pixel() {
    for name in [
        "rgb.png",
        "palette.png",
        "palette-alpha.png",
        "bits.png",
        "deep.png",
        "lossless.webp",
        "lossy.webp",
    ] {
        let bytes = file(name);
        let (_, drawn) = draw(&bytes).unwrap();
        assert!(pixels(&bytes) == pixels(&drawn), "{name}");
    }
}

#[test]
fn an_animation_goes_on_with_its_times_and_repeats() {
    let frames = |bytes: &[u8]| {
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(Cursor::new(bytes)).unwrap();
        let mut frames = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            let place = (frame.left, frame.top, frame.width, frame.height);
            frames.push((place, frame.delay, frame.dispose, frame.buffer.to_vec()));
        }
        (frames, decoder.repeat())
    };
    for name in ["moving.gif", "still.gif"] {
        let bytes = file(name);
        let (_, drawn) = draw(&bytes).unwrap();
        assert!(frames(&bytes) == frames(&drawn), "{name}");
    }
    let bytes = file("moving.webp");
    let (_, drawn) = draw(&bytes).unwrap();
    let frames = |bytes: &[u8]| {
        let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).unwrap();
        let mut raw = vec![0; decoder.output_buffer_size().unwrap()];
        let times = (0..decoder.num_frames()).map(|_| decoder.read_frame(&mut raw).unwrap());
        let times: Vec<u32> = times.collect();
        (times, decoder.loop_count(), raw)
    };
    assert_eq!(frames(&bytes).0, [80, 80, 80]);
    assert!(frames(&bytes) == frames(&drawn));
}

#[test]
fn a_bomb_of_pixels_is_refused_by_its_size() {
    let mut png = file("rgb.png");
    png[16..24].copy_from_slice(&[0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50]);
    let sum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&sum.to_be_bytes());
    let mut jpeg = file("upright.jpg");
    let frame = jpeg.windows(2).position(|mark| mark == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    let mut gif = file("still.gif");
    gif[6..10].copy_from_slice(&[0xff; 4]);
    let mut webp = file("lossy.webp");
    webp[24..30].copy_from_slice(&[0xff, 0x3f, 0, 0xff, 0x3f, 0]);
    for (name, bytes) in [("png", png), ("jpeg", jpeg), ("gif", gif), ("webp", webp)] {
        let refused = draw(&bytes);
        assert!(matches!(refused, Err(PictureError::TooLarge(_))), "{name}: {refused:?}");
    }
}

#[test]
fn an_animation_that_would_take_minutes_is_refused() {
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, 7000, 7000, &[0, 0, 0, 255, 255, 255]).unwrap();
    for _ in 0..12 {
        let frame = gif::Frame::from_indexed_pixels(1, 1, vec![0], None);
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    assert!(bytes.len() < 1000);
    let refused = draw(&bytes);
    assert!(matches!(refused, Err(PictureError::TooLarge(_))), "{refused:?}");
}

#[test]
fn a_picture_that_is_cut_anywhere_is_refused_or_drawn_and_never_more_than_that() {
    for (name, bytes) in corpus() {
        let step = bytes.len() / 97 + 1;
        for length in (12..bytes.len()).step_by(step) {
            law::check(&bytes[..length]).unwrap_or_else(|fault| panic!("{name} {length}: {fault}"));
        }
    }
}

/// Sums bytes as PNG does. Source: PNG, third edition, annex D.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { 0xedb8_8320 ^ (sum >> 1) } else { sum >> 1 }
        })
    };
    !bytes.iter().fold(!0, step)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(2000),
        rng_seed: RngSeed::Fixed(10),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// The kept corpus, mutated: bytes changed, cut out and put in.
    #[test]
    fn whatever_is_changed_in_a_picture_it_is_refused_or_drawn(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..6),
    ) {
        let corpus: Vec<Vec<u8>> = corpus().into_values().collect();
        let mut bytes = which.get(&corpus).clone();
        for (at, value, kind) in changes {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = value,
                1 => bytes[at] ^= 1 << (value % 8),
                2 => drop(bytes.drain(at..(at + usize::from(value)).min(bytes.len() - 1).max(at))),
                _ => bytes.insert(at, value),
            }
        }
        law::check(&bytes).map_err(TestCaseError::fail)?;
    }
}
