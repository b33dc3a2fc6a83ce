//! What changed between two graphs, and why.
//!
//! A field has another version because its own code version changed, because it is computed from
//! other fields, or because one that it is computed from changed. The last is followed to its
//! cause: [`FieldChange::causes`] names the fields whose own code or parents changed.

use std::collections::{BTreeMap, BTreeSet};

use metalith_base::{FeatureKey, FieldKey, QualifiedField};
use serde_json::{Value, json};

use crate::{Feature, FeatureGraph, spec_to_wire};

/// What changed between two graphs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphDiff {
    /// The version of the older graph.
    pub old_version: String,
    /// The version of the newer graph.
    pub new_version: String,
    /// Features that differ, upstreams before what is computed from them; those that are gone come
    /// first.
    pub features: Vec<FeatureChange>,
}

/// How a feature differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureChange {
    /// The feature.
    pub key: FeatureKey,
    /// Whether it came, went or stayed.
    pub change: ChangeKind,
    /// Its version in the older graph.
    pub old_version: Option<String>,
    /// Its version in the newer graph.
    pub new_version: Option<String>,
    /// Fields that differ, by key.
    pub fields: Vec<FieldChange>,
    /// Parts of the declaration that differ, such as `id_columns`. They alone change no version.
    pub declaration: Vec<String>,
}

/// How a field differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// The field.
    pub key: FieldKey,
    /// Whether it came, went or stayed.
    pub change: ChangeKind,
    /// Its version in the older graph.
    pub old_version: Option<String>,
    /// Its version in the newer graph.
    pub new_version: Option<String>,
    /// Why, for a field that stayed.
    pub reasons: Vec<Reason>,
    /// The fields upstream where it began, if it did not begin here.
    pub causes: Vec<QualifiedField>,
}

/// Whether something came, went or stayed and is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Only the newer graph has it.
    Added,
    /// Only the older graph has it.
    Removed,
    /// Both have it.
    Changed,
}

impl ChangeKind {
    /// The name, as doors show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }

    fn of(old: bool, new: bool) -> Self {
        match (old, new) {
            (false, _) => Self::Added,
            (true, false) => Self::Removed,
            (true, true) => Self::Changed,
        }
    }
}

/// Why a field has another version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its own code version is another one.
    Code {
        /// In the older graph.
        old: String,
        /// In the newer graph.
        new: String,
    },
    /// It is computed from other fields.
    Parents {
        /// Those that came.
        added: Vec<QualifiedField>,
        /// Those that went.
        removed: Vec<QualifiedField>,
    },
    /// A field that it is computed from changed.
    Upstream(QualifiedField),
}

impl GraphDiff {
    /// Compares two graphs.
    pub fn between(old: &FeatureGraph, new: &FeatureGraph) -> Self {
        let pair = Pair { old, new };
        let gone = old.features().map(Feature::key).filter(|key| new.feature(key).is_err());
        let stays = new.features().map(Feature::key);
        Self {
            old_version: old.snapshot_version().to_owned(),
            new_version: new.snapshot_version().to_owned(),
            features: gone.chain(stays).filter_map(|key| pair.feature(key)).collect(),
        }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    /// What is said about a feature, if it differs.
    pub fn feature(&self, key: &FeatureKey) -> Option<&FeatureChange> {
        self.features.iter().find(|it| it.key == *key)
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "old_version": self.old_version,
            "new_version": self.new_version,
            "features": self.features.iter().map(FeatureChange::to_json).collect::<Vec<_>>(),
        })
    }
}

impl FeatureChange {
    /// Whether it is under another version than before, so that its samples are to be computed
    /// anew, or carried over.
    pub fn has_new_version(&self) -> bool {
        self.change == ChangeKind::Changed && self.old_version != self.new_version
    }

