//! The store on real NATS servers: what is served and what never is, and copies. Nodes that keep
//! and erase the same bytes at once are in `at_once`.

mod at_once;

use async_nats::jetstream;

use super::*;
use crate::{
    blobs::conformance::{Shelf, erase, hash_of, read},
    log::jetstream::{AboutStream, files_bucket, object_stream, server::NatsServer},
    tests::cast::TestClock,
};

/// Opens a store with copies of so many bytes in a folder.
pub(crate) fn open_store(
    cluster: &ClusterSettings,
    folder: &Path,
    cache_bytes_max: u64,
) -> JetStreamStore {
    use std::sync::atomic::{AtomicU64, Ordering};
    static SEEDS: AtomicU64 = AtomicU64::new(1);
    let clock = Arc::new(TestClock::new(SEEDS.fetch_add(1, Ordering::Relaxed)));
    let limits =
        Limits { file_cache_bytes_max: cache_bytes_max, disk_free_min: 0, ..Limits::default() };
    JetStreamStore::open(cluster, folder, Holds::default(), &limits, clock).unwrap()
}

/// Two nodes with one bucket.
struct Two {
    here: Shelf,
    there: Shelf,
    cluster: ClusterSettings,
}

impl Two {
    fn new() -> Two {
        let cluster = NatsServer::of_this_process().new_log();
        Two { here: Shelf::on(&cluster), there: Shelf::on(&cluster), cluster }
    }

    /// Talks to the bucket as somebody who is none of us.
    fn meddle<T: Send>(&self, work: impl AsyncFnOnce(Bucket, jetstream::Context) -> T + Send) -> T {
        let handle = std::thread::scope(|threads| {
            let run = || {
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let context = context(&self.cluster).await.unwrap();
                    work(Bucket::new(context.clone(), &self.cluster.stream, 0), context).await
                })
            };
            threads.spawn(run).join()
        });
        handle.unwrap()
    }

    /// Returns the subject of a blob's chunks, and the numbers of all of them.
    fn chunks(&self, hash: FileHash) -> (String, Vec<u64>) {
        self.meddle(async |bucket, context| {
            let subject = bucket.find(hash).await.unwrap().unwrap().record.subject(Part::Whole);
            let stream = object_stream(&files_bucket(&self.cluster.stream));
            let stream = context.get_stream_no_info(stream).await.unwrap();
            let (mut numbers, mut next) = (Vec::new(), 1);
            while let Ok(chunk) = stream.get_first_raw_message_by_subject(&subject, next).await {
                numbers.push(chunk.sequence);
                next = chunk.sequence + 1;
            }
            (subject, numbers)
        })
    }

    /// Returns how many messages the bucket has.
    fn messages(&self) -> u64 {
        let stream = object_stream(&files_bucket(&self.cluster.stream));
        self.meddle(async |_, context| {
            AboutStream::ask(&context, &stream).await.unwrap().state.count
        })
    }

    fn delete(&self, number: u64) {
        let stream = object_stream(&files_bucket(&self.cluster.stream));
        self.meddle(async |_, context| {
            let stream = context.get_stream_no_info(stream).await.unwrap();
            stream.delete_message(number).await.unwrap();
        });
    }

    fn publish(&self, subject: &str, payload: &[u8]) {
        let (subject, payload) = (subject.to_owned(), payload.to_vec());
        self.meddle(async |_, context| {
            context.publish(subject, payload.into()).await.unwrap().await.unwrap();
        });
    }
}

/// Bytes of three chunks.
fn some_bytes(seed: u8) -> Vec<u8> {
    (0..600_000_u32).map(|at| (at % 241) as u8 ^ seed).collect()
}

