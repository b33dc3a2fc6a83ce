//! Features declared in files.
//!
//! ```toml
//! project = "media"
//!
//! [[features]]
//! key = "video/chunk"
//! id_columns = ["path", "chunk"]
//! fields = ["frames", { key = "audio", code_version = "2" }]
//! deps = [{ feature = "video/raw", lineage = { expansion = { on = ["path"] } } }]
//! ```

use std::{collections::BTreeMap, time::Duration};

use metalith_base::{Diagnostic as _, FeatureKey, FieldKey, KeyError, parse_age};
use metalith_document::{DocumentError, Format, Node, Problem, Table, Value, integer, parse, text};

use crate::{
    ObjectName, SampleObjects,
    spec::{
        DEFAULT_CODE_VERSION, DepFields, Expiry, External, FeatureDefinition, FeatureDep,
        FeatureSpec, FieldDep, FieldDeps, FieldSpec, FieldsMapping, Lineage, OnDelete, Retention,
    },
};

/// The project of features in files that name none.
const DEFAULT_PROJECT: &str = "default";

/// Reads the features of a file. Unknown keys are refused; `file` is how messages call it.
pub fn parse_features(
    file: &str,
    source: &str,
    format: Format,
) -> Result<Vec<FeatureDefinition>, DocumentError> {
    let tree = parse(file, source, format)?;
    let mut top = Table::new(file, &tree)?;
    let project = top.text("project")?.unwrap_or(DEFAULT_PROJECT).to_owned();
    let retention = retention(&mut top, &Retention::default())?;
    let features = top.list("features")?.unwrap_or_default();
    let features = features.iter().map(|node| feature(file, node, &project, &retention)).collect();
    top.finish()?;
    features
}

fn feature(
    file: &str,
    node: &Node,
    project: &str,
    of_file: &Retention,
) -> Result<FeatureDefinition, DocumentError> {
    let mut table = Table::new(file, node)?;
    let key = table.required("key")?;
    let key = feature_key(&table, key)?;
    table.required("id_columns")?;
    let id_columns = table.texts("id_columns")?.unwrap_or_default();
    let fields = table.list("fields")?.unwrap_or_default();
    let deps = table.list("deps")?.unwrap_or_default();
    let objects = table.list("objects")?.unwrap_or_default();
    let spec = FeatureSpec {
        key,
        id_columns,
        fields: fields.iter().map(|it| field(file, it)).collect::<Result<_, _>>()?,
        deps: deps.iter().map(|it| dep(file, it)).collect::<Result<_, _>>()?,
        objects: objects.iter().map(|it| sample_objects(file, it)).collect::<Result<_, _>>()?,
        active: table.text("active")?.map(str::to_owned),
        metadata: metadata(&mut table)?,
        description: table.text("description")?.map(str::to_owned),
    };
    let external = table.optional("external").map(|it| external(file, it)).transpose()?.flatten();
    let project = table.text("project")?.unwrap_or(project).to_owned();
    let retention = retention(&mut table, of_file)?;
    let origin = Some(format!("{file}:{}", node.span.line));
    table.finish()?;
    Ok(FeatureDefinition { project, spec, external, retention, origin, class: None })
}

/// How long samples are kept; what is not said is as for the whole file.
fn retention(outer: &mut Table<'_>, of_file: &Retention) -> Result<Retention, DocumentError> {
    let mut retention = of_file.clone();
    let Some(mut table) = outer.table("retention")? else { return Ok(retention) };
    if let Some(node) = table.optional("keep_deleted") {
        retention.keep_deleted = Some(age(&table, "keep_deleted", node)?);
    }
    if let Some(mut expire) = table.table("expire")? {
        let after = expire.required("after")?;
        let after = age(&expire, "after", after)?;
        let column = expire.required_text("column")?.to_owned();
        expire.finish()?;
        retention.expire = Some(Expiry { after, column });
    }
    if let Some(node) = table.optional("keep_versions") {
        let count = integer(table.file(), "keep_versions", node)?;
        let count = u32::try_from(count).ok().filter(|count| *count > 0);
        retention.keep_versions = Some(count.ok_or_else(|| {
            let message = "`keep_versions` must be 1 or more".to_owned();
            table.mistake(node, message, None)
        })?);
    }
    table.finish()?;
    Ok(retention)
}