    /// Why, in few words, each once.
    pub fn why(&self) -> Vec<String> {
        let mut why: Vec<String> = Vec::new();
        let mut upstream = BTreeSet::new();
        for field in &self.fields {
            match field.change {
                ChangeKind::Added => why.push(format!("field `{}` added", field.key)),
                ChangeKind::Removed => why.push(format!("field `{}` removed", field.key)),
                ChangeKind::Changed => {}
            }
            for reason in &field.reasons {
                match reason {
                    Reason::Upstream(_) => {}
                    own @ (Reason::Code { .. } | Reason::Parents { .. }) => {
                        why.push(format!("field `{}`: {}", field.key, own.text()));
                    }
                }
            }
            upstream.extend(&field.causes);
        }
        why.extend(upstream.into_iter().map(|cause| format!("upstream `{cause}`")));
        why.extend(self.declaration.iter().map(|part| format!("`{part}` declared otherwise")));
        why
    }

    fn to_json(&self) -> Value {
        json!({
            "key": self.key.as_str(),
            "change": self.change.name(),
            "old_version": self.old_version,
            "new_version": self.new_version,
            "why": self.why(),
            "declaration": self.declaration,
            "fields": self.fields.iter().map(FieldChange::to_json).collect::<Vec<_>>(),
        })
    }
}

impl FieldChange {
    fn to_json(&self) -> Value {
        let names = |fields: &[QualifiedField]| -> Vec<String> {
            fields.iter().map(ToString::to_string).collect()
        };
        let reasons = self.reasons.iter().map(|reason| match reason {
            Reason::Code { old, new } => json!({"kind": "code", "old": old, "new": new}),
            Reason::Parents { added, removed } => {
                json!({"kind": "parents", "added": names(added), "removed": names(removed)})
            }
            Reason::Upstream(field) => json!({"kind": "upstream", "field": field.to_string()}),
        });
        json!({
            "key": self.key.as_str(),
            "change": self.change.name(),
            "old_version": self.old_version,
            "new_version": self.new_version,
            "reasons": reasons.collect::<Vec<_>>(),
            "causes": names(&self.causes),
        })
    }
}

impl Reason {
    /// In few words.
    pub fn text(&self) -> String {
        let listed = |fields: &[QualifiedField], what: &str| match fields {
            [] => None,
            fields => {
                let names: Vec<String> = fields.iter().map(|it| format!("`{it}`")).collect();
                Some(format!("{what} computed from {}", names.join(", ")))
            }
        };
        match self {
            // Code versions are anybody's text.
            Self::Code { old, new } => {
                format!("code version {} -> {}", old.escape_debug(), new.escape_debug())
            }
            Self::Parents { added, removed } => {
                let parts = [listed(added, "now"), listed(removed, "no longer")];
                parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
            }
            Self::Upstream(field) => format!("upstream `{field}`"),
        }
    }
}

/// The graphs that are compared.
#[derive(Clone, Copy)]
struct Pair<'a> {
    old: &'a FeatureGraph,
    new: &'a FeatureGraph,
}

