//! Scenes: a script is played, and a reader sees the expected lines.
//!
//! Each scene is one sentence of the manual. The script's language is that of
//! [`super::stage`]. Expected lines begin with the event's number in its room.

use super::stage::{check, lists, reads};

#[test]
fn a_newcomer_sees_the_room_from_their_arrival() {
    check(
        "ann opens #tea; ann says one; bob joins #tea; ann says two",
        reads("bob"),
        "
        3 bob joined #tea
        4 ann: two
        ",
    );
}

#[test]
fn a_reader_who_left_sees_nothing_said_afterwards_but_sees_that_they_left() {
    check(
        "ann opens #tea; bob joins #tea; ann says one; bob leaves #tea; ann says two",
        reads("bob"),
        "
        2 bob joined #tea
        3 ann: one
        4 bob left #tea
        ",
    );
}

#[test]
fn who_comes_back_sees_what_they_were_there_for() {
    check(
        "ann opens #tea; bob joins #tea; bob leaves #tea; ann says missed; bob joins #tea;
         ann says back",
        reads("bob"),
        "
        2 bob joined #tea
        3 bob left #tea
        5 bob joined #tea
        6 ann: back
        ",
    );
}

#[test]
fn who_leaves_again_does_not_see_what_they_missed_before() {
    check(
        "ann opens #tea; bob joins #tea; bob leaves #tea; ann says missed; bob joins #tea;
         bob leaves #tea; ann says missed too",
        reads("bob"),
        "
        2 bob joined #tea
        3 bob left #tea
        5 bob joined #tea
        6 bob left #tea
        ",
    );
}

#[test]
fn an_open_room_shows_everything_to_everybody_who_asks_for_it() {
    let script = "ann opens #tea; ann says one; bob joins #tea; bob leaves #tea; ann says two";
    let everything = "
        1 ann opened #tea
        2 ann: one
        3 bob joined #tea
        4 bob left #tea
        5 ann: two
        ";
    for who in ["ann", "bob", "cleo", "a visitor"] {
        check(script, reads(who).of("#tea"), everything);
        check(script, reads(who).history_of("#tea"), "2 ann: one\n5 ann: two");
    }
}

#[test]
fn a_closed_room_shows_its_members_what_they_were_there_for() {
    let script = "ann opens closed #den; ann says before; ann adds bob to #den; ann says during;
                  bob leaves #den; ann says after";
    let seen_by_bob = "
        3 ann added bob to #den
        4 ann in #den: during
        5 bob left #den
        ";
    check(script, reads("bob"), seen_by_bob);
    check(script, reads("bob").of("#den"), seen_by_bob);
    check(script, reads("bob").history_of("#den"), "4 ann in #den: during");
    for outsider in ["cleo", "a visitor"] {
        check(script, reads(outsider).of("#den"), "");
        check(script, reads(outsider).history_of("#den"), "");
    }
    check(script, reads("cleo"), "");
}

#[test]
fn a_closed_room_is_not_told_from_a_missing_one_by_outsiders() {
    for step in
        ["bob joins", "bob leaves", "bob says hi to", "bob adds cleo to", "bob adds nobody to"]
    {
        let closed = format!("ann opens closed #den; {step} #den => room_not_found");
        let missing = format!("ann opens closed #den; {step} #nowhere => room_not_found");
        check(&closed, reads("ann"), "1 ann opened #den");
        check(&missing, reads("ann"), "1 ann opened #den");
    }
    check(
        "ann opens closed #den; ann opens #tea;
           bob joins #tea",
        lists("bob"),
        "#tea open, members 2, events 2",
    );
}

#[test]
fn who_left_a_closed_room_is_an_outsider_again() {
    check(
        "ann opens closed #den; ann adds bob to #den; bob leaves #den;
         bob says hi to #den => room_not_found;
         bob leaves #den => room_not_found; bob adds cleo to #den => room_not_found",
        lists("bob"),
        "#den closed, members 1, events 3",
    );
}

