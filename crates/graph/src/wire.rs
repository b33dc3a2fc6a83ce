//! The JSON form of specs and graphs.
//!
//! A spec has the shape in which the reference system stores it, so that either can read what the
//! other recorded. Wire types are separate from the domain's: the one is a contract, the other not.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use metalith_base::{FeatureKey, FieldKey, KeyError};
use serde::{Deserialize, Serialize};

use crate::{
    ObjectName, SampleObjects,
    spec::{
        DEFAULT_CODE_VERSION, DepFields, FeatureDep, FeatureSpec, FieldDep, FieldDeps, FieldSpec,
        FieldsMapping, Lineage, OnDelete,
    },
};

/// What stands for all fields of all deps.
const ALL: &str = "__METAXY_ALL_DEP__";

/// Reads a spec from its JSON form.
pub fn spec_from_wire(json: &serde_json::Value) -> Result<FeatureSpec, serde_json::Error> {
    WireSpec::deserialize(json).and_then(FeatureSpec::try_from)
}

/// Writes a spec in its JSON form.
pub fn spec_to_wire(spec: &FeatureSpec) -> serde_json::Value {
    // Maps with text keys and no floats from outside JSON: there is nothing that could fail.
    serde_json::to_value(WireSpec::from(spec)).unwrap_or(serde_json::Value::Null)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSpec {
    key: WireKey<FeatureKey>,
    id_columns: Vec<String>,
    #[serde(default)]
    deps: Vec<WireDep>,
    #[serde(default)]
    fields: Vec<WireField>,
    /// Metalith's own; left out when there are none, so that other systems can read the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    objects: Vec<WireObjects>,
    /// Metalith's own as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    active: Option<String>,
    #[serde(default)]
    metadata: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    description: Option<String>,
}

/// A key, as text or as a list of parts; it is written as text.
#[derive(Clone, Serialize)]
#[serde(transparent)]
struct WireKey<K>(K);

/// A key that is written as a list of parts.
#[derive(Clone)]
struct Parts(FieldKey);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a key: text, or a list of its parts")]
enum TextOrParts {
    Text(String),
    Parts(Vec<String>),
}

impl TextOrParts {
    fn joined(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => parts.join("/"),
        }
    }
}

impl<'de, K: std::str::FromStr<Err = KeyError>> Deserialize<'de> for WireKey<K> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = TextOrParts::deserialize(deserializer)?.joined();
        text.parse().map(WireKey).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Parts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        WireKey::deserialize(deserializer).map(|key| Self(key.0))
    }
}

impl Serialize for Parts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.parts())
    }
}

#[derive(Serialize, Deserialize)]
struct WireField {
    key: WireKey<FieldKey>,
    #[serde(default = "default_code_version")]
    code_version: String,
    #[serde(default)]
    deps: SpecialOr<Vec<WireFieldDep>>,
}

fn default_code_version() -> String {
    DEFAULT_CODE_VERSION.to_owned()
}

/// Either the text that stands for all, or what is listed.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a list, or `__METAXY_ALL_DEP__` for all")]
enum SpecialOr<T> {
    All(AllMark),
    These(T),
}

/// The text that stands for all. Another text is refused: taken for all, it would change versions.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct AllMark;

impl TryFrom<String> for AllMark {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == ALL { Ok(Self) } else { Err(format!("`{text}` is not `{ALL}`")) }
    }
}

impl From<AllMark> for String {
    fn from(_: AllMark) -> Self {
        ALL.to_owned()
    }
}

impl<T: Default> Default for SpecialOr<T> {
    fn default() -> Self {
        Self::These(T::default())
    }
}

#[derive(Serialize, Deserialize)]
struct WireFieldDep {
    feature: WireKey<FeatureKey>,
    fields: SpecialOr<Vec<WireKey<FieldKey>>>,
}

