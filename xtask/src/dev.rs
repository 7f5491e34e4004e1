//! `cargo xtask dev`: the page from its sources, with a server behind it.
//!
//! Vite serves the page and hands `/api` on to the server, which is built
//! without a page. Both belong to the terminal: Ctrl-C ends them with us.

use std::{
    process::{Child, Command, ExitCode},
    thread,
    time::Duration,
};

use crate::site::Site;

/// Serves until either of the two ends; then ends the other.
pub fn serve(site: &Site) -> ExitCode {
    let mut vite = Command::new("node");
    vite.arg("node_modules/vite/bin/vite.js").current_dir(&site.web);
    let mut server = Command::new("cargo");
    server.args(["run", "-p", "linger", "--no-default-features", "--", "--data"]);
    // Not the folder in which people keep their real messages.
    server.arg(site.target.join("dev-data")).current_dir(&site.root);

    let mut children: Vec<Child> = Vec::new();
    for command in [&mut server, &mut vite] {
        match command.spawn() {
            Ok(child) => children.push(child),
            Err(error) => {
                eprintln!("{} did not start: {error}", command.get_program().display());
                end(children);
                return ExitCode::FAILURE;
            }
        }
    }
    while !children.iter_mut().any(|child| matches!(child.try_wait(), Ok(Some(_)) | Err(_))) {
        thread::sleep(Duration::from_millis(200));
    }
    end(children);
    ExitCode::FAILURE
}

fn end(children: Vec<Child>) {
    for mut child in children {
        // It may be over already; then there is nothing to end.
        let _ = child.kill();
        let _ = child.wait();
    }
}
