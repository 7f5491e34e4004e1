//! The promises of every log engine, checked on each of them.
//!
//! An engine is added to [`ENGINES`], and nothing else. The promises that only one of
//! them makes are tested beside it: `sqlite/tests.rs`.

use std::sync::Arc;

use linger_core::{
    Author, Command, Draft, Emoji, Entities, Entity, EntityKind, Entry, Epoch, ExternalId,
    FileHash, FileId, FileName, LogId, MediaType, MessageId, MessageText, Position, RoomId,
    RoomKind, SenderTime, Timestamp, Topic, UserId, UserName,
};
use tempfile::TempDir;

use super::{
    Log,
    jetstream::{
        ClusterSettings,
        server::{NatsServer, promise},
        tests::erased_file,
    },
    memory::MemoryLog,
    sqlite::SqliteFile,
};
use crate::{
    Limits,
    files::Files,
    health::Health,
    metrics::Metrics,
    tests::cast::{self, create, open, rename, say},
};

/// A place where a log is kept, so that it can be opened again.
enum Engine {
    Memory(Arc<MemoryLog>),
    Sqlite(TempDir),
    JetStream(ClusterSettings),
}

const ENGINES: [fn() -> Engine; 3] = [
    || Engine::Memory(Arc::new(MemoryLog::new(LogId::from_random(1)))),
    || Engine::Sqlite(tempfile::tempdir().unwrap()),
    || Engine::JetStream(NatsServer::of_this_process().new_log()),
];

impl Engine {
    /// Opens the log as it is; the one opened before must be closed.
    fn open(&self) -> Arc<dyn Log> {
        let (metrics, health) = (Arc::new(Metrics::new()), Arc::new(Health::new()));
        let limits = Limits::default();
        match self {
            Engine::Memory(log) => log.clone(),
            Engine::JetStream(settings) => {
                let opened = promise(1).open(settings.clone()).unwrap();
                Arc::new(opened.start(erased_file(), &limits, metrics, health).unwrap())
            }
            Engine::Sqlite(folder) => {
                let file = SqliteFile::open(&folder.path().join("log.db"), LogId::from_random(1));
                Arc::new(file.unwrap().start(Arc::new(Files::default()), &limits, metrics, health))
            }
        }
    }
}

/// Runs a check on every engine.
fn on_every_engine(check: impl Fn(&Engine)) {
    ENGINES.iter().for_each(|engine| check(&engine()));
}

/// Appends and waits for the acknowledgement.
pub(super) fn append(log: &dyn Log, draft: Draft) -> Position {
    log.append(draft).unwrap().blocking_recv().unwrap().unwrap()
}

/// Returns a draft that differs from others by its author and number.
pub(crate) fn draft(author: u64, number: u64) -> Draft {
    let room = RoomId::new(Position::new(1));
    let at = Timestamp::from_ms(number.cast_signed());
    let author = Author::User(UserId::new(Position::new(author)));
    cast::draft(at, author, &format!("request-{number}"), say(room, &format!("word {number}")))
}

fn all(log: &dyn Log) -> Vec<Entry> {
    log.read_after(Position::START, usize::MAX >> 1).unwrap()
}

#[test]
fn an_entry_is_read_where_its_append_said_it_is() {
    on_every_engine(|engine| {
        let log = engine.open();
        assert_eq!((*log.tail().borrow(), all(&*log)), (Position::START, vec![]));
        let drafts: Vec<_> = (0..20).map(|number| draft(7, number)).collect();
        let entries: Vec<_> = drafts
            .into_iter()
            .map(|draft| Entry { position: append(&*log, draft.clone()), draft })
            .collect();
        assert!(entries.is_sorted_by(|one, next| one.position < next.position));
        assert_eq!(all(&*log), entries);
        assert_eq!(*log.tail().borrow(), entries[19].position);
    });
}

#[test]
fn appends_that_do_not_wait_for_each_other_keep_their_order() {
    on_every_engine(|engine| {
        let log = engine.open();
        let drafts: Vec<_> = (0..500).map(|number| draft(7, number)).collect();
        let appending: Vec<_> =
            drafts.iter().map(|draft| log.append(draft.clone()).unwrap()).collect();
        let positions =
            appending.into_iter().map(|answer| answer.blocking_recv().unwrap().unwrap());
        let entries: Vec<_> =
            positions.zip(drafts).map(|(position, draft)| Entry { position, draft }).collect();
        assert_eq!(all(&*log), entries);
    });
}

