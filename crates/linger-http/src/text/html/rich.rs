//! A message's text as HTML: its blocks, and its entities as elements.
//!
//! The same markup as `web/src/messages/MessageText.vue` makes, so that the script takes
//! over without a flash; `fixtures/entities` has it for both. All text is escaped here.
//! A spoiler is a checkbox with a label, which opens without script.

#[cfg(test)]
mod fixtures;

use linger_core::{Entity, EntityKind};

use super::{
    super::blocks::{Block, Inline, blocks},
    languages::Words,
};

/// Returns a text as HTML.
pub(super) fn html(text: &str, entities: &[Entity], words: &Words) -> String {
    let mut html = Html { written: String::new(), words };
    html.blocks(&blocks(text, entities));
    html.written
}

struct Html<'w> {
    written: String,
    words: &'w Words,
}

impl Html<'_> {
    fn blocks(&mut self, blocks: &[Block<'_>]) {
        for block in blocks {
            match block {
                Block::Paragraph(line) => {
                    self.raw("<p dir=\"auto\">");
                    if line.is_empty() {
                        // It keeps its height.
                        self.raw("<br>");
                    }
                    self.line(line);
                    self.raw("</p>");
                }
                Block::Quote(blocks) => {
                    self.raw("<blockquote>");
                    self.blocks(blocks);
                    self.raw("</blockquote>");
                }
                Block::Pre { language, code } => self.pre(language.as_deref(), code),
            }
        }
    }

    fn pre(&mut self, language: Option<&str>, code: &str) {
        self.raw("<pre tabindex=\"0\" role=\"group\" aria-label=\"");
        self.text(self.words.code);
        if let Some(language) = language {
            self.raw("\" data-language=\"");
            self.text(language);
        }
        self.raw("\"><code>");
        self.text(code);
        self.raw("</code></pre>");
    }

    fn line(&mut self, line: &[Inline<'_>]) {
        for inline in line {
            match inline {
                Inline::Text(text) => self.text(text),
                Inline::Part { kind, text, children } => self.part(kind, text, children),
            }
        }
    }

    fn part(&mut self, kind: &EntityKind, text: &str, children: &[Inline<'_>]) {
        match kind {
            EntityKind::Bold => self.element("strong", children),
            // Slanted Chinese is no emphasis; dots are.
            EntityKind::Italic if text.chars().any(is_east_asian) => {
                self.raw("<em class=\"dotted\">");
                self.line(children);
                self.raw("</em>");
            }
            EntityKind::Italic => self.element("em", children),
            EntityKind::Strike => self.element("s", children),
            EntityKind::Code => self.element("code", children),
            EntityKind::Link { url } => self.link(url, children),
            EntityKind::Url => self.link(text, children),
            EntityKind::Mention { user } => {
                self.raw(&format!("<span class=\"at-name\" data-user=\"{user}\">"));
                self.line(children);
                self.raw("</span>");
            }
            EntityKind::MentionAll => {
                self.raw("<span class=\"at-name\">");
                self.line(children);
                self.raw("</span>");
            }
            EntityKind::Spoiler => {
                self.raw("<label class=\"spoiler\"><input type=\"checkbox\" autocomplete=\"off\" aria-label=\"");
                self.text(self.words.spoiler);
                self.raw("\"><span>");
                self.line(children);
                self.raw("</span></label>");
            }
            // Whole lines; they are blocks.
            EntityKind::Quote | EntityKind::Pre { .. } => self.line(children),
        }
    }

    fn element(&mut self, name: &str, children: &[Inline<'_>]) {
        self.raw(&format!("<{name}>"));
        self.line(children);
        self.raw(&format!("</{name}>"));
    }

    /// Writes a link, if it leads where links may lead.
    fn link(&mut self, url: &str, children: &[Inline<'_>]) {
        if !crate::addresses::has_scheme(url) {
            return self.line(children);
        }
        self.raw("<a href=\"");
        self.text(url);
        self.raw("\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">");
        self.line(children);
        self.raw("</a>");
    }

    fn raw(&mut self, html: &str) {
        self.written += html;
    }

    /// Writes text as the templates do.
    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.written += "&#38;",
                '<' => self.written += "&#60;",
                '>' => self.written += "&#62;",
                '"' => self.written += "&#34;",
                '\'' => self.written += "&#39;",
                c => self.written.push(c),
            }
        }
    }
}

/// Whether a character is of a script without italics: Han, Kana, Hangul.
///
/// The same ranges as `web/src/messages/richText.ts` has.
fn is_east_asian(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}
