//! What source files may look like.

use std::process::Command;

use anyhow::{Context as _, Result};

use super::functions;
use crate::root;

/// Above this a file does not fit in a head any more.
const LINES_MAX: usize = 600;

/// Files that may be longer, and why.
const LONGER: &[(&str, &str)] = &[];

/// Paths that only exist on somebody's machine.
const STRAY: &[&str] = &["/ro\u{6f}t/", "/ho\u{6d}e/", "/wo\u{72}k/", "/tm\u{70}/"];

/// What is wrong with the files that git tracks.
pub(super) fn complaints() -> Result<Vec<String>> {
    let root = root();
    let files = Command::new("git").arg("ls-files").current_dir(&root).output();
    let files = files.context("git ls-files could not be started")?.stdout;
    let mut found = Vec::new();
    for name in String::from_utf8_lossy(&files).lines() {
        let Ok(text) = std::fs::read_to_string(root.join(name)) else { continue };
        found.extend(in_file(name, &text));
    }
    Ok(found)
}

fn in_file(name: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    let excused = LONGER.iter().any(|(excused, _)| *excused == name);
    if name.ends_with(".rs") && lines > LINES_MAX && !excused {
        found.push(format!("{name} has {lines} lines; split what does not fit in a head"));
    }
    if name.ends_with(".rs") {
        found.extend(functions::complaints(name, text));
    }
    // Scripts and programs say where temporary things go; text for people should not.
    if name.ends_with(".rs") || name.ends_with(".md") || name.ends_with(".toml") {
        for (index, line) in text.lines().enumerate() {
            if let Some(stray) = STRAY.iter().find(|stray| line.contains(*stray)) {
                found.push(format!("{name}:{} names a path of one machine (`{stray}`)", index + 1));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::in_file;

    #[test]
    fn planted_violations_are_found() {
        let long = "x\n".repeat(601);
        assert_eq!(in_file("a.rs", &long).len(), 1);
        assert_eq!(in_file("a.md", "see /ho\u{6d}e/me/data").len(), 1);
        assert!(in_file("a.rs", "fn main() {}").is_empty());
    }
}