fn age(table: &Table<'_>, key: &str, node: &Node) -> Result<Duration, DocumentError> {
    let given = text(table.file(), key, node)?;
    parse_age(given).map_err(|error| table.mistake(node, error.to_string(), None))
}

fn metadata(
    table: &mut Table<'_>,
) -> Result<serde_json::Map<String, serde_json::Value>, DocumentError> {
    table.table("metadata")?;
    match table.json("metadata")? {
        Some(serde_json::Value::Object(metadata)) => Ok(metadata),
        // The line before has refused what is not a table.
        _ => Ok(serde_json::Map::new()),
    }
}

fn external(file: &str, node: &Node) -> Result<Option<External>, DocumentError> {
    if let Value::Bool(is_external) = node.value {
        return Ok(is_external.then(External::default));
    }
    let mut table = Table::new(file, node)?;
    let mut external =
        External { source: table.text("source")?.map(str::to_owned), ..External::default() };
    if let Some(versions) = table.table("provenance_by_field")? {
        for entry in versions.entries() {
            let key = entry.key.parse().map_err(|it: KeyError| bad_key(file, &entry.node, &it))?;
            let version = text(file, &entry.key, &entry.node)?.to_owned();
            external.provenance_by_field.insert(key, version);
        }
    }
    table.finish()?;
    Ok(Some(external))
}

/// A key as text, or as a list of parts.
fn key_text(table: &Table<'_>, node: &Node) -> Result<String, DocumentError> {
    if let Value::List(parts) = &node.value {
        let parts = parts.iter().map(|part| text(table.file(), "key", part));
        return Ok(parts.collect::<Result<Vec<_>, _>>()?.join("/"));
    }
    text(table.file(), "key", node).map(str::to_owned)
}

fn feature_key(table: &Table<'_>, node: &Node) -> Result<FeatureKey, DocumentError> {
    key_text(table, node)?.parse().map_err(|error: KeyError| bad_key(table.file(), node, &error))
}

fn field_key(table: &Table<'_>, node: &Node) -> Result<FieldKey, DocumentError> {
    key_text(table, node)?.parse().map_err(|error: KeyError| bad_key(table.file(), node, &error))
}

fn field_keys(table: &Table<'_>, nodes: &[Node]) -> Result<Vec<FieldKey>, DocumentError> {
    nodes.iter().map(|node| field_key(table, node)).collect()
}

fn bad_key(file: &str, node: &Node, error: &KeyError) -> DocumentError {
    let hint = error.hint().map(Into::into);
    let problem = Problem::Value { message: error.to_string(), hint };
    DocumentError { file: file.to_owned(), span: node.span, problem }
}

/// A field by its key alone, or as a table.
fn field(file: &str, node: &Node) -> Result<FieldSpec, DocumentError> {
    if let Value::Text(key) = &node.value {
        let key = key.parse().map_err(|error: KeyError| bad_key(file, node, &error))?;
        return Ok(FieldSpec::named(key));
    }
    let mut table = Table::new(file, node)?;
    let key = table.required("key")?;
    let key = field_key(&table, key)?;
    let code_version = table.text("code_version")?.unwrap_or(DEFAULT_CODE_VERSION).to_owned();
    let deps = match table.optional("deps") {
        None => FieldDeps::Mapped,
        Some(node) => field_deps(&table, node)?,
    };
    table.finish()?;
    Ok(FieldSpec { key, code_version, deps })
}

fn field_deps(table: &Table<'_>, node: &Node) -> Result<FieldDeps, DocumentError> {
    if is_all(node) {
        return Ok(FieldDeps::All);
    }
    let Value::List(deps) = &node.value else {
        let message = "`deps` of a field must be \"ALL\" or a list".to_owned();
        let hint = "write e.g. `deps = [{ feature = \"video/raw\", fields = [\"audio\"] }]`";
        return Err(table.mistake(node, message, Some(hint.to_owned())));
    };
    if deps.is_empty() {
        return Ok(FieldDeps::Mapped);
    }
    let deps = deps.iter().map(|it| field_dep(table.file(), it));
    deps.collect::<Result<_, _>>().map(FieldDeps::These)
}