#[derive(Serialize, Deserialize)]
struct WireDep {
    feature: WireKey<FeatureKey>,
    #[serde(default)]
    select: Option<Vec<String>>,
    #[serde(default)]
    rename: Option<IndexMap<String, String>>,
    #[serde(default)]
    fields_mapping: Holding<WireMapping>,
    #[serde(default, alias = "filters")]
    sql_filters: Option<Vec<String>>,
    #[serde(default)]
    lineage: Related,
    #[serde(default)]
    optional: bool,
    /// Metalith's own; left out when it is as by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_delete: Option<WireOnDelete>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireOnDelete {
    Cascade,
    Restrict { when: Option<String>, label: Option<String> },
    SetNull,
    NoAction,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireObjects {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    when: Option<String>,
    size: Option<String>,
    owned: bool,
}

#[derive(Serialize, Deserialize, Default)]
struct Holding<T> {
    mapping: T,
}

#[derive(Serialize, Deserialize, Default)]
struct Related {
    relationship: WireLineage,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum WireMapping {
    Default {
        #[serde(default)]
        match_suffix: bool,
        #[serde(default)]
        exclude_fields: Vec<Parts>,
    },
    Specific {
        mapping: BTreeMap<FieldKey, Vec<Parts>>,
    },
    All,
    None,
}

impl Default for WireMapping {
    fn default() -> Self {
        Self::Default { match_suffix: false, exclude_fields: Vec::new() }
    }
}

#[derive(Serialize, Deserialize, Default)]
#[serde(tag = "type")]
enum WireLineage {
    #[default]
    #[serde(rename = "1:1")]
    Identity,
    #[serde(rename = "N:1")]
    Aggregation {
        #[serde(default)]
        on: Option<Vec<String>>,
    },
    #[serde(rename = "1:N")]
    Expansion {
        on: Vec<String>,
        #[serde(default)]
        id_generation_pattern: Option<String>,
    },
}

impl TryFrom<WireSpec> for FeatureSpec {
    type Error = serde_json::Error;

    fn try_from(wire: WireSpec) -> Result<Self, serde_json::Error> {
        let objects = wire.objects.into_iter().map(SampleObjects::try_from);
        Ok(Self {
            objects: objects.collect::<Result<_, _>>()?,
            active: wire.active,
            key: wire.key.0,
            id_columns: wire.id_columns,
            fields: wire.fields.into_iter().map(Into::into).collect(),
            deps: wire.deps.into_iter().map(Into::into).collect(),
            metadata: wire.metadata,
            description: wire.description,
        })
    }
}

impl From<&FeatureSpec> for WireSpec {
    fn from(spec: &FeatureSpec) -> Self {
        Self {
            key: WireKey(spec.key.clone()),
            id_columns: spec.id_columns.clone(),
            deps: spec.deps.iter().map(Into::into).collect(),
            fields: spec.fields.iter().map(Into::into).collect(),
            objects: spec.objects.iter().map(Into::into).collect(),
            active: spec.active.clone(),
            metadata: spec.metadata.clone(),
            description: spec.description.clone(),
        }
    }
}

impl From<WireField> for FieldSpec {
    fn from(wire: WireField) -> Self {
        let deps = match wire.deps {
            SpecialOr::All(AllMark) => FieldDeps::All,
            SpecialOr::These(deps) if deps.is_empty() => FieldDeps::Mapped,
            SpecialOr::These(deps) => FieldDeps::These(deps.into_iter().map(Into::into).collect()),
        };
        Self { key: wire.key.0, code_version: wire.code_version, deps }
    }
}

impl From<&FieldSpec> for WireField {
    fn from(field: &FieldSpec) -> Self {
        let deps = match &field.deps {
            FieldDeps::All => SpecialOr::All(AllMark),
            FieldDeps::Mapped => SpecialOr::These(Vec::new()),
            FieldDeps::These(deps) => SpecialOr::These(deps.iter().map(Into::into).collect()),
        };
        Self { key: WireKey(field.key.clone()), code_version: field.code_version.clone(), deps }
    }
}

impl From<WireFieldDep> for FieldDep {
    fn from(wire: WireFieldDep) -> Self {
        let fields = match wire.fields {
            SpecialOr::All(AllMark) => DepFields::All,
            SpecialOr::These(fields) => {
                DepFields::These(fields.into_iter().map(|it| it.0).collect())
            }
        };
        Self { feature: wire.feature.0, fields }
    }
}

impl From<&FieldDep> for WireFieldDep {
    fn from(dep: &FieldDep) -> Self {
        let fields = match &dep.fields {
            DepFields::All => SpecialOr::All(AllMark),
            DepFields::These(fields) => {
                SpecialOr::These(fields.iter().cloned().map(WireKey).collect())
            }
        };
        Self { feature: WireKey(dep.feature.clone()), fields }
    }
}

impl From<WireDep> for FeatureDep {
    fn from(wire: WireDep) -> Self {
        Self {
            feature: wire.feature.0,
            select: wire.select,
            rename: wire.rename.unwrap_or_default(),
            filters: wire.sql_filters.unwrap_or_default(),
            fields_mapping: wire.fields_mapping.mapping.into(),
            lineage: match wire.lineage.relationship {
                WireLineage::Identity => Lineage::Identity,
                WireLineage::Aggregation { on } => Lineage::Aggregation { on },
                WireLineage::Expansion { on, id_generation_pattern } => {
                    Lineage::Expansion { on, id_generation_pattern }
                }
            },
            optional: wire.optional,
            on_delete: wire.on_delete.map(Into::into).unwrap_or_default(),
        }
    }
}

impl From<&FeatureDep> for WireDep {
    fn from(dep: &FeatureDep) -> Self {
        let relationship = match dep.lineage.clone() {
            Lineage::Identity => WireLineage::Identity,
            Lineage::Aggregation { on } => WireLineage::Aggregation { on },
            Lineage::Expansion { on, id_generation_pattern } => {
                WireLineage::Expansion { on, id_generation_pattern }
            }
        };
        Self {
            feature: WireKey(dep.feature.clone()),
            select: dep.select.clone(),
            rename: (!dep.rename.is_empty()).then(|| dep.rename.clone()),
            fields_mapping: Holding { mapping: (&dep.fields_mapping).into() },
            sql_filters: (!dep.filters.is_empty()).then(|| dep.filters.clone()),
            lineage: Related { relationship },
            optional: dep.optional,
            on_delete: WireOnDelete::of(&dep.on_delete),
        }
    }
}

impl From<WireOnDelete> for OnDelete {
    fn from(wire: WireOnDelete) -> Self {
        match wire {
            WireOnDelete::Cascade => Self::Cascade,
            WireOnDelete::Restrict { when, label } => Self::Restrict { when, label },
            WireOnDelete::SetNull => Self::SetNull,
            WireOnDelete::NoAction => Self::NoAction,
        }
    }
}

impl WireOnDelete {
    fn of(action: &OnDelete) -> Option<Self> {
        match action.clone() {
            OnDelete::AsAsked => None,
            OnDelete::Cascade => Some(Self::Cascade),
            OnDelete::Restrict { when, label } => Some(Self::Restrict { when, label }),
            OnDelete::SetNull => Some(Self::SetNull),
            OnDelete::NoAction => Some(Self::NoAction),
        }
    }
}

impl TryFrom<WireObjects> for SampleObjects {
    type Error = serde_json::Error;

