//! A feature with everything that follows from its definition and its upstreams.

use std::collections::BTreeMap;

use metalith_base::{FeatureKey, FieldKey, QualifiedField};

use crate::{
    GraphError, HashLength, SpecProblem,
    python_json::python_json,
    spec::{
        DepFields, FeatureDefinition, FeatureDep, FeatureSpec, FieldDeps, FieldSpec, FieldsMapping,
        Lineage, OnDelete,
    },
    spec_to_wire,
    version::hash,
};

/// A feature with everything that follows from its definition and its upstreams.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    definition: FeatureDefinition,
    feature_version: String,
    feature_code_version: String,
    field_versions: BTreeMap<FieldKey, String>,
    parent_fields: BTreeMap<FieldKey, Vec<QualifiedField>>,
    join_keys: Vec<String>,
}

/// Finds an upstream, which is resolved already.
type Upstreams<'a> = dyn Fn(&FeatureKey) -> Option<&'a Feature> + 'a;

impl Feature {
    /// Its name.
    pub fn key(&self) -> &FeatureKey {
        &self.definition.spec.key
    }

    /// What was declared.
    pub fn spec(&self) -> &FeatureSpec {
        &self.definition.spec
    }

    /// What was declared, with project and place.
    pub fn definition(&self) -> &FeatureDefinition {
        &self.definition
    }

    /// Whether another project writes it.
    pub fn is_external(&self) -> bool {
        self.definition.external.is_some()
    }

    /// Whether its samples are records that people and jobs write, which refer to others by its
    /// deps and are not computed from them: `metadata = { "metalith/record" = true }`.
    pub fn is_record(&self) -> bool {
        self.spec().metadata.get("metalith/record") == Some(&serde_json::Value::Bool(true))
    }

    /// The version of its definition, that of its upstreams included.
    pub fn feature_version(&self) -> &str {
        &self.feature_version
    }

    /// The version of its own code alone.
    pub fn feature_code_version(&self) -> &str {
        &self.feature_code_version
    }

    /// The version of each field.
    pub fn field_versions(&self) -> &BTreeMap<FieldKey, String> {
        &self.field_versions
    }

    /// The version of everything that was declared, description, metadata and columns included: it
    /// changes when the feature version need not. The reference system computes the same.
    ///
    /// ```text
    /// H(H(spec as JSON), columns as JSON)
    /// ```
    pub fn definition_version(&self, length: HashLength) -> String {
        let spec = hash([python_json(&spec_to_wire(self.spec())).as_str()], length);
        let schema = self.definition.class.as_ref().map_or("{}", |class| class.schema.as_str());
        let sorted = serde_json::from_str(schema).map(|schema| python_json(&schema));
        hash([spec.as_str(), sorted.as_deref().unwrap_or(schema)], length)
    }

    /// The upstream fields that each field is computed from, by qualified name. Fields of a root
    /// have none and are not listed.
    pub fn parent_fields(&self) -> &BTreeMap<FieldKey, Vec<QualifiedField>> {
        &self.parent_fields
    }

    /// The columns on which upstreams are joined and compared with what is stored: those that all
    /// deps share by lineage, else the feature's ids. Empty for a root.
    pub fn join_keys(&self) -> &[String] {
        &self.join_keys
    }

    /// The columns in which its samples name those of an upstream, with what they are called there.
    ///
    /// They are the join keys, where these are columns that the dep's own lineage goes by. Features
    /// that link others have deps without a key in common; there each dep has its own.
    pub fn references(&self, dep: &FeatureDep, upstream: &Self) -> Vec<(String, String)> {
        let own = lineage_keys(self.spec(), dep, upstream.spec());
        let shared = self.join_keys.iter().all(|key| own.contains(key));
        let keys = if shared { self.join_keys.clone() } else { own };
        let stored = |key: &String| {
            let renamed = dep.rename.iter().find(|(_, new)| *new == key);
            renamed.map_or_else(|| key.clone(), |(stored, _)| stored.clone())
        };
        keys.into_iter().map(|key| (key.clone(), stored(&key))).collect()
    }

    /// The name of its table in a database.
    pub fn table_name(&self) -> String {
        self.key().table_name()
    }

    /// Refuses a dep that would set an id to NULL: a sample without an id is none.
    fn refuse_null_ids(&self, upstreams: &Upstreams<'_>) -> Result<(), GraphError> {
        let spec = self.spec();
        for dep in spec.deps.iter().filter(|dep| dep.on_delete == OnDelete::SetNull) {
            let Some(upstream) = upstreams(&dep.feature) else { continue };
            let references = self.references(dep, upstream);
            let id = references.into_iter().find(|(own, _)| spec.id_columns.contains(own));
            if let Some((column, _)) = id {
                let problem = SpecProblem::NullId { dep: dep.feature.clone(), column };
                let origin = self.definition.origin.clone();
                return Err(GraphError::Spec { feature: spec.key.clone(), problem, origin });
            }
        }
        Ok(())
    }