impl Pair<'_> {
    fn feature(self, key: &FeatureKey) -> Option<FeatureChange> {
        let (old, new) = (self.old.feature(key).ok(), self.new.feature(key).ok());
        let version = |feature: Option<&Feature>| feature.map(|it| it.feature_version().to_owned());
        let change = FeatureChange {
            key: key.clone(),
            change: ChangeKind::of(old.is_some(), new.is_some()),
            old_version: version(old),
            new_version: version(new),
            fields: self.fields(old, new),
            declaration: declaration(old, new),
        };
        let differs = change.change != ChangeKind::Changed
            || change.old_version != change.new_version
            || !change.declaration.is_empty();
        differs.then_some(change)
    }

    fn fields(self, old: Option<&Feature>, new: Option<&Feature>) -> Vec<FieldChange> {
        let versions = |feature: Option<&Feature>| -> BTreeMap<FieldKey, String> {
            feature.map(|it| it.field_versions().clone()).unwrap_or_default()
        };
        let (before, after) = (versions(old), versions(new));
        let keys: BTreeSet<&FieldKey> = before.keys().chain(after.keys()).collect();
        let mut changes = Vec::new();
        for key in keys {
            let (old_version, new_version) = (before.get(key).cloned(), after.get(key).cloned());
            if old_version == new_version {
                continue;
            }
            let mut change = FieldChange {
                key: key.clone(),
                change: ChangeKind::of(old_version.is_some(), new_version.is_some()),
                old_version,
                new_version,
                reasons: Vec::new(),
                causes: Vec::new(),
            };
            if let (Some(old), Some(new), ChangeKind::Changed) = (old, new, change.change) {
                change.reasons = self.reasons(old, new, key);
                let field = QualifiedField { feature: new.key().clone(), field: key.clone() };
                let mut causes = BTreeSet::new();
                self.follow(&field, &mut BTreeSet::new(), &mut causes);
                causes.remove(&field);
                change.causes = causes.into_iter().collect();
            }
            changes.push(change);
        }
        changes
    }

    fn reasons(self, old: &Feature, new: &Feature, key: &FieldKey) -> Vec<Reason> {
        let code = |feature: &Feature| {
            let fields = &feature.spec().fields;
            fields.iter().find(|it| it.key == *key).map(|it| it.code_version.clone())
        };
        let parents = |feature: &Feature| -> BTreeSet<QualifiedField> {
            feature.parent_fields().get(key).into_iter().flatten().cloned().collect()
        };
        let mut reasons = Vec::new();
        if let (Some(old), Some(new)) = (code(old), code(new))
            && old != new
        {
            reasons.push(Reason::Code { old, new });
        }
        let (before, after) = (parents(old), parents(new));
        if before != after {
            let added = after.difference(&before).cloned().collect();
            let removed = before.difference(&after).cloned().collect();
            reasons.push(Reason::Parents { added, removed });
        }
        let changed = before.intersection(&after).filter(|it| self.differs(it));
        reasons.extend(changed.cloned().map(Reason::Upstream));
        reasons
    }

    fn differs(self, field: &QualifiedField) -> bool {
        let version = |graph: &FeatureGraph| {
            let feature = graph.feature(&field.feature).ok()?;
            feature.field_versions().get(&field.field).cloned()
        };
        version(self.old) != version(self.new)
    }

    /// Goes up from a field that differs to those that do not differ because of others alone.
    fn follow(
        self,
        field: &QualifiedField,
        seen: &mut BTreeSet<QualifiedField>,
        causes: &mut BTreeSet<QualifiedField>,
    ) {
        let mut open = vec![field.clone()];
        while let Some(field) = open.pop() {
            if !seen.insert(field.clone()) {
                continue;
            }
            let features = (self.old.feature(&field.feature), self.new.feature(&field.feature));
            let (Ok(old), Ok(new)) = features else {
                causes.insert(field);
                continue;
            };
            let reasons = self.reasons(old, new, &field.field);
            let is_own = |reason: &Reason| !matches!(reason, Reason::Upstream(_));
            // An external field that differs gives no reason: it is the cause as far as is known.
            if reasons.is_empty() || reasons.iter().any(is_own) {
                causes.insert(field);
            }
            open.extend(reasons.into_iter().filter_map(|reason| match reason {
                Reason::Upstream(field) => Some(field),
                Reason::Code { .. } | Reason::Parents { .. } => None,
            }));
        }
    }
}

/// Parts of the declaration that differ, without fields, which have versions of their own.
fn declaration(old: Option<&Feature>, new: Option<&Feature>) -> Vec<String> {
    let (Some(old), Some(new)) = (old, new) else { return Vec::new() };
    let (old, new) = (spec_to_wire(old.spec()), spec_to_wire(new.spec()));
    let names = |spec: &Value| -> Vec<String> {
        spec.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    let mut all: BTreeSet<String> = names(&old).into_iter().collect();
    all.extend(names(&new));
    all.retain(|name| name != "fields" && old.get(name) != new.get(name));
    all.into_iter().collect()
}
