//! The nodes as the operator sees them: which there are, what each knows, how far each is;
//! and how one that will not come back is forgotten.

use std::time::Duration;

use linger_core::Vocabulary;

use crate::{
    ClusterError, ClusterSettings,
    log::jetstream::{AboutStream, Roll, block_on, context},
    nodes::{COUNTS_FOR, Seen},
};

/// Says a line of each node, the missing ones too, and what that means for the others.
///
/// Errors: the cluster cannot be asked.
pub fn nodes(settings: &ClusterSettings) -> Result<Vec<String>, ClusterError> {
    let (about, nodes) = block_on(read(settings))?;
    Ok(told(&nodes, about.state.last))
}

/// Takes a node out that will not come back, by its name or its id. Returns its name.
///
/// Errors: there is no such node, or several; or it is there.
pub fn forget(settings: &ClusterSettings, node: &str) -> Result<String, ClusterError> {
    block_on(async {
        let (_, nodes) = read(settings).await?;
        let found = choose(&nodes, node).map_err(ClusterError::Refused)?;
        let roll = Roll::open(context(settings).await?, &settings.stream, 1).await?;
        roll.forget(&found.id).await?;
        Ok(found.record.name.clone())
    })
}

async fn read(settings: &ClusterSettings) -> Result<(AboutStream, Vec<Seen>), ClusterError> {
    let context = context(settings).await?;
    let about = AboutStream::ask(&context, &settings.stream).await?;
    let replicas = about.members().len().max(1);
    let nodes = Roll::open(context, &settings.stream, replicas).await?.read().await?;
    Ok((about, nodes))
}

fn choose<'n>(nodes: &'n [Seen], wanted: &str) -> Result<&'n Seen, String> {
    let named = || nodes.iter().filter(|it| it.id == wanted || it.record.name == wanted);
    if named().next().is_none() {
        return Err(format!(
            "there is no node {wanted}; 'linger cluster status' names those that there are"
        ));
    }
    let mut missing = named().filter(|node| node.is_missing());
    match (missing.next(), missing.next()) {
        (Some(node), None) => Ok(node),
        (Some(_), Some(_)) => Err(format!(
            "several nodes are called {wanted}; name one by its id, as 'linger cluster status' shows it"
        )),
        (None, _) => Err(format!(
            "the node {wanted} is there, or was a moment ago; stop it first, and forget it when it is missing"
        )),
    }
}

fn told(nodes: &[Seen], end: u64) -> Vec<String> {
    let mut nodes: Vec<&Seen> = nodes.iter().collect();
    nodes.sort_by(|one, other| (&one.record.name, &one.id).cmp(&(&other.record.name, &other.id)));
    let mut lines: Vec<_> = nodes.iter().map(|node| line(node, end)).collect();
    let counted: Vec<_> = nodes.iter().filter(|node| node.counts()).collect();
    let known = counted.iter().map(|node| node.record.vocabulary);
    if let (Some(least), Some(most)) = (known.clone().min(), known.max())
        && least < most
    {
        let older = counted.iter().filter(|node| node.record.vocabulary < most);
        let names: Vec<_> = older.map(|node| &*node.record.name).collect();
        lines.push(format!(
            "vocabulary {most} waits for {}: upgrade them, or forget those that will not come back",
            names.join(", ")
        ));
    }
    lines
}

fn line(node: &Seen, end: u64) -> String {
    let Seen { id, record, silent_for } = node;
    let applied = record.applied.get();
    let behind = end.saturating_sub(applied);
    let state = match (record.has_stopped, node.is_missing()) {
        (true, _) => "stopped: it has made something else of the log than the others".to_owned(),
        (false, false) => format!("heard {} ago", span(*silent_for)),
        (false, true) => {
            let until = match node.counts() {
                true => {
                    format!("; newer words wait for it until it is silent for {}", span(COUNTS_FOR))
                }
                false => String::new(),
            };
            format!(
                "missing for {}{until}; if it will not come back: linger cluster forget {}",
                span(*silent_for),
                record.name
            )
        }
    };
    let newer = match Vocabulary::known(record.vocabulary) {
        Some(_) => "",
        None => " (newer than this program)",
    };
    format!(
        "node {} ({id}): version {}, vocabulary {}{newer}, at {applied}, {behind} behind, {state}",
        record.name, record.version, record.vocabulary
    )
}

/// Says how long that is, in the unit that people would choose.
fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use linger_core::Position;

    use super::*;
    use crate::nodes::Record;

    fn node(id: &str, name: &str, vocabulary: u32, silent_s: u64) -> Seen {
        let record = Record {
            name: name.to_owned(),
            start: String::new(),
            version: "0.1.0".to_owned(),
            vocabulary,
            applied: Position::new(90),
            milestone: None,
            has_stopped: false,
        };
        Seen { id: id.to_owned(), record, silent_for: Duration::from_secs(silent_s) }
    }

    #[test]
    fn each_node_has_a_line_and_older_or_missing_ones_say_what_they_hold_up() {
        let stopped = node("4", "d", 4, 3 * 86_400);
        let record = crate::nodes::Record { has_stopped: true, ..stopped.record };
        let stopped = Seen { record, ..stopped };
        let nodes = [node("2", "b", 3, 40), node("1", "a", 4, 2), node("3", "c", 9, 7300), stopped];
        assert_eq!(
            told(&nodes, 100),
            [
                "node a (1): version 0.1.0, vocabulary 4, at 90, 10 behind, heard 2 s ago",
                "node b (2): version 0.1.0, vocabulary 3, at 90, 10 behind, missing for 40 s; newer words wait for it until it is silent for 10 min; if it will not come back: linger cluster forget b",
                "node c (3): version 0.1.0, vocabulary 9 (newer than this program), at 90, 10 behind, missing for 2 h; if it will not come back: linger cluster forget c",
                "node d (4): version 0.1.0, vocabulary 4, at 90, 10 behind, stopped: it has made something else of the log than the others",
                "vocabulary 4 waits for b: upgrade them, or forget those that will not come back",
            ]
        );
    }

    #[test]
    fn only_a_missing_node_is_forgotten_and_only_one() {
        let nodes = [
            node("1", "a", 4, 2),
            node("2", "b", 4, 100),
            node("3", "b", 4, 100),
            node("4", "c", 4, 2),
            node("5", "c", 4, 100),
        ];
        for (wanted, expected) in [
            ("2", Ok("2")),
            ("c", Ok("5")),
            ("a", Err("stop it first")),
            ("b", Err("by its id")),
            ("z", Err("no node z")),
        ] {
            match (choose(&nodes, wanted), expected) {
                (Ok(found), Ok(id)) => assert_eq!(found.id, id),
                (Err(told), Err(words)) => assert!(told.contains(words), "{told}"),
                (found, _) => panic!("{wanted}: {found:?}"),
            }
        }
    }
}
