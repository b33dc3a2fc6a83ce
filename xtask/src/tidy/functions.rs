//! How long functions may be.

/// Above this nobody sees a function whole.
const LINES_MAX: usize = 70;

/// Functions that may be longer, and why.
const LONGER: &[(&str, &str, &str)] = &[(
    "crates/store/src/lower.rs",
    "expr",
    "one arm for each kind of expression; apart they would hide a missing one",
)];

/// Functions of a file that are too long. Tests are tables of expectations and may be.
pub(super) fn complaints(file: &str, text: &str) -> Vec<String> {
    if file.contains("/tests/") || file.ends_with("/tests.rs") {
        return Vec::new();
    }
    let lines: Vec<&str> = text.lines().collect();
    let starts = lines.iter().enumerate().filter_map(|(at, line)| Some((at, name(line)?)));
    starts
        .filter_map(|(at, name)| {
            let length = length(&lines[at..]);
            let excused = LONGER.iter().any(|(in_file, it, _)| (*in_file, *it) == (file, name));
            let too_long = length > LINES_MAX && !excused;
            too_long.then(|| {
                format!("{file}:{} `{name}` has {length} lines; split it by what it does", at + 1)
            })
        })
        .collect()
}

/// The name of the function that starts on a line.
fn name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let qualifiers = before.trim_start();
    let known = ["", "pub", "async", "const", "unsafe", "extern", "\"C\""];
    let qualified =
        qualifiers.split_whitespace().all(|it| known.contains(&it) || it.starts_with("pub("));
    let inside_word = !before.is_empty() && !before.ends_with(' ');
    let name = after.split(['(', '<']).next()?;
    (qualified && !inside_word && !name.is_empty()).then_some(name)
}

/// Lines up to the brace that closes what the first line opens; `rustfmt` indents it alike.
fn length(lines: &[&str]) -> usize {
    let Some(first) = lines.first() else { return 0 };
    let indent = first.len() - first.trim_start().len();
    let end = lines.iter().position(|line| {
        let own = line.len() - line.trim_start().len();
        let trimmed = line.trim();
        own == indent && trimmed.ends_with(['}', ';'])
    });
    end.map_or(1, |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::complaints;

    #[test]
    fn a_planted_long_function_is_found() {
        let body = "    let x = 1;\n".repeat(70);
        let long = format!("fn short() {{}}\n\npub(crate) async fn long<T>(\n) {{\n{body}}}\n");
        let found = complaints("a.rs", &long);
        assert_eq!(found, ["a.rs:3 `long` has 73 lines; split it by what it does"]);
        assert_eq!(complaints("a/tests/b.rs", &long), [""; 0]);
    }

    #[test]
    fn declarations_and_neighbours_do_not_count() {
        let text = format!(
            "trait A {{\n    fn a(\n        &self,\n    );\n}}\nfn b() {{ }}\n{}fn c() {{\n}}\n",
            "// x\n".repeat(80)
        );
        assert_eq!(complaints("a.rs", &text), [""; 0]);
    }
}
