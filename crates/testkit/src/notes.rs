//! Notes in memory.

use std::{collections::BTreeMap, sync::Mutex};

use metalith_store::Notes;

/// Notes that a test can look at.
#[derive(Debug, Default)]
pub struct MemoryNotes {
    notes: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl MemoryNotes {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.notes.lock().map_or(0, |notes| notes.len())
    }
}

impl Notes for MemoryNotes {
    fn read(&self, name: &str) -> Option<Vec<u8>> {
        self.notes.lock().ok()?.get(name).cloned()
    }

    fn write(&self, name: &str, note: &[u8]) {
        if let Ok(mut notes) = self.notes.lock() {
            notes.insert(name.to_owned(), note.to_vec());
        }
    }
}
