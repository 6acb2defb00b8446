#![forbid(unsafe_code)]
//! Comparing CREATE statements without regard to how they are written.

/// Whether two CREATE statements differ in spelling only: case, white space, quotes of names and comments.
pub fn same_definition(one: &str, other: &str) -> bool {
    tokens(one) == tokens(other)
}

/// Words in lower case, literals as they are, any other character by itself.
fn tokens(sql: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest[2..].find("*/").map_or(rest.len(), |end| end + 4),
            '\'' | '"' | '`' | '[' => {
                let close = if first == '[' { ']' } else { first };
                let end = rest[1..].find(close).map_or(rest.len(), |end| end + 2);
                // A doubled quote ends one literal and begins the next, in both statements alike.
                let inner = rest[1..end].trim_end_matches(close);
                tokens.push(if first == '\'' { format!("'{inner}'") } else { inner.to_lowercase() });
                end
            }
            _ if is_word(first) => {
                let end = rest.find(|char| !is_word(char)).unwrap_or(rest.len());
                tokens.push(rest[..end].to_lowercase());
                end
            }
            _ => {
                if !first.is_whitespace() {
                    tokens.push(first.to_string());
                }
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    tokens
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_make_another_definition() {
        let one = "CREATE TABLE a (\n  x TEXT DEFAULT 'A b' -- why\n)";
        assert!(same_definition(one, "create table `a` (\"x\" text /* * */ default 'A b')"));
        assert!(!same_definition(one, "CREATE TABLE a (x TEXT DEFAULT 'a b')"));
        assert!(!same_definition(one, "CREATE TABLE a (xTEXT DEFAULT 'A b')"));
    }
}
