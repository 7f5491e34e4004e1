//! The power goes while eight people write, or the end of the log's file is torn:
//! every acknowledged message is there, once.
//!
//! The journal of [`Disk`] knows what was never synced; a power cut may take that and
//! nothing else. All rounds use one folder, each with a seed of its own.

use std::fs::{self, File};

use crate::{
    chance::Chance,
    client::Client,
    disk::Disk,
    process::{Folder, Program, Server},
    writers::{Sent, WRITERS, check_all_there, repeat_all, write_until_killed},
};

use super::{check_rollback_refused, last_position, log_entries, say_all, texts};

/// Power cuts under writers.
const CUTS: u64 = 14;
/// Ends of the log's file that are torn in each way.
const TEARS: u64 = 6;
/// A frame of SQLite's write-ahead log: a head and a page.
const FRAME: u64 = 24 + 4096;

/// One folder that is broken and started again, with everything that was sent to it.
struct Rounds {
    folder: Folder,
    disk: Disk,
    program: Program,
    writers: Vec<Client>,
    said: Vec<Sent>,
}

impl Rounds {
    fn begin() -> Rounds {
        let folder = Folder::new();
        let disk = Disk::with_journal(folder.path());
        let program = disk.mount(Program::on(&folder));
        let server = program.start();
        server.guest("ann").open("tea", "open");
        let writers = (0..WRITERS).map(|i| server.guest(&format!("writer {i}"))).collect();
        Rounds { folder, disk, program, writers, said: Vec::new() }
    }

    /// Kills the program under its writers, breaks something, and checks that all
    /// messages are there, and stay there once when they are repeated.
    fn round(&mut self, round: u64, killed_after: usize, damage: impl FnOnce(&Rounds)) {
        let mut server = self.program.start();
        let mut sent = write_until_killed(&mut server, &self.writers, round as usize, killed_after);
        assert!(sent.iter().any(|sent| sent.acknowledged.is_some()), "round {round} said nothing");
        drop(server);
        damage(self);
        let server = self.program.start();
        check_all_there(&server, &self.said, &sent);
        repeat_all(&server, &self.writers, &mut sent);
        self.said.extend(sent);
        self.check_whole(&server, round);
    }

    fn check_whole(&self, server: &Server, round: u64) {
        let messages = check_all_there(server, &self.said, &[]);
        assert_eq!(messages, self.said.len(), "every request had its effect once, round {round}");
    }
}

#[test]
fn a_power_cut_under_writers_takes_nothing_that_was_acknowledged() {
    let mut rounds = Rounds::begin();
    for seed in 1..=CUTS {
        let killed_after = Chance::new(seed).pick(1..150) as usize;
        rounds.round(seed, killed_after, |rounds| rounds.disk.power_cut(seed));
        // And once more, while nobody writes.
        rounds.disk.power_cut(CUTS + seed);
        rounds.check_whole(&rounds.program.start(), seed);
    }
}

/// If this failed, the test above would prove nothing.
#[test]
fn a_power_cut_takes_what_was_acknowledged_if_fsync_does_nothing() {
    let folder = Folder::new();
    let disk = Disk::with_journal(folder.path());
    let program = disk.mount(Program::on(&folder));
    let mut server = program.start();
    let mut ann = server.guest("ann");
    ann.open("tea", "open");
    disk.set(&["fsync-lies"]);
    say_all(&mut ann, "lost", 5);
    server.kill();
    disk.power_cut_that_leaves_nothing();
    disk.heal();
    let Ok(server) = program.try_start() else { return };
    assert!(texts(&mut ann.again(server.address)).is_empty(), "nothing of it was synced");
}

#[test]
fn a_log_whose_unsynced_end_is_cut_off_has_everything_that_was_acknowledged() {
    let mut rounds = Rounds::begin();
    for seed in 1..=TEARS {
        rounds.round(seed, 40, |rounds| {
            let wal = File::options().write(true).open(rounds.folder.join("log.db-wal")).unwrap();
            let length = wal.metadata().unwrap().len();
            let synced = rounds.disk.synced_until("log.db-wal");
            wal.set_len(Chance::new(seed).pick(synced..length + 1)).unwrap();
        });
    }
}

#[test]
fn a_log_with_garbage_at_its_end_has_everything_that_was_acknowledged() {
    let mut rounds = Rounds::begin();
    for seed in 1..=TEARS {
        rounds.round(seed, 40, |rounds| {
            let mut chance = Chance::new(seed);
            let count = chance.pick(1..3 * FRAME);
            let mut wal = fs::read(rounds.folder.join("log.db-wal")).unwrap();
            wal.extend((0..count).map(|_| chance.pick(0..256) as u8));
            fs::write(rounds.folder.join("log.db-wal"), wal).unwrap();
        });
    }
}

#[test]
fn a_log_that_lost_synced_entries_which_its_projection_has_is_refused() {
    for seed in 1..=TEARS {
        let folder = Folder::new();
        let mut server = Program::on(&folder).start();
        let mut ann = server.guest("ann");
        ann.open("tea", "open");
        say_all(&mut ann, "before", 8);
        let projection = last_position(&mut ann, super::ROOM);
        server.kill();
        drop(server);
        let wal = File::options().write(true).open(folder.join("log.db-wal")).unwrap();
        let length = wal.metadata().unwrap().len();
        wal.set_len(Chance::new(seed).pick(length - 3 * FRAME..length)).unwrap();
        let log = log_entries(folder.path());
        assert!(log < projection, "seed {seed}: something is lost, {log} of {projection}");
        check_rollback_refused(&format!("seed {seed}"), folder.path(), log, projection);
    }
}
