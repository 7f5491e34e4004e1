//! The real program, driven from outside: a process, sockets, a data folder.
//!
//! One binary with a module per subject. [`process`] starts and ends the
//! program, [`client`] speaks HTTP to it byte by byte; everything else is tests.
//! Ports are 0 and read from the line that the program prints, every folder is
//! temporary, every wait has a deadline. It needs no page in the program.

#![allow(clippy::unwrap_used, reason = "a test that has no answer has failed")]

mod bad_input;
mod chance;
mod client;
mod cluster;
mod connections;
mod crowd;
#[cfg(target_os = "linux")]
mod disk;
mod durability;
mod erasure;
#[cfg(target_os = "linux")]
mod faults;
mod files;
#[cfg(target_os = "linux")]
mod hostile;
mod hosts;
mod limits;
mod lost_logs;
mod manual;
mod memory;
mod moves;
mod native;
mod nats;
mod nodes;
mod openapi;
mod operations;
mod origins;
mod process;
mod rates;
mod readers;
mod returning;
mod shutdown;
mod smuggling;
mod snapshots;
mod startup;
mod text;
mod three_servers;
mod ways;
mod writers;
