//! A node among the others of its cluster: every few seconds it says how far it is, reads what
//! the others say, and draws its conclusions: which words it may write, and whether it has
//! made the same of the log as most of them.

use linger_core::{
    Position, Projection, Vocabulary, projection_applied,
    running::{self, MILESTONE},
};
use rusqlite::Connection;
use tokio::time::sleep;

use super::Node;
use crate::{
    Asker, ClusterError, Unavailable,
    log::jetstream::{Roll, block_on, context},
    nodes::{Agreement, BEAT, Comparison, Milestone, Record, Seat, Seen, Verdict},
};

/// Why a beat was missed. The next one comes soon.
#[derive(Debug, thiserror::Error)]
enum Missed {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Tables(#[from] Unavailable),
}

/// The node's own state, as its tables have it.
#[derive(Debug, Clone)]
struct Own {
    applied: Position,
    rules: Vocabulary,
    milestone: Option<Milestone>,
}

impl Own {
    /// Reads it.
    fn read(connection: &Connection) -> rusqlite::Result<Own> {
        let applied = projection_applied(connection)?;
        let rules = running::now(connection)?.rules;
        let passed = Position::new(applied.get() / MILESTONE * MILESTONE);
        let milestone = match passed {
            Position::START => None,
            at => running::at(connection, at)?.map(|it| Milestone::new(at, it.hash)),
        };
        Ok(Own { applied, rules, milestone })
    }
}

impl Node {
    /// Takes part in the cluster, for as long as the node runs. A node by itself has nothing
    /// to do. It is for the program to run beside everything else.
    pub async fn attend(&self) {
        let Some(seat) = &self.seat else { return std::future::pending().await };
        let (mut roll, mut comparison, mut told) = (None, Comparison::default(), None);
        while !self.health.has_ended() {
            match self.beat(seat, &mut roll, &mut comparison).await {
                Ok(Verdict::Same) => told = None,
                Ok(verdict @ (Verdict::OthersDiffer(_) | Verdict::Undecided)) => {
                    if told.as_ref() != Some(&verdict) {
                        tell(&verdict);
                        told = Some(verdict);
                    }
                }
                Ok(Verdict::Stop(reason)) => self.health.end(reason),
                // The log's own health says what is wrong with the cluster.
                Err(error) => {
                    tracing::debug!(%error, "the other nodes cannot be asked just now");
                    // The next connection may be with a server that is not cut off.
                    roll = None;
                }
            }
            sleep(BEAT).await;
        }
    }

    async fn beat(
        &self,
        seat: &Seat,
        roll: &mut Option<Roll>,
        comparison: &mut Comparison,
    ) -> Result<Verdict, Missed> {
        let roll = match roll {
            Some(roll) => roll,
            None => roll.insert(open(seat).await?),
        };
        let own = self.ask_tables(Asker::House, Own::read).await?;
        let record = seat.record(own.applied, own.milestone);
        let all = roll.read().await?;
        roll.write(&seat.id, &record).await?;
        if let Some(twin) = all.iter().find(|seen| seen.id == seat.id && !seat.wrote(&seen.record))
        {
            tracing::error!(
                name = twin.record.name,
                "another node says that it is this one: its data folder is a copy; stop one of them, delete the file node in its folder, and start it again"
            );
        }
        let others = others(all, seat);
        if self.agreement.note(own.rules, &others) {
            let vocabulary = self.agreement.agreed().get();
            tracing::info!(vocabulary, "entries are written in this vocabulary from now on");
        }
        let verdict = self.compare(&others, comparison).await?;
        if let Verdict::Stop(_) = verdict {
            // Those who come after it must not be stopped by it, once it is made anew.
            roll.write(&seat.id, &Record { has_stopped: true, ..record }).await?;
        }
        Ok(verdict)
    }

    async fn compare(
        &self,
        others: &[Seen],
        comparison: &mut Comparison,
    ) -> Result<Verdict, Missed> {
        let places: Vec<Position> = others
            .iter()
            .filter_map(|other| other.record.milestone.as_ref())
            .map(|milestone| milestone.position)
            .collect();
        let hashes = self.ask_tables(Asker::House, move |connection| {
            let hash = |at: &Position| Ok((*at, running::at(connection, *at)?.map(|it| it.hash)));
            places.iter().map(hash).collect::<rusqlite::Result<Vec<_>>>()
        });
        let hashes = hashes.await?;
        let hash_at = |at| hashes.iter().find(|(place, _)| *place == at)?.1;
        Ok(comparison.judge(others, hash_at))
    }
}

/// Takes a seat, before anything is written: says that this node is there, and hears what the
/// others know.
///
/// Errors: the cluster cannot be asked; or the tables are not what the others have made of the
/// log, and nobody is to read them.
pub(super) fn take_seat(seat: &Seat, tables: &Projection) -> Result<Agreement, ClusterError> {
    let agreement = Agreement::of(seat.member.vocabulary);
    // It has compared nothing yet, so it has no say.
    let record = seat.record(tables.applied(), None);
    let others = block_on(async {
        let roll = open(seat).await?;
        roll.write(&seat.id, &record).await?;
        Ok::<_, ClusterError>(others(roll.read().await?, seat))
    })?;
    agreement.note(tables.running().rules, &others);
    // Damaged tables are made anew, and compared then.
    let hash_at = |at| running::at(tables.connection(), at).ok().flatten().map(|it| it.hash);
    if let Verdict::Stop(reason) = Comparison::default().judge(&others, hash_at) {
        let record = Record { has_stopped: true, ..record };
        block_on(async { open(seat).await?.write(&seat.id, &record).await })?;
        return Err(ClusterError::Disagrees(reason));
    }
    Ok(agreement)
}

async fn open(seat: &Seat) -> Result<Roll, ClusterError> {
    Roll::open(context(&seat.cluster).await?, &seat.cluster.stream, seat.replicas).await
}

/// Returns the nodes beside this one.
fn others(all: Vec<Seen>, seat: &Seat) -> Vec<Seen> {
    all.into_iter().filter(|seen| seen.id != seat.id).collect()
}

fn tell(verdict: &Verdict) {
    match verdict {
        Verdict::OthersDiffer(words) => tracing::error!("{words}"),
        _ => tracing::warn!(
            "two nodes have made different things of the log, and not all can be compared yet"
        ),
    }
}
