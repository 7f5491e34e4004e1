//! Scenes about what is done to messages: they are edited, taken back, answered and pinned.
//!
//! As `story`, in the language of [`super::stage`]. Ids in the lines are positions: the cast
//! has 1 to 3, the first room 4.

use super::stage::{check, lists, reads};

#[test]
fn an_edit_is_told_and_history_has_the_new_text() {
    let script = "ann opens #tea; ann says one; ann edits one to uno";
    check(script, reads("ann"), "1 ann opened #tea\n2 ann: one\n3 ann edited 2: uno (edited)");
    check(script, reads("bob").history_of("#tea"), "2 ann: uno (edited)");
}

#[test]
fn the_same_text_again_is_no_edit() {
    check(
        "ann opens #tea; ann says one; ann edits one to one => nothing; ann edits one to uno;
         ann edits one to uno => nothing; ann edits one to one",
        reads("ann").history_of("#tea"),
        "2 ann: one (edited)",
    );
}

#[test]
fn only_its_author_edits_or_deletes_a_message() {
    check(
        "ann opens #tea; bob joins #tea; ann says one; bob edits one to two => not_the_author;
         bob deletes one => not_the_author; server edits one to two => not_for_the_server;
         server deletes one => not_for_the_server; ann edits none to two => message_not_found;
         ann deletes none => message_not_found",
        reads("ann").history_of("#tea"),
        "3 ann: one",
    );
}

#[test]
fn a_deleted_message_leaves_a_mark_and_no_text_in_any_event() {
    let script = "ann opens #tea; ann says one; ann edits one to uno; ann deletes one;
                  ann deletes one => nothing; ann edits one to two => message_deleted";
    let events = "
        1 ann opened #tea
        2 ann: (deleted)
        3 ann edited 2: (deleted)
        4 ann deleted 2
        ";
    check(script, reads("ann"), events);
    check(script, reads("bob").of("#tea"), events);
    check(script, reads("bob").history_of("#tea"), "2 ann: (deleted)");
}

#[test]
fn somebody_who_left_may_take_back_what_they_said_and_not_change_it() {
    check(
        "ann opens #tea; bob joins #tea; bob says one; bob leaves #tea;
         bob edits one to two => not_a_member; bob deletes one",
        reads("ann").history_of("#tea"),
        "3 bob: (deleted)",
    );
    check(
        "ann opens closed #den; ann adds bob to #den; bob says one to #den; bob leaves #den;
         bob edits one to two => room_not_found; bob deletes one",
        reads("ann").history_of("#den"),
        "3 bob in #den: (deleted)",
    );
}

#[test]
fn an_answer_quotes_the_message_as_it_is_now() {
    let script = "ann opens #tea; ann says one; ann answers one with two; ann edits one to uno";
    check(
        script,
        reads("ann"),
        "
        1 ann opened #tea
        2 ann: one
        3 ann: two (to 2 ann: one)
        4 ann edited 2: uno (edited)
        ",
    );
    check(
        script,
        reads("ann").history_of("#tea"),
        "2 ann: uno (edited)\n3 ann: two (to 2 ann: uno)",
    );
    check(
        &format!("{script}; ann deletes one"),
        reads("ann"),
        "
        1 ann opened #tea
        2 ann: (deleted)
        3 ann: two (to 2 ann, deleted)
        4 ann edited 2: (deleted)
        5 ann deleted 2
        ",
    );
}

#[test]
fn a_message_of_another_room_cannot_be_answered_here() {
    check(
        "ann opens closed #den; ann says secret to #den; ann says one to #den; ann adds bob to #den;
         bob opens #tea; bob says hi to #tea; bob gives 👍 to secret => message_not_found;
         bob pins secret => message_not_found; bob deletes secret => message_not_found;
         bob answers secret with what => message_not_found; bob gives 👍 to hi",
        reads("bob").of("#tea"),
        "1 bob opened #tea\n2 bob: hi\n3 bob gave 👍 to 9",
    );
}

#[test]
fn a_late_member_of_a_closed_room_sees_nothing_of_earlier_messages() {
    let script = "ann opens closed #den; ann says secret to #den; ann adds bob to #den;
                  ann answers secret with public; ann edits secret to worse; ann pins secret;
                  ann says end to #den";
    check(
        script,
        reads("bob"),
        "
        3 ann added bob to #den
        4 ann in #den: public (to one not to be seen)
        5 ann edited 2: (not to be seen)
        6 ann pinned 5
        7 ann in #den: end
        ",
    );
    check(
        script,
        reads("bob").history_of("#den"),
        "4 ann in #den: public (to one not to be seen)\n7 ann in #den: end",
    );
}