#[test]
fn somebody_who_left_a_closed_room_comes_back_by_themselves() {
    check(
        "ann opens closed #den; ann adds bob to #den; bob leaves #den; ann says missed to #den;
         bob joins #den; ann says back to #den",
        reads("bob"),
        "
        2 ann added bob to #den
        3 bob left #den
        5 bob joined #den
        6 ann in #den: back
        ",
    );
    check(
        "ann opens closed #den; ann leaves #den; ann joins #den",
        lists("ann"),
        "#den closed, members 1, events 3",
    );
}

#[test]
fn nobody_brings_back_somebody_who_left_a_closed_room() {
    check(
        "ann opens closed #den; ann adds bob to #den; bob leaves #den;
         ann adds bob to #den => left_before; cleo adds bob to #den => room_not_found;
         bob joins #den; ann adds bob to #den => nothing; bob leaves #den;
         ann adds bob to #den => left_before",
        lists("ann"),
        "#den closed, members 1, events 5",
    );
}

#[test]
fn somebody_who_left_an_open_room_may_be_added_again() {
    check(
        "ann opens #tea; ann adds bob to #tea; bob leaves #tea; ann adds bob to #tea",
        lists("bob"),
        "#tea open, members 2, events 4",
    );
}

#[test]
fn only_members_send_to_an_open_room_and_add_members_to_it() {
    check(
        "ann opens #tea; bob says hi => not_a_member; bob adds cleo to #tea => not_a_member;
         bob joins #tea; bob says hi",
        reads("ann"),
        "
        1 ann opened #tea
        2 bob joined #tea
        3 bob: hi
        ",
    );
}

#[test]
fn members_add_members_who_add_members() {
    check(
        "ann opens closed #den; ann adds bob to #den; bob adds cleo to #den;
         cleo says hi to #den",
        reads("cleo"),
        "
        3 bob added cleo to #den
        4 cleo in #den: hi
        ",
    );
}

#[test]
fn only_people_who_exist_can_be_added() {
    check(
        "ann opens closed #den; ann adds nobody to #den => user_not_found",
        lists("ann"),
        "#den closed, members 1, events 1",
    );
}

#[test]
fn the_opener_is_the_first_member() {
    check("ann opens #tea; ann says one", reads("ann"), "1 ann opened #tea\n2 ann: one");
}

#[test]
fn a_room_that_the_server_opens_has_no_member() {
    let script = "server opens #tea; ann joins #tea";
    check(script, reads("ann").of("#tea"), "1 the server opened #tea\n2 ann joined #tea");
    check(script, lists("ann"), "#tea open, members 1, events 2");
}

#[test]
fn a_slug_is_taken_for_ever() {
    check(
        "ann opens #tea; bob opens #tea => slug_taken; ann leaves #tea;
         ann opens closed #tea => slug_taken",
        lists("bob"),
        "#tea open, members 0, events 2",
    );
}

#[test]
fn what_is_so_already_leaves_no_event() {
    check(
        "ann opens #tea; ann joins #tea => nothing; bob leaves #tea => nothing;
         ann adds ann to #tea => nothing;
         ann renames to ann => nothing; ann opens closed #den;
         ann joins #den => nothing; ann says hi to #tea",
        reads("ann"),
        "
        1 ann opened #tea
        1 ann opened #den
        2 ann: hi
        ",
    );
}

#[test]
fn the_server_is_no_member_and_has_no_name() {
    check(
        "ann opens #tea; server joins #tea => not_for_the_server;
         server leaves #tea => not_for_the_server;
         server says hi => not_for_the_server; server adds bob to #tea => not_for_the_server;
         server renames to boss => not_for_the_server; nobody says hi => user_not_found;
         nobody opens #den => user_not_found",
        lists("ann"),
        "#tea open, members 1, events 1",
    );
}

#[test]
fn a_repeat_has_no_effect_and_names_the_first() {
    check(
        "ann opens #tea; ann says one as r1; ann says two; ann says one as r1 => repeats 2;
         ann leaves #tea; ann says one as r1 => repeats 2; ann says one as r2 => not_a_member",
        reads("bob").of("#tea"),
        "
        1 ann opened #tea
        2 ann: one
        3 ann: two
        4 ann left #tea
        ",
    );
}

