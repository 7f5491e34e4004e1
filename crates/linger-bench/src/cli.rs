//! The command line: scenarios, servers, outputs, each within its bounds.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, builder::RangedU64ValueParser};

use crate::{
    limits::{
        FSYNC_MS_MAX, MESSAGES_MAX, PUBLISHERS_MAX, READERS_MAX, ROOMS_MAX, ROUNDS_MAX,
        SECONDS_MAX, TEXT_BYTES_MAX,
    },
    play::Act,
    process::Pid,
    scenario::{
        Scenario, catch_up::CatchUp, chatter::Chatter, comings::Comings, crowd::Crowd, idle::Idle,
        returning::Returning, senders::Senders,
    },
    servers,
    stage::{Mode, Terms, message::TEXT_BYTES_MIN},
    target::{Kind, Sends},
};

/// Between the leaving of a crowd and the look at memory: twice as long as Linger keeps
/// the memory for a crowd that comes back at once.
const REST_SECONDS: u64 = 2;

/// Loads a chat server on this machine and measures what that cost it.
///
/// Every reader checks that its messages are complete and in order; if they are
/// not, the run fails.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// All wait in one room; each message must reach all of them
    Crowd {
        #[arg(long, default_value_t = 10_000, value_parser = within(1, READERS_MAX))]
        readers: u64,
        #[arg(long, default_value_t = 20, value_parser = within(1, MESSAGES_MAX))]
        messages: u64,
        #[arg(long, value_enum, default_value = "long-poll")]
        mode: Mode,
        /// Each connection serves another request before its first poll
        #[arg(long)]
        after_request: bool,
    },
    /// Many small rooms; publishers say the next thing when the last is acknowledged
    Chatter {
        #[arg(long, default_value_t = 200, value_parser = within(1, ROOMS_MAX))]
        rooms: u64,
        /// In each room
        #[arg(long, default_value_t = 10, value_parser = within(1, READERS_MAX))]
        readers: u64,
        #[arg(long, default_value_t = 8, value_parser = within(1, PUBLISHERS_MAX))]
        publishers: u64,
        #[arg(long, default_value_t = 5, value_parser = within(1, SECONDS_MAX))]
        seconds: u64,
        #[arg(long, value_enum, default_value = "long-poll")]
        mode: Mode,
    },
    /// The server restarts and everybody comes back at once
    Returning {
        #[arg(long, default_value_t = 10_000, value_parser = within(1, READERS_MAX))]
        readers: u64,
    },
    /// Readers with cursors far behind, all at once
    CatchUp {
        #[arg(long, default_value_t = 500, value_parser = within(1, READERS_MAX))]
        readers: u64,
        /// How far behind they are
        #[arg(long, default_value_t = 2000, value_parser = within(1, MESSAGES_MAX))]
        messages: u64,
    },
    /// Durable sends, so many in flight
    Senders {
        #[arg(long, value_delimiter = ',', default_values_t = [1, 64, 512], value_parser = within(1, PUBLISHERS_MAX))]
        senders: Vec<u64>,
        #[arg(long, default_value_t = 5, value_parser = within(1, SECONDS_MAX))]
        seconds: u64,
    },
    /// All wait and nothing happens
    Idle {
        #[arg(long, default_value_t = 10_000, value_parser = within(1, READERS_MAX))]
        readers: u64,
        #[arg(long, default_value_t = 10, value_parser = within(1, SECONDS_MAX))]
        seconds: u64,
        #[arg(long, value_enum, default_value = "long-poll")]
        mode: Mode,
    },
    /// All come, wait, get one message, hang up, and come again three times
    Comings {
        #[arg(long, default_value_t = 10_000, value_parser = within(1, READERS_MAX))]
        readers: u64,
        /// Seconds that the server has before its memory is looked at
        #[arg(long, default_value_t = REST_SECONDS, value_parser = within(0, SECONDS_MAX))]
        rest: u64,
    },
    /// Linger and its peers side by side, with ratios and goals
    Compare {
        #[arg(long, default_value_t = 10_000, value_parser = within(1, READERS_MAX))]
        readers: u64,
        #[arg(long, default_value_t = 10, value_parser = within(1, MESSAGES_MAX))]
        messages: u64,
        #[arg(long, default_value_t = 5, value_parser = within(1, SECONDS_MAX))]
        seconds: u64,
        /// Put the tables into this Markdown file, between its two marks
        #[arg(long, value_name = "FILE")]
        page: Option<PathBuf>,
        /// Get missing peers: Debian's nginx and nchan, and durable-streams with cargo
        #[arg(long)]
        install_peers: bool,
    },
}

