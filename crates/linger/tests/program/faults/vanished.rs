//! The data folder, or a file of it, is deleted or moved away under a running
//! server: nobody would ever find what it writes after that.
//!
//! Not one send is acknowledged after that. The program ends by itself and names
//! what is gone.

use std::{fs, path::Path, time::Duration};

use crate::process::{Folder, Program, Server};

use super::{say_all, texts};

/// The time in which the program must notice, also while nobody sends.
const NOTICED: Duration = Duration::from_secs(10);

/// Takes something away under a running server, and checks that it ends.
fn check_ends(case: &str, path: &str, take_away: impl FnOnce(&Path) -> Option<Server>) {
    let folder = Folder::new();
    let data = folder.join("data");
    let mut server = Program::at(&data).start();
    let mut ann = server.guest("ann");
    ann.open("tea", "open");
    say_all(&mut ann, "before", 5);

    let other = take_away(&data);
    for n in 0..5 {
        // There is no answer once the program has ended.
        let Ok(answer) = ann.try_send("tea", &format!("after-{n}"), "into nothing") else { break };
        assert!(answer.status >= 500, "{case}: send {n} after it: {answer:?}");
    }
    let status = server.ended(NOTICED);
    assert!(status.code().is_some_and(|code| code != 0), "{case}: {status:?}");
    check_last_words(case, &server.into_log(), &data.join(path));

    if let Some(other) = other {
        let mut bob = other.guest("bob");
        bob.open("tea", "open");
        let said = say_all(&mut bob, "in the new folder", 3);
        assert_eq!(texts(&mut bob), said, "{case}: the second server goes on");
    }
}

#[test]
fn a_server_whose_folder_is_deleted_acknowledges_nothing_more_and_ends() {
    check_ends("the folder is deleted", "", |data| {
        fs::remove_dir_all(data).unwrap();
        None
    });
}

#[test]
fn a_server_whose_folder_is_moved_away_acknowledges_nothing_more_and_ends() {
    check_ends("the folder is moved", "", |data| {
        fs::rename(data, data.with_file_name("moved")).unwrap();
        None
    });
}

#[test]
fn a_server_whose_log_is_deleted_acknowledges_nothing_more_and_ends() {
    for name in ["log.db", "log.db-wal"] {
        check_ends(&format!("{name} is deleted"), "log.db", |data| {
            fs::remove_file(data.join(name)).unwrap();
            None
        });
    }
}

#[test]
fn a_server_whose_folder_was_replaced_ends_and_leaves_the_new_one_alone() {
    check_ends("another server has a new folder of this name", "", |data| {
        fs::remove_dir_all(data).unwrap();
        Some(Program::at(data).start())
    });
}

#[test]
fn a_server_whose_folder_is_deleted_ends_also_when_nobody_sends() {
    let folder = Folder::new();
    let data = folder.join("data");
    let mut server = Program::at(&data).start();
    server.guest("ann").say("lobby", "hello");
    fs::remove_dir_all(&data).unwrap();
    let status = server.ended(NOTICED);
    assert!(status.code().is_some_and(|code| code != 0), "{status:?}");
    check_last_words("nobody sends", &server.into_log(), &data);
}

/// The last line is one sentence that names the path.
fn check_last_words(case: &str, log: &str, path: &Path) {
    let last = log.lines().last().unwrap_or_default();
    let path = path.display().to_string();
    let names_it = last.contains(path.trim_end_matches('/'));
    assert!(last.starts_with("linger: ") && names_it, "{case}: {log}");
}