fn is_all(node: &Node) -> bool {
    matches!(&node.value, Value::Text(all) if all == "ALL")
}

fn field_dep(file: &str, node: &Node) -> Result<FieldDep, DocumentError> {
    let mut table = Table::new(file, node)?;
    let feature = table.required("feature")?;
    let feature = feature_key(&table, feature)?;
    let fields = match table.optional("fields") {
        None => DepFields::All,
        Some(node) if is_all(node) => DepFields::All,
        Some(Node { value: Value::List(fields), .. }) => {
            DepFields::These(field_keys(&table, fields)?)
        }
        Some(node) => {
            let message = "`fields` must be \"ALL\" or a list of field keys".to_owned();
            return Err(table.mistake(node, message, None));
        }
    };
    table.finish()?;
    Ok(FieldDep { feature, fields })
}

/// A dep by its key alone, or as a table.
fn dep(file: &str, node: &Node) -> Result<FeatureDep, DocumentError> {
    if let Value::Text(key) = &node.value {
        let key = key.parse().map_err(|error: KeyError| bad_key(file, node, &error))?;
        return Ok(FeatureDep::on(key));
    }
    let mut table = Table::new(file, node)?;
    let feature = table.required("feature")?;
    let mut dep = FeatureDep::on(feature_key(&table, feature)?);
    dep.select = table.texts("select")?;
    dep.rename = table.text_map("rename")?.into_iter().flatten().collect();
    dep.filters = table.texts("filters")?.unwrap_or_default();
    if let Some(node) = table.optional("fields_mapping") {
        dep.fields_mapping = fields_mapping(&table, node)?;
    }
    if let Some(node) = table.optional("lineage") {
        dep.lineage = lineage(&table, node)?;
    }
    dep.optional = table.flag("optional")?.unwrap_or(false);
    if let Some(node) = table.optional("on_delete") {
        dep.on_delete = on_delete(&table, node)?;
    }
    table.finish()?;
    Ok(dep)
}

/// An action by its name alone, or `restrict` with a condition and a label.
fn on_delete(outer: &Table<'_>, node: &Node) -> Result<OnDelete, DocumentError> {
    let hint = "write \"cascade\", \"restrict\", \"set_null\", \"no_action\", or \
                `{ restrict = { when = \"is_active\", label = \"name\" } }`";
    if let Value::Text(action) = &node.value {
        return match action.as_str() {
            "cascade" => Ok(OnDelete::Cascade),
            "restrict" => Ok(OnDelete::Restrict { when: None, label: None }),
            "set_null" => Ok(OnDelete::SetNull),
            "no_action" => Ok(OnDelete::NoAction),
            other => {
                let message = format!("`{other}` is no action on deletion");
                Err(outer.mistake(node, message, Some(hint.to_owned())))
            }
        };
    }
    let mut table = Table::new(outer.file(), node)?;
    let Some(mut restrict) = table.table("restrict")? else {
        table.finish()?;
        let message = "this is no action on deletion".to_owned();
        return Err(outer.mistake(node, message, Some(hint.to_owned())));
    };
    let when = restrict.text("when")?.map(str::to_owned);
    let label = restrict.text("label")?.map(str::to_owned);
    restrict.finish()?;
    table.finish()?;
    Ok(OnDelete::Restrict { when, label })
}

