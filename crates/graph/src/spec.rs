//! What a user declares.

use std::{collections::BTreeMap, time::Duration};

use indexmap::IndexMap;
use metalith_base::{FeatureKey, FieldKey};

use crate::SampleObjects;

/// The code version of a field that declares none.
pub const DEFAULT_CODE_VERSION: &str = "__metaxy_initial__";

/// A feature: a versioned table of samples.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureSpec {
    /// Its name.
    pub key: FeatureKey,
    /// The columns that identify a sample.
    pub id_columns: Vec<String>,
    /// The logical parts of a sample's data.
    pub fields: Vec<FieldSpec>,
    /// What samples are computed from.
    pub deps: Vec<FeatureDep>,
    /// Stored objects that samples name.
    pub objects: Vec<SampleObjects>,
    /// A boolean column by which a sample says whether it counts: the latest row decides, and false
    /// is a soft deletion.
    pub active: Option<String>,
    /// Anything a user wants to keep with the feature.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// What it is, for people.
    pub description: Option<String>,
}

/// A logical part of a sample's data, with a version of the code that makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// Its name within the feature.
    pub key: FieldKey,
    /// Changes when the code does.
    pub code_version: String,
    /// The upstream fields it is computed from.
    pub deps: FieldDeps,
}

impl FieldSpec {
    /// A field with the default code version and parents by mapping.
    pub fn named(key: FieldKey) -> Self {
        Self { key, code_version: DEFAULT_CODE_VERSION.to_owned(), deps: FieldDeps::Mapped }
    }
}

/// The upstream fields that a field is computed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldDeps {
    /// By the fields mapping of each dep of the feature.
    Mapped,
    /// Every field of every dep.
    All,
    /// Exactly these.
    These(Vec<FieldDep>),
}

/// Fields of one upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDep {
    /// The upstream, which must be a dep of the feature.
    pub feature: FeatureKey,
    /// Which of its fields.
    pub fields: DepFields,
}

/// Which fields of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DepFields {
    /// All of them.
    All,
    /// These.
    These(Vec<FieldKey>),
}

/// An upstream of a feature, and how its rows are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureDep {
    /// The upstream.
    pub feature: FeatureKey,
    /// Columns to take, by their new names; `None` for all. Ids are always taken.
    pub select: Option<Vec<String>>,
    /// New names of columns by their old ones.
    pub rename: IndexMap<String, String>,
    /// Conditions on the upstream's rows, on new names.
    pub filters: Vec<String>,
    /// How fields find their parents in the upstream.
    pub fields_mapping: FieldsMapping,
    /// How samples correspond.
    pub lineage: Lineage,
    /// Whether a sample may be computed without it.
    pub optional: bool,
    /// What happens to a sample when the upstream's sample that it refers to is deleted.
    pub on_delete: OnDelete,
}

/// What happens to a sample when what it refers to is deleted. The names are those of SQL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnDelete {
    /// It goes too, if the deletion takes along what is downstream; otherwise nothing happens.
    #[default]
    AsAsked,
    /// It goes too, whatever was asked for.
    Cascade,
    /// The deletion is refused, unless the sample goes for another reason.
    Restrict {
        /// Only samples that meet this condition refuse; it may name columns of another upstream.
        when: Option<String>,
        /// The column that names the sample in messages, instead of its ids.
        label: Option<String>,
    },
    /// The columns that refer to what is gone become NULL.
    SetNull,
    /// Nothing, whatever was asked for.
    NoAction,
}

impl FeatureDep {
    /// A dep on a feature, with everything as it is by default.
    pub fn on(feature: FeatureKey) -> Self {
        Self {
            feature,
            select: None,
            rename: IndexMap::new(),
            filters: Vec::new(),
            fields_mapping: FieldsMapping::default(),
            lineage: Lineage::Identity,
            optional: false,
            on_delete: OnDelete::default(),
        }
    }
}

/// How the fields of a feature find their parents in an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldsMapping {
    /// The field of the same key; if there is none, all fields.
    Default {
        /// Also one whose key ends with the field's.
        match_suffix: bool,
        /// Upstream fields that do not count.
        exclude_fields: Vec<FieldKey>,
    },
    /// Given per field.
    Specific(BTreeMap<FieldKey, Vec<FieldKey>>),
    /// All fields.
    All,
    /// No field.
    None,
}

impl Default for FieldsMapping {
    fn default() -> Self {
        Self::Default { match_suffix: false, exclude_fields: Vec::new() }
    }
}

/// How samples of an upstream correspond to samples of the feature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lineage {
    /// One to one.
    Identity,
    /// Many to one.
    Aggregation {
        /// The columns that make a group; the feature's ids if not given.
        on: Option<Vec<String>>,
    },
    /// One to many.
    Expansion {
        /// The columns that name the parent.
        on: Vec<String>,
        /// A note on how child ids are made. Kept, never used.
        id_generation_pattern: Option<String>,
    },
}

/// A feature as part of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureDefinition {
    /// The project that owns it.
    pub project: String,
    /// What it is.
    pub spec: FeatureSpec,
    /// Set when another project writes it.
    pub external: Option<External>,
    /// How long its samples are kept.
    pub retention: Retention,
    /// Where it was declared, for messages, e.g. `features.toml:12`.
    pub origin: Option<String>,
    /// The class that declares it, if a program does.
    pub class: Option<DeclaringClass>,
}

/// A class that declares a feature. It changes no version that samples are computed by: it is kept
/// with recorded graphs, for programs that read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaringClass {
    /// By which it is imported, e.g. `media.features.Video`.
    pub path: String,
    /// Its columns in their order, as the text of a JSON schema.
    pub schema: String,
}

/// How long samples are kept. It changes no version: it is about the store, not about what samples
/// are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// How long deleted samples can be restored; then they go for good. `None`: for ever.
    pub keep_deleted: Option<Duration>,
    /// When samples are deleted by themselves.
    pub expire: Option<Expiry>,
    /// Rows of how many feature versions are kept, the newest ones. `None`: of all.
    pub keep_versions: Option<u32>,
}

/// When samples are deleted by themselves: so long after the time in a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// How long after.
    pub after: Duration,
    /// A column with times. A sample without one never expires.
    pub column: String,
}

/// What is known of a feature that another project writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct External {
    /// Versions that stand verbatim for those of its fields.
    pub provenance_by_field: BTreeMap<FieldKey, String>,
    /// Where it comes from.
    pub source: Option<String>,
}
