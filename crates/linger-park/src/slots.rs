//! Numbered places for connections, in chunks.
//!
//! One long vector would be copied whenever it grows, and would keep the memory of
//! a crowd for as long as its last connection stays. Here a place never moves, a
//! newcomer takes the lowest chunk that has room, and an empty chunk is given back.

use std::{
    collections::BTreeSet,
    ops::{Index, IndexMut},
};

#[cfg(test)]
mod tests;

/// Places in a chunk: some 15 KiB.
const CHUNK: usize = 64;

/// Values by number.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    /// A chunk without any connection is `None`.
    chunks: Vec<Option<Chunk<T>>>,
    /// Chunks that have room, with those that are `None`.
    with_room: BTreeSet<usize>,
}

#[derive(Debug)]
struct Chunk<T> {
    places: Box<[Option<T>; CHUNK]>,
    /// A bit for each place that is taken.
    taken: u64,
}

impl<T> Chunk<T> {
    fn new() -> Chunk<T> {
        Chunk { places: Box::new([const { None }; CHUNK]), taken: 0 }
    }

    fn is_full(&self) -> bool {
        self.taken == u64::MAX
    }
}

impl<T> Slots<T> {
    /// Makes places, all free.
    pub(crate) fn new() -> Slots<T> {
        Slots { chunks: Vec::new(), with_room: BTreeSet::new() }
    }

    /// Returns the number that the next one gets.
    pub(crate) fn next_key(&self) -> usize {
        let number = self.with_room.first().copied().unwrap_or(self.chunks.len());
        let chunk = self.chunks.get(number).and_then(Option::as_ref);
        number * CHUNK + chunk.map_or(0, |chunk| chunk.taken.trailing_ones() as usize)
    }

    /// Takes a value in, and returns its number.
    pub(crate) fn insert(&mut self, value: T) -> usize {
        let key = self.next_key();
        let (number, place) = (key / CHUNK, key % CHUNK);
        if number == self.chunks.len() {
            self.chunks.push(None);
            self.with_room.insert(number);
        }
        let chunk = self.chunks[number].get_or_insert_with(Chunk::new);
        chunk.places[place] = Some(value);
        chunk.taken |= 1 << place;
        if chunk.is_full() {
            self.with_room.remove(&number);
        }
        key
    }

    /// Takes a value out. It is there.
    pub(crate) fn remove(&mut self, key: usize) -> T {
        let (number, place) = (key / CHUNK, key % CHUNK);
        let chunk = self.chunks[number].as_mut().expect("somebody is in this chunk");
        let value = chunk.places[place].take().expect("somebody has this place");
        chunk.taken &= !(1 << place);
        if chunk.taken == 0 {
            self.chunks[number] = None;
        }
        self.with_room.insert(number);
        while let Some(None) = self.chunks.last() {
            self.chunks.pop();
            self.with_room.remove(&self.chunks.len());
        }
        if self.chunks.is_empty() {
            self.chunks = Vec::new();
        }
        value
    }

    /// Returns the value with this number, if it is there.
    pub(crate) fn get_mut(&mut self, key: usize) -> Option<&mut T> {
        self.chunks.get_mut(key / CHUNK)?.as_mut()?.places[key % CHUNK].as_mut()
    }

    /// Returns all values with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        let chunks = self.chunks.iter().enumerate();
        let chunks = chunks.filter_map(|(number, chunk)| Some((number, chunk.as_ref()?)));
        chunks.flat_map(|(number, chunk)| {
            let places = chunk.places.iter().enumerate();
            places.filter_map(move |(place, value)| Some((number * CHUNK + place, value.as_ref()?)))
        })
    }

    /// Returns how many values there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.iter().count()
    }
}

impl<T> Index<usize> for Slots<T> {
    type Output = T;

    fn index(&self, key: usize) -> &T {
        let chunk = self.chunks[key / CHUNK].as_ref().expect("somebody is in this chunk");
        chunk.places[key % CHUNK].as_ref().expect("somebody has this place")
    }
}

impl<T> IndexMut<usize> for Slots<T> {
    fn index_mut(&mut self, key: usize) -> &mut T {
        self.get_mut(key).expect("somebody has this place")
    }
}