    /// Computes versions, parents and join keys; the upstreams must be resolved.
    pub(crate) fn resolve(
        definition: FeatureDefinition,
        upstreams: &Upstreams<'_>,
        length: HashLength,
    ) -> Result<Self, GraphError> {
        let spec = &definition.spec;
        let mut parent_fields = BTreeMap::new();
        let mut field_versions = BTreeMap::new();
        for field in &spec.fields {
            let parents = parents(&definition, field, upstreams)?;
            let given = definition.external.as_ref();
            let given = given.and_then(|it| it.provenance_by_field.get(&field.key));
            let version = match given {
                Some(version) => version.clone(),
                None => field_version(&spec.key, field, &parents, upstreams, length),
            };
            field_versions.insert(field.key.clone(), version);
            if !parents.is_empty() {
                parent_fields.insert(field.key.clone(), parents);
            }
        }
        let versions = field_versions.iter();
        let feature_version =
            hash(versions.flat_map(|(key, version)| [key.as_str(), version.as_str()]), length);
        let codes: BTreeMap<&str, &str> =
            spec.fields.iter().map(|it| (it.key.as_str(), it.code_version.as_str())).collect();
        let feature_code_version =
            hash(codes.into_iter().flat_map(|(key, code)| [key, code]), length);
        let join_keys = join_keys(spec, upstreams);
        let feature = Self {
            definition,
            feature_version,
            feature_code_version,
            field_versions,
            parent_fields,
            join_keys,
        };
        feature.refuse_null_ids(upstreams)?;
        Ok(feature)
    }
}

fn field_version(
    feature: &FeatureKey,
    field: &FieldSpec,
    parents: &[QualifiedField],
    upstreams: &Upstreams<'_>,
    length: HashLength,
) -> String {
    let name = format!("{feature}.{}", field.key);
    let versions = parents.iter().filter_map(|parent| {
        upstreams(&parent.feature)?.field_versions.get(&parent.field).map(String::as_str)
    });
    hash([name.as_str(), field.code_version.as_str()].into_iter().chain(versions), length)
}

/// The parent fields of a field, by qualified name.
fn parents(
    definition: &FeatureDefinition,
    field: &FieldSpec,
    upstreams: &Upstreams<'_>,
) -> Result<Vec<QualifiedField>, GraphError> {
    let spec = &definition.spec;
    let mut parents = Vec::new();
    match &field.deps {
        FieldDeps::All => {
            for dep in &spec.deps {
                parents.extend(all_fields(&dep.feature, upstreams));
            }
        }
        FieldDeps::These(deps) => {
            for dep in deps {
                match &dep.fields {
                    DepFields::All => parents.extend(all_fields(&dep.feature, upstreams)),
                    DepFields::These(fields) => {
                        parents.extend(these(&dep.feature, fields));
                    }
                }
            }
        }
        FieldDeps::Mapped => {
            for dep in &spec.deps {
                parents.extend(mapped(dep, field, upstreams));
            }
        }
    }
    if parents.is_empty() && !spec.deps.is_empty() {
        return Err(GraphError::NoParents {
            feature: spec.key.clone(),
            field: field.key.clone(),
            origin: definition.origin.clone(),
        });
    }
    if parents.len() > 1 {
        parents.sort_by_cached_key(ToString::to_string);
        parents.dedup();
    }
    Ok(parents)
}

fn all_fields(feature: &FeatureKey, upstreams: &Upstreams<'_>) -> Vec<QualifiedField> {
    let fields = upstreams(feature).into_iter().flat_map(|it| &it.spec().fields);
    fields
        .map(|field| QualifiedField { feature: feature.clone(), field: field.key.clone() })
        .collect()
}

/// Named fields of an upstream; that they exist has been checked.
fn these(feature: &FeatureKey, fields: &[FieldKey]) -> Vec<QualifiedField> {
    let qualified =
        |field: &FieldKey| QualifiedField { feature: feature.clone(), field: field.clone() };
    fields.iter().map(qualified).collect()
}

fn mapped(dep: &FeatureDep, field: &FieldSpec, upstreams: &Upstreams<'_>) -> Vec<QualifiedField> {
    match &dep.fields_mapping {
        FieldsMapping::All => all_fields(&dep.feature, upstreams),
        FieldsMapping::None => Vec::new(),
        FieldsMapping::Specific(mapping) => {
            these(&dep.feature, mapping.get(&field.key).map_or(&[][..], Vec::as_slice))
        }
        FieldsMapping::Default { match_suffix, exclude_fields } => {
            let mut rest = all_fields(&dep.feature, upstreams);
            rest.retain(|it| !exclude_fields.contains(&it.field));
            let suffix = format!("/{}", field.key);
            let matches = |it: &&QualifiedField| {
                it.field == field.key || (*match_suffix && it.field.as_str().ends_with(&suffix))
            };
            let matching: Vec<QualifiedField> = rest.iter().filter(matches).cloned().collect();
            if matching.is_empty() { rest } else { matching }
        }
    }
}

/// The columns by which the lineage of one dep goes, as the feature calls them.
fn lineage_keys(spec: &FeatureSpec, dep: &FeatureDep, upstream: &FeatureSpec) -> Vec<String> {
    match &dep.lineage {
        Lineage::Identity => {
            let ids = upstream.id_columns.iter();
            ids.map(|id| dep.rename.get(id).unwrap_or(id).clone()).collect()
        }
        Lineage::Aggregation { on: Some(on) } | Lineage::Expansion { on, .. } => on.clone(),
        Lineage::Aggregation { on: None } => spec.id_columns.clone(),
    }
}

fn join_keys(spec: &FeatureSpec, upstreams: &Upstreams<'_>) -> Vec<String> {
    let mut shared: Option<Vec<String>> = None;
    for dep in &spec.deps {
        let Some(upstream) = upstreams(&dep.feature) else { continue };
        let keys = lineage_keys(spec, dep, upstream.spec());
        shared = Some(match shared {
            None => keys,
            Some(shared) => shared.into_iter().filter(|key| keys.contains(key)).collect(),
        });
    }
    match shared {
        None => Vec::new(),
        Some(shared) if shared.is_empty() => spec.id_columns.clone(),
        Some(shared) => shared,
    }
}
