//! A clock that is wrong, at start or for a while. Only the times that are shown depend
//! on it, and they are right again as soon as the clock is.

use std::{
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    client::Client,
    disk::Disk,
    process::{Folder, Program},
};

use super::{stop, texts};

/// Seconds from 1970 to the beginning of a year.
const YEAR_1960: i64 = -315_619_200;
const YEAR_2036: i64 = 2_082_758_400;
const YEAR_12000: i64 = 316_516_204_800;

/// Returns the line that sets the clock to this time.
fn clock_at(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    format!("clock {}", seconds - now)
}

/// Returns the time, as messages have it, without what is below a second.
fn now() -> String {
    let date = Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%S"]).output().unwrap();
    String::from_utf8(date.stdout).unwrap().trim().to_owned()
}

/// Says something and checks that it has the time of now.
fn check_time_is_right(case: &str, client: &mut Client) {
    let before = now();
    let message = client.say("tea", case);
    let (at, after) = (message["at"].as_str().unwrap()[..19].to_owned(), now());
    assert!(before <= at && at <= after, "{case}: {at} is between {before} and {after}");
}

#[test]
fn one_message_with_a_wrong_time_leaves_the_next_ones_right() {
    let folder = Folder::new();
    let disk = Disk::under(folder.path());
    let program = disk.mount(Program::on(&folder));
    let server = program.start();
    let mut ann = server.guest("ann");
    ann.open("tea", "open");
    check_time_is_right("before", &mut ann);
    disk.set(&[&clock_at(YEAR_2036)]);
    let wrong = ann.say("tea", "from the future");
    assert!(wrong["at"].as_str().unwrap().starts_with("2036-01-01"), "{wrong}");
    disk.heal();
    check_time_is_right("right after it", &mut ann);
    let mut bob = server.guest("bob");
    bob.join("tea");
    check_time_is_right("of somebody else", &mut bob);
    let before = texts(&mut ann);
    stop(server);

    let server = program.start();
    let mut ann = ann.again(server.address);
    assert_eq!(texts(&mut ann), before);
    check_time_is_right("after a restart", &mut ann);
}

#[test]
fn with_a_clock_that_is_far_off_the_program_starts_and_serves() {
    let cases = [("1960", YEAR_1960), ("2036", YEAR_2036), ("12000", YEAR_12000)];
    for (case, seconds) in cases {
        for is_wrong_at_start in [true, false] {
            let case = format!("{case}, at start: {is_wrong_at_start}");
            let folder = Folder::new();
            let disk = Disk::under(folder.path());
            let program = disk.mount(Program::on(&folder));
            let set = || disk.set(&[&clock_at(seconds)]);
            if is_wrong_at_start {
                set();
            }
            let server = program.start();
            set();
            let mut ann = server.guest("ann");
            ann.open("tea", "open");
            ann.say("tea", "in another age");
            assert_eq!(texts(&mut ann), ["in another age"], "{case}");
            server.visitor().get("/ready").expect(200);
            let log = server.into_log();
            assert!(!log.contains("panicked"), "{case}: {log}");

            let server = program.start();
            let mut ann = ann.again(server.address);
            ann.say("tea", "and again");
            disk.heal();
            check_time_is_right(&case, &mut ann);
            assert_eq!(texts(&mut ann), ["in another age", "and again", &case]);
            let log = server.into_log();
            assert!(!log.contains("panicked"), "{case}: {log}");
        }
    }
}
