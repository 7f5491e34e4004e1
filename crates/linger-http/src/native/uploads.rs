//! Uploads that go on after a line has broken: tus 1.0, so that its clients work.
//!
//! With the extensions creation, creation-with-upload, termination and expiration. The last
//! answer names the file that became of an upload in `Linger-File`, and so does each later
//! look at it; `GET` tells all of it. Source: <https://tus.io/protocols/resumable-upload>.

mod metadata;

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use linger_core::{File, FileName, Timestamp, UserId};
use linger_node::{NewUpload, UploadError, UploadId, Uploads};
use linger_serve::{Address, App, Caller, Change, Failure, Fields, Pieces, answer};
use metadata::Metadata;

use super::{documents, files::Added, path::Path, transfers};

const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const EXTENSIONS: HeaderValue =
    HeaderValue::from_static("creation,creation-with-upload,termination,expiration");
const BYTES: &str = "application/offset+octet-stream";
const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// The person who sends a request of tus. Errors: 401 for a visitor; 412 for a client that
/// does not speak our version.
pub(super) struct Sender(UserId);

impl FromRequestParts<Arc<App>> for Sender {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Sender, Response> {
        let caller = Caller::from_request_parts(parts, app).await;
        let user = caller.and_then(Caller::user).map_err(IntoResponse::into_response)?;
        if parts.headers.get(TUS_RESUMABLE) == Some(&VERSION) {
            return Ok(Sender(user));
        }
        let detail = "uploads here are tus 1.0; send 'Tus-Resumable: 1.0.0'";
        let code = "unknown_tus_version";
        let failure = Failure::new(StatusCode::PRECONDITION_FAILED, code, detail);
        let mut response = failure.into_response();
        response.headers_mut().insert("tus-version", VERSION);
        Err(response)
    }
}

/// Tells what uploads may be
#[utoipa::path(
    options, path = "/uploads", tag = "files", security(()),
    responses(
        (status = 204, description = "tus 1.0", headers(
            ("Tus-Resumable" = String), ("Tus-Version" = String), ("Tus-Extension" = String),
            ("Tus-Max-Size" = u64, description = "Bytes of one file, at most"),
        )),
    )
)]
pub(super) async fn describe(State(app): State<Arc<App>>) -> Response {
    let mut response = told(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert("tus-version", VERSION);
    headers.insert("tus-extension", EXTENSIONS);
    headers.insert("tus-max-size", app.node.uploads().bytes_max().into());
    response
}

/// Begins an upload
///
/// With `Content-Type: application/offset+octet-stream`, the body is its first bytes.
#[utoipa::path(
    post, path = "/uploads", tag = "files",
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    params(
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
        ("Upload-Length" = u64, Header, description = "How many bytes it has in all"),
        ("Upload-Metadata" = Option<String>, Header, description = "`filename` and `filetype`, each with its value in Base64"),
    ),
    responses(
        documents::Writing,
        documents::Sending,
        (status = 201, description = "It is begun", headers(
            ("Location" = String, description = "The address of the upload"),
            ("Upload-Offset" = u64, description = "Bytes that are here"),
            ("Upload-Expires" = String, description = "When it is forgotten"),
            ("Tus-Resumable" = String),
        )),
    )
)]
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    Address(address): Address,
    Sender(owner): Sender,
    headers: HeaderMap,
    pieces: Pieces,
) -> Result<Response, Failure> {
    let length = number(&headers, "upload-length")?;
    let Metadata { name, kind } = Metadata::parse(headers.text("upload-metadata"))?;
    let name = FileName::parse(name.as_deref().unwrap_or("file"))?.as_str().to_owned();
    app.rates.count(Change::File, owner, address)?;
    let uploads = app.node.uploads();
    let new = NewUpload { owner, name, declared: kind, length: Some(length) };
    let id = uploads.begin(new).await?;
    let mut offset = 0;
    if headers.text("content-type") == Some(BYTES) {
        let receiver = uploads.receive(&id, owner, 0).await?;
        offset = transfers::receive(pieces, receiver).await?;
    }
    let mut response = advanced(&app, StatusCode::CREATED, (&id, owner), offset, length).await?;
    let location = HeaderValue::try_from(format!("/api/v1/uploads/{id}"));
    let location = location.expect("an id is letters and digits");
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// Goes on with an upload
///
/// The answer to the last bytes comes when the file is there, and names it.
#[utoipa::path(
    patch, path = "/uploads/{upload}", tag = "files",
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    params(
        ("upload" = String, Path, description = "The upload's id"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
        ("Upload-Offset" = u64, Header, description = "How many bytes it has so far"),
    ),
    responses(
        documents::Writing,
        documents::Sending,
        (status = 204, description = "The bytes are here", headers(
            ("Upload-Offset" = u64, description = "Bytes that are here"),
            ("Upload-Expires" = String, description = "When it is forgotten"),
            ("Tus-Resumable" = String),
        )),
    )
)]
pub(super) async fn go_on(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Sender(owner): Sender,
    headers: HeaderMap,
    pieces: Pieces,
) -> Result<Response, Failure> {
    let id = id_of(&id)?;
    if headers.text("content-type") != Some(BYTES) {
        let detail = "an upload goes on with 'Content-Type: application/offset+octet-stream'";
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_bytes", detail));
    }
    let offset = number(&headers, "upload-offset")?;
    let uploads = app.node.uploads();
    let receiver = uploads.receive(&id, owner, offset).await?;
    let offset = transfers::receive(pieces, receiver).await?;
    let length = length_of(uploads, &id, owner).await?;
    advanced(&app, StatusCode::NO_CONTENT, (&id, owner), offset, length).await
}

