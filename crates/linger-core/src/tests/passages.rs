//! Passages: parts of a room's history, after a message or around one, beside the whole
//! history as one reader sees it.

use proptest::{prelude::*, sample::Index};

use super::{
    logs::{ALL, Log, asks, empty, limits},
    most,
    properties::laws,
};
use crate::{
    MessageId, News, Position,
    queries::{self, Passage, Place},
    visibility::Scope,
};

proptest! {
    #![proptest_config(laws(64))]

    #[test]
    fn a_passage_is_a_part_of_the_whole_history_at_its_place(
        asks in asks(),
        limits in limits(),
        places in prop::collection::vec(any::<Index>(), 8),
    ) {
        let log = Log::of(&asks);
        let mut projection = empty();
        projection.apply(&log.entries).unwrap();
        let db = projection.connection();
        let mut limits = limits.iter().cycle();
        for (scope, reader, _) in log.views(db) {
            let Scope::Room(room, _) = scope else { continue };
            let whole = queries::history(db, &scope, reader, None, most(ALL)).unwrap().messages;
            let beyond = projection.applied().get() as usize + 2;
            let positions = places.iter().map(|place| Position::new(place.index(beyond) as u64));
            for position in positions.chain([Position::START, Position::MAX]) {
                let limit = *limits.next().unwrap();
                let read = |place| queries::passage(db, &scope, reader, place, most(limit)).unwrap();
                let id = MessageId::new(position);
                let after = whole.partition_point(|news| news.position() <= position);
                prop_assert_eq!(read(Place::After(id)), part(&whole, after, limit));

                // Half of the page is newer, or less where there is less; then older ones
                // have their place, and the other way round.
                let middle = whole.partition_point(|news| news.position() < position);
                let newer = (whole.len() - middle).min(limit.div_ceil(2));
                let older = middle.min(limit - newer);
                prop_assert_eq!(read(Place::Around(id)), part(&whole, middle - older, limit));

                let news = queries::news_at(db, position).unwrap();
                let Some(news) = news.filter(|news| news.room_id() == Some(room)) else { continue };
                let number = Place::AroundNumber(news.event.number.unwrap());
                prop_assert_eq!(read(number), read(Place::Around(id)));
            }
            let last_number = queries::room(db, room).unwrap().unwrap().last_number;
            for beyond in [last_number + 1, u64::MAX] {
                let beyond = Place::AroundNumber(beyond);
                let passage = queries::passage(db, &scope, reader, beyond, most(3)).unwrap();
                prop_assert_eq!(passage, part(&whole, whole.len().saturating_sub(3), 3));
            }
        }
    }
}

/// Returns the part of a history that begins at a place in the list.
fn part(whole: &[News], begin: usize, limit: usize) -> Passage {
    let end = whole.len().min(begin + limit);
    Passage { messages: whole[begin..end].to_vec(), more: begin > 0, more_after: end < whole.len() }
}
