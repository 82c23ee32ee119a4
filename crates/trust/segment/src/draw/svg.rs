//! A table of sources and destinations that a browser shows: a graph of many edges is a knot.

use std::fmt::Write as _;

use super::Picture;
use crate::{Analysis, Bounds, Connections, TooLarge};

/// Who reaches whom, as a table: sources down, destinations across, a square for each pair. What a square says
/// in words stands beside the pointer.
///
/// # Errors
///
/// [`TooLarge`].
pub fn svg(analysis: &Analysis) -> Result<String, TooLarge> {
    Ok(Page::of(&Picture::of(analysis)?).text)
}

/// How large things are, in pixels.
const CELL: usize = 20;
const CHARACTER: usize = 7;
const MARGIN: usize = 24;
const HEAD: usize = 96;

struct Page<'a> {
    picture: &'a Picture,
    /// Where the first square is.
    left: usize,
    top: usize,
    text: String,
}

impl<'a> Page<'a> {
    fn of(picture: &'a Picture) -> Self {
        let longest = picture
            .groups
            .iter()
            .map(|it| it.label().chars().count())
            .max()
            .unwrap_or_default();
        let namespaces = picture.groups.iter().filter_map(|it| it.namespace.as_ref());
        let widest = namespaces
            .map(|it| it.chars().count())
            .max()
            .unwrap_or_default();
        let mut page = Self {
            picture,
            left: MARGIN + CHARACTER * (longest + widest + 4),
            // Labels of columns lean by 45 degrees.
            top: HEAD + CHARACTER * longest * 3 / 4 + CELL,
            text: String::new(),
        };
        page.draw(longest);
        page
    }

    fn draw(&mut self, longest: usize) {
        let count = self.picture.groups.len();
        let width = (self.left + CELL * count + CHARACTER * longest + MARGIN).max(640);
        let height = self.top + CELL * count + MARGIN;
        self.line(&format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"Who reaches whom\">"
        ));
        self.text.push_str(STYLE);
        self.line("<rect class=\"page\" width=\"100%\" height=\"100%\"/>");
        self.line(&format!(
            "<text class=\"title\" x=\"{MARGIN}\" y=\"36\">Who reaches whom</text>"
        ));
        self.legend();
        self.bands();
        for at in 0..count {
            self.labels(at);
        }
        for (from, to, connections) in self.picture.each() {
            self.cell(from, to, connections);
        }
        self.line("</svg>");
    }

    fn legend(&mut self) {
        let mut x = MARGIN;
        for (class, word) in [
            ("all", "everything passes"),
            ("some", "some ports"),
            ("perhaps", "not known"),
            ("none", "nothing"),
        ] {
            let (square, words) = (58, 70);
            self.line(&format!("<rect class=\"{class}\" x=\"{x}\" y=\"{square}\" width=\"14\" height=\"14\" rx=\"3\"/>"));
            self.line(&format!(
                "<text x=\"{}\" y=\"{words}\">{word}</text>",
                x + 20
            ));
            x += 20 + CHARACTER * (word.len() + 3);
        }
        if self.picture.left_out > 0 {
            self.line(&format!(
                "<text x=\"{x}\" y=\"70\">{} groups are not drawn</text>",
                self.picture.left_out
            ));
        }
    }

    /// A band behind each other namespace, with its name.
    fn bands(&mut self) {
        let picture = self.picture;
        let mut first = 0;
        let mut is_dark = false;
        for group in picture.groups.chunk_by(|a, b| a.namespace == b.namespace) {
            let length = CELL * group.len();
            let all = CELL * picture.groups.len();
            let (x, y) = (self.left + CELL * first, self.top + CELL * first);
            if is_dark {
                self.line(&format!("<rect class=\"band\" x=\"{MARGIN}\" y=\"{y}\" width=\"{}\" height=\"{length}\"/>", self.left + all - MARGIN));
                self.line(&format!(
                    "<rect class=\"band\" x=\"{x}\" y=\"{}\" width=\"{length}\" height=\"{all}\"/>",
                    self.top
                ));
            }
            if let Some(name) = &group[0].namespace {
                self.line(&format!(
                    "<text class=\"namespace\" x=\"{MARGIN}\" y=\"{}\">{}</text>",
                    y + 14,
                    escaped(name)
                ));
            }
            first += group.len();
            is_dark = !is_dark;
        }
    }

    fn labels(&mut self, at: usize) {
        let group = &self.picture.groups[at];
        let (label, names) = (escaped(&group.label()), escaped(&group.names.join(", ")));
        let (x, y) = (self.left - 8, self.top + CELL * at + 14);
        self.line(&format!(
            "<text class=\"row\" x=\"{x}\" y=\"{y}\">{label}<title>{names}</title></text>"
        ));
        let (x, y) = (self.left + CELL * at + 13, self.top - 8);
        self.line(&format!("<text transform=\"translate({x} {y}) rotate(-45)\">{label}<title>{names}</title></text>"));
    }

    fn cell(&mut self, from: usize, to: usize, connections: &Bounds<Connections>) {
        let (x, y) = (self.left + CELL * to + 1, self.top + CELL * from + 1);
        let (class, words) = match (connections.least.is_all(), connections.least.is_empty()) {
            (true, _) => ("all", "everything passes".to_owned()),
            (false, false) => ("some", connections.least.to_string()),
            (false, true) if connections.most.is_empty() => ("none", "nothing passes".to_owned()),
            (false, true) => (
                "perhaps",
                format!("not known; at most {}", connections.most),
            ),
        };
        let name = |at: usize| {
            let group = &self.picture.groups[at];
            let namespace = group
                .namespace
                .as_ref()
                .map(|it| format!("{it}/"))
                .unwrap_or_default();
            escaped(&format!("{namespace}{}", group.label()))
        };
        let title = format!("{} to {}: {words}", name(from), name(to));
        let side = CELL - 2;
        self.line(&format!("<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\" rx=\"3\"><title>{title}</title></rect>"));
    }

    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            it if it.is_control() => escaped.push(' '),
            it => escaped.push(it),
        }
    }
    escaped
}

const STYLE: &str = "<style>
text { font: 12px ui-sans-serif, system-ui, sans-serif; fill: #27313b; }
.title { font-size: 20px; font-weight: 600; }
.namespace { font-weight: 600; fill: #5b6873; }
.row { text-anchor: end; }
.page { fill: #ffffff; }
.band { fill: #f1f4f6; }
.all { fill: #c2410c; }
.some { fill: #f2a93b; }
.perhaps { fill: #a78bda; }
.none { fill: #e1e7eb; }
rect:hover { stroke: #27313b; stroke-width: 1.5; }
.page:hover, .band:hover { stroke: none; }
@media (prefers-color-scheme: dark) {
text { fill: #dce3e8; } .namespace { fill: #93a1ad; } .page { fill: #14191e; } .band { fill: #1b2228; } .none { fill: #2a333b; }
rect:hover { stroke: #dce3e8; }
}
</style>
";
