//! Colour profiles: kept, because phones take pictures in colours that would fade without.
//!
//! A profile could carry anything. So only one that says it is a profile for these pixels,
//! and that is as short as those of cameras, goes into the new file. Source: ICC.1:2022,
//! section 7.2 (the header).

/// Bytes of a profile that is kept, at most: those of cameras and screens have 0.5 to 4 KiB.
const PROFILE_BYTES_MAX: usize = 16 << 10;
const HEADER_BYTES: usize = 128;

/// Returns the profile if it is one for pixels of this kind.
pub(super) fn kept(profile: Option<Vec<u8>>, is_grey: bool) -> Option<Vec<u8>> {
    let space: &[u8] = if is_grey { b"GRAY" } else { b"RGB " };
    profile.filter(|profile| {
        (HEADER_BYTES..=PROFILE_BYTES_MAX).contains(&profile.len())
            && profile[..4] == u32::to_be_bytes(profile.len() as u32)
            && &profile[16..20] == space
            && &profile[36..40] == b"acsp"
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns the least that counts as a profile.
    pub(crate) fn profile(space: &[u8; 4]) -> Vec<u8> {
        let mut profile = vec![0; 200];
        profile[..4].copy_from_slice(&200_u32.to_be_bytes());
        profile[16..20].copy_from_slice(space);
        profile[36..40].copy_from_slice(b"acsp");
        profile
    }

    #[test]
    fn a_profile_is_kept_if_it_is_one_for_these_pixels() {
        assert!(kept(Some(profile(b"RGB ")), false).is_some());
        assert!(kept(Some(profile(b"GRAY")), true).is_some());
        for (case, profile) in [
            ("none", None),
            ("for other pixels", Some(profile(b"CMYK"))),
            ("none at all", Some(vec![b'x'; 200])),
            ("short", Some(vec![0; 20])),
            ("with more behind it", Some([profile(b"RGB "), vec![0]].concat())),
            ("too long", Some(vec![0; PROFILE_BYTES_MAX + 1])),
        ] {
            assert_eq!(kept(profile, false), None, "{case}");
        }
    }
}
