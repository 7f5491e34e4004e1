//! The cost to change a message and what belongs to it, in steps of SQLite: the same, however
//! much was said, edited, answered and pinned before.

use super::{costs::is_flat, costs_messages::Talk};
use crate::{
    Author, Command, Emoji, Entities, FileHash, FileId, FileName, MediaType, MessageId,
    MessageText, Topic,
};

/// A command, and the steps that it took.
type Cost = (&'static str, u64);

/// Lets bob do everything that there is to be done with a message, and the server forget a file.
fn everything(talk: &mut Talk, turn: &str) -> Vec<Cost> {
    let (bob, room) = (Author::User(talk.house.bob), talk.tea);
    let opener = Author::User(talk.house.ann);
    let mut costs = Vec::new();
    let (house, quoted) = (&mut talk.house, talk.said.message);
    let mut does = |what, author, command| {
        costs.push((what, house.steps_of(author, command)));
        house.position()
    };
    let add = |number| Command::AddFile {
        name: FileName::parse(&format!("{turn}.png")).unwrap(),
        kind: MediaType::parse("image/png").unwrap(),
        size: 1,
        hash: FileHash([number; 32]),
        width: None,
        height: None,
        thumbnail: false,
    };
    let text = |text: &str| MessageText::parse(&format!("{text} {turn}")).unwrap();
    let lonely = FileId::new(does("add file", bob, add(1)));
    let files = vec![FileId::new(does("add file", bob, add(2)))];
    let (entities, sender_time) = (Entities::default(), None);
    let send = Command::SendMessage {
        room,
        text: text("one"),
        sender_time,
        entities: entities.clone(),
        reply_to: Some(quoted),
        files,
    };
    let message = MessageId::new(does("send", bob, send));
    let emoji = Emoji::parse("\u{1f44d}").unwrap();
    let topic = Some(Topic::parse(turn).unwrap());
    let edit = Command::EditMessage { message, text: text("two"), entities };
    does("edit", bob, edit);
    does("react", bob, Command::AddReaction { message, emoji: emoji.clone() });
    does("pin", bob, Command::PinMessage { message });
    does("unreact", bob, Command::RemoveReaction { message, emoji });
    does("unpin", bob, Command::UnpinMessage { message });
    does("change room", opener, Command::ChangeRoom { room, name: None, topic });
    does("delete", bob, Command::DeleteMessage { message });
    does("drop file", Author::Server, Command::DropFile { file: lonely });
    costs
}

#[test]
fn a_change_costs_the_same_however_much_there_is() {
    let costs = [1, 100, 3000].map(|noise| {
        let mut talk = Talk::with(noise);
        // Statements are prepared in the first turn.
        everything(&mut talk, "first");
        everything(&mut talk, "second")
    });
    for (place, &(what, _)) in costs[0].iter().enumerate() {
        is_flat(what, costs.each_ref().map(|costs| costs[place].1));
    }
}