#[test]
fn somebody_who_left_a_closed_room_reads_it_as_it_was_then() {
    let script = "ann opens closed #den; ann adds bob to #den; ann says one to #den;
                  ann says two to #den; ann edits one to uno; bob gives 👍 to one;
                  ann answers one with three; bob leaves #den; ann edits one to eins; ann pins one;
                  ann edits two to zwei";
    check(
        script,
        reads("bob").history_of("#den"),
        "
        3 ann in #den: uno (edited)
        4 ann in #den: two
        7 ann in #den: three (to 3 ann: uno)
        ",
    );
    check(
        &format!("{script}; bob joins #den"),
        reads("bob").history_of("#den"),
        "
        3 ann in #den: eins (edited) 👍 bob (pinned)
        4 ann in #den: zwei (edited)
        7 ann in #den: three (to 3 ann: eins)
        ",
    );
}

#[test]
fn reactions_stand_in_the_order_in_which_each_emoji_came() {
    let script =
        "ann opens #tea; bob joins #tea; cleo joins #tea; ann says one; ann gives 👍 to one;
                  bob gives 🍵 to one; cleo gives 👍 to one; ann gives 👍 to one => nothing;
                  ann takes 👍 from one; bob takes 👍 from one => nothing";
    let now = |history| check(script, reads("bob").history_of("#tea"), history);
    now("4 ann: one 👍 cleo 🍵 bob");
    check(
        &format!("{script}; cleo takes 👍 from one; ann gives 👍 to one"),
        reads("bob").history_of("#tea"),
        "4 ann: one 🍵 bob 👍 ann",
    );
}

#[test]
fn members_react_and_pin_and_nobody_else() {
    check(
        "ann opens #tea; ann says one; bob gives 👍 to one => not_a_member;
         bob pins one => not_a_member; bob joins #tea; bob gives 👍 to one; bob pins one;
         ann pins one => nothing; ann unpins one; bob unpins one => nothing;
         bob gives 👍 to none => message_not_found",
        reads("bob"),
        "
        3 bob joined #tea
        4 bob gave 👍 to 5
        5 bob pinned 5
        6 ann unpinned 5
        ",
    );
}

#[test]
fn nothing_is_done_to_a_deleted_message() {
    check(
        "ann opens #tea; ann says one; ann gives 👍 to one; ann pins one; ann deletes one;
         ann gives 🍵 to one => message_deleted; ann takes 👍 from one => nothing;
         ann pins one => message_deleted; ann unpins one => nothing; ann answers one with two",
        reads("ann").history_of("#tea"),
        "2 ann: (deleted)\n6 ann: two (to 2 ann, deleted)",
    );
}

#[test]
fn a_message_has_twenty_different_reactions_at_most() {
    let letters = ('\u{1F1E6}'..='\u{1F1FF}').take(21);
    let flags: Vec<String> = letters.map(|letter| format!("{letter}{letter}")).collect();
    let give = |flag: &String| format!("; ann gives {flag} to one");
    let all: String = flags[..20].iter().map(give).collect();
    let script = format!(
        "ann opens #tea; bob joins #tea; ann says one{all}; bob gives {0} to one => too_many_reactions;
         bob gives {1} to one; ann takes {2} from one; bob gives {0} to one",
        flags[20], flags[0], flags[5]
    );
    check(&script, lists("ann"), "#tea open, members 2, events 26");
}

#[test]
fn the_opener_of_a_room_names_it_and_nobody_else() {
    check(
        "ann opens #tea; bob joins #tea; ann names #tea Green tea; ann names #tea Green tea => nothing;
         bob names #tea Mine => not_the_opener; server opens #den; bob names #den Mine => not_the_opener;
         ann names #nowhere Mine => room_not_found",
        reads("bob"),
        "2 bob joined #tea\n3 ann named #tea Green tea",
    );
    check(
        "ann opens closed #den; bob names #den Mine => room_not_found; ann leaves #den;
         ann names #den Mine => room_not_found",
        reads("ann"),
        "1 ann opened #den\n2 ann left #den",
    );
}

#[test]
fn a_repeat_of_what_was_done_has_no_effect() {
    check(
        "ann opens #tea; ann says one; ann edits one to uno as r1; ann edits one to dos;
         ann edits one to uno as r1 => repeats 3; ann edits one to tres as r1 => request_id_reused;
         ann deletes one as r2; ann deletes one as r2 => repeats 5;
         ann edits one to uno as r1 => repeats 3; ann edits one to tres as r1 => repeats 3",
        reads("ann").history_of("#tea"),
        "2 ann: (deleted)",
    );
}
