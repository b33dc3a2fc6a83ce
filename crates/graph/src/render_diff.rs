//! The difference of two graphs drawn: as text, for Mermaid, for Graphviz.

use std::collections::{BTreeMap, BTreeSet};

use metalith_base::FeatureKey;

use crate::{
    FeatureGraph,
    diff::{ChangeKind, FieldChange, GraphDiff, Reason},
    render::{dot_text, line},
};

/// Two graphs with what differs between them.
#[derive(Clone, Copy, Debug)]
pub struct DrawnDiff<'a> {
    /// The older graph.
    pub old: &'a FeatureGraph,
    /// The newer graph.
    pub new: &'a FeatureGraph,
    /// What differs.
    pub diff: &'a GraphDiff,
}

/// As lines of text: what differs, and why.
pub fn render_diff_text(diff: &GraphDiff) -> String {
    if diff.is_empty() {
        return "nothing differs\n".to_owned();
    }
    let mut out = String::new();
    for feature in &diff.features {
        let versions = match (&feature.old_version, &feature.new_version) {
            (Some(old), Some(new)) if old == new => format!("{}, same version", short(old)),
            (Some(old), Some(new)) => format!("{} -> {}", short(old), short(new)),
            (Some(version), None) | (None, Some(version)) => short(version).to_owned(),
            (None, None) => String::new(),
        };
        line(&mut out, &format!("{} {}  {versions}", sign(feature.change), feature.key));
        for field in &feature.fields {
            let mut why: Vec<String> = field.reasons.iter().map(|it| it.text()).collect();
            let causes = field.causes.iter().map(ToString::to_string);
            let named = why.join(" ");
            let further: Vec<String> =
                causes.filter(|it| !named.contains(&format!("`{it}`"))).collect();
            if !further.is_empty() {
                why.push(format!("because of {}", further.join(", ")));
            }
            let why = if why.is_empty() { String::new() } else { format!("  {}", why.join("; ")) };
            line(&mut out, &format!("    {} field {}{why}", sign(field.change), field.key));
        }
        for part in &feature.declaration {
            line(&mut out, &format!("    ~ {part}"));
        }
    }
    out
}

/// As a Mermaid flowchart of both graphs: what came is green, what went is red, what has another
/// version is amber.
pub fn render_diff_mermaid(drawn: DrawnDiff<'_>) -> String {
    let mut out = "flowchart TD\n".to_owned();
    let features = drawn.features();
    let places: BTreeMap<&FeatureKey, usize> =
        features.iter().enumerate().map(|(index, key)| (*key, index)).collect();
    for (index, key) in features.iter().enumerate() {
        // Keys, hashes and words only: nothing in it needs escaping.
        let (label, class) = drawn.label(key, "<br/>");
        line(&mut out, &format!("    n{index}[\"{label}\"]:::{class}"));
    }
    for (from, to, change) in drawn.edges() {
        let (Some(from), Some(to)) = (places.get(from), places.get(to)) else { continue };
        let arrow = match change {
            None => "-->",
            Some(ChangeKind::Removed) => "-.->|removed|",
            Some(_) => "==>|added|",
        };
        line(&mut out, &format!("    n{from} {arrow} n{to}"));
    }
    for (class, colour) in CLASSES {
        line(&mut out, &format!("    classDef {class} fill:{colour},color:#000"));
    }
    out
}

/// As a Graphviz digraph of both graphs, in the same colours.
pub fn render_diff_dot(drawn: DrawnDiff<'_>) -> String {
    let mut out = "digraph features {\n    node [shape=box, style=filled];\n".to_owned();
    for key in drawn.features() {
        let (label, class) = drawn.label(key, "\n");
        let colour = CLASSES.iter().find(|(name, _)| *name == class).map_or("", |(_, it)| *it);
        let (name, label) = (dot_text(key.as_str()), dot_text(&label));
        line(&mut out, &format!("    {name} [label={label}, fillcolor=\"{colour}\"];"));
    }
    for (from, to, change) in drawn.edges() {
        let style = match change {
            None => "",
            Some(ChangeKind::Removed) => " [label=\"removed\", style=dashed]",
            Some(_) => " [label=\"added\", style=bold]",
        };
        let (from, to) = (dot_text(from.as_str()), dot_text(to.as_str()));
        line(&mut out, &format!("    {from} -> {to}{style};"));
    }
    out.push_str("}\n");
    out
}

const SAME: &str = "same";

/// What features can be, and their colours.
const CLASSES: [(&str, &str); 5] = [
    ("added", "#b7e4c7"),
    ("removed", "#f5b7b1"),
    ("changed", "#ffe08a"),
    ("declared", "#d6e4f0"),
    (SAME, "#ffffff"),
];

impl<'a> DrawnDiff<'a> {
    /// Every feature of both, in topological order of the newer graph; what is gone comes first.
    fn features(self) -> Vec<&'a FeatureKey> {
        let gone = self.old.features().map(|it| it.key());
        let gone = gone.filter(|key| self.new.feature(key).is_err());
        gone.chain(self.new.features().map(|it| it.key())).collect()
    }

    fn label(self, key: &FeatureKey, line_break: &str) -> (String, &'static str) {
        let Some(change) = self.diff.feature(key) else { return (key.to_string(), SAME) };
        let is_only_declared = change.change == ChangeKind::Changed && !change.has_new_version();
        let class = if is_only_declared { "declared" } else { change.change.name() };
        let mut lines = vec![key.to_string(), class.to_owned()];
        let fields = change.fields.iter().filter(|_| change.change == ChangeKind::Changed);
        lines.extend(fields.map(|it| format!("{} {}{}", sign(it.change), it.key, in_short(it))));
        (lines.join(line_break), class)
    }

    /// Deps of both, with what happened to those that only one has.
    fn edges(self) -> Vec<(&'a FeatureKey, &'a FeatureKey, Option<ChangeKind>)> {
        let (before, after) = (edges(self.old), edges(self.new));
        let all: BTreeSet<_> = before.union(&after).copied().collect();
        let change = |edge| match (before.contains(edge), after.contains(edge)) {
            (true, true) => None,
            (true, false) => Some(ChangeKind::Removed),
            (false, _) => Some(ChangeKind::Added),
        };
        all.iter().map(|edge| (edge.0, edge.1, change(edge))).collect()
    }
}

/// Why a field is another one, in keys and words only, so that nothing in it needs escaping.
fn in_short(field: &FieldChange) -> String {
    let mut why = Vec::new();
    for reason in &field.reasons {
        why.extend(match reason {
            Reason::Code { .. } => Some("code".to_owned()),
            Reason::Parents { .. } => Some("parents".to_owned()),
            Reason::Upstream(_) => None,
        });
    }
    why.extend(field.causes.iter().map(ToString::to_string));
    if why.is_empty() { String::new() } else { format!(" ({})", why.join(", ")) }
}

fn edges(graph: &FeatureGraph) -> BTreeSet<(&FeatureKey, &FeatureKey)> {
    let features = graph.features();
    features.flat_map(|it| it.spec().deps.iter().map(|dep| (&dep.feature, it.key()))).collect()
}

fn sign(change: ChangeKind) -> char {
    match change {
        ChangeKind::Added => '+',
        ChangeKind::Removed => '-',
        ChangeKind::Changed => '~',
    }
}

/// A version, shortened for the eye.
fn short(version: &str) -> &str {
    version.get(..12).unwrap_or(version)
}