/// Options of every scenario.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The server to load
    #[arg(long, value_enum, default_value = "linger", global = true)]
    pub(crate) target: Kind,
    /// A linger that runs already, with rate limits off, like http://127.0.0.1:8080
    #[arg(long, global = true)]
    pub(crate) url: Option<String>,
    /// Its process, for CPU and memory
    #[arg(long, global = true, requires = "url")]
    pub(crate) pid: Option<Pid>,
    /// Linger's program [default: the one beside linger-bench]
    #[arg(long, env = "LINGER_BIN", value_name = "FILE", global = true)]
    pub(crate) linger: Option<PathBuf>,
    /// Where durable-streams is installed
    #[arg(long, value_name = "FOLDER", global = true, default_value_os_t = servers::default_peers())]
    pub(crate) peers: PathBuf,
    /// Where servers keep their data; on a real disk, or fsync costs nothing
    #[arg(long, value_name = "FOLDER", global = true, default_value_os_t = std::env::temp_dir())]
    pub(crate) folder: PathBuf,
    /// Bytes in a message's text
    #[arg(long, global = true, default_value_t = 64, value_parser = within(TEXT_BYTES_MIN as u64, TEXT_BYTES_MAX))]
    pub(crate) text_bytes: u64,
    /// Make each fsync of a server take so many milliseconds at least, and count
    /// them: LD_PRELOAD, with the system's cc; 0 only counts
    #[arg(long, value_name = "MS", global = true, value_parser = fsync_time, conflicts_with = "url")]
    pub(crate) fsync_ms: Option<Duration>,
    /// How messages are sent to linger; peers have one way
    #[arg(long, value_enum, global = true, default_value = "put")]
    pub(crate) sends: Sends,
    /// Each reader has a session of its own: a guest; without, all are visitors
    #[arg(long, global = true)]
    pub(crate) sessions: bool,
    /// Seconds that all may take to connect, or to get what was published
    #[arg(long, value_name = "SECONDS", global = true, default_value_t = 60, value_parser = within(1, SECONDS_MAX))]
    pub(crate) patience: u64,
    /// Play so often and report medians [default: 1; compare: 5]
    #[arg(long, global = true, value_parser = within(1, ROUNDS_MAX))]
    pub(crate) rounds: Option<u64>,
    /// Write all figures as JSON
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) json: Option<PathBuf>,
    /// Draw the latencies of the first scenario as SVG
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) svg: Option<PathBuf>,
}

fn within(least: u64, most: u64) -> RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(least..=most)
}

/// Reads milliseconds, with a fraction perhaps.
fn fsync_time(text: &str) -> Result<Duration, String> {
    let within = |ms: &f64| (0.0..=FSYNC_MS_MAX).contains(ms);
    let ms = text.parse().ok().filter(within);
    let ms = ms.ok_or_else(|| format!("it is a number of milliseconds up to {FSYNC_MS_MAX}"))?;
    Ok(Duration::from_secs_f64(ms / 1000.0))
}

impl Arguments {
    /// Returns the scenarios to play, with their servers.
    pub(crate) fn acts(&self) -> Vec<Act> {
        let terms = Terms {
            text_bytes: size(self.common.text_bytes),
            sends: self.common.sends,
            has_sessions: self.common.sessions,
            patience: Duration::from_secs(self.common.patience),
        };
        let alone = |scenario| Act { scenario, kinds: vec![self.common.target] };
        match self.verb {
            Verb::Crowd { readers, messages, mode, after_request: greet_first } => {
                let (readers, messages) = (size(readers), size(messages));
                vec![alone(Scenario::Crowd(Crowd { readers, messages, mode, greet_first, terms }))]
            }
            Verb::Chatter { rooms, readers, publishers, seconds, mode } => {
                vec![alone(Scenario::Chatter(Chatter {
                    rooms: size(rooms),
                    readers: size(readers),
                    publishers: size(publishers),
                    time: Duration::from_secs(seconds),
                    mode,
                    terms,
                }))]
            }
            Verb::Returning { readers } => {
                vec![alone(Scenario::Returning(Returning { readers: size(readers), terms }))]
            }
            Verb::CatchUp { readers, messages } => {
                let (readers, messages) = (size(readers), size(messages));
                vec![alone(Scenario::CatchUp(CatchUp { readers, messages, terms }))]
            }
            Verb::Senders { ref senders, seconds } => {
                let time = Duration::from_secs(seconds);
                let scenarios = senders.iter().map(|senders| {
                    Scenario::Senders(Senders { senders: size(*senders), time, terms })
                });
                scenarios.map(alone).collect()
            }
            Verb::Idle { readers, seconds, mode } => {
                let (readers, time) = (size(readers), Duration::from_secs(seconds));
                vec![alone(Scenario::Idle(Idle { readers, time, mode, terms }))]
            }
            Verb::Comings { readers, rest } => {
                let (readers, rest) = (size(readers), Duration::from_secs(rest));
                vec![alone(Scenario::Comings(Comings { readers, rest, terms }))]
            }
            Verb::Compare { readers, messages, seconds, .. } => {
                comparison(size(readers), size(messages), Duration::from_secs(seconds), terms)
            }
        }
    }
}

/// The acts of the comparison: the scenarios that have goals.
fn comparison(readers: usize, messages: usize, time: Duration, terms: Terms) -> Vec<Act> {
    let (mode, rest) = (Mode::LongPoll, Duration::from_secs(REST_SECONDS));
    let crowd = Crowd { readers, messages, mode, greet_first: false, terms };
    let after_request = Crowd { greet_first: true, messages: 1, ..crowd };
    let chatter = Chatter { rooms: 200, readers: 10, publishers: 8, time, mode, terms };
    let all = Kind::ALL.to_vec();
    // nchan keeps nothing on disk: there is nothing durable to compare with.
    let durable = vec![Kind::Linger, Kind::DurableStreams];
    let senders = |senders| Act {
        scenario: Scenario::Senders(Senders { senders, time, terms }),
        kinds: durable.clone(),
    };
    vec![
        Act { scenario: Scenario::Crowd(crowd), kinds: all.clone() },
        Act { scenario: Scenario::Crowd(after_request), kinds: all.clone() },
        Act { scenario: Scenario::Chatter(chatter), kinds: all.clone() },
        senders(1),
        senders(64),
        senders(512),
        Act { scenario: Scenario::Idle(Idle { readers, time, mode, terms }), kinds: all },
        Act {
            scenario: Scenario::Returning(Returning { readers, terms }),
            kinds: vec![Kind::Linger],
        },
        Act {
            scenario: Scenario::Comings(Comings { readers, rest, terms }),
            kinds: vec![Kind::Linger],
        },
    ]
}

/// All sizes here are bounded far below.
fn size(number: u64) -> usize {
    usize::try_from(number).expect("it is bounded")
}