/// Tells how far an upload is
#[utoipa::path(
    head, path = "/uploads/{upload}", tag = "files",
    params(
        ("upload" = String, Path, description = "The upload's id"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
    ),
    responses(
        (status = 200, description = "How far it is", headers(
            ("Upload-Offset" = u64, description = "Bytes that are here"),
            ("Upload-Length" = u64, description = "Bytes that it has in all"),
            ("Upload-Expires" = String, description = "When it is forgotten"),
            ("Tus-Resumable" = String),
        )),
        (status = 401, description = "No token, or one that nobody holds"),
        (status = 404, description = "There is no such upload of mine"),
        (status = 412, description = "Another version of tus"),
    )
)]
pub(super) async fn progress(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Sender(owner): Sender,
) -> Result<Response, Failure> {
    let id = id_of(&id)?;
    let progress = app.node.uploads().progress(&id, owner).await?;
    let length = progress.length.unwrap_or_default();
    let mut response =
        advanced(&app, StatusCode::OK, (&id, owner), progress.offset, length).await?;
    response.headers_mut().insert("upload-length", length.into());
    Ok(response)
}

/// Returns the file that became of an upload
///
/// 409 `unfinished_upload`: bytes are missing.
#[utoipa::path(
    get, path = "/uploads/{upload}", tag = "files",
    params(("upload" = String, Path, description = "The upload's id")),
    responses(
        documents::Writing,
        (status = 200, body = Added, description = "The file"),
    )
)]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Response, Failure> {
    let (owner, id) = (caller.user()?, id_of(&id)?);
    let progress = app.node.uploads().progress(&id, owner).await?;
    if progress.length != Some(progress.offset) {
        let detail = "bytes of this upload are missing; go on with it by PATCH";
        return Err(Failure::new(StatusCode::CONFLICT, "unfinished_upload", detail));
    }
    let file = filed(&app, &id, owner).await?;
    Ok(answer(StatusCode::OK, &Added { file }))
}

/// Ends an upload
///
/// Its bytes are removed. A file that became of it stays.
#[utoipa::path(
    delete, path = "/uploads/{upload}", tag = "files",
    params(
        ("upload" = String, Path, description = "The upload's id"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
    ),
    responses(
        documents::Writing,
        (status = 204, description = "It is gone", headers(("Tus-Resumable" = String))),
    )
)]
pub(super) async fn end(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Sender(owner): Sender,
) -> Result<Response, Failure> {
    let id = id_of(&id)?;
    app.node.uploads().end(&id, owner).await?;
    Ok(told(StatusCode::NO_CONTENT))
}

/// Answers how far an upload is. If all its bytes are here, it becomes a file first.
async fn advanced(
    app: &Arc<App>,
    status: StatusCode,
    (id, owner): (&UploadId, UserId),
    offset: u64,
    length: u64,
) -> Result<Response, Failure> {
    let mut response = told(status);
    let headers = response.headers_mut();
    headers.insert(UPLOAD_OFFSET, offset.into());
    let progress = app.node.uploads().progress(id, owner).await?;
    headers.insert("upload-expires", date_of(progress.expires));
    if offset == length {
        let file = filed(app, id, owner).await?;
        headers.insert("linger-file", file.id.position().get().into());
    }
    Ok(response)
}

async fn filed(app: &Arc<App>, id: &UploadId, owner: UserId) -> Result<File, Failure> {
    let filed = app.node.file_of(id, owner, None).await;
    Ok(filed?.0)
}

async fn length_of(uploads: &Arc<Uploads>, id: &UploadId, owner: UserId) -> Result<u64, Failure> {
    let progress = uploads.progress(id, owner).await?;
    Ok(progress.length.unwrap_or(u64::MAX))
}

/// Returns an answer in the words of tus, without a body.
fn told(status: StatusCode) -> Response {
    let headers = [(TUS_RESUMABLE, VERSION)];
    let cache = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (status, headers, cache).into_response()
}

fn id_of(text: &str) -> Result<UploadId, Failure> {
    UploadId::parse(text).ok_or_else(|| UploadError::NotFound.into())
}

fn number(headers: &HeaderMap, name: &str) -> Result<u64, Failure> {
    let given = headers.text(name).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    given.and_then(|text| text.parse().ok()).ok_or_else(|| {
        Failure::malformed(format!(
            "the header {name} is missing or no number; send it as tus 1.0 does"
        ))
    })
}

fn date_of(time: Timestamp) -> HeaderValue {
    let time = jiff::Timestamp::from_millisecond(time.as_ms()).ok();
    let printed = time.and_then(|time| {
        jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok()
    });
    // The date of a clock that is beyond all years is left empty.
    printed.and_then(|date| date.try_into().ok()).unwrap_or(HeaderValue::from_static(""))
}
