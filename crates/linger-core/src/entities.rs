//! The formatting of a text: which parts of it are bold, a link, a mention.
//!
//! An edge makes a list of them once, from what somebody typed; [`Entities::of`] checks it
//! against the text, and afterwards everybody trusts it. Offsets and lengths count UTF-16
//! units, as in Telegram's Bot API and as scripts in browsers count. Entries that are
//! read back from the log are built without the check, as texts are.

use serde::{Deserialize, Serialize};

use crate::{Malformed, UserId};

/// The formatting of one text: in order, nested or apart, never crossing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Entities(Vec<Entity>);

/// The formatting of one part of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Entity {
    /// The first unit of the part.
    pub offset: u32,
    /// How many units it has; never 0.
    pub length: u32,
    /// What it is.
    pub kind: EntityKind,
}

/// What a part of a text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityKind {
    /// Bold.
    Bold,
    /// Italic.
    Italic,
    /// Struck through.
    Strike,
    /// Code within a line.
    Code,
    /// Lines of code.
    Pre {
        /// The language that they are in, as the author named it.
        language: Option<String>,
    },
    /// Words that lead somewhere.
    Link {
        /// The address: http, https or mailto.
        url: String,
    },
    /// An address that stands in the text itself.
    Url,
    /// Somebody is named.
    Mention {
        /// That user.
        user: UserId,
    },
    /// All members are named.
    MentionAll,
    /// A quotation, in whole lines.
    Quote,
    /// Hidden until somebody asks for it.
    Spoiler,
}

impl Entities {
    /// Most entities of one text.
    pub const MAX: usize = 500;

    /// Checks the formatting of a text.
    ///
    /// Errors: [`Malformed`], when there are more than [`Entities::MAX`], or when one is
    /// empty, out of order, crosses another, lies outside of the text, or begins or ends
    /// between the halves of one character.
    pub fn of(text: &str, entities: Vec<Entity>) -> Result<Entities, Malformed> {
        if entities.len() > Entities::MAX {
            let max = Entities::MAX;
            return Err(Malformed(format!("a text has up to {max} entities; leave some out")));
        }
        let boundaries = Boundaries::of(text);
        let mut open: Vec<u32> = Vec::new();
        let mut before = (0, u32::MAX);
        for entity in &entities {
            let Entity { offset, length, .. } = *entity;
            let end = offset.checked_add(length).filter(|_| length > 0);
            let end = end.ok_or_else(|| wrong(entity, "is empty or has no end"))?;
            let is_in_order = (before.0, u32::MAX - before.1) <= (offset, u32::MAX - length);
            before = (offset, length);
            if !is_in_order {
                return Err(wrong(
                    entity,
                    "is out of order: earlier ones first, longer ones before those in them",
                ));
            }
            while open.pop_if(|outer| *outer <= offset).is_some() {}
            if open.last().is_some_and(|outer| *outer < end) {
                return Err(wrong(entity, "crosses another; nest them or keep them apart"));
            }
            open.push(end);
            if !(boundaries.has(offset) && boundaries.has(end)) {
                return Err(wrong(entity, "is not made of whole characters of the text"));
            }
        }
        Ok(Entities(entities))
    }

    /// Returns them, in order.
    pub fn as_slice(&self) -> &[Entity] {
        &self.0
    }

    /// Tells whether there are none: the text is plain.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns about how many bytes they take in memory.
    pub(crate) fn weight(&self) -> usize {
        let words = |entity: &Entity| match &entity.kind {
            EntityKind::Pre { language: Some(word) } | EntityKind::Link { url: word } => word.len(),
            _ => 0,
        };
        self.0.iter().map(|entity| size_of::<Entity>() + words(entity)).sum()
    }
}

fn wrong(entity: &Entity, what: &str) -> Malformed {
    let Entity { offset, length, .. } = entity;
    Malformed(format!("the entity at {offset}, {length} long, {what}"))
}

/// The places between the characters of a text, in UTF-16 units.
struct Boundaries {
    /// One for each unit, and one for the end: whether a character begins there.
    begins: Vec<bool>,
}

impl Boundaries {
    fn of(text: &str) -> Boundaries {
        let units = |c: char| std::iter::once(true).chain((1..c.len_utf16()).map(|_| false));
        Boundaries { begins: text.chars().flat_map(units).chain([true]).collect() }
    }

    fn has(&self, place: u32) -> bool {
        self.begins.get(place as usize).copied().unwrap_or(false)
    }
}

/// The form in JSON: one object with a type, and the fields of that type.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "type")]
    kind: Type,
    /// The first UTF-16 unit of the part.
    offset: u32,
    /// How many UTF-16 units it has.
    length: u32,
    /// Of `pre`: the language, as the author named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    language: Option<String>,
    /// Of `link`: http, https or mailto.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    url: Option<String>,
    /// Of `mention`: the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    user: Option<UserId>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
enum Type {
    Bold,
    Italic,
    Strike,
    Code,
    Pre,
    Link,
    Url,
    Mention,
    MentionAll,
    Quote,
    Spoiler,
}

impl TryFrom<Written> for Entity {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Entity, &'static str> {
        let Written { kind, offset, length, language, url, user } = written;
        let kind = match (kind, language, url, user) {
            (Type::Pre, language, None, None) => EntityKind::Pre { language },
            (Type::Link, None, Some(url), None) => EntityKind::Link { url },
            (Type::Mention, None, None, Some(user)) => EntityKind::Mention { user },
            (Type::Bold, None, None, None) => EntityKind::Bold,
            (Type::Italic, None, None, None) => EntityKind::Italic,
            (Type::Strike, None, None, None) => EntityKind::Strike,
            (Type::Code, None, None, None) => EntityKind::Code,
            (Type::Url, None, None, None) => EntityKind::Url,
            (Type::MentionAll, None, None, None) => EntityKind::MentionAll,
            (Type::Quote, None, None, None) => EntityKind::Quote,
            (Type::Spoiler, None, None, None) => EntityKind::Spoiler,
            _ => return Err("an entity has the fields of its type and no others"),
        };
        Ok(Entity { offset, length, kind })
    }
}

impl From<Entity> for Written {
    fn from(Entity { offset, length, kind }: Entity) -> Written {
        let plain = |kind| Written { kind, offset, length, language: None, url: None, user: None };
        match kind {
            EntityKind::Bold => plain(Type::Bold),
            EntityKind::Italic => plain(Type::Italic),
            EntityKind::Strike => plain(Type::Strike),
            EntityKind::Code => plain(Type::Code),
            EntityKind::Pre { language } => Written { language, ..plain(Type::Pre) },
            EntityKind::Link { url } => Written { url: Some(url), ..plain(Type::Link) },
            EntityKind::Url => plain(Type::Url),
            EntityKind::Mention { user } => Written { user: Some(user), ..plain(Type::Mention) },
            EntityKind::MentionAll => plain(Type::MentionAll),
            EntityKind::Quote => plain(Type::Quote),
            EntityKind::Spoiler => plain(Type::Spoiler),
        }
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Entity {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        Written::schema()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Entity {
    fn schemas(
        schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>,
    ) {
        Written::schemas(schemas);
    }
}
