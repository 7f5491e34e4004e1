//! The schemas of the words of the API, for its OpenAPI document.
//!
//! Structures derive their schemas where they are declared; these are the words
//! that they are made of, with the bounds that their parsers keep. Compiled with
//! the feature `openapi` only.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, ObjectBuilder, RefOr, SchemaFormat,
        schema::{Schema, Type},
    },
};

use crate::{
    Cursor, Emoji, FileId, FileName, MediaType, MessageId, MessageText, Position, RequestId,
    RoomId, RoomName, SenderTime, Slug, Timestamp, Topic, UserId, UserName,
};

macro_rules! schemas {
    ($($name:ident: $object:expr;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $object.build().into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

macro_rules! text {
    ($name:ident, $description:literal, $example:literal) => {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some($description))
            .min_length(Some(*$name::CHARACTERS.start()))
            .max_length(Some(*$name::CHARACTERS.end()))
            .examples([$example])
    };
}

schemas! {
    Position: number("A place in the log: what comes later has a larger one.").minimum(Some(0));
    UserId: number("A user.").minimum(Some(1));
    RoomId: number("A room.").minimum(Some(1));
    MessageId: number("A message: the position of its event.").minimum(Some(1));
    FileId: number("A file.").minimum(Some(1));
    FileName: text!(FileName, "The name of a file, on one line.", "cat.png");
    MediaType: text!(MediaType, "The type of a file's content.", "image/png");
    Emoji: ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("One emoji (a grapheme), in its one written form."))
        .min_length(Some(1))
        .max_length(Some(Emoji::CHARACTERS_MAX))
        .examples(["\u{1f44d}"]);
    UserName: text!(UserName, "The name of a person, on one line.", "Quiet Otter");
    RoomName: text!(RoomName, "The name of a room as people read it, on one line.", "Lobby");
    Topic: text!(Topic, "The subject of a room, on one line.", "Green, black and white");
    MessageText: text!(MessageText, "The text of a message.", "Hello!");
    SenderTime: text!(SenderTime, "The time by the sender's own clock, as it was sent.", "12:05");
    Slug: text!(
        Slug,
        "The name of a room in URLs: letters without an upper case or in lower case, with their \
         marks, digits and `-`.",
        "lobby"
    ).pattern(Some(r"^(-|[^\p{Lu}\p{Lt}\p{P}\p{Z}\p{C}\p{M}]\p{M}*)+$"));
    RequestId: text!(
        RequestId,
        "The name that an author gives to one request, so that a repeat is known as a repeat.",
        "k3-1"
    ).pattern(Some("^[A-Za-z0-9._-]+$"));
    Cursor: ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("A reader's place, to be given back unread."))
        .pattern(Some("^[a-z2-7]{10}(-[a-z2-7]{8})?-(0|[1-9][0-9]*)$"))
        .examples(["k3tq7vbn2x-a2b3c4d5-1024"]);
    Timestamp: ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("RFC 3339, UTC, with milliseconds."))
        .examples(["2026-11-21T20:50:05.123Z"]);
}

fn number(description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .description(Some(description))
        .maximum(Some(Position::MAX.get()))
        .examples([17])
}