    fn try_from(wire: WireObjects) -> Result<Self, serde_json::Error> {
        let refuse = |message: String| <serde_json::Error as serde::de::Error>::custom(message);
        let named_by = match (wire.column, wire.template) {
            (Some(column), None) => ObjectName::Column(column),
            (None, Some(template)) => match template.parse() {
                Ok(parsed) => ObjectName::Template(parsed),
                Err(problem) => return Err(refuse(format!("`{template}`: {problem}"))),
            },
            (None, None) | (Some(_), Some(_)) => {
                return Err(refuse("objects need a `column` or a `template`".to_owned()));
            }
        };
        Ok(Self { named_by, when: wire.when, size: wire.size, owned: wire.owned })
    }
}

impl From<&SampleObjects> for WireObjects {
    fn from(objects: &SampleObjects) -> Self {
        let (column, template) = match &objects.named_by {
            ObjectName::Column(column) => (Some(column.clone()), None),
            ObjectName::Template(template) => (None, Some(template.to_string())),
        };
        Self {
            column,
            template,
            when: objects.when.clone(),
            size: objects.size.clone(),
            owned: objects.owned,
        }
    }
}

fn keys(parts: Vec<Parts>) -> Vec<FieldKey> {
    parts.into_iter().map(|it| it.0).collect()
}

fn parts(keys: &[FieldKey]) -> Vec<Parts> {
    keys.iter().cloned().map(Parts).collect()
}

impl From<WireMapping> for FieldsMapping {
    fn from(wire: WireMapping) -> Self {
        match wire {
            WireMapping::Default { match_suffix, exclude_fields } => {
                Self::Default { match_suffix, exclude_fields: keys(exclude_fields) }
            }
            WireMapping::Specific { mapping } => {
                Self::Specific(mapping.into_iter().map(|(key, it)| (key, keys(it))).collect())
            }
            WireMapping::All => Self::All,
            WireMapping::None => Self::None,
        }
    }
}

impl From<&FieldsMapping> for WireMapping {
    fn from(mapping: &FieldsMapping) -> Self {
        match mapping {
            FieldsMapping::Default { match_suffix, exclude_fields } => {
                Self::Default { match_suffix: *match_suffix, exclude_fields: parts(exclude_fields) }
            }
            FieldsMapping::Specific(mapping) => Self::Specific {
                mapping: mapping.iter().map(|(key, it)| (key.clone(), parts(it))).collect(),
            },
            FieldsMapping::All => Self::All,
            FieldsMapping::None => Self::None,
        }
    }
}
