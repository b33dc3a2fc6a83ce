//! From a name as written to a column.

use std::collections::BTreeSet;

use metalith_base::nearest;

use super::{Column, Schema};
use crate::{print::show_names, types::Type};

/// A column, and the exact names of members below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) index: usize,
    pub(crate) members: Vec<(String, Type)>,
}

/// Why a name is not one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Column { advice: Option<String> },
    Member { advice: Option<String> },
    Ambiguous { candidates: Vec<String>, advice: String },
}

/// How many names a hint lists.
const LISTED: usize = 12;

type Same = fn(&str, &str) -> bool;

impl Schema {
    /// Exact names win; otherwise case does not matter as long as one column answers.
    pub(crate) fn resolve(&self, names: &[String]) -> Result<Found, Missing> {
        let insensitive: Same = |a, b| a.to_lowercase() == b.to_lowercase();
        for same in [str::eq as Same, insensitive] {
            let mut found = self.matching(names, same);
            match (found.pop(), found.is_empty()) {
                (None, _) => {}
                (Some(only), true) => return Ok(only),
                (Some(last), false) => {
                    found.push(last);
                    return Err(self.ambiguous(&found));
                }
            }
        }
        // A dot that is part of the name itself need not be quoted.
        let joined = names.join(".");
        match self.columns().iter().position(|it| names.len() > 1 && it.name == joined) {
            Some(index) => Ok(Found { index, members: Vec::new() }),
            None => Err(self.missing(names)),
        }
    }

    fn matching(&self, names: &[String], same: Same) -> Vec<Found> {
        let mut found = Vec::new();
        for (index, column) in self.columns().iter().enumerate() {
            if let ([table, name, rest @ ..], Some(own)) = (names, &column.table)
                && same(own, table)
                && same(&column.name, name)
            {
                found.extend(descend(column, rest, same).map(|members| Found { index, members }));
            }
            if let [name, rest @ ..] = names
                && same(&column.name, name)
            {
                found.extend(descend(column, rest, same).map(|members| Found { index, members }));
            }
        }
        found
    }

    fn ambiguous(&self, found: &[Found]) -> Missing {
        let shown: Vec<_> = found.iter().map(|it| format!("`{}`", self.shown(it))).collect();
        let distinct: BTreeSet<_> = shown.iter().collect();
        if distinct.len() == shown.len() {
            let advice = format!("write {}", shown.join(" or "));
            return Missing::Ambiguous { candidates: shown, advice };
        }
        // What is written alike has to be told apart in words.
        let described = found.iter().map(|it| {
            let Column { table, name, .. } = &self.columns()[it.index];
            match (it.members.last(), table) {
                (Some((member, _)), _) => format!("member `{member}` of column `{name}`"),
                (None, Some(table)) => format!("column `{name}` of table `{table}`"),
                (None, None) => format!("column `{name}`, number {}", it.index + 1),
            }
        });
        let candidates = described.collect();
        Missing::Ambiguous { candidates, advice: "rename one of them".to_owned() }
    }

    /// How a found column is written without doubt.
    fn shown(&self, found: &Found) -> String {
        let column = &self.columns()[found.index];
        let members = found.members.iter().map(|(name, _)| name.as_str());
        let names: Vec<_> = column
            .table
            .as_deref()
            .into_iter()
            .chain([column.name.as_str()])
            .chain(members)
            .collect();
        show_names(&names)
    }

    fn missing(&self, names: &[String]) -> Missing {
        if let [owner @ .., last] = names
            && !owner.is_empty()
            && let Ok(found) = self.resolve(owner)
        {
            return Missing::Member { advice: self.member_advice(&found, last) };
        }
        let qualified: Vec<_> = self
            .columns()
            .iter()
            .flat_map(|it| {
                let plain = show_names(&[&it.name]);
                let full = it.table.as_ref().map(|table| show_names(&[table, &it.name]));
                [Some(plain), full]
            })
            .flatten()
            .collect();
        let near = nearest(&show_names(names), qualified.iter().map(String::as_str));
        let advice = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None if self.columns().is_empty() => "there are no columns here".to_owned(),
            None => {
                let known = self.columns().iter().enumerate();
                let known =
                    known.map(|(index, _)| self.shown(&Found { index, members: Vec::new() }));
                format!("known columns are {}", listed(known.collect()))
            }
        };
        Missing::Column { advice: Some(advice) }
    }

    fn member_advice(&self, owner: &Found, name: &str) -> Option<String> {
        let owner_type = match owner.members.last() {
            Some((_, data_type)) => data_type,
            None => &self.columns()[owner.index].data_type,
        };
        let Type::Struct(members) = owner_type else {
            let shown = self.shown(owner);
            return Some(format!("`{shown}` is {} and has no members", owner_type.described()));
        };
        let names = || members.iter().map(|(name, _)| name.as_str());
        Some(match nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let known = names().map(|it| show_names(&[it])).collect();
                format!("known members are {}", listed(known))
            }
        })
    }
}

/// The members on the way down; nothing when there is no such way.
fn descend(column: &Column, names: &[String], same: Same) -> Option<Vec<(String, Type)>> {
    let mut path = Vec::new();
    let mut data_type = &column.data_type;
    for wanted in names {
        let Type::Struct(members) = data_type else { return None };
        let exact = members.iter().find(|(name, _)| name == wanted);
        let (name, member) = exact.or(members.iter().find(|(name, _)| same(name, wanted)))?;
        path.push((name.clone(), member.clone()));
        data_type = member;
    }
    Some(path)
}

fn listed(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(LISTED);
    names.truncate(LISTED);
    let names: Vec<_> = names.iter().map(|it| format!("`{it}`")).collect();
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    names.join(", ") + &tail
}
