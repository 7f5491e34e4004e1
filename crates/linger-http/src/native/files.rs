//! Files: send one at once, and get its bytes.

mod ranges;
mod serving;

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use linger_core::{File, FileId, FileName, Position, RequestId};
use linger_node::{NewUpload, Part, questions::FileFor};
use linger_serve::{Address, App, Caller, Change, Failure, Fields, Pieces, answer};
use serde::Serialize;
use utoipa::ToSchema;

use super::{documents, path::Path, request_id_of, transfers};
use crate::query::Query;

/// A file that was added.
#[derive(Serialize, ToSchema)]
pub(super) struct Added {
    pub(super) file: File,
}

/// Sends a file
///
/// The body is its bytes. Send its id with a message then: a file that no message has is
/// forgotten after a day. Pictures are drawn anew, upright and without the place where they were
/// taken. The header `Idempotency-Key` makes repeats safe. For large files and lines that break,
/// see `/uploads`.
#[utoipa::path(
    post, path = "/files", tag = "files",
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The bytes, at most as many as the operator allows"),
    params(
        ("name" = Option<FileName>, Query, description = "The file's name; `file` without one"),
        ("Idempotency-Key" = Option<RequestId>, Header, description = "Makes repeats safe; may stand in quotes"),
    ),
    responses(
        documents::Writing,
        documents::Sending,
        (status = 201, body = Added, description = "The file"),
        (status = 200, body = Added, description = "A repeat: it was added before"),
    )
)]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    RawQuery(raw): RawQuery,
    Address(address): Address,
    caller: Caller,
    headers: HeaderMap,
    pieces: Pieces,
) -> Result<Response, Failure> {
    let owner = caller.user()?;
    let name = Query::new(raw.as_deref()).text("name").unwrap_or("file".into());
    let name = FileName::parse(&name)?.as_str().to_owned();
    let request = request_id_of(&headers)?;
    app.rates.count(Change::File, owner, address)?;
    let declared = headers.text("content-type").map(str::to_owned);
    let length = headers.text("content-length").and_then(|length| length.parse().ok());
    let new = NewUpload { owner, name, declared, length };
    let uploads = app.node.uploads();
    let upload = uploads.begin_passing(new).await?;
    let receiver = uploads.receive(upload.id(), owner, 0).await?;
    transfers::receive(pieces, receiver).await?;
    let filed = app.node.file_of(upload.id(), owner, request).await;
    let (file, is_repeat) = filed?;
    let status = if is_repeat { StatusCode::OK } else { StatusCode::CREATED };
    Ok(answer(status, &Added { file }))
}

/// Returns the bytes of a file
///
/// To the person who added it, and to those who may read a message that has it. Ranges, `ETag`,
/// `If-Range` and `If-None-Match` work. Pictures, video and audio may be shown; everything else
/// is to be saved.
#[utoipa::path(
    get, path = "/files/{file}", tag = "files", security((), ("token" = [])),
    params(
        ("file" = FileId, Path, description = "The file's id"),
        ("download" = Option<bool>, Query, description = "Whatever its value: the file is to be saved, not shown"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
    ),
    responses(
        documents::Reading,
        documents::Bytes,
    )
)]
pub(super) async fn show(
    app: State<Arc<App>>,
    file: Path<String>,
    query: RawQuery,
    caller: Caller,
    address: Address,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    bytes_of(app, file, query, (caller, address), headers, Part::Whole).await
}

/// Returns the small form of a picture
///
/// At most 640 pixels wide and high, JPEG or PNG. Only a file with `"thumbnail": true` has one.
#[utoipa::path(
    get, path = "/files/{file}/thumbnail", tag = "files", security((), ("token" = [])),
    params(
        ("file" = FileId, Path, description = "The file's id"),
        ("download" = Option<bool>, Query, description = "Whatever its value: it is to be saved, not shown"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
    ),
    responses(
        documents::Reading,
        documents::Bytes,
    )
)]
pub(super) async fn thumbnail(
    app: State<Arc<App>>,
    file: Path<String>,
    query: RawQuery,
    caller: Caller,
    address: Address,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    bytes_of(app, file, query, (caller, address), headers, Part::Thumbnail).await
}

async fn bytes_of(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(raw): RawQuery,
    (caller, address): (Caller, Address),
    headers: HeaderMap,
    part: Part,
) -> Result<Response, Failure> {
    let reader = caller.reader(&app)?;
    let number = id.parse().ok().filter(|number| *number <= Position::MAX.get());
    let number = number.ok_or_else(|| Failure::malformed("a file's id is a number"))?;
    let id = FileId::new(Position::new(number));
    let found = app.node.query(address.asker(reader), FileFor { reader, id }).await?;
    let added = found.ok_or_else(not_found)?;
    let is_saved = Query::new(raw.as_deref()).text("download").is_some();
    let store = app.node.uploads().store().clone();
    serving::serve(store, &added, part, is_saved, &headers).await
}

fn not_found() -> Failure {
    let detail = "there is no such file that you may read";
    Failure::new(StatusCode::NOT_FOUND, "file_not_found", detail)
}
