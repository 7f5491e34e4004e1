//! A copy that was put back: the log is older than the cursors of some readers.
//!
//! Positions are then used a second time, for other messages. A reader whose
//! cursor is from the lost future is told to begin afresh, however much was sent
//! since; a reader whose cursor is older than the copy goes on and misses nothing.

use std::fs;

use crate::{
    client::Client,
    process::{Folder, Program},
};

use super::{
    check_goes_on, check_reset, check_rollback_refused, copy_folder, cursor_now, last_position,
    log_entries, say_all, stop, texts,
};

/// Messages that the copy does not have.
const LOST: usize = 3;

/// A server that was used, copied, used again and stopped.
struct Restored {
    folder: Folder,
    copy: Folder,
    ann: Client,
    /// The texts in the copy.
    said: Vec<String>,
    /// A cursor after the first two of them, and one after all of them.
    before: [String; 2],
    /// Cursors after some of the messages that the copy does not have.
    futures: Vec<String>,
    /// Entries of the log that was replaced.
    entries: u64,
}

impl Restored {
    fn new() -> Restored {
        let (folder, copy) = (Folder::new(), Folder::new());
        let server = Program::on(&folder).start();
        let mut ann = server.guest("ann");
        ann.open("tea", "open");
        let mut said = say_all(&mut ann, "early", 2);
        let early = cursor_now(&mut ann);
        said.extend(say_all(&mut ann, "before the copy", 3));
        let before = [early, cursor_now(&mut ann)];
        stop(server);
        copy_folder(folder.path(), copy.path());

        let server = Program::on(&folder).start();
        let mut ann = ann.again(server.address);
        let mut futures = Vec::new();
        for n in 0..LOST {
            ann.say("tea", &format!("lost {n}"));
            futures.push(cursor_now(&mut ann));
        }
        let entries = last_position(&mut ann, super::ROOM);
        stop(server);
        Restored { folder, copy, ann, said, before, futures, entries }
    }

    /// Starts the program where the copy was put back, and checks all readers.
    fn check(self, case: &str, program: &Program, before_go_on: bool) {
        let Restored { ann, mut said, before, futures, .. } = self;
        let server = program.start();
        let mut ann = ann.again(server.address);
        assert_eq!(texts(&mut ann), said, "{case}");
        let reset = |ann: &mut Client, when: &str| {
            for future in &futures {
                check_reset(&format!("{case}, {when}"), ann, future);
            }
        };
        reset(&mut ann, "at once");
        for n in 0..2 * LOST {
            said.extend(say_all(&mut ann, &format!("new {n}"), 1));
            reset(&mut ann, &format!("after {} new messages", n + 1));
        }
        if before_go_on {
            check_goes_on(&ann, &before[0], &said[2..]);
            check_goes_on(&ann, &before[1], &said[5..]);
        }
        let here = cursor_now(&mut ann);
        stop(server);

        let server = program.start();
        let mut ann = ann.again(server.address);
        assert_eq!(texts(&mut ann), said, "{case}, started again");
        let news = say_all(&mut ann, "after another start", 2);
        check_goes_on(&ann, &here, &news);
        reset(&mut ann, "started again");
    }
}

#[test]
fn readers_notice_that_a_copy_of_the_whole_folder_was_put_back() {
    let restored = Restored::new();
    for entry in fs::read_dir(restored.folder.path()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    copy_folder(restored.copy.path(), restored.folder.path());
    let program = Program::on(&restored.folder);
    restored.check("the whole folder", &program, true);
}

#[test]
fn readers_notice_that_a_copy_of_the_log_alone_was_put_in_a_new_folder() {
    let restored = Restored::new();
    let new = Folder::new();
    fs::copy(restored.copy.join("log.db"), new.join("log.db")).unwrap();
    restored.check("the log alone", &Program::on(&new), true);
}

#[test]
fn a_copy_of_the_log_beside_its_newer_projection_must_be_accepted() {
    let restored = Restored::new();
    let data = restored.folder.path().to_owned();
    fs::copy(restored.copy.join("log.db"), data.join("log.db")).unwrap();
    let log = log_entries(&data);
    check_rollback_refused("the log put back", &data, log, restored.entries);
    let program = Program::on(&restored.folder).arg("--accept-rollback");
    restored.check("the log put back", &program, false);
}
