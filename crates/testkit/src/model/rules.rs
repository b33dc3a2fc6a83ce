//! The rules, the slow and obvious way.

use std::collections::{BTreeMap, BTreeSet};

use metalith_store::{HashAlgorithm, HashSettings};

use super::{Only, Which};

/// A stored row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// The ids: `id`, `id n`, or `g`.
    pub(super) key: String,
    pub(super) id: Option<u8>,
    pub(super) group: u8,
    /// Data versions of the fields by name.
    pub(super) versions: BTreeMap<&'static str, String>,
    pub(super) provenance: String,
    pub(super) deleted: bool,
    pub(super) deletion: Option<String>,
}

/// Rows of every feature, in the order in which they were written.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) hash: HashSettings,
    tables: BTreeMap<Which, Vec<Row>>,
}

/// A sample that a feature should have: its join key and its provenance.
pub(super) type Expected = BTreeMap<String, (String, Vec<Row>)>;

/// The hash of a text, by other means than the store's own where there are several.
pub(super) fn hash(settings: HashSettings, text: &str) -> String {
    match settings.algorithm {
        HashAlgorithm::XxHash64 => xxhash_rust::xxh64::xxh64(text.as_bytes(), 0).to_string(),
        _ => settings.of(text).expect("a text has a hash"),
    }
}

impl Row {
    fn meets(&self, only: Only) -> bool {
        match (only, self.id) {
            (Only::Everything, _) => true,
            (Only::Id(wanted), Some(id)) => id == wanted,
            (Only::Id(wanted) | Only::Group(wanted), _) => self.group == wanted % 2,
        }
    }
}

impl Model {
    pub(super) fn new(hash: HashSettings) -> Self {
        Self { hash, tables: BTreeMap::new() }
    }

    fn hashed(&self, text: &str) -> String {
        hash(self.hash, text)
    }

    pub(super) fn append(&mut self, which: Which, row: Row) {
        self.tables.entry(which).or_default().push(row);
    }

    pub(super) fn has_table(&self, which: Which) -> bool {
        self.tables.contains_key(&which)
    }

    /// Per key the last row, deleted or not.
    fn latest(&self, which: Which) -> BTreeMap<String, Row> {
        let rows = self.tables.get(&which).into_iter().flatten();
        rows.map(|row| (row.key.clone(), row.clone())).collect()
    }

    pub(super) fn current(&self, which: Which) -> Vec<Row> {
        self.latest(which).into_values().filter(|row| !row.deleted).collect()
    }

    /// What a feature should hold: per join key, the provenance and the rows it is made of.
    pub(super) fn expected(&self, which: Which) -> Expected {
        let up = self.current(Which::Up);
        let mut expected = Expected::new();
        match which {
            Which::Up => {}
            Which::Leaf | Which::Kid => {
                for row in up {
                    let (f1, f2) = (&row.versions["f1"], &row.versions["f2"]);
                    let field = self.hashed(&format!("v|1|up.f1|{f1}|up.f2|{f2}"));
                    expected.insert(row.key.clone(), (self.hashed(&field), vec![row]));
                }
            }
            Which::Total => {
                let groups: BTreeSet<u8> = up.iter().map(|row| row.group).collect();
                for group in groups {
                    // `current` is ordered by key, as the contract orders the rows of a group.
                    let rows: Vec<Row> =
                        up.iter().filter(|row| row.group == group).cloned().collect();
                    let joined = |field: &str| {
                        let values: Vec<&str> =
                            rows.iter().map(|row| row.versions[field].as_str()).collect();
                        self.hashed(&values.join("|"))
                    };
                    let text = format!("v|1|up.f1|{}|up.f2|{}", joined("f1"), joined("f2"));
                    expected.insert(group.to_string(), (self.hashed(&self.hashed(&text)), rows));
                }
            }
        }
        expected
    }

    /// Per join key of a feature, the provenance that is compared: that of the newest row.
    fn stored(&self, which: Which) -> BTreeMap<String, String> {
        let current = self.current(which);
        let rows = self.tables.get(&which).into_iter().flatten();
        let join_key = |row: &Row| match which {
            Which::Kid => row.id.unwrap_or_default().to_string(),
            Which::Up | Which::Leaf | Which::Total => row.key.clone(),
        };
        // In the order of writing, so that the newest current row comes last.
        rows.filter(|row| current.contains(row))
            .map(|row| (join_key(row), row.provenance.clone()))
            .collect()
    }

    /// New, stale and orphaned join keys.
    pub(super) fn increment(&self, which: Which) -> [BTreeSet<String>; 3] {
        let (expected, stored) = (self.expected(which), self.stored(which));
        let new = expected.keys().filter(|key| !stored.contains_key(*key));
        let stale = expected
            .iter()
            .filter(|(key, (provenance, _))| stored.get(*key).is_some_and(|it| it != provenance));
        let orphaned = stored.keys().filter(|key| !expected.contains_key(*key));
        [
            new.cloned().collect(),
            stale.map(|(key, _)| key.clone()).collect(),
            orphaned.cloned().collect(),
        ]
    }

    /// Appends tombstones; the number of samples they hide.
    pub(super) fn delete_softly(&mut self, which: Which, only: Only, deletion: &str) -> usize {
        let hidden: Vec<Row> =
            self.current(which).into_iter().filter(|row| row.meets(only)).collect();
        for row in &hidden {
            let deletion = Some(deletion.to_owned());
            self.append(which, Row { deleted: true, deletion, ..row.clone() });
        }
        hidden.len()
    }

    /// Removes rows; their number.
    pub(super) fn delete_hard(&mut self, which: Which, only: Only) -> usize {
        let doomed: BTreeSet<String> = self
            .latest(which)
            .into_iter()
            .filter(|(_, row)| row.meets(only))
            .map(|(key, _)| key)
            .collect();
        let Some(rows) = self.tables.get_mut(&which) else { return 0 };
        let before = rows.len();
        rows.retain(|row| !row.meets(only) && !doomed.contains(&row.key));
        before - rows.len()
    }

    /// Brings samples back; their number, or why not.
    pub(super) fn restore(
        &mut self,
        which: Which,
        deletion: Option<&str>,
        only: Only,
    ) -> Result<usize, &'static str> {
        let of_deletion =
            |row: &Row| row.deleted && (deletion.is_none() || row.deletion.as_deref() == deletion);
        let hidden: Vec<Row> = self
            .latest(which)
            .into_values()
            .filter(|row| of_deletion(row) && row.meets(only))
            .collect();
        if hidden.is_empty() {
            return Err("not-found");
        }
        if deletion.is_some() && matches!(only, Only::Everything) {
            let ever = self.tables.get(&which).into_iter().flatten().filter(|row| of_deletion(row));
            let is_hidden = |row: &Row| hidden.iter().any(|it| it.key == row.key);
            if !ever.clone().all(is_hidden) {
                return Err("blocked");
            }
        }
        for row in &hidden {
            self.append(which, Row { deleted: false, deletion: None, ..row.clone() });
        }
        Ok(hidden.len())
    }
}
