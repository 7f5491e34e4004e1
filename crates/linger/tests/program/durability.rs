//! `kill -9` while eight people write: acknowledged messages stay, once each.
//!
//! Each round starts the program on the same folder, lets eight writers send as
//! fast as they can under request ids of their own, and kills it after so many
//! acknowledgements. Then a new process must have it all. (A killed process does
//! not lose what the kernel has; the fsync itself is the log engine's test.)

use crate::{
    client::Client,
    process::{Folder, Program},
    writers::{WRITERS, check_all_there, repeat_all, write_until_killed},
};

/// Acknowledgements after which the program is killed, in each round: at once,
/// in the first batches, in full flow.
const KILLED_AFTER: [usize; 5] = [1, 9, 60, 250, 700];

#[test]
fn what_was_acknowledged_before_a_kill_is_there_once_afterwards() {
    let folder = Folder::new();
    let program = Program::on(&folder);
    let writers: Vec<Client> = {
        let server = program.start();
        server.guest("ann").open("tea", "open");
        (0..WRITERS).map(|i| server.guest(&format!("writer {i}"))).collect()
    };
    let mut said = Vec::new();
    for (round, killed_after) in KILLED_AFTER.into_iter().enumerate() {
        let mut server = program.start();
        let mut sent = write_until_killed(&mut server, &writers, round, killed_after);
        assert!(sent.iter().any(|sent| sent.acknowledged.is_some()), "round {round} said nothing");
        drop(server);

        let server = program.start();
        check_all_there(&server, &said, &sent);
        repeat_all(&server, &writers, &mut sent);
        said.extend(sent);
        // The repeats have acknowledged everything, so all of it is there, and nothing else.
        let messages = check_all_there(&server, &said, &[]);
        assert_eq!(messages, said.len(), "every request had its effect once, round {round}");
    }
}
