//! A question in SQL.
//!
//! Columns of tables are called by their places, `c0`, so that no name of a user is repeated, cut
//! or folded; expected rows have `e0` and so on, values of upstreams `v0_0`, hashes of fields `f0`.

use std::collections::BTreeSet;

use arrow::datatypes::DataType;
use metalith_store::{FieldHash, HashPart, Question, Stored, Upstream};

use super::{
    Declined, condition,
    current::{Side, UPDATED_AT, Versions, check_key},
};
use crate::{
    dialect::{Computes, Dialect},
    quote,
    table::SqlTable,
};

pub(super) const DATA_VERSION_BY_FIELD: &str = "metaxy_data_version_by_field";
const PROVENANCE: &str = "metaxy_provenance";

/// A column of a table, by its place.
pub(super) fn column(place: usize) -> String {
    format!("c{place}")
}

/// Named parts of a statement.
#[derive(Default)]
pub(super) struct Parts(Vec<(String, String)>);

impl Parts {
    /// Adds a part, and returns its name.
    pub(super) fn add(&mut self, name: String, query: String) -> String {
        self.0.push((name.clone(), query));
        name
    }

    fn then(self, query: &str) -> String {
        let parts = self.0.into_iter().map(|(name, query)| format!("{name} AS (\n  {query}\n)"));
        format!("WITH {}\n{query}", parts.collect::<Vec<_>>().join(",\n"))
    }
}

/// What writes the statements of a question.
pub(super) struct Writer<'a> {
    question: &'a Question,
    dialect: &'static dyn Dialect,
    computes: &'static dyn Computes,
    /// One for each upstream.
    upstreams: Vec<Side<'a>>,
    stored: Option<(Side<'a>, &'a Stored)>,
}

impl<'a> Writer<'a> {
    /// For a question about these tables: those of the upstreams, then that of the feature.
    pub(super) fn new(
        question: &'a Question,
        (dialect, computes): (&'static dyn Dialect, &'static dyn Computes),
        tables: &'a [SqlTable],
    ) -> Result<Self, Declined> {
        let keys: Vec<&str> =
            question.columns.iter().take(question.keys).map(|it| it.name().as_str()).collect();
        let upstreams = question.upstreams.iter().zip(tables);
        let upstreams = upstreams.map(|(upstream, table)| side_of(upstream, table, &keys));
        let upstreams = upstreams.collect::<Result<Vec<_>, _>>()?;
        let stored = match (&question.stored, tables.last()) {
            (Some(stored), Some(table)) => Some((side_stored(stored, table)?, stored)),
            _ => None,
        };
        for field in question.columns.iter().take(question.keys) {
            check_key(field.name(), field.data_type())?;
        }
        let writer = Self { question, dialect, computes, upstreams, stored };
        for side in writer.sides() {
            side.check(dialect)?;
        }
        Ok(writer)
    }

