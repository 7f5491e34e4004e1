//! The names that clients give to their requests, so that a repeat is known as one.

use linger_core::RequestId;
use linger_serve::{Failure, Fields};

/// Returns the request id of the header `Idempotency-Key`, if it is there.
pub(crate) fn request_id_of(fields: &impl Fields) -> Result<Option<RequestId>, Failure> {
    if !fields.has("idempotency-key") {
        return Ok(None);
    }
    let key = fields.text("idempotency-key");
    let key = key.ok_or_else(|| Failure::malformed("Idempotency-Key is printable ASCII"))?;
    // The draft of the header has it as a quoted string; both forms are in use.
    Ok(Some(RequestId::parse(key.trim_matches('"'))?))
}
