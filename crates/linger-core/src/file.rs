//! Files that people add, and send with messages: what is known of one. The bytes are
//! elsewhere, under their hash.

use serde::{Deserialize, Serialize};

use crate::FileId;
pub use crate::text::{FileName, MediaType};

/// A file of a message. The JSON form is the native API's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct File {
    /// Its id.
    pub id: FileId,
    /// Its name.
    pub name: FileName,
    /// The type of its content.
    #[serde(rename = "type")]
    pub kind: MediaType,
    /// Bytes.
    pub size: u64,
    /// Of a picture or a video: how wide it is, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub width: Option<u32>,
    /// Of a picture or a video: how high it is, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub height: Option<u32>,
    /// Whether there is a small picture of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub thumbnail: bool,
}

/// SHA-256 of a file's bytes, under which they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileHash(pub [u8; 32]);

impl std::fmt::Display for FileHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&const_hex::encode(self.0))
    }
}

impl Serialize for FileHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&const_hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for FileHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = const_hex::decode_to_array(text).map_err(serde::de::Error::custom)?;
        Ok(FileHash(bytes))
    }
}
