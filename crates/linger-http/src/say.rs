//! Sending a message, as every dialect does it: somebody who sends to an open room
//! joins it.

use std::{fmt::Debug, net::IpAddr, sync::Arc};

use futures_util::future::BoxFuture;
use linger_core::{
    Author, Command, Entities, FileId, Message, MessageId, MessageText, Rejection, Request,
    RequestId, RoomKind, SenderTime, UserId,
};
use linger_node::{Asker, Node, Receipt, Refusal, RoomRef};
use linger_serve::{App, Decision, Failure, Submission, Undecided, WholeResponse};

use crate::written::{Format, Writing};

/// A message that a user sends, perhaps under a request id of theirs.
#[derive(Debug, Clone)]
pub(crate) struct Saying {
    pub(crate) user: UserId,
    pub(crate) room: RoomRef,
    pub(crate) request: Option<Request>,
    pub(crate) text: MessageText,
    pub(crate) sender_time: Option<SenderTime>,
    pub(crate) entities: Entities,
    pub(crate) reply_to: Option<MessageId>,
    pub(crate) files: Vec<FileId>,
}

impl Saying {
    /// Says a plain text, and nothing else.
    pub(crate) fn plain(user: UserId, room: RoomRef, text: MessageText) -> Saying {
        Saying {
            user,
            room,
            request: None,
            text,
            sender_time: None,
            entities: Entities::default(),
            reply_to: None,
            files: Vec::new(),
        }
    }

    /// Returns the request to say this under an id, as it was written: equal ones say the same,
    /// whichever dialect they come by.
    pub(crate) fn request(
        id: RequestId,
        room: &RoomRef,
        (text, format): (&str, Format),
        (reply_to, files): (Option<MessageId>, &[FileId]),
    ) -> Request {
        // White space around the text is not part of it.
        let text = text.trim();
        // A plain text alone is named as it was before there was anything else.
        match format == Format::Plain && reply_to.is_none() && files.is_empty() {
            true => Request::new(id, &("send_message", room.id, text)),
            false => Request::new(id, &("send_message", room.id, text, format, reply_to, files)),
        }
    }

    /// Sends it, and returns the receipt.
    pub(crate) async fn say(self, node: &Node) -> Result<Receipt, Refusal> {
        match self.submit(node).await {
            Err(Refusal::Rejected(rejection)) if self.joins_after(rejection) => {
                self.join_and_say(node).await
            }
            answer => answer,
        }
    }

    /// Tells whether this user is no member of an open room, and so may join it.
    fn joins_after(&self, rejection: Rejection) -> bool {
        rejection == Rejection::NotAMember && self.room.kind == RoomKind::Open
    }

    /// Joins the room, and sends again: a rejected send leaves its request id free.
    /// So these are two entries, each with one event.
    async fn join_and_say(&self, node: &Node) -> Result<Receipt, Refusal> {
        let join = Command::JoinRoom { room: self.room.id };
        node.submit(Author::User(self.user), None, join).await?;
        self.submit(node).await
    }

    async fn submit(&self, node: &Node) -> Result<Receipt, Refusal> {
        node.submit(Author::User(self.user), self.request.clone(), self.command()).await
    }

    fn command(&self) -> Command {
        Command::SendMessage {
            room: self.room.id,
            text: self.text.clone(),
            sender_time: self.sender_time.clone(),
            entities: self.entities.clone(),
            reply_to: self.reply_to,
            files: self.files.clone(),
        }
    }
}

/// The same, with the answers of a dialect.
#[derive(Debug)]
pub(crate) struct Answered<A> {
    pub(crate) saying: Saying,
    pub(crate) address: IpAddr,
    pub(crate) answers: A,
}

impl<A: Answers + 'static> Answered<A> {
    /// Decides to say what was written: at once, or as soon as it is known whom it names.
    pub(crate) fn decide(self, app: &Arc<App>, writing: Writing) -> Result<Decision, Undecided> {
        if !writing.may_name() {
            return Ok(self.submit(writing.nameless()));
        }
        let app = app.clone();
        Err(Undecided::Task(Box::pin(async move { self.decide_naming(&app.node, writing).await })))
    }

    /// Decides to say what was written, once it is known whom it names.
    pub(crate) async fn decide_naming(
        self,
        node: &Node,
        writing: Writing,
    ) -> Result<Decision, Failure> {
        let asker = Asker::Person(self.saying.user);
        let written = writing.naming(node, asker, &self.saying.room).await?;
        Ok(self.submit(written))
    }

    fn submit(mut self, (text, entities): (MessageText, Entities)) -> Decision {
        (self.saying.text, self.saying.entities) = (text, entities);
        Decision::Submit(Box::new(self))
    }
}

/// The answers of a dialect to somebody who says something.
pub(crate) trait Answers: Debug + Send + Sync {
    /// Answers what was said.
    fn said(&self, receipt: &Receipt) -> WholeResponse;

    /// Answers what was not.
    fn failed(&self, failure: &Failure) -> WholeResponse {
        failure.whole()
    }

    /// Tells whether pages of the origins that the operator named may read them.
    fn are_for_named_origins(&self) -> bool {
        false
    }
}

/// Returns the message that was said.
pub(crate) fn message_of(receipt: &Receipt) -> &Message {
    let message = receipt.news.as_ref().and_then(|news| news.message());
    message.expect("what was said is a message")
}

impl<A: Answers> Submission for Answered<A> {
    fn author(&self) -> UserId {
        self.saying.user
    }

    fn address(&self) -> IpAddr {
        self.address
    }

    fn request(&self) -> Option<Request> {
        self.saying.request.clone()
    }

    fn command(&self) -> Command {
        self.saying.command()
    }

    fn go_on(
        &self,
        node: &Arc<Node>,
        rejection: Rejection,
    ) -> Option<BoxFuture<'static, Result<Receipt, Refusal>>> {
        let (saying, node) = (self.saying.clone(), node.clone());
        saying
            .joins_after(rejection)
            .then(|| Box::pin(async move { saying.join_and_say(&node).await }) as BoxFuture<_>)
    }

    fn is_for_named_origins(&self) -> bool {
        self.answers.are_for_named_origins()
    }

    fn render(&self, receipt: &Receipt) -> WholeResponse {
        self.answers.said(receipt)
    }

    fn render_failure(&self, failure: &Failure) -> WholeResponse {
        self.answers.failed(failure)
    }
}