#[test]
fn what_was_acknowledged_is_there_when_the_log_is_opened_again() {
    on_every_engine(|engine| {
        let log = engine.open();
        let id = log.id();
        for number in 0..5 {
            append(&*log, draft(7, number));
        }
        let entries = all(&*log);
        drop(log);

        let log = engine.open();
        assert_eq!(
            (log.id(), *log.tail().borrow(), all(&*log)),
            (id, entries[4].position, entries)
        );
        let next = append(&*log, draft(7, 5));
        assert_eq!(all(&*log).last().unwrap(), &Entry { position: next, draft: draft(7, 5) });
        assert_eq!(all(&*log).len(), 6);
    });
}

#[test]
fn whoever_stops_asking_for_the_answer_has_appended_all_the_same() {
    on_every_engine(|engine| {
        let log = engine.open();
        drop(log.append(draft(7, 0)).unwrap());
        append(&*log, draft(7, 1));
        assert_eq!(all(&*log).len(), 2);
    });
}

#[test]
fn many_small_pages_are_one_large_page() {
    on_every_engine(|engine| {
        // Some entries from before it was opened, and some since.
        for half in [0..23, 23..46] {
            let log = engine.open();
            for number in half {
                append(&*log, draft(7, number));
            }
            for limit in [1, 4, 23, 46, 47] {
                let mut pages = Vec::new();
                let mut after = Position::START;
                loop {
                    let page = log.read_after(after, limit).unwrap();
                    let Some(last) = page.last() else { break };
                    assert!(page.len() == limit || last.position == *log.tail().borrow());
                    after = last.position;
                    pages.extend(page);
                }
                assert_eq!(pages, all(&*log), "{limit} at a time");
            }
        }
    });
}

#[test]
fn the_tail_announces_growth_before_the_append_is_answered() {
    on_every_engine(|engine| {
        let log = engine.open();
        let mut tail = log.tail();
        for number in 0..50 {
            tail.mark_unchanged();
            let position = append(&*log, draft(7, number));
            assert!(tail.has_changed().unwrap());
            assert_eq!(*tail.borrow_and_update(), position);
        }
    });
}

