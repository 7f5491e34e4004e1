//! Sentences of comments that leave their subject out: they open with a bare "Who" or
//! "What", and have to be read twice. Real questions may open so.
//!
//! The comments are read as text, paragraph by paragraph, so that a sentence is found
//! wherever its lines are wrapped. Code in Markdown fences is not read.

use super::SourceFile;

/// Words that open a sentence without saying whom or what it is about.
const OPENERS: [&str; 6] = ["Who", "Whom", "Whose", "Whoever", "What", "Whatever"];

/// Kinds of files with comments in lines, in blocks, or in both.
const KINDS: [&str; 6] = ["rs", "ts", "vue", "sql", "css", "c"];

/// Begins and ends of comments in blocks.
const BLOCKS: [(&str, &str); 2] = [("/*", "*/"), ("<!--", "-->")];

/// A word of a comment, with the number of its line.
type Word<'t> = (usize, &'t str);

/// Returns the sentences of a file that leave their subject out, each with its place.
pub(super) fn without_subject(file: &SourceFile) -> Vec<String> {
    if !KINDS.iter().any(|&kind| file.is_a(kind)) {
        return Vec::new();
    }
    let marks: &[&str] = if file.is_a("sql") { &["--"] } else { &["//!", "///", "//"] };
    let paragraphs = paragraphs(&file.text, marks);
    let sentences = paragraphs.iter().flat_map(|words| offences(words));
    sentences.map(|(line, sentence)| format!("{}:{line}: {sentence}", file.name())).collect()
}

/// Returns the words of all comments. A list's item begins a paragraph of its own.
fn paragraphs<'t>(text: &'t str, marks: &[&'static str]) -> Vec<Vec<Word<'t>>> {
    let mut paragraphs = Vec::new();
    let (mut last_mark, mut is_code) = ("", false);
    for (index, comment) in comments(text, marks).into_iter().enumerate() {
        let Some((mark, said)) = comment else {
            (last_mark, is_code) = ("", false);
            continue;
        };
        is_code ^= said.starts_with("```");
        if is_code || said.is_empty() || said.starts_with("```") {
            last_mark = "";
            continue;
        }
        if mark != last_mark || is_item(said) {
            paragraphs.push(Vec::new());
        }
        last_mark = mark;
        let words = said.split_whitespace().map(|word| (index + 1, word));
        paragraphs.last_mut().expect("one was just begun").extend(words);
    }
    paragraphs
}

/// Returns the comment of each line, if it has one: its mark, and its text.
fn comments<'t>(text: &'t str, marks: &[&'static str]) -> Vec<Option<(&'static str, &'t str)>> {
    let plain_mark = *marks.last().expect("there are marks");
    let behind_code = format!(" {plain_mark} ");
    let mut block = None;
    let comment_of = |line: &'t str| {
        let line = line.trim();
        block = block.or_else(|| BLOCKS.into_iter().find(|(begin, _)| line.starts_with(begin)));
        if let Some((begin, end)) = block {
            let said = line.strip_prefix(begin).unwrap_or(line);
            let (said, is_last) = said.split_once(end).map_or((said, false), |(it, _)| (it, true));
            block = block.filter(|_| !is_last);
            return Some((begin, said.trim_start_matches('*').trim()));
        }
        let whole = marks.iter().find_map(|&mark| Some((mark, line.strip_prefix(mark)?.trim())));
        whole.or_else(|| Some((plain_mark, line.split_once(&behind_code)?.1.trim())))
    };
    text.lines().map(comment_of).collect()
}

/// Tells whether a line begins an item of a list, a heading or a row of a table.
fn is_item(said: &str) -> bool {
    let first = said.split_whitespace().next().unwrap_or_default();
    let number = first.strip_suffix('.').unwrap_or_default();
    ["-", "*", "#", "|"].contains(&first.get(..1).unwrap_or_default())
        || !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the sentences of a paragraph that leave their subject out, with their lines.
fn offences(words: &[Word<'_>]) -> Vec<(usize, String)> {
    let mut offences = Vec::new();
    let mut opens = true;
    for (index, &(line, word)) in words.iter().enumerate() {
        // The mark of a list's item opens nothing.
        if !word.contains(char::is_alphabetic) {
            continue;
        }
        let bare = word.trim_start_matches(['"', '\'', '(', '*', '_']);
        let bare = bare.trim_end_matches(|c: char| !c.is_alphabetic());
        if opens && OPENERS.contains(&bare) {
            let rest = &words[index..];
            let end = rest.iter().position(|(_, word)| end_of(word).is_some_and(|c| c != ':'));
            let sentence = &rest[..end.map_or(rest.len(), |end| end + 1)];
            if sentence.last().is_none_or(|(_, word)| end_of(word) != Some('?')) {
                let sentence: Vec<&str> = sentence.iter().map(|(_, word)| *word).collect();
                offences.push((line, sentence.join(" ")));
            }
        }
        opens = end_of(word).is_some();
    }
    offences
}

/// Returns the mark with which this word ends a sentence, if it does. A colon is one:
/// a whole sentence may follow it.
fn end_of(word: &str) -> Option<char> {
    let word = word.trim_end_matches(['"', '\'', ')', '*', '_', '`']);
    word.chars().next_back().filter(|&c| ".!?:".contains(c))
}

#[test]
fn a_sentence_without_subject_is_found_however_it_is_wrapped_and_a_question_is_none() {
    let rust = [
        ("/// Who comes in.", "1: Who comes in."),
        ("//! A door.\n//!\n//! What comes next", "3: What comes next"),
        ("// It is open. Whoever\n// comes, joins.\nlet a;", "1: Whoever comes, joins."),
        ("/// A door (a real one.) Whose\n/// it is. More.", "1: Whose it is."),
        ("/// Errors: What went\n/// wrong.", "1: What went wrong."),
        (
            "/// - one\n/// - Whatever else.\n/// 3. Whom it takes!",
            "2: Whatever else. 3: Whom it takes!",
        ),
        (concat!("let a = 1; /", "/ What it is."), "1: What it is."),
        ("/* A door.\n * What it\n * does. */\nlet a;", "2: What it does."),
        ("/** Who comes in. */", "1: Who comes in."),
        ("/// One.\n/// ```\n/// // What.\n/// ```\n/// Two.\nfn f() {}\n/// Who.", "7: Who."),
        ("/// Who comes in?\n/// What comes out,\n/// and when? The rest.", ""),
        ("/// [`Who`] comes in. `What` is a type. It tells who\n/// Who is.", ""),
        ("/// The others, or\n/// What they are called.", ""),
        ("// first\n/// What it is: a door.", "2: What it is: a door."),
        ("let Who = 1;\nlet what = \"// Who\";", ""),
    ];
    let vue = [("<!--\n  A page. Who\n  reads it.\n-->\n<p>Who</p>", "2: Who reads it.")];
    let sql = [(
        "-- What is.\nCREATE TABLE a (b); -- Whom it concerns.",
        "1: What is. 2: Whom it concerns.",
    )];
    let markdown = [("/// Who comes in.", "")];
    for (kind, cases) in
        [("rs", &rust[..]), ("vue", &vue[..]), ("sql", &sql[..]), ("md", &markdown[..])]
    {
        for &(text, expected) in cases {
            let file = SourceFile { path: format!("a.{kind}").into(), text: text.to_owned() };
            let found = without_subject(&file).join(" ").replace(&format!("a.{kind}:"), "");
            assert_eq!(found, expected, "{text}");
        }
    }
}
