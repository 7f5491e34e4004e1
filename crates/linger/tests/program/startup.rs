//! How the program starts, and how it says that it cannot: one plain sentence
//! on standard error and a non-zero exit code.
//!
//! A test sees which source a setting came from by its address, because the whole of
//! 127.0.0.0/8 is this machine.

use std::{fs, net::TcpListener};

use crate::process::{Folder, Program};

/// Checks that it does not start, with one sentence that has all these words.
pub fn check_refused(case: &str, program: &Program, words: &[&str]) {
    let refusal = program.refused(case);
    assert!(refusal.code.is_some_and(|code| code != 0), "{case}: {refusal:?}");
    assert_eq!(refusal.stdout, "", "{case}: {refusal:?}");
    let sentence =
        refusal.stderr.strip_suffix('\n').unwrap_or_else(|| panic!("{case}: {refusal:?}"));
    assert!(!sentence.contains('\n') && sentence.starts_with("linger: "), "{case}: {sentence}");
    for word in words {
        assert!(sentence.contains(word), "{case}: no {word:?} in {sentence:?}");
    }
}

#[test]
fn a_second_server_on_the_same_folder_is_refused_and_the_first_goes_on() {
    let folder = Folder::new();
    let mut first = Program::on(&folder).start();
    let mut ann = first.guest("ann");
    let folder_name = folder.to_string();
    check_refused("second", &Program::on(&folder), &[&folder_name, "in use", "--data"]);
    assert!(first.is_running());
    ann.say("lobby", "still here");

    first.kill();
    let mut second = Program::on(&folder).start();
    assert!(second.is_running(), "a killed server leaves no lock behind");
}

#[test]
fn what_cannot_be_is_refused_in_one_sentence() {
    let folder = Folder::new();
    let ours = Program::on(&folder);
    let in_the_way = folder.join("file");
    fs::write(&in_the_way, "not a folder").unwrap();
    let in_the_way = in_the_way.display().to_string();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let with = |name: &str, value: &str| ours.clone().env(name, value);
    let cases: [(&str, Program, &[&str]); 15] = [
        ("unknown flag", ours.clone().arg("--lissten"), &["--lissten", "--help"]),
        ("unknown word", ours.clone().arg("sing"), &["sing", "--help"]),
        ("flag without value", ours.clone().arg("--listen"), &["--listen"]),
        ("bad address", ours.clone().arg("--listen=here"), &["here", "--listen"]),
        ("bad address in the environment", with("LINGER_LISTEN", "there"), &["there", "--listen"]),
        ("bad switch", with("LINGER_VISITORS", "perhaps"), &["perhaps", "--visitors"]),
        ("bad number", with("LINGER_DRAIN", "-1"), &["-1", "--drain"]),
        ("no connections", with("LINGER_CONNECTIONS_MAX", "0"), &["connections-max"]),
        (
            "no connections from anywhere",
            with("LINGER_CONNECTIONS_PER_ADDRESS", "0"),
            &["connections-per-address"],
        ),
        ("a file as the folder", with("LINGER_DATA", &in_the_way), &[&in_the_way, "--data"]),
        (
            "a file above the folder",
            with("LINGER_DATA", &format!("{in_the_way}/data")),
            &[&in_the_way, "--data"],
        ),
        ("a taken port for figures", with("LINGER_METRICS", &taken), &[&taken, "--metrics"]),
        ("a taken port", with("LINGER_LISTEN", &taken), &[&taken, "--listen"]),
        ("another's address", with("LINGER_LISTEN", "192.0.2.1:0"), &["192.0.2.1", "--listen"]),
        ("no such file", with("LINGER_CONFIG", "/nowhere/linger.toml"), &["/nowhere/linger.toml"]),
    ];
    for (case, program, words) in cases {
        check_refused(case, &program, words);
    }
}

#[test]
fn a_wrong_settings_file_is_refused_with_the_line_that_is_wrong() {
    let cases = [
        ("no TOML", "# ours\n\nlisten = = 1\n", "line 3"),
        ("a string without end", "visitors = \"on\"\ndata = \"x\n", "line 2"),
        ("unknown key", "visitors = \"on\"\nlissten = \"127.0.0.1:0\"\n", "line 2"),
        ("wrong type", "\n\n\nlisten = 8080\n", "line 4"),
        ("wrong value", "drain = 3\nlisten = \"here\"", "line 2"),
        ("wrong switch", "visitors = \"perhaps\"\n", "line 1"),
        ("no connections", "connections-max = 0\n", "line 1"),
        ("no connections from anywhere", "\nconnections-per-address = 0\n", "line 2"),
        ("negative", "visitors = \"on\"\r\ndrain = -1\r\n", "line 2"),
    ];
    let folder = Folder::new();
    let file = folder.join("linger.toml");
    let program = Program::on(&folder).arg("--config").arg(file.display());
    for (case, text, line) in cases {
        fs::write(&file, text).unwrap();
        check_refused(case, &program, &[&file.display().to_string(), line]);
    }
}

#[test]
fn a_flag_wins_over_the_environment_which_wins_over_the_file() {
    let folder = Folder::new();
    let file = folder.join("linger.toml");
    let data = folder.join("data");
    let settings = format!("listen = \"127.0.0.4:0\"\ndata = \"{}\"\n", data.display());
    fs::write(&file, settings).unwrap();
    let filed = Program::bare().arg("--config").arg(file.display());
    let environed = filed.clone().env("LINGER_LISTEN", "127.0.0.3:0");
    let flagged = environed.clone().arg("--listen").arg("127.0.0.2:0");
    let cases = [
        ("file", filed, "127.0.0.4"),
        ("environment over file", environed, "127.0.0.3"),
        ("flag over both", flagged.clone(), "127.0.0.2"),
        ("the same after the word serve", flagged.arg("serve"), "127.0.0.2"),
    ];
    for (case, program, expected) in cases {
        let server = program.start();
        assert_eq!(server.address.ip().to_string(), expected, "{case}");
        assert!(server.greeting.contains(&data.display().to_string()), "{}", server.greeting);
        server.visitor().get("/ready").expect(200);
    }

    // A setting without any source has its default: here, that visitors may read. And a
    // number of connections above the possible one means the possible one.
    let many = Program::on(&folder).env("LINGER_CONNECTIONS_MAX", &usize::MAX.to_string());
    many.start().visitor().get("/api/v1/rooms").expect(200);
}

#[test]
fn help_and_version_are_answers_and_no_failures() {
    for (flag, words) in [("--help", "127.0.0.1:8080"), ("--version", env!("CARGO_PKG_VERSION"))] {
        let said = Program::bare().arg(flag).end();
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{flag}");
        assert!(said.stdout.contains(words), "{flag}: {}", said.stdout);
    }
}
