//! The words of the pages in English.

use linger_serve::Failure;

use super::Words;

pub(super) static WORDS: Words = Words {
    tag: "en",
    app_name: "Linger",
    skip_to_composer: "Skip to writing a message",
    skip_to_rooms: "Skip to the rooms",

    rooms: "Rooms",
    browse_rooms: "Browse open rooms",
    open_rooms: "Open rooms",
    open_rooms_text: "Read along in any of them; the first word makes you a member.",
    more_rooms: "Show more rooms",
    people: |count| if count == 1 { "1 person".to_owned() } else { format!("{count} people") },
    lobby: "lobby",
    to_lobby: "Go to the lobby",
    closed: "closed",
    about_room: "A room to talk in. Read along, or say something: no sign-up, nothing to install.",

    messages_in: |room| format!("Messages in {room}"),
    empty_title: "It is quiet here.",
    empty_text: "Say the first word, or bring somebody along.",
    earlier: "Show earlier messages",
    beginning: "This is where the conversation begins.",
    to_newest: "To the newest messages",
    fresh: "New",
    spoke: |name, time| format!("{name}, {time}"),
    deleted: "This message was deleted.",
    answers_to: "Answers to:",
    unseen: "A message from before your time here",
    edited: "edited",
    edited_at: |day, time| format!("Edited {day}, {time}"),
    reaction_of: |emoji, count, names| format!("{emoji} {count}: {names}"),
    others: |count| if count == 1 { "1 other".to_owned() } else { format!("{count} others") },
    a_file: "A file",
    download: "Download",
    picture: |name| format!("Picture: {name}"),
    video: |name| format!("Video: {name}"),
    audio: |name| format!("Audio: {name}"),
    bytes: |count| if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") },
    code: "Code",
    spoiler: "Show hidden text",
    day: |(year, month, day), weekday| {
        const WEEKDAYS: [&str; 7] =
            ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
        const MONTHS: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        let month = MONTHS[usize::from(month.unsigned_abs()) - 1];
        format!("{}, {month} {day}, {year}", WEEKDAYS[weekday])
    },

    opened: |by| match by {
        Some(by) => format!("{by} opened the room"),
        None => "The room was opened".to_owned(),
    },
    changed_room: |names| format!("{names} changed the name or topic"),
    joined: |names| format!("{names} joined"),
    left: |names| format!("{names} left"),
    added: |by, names| format!("{by} added {names}"),
    many_joined: |count| format!("{count} people joined"),
    many_left: |count| format!("{count} people left"),
    many_added: |by, count| format!("{by} added {count} people"),
    and: |names| match names {
        [] => String::new(),
        [one] => one.clone(),
        [one, other] => format!("{one} and {other}"),
        [all @ .., last] => format!("{}, and {last}", all.join(", ")),
    },

    wait: "wait for news",
    nothing_new: "Nothing new yet.",
    write_to: |room| format!("Message {room}"),
    your_name: "Your name",
    send: "Send message",

    refused: "This did not work",
    no_room: "There is no such room",
    nothing_here: "There is nothing here",
    failure,
};

/// Most details are sentences for people already. These speak of the API, which a page
/// without script does not show.
fn failure(failure: &Failure) -> Option<String> {
    let sentence = match failure.code {
        "room_not_found" => "It may be closed to you, or its address may be mistyped.",
        "nothing_here" => "The address may be mistyped, or what was here has gone.",
        "no_token" => "This server takes no visitors.",
        "unknown_token" => "The server does not know you. Open the room again.",
        "not_a_member" => "You are not in this room. Join it first.",
        "request_id_reused" => {
            "This page has said it in another room. Open this room again, and send it from there."
        }
        "too_many_rooms" => "One person is in 500 rooms at most. Leave another room first.",
        "unsupported_media_type" => "This address takes a text, or a form.",
        "outcome_unknown" => {
            "Nobody can say whether your message was sent. Send it again: the same words appear once."
        }
        _ => return None,
    };
    Some(sentence.to_owned())
}
