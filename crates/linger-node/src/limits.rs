//! Every bound of a node, in one place: queues, pages, waits, memory.
//!
//! Each is a number with its reason. Rates (so many per second and person) are
//! the edge's and stand in linger-serve.

use std::time::Duration;

/// Events in one page at most, whatever the reader asks for.
pub const PAGE_EVENTS_MAX: usize = 1000;
/// Bytes of JSON in one page at most, of events and of history alike: a thousand usual
/// ones, or a few dozen of the longest. The rest comes with the next page.
pub const PAGE_BYTES_MAX: usize = 1 << 20;
/// Messages in one page of history at most.
pub const HISTORY_PAGE_MAX: usize = 200;
/// Names that one text may ask for at most, each a look at the people who bear it: an `@` before a
/// line of Chinese begins as many names as the line has characters.
pub const NAMES_LOOKED_UP_MAX: usize = 200;
/// Rooms, or members of one, in one page at most: all rooms of a person are in one.
pub const LIST_PAGE_MAX: usize = 500;
/// Rooms or members in one page when a reader gives no number.
pub const LIST_PAGE_DEFAULT: usize = 100;
/// Open rooms that one request looks at, beside the reader's own: more than a page shows.
pub const LOOKED_AT_MAX: usize = 50;
/// Lookups in memory that one look may take on a thread that others wait for: twice as
/// many as somebody in 500 rooms needs. A look that needs more is done in a task.
pub const LOOKUPS_MAX: usize = 2048;
/// The longest hold that a reader may ask for: below the 60 s at which proxies
/// and home routers cut quiet connections.
pub const WAIT_MAX: Duration = Duration::from_secs(55);
/// The hold when a reader names none: some proxies cut at 30 s.
pub const WAIT_DEFAULT: Duration = Duration::from_secs(25);

/// The bounds that tests make smaller, and operators larger.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Rooms that one person is in at once: a start reads all of them, and each event
    /// about a person costs a lookup for each.
    pub rooms_of_a_person_max: usize,
    /// Rooms that one person is in when others can bring them into no more: half of those
    /// places are their own, so nobody can fill all of them.
    pub rooms_by_others_max: usize,
    /// Readers that wait at once. One more is told to come back.
    pub waiters_max: usize,
    /// Notes of who looks at which room, over all that wait: one for each room and reader,
    /// or for each room and set of rooms that visitors look at. Some 50 bytes each. One
    /// more reader is told to come back.
    pub looked_at_max: usize,
    /// Appends that queue up while the log syncs. One more is told to come back.
    pub append_queue_max: usize,
    /// Bytes of those appends. An append that is one too many is told to come back.
    pub append_queue_bytes_max: usize,
    /// Appends in one group commit: bounds its time, and the memory it takes.
    pub append_batch_max: usize,
    /// Entries that the follower applies at once: bounds how long the first of
    /// them waits for the last.
    pub apply_batch_max: usize,
    /// How long an applied batch may stay uncommitted when no reader of the tables
    /// asks for it. A crash leaves no more than that to be applied again. Sends wait
    /// while a commit writes some hundred pages, in a busy house nearly the same ones
    /// each time: so few sends in a hundred should meet one.
    pub commit_after: Duration,
    /// Entries that stay uncommitted at most, or less than a batch more: bounds the
    /// transaction. The log has as many in memory, to apply again what fails.
    pub uncommitted_max: u64,
    /// Questions that queue up for the read pool, a quarter of them of one asker. One
    /// more is told to come back.
    pub read_queue_max: usize,
    /// How long a question may wait for its turn, and how long for its answer then:
    /// a thousand times as long as one takes.
    pub read_timeout: Duration,
    /// Threads that read the projection: they mostly find pages in memory.
    pub read_threads: usize,
    /// How long a submit waits for its outcome before it says "unknown".
    pub submit_timeout: Duration,
    /// Recent events kept in memory, at most: caught-up readers read from here.
    pub recent_events_max: usize,
    /// Bytes of recent events kept in memory, at most, with all that is made for them.
    pub recent_bytes_max: usize,
    /// Outcomes kept for the submits that come to read them. More than may be
    /// in flight: queue plus batches.
    pub outcomes_max: usize,
    /// Sessions whose user is known without asking the tables. One more takes the
    /// place of one that nobody uses.
    pub sessions_max: usize,
    /// How far behind the log the projection may be while the node says "ready".
    pub ready_lag_max: u64,
    /// Bytes of one file, at most.
    pub upload_bytes_max: u64,
    /// Bytes of all files together, at most, with those on their way in.
    pub upload_bytes_total: u64,
    /// Bytes of files that a node of a cluster has on its disk, at most, beside those on their
    /// way in.
    pub file_cache_bytes_max: u64,
    /// Bytes that files leave free on the disk, for the log and the tables.
    pub disk_free_min: u64,
    /// Uploads that are not finished, at most. One more is told to come back.
    pub uploads_max: usize,
    /// Those of one person: more than a page sends at once.
    pub uploads_of_a_person_max: usize,
    /// Files that wait until they are hashed or drawn anew. One more is told to come back.
    pub uploads_prepared_max: usize,
    /// How long an upload may take, with all pauses, and how long a file waits for a message.
    pub upload_age_max: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            rooms_of_a_person_max: LIST_PAGE_MAX,
            rooms_by_others_max: LIST_PAGE_MAX / 2,
            waiters_max: 100_000,
            looked_at_max: 400_000,
            append_queue_max: 4096,
            append_queue_bytes_max: 16 << 20,
            append_batch_max: 512,
            apply_batch_max: 512,
            commit_after: Duration::from_millis(250),
            uncommitted_max: 4096,
            read_queue_max: 4096,
            read_timeout: Duration::from_secs(5),
            read_threads: 2,
            submit_timeout: Duration::from_secs(10),
            recent_events_max: 16_384,
            recent_bytes_max: 16 << 20,
            outcomes_max: 16_384,
            sessions_max: 100_000,
            ready_lag_max: 10_000,
            upload_bytes_max: 100 << 20,
            upload_bytes_total: 10 << 30,
            file_cache_bytes_max: 1 << 30,
            disk_free_min: 256 << 20,
            uploads_max: 4096,
            uploads_of_a_person_max: 50,
            uploads_prepared_max: 256,
            upload_age_max: Duration::from_secs(24 * 60 * 60),
        }
    }
}