fn sample_objects(file: &str, node: &Node) -> Result<SampleObjects, DocumentError> {
    let mut table = Table::new(file, node)?;
    let column = table.text("column")?;
    let template = table.optional("template");
    let named_by = match (column, template) {
        (Some(column), None) => ObjectName::Column(column.to_owned()),
        (None, Some(template)) => {
            let given = text(file, "template", template)?;
            let parsed = given.parse().map_err(|problem: crate::TemplateProblem| {
                let message = format!("`{given}` is no template of an address: {problem}");
                let hint = "write e.g. `s3://bucket/synthetic/{dataset_id}/`";
                table.mistake(template, message, Some(hint.to_owned()))
            })?;
            ObjectName::Template(parsed)
        }
        (None, None) | (Some(_), Some(_)) => {
            let message = "objects are named by a `column` or by a `template`".to_owned();
            return Err(table.mistake(node, message, Some("give one of them".to_owned())));
        }
    };
    let objects = SampleObjects {
        named_by,
        when: table.text("when")?.map(str::to_owned),
        size: table.text("size")?.map(str::to_owned),
        owned: table.flag("owned")?.unwrap_or(true),
    };
    table.finish()?;
    Ok(objects)
}

fn fields_mapping(outer: &Table<'_>, node: &Node) -> Result<FieldsMapping, DocumentError> {
    if let Value::Text(kind) = &node.value {
        return match kind.as_str() {
            "default" => Ok(FieldsMapping::default()),
            "all" => Ok(FieldsMapping::All),
            "none" => Ok(FieldsMapping::None),
            other => Err(outer.mistake(
                node,
                format!("`{other}` is no fields mapping"),
                Some(
                    "write \"default\", \"all\", \"none\", or a table with `default` or `specific`"
                        .to_owned(),
                ),
            )),
        };
    }
    let mut table = Table::new(outer.file(), node)?;
    let (default, specific) = (table.table("default")?, table.table("specific")?);
    table.finish()?;
    match (default, specific) {
        (Some(mut options), None) => {
            let match_suffix = options.flag("match_suffix")?.unwrap_or(false);
            let exclude_fields = options.list("exclude_fields")?.unwrap_or_default();
            let exclude_fields = field_keys(&options, exclude_fields)?;
            options.finish()?;
            Ok(FieldsMapping::Default { match_suffix, exclude_fields })
        }
        (None, Some(fields)) => specific_mapping(&fields),
        (None, None) | (Some(_), Some(_)) => Err(outer.mistake(
            node,
            "a fields mapping is either `default` or `specific`".to_owned(),
            Some("leave one of them".to_owned()),
        )),
    }
}

fn specific_mapping(fields: &Table<'_>) -> Result<FieldsMapping, DocumentError> {
    let file = fields.file();
    let mut mapping = BTreeMap::new();
    for entry in fields.entries() {
        let key = entry.key.parse().map_err(|it: KeyError| bad_key(file, &entry.node, &it))?;
        let Value::List(parents) = &entry.node.value else {
            let message = format!("`{}` must be a list of field keys", entry.key);
            return Err(fields.mistake(&entry.node, message, None));
        };
        mapping.insert(key, field_keys(fields, parents)?);
    }
    Ok(FieldsMapping::Specific(mapping))
}

fn lineage(outer: &Table<'_>, node: &Node) -> Result<Lineage, DocumentError> {
    let expected = || {
        let hint = "write \"identity\", `{ aggregation = { on = [..] } }` or \
                    `{ expansion = { on = [..] } }`";
        outer.mistake(node, "this is no lineage".to_owned(), Some(hint.to_owned()))
    };
    if let Value::Text(kind) = &node.value {
        return match kind.as_str() {
            "identity" => Ok(Lineage::Identity),
            "aggregation" => Ok(Lineage::Aggregation { on: None }),
            _ => Err(expected()),
        };
    }
    let mut table = Table::new(outer.file(), node)?;
    let (aggregation, expansion) = (table.table("aggregation")?, table.table("expansion")?);
    let lineage = match (aggregation, expansion) {
        (Some(mut options), None) => {
            let on = options.texts("on")?;
            options.finish()?;
            Lineage::Aggregation { on }
        }
        (None, Some(mut options)) => {
            let on = options.texts("on")?.unwrap_or_default();
            let id_generation_pattern = options.text("id_generation_pattern")?.map(str::to_owned);
            options.finish()?;
            Lineage::Expansion { on, id_generation_pattern }
        }
        (None, None) | (Some(_), Some(_)) => {
            table.finish()?;
            return Err(expected());
        }
    };
    table.finish()?;
    Ok(lineage)
}