fn now(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

#[test]
fn bytes_that_are_not_those_of_the_hash_are_never_served_and_kept_anew_with_the_next_upload() {
    type Change = fn(&Two, &str, &[u64]);
    let changes: [(&str, Change); 5] = [
        ("cut short at its end", |two, _, chunks| two.delete(chunks[2])),
        ("cut short in its middle", |two, _, chunks| two.delete(chunks[1])),
        ("without any bytes", |two, _, chunks| chunks.iter().for_each(|chunk| two.delete(*chunk))),
        ("others, as many as before", |two, subject, chunks| {
            two.delete(chunks[2]);
            two.publish(subject, &[b'x'; 600_000 - (2 << 18)]);
        }),
        ("longer", |two, subject, chunks| {
            two.delete(chunks[2]);
            two.publish(subject, &[b'x'; 200_000]);
        }),
    ];
    for (seed, (case, change)) in changes.into_iter().enumerate() {
        let two = Two::new();
        let bytes = some_bytes(seed as u8);
        let hash = two.here.keep(&bytes, None, 0);
        let (subject, chunks) = two.chunks(hash);
        assert_eq!(chunks.len(), 3, "{case}");
        change(&two, &subject, &chunks);
        let mut buffer = [0; 1];
        for at in [0, 300_000] {
            let refused = two.there.store.read(hash, Part::Whole, at, &mut buffer).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidData, "{case}: {refused}");
        }
        assert_eq!((buffer, two.there.store.copies()), ([0], vec![]), "{case}");
        // Our own copy is as it was.
        assert!(read(&*two.here.store, hash, Part::Whole).unwrap() == bytes, "{case}");
        let is_missed = !case.starts_with("others") && !case.starts_with("longer");
        if is_missed {
            two.there.keep(&bytes, None, 0);
            let third = Shelf::on(&two.cluster);
            assert!(read(&*third.store, hash, Part::Whole).unwrap() == bytes, "{case}");
        }
        erase(&*two.here.store, hash).unwrap();
        assert_eq!(two.messages(), 0, "{case}");
    }
}

#[test]
fn a_record_that_cannot_be_read_is_served_to_nobody_replaced_and_erased() {
    let hash = hash_of(b"hello");
    for record in ["", "{}", r#"{"name":"x"}"#, "of another file"] {
        let two = Two::new();
        let subject = record::subject(&files_bucket(&two.cluster.stream), hash);
        let payload = match record {
            "of another file" => {
                let other = two.here.keep(b"other", None, 0);
                two.meddle(async |bucket, _| {
                    bucket.find(other).await.unwrap().unwrap().record.payload()
                })
            }
            record => record.as_bytes().to_vec(),
        };
        two.publish(&subject, &payload);
        for store in [&two.here.store, &two.there.store] {
            let refused = store.length(hash, Part::Whole).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidData, "{record}");
            let refused = read(&**store, hash, Part::Whole).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidData, "{record}");
        }
        assert!(two.here.store.list().is_ok(), "{record}");
        two.here.keep(b"hello", None, 0);
        assert_eq!(read(&*two.there.store, hash, Part::Whole).unwrap(), b"hello", "{record}");
        two.publish(&subject, &payload);
        let before = two.messages();
        erase(&*two.there.store, hash).unwrap();
        assert!(two.messages() < before, "{record}");
        assert_eq!(Shelf::on(&two.cluster).store.length(hash, Part::Whole).unwrap(), None);
    }
}

#[test]
fn a_thumbnail_with_other_bytes_is_never_served() {
    let two = Two::new();
    let hash = two.here.keep(b"a picture", Some(b"small"), 0);
    let (subject, _) = two.chunks(hash);
    let small = format!("{subject}.thumbnail");
    two.meddle(async |_, context| {
        let stream = object_stream(&files_bucket(&two.cluster.stream));
        let stream = context.get_stream_no_info(stream).await.unwrap();
        let chunk = stream.get_last_raw_message_by_subject(&small).await.unwrap();
        stream.delete_message(chunk.sequence).await.unwrap();
        context.publish(small.clone(), "smell".into()).await.unwrap().await.unwrap();
    });
    let refused = read(&*two.there.store, hash, Part::Thumbnail).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
    assert_eq!(read(&*two.there.store, hash, Part::Whole).unwrap(), b"a picture");
}

