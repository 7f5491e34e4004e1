//! Moves the log of a data folder into a stream.
//!
//! The server is stopped, and stays so: at the end the folder says where its log went, and no
//! server starts on it. Everything in it is kept as it was.

use std::{fs, path::Path, sync::Arc};

use async_nats::jetstream::Context;
use linger_core::{
    Author, Command, Draft, Entry, Epoch, Nonce, Position, Salt, StoredEntry, Vocabulary,
};

use super::{
    MoveError, Moved, Progress,
    files::Stores,
    source::{Source, log_of},
};
use crate::{
    Clock, ClusterSettings, OpenError,
    cluster::Promise,
    data_folder::DataFolder,
    log::jetstream::{AboutStream, Found, Import, Roll, Walk, block_on, context},
    private, snapshots,
};

/// Moves the log in `folder` into the stream, which is made for it, and begins an epoch there.
/// Done again, it goes on where it stopped.
///
/// Errors: the folder is in use, or has no log that could be moved; the cluster cannot keep
/// the promise; the stream is another log's. Nodes do not follow what is not whole.
pub fn import(
    folder: &Path,
    settings: &ClusterSettings,
    promise: &Promise,
    clock: &Arc<dyn Clock>,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Result<Moved, MoveError> {
    let path = log_of(folder);
    // Before the folder is taken, which would make it.
    if !path.exists() {
        return Err(MoveError::NoLog(folder.to_owned()));
    }
    let mark = folder.join(private::CLUSTER);
    if let Ok(stream) = fs::read_to_string(&mark)
        && stream.trim() != settings.stream
    {
        let (folder, stream) = (folder.to_owned(), stream.trim().to_owned());
        return Err(MoveError::MovedElsewhere { folder, stream });
    }
    let taken = DataFolder::take(folder)?;
    let mut source = Source::open(&taken, path)?;
    let contents = source.look_through()?;
    let erased = contents.erased.len();
    let (mut files, mut files_missing) = (contents.files.len(), 0);
    let epoch = match block_on(begin(&mut source, settings, promise))? {
        Some(epoch) => epoch,
        None => {
            let all = files as u64;
            let stores = Stores::open(folder, settings, clock.clone())?;
            let mut told =
                |done| tell(Progress { step: "files copied", done: done as u64, end: all });
            files_missing = stores.to_cluster(&contents.files, &mut told)?;
            drop(stores);
            let draft = draft_of_an_epoch(&**clock);
            block_on(fill(&mut source, &contents.erased, settings, promise, &draft, tell))?
        }
    };
    files -= files_missing;
    let marked =
        private::open(&mark).and_then(|_| fs::write(&mark, format!("{}\n", settings.stream)));
    marked.map_err(|error| OpenError::Folder { folder: folder.to_owned(), error })?;
    let (log, end) = (source.log, source.end);
    Ok(Moved { log, end, erased, files, files_missing, epoch: Some(epoch) })
}

/// Makes the stream, or finds it. Returns where its epoch begins, if all was done before.
async fn begin(
    source: &mut Source,
    settings: &ClusterSettings,
    promise: &Promise,
) -> Result<Option<Position>, MoveError> {
    let (log, end) = (source.log, source.end);
    let context = context(settings).await?;
    match Import::begin(context.clone(), settings, promise.replicas, log).await? {
        Found::Unfinished(_) => {
            promise.check(settings).await?;
            // A cluster has these beside its log.
            snapshots::create(&context, &settings.stream, promise.replicas).await?;
            Roll::open(context, &settings.stream, promise.replicas).await?;
            Ok(None)
        }
        Found::Finished(about) => {
            let last = source.read_after(end.before())?.pop();
            match goes_on_from(context, &about, end, last).await? {
                true => Ok(Some(end.next())),
                false => Err(MoveError::Parted { stream: settings.stream.clone() }),
            }
        }
    }
}

/// Fills the stream, compares it, and lets nodes follow it. Returns where its epoch begins.
async fn fill(
    source: &mut Source,
    erased: &[Position],
    settings: &ClusterSettings,
    promise: &Promise,
    draft: &Draft,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Result<Position, MoveError> {
    let (log, end) = (source.log, source.end);
    let context = context(settings).await?;
    let Found::Unfinished(import) = Import::begin(context, settings, promise.replicas, log).await?
    else {
        // Somebody else has done it meanwhile, and nodes may be writing.
        return Err(MoveError::WrittenByOthers { stream: settings.stream.clone() });
    };
    let mut read = |after| source.read_after(after);
    let mut told = |step, done: Position| {
        tell(Progress { step, done: done.get(), end: end.get() });
    };
    import.copy(&mut read, end, &mut |done| told("copied", done)).await?;
    import.delete(erased).await?;
    import.compare(&mut read, end, erased.len(), &mut |done| told("compared", done)).await?;
    let epoch = import.begin_epoch(end, draft).await?;
    import.finish().await?;
    Ok(epoch)
}

/// Tells whether a stream has the folder's last entry in its place, and then the epoch with
/// which an import ends. Nodes may have written more since, and erased something.
async fn goes_on_from(
    context: Context,
    about: &AboutStream,
    end: Position,
    last: Option<Entry>,
) -> Result<bool, MoveError> {
    let until = about.tail().min(end.next());
    let mut walk = Walk::new(context, about, end.before(), until);
    let mut page = walk.next_page().await?;
    let is_epoch = page.pop().is_some_and(|entry| {
        entry.position > end && matches!(entry.draft.command, Command::BeginEpoch { .. })
    });
    let found = page.pop();
    let is_erased = found.as_ref().is_some_and(|entry| StoredEntry::is_erased(&entry.draft));
    Ok(is_epoch && (is_erased || found == last))
}

fn draft_of_an_epoch(clock: &dyn Clock) -> Draft {
    let salt = clock.nonce();
    Draft {
        vocabulary: Vocabulary::SECOND,
        at: clock.now(),
        author: Author::Server,
        request: None,
        salt: Some(Salt(*salt.first_chunk().expect("16 of 32 bytes"))),
        nonce: Some(Nonce::from_random(clock.random())),
        command: Command::BeginEpoch { epoch: Epoch::from_random(clock.random()) },
    }
}