    /// Every table that is read.
    pub(super) fn sides(&self) -> impl Iterator<Item = &Side<'a>> {
        self.upstreams.iter().chain(self.stored.iter().map(|(side, _)| side))
    }

    /// The statement that finds new, stale and orphaned rows: what a row is, the columns of expected
    /// rows with their hashes, the columns of orphaned ones.
    pub(super) fn increment(&self) -> Result<String, Declined> {
        let mut parts = Parts::default();
        let expected = self.expected(("now", Versions::Current), &mut parts)?;
        let hashes = (0..self.question.fields.len()).map(|at| format!("x.f{at}"));
        let columns = (0..self.question.columns.len()).map(|at| format!("x.e{at}"));
        let columns: Vec<String> = columns.chain(hashes).chain(["x.whole".to_owned()]).collect();
        let columns = columns.join(", ");
        let Some((_, stored)) = &self.stored else {
            return Ok(parts.then(&format!("SELECT 0 AS kind, {columns} FROM {expected} AS x")));
        };
        let held = self.held(&mut parts)?;
        let shown = stored.shown.iter().map(|place| format!(", s.{}", column(*place)));
        let shown: String = shown.collect();
        let (on, keyed) = (self.same_keys("x", "s"), self.keys_are_there("s"));
        Ok(parts.then(&format!(
            "SELECT CASE WHEN s.held IS NULL THEN 0 WHEN x.wanted IS NULL THEN 2 ELSE 1 END AS kind, \
             {columns}{shown}\n\
             FROM (SELECT *, 1 AS wanted FROM {expected}) AS x\n\
             FULL JOIN (SELECT *, 1 AS held FROM {held}) AS s ON {on}\n\
             WHERE s.held IS NULL OR (x.wanted IS NULL AND {keyed}) OR (x.wanted IS NOT NULL AND \
             (s.provenance IS NULL OR s.stale OR x.whole <> s.provenance))"
        )))
    }

    /// The statement that finds those of the orphaned rows which some version of the upstreams has.
    pub(super) fn waiting(&self) -> Result<Option<String>, Declined> {
        let Some((_, stored)) = &self.stored else { return Ok(None) };
        let mut parts = Parts::default();
        let expected = self.expected(("now", Versions::Current), &mut parts)?;
        let ever = self.expected(("ever", Versions::Any), &mut parts)?;
        let held = self.held(&mut parts)?;
        let shown = stored.shown.iter().map(|place| format!("s.{}", column(*place)));
        let shown = shown.collect::<Vec<_>>().join(", ");
        let (now, then) = (self.same_keys("x", "s"), self.same_keys("y", "s"));
        Ok(Some(parts.then(&format!(
            "SELECT {shown} FROM {held} AS s WHERE {}\n\
             AND NOT EXISTS (SELECT 1 FROM {expected} AS x WHERE {now})\n\
             AND EXISTS (SELECT 1 FROM {ever} AS y WHERE {then})",
            self.keys_are_there("s")
        ))))
    }

    /// The keys are equal. As everywhere, NULL is not equal to NULL.
    fn same_keys(&self, expected: &str, held: &str) -> String {
        let keys = self.stored.iter().flat_map(|(_, stored)| &stored.keys).enumerate();
        let same = keys.map(|(at, place)| format!("{expected}.e{at} = {held}.{}", column(*place)));
        same.collect::<Vec<_>>().join(" AND ")
    }

    fn keys_are_there(&self, held: &str) -> String {
        let keys = self.stored.iter().flat_map(|(_, stored)| &stored.keys);
        let there = keys.map(|place| format!("{held}.{} IS NOT NULL", column(*place)));
        there.collect::<Vec<_>>().join(" AND ")
    }

    /// The stored rows, with their provenance and whether they are stale whatever it is.
    fn held(&self, parts: &mut Parts) -> Result<String, Declined> {
        let Some((side, stored)) = &self.stored else {
            return Err(Declined("nothing is stored".to_owned()));
        };
        let current = side.add(self.dialect, ("held", Versions::Current), parts)?;
        let conditions = stored.stale_if.iter().map(|it| condition::sql(self.dialect, it));
        let conditions = conditions.collect::<Result<Vec<_>, _>>()?;
        let stale = match conditions.is_empty() {
            true => "FALSE".to_owned(),
            false => format!("COALESCE({}, FALSE)", conditions.join(" OR ")),
        };
        let provenance = column(place_of(side.table, PROVENANCE)?);
        if !stored.collapse {
            return Ok(parts.add(
                "held".to_owned(),
                format!("SELECT *, {provenance} AS provenance, {stale} AS stale FROM {current}"),
            ));
        }
        let marked = parts.add(
            "held_marked".to_owned(),
            format!("SELECT *, {provenance} AS provenance, {stale} AS is_stale FROM {current}"),
        );
        let keys: Vec<String> = stored.keys.iter().map(|it| column(*it)).collect();
        let keys = keys.join(", ");
        // As everywhere, what has no time is older than what has one.
        let order = [place_of(side.table, UPDATED_AT)?].into_iter().chain(side.rows.ids.clone());
        let order = order.map(|it| format!("{} DESC NULLS LAST", column(it)));
        let order = order.collect::<Vec<_>>().join(", ");
        let of_keys = parts.add(
            "held_of_keys".to_owned(),
            format!(
                "SELECT *, BOOL_OR(is_stale) OVER (PARTITION BY {keys}) AS stale, ROW_NUMBER() OVER \
                 (PARTITION BY {keys} ORDER BY {order}) AS newest FROM {marked}"
            ),
        );
        Ok(parts.add("held".to_owned(), format!("SELECT * FROM {of_keys} WHERE newest = 1")))
    }

    /// The expected rows.
    fn expected(
        &self,
        (name, versions): (&str, Versions),
        parts: &mut Parts,
    ) -> Result<String, Declined> {
        let mut joined: Option<Joined> = None;
        for at in 0..self.upstreams.len() {
            let ready = self.ready((&format!("{name}{at}"), versions), at, parts)?;
            joined = Some(match joined {
                None => self.first(ready),
                Some(left) => self.join(left, (ready, at), &format!("{name}_joined{at}"), parts)?,
            });
        }
        let joined = joined.ok_or_else(|| Declined("a root has no upstreams".to_owned()))?;
        let columns = self.question.columns.iter().map(|field| {
            let from = joined.columns.iter().find(|(name, _)| name == field.name());
            from.map(|(_, expr)| expr.clone())
        });
        let columns: Option<Vec<String>> = columns.collect();
        let columns = columns.ok_or_else(|| Declined("a column is of no upstream".to_owned()))?;
        let columns = columns.iter().enumerate().map(|(at, it)| format!("{it} AS e{at}, "));
        let columns: String = columns.collect();
        let fields = self.question.fields.iter().map(|it| self.field(it));
        let fields = fields.collect::<Result<Vec<_>, _>>()?;
        let fields = fields.iter().enumerate().map(|(at, it)| format!("{it} AS f{at}"));
        let fields = fields.collect::<Vec<_>>().join(", ");
        let hashed = parts.add(
            format!("{name}_hashed"),
            format!("SELECT {columns}{fields} FROM {}", joined.part),
        );
        let order: Vec<String> = self.question.order.iter().map(|at| format!("f{at}")).collect();
        let texts = order.iter().flat_map(|it| ["'|'".to_owned(), it.clone()]).skip(1);
        let texts: Vec<String> = texts.collect();
        let whole = self.hash(&self.computes.joined(&texts, &order))?;
        Ok(parts
            .add(format!("{name}_expected"), format!("SELECT *, {whole} AS whole FROM {hashed}")))
    }

    fn hash(&self, text: &str) -> Result<String, Declined> {
        super::hash(self.dialect, self.computes, self.question.hash, text)
    }

    /// The hash of a field. A part that is NULL makes it NULL.
    fn field(&self, field: &FieldHash) -> Result<String, Declined> {
        let (mut parts, mut values) = (Vec::new(), Vec::new());
        let mut text = String::new();
        for (at, part) in field.parts.iter().enumerate() {
            if at > 0 {
                text.push('|');
            }
            let value = match part {
                HashPart::Text(more) => {
                    text.push_str(more);
                    continue;
                }
                HashPart::Value(upstream, value) => {
                    let value = format!("v{upstream}_{value}");
                    values.push(value.clone());
                    value
                }
                HashPart::OptionalValue(upstream, value) => {
                    format!("COALESCE(v{upstream}_{value}, '')")
                }
            };
            parts.push(quote::text(&std::mem::take(&mut text)));
            parts.push(value);
        }
        if !text.is_empty() {
            parts.push(quote::text(&text));
        }
        self.hash(&self.computes.joined(&parts, &values))
    }

    /// An upstream up to the join: `d` and a place for the columns that go on, and values.
    fn ready(
        &self,
        (name, versions): (&str, Versions),
        at: usize,
        parts: &mut Parts,
    ) -> Result<Ready, Declined> {
        let (side, upstream) = (&self.upstreams[at], &self.question.upstreams[at]);
        let current = side.add(self.dialect, (name, versions), parts)?;
        let own = upstream.conditions.iter().map(|it| condition::sql(self.dialect, it));
        let own = own.collect::<Result<Vec<_>, _>>()?;
        let which = match own.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", own.join(" AND ")),
        };
        let columns: Vec<(String, String)> =
            upstream.columns.iter().map(|(at, name)| (name.clone(), format!("d{at}"))).collect();
        let columns_sql =
            upstream.columns.iter().map(|(at, _)| format!("{} AS d{at}", column(*at)));
        let values = upstream.values.iter().enumerate();
        let values = values.map(|(value, member)| {
            Ok(format!("{} AS v{at}_{value}", self.member(side.table, member)?))
        });
        let values = values.collect::<Result<Vec<_>, Declined>>()?;
        let all: Vec<String> = columns_sql.chain(values).collect();
        let query = format!("SELECT {} FROM {current}{which}", all.join(", "));
        let ready = Ready { part: parts.add(format!("{name}_ready"), query), columns };
        match &upstream.group {
            Some(on) => self.grouped((ready, name), at, on, parts),
            None => Ok(ready),
        }
    }

    /// The value of a field among the data versions; NULL where the table has none.
    fn member(&self, table: &SqlTable, member: &str) -> Result<String, Declined> {
        let place = place_of(table, DATA_VERSION_BY_FIELD)?;
        let DataType::Struct(members) = table.columns.field(place).data_type() else {
            return Err(Declined(format!("the versions of `{}` are no struct", table.feature)));
        };
        let text = self.dialect.storage(&DataType::Utf8).map(|it| it.sql).unwrap_or_default();
        match members.find(member) {
            None => Ok(format!("CAST(NULL AS {text})")),
            Some((_, field)) if *field.data_type() == DataType::Utf8 => {
                Ok(self.computes.member(&column(place), member))
            }
            Some(_) => Err(Declined(format!("versions of `{}` are no texts", table.feature))),
        }
    }

    /// Gives every row the hashes of its group's values.
    fn grouped(
        &self,
        (ready, name): (Ready, &str),
        at: usize,
        on: &[String],
        parts: &mut Parts,
    ) -> Result<Ready, Declined> {
        let upstream = &self.question.upstreams[at];
        let keys = on.iter().map(|it| ready.column(it)).collect::<Result<Vec<_>, _>>()?;
        let order =
            upstream.ids.iter().map(|id| Ok(format!("{} ASC NULLS FIRST", ready.column(id)?)));
        let order = order.collect::<Result<Vec<_>, Declined>>()?.join(", ");
        let values = (0..upstream.values.len()).map(|value| {
            let value = format!("v{at}_{value}");
            let joined = format!(
                "string_agg({value}, '|' ORDER BY {order}) FILTER (WHERE {value} IS NOT NULL)"
            );
            Ok(format!("{} AS {value}", self.hash(&format!("COALESCE({joined}, '')"))?))
        });
        let values = values.collect::<Result<Vec<_>, Declined>>()?;
        let columns = keys.iter().cloned().chain(values).collect::<Vec<_>>().join(", ");
        let groups = parts.add(
            format!("{name}_groups"),
            format!("SELECT {columns} FROM {} GROUP BY {}", ready.part, keys.join(", ")),
        );
        let mut same = Vec::new();
        for (key, name) in keys.iter().zip(on) {
            // NULL is a group like others. Said in this way, a hash join can be used.
            let of = self.side_type(at, name)?;
            let no_key = if of == DataType::Utf8 { "''" } else { "0" };
            check_key(name, &of)?;
            same.push(format!("COALESCE(r.{key}, {no_key}) = COALESCE(g.{key}, {no_key})"));
            same.push(format!("(r.{key} IS NULL) = (g.{key} IS NULL)"));
        }
        let columns = ready.columns.iter().map(|(_, it)| format!("r.{it}"));
        let values = (0..upstream.values.len()).map(|value| format!("g.v{at}_{value}"));
        let all = columns.chain(values).collect::<Vec<_>>().join(", ");
        let part = parts.add(
            format!("{name}_grouped"),
            format!(
                "SELECT {all} FROM {} AS r JOIN {groups} AS g ON {}",
                ready.part,
                same.join(" AND ")
            ),
        );
        Ok(Ready { part, columns: ready.columns })
    }

    fn side_type(&self, at: usize, name: &str) -> Result<DataType, Declined> {
        let columns = &self.question.upstreams[at].columns;
        let place = columns.iter().find(|(_, new)| new == name).map(|(place, _)| *place);
        let place = place.ok_or_else(|| Declined(format!("`{name}` does not go on")))?;
        Ok(self.upstreams[at].table.columns.field(place).data_type().clone())
    }

    fn first(&self, ready: Ready) -> Joined {
        Joined { part: ready.part, columns: ready.columns, values: 1 }
    }

    fn join(
        &self,
        left: Joined,
        (right, at): (Ready, usize),
        name: &str,
        parts: &mut Parts,
    ) -> Result<Joined, Declined> {
        let all_optional = self.question.upstreams.iter().all(|it| it.optional);
        let kind = match self.question.upstreams[at].optional {
            false => "INNER",
            true if all_optional => "FULL",
            true => "LEFT",
        };
        let keys = &self.question.columns[..self.question.keys];
        let is_key = |name: &String| keys.iter().any(|key| key.name() == name);
        let (mut on, mut selected, mut columns) = (Vec::new(), Vec::new(), Vec::new());
        for (number, key) in keys.iter().enumerate() {
            let (l, r) = (left.column(key.name())?, right.column(key.name())?);
            on.push(format!("l.{l} = r.{r}"));
            selected.push(match kind {
                "FULL" => format!("COALESCE(l.{l}, r.{r}) AS k{number}"),
                _ => format!("l.{l} AS k{number}"),
            });
            columns.push((key.name().clone(), format!("k{number}")));
        }
        let lefts = left.columns.iter().filter(|(name, _)| !is_key(name));
        let lefts = lefts.map(|(name, from)| (name, format!("l.{from}")));
        let is_new = |name: &String| !left.columns.iter().any(|(known, _)| known == name);
        let rights = right.columns.iter().filter(|(name, _)| is_new(name));
        let rights = rights.map(|(name, from)| (name, format!("r.{from}")));
        for (number, (name, from)) in lefts.chain(rights).enumerate() {
            selected.push(format!("{from} AS j{number}"));
            columns.push((name.clone(), format!("j{number}")));
        }
        for upstream in 0..=at {
            let side = if upstream < left.values { "l" } else { "r" };
            let values = 0..self.question.upstreams[upstream].values.len();
            selected.extend(values.map(|value| format!("{side}.v{upstream}_{value}")));
        }
        let part = parts.add(
            name.to_owned(),
            format!(
                "SELECT {} FROM {} AS l {kind} JOIN {} AS r ON {}",
                selected.join(", "),
                left.part,
                right.part,
                on.join(" AND ")
            ),
        );
        Ok(Joined { part, columns, values: at + 1 })
    }
}

