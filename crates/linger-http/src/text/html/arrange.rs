//! Lines as the rows of a transcript: days, notices, and the messages of one person in
//! a row.
//!
//! The same rules as `web/src/feed/arrange.ts` and `messages/notices.ts`, so that the
//! script finds what it would have made.

use std::borrow::Cow;

use linger_core::{Timestamp, UserId};

use super::{
    super::{
        lines::{Line, Named, What},
        zone::Zone,
    },
    languages::Words,
    said::Said,
};

/// One row.
pub(super) enum Row<'n> {
    Day(String),
    /// The line above what is new.
    Fresh,
    Notice(Notice),
    Group(Group<'n>),
}

/// People who came or went, in one sentence; the names are told apart where it counts.
pub(super) struct Notice {
    pub(super) sentence: String,
    pub(super) names: String,
}

/// The messages of one person in a row.
pub(super) struct Group<'n> {
    pub(super) name: Cow<'n, str>,
    pub(super) hue: String,
    pub(super) initial: String,
    pub(super) label: String,
    pub(super) at: String,
    pub(super) time: String,
    pub(super) said: Vec<Said<'n>>,
}

/// A message that comes later than this after the last one starts a new group.
const GROUP_GAP_MS: i64 = 5 * 60_000;
/// More people than this are counted, not named.
const NAMED_MAX: usize = 4;

/// Returns the rows of these lines, of which those from the number `fresh` on are new.
pub(super) fn arrange<'n>(
    lines: impl Iterator<Item = Line<'n>>,
    fresh: Option<u64>,
    zone: &Zone,
    words: &Words,
) -> Vec<Row<'n>> {
    let mut rows =
        Rows { all: Vec::new(), fresh, day: None, last: None, happened: Vec::new(), zone, words };
    for line in lines {
        rows.add(line);
    }
    rows.tell();
    rows.all
}

struct Rows<'n, 'v> {
    all: Vec<Row<'n>>,
    fresh: Option<u64>,
    day: Option<(i16, i8, i8)>,
    /// The author of the last message, and when it was sent.
    last: Option<(UserId, Timestamp)>,
    /// Things that happened in a row, to be told in one sentence.
    happened: Vec<What<'n>>,
    zone: &'v Zone,
    words: &'v Words,
}

impl<'n> Rows<'n, '_> {
    fn add(&mut self, line: Line<'n>) {
        // A page shows messages as they are, so it needs no word about what changed them.
        if changes_a_message(&line.what) {
            return;
        }
        let (day, weekday) = self.zone.day(line.at);
        if self.day != Some(day) {
            self.tell();
            self.day = Some(day);
            self.last = None;
            self.all.push(Row::Day((self.words.day)(day, weekday)));
        }
        match line.what {
            What::Said { by, number, id, text, beside } => {
                self.tell();
                if self.fresh.is_some_and(|fresh| number >= fresh) {
                    self.fresh = None;
                    self.last = None;
                    self.all.push(Row::Fresh);
                }
                let message = (number, id.get(), text);
                let said = Said::of(message, beside, line.at, self.zone, self.words);
                self.say(by, line.at, said);
            }
            other => {
                self.last = None;
                self.happened.push(other);
            }
        }
    }

    fn say(&mut self, by: Named<'n>, at: Timestamp, said: Said<'n>) {
        let goes_on = self.last.is_some_and(|(person, last)| {
            person == by.id && at.as_ms() - last.as_ms() < GROUP_GAP_MS
        });
        self.last = Some((by.id, at));
        if let Some(Row::Group(group)) = self.all.last_mut().filter(|_| goes_on) {
            group.said.push(said);
            return;
        }
        let name = by.name;
        self.all.push(Row::Group(Group {
            hue: hue(by.id),
            initial: name.chars().take(1).flat_map(char::to_uppercase).collect(),
            label: (self.words.spoke)(&name, &said.time),
            name,
            at: said.at.clone(),
            time: said.time.clone(),
            said: vec![said],
        }));
    }

    /// Tells what happened in a row, if anything did.
    fn tell(&mut self) {
        let happened = std::mem::take(&mut self.happened);
        if happened.is_empty() {
            return;
        }
        let runs = runs(happened);
        let words = self.words;
        let sentences: Vec<_> = runs.iter().map(|run| run.sentence(words)).collect();
        let counted = runs.iter().filter(|run| run.names.len() > NAMED_MAX);
        let names: Vec<_> = counted.map(|run| (words.and)(&run.names)).collect();
        let (sentence, names) = (sentences.join(" · "), names.join(" · "));
        self.all.push(Row::Notice(Notice { sentence, names }));
    }
}

