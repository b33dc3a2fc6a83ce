//! The manifest of the crate that pins features.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::trees::{Package, Side};

const HEAD: &str = r#"# Written by `cargo xtask pins`; do not edit.
[package]
name = "metalith-pins"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[lib]
doctest = false

[lints]
workspace = true
"#;

/// What is pinned so far.
#[derive(Default)]
pub(super) struct Pins(BTreeMap<(Side, String, String), BTreeSet<String>>);

impl Pins {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn add(&mut self, packages: Vec<Package>) {
        for Package { side, name, version, features } in packages {
            self.0.entry((side, name, version)).or_default().extend(features);
        }
    }

    pub(super) fn manifest(&self) -> String {
        let mut text = HEAD.to_owned();
        for (side, table) in [(Side::Target, "dependencies"), (Side::Host, "build-dependencies")] {
            let pinned: Vec<_> = self.0.iter().filter(|((own, ..), _)| *own == side).collect();
            if pinned.is_empty() {
                continue;
            }
            let _ = write!(text, "\n[{table}]\n");
            for ((_, name, version), features) in &pinned {
                let twice = pinned.iter().filter(|((_, other, _), _)| other == name).count() > 1;
                let _ = writeln!(text, "{}", line(name, version, features, twice));
            }
        }
        text
    }
}

fn line(name: &str, version: &str, features: &BTreeSet<String>, twice: bool) -> String {
    let version = compatible(version);
    let (key, package) = match twice {
        true => {
            let key = format!("{name}-{}", version.replace('.', "_"));
            (key, format!("package = \"{name}\", "))
        }
        false => (name.to_owned(), String::new()),
    };
    let features: Vec<String> = features.iter().map(|it| format!("\"{it}\"")).collect();
    let features = features.join(", ");
    format!(
        "{key} = {{ {package}version = \"{version}\", default-features = false, \
         features = [{features}] }}"
    )
}

/// The part of a version that says what it is compatible with.
fn compatible(version: &str) -> String {
    let bare = version.split(['+', '-']).next().unwrap_or(version);
    let parts: Vec<&str> = bare.split('.').collect();
    let significant = parts.iter().position(|part| *part != "0").unwrap_or(parts.len() - 1);
    parts[..=significant].join(".")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{compatible, line};

    #[test]
    fn versions_are_as_wide_as_compatibility() {
        assert_eq!(compatible("1.2.3"), "1");
        assert_eq!(compatible("0.4.45"), "0.4");
        assert_eq!(compatible("0.0.6"), "0.0.6");
        assert_eq!(compatible("1.1.5+spec-1.1.0"), "1");
    }

    #[test]
    fn two_versions_of_a_package_have_names_of_their_own() {
        let features = BTreeSet::from(["std".to_owned()]);
        let expected = "digest-0_10 = { package = \"digest\", version = \"0.10\", \
                        default-features = false, features = [\"std\"] }";
        assert_eq!(line("digest", "0.10.7", &features, true), expected);
    }
}
