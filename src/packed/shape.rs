#![forbid(unsafe_code)]
//! The columns of a row: the source of the packed layout, of the TypeScript type and of the decoder.

/// How a column is stored, and how it crosses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// INTEGER in SQL, a number in JavaScript.
    Integer,
    /// REAL in SQL (times in ms), a number in JavaScript.
    Real,
    /// INTEGER 0 or 1 in SQL, a boolean in JavaScript.
    Boolean,
    /// INTEGER seconds in SQL, a `Date` in JavaScript. As input a `Date` or milliseconds: it arrives as milliseconds.
    Seconds,
    /// Long text, different in every row: crosses cell by cell.
    Text,
    /// Text with few different values: crosses as a dictionary.
    Label,
    /// Text that may hold JSON: objects are written as their `JSON.stringify`.
    Json,
}

impl Kind {
    /// Whether its values cross as numbers.
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Real | Self::Boolean | Self::Seconds)
    }

    /// Whether its values cross as single texts.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Json)
    }
}

/// One column of a [`Shape`].
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Property name in JavaScript.
    pub key: &'static str,
    /// Column name in SQL.
    pub name: &'static str,
    /// Storage and crossing.
    pub kind: Kind,
    /// Whether SQL NULL is possible.
    pub nullable: bool,
    /// TypeScript type, where it is narrower than the kind's own.
    pub ts: Option<&'static str>,
    /// What it holds, for the TypeScript type; empty where the name says it.
    pub about: &'static str,
}

impl Column {
    /// A NOT NULL column.
    pub const fn new(key: &'static str, name: &'static str, kind: Kind) -> Self {
        Self { key, name, kind, nullable: false, ts: None, about: "" }
    }

    /// The same column, nullable.
    pub const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// The same column with a narrower TypeScript type.
    pub const fn typed(mut self, ts: &'static str) -> Self {
        self.ts = Some(ts);
        self
    }

    /// The same column with a sentence about what it holds.
    pub const fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }
}

/// The columns of one table in the order in which JavaScript sees them.
#[derive(Debug)]
pub struct Shape {
    /// Name of the TypeScript row type.
    pub name: &'static str,
    /// Table name.
    pub table: &'static str,
    /// Columns in key order.
    pub columns: &'static [Column],
    /// Further keys that an input record of this shape may carry, behind the columns.
    pub aliases: &'static [&'static str],
}

impl Shape {
    /// Number of cells in an input record.
    pub fn width(&self) -> usize {
        self.columns.len() + self.aliases.len()
    }

    /// Position of the column with the JavaScript name `key`. Modules evaluate it in a `const`, so that a misspelt key
    /// does not compile and no record pays for a search.
    ///
    /// # Panics
    /// If there is none: keys are constants of this crate.
    pub const fn position(&self, key: &str) -> usize {
        let mut position = 0;
        while position < self.columns.len() + self.aliases.len() {
            if same(self.key(position), key) {
                return position;
            }
            position += 1;
        }
        panic!("the shape has no such column")
    }

    /// JavaScript name of the cell at `position`.
    ///
    /// # Panics
    /// If `position` is not below [`Shape::width`].
    pub const fn key(&self, position: usize) -> &'static str {
        if position < self.columns.len() {
            self.columns[position].key
        } else {
            self.aliases[position - self.columns.len()]
        }
    }

    /// `a, b, c`: the columns for a SELECT, in key order, each behind `prefix` (`"e."` for instance).
    pub fn select_list(&self, prefix: &str) -> String {
        let names: Vec<_> = self.columns.iter().map(|column| format!("{prefix}{}", column.name)).collect();
        names.join(", ")
    }
}

/// `==` for text, which a `const fn` cannot use yet.
const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}
