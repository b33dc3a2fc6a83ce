//! What may come into the build: licences, sources and second versions, by `deny.toml`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::packages::{strings, text};
use crate::root;

/// The part of `deny.toml` that needs nothing but cargo's metadata.
pub(super) struct Rules {
    licences: Vec<String>,
    one_version: Vec<String>,
}

impl Rules {
    pub(super) fn load() -> Result<Self> {
        let source = std::fs::read_to_string(root().join("deny.toml"));
        let rules: toml::Value =
            toml::from_str(&source.context("deny.toml")?).context("deny.toml")?;
        let rules = serde_json::to_value(rules)?;
        let banned = rules["bans"]["deny"].as_array().into_iter().flatten();
        Ok(Self {
            licences: strings(&rules["licenses"]["allow"]).map(ToOwned::to_owned).collect(),
            one_version: banned
                .filter(|ban| ban["deny-multiple-versions"] == true)
                .map(|ban| text(ban, "crate").to_owned())
                .collect(),
        })
    }

    /// What is wrong with the packages that are not ours.
    pub(super) fn complaints(&self, metadata: &Value) -> Vec<String> {
        let mut found = Vec::new();
        let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let packages = metadata["packages"].as_array().into_iter().flatten();
        for package in packages.filter(|package| !package["source"].is_null()) {
            let (name, licence) = (text(package, "name"), text(package, "license"));
            versions.entry(name).or_default().insert(text(package, "version"));
            if text(package, "source").starts_with("git+") {
                found.push(format!("`{name}` comes from git; take it from the registry"));
            }
            if !self.allows(licence) {
                let problem = format!("the licence `{licence}` of `{name}` is not in deny.toml");
                found.push(problem);
            }
        }
        for name in &self.one_version {
            if let Some(several) = versions.get(name.as_str()).filter(|it| it.len() > 1) {
                found.push(format!("there are several versions of `{name}`: {several:?}"));
            }
        }
        found
    }

    /// Whether a licence expression can be met with allowed licences alone.
    fn allows(&self, expression: &str) -> bool {
        let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let spaced = spaced.replace(" WITH ", "-WITH-");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut place = 0;
        let allowed = self.any_of(&words, &mut place);
        allowed && place == words.len()
    }

    fn any_of(&self, words: &[&str], place: &mut usize) -> bool {
        let mut allowed = self.all_of(words, place);
        while words.get(*place) == Some(&"OR") {
            *place += 1;
            allowed |= self.all_of(words, place);
        }
        allowed
    }

    fn all_of(&self, words: &[&str], place: &mut usize) -> bool {
        let mut allowed = self.one(words, place);
        while words.get(*place) == Some(&"AND") {
            *place += 1;
            allowed &= self.one(words, place);
        }
        allowed
    }

    fn one(&self, words: &[&str], place: &mut usize) -> bool {
        let Some(word) = words.get(*place) else { return false };
        *place += 1;
        if *word != "(" {
            return self.licences.iter().any(|it| *it == word.replace("-WITH-", " WITH "));
        }
        let allowed = self.any_of(words, place);
        *place += 1;
        allowed
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Rules;

    fn rules() -> Rules {
        let licences = ["MIT", "Apache-2.0", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"];
        Rules {
            licences: licences.map(str::to_owned).to_vec(),
            one_version: vec!["arrow".to_owned()],
        }
    }

    #[test]
    fn licences_may_be_chosen() {
        let rules = rules();
        for fine in [
            "MIT OR GPL-3.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "MIT/GPL-3.0",
            "GPL-3.0 AND MIT OR Apache-2.0",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert!(rules.allows(fine), "{fine}");
        }
        for bad in ["GPL-3.0", "", "MIT AND GPL-3.0", "(MIT OR Apache-2.0) AND GPL-3.0", "MIT)"] {
            assert!(!rules.allows(bad), "{bad}");
        }
    }

    #[test]
    fn planted_violations_are_found() {
        let package = |version, source, licence| json!({"name": "arrow", "version": version, "source": source, "license": licence});
        let found = |packages: Vec<serde_json::Value>| {
            rules().complaints(&json!({ "packages": packages })).join("\n")
        };
        let (registry, git) = ("registry+https://x", "git+https://x");
        assert_eq!(found(vec![package("59.0.0", registry, "MIT")]), "");
        assert!(found(vec![package("59.0.0", git, "MIT")]).contains("comes from git"));
        assert!(found(vec![package("59.0.0", registry, "GPL-3.0")]).contains("`GPL-3.0`"));
        let two = vec![package("59.0.0", registry, "MIT"), package("60.0.0", registry, "MIT")];
        assert!(found(two).contains("several versions of `arrow`"));
    }

    #[test]
    fn the_file_of_the_repository_can_be_read() {
        let rules = Rules::load().unwrap();
        assert!(rules.allows("MIT") && !rules.allows("GPL-3.0"));
        assert!(rules.one_version.contains(&"datafusion".to_owned()));
    }
}