/// The same thing, done by or to several people in a row.
struct Run<'n> {
    what: What<'n>,
    names: Vec<String>,
}

fn runs(happened: Vec<What<'_>>) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for what in happened {
        let name = subject(&what);
        match runs.last_mut().filter(|run| is_same(&run.what, &what)) {
            Some(run) if run.names.contains(&name) => {}
            Some(run) => run.names.push(name),
            None => runs.push(Run { what, names: vec![name] }),
        }
    }
    runs
}

/// Returns the name that a sentence about it lists.
fn subject(what: &What<'_>) -> String {
    match what {
        What::Joined { who, .. } | What::Left { who } => isolated(&who.name),
        What::Opened { by } => by.as_ref().map(|by| isolated(&by.name)).unwrap_or_default(),
        What::Changed { by, .. } => isolated(&by.name),
        _ => unreachable!("it is a message, which is shown as it is"),
    }
}

fn changes_a_message(what: &What<'_>) -> bool {
    matches!(
        what,
        What::Edited { .. } | What::Deleted { .. } | What::Reacted { .. } | What::Pinned { .. }
    )
}

fn is_same(one: &What<'_>, other: &What<'_>) -> bool {
    match (one, other) {
        (What::Joined { by: one, .. }, What::Joined { by: other, .. }) => one == other,
        (What::Left { .. }, What::Left { .. }) | (What::Changed { .. }, What::Changed { .. }) => {
            true
        }
        _ => false,
    }
}

impl Run<'_> {
    fn sentence(&self, words: &Words) -> String {
        let (count, names) = (self.names.len(), (words.and)(&self.names));
        let is_many = count > NAMED_MAX;
        match &self.what {
            What::Opened { by } => (words.opened)(by.as_ref().map(|_| &*names)),
            What::Joined { by: None, .. } if is_many => (words.many_joined)(count),
            What::Joined { by: None, .. } => (words.joined)(&names),
            What::Joined { by: Some(by), .. } => {
                let by = isolated(&by.name);
                match is_many {
                    true => (words.many_added)(&by, count),
                    false => (words.added)(&by, &names),
                }
            }
            What::Left { .. } if is_many => (words.many_left)(count),
            What::Left { .. } => (words.left)(&names),
            What::Changed { .. } => (words.changed_room)(&names),
            _ => unreachable!("it is a message, which is shown as it is"),
        }
    }
}

/// Returns a name that cannot turn a sentence of the other direction around.
pub(super) fn isolated(name: &str) -> String {
    let is_right_to_left = |c: char| matches!(c, '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}');
    match name.contains(is_right_to_left) {
        true => format!("\u{2068}{name}\u{2069}"),
        false => name.to_owned(),
    }
}

/// Returns the class of somebody's colour. The steps round the circle are such that
/// neighbouring ids look unlike each other; `web/src/people/hue.ts` does the same.
pub(super) fn hue(person: UserId) -> String {
    const GOLDEN_ANGLE: f64 = 137.508;
    let hue = (person.get() as f64 * GOLDEN_ANGLE) % 360.0;
    format!("hue-{}", (hue / 15.0).floor() as u32 * 15)
}
