//! A graph drawn: as text, for Mermaid, for Graphviz.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _};

use metalith_base::FeatureKey;

use crate::{Feature, FeatureGraph, Lineage};

/// What a drawing shows.
#[derive(Clone, Debug, Default)]
pub struct RenderOptions {
    /// Feature, code and field versions.
    pub versions: bool,
    /// To how many characters versions are shortened for the eye; `None` shows them whole.
    pub version_length: Option<usize>,
    /// Only these features, and deps between them; `None` for all.
    pub only: Option<Vec<FeatureKey>>,
}

impl RenderOptions {
    fn shows(&self, key: &FeatureKey) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(key))
    }

    fn version<'a>(&self, version: &'a str) -> &'a str {
        self.version_length.and_then(|length| version.get(..length)).unwrap_or(version)
    }
}

/// As lines of text, one feature after another in topological order.
pub fn render_text(graph: &FeatureGraph, options: &RenderOptions) -> String {
    let mut out = String::new();
    for feature in shown(graph, options) {
        let version = match options.versions {
            true => format!("  {}", options.version(feature.feature_version())),
            false => String::new(),
        };
        let external = if feature.is_external() { "  (external)" } else { "" };
        line(&mut out, &format!("{}{version}{external}", feature.key()));
        line(
            &mut out,
            &format!("  ids     {}", on_one_line(&feature.spec().id_columns.join(", "))),
        );
        for field in &feature.spec().fields {
            let version = match feature.field_versions().get(&field.key) {
                Some(version) if options.versions => {
                    format!("  {}", on_one_line(options.version(version)))
                }
                _ => String::new(),
            };
            line(&mut out, &format!("  field   {}{version}", field.key));
        }
        for dep in &feature.spec().deps {
            let optional = if dep.optional { ", optional" } else { "" };
            let lineage = lineage(&dep.lineage);
            let lineage = on_one_line(&lineage);
            line(&mut out, &format!("  from    {} ({lineage}{optional})", dep.feature));
        }
    }
    out
}

/// As a Mermaid flowchart.
pub fn render_mermaid(graph: &FeatureGraph, options: &RenderOptions) -> String {
    let mut out = "flowchart TD\n".to_owned();
    let features: Vec<&Feature> = shown(graph, options).collect();
    let places = features.iter().enumerate().map(|(index, it)| (it.key(), index));
    let places: BTreeMap<&FeatureKey, usize> = places.collect();
    for (index, feature) in features.iter().enumerate() {
        let label = label(feature, options, "<br/>");
        // Keys and hashes only: nothing in it needs escaping.
        line(&mut out, &format!("    n{index}[\"{label}\"]"));
    }
    for (index, feature) in features.iter().enumerate() {
        for dep in &feature.spec().deps {
            let Some(from) = places.get(&dep.feature) else { continue };
            let arrow = if dep.optional { "-.->" } else { "-->" };
            let label = lineage(&dep.lineage);
            let label = mermaid_label(&label);
            line(&mut out, &format!("    n{from} {arrow}|{label}| n{index}"));
        }
    }
    out
}

/// As a Graphviz digraph.
pub fn render_dot(graph: &FeatureGraph, options: &RenderOptions) -> String {
    let mut out = "digraph features {\n    node [shape=box];\n".to_owned();
    let quoted = dot_text;
    for feature in shown(graph, options) {
        let label = quoted(&label(feature, options, "\n"));
        line(&mut out, &format!("    {} [label={label}];", quoted(feature.key().as_str())));
    }
    for feature in shown(graph, options) {
        for dep in feature.spec().deps.iter().filter(|dep| options.shows(&dep.feature)) {
            let (from, to) = (quoted(dep.feature.as_str()), quoted(feature.key().as_str()));
            let style = if dep.optional { ", style=dashed" } else { "" };
            let label = quoted(&lineage(&dep.lineage));
            line(&mut out, &format!("    {from} -> {to} [label={label}{style}];"));
        }
    }
    out.push_str("}\n");
    out
}

fn shown<'a>(
    graph: &'a FeatureGraph,
    options: &'a RenderOptions,
) -> impl Iterator<Item = &'a Feature> {
    graph.features().filter(|feature| options.shows(feature.key()))
}

fn label(feature: &Feature, options: &RenderOptions, line_break: &str) -> String {
    let mut lines = vec![feature.key().to_string()];
    if options.versions {
        lines.push(options.version(feature.feature_version()).to_owned());
    }
    let fields: Vec<&str> = feature.spec().fields.iter().map(|it| it.key.as_str()).collect();
    lines.push(fields.join(", "));
    lines.join(line_break)
}

fn lineage(lineage: &Lineage) -> String {
    match lineage {
        Lineage::Identity => "1:1".to_owned(),
        Lineage::Aggregation { on: None } => "N:1".to_owned(),
        Lineage::Aggregation { on: Some(on) } => format!("N:1 on {}", on.join(", ")),
        Lineage::Expansion { on, .. } => format!("1:N on {}", on.join(", ")),
    }
}

/// A label of an arrow. Columns may be called anything, marks of Mermaid's included.
fn mermaid_label(text: &str) -> Cow<'_, str> {
    if text.chars().all(|it| it.is_ascii_alphanumeric() || " _:,.".contains(it)) {
        return Cow::Borrowed(text);
    }
    let mut quoted = "\"".to_owned();
    for character in text.chars() {
        match character {
            ' ' | '_' | ':' | ',' | '.' | '-' => quoted.push(character),
            _ if character.is_alphanumeric() => quoted.push(character),
            _ => quoted.push_str(&format!("#{};", u32::from(character))),
        }
    }
    quoted.push('"');
    Cow::Owned(quoted)
}

/// A text in Graphviz.
pub(crate) fn dot_text(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{text}\"")
}

/// Text as it is, unless it holds marks that would break the line.
fn on_one_line(text: &str) -> Cow<'_, str> {
    match text.contains(char::is_control) {
        true => Cow::Owned(text.escape_debug().to_string()),
        false => Cow::Borrowed(text),
    }
}

pub(crate) fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    writeln!(out, "{text}").ok();
}