#[test]
fn a_request_id_that_was_used_is_rejected_for_something_else() {
    check(
        "ann opens #tea; ann says one as r1; ann says two as r1 => request_id_reused;
         ann leaves #tea as r1 => request_id_reused; ann says one as r1 => repeats 2",
        reads("ann"),
        "1 ann opened #tea\n2 ann: one",
    );
}

#[test]
fn a_request_id_that_changed_nothing_is_used_all_the_same() {
    check(
        "ann opens #tea; ann joins #tea as r1 => nothing; ann says hi as r1 => request_id_reused;
         ann leaves #tea; ann joins #tea as r1 => repeats",
        lists("ann"),
        "#tea open, members 0, events 2",
    );
}

#[test]
fn a_rejected_request_id_may_be_used_again() {
    check(
        "ann opens #tea; bob says one as r1 => not_a_member; bob joins #tea; bob says one as r1;
         bob says one as r1 => repeats 3",
        reads("bob"),
        "2 bob joined #tea\n3 bob: one",
    );
    check(
        "ann opens #tea; bob says one as r1 => not_a_member; bob joins #tea as r1;
         bob says one as r1 => request_id_reused",
        reads("bob"),
        "2 bob joined #tea",
    );
}

#[test]
fn request_ids_belong_to_their_author() {
    check(
        "ann opens #tea; bob joins #tea; ann says one as r1; bob says one as r1",
        reads("ann"),
        "
        1 ann opened #tea
        2 bob joined #tea
        3 ann: one
        4 bob: one
        ",
    );
}

#[test]
fn a_rename_is_seen_by_those_who_share_a_room_and_by_nobody_else() {
    let script = "ann opens #tea; bob joins #tea; ann renames to anna; ann says hi;
                  bob leaves #tea; ann renames to annie";
    check(
        script,
        reads("bob"),
        "
        2 bob joined #tea
        ann is called anna
        3 anna: hi
        4 bob left #tea
        ",
    );
    check(
        script,
        reads("ann"),
        "
        1 ann opened #tea
        2 bob joined #tea
        ann is called anna
        3 anna: hi
        4 bob left #tea
        anna is called annie
        ",
    );
    check(script, reads("cleo"), "");
    check(
        script,
        reads("cleo").of("#tea"),
        "1 ann opened #tea\n2 bob joined #tea\n3 anna: hi\n4 bob left #tea",
    );
}

#[test]
fn a_rename_is_not_seen_by_members_of_a_room_that_the_renamed_has_left() {
    check(
        "ann opens #tea; bob joins #tea; ann leaves #tea; ann renames to anna",
        reads("bob"),
        "2 bob joined #tea\n3 ann left #tea",
    );
}

#[test]
fn what_was_said_keeps_the_name_of_then() {
    check(
        "ann opens #tea; ann says one; ann renames to anna; ann says two",
        reads("ann").history_of("#tea"),
        "2 ann: one\n3 anna: two",
    );
}

#[test]
fn numbers_count_each_room_for_itself_without_gaps() {
    check(
        "ann opens #tea; ann opens closed #den; ann says a to #tea;
         bob says b to #tea => not_a_member;
         ann says c to #den; ann renames to anna; ann says d to #tea; ann says e to #den",
        reads("ann"),
        "
        1 ann opened #tea
        1 ann opened #den
        2 ann: a
        2 ann in #den: c
        ann is called anna
        3 anna: d
        3 anna in #den: e
        ",
    );
}

#[test]
fn time_never_runs_backwards() {
    check(
        "@10 ann opens #tea; @20 ann says one; @15 ann says two; @20 ann says three;
         @21 ann says four;
         @30 bob says no => not_a_member; @25 ann says five",
        reads("ann").with_times(),
        "
        @10 1 ann opened #tea
        @20 2 ann: one
        @20 3 ann: two
        @20 4 ann: three
        @21 5 ann: four
        @30 6 ann: five
        ",
    );
}