/// An upstream that can be joined: its part, and what its columns are called there.
struct Ready {
    part: String,
    columns: Vec<(String, String)>,
}

/// Upstreams that are joined.
struct Joined {
    part: String,
    columns: Vec<(String, String)>,
    /// How many upstreams these are.
    values: usize,
}

fn called(columns: &[(String, String)], name: &str) -> Result<String, Declined> {
    let found = columns.iter().find(|(known, _)| known == name);
    found.map(|(_, it)| it.clone()).ok_or_else(|| Declined(format!("`{name}` does not go on")))
}

impl Ready {
    fn column(&self, name: &str) -> Result<String, Declined> {
        called(&self.columns, name)
    }
}

impl Joined {
    fn column(&self, name: &str) -> Result<String, Declined> {
        called(&self.columns, name)
    }
}

fn place_of(table: &SqlTable, name: &str) -> Result<usize, Declined> {
    let missing = |_| Declined(format!("`{}` has no `{name}`", table.feature));
    table.columns.index_of(name).map_err(missing)
}

fn side_of<'a>(
    upstream: &'a Upstream,
    table: &'a SqlTable,
    keys: &[&str],
) -> Result<Side<'a>, Declined> {
    let mut computed = condition::columns(&upstream.conditions);
    let grouped = upstream.group.iter().flatten().chain(&upstream.ids).map(String::as_str);
    let compared: BTreeSet<&str> = grouped.chain(keys.iter().copied()).collect();
    let places = upstream.columns.iter().filter(|(_, name)| compared.contains(name.as_str()));
    computed.extend(places.map(|(place, _)| *place));
    if !upstream.values.is_empty() {
        computed.insert(place_of(table, DATA_VERSION_BY_FIELD)?);
    }
    let carried = upstream.columns.iter().map(|(place, _)| *place).collect();
    Ok(Side { rows: &upstream.rows, table, carried, computed })
}

fn side_stored<'a>(stored: &'a Stored, table: &'a SqlTable) -> Result<Side<'a>, Declined> {
    let mut computed = condition::columns(&stored.stale_if);
    computed.extend(&stored.keys);
    let provenance = place_of(table, PROVENANCE)?;
    if *table.columns.field(provenance).data_type() != DataType::Utf8 {
        return Err(Declined(format!("the provenance of `{}` is no text", table.feature)));
    }
    computed.insert(provenance);
    let carried = stored.shown.iter().copied().collect();
    Ok(Side { rows: &stored.rows, table, carried, computed })
}
