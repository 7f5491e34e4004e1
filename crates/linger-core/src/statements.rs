//! Prepared statements at hand: a batch of entries asks for the same few again and again.
//!
//! A connection has a cache of its own, which takes a tenth of the time that an entry
//! does: it hashes the whole statement, and copies it. [`Batch`] knows a statement by where it
//! stands in the program.

use std::{
    cell::RefCell,
    ops::{Deref, DerefMut},
    ptr,
};

use rusqlite::{CachedStatement, Connection, Statement};

/// Gives statements: a connection, or one for a batch.
pub trait Statements {
    /// Lets somebody use a statement.
    fn with<R>(
        &self,
        sql: &'static str,
        act: impl FnOnce(&mut Statement<'_>) -> rusqlite::Result<R>,
    ) -> rusqlite::Result<R>;
}

impl Statements for Connection {
    fn with<R>(
        &self,
        sql: &'static str,
        act: impl FnOnce(&mut Statement<'_>) -> rusqlite::Result<R>,
    ) -> rusqlite::Result<R> {
        act(&mut *self.prepare_cached(sql)?)
    }
}

/// A connection, with the statements that were asked for since it was made.
pub(crate) struct Batch<'c> {
    connection: &'c Connection,
    free: RefCell<Vec<(&'static str, CachedStatement<'c>)>>,
}

/// A statement of a batch, which is free again when this is dropped.
pub(crate) struct Taken<'b, 'c> {
    batch: &'b Batch<'c>,
    sql: &'static str,
    /// None only while this is being dropped.
    statement: Option<CachedStatement<'c>>,
}

impl<'c> Batch<'c> {
    pub(crate) fn on(connection: &'c Connection) -> Batch<'c> {
        Batch { connection, free: RefCell::default() }
    }

    /// Returns a statement, as [`Connection::prepare_cached`] does.
    pub(crate) fn prepare_cached(&self, sql: &'static str) -> rusqlite::Result<Taken<'_, 'c>> {
        let mut free = self.free.borrow_mut();
        let known = free.iter().position(|(known, _)| ptr::eq(*known, sql));
        let statement = match known {
            Some(place) => free.swap_remove(place).1,
            None => self.connection.prepare_cached(sql)?,
        };
        Ok(Taken { batch: self, sql, statement: Some(statement) })
    }
}

impl Statements for Batch<'_> {
    fn with<R>(
        &self,
        sql: &'static str,
        act: impl FnOnce(&mut Statement<'_>) -> rusqlite::Result<R>,
    ) -> rusqlite::Result<R> {
        act(&mut *self.prepare_cached(sql)?)
    }
}

impl Deref for Batch<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl<'c> Deref for Taken<'_, 'c> {
    type Target = Statement<'c>;

    fn deref(&self) -> &Statement<'c> {
        self.statement.as_ref().expect("it is being used")
    }
}

impl<'c> DerefMut for Taken<'_, 'c> {
    fn deref_mut(&mut self) -> &mut Statement<'c> {
        self.statement.as_mut().expect("it is being used")
    }
}

impl Drop for Taken<'_, '_> {
    fn drop(&mut self) {
        self.batch.free.borrow_mut().extend(self.statement.take().map(|it| (self.sql, it)));
    }
}