#[test]
fn copies_have_a_bound_those_read_last_stay_and_none_is_served_after_a_start_that_was_cut() {
    let cluster = NatsServer::of_this_process().new_log();
    let source = Shelf::on(&cluster);
    let hashes: Vec<_> = (0..6).map(|seed| source.keep(&[seed; 1000], None, 0)).collect();
    let folder = tempfile::tempdir().unwrap();
    let store = open_store(&cluster, folder.path(), 3000);
    for number in [0, 1, 0, 2, 0, 3, 0, 4] {
        assert_eq!(read(&store, hashes[number], Part::Whole).unwrap(), [number as u8; 1000]);
        assert!(store.copies().len() <= 3);
    }
    let mut left = vec![hashes[0], hashes[3], hashes[4]];
    left.sort();
    assert_eq!(store.copies(), left);
    // One that is larger than all may be stands alone, and comes as a whole.
    let large = source.keep(&some_bytes(1), None, 0);
    assert!(read(&store, large, Part::Whole).unwrap() == some_bytes(1));
    assert_eq!(store.copies(), [large]);
    drop(store);
    let cut = folder.path().join("fetched/7");
    fs::write(&cut, "half of it").unwrap();
    let store = open_store(&cluster, folder.path(), 700_000);
    assert_eq!((store.copies(), cut.exists()), (vec![large], false));
    read(&store, hashes[0], Part::Whole).unwrap();
    assert_eq!(store.copies().len(), 2);
    drop(store);
    // The bound is smaller now.
    assert!(open_store(&cluster, folder.path(), 3000).copies().len() <= 1);
}

#[test]
fn a_blob_is_erased_by_sixteen_requests_and_two_more_for_each_further_chunk() {
    let cluster = NatsServer::of_this_process().new_log();
    let (source, folder) = (Shelf::on(&cluster), tempfile::tempdir().unwrap());
    let store = open_store(&cluster, folder.path(), 1 << 30);
    for (bytes, requests) in [(b"hello".to_vec(), 16), (some_bytes(1), 16 + 2 * 2)] {
        let hash = source.keep(&bytes, None, 0);
        let before = store.bucket.requests();
        erase(&store, hash).unwrap();
        assert_eq!(store.bucket.requests() - before, requests);
    }
}

#[test]
fn many_readers_of_one_blob_fetch_it_once() {
    let two = Two::new();
    let hash = two.here.keep(&some_bytes(9), None, 0);
    std::thread::scope(|threads| {
        for _ in 0..20 {
            threads.spawn(|| {
                assert!(read(&*two.there.store, hash, Part::Whole).unwrap() == some_bytes(9));
            });
        }
    });
    assert_eq!(two.there.store.copies(), [hash]);
}

#[test]
fn without_nats_copies_are_read_and_everything_else_says_so_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = NatsServer::new(folder.path().join("nats"), "sync_interval: always", "");
    server.start();
    let cluster = server.new_log();
    let (source, reader) = (Shelf::on(&cluster), Shelf::on(&cluster));
    let (one, other) = (source.keep(b"one", None, 0), source.keep(b"other", None, 0));
    read(&*reader.store, one, Part::Whole).unwrap();
    server.kill();
    let begun = std::time::Instant::now();
    while reader.store.mark(one).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    let begun = std::time::Instant::now();
    assert_eq!(read(&*reader.store, one, Part::Whole).unwrap(), b"one");
    let staged = reader.stage(b"new");
    let refused = [
        reader.store.length(other, Part::Whole).map(drop),
        read(&*reader.store, other, Part::Whole).map(drop),
        reader.store.keep(hash_of(b"new"), &staged, None, now(0)),
        reader.store.renew(one, now(0)),
        reader.store.mark(one).map(drop),
        reader.store.list().map(drop),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::NotConnected);
    }
    assert!(staged.exists(), "its sender may try again");
    assert!(begun.elapsed() < Duration::from_secs(1), "nobody waits for a time-out");
    server.start();
    let begun = std::time::Instant::now();
    while read(&*reader.store, other, Part::Whole).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
    reader.store.keep(hash_of(b"new"), &staged, None, now(0)).unwrap();
    assert_eq!(read(&*source.store, hash_of(b"new"), Part::Whole).unwrap(), b"new");
}