#[test]
fn authors_who_append_at_once_get_places_of_their_own_and_keep_their_order() {
    const AUTHORS: u64 = 6;
    const EACH: u64 = 80;
    on_every_engine(|engine| {
        let log = &*engine.open();
        let tail = log.tail();
        let answers = std::thread::scope(|threads| {
            let authors: Vec<_> = (1..=AUTHORS)
                .map(|author| {
                    let tail = tail.clone();
                    let mut last_seen = Position::START;
                    threads.spawn(move || {
                        (0..EACH)
                            .map(|number| {
                                let position = append(log, draft(author, number));
                                let seen = *tail.borrow();
                                assert!(
                                    seen >= position && seen >= last_seen,
                                    "the tail went back"
                                );
                                last_seen = seen;
                                Entry { position, draft: draft(author, number) }
                            })
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            authors.into_iter().map(|author| author.join().unwrap()).collect::<Vec<_>>()
        });
        for of_author in &answers {
            assert!(of_author.is_sorted_by(|one, next| one.position < next.position));
        }
        let mut answers: Vec<_> = answers.into_iter().flatten().collect();
        answers.sort_by_key(|entry| entry.position);
        assert_eq!(all(log), answers);
        assert_eq!(*tail.borrow(), answers.last().unwrap().position);
    });
}

#[test]
fn every_command_is_read_back_as_it_was_written() {
    let [room, user] = [Position::new(1), Position::MAX];
    let room = RoomId::new(room);
    let text = MessageText::parse("<img onerror> \"quoted\"\n\t\\ 你好 👩‍👩‍👧 \u{202e}").unwrap();
    let sender_time = Some(SenderTime::parse("14:02 \"GMT\"").unwrap());
    let external_id = Some(ExternalId::parse("42';DROP/*\"*/TABLE/**/entries;--").unwrap());
    let Command::OpenRoom { slug, name, .. } = open("茶", RoomKind::Closed) else {
        unreachable!()
    };
    let topic = Topic::parse("naïve tea ☕").unwrap();
    let (message, file) = (MessageId::new(Position::new(7)), FileId::new(Position::MAX));
    let emoji = Emoji::parse("\u{1f469}\u{200d}\u{1f680}").unwrap();
    let link = EntityKind::Link { url: "https://example.org/?\"<>".to_owned() };
    let link = Entity { offset: 0, length: 4, kind: link };
    let bold = Entities::of(text.as_str(), vec![link]).unwrap();
    let commands = [
        create("ann"),
        Command::CreateGuest {
            name: UserName::parse("李雷").unwrap(),
            token_hash: None,
            external_id,
        },
        rename("anna"),
        open("tea", RoomKind::Open),
        Command::OpenRoom { slug, name, topic, kind: RoomKind::Closed },
        Command::JoinRoom { room },
        Command::AddMember { room, user: UserId::new(user) },
        Command::LeaveRoom { room },
        say(room, "one"),
        Command::SendMessage {
            room,
            text: text.clone(),
            sender_time,
            entities: bold.clone(),
            reply_to: Some(message),
            files: vec![file],
        },
        Command::EditMessage { message, text, entities: bold },
        Command::DeleteMessage { message },
        Command::AddReaction { message, emoji: emoji.clone() },
        Command::RemoveReaction { message, emoji },
        Command::PinMessage { message },
        Command::UnpinMessage { message },
        Command::ChangeRoom { room, name: None, topic: Some(Topic::parse("all").unwrap()) },
        Command::AddFile {
            name: FileName::parse("cat.png").unwrap(),
            kind: MediaType::parse("image/png").unwrap(),
            size: 7,
            hash: FileHash([7; 32]),
            width: Some(4),
            height: None,
            thumbnail: true,
        },
        Command::DropFile { file },
        Command::BeginEpoch { epoch: Epoch::from_random(7) },
    ];
    // A new command belongs in the list above, and then here.
    let kinds = commands.each_ref().map(|command| match command {
        Command::CreateGuest { .. } => 0,
        Command::RenameUser { .. } => 1,
        Command::OpenRoom { .. } => 2,
        Command::JoinRoom { .. } => 3,
        Command::AddMember { .. } => 4,
        Command::LeaveRoom { .. } => 5,
        Command::SendMessage { .. } => 6,
        Command::BeginEpoch { .. } => 7,
        Command::EditMessage { .. } => 8,
        Command::DeleteMessage { .. } => 9,
        Command::AddReaction { .. } => 10,
        Command::RemoveReaction { .. } => 11,
        Command::PinMessage { .. } => 12,
        Command::UnpinMessage { .. } => 13,
        Command::ChangeRoom { .. } => 14,
        Command::AddFile { .. } => 15,
        Command::DropFile { .. } => 16,
        // Nobody appends these: they replace entries that were appended.
        Command::Erased { .. }
        | Command::ErasedEdit { .. }
        | Command::ErasedFile { .. }
        | Command::ErasedInVain { .. } => unreachable!(),
    });
    assert!((0..=16).all(|kind| kinds.contains(&kind)));

    let authors = [Author::Server, Author::User(UserId::new(user))];
    let times = [-1, 0, 1_767_225_600_000].map(Timestamp::from_ms);
    on_every_engine(|engine| {
        let log = engine.open();
        let mut drafts = Vec::new();
        for command in &commands {
            for (author, at) in
                authors.into_iter().zip(times.into_iter().cycle().skip(drafts.len()))
            {
                let id = format!("A-z.0_{}", drafts.len());
                let named = cast::draft(at, author, &id, command.clone());
                // A made-up name counts as none.
                drafts.push(Draft { request: None, ..named.clone() });
                drafts.push(named);
            }
        }
        for draft in &drafts {
            append(&*log, draft.clone());
        }
        drop(log);
        let read: Vec<_> = all(&*engine.open()).into_iter().map(|entry| entry.draft).collect();
        assert_eq!(read, drafts);
    });
}
