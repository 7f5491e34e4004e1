//! The owner of the files: a folder of another user is refused by name, and the files
//! that the program makes are for its own user alone.
//!
//! The first needs root, as CI has it. Without root, a file that may not be written
//! stands for another user's file.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use crate::{
    process::{Folder, Program},
    startup::check_refused,
};

use super::{say_all, stop, texts};

/// A user who owns nothing: `nobody` on most systems.
const NOBODY: u32 = 65534;

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Returns the folder and each file in it with the bits of its mode.
fn modes(data: &Path) -> Vec<(PathBuf, u32)> {
    let files = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let mode = |path: PathBuf| {
        let mode = fs::metadata(&path).unwrap().mode() & 0o777;
        (path, mode)
    };
    std::iter::once(data.to_owned()).chain(files).map(mode).collect()
}

/// Checks that nobody but the owner may read anything.
fn check_private(case: &str, data: &Path) {
    let modes = modes(data);
    assert!(modes.len() >= 4, "{case}: a lock and both files: {modes:?}");
    for (path, mode) in modes {
        let expected = if path == data { 0o700 } else { 0o600 };
        assert_eq!(mode, expected, "{case}: {} is {mode:o}", path.display());
    }
}

#[test]
fn what_the_program_makes_is_its_own_users_alone() {
    let folder = Folder::new();
    let data = folder.join("data");
    let server = Program::at(&data).start();
    let mut ann = server.guest("ann");
    ann.open("tea", "open");
    say_all(&mut ann, "private", 3);
    // With both write-ahead logs and the memory that readers share.
    texts(&mut ann);
    check_private("a new folder", &data);
    stop(server);
    check_private("stopped", &data);

    // As earlier versions made them.
    for (path, _) in modes(&data) {
        set_mode(&path, if path == data { 0o755 } else { 0o644 });
    }
    let server = Program::at(&data).start();
    let mut ann = ann.again(server.address);
    say_all(&mut ann, "still", 3);
    assert_eq!(texts(&mut ann).len(), 6);
    check_private("an older folder", &data);
}

#[test]
fn a_folder_with_a_file_of_another_user_is_refused_with_its_name_and_owner() {
    let folder = Folder::new();
    let executable = folder.join("linger");
    // Another user may not be allowed to read the checkout.
    let ours = env!("CARGO_BIN_EXE_linger");
    fs::hard_link(ours, &executable).or_else(|_| fs::copy(ours, &executable).map(drop)).unwrap();
    set_mode(folder.path(), 0o755);
    let data = folder.join("data");
    let server = Program::at(&data).start();
    server.guest("ann").say("lobby", "hello");
    stop(server);

    for name in ["log.db", "projection.db", "lock", ""] {
        let anothers = if name.is_empty() { data.clone() } else { data.join(name) };
        let (mine, its) = if name.is_empty() { (0o600, 0o755) } else { (0o600, 0o644) };
        let path = anothers.display().to_string();
        if !is_root() {
            // It may also start: the file is its own, so it can give itself the right to write.
            set_mode(&anothers, its & 0o555);
            if let Err(refusal) = Program::at(&data).try_start() {
                assert!(refusal.stderr.contains(&path), "{refusal:?}");
            }
            continue;
        }
        for (path, _) in modes(&data) {
            chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
            set_mode(&path, if path == data { 0o700 } else { mine });
        }
        let program = Program::at(&data).run_by(NOBODY, &executable);
        let server = program.start();
        server.guest("bob").say("lobby", "it is all theirs");
        stop(server);

        chown(&anothers, Some(0), Some(0)).unwrap();
        set_mode(&anothers, its);
        check_refused(name, &program, &[&path]);
        let sentence = program.refused(name).stderr.replace(&path, "");
        let mut words = sentence.split(|c: char| !c.is_ascii_alphanumeric());
        assert!(words.any(|word| word == "root" || word == "0"), "{name}: no owner: {sentence}");
    }
}
