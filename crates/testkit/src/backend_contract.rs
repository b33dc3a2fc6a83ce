//! What every place that keeps tables promises: the contract of [`Backend`], executable.
//!
//! A promise is one line in [`CASES`] and one function. A backend runs all of them:
//!
//! ```text
//! backend_contract::check(|| Arc::new(MemoryBackend::new())).await;
//! ```

mod appends;
mod conditions;
mod places;
mod reads;
mod replacements;
mod rows;

use std::{future::Future, pin::Pin, sync::Arc};

use metalith_store::Backend;

/// A promise.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What is promised.
    pub name: &'static str,
    run: fn(Arc<dyn Backend>) -> Running,
}

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! cases {
    ($($module:ident::$case:ident,)*) => {
        /// Every promise.
        pub const CASES: &[Case] = &[$(Case {
            name: stringify!($case),
            run: |backend| Box::pin($module::$case(backend)),
        },)*];
    };
}

cases! {
    places::an_empty_place_has_nothing,
    places::the_first_marker_stays,
    places::tables_without_a_marker_are_foreign,
    places::tables_are_listed_by_key,
    places::a_dropped_table_is_gone,
    places::a_dropped_table_can_be_made_again,
    places::vacuum_keeps_what_is_needed,
    places::what_goes_for_good_while_it_is_read_is_no_damage,
    appends::rows_come_back_in_order,
    appends::an_empty_append_makes_the_table,
    appends::a_failing_stream_commits_nothing,
    appends::columns_grow,
    appends::members_of_structs_grow,
    appends::another_type_is_refused_and_nothing_is_committed,
    appends::smaller_types_are_widened,
    appends::versions_grow,
    appends::concurrent_appends_all_arrive,
    appends::concurrent_first_appends_all_arrive,
    appends::concurrent_growth_arrives,
    appends::every_kind_of_column_comes_back,
    conditions::rows_for_another_version_are_refused,
    conditions::the_first_rows_are_appended_once,
    conditions::a_tagged_commit_happens_once,
    conditions::a_tagged_commit_happens_once_among_many,
    conditions::tags_outlive_other_commits,
    reads::a_snapshot_does_not_change,
    reads::a_range_is_read,
    reads::chosen_rows_are_read,
    reads::a_range_of_chosen_rows_is_read,
    reads::columns_come_in_the_order_asked_for,
    reads::no_columns_still_have_rows,
    reads::old_chunks_read_new_columns_as_null,
    reads::each_of_many_small_chunks_is_read_by_itself,
    reads::a_larger_chunk_is_read_again_in_other_parts,
    reads::what_was_read_grows_with_its_columns,
    reads::what_was_read_does_not_outlive_its_table,
    replacements::replaced_rows_are_gone,
    replacements::nothing_can_replace_a_chunk,
    replacements::an_emptied_table_is_told_from_one_never_filled,
    replacements::the_same_rows_can_be_stored_otherwise,
    replacements::a_chunk_is_replaced_once,
    replacements::an_append_does_not_disturb_a_replacement,
    replacements::concurrent_replacements_of_one_chunk_leave_one,
    replacements::a_failing_replacement_changes_nothing,
}

impl Case {
    /// Tries the promise on a backend that is empty.
    pub async fn run(&self, backend: Arc<dyn Backend>) {
        (self.run)(backend).await;
    }
}

/// Tries every promise, each on a new empty backend, and names those that do not hold.
///
/// # Panics
///
/// If a promise does not hold.
pub async fn check(make: impl Fn() -> Arc<dyn Backend>) {
    let mut broken = Vec::new();
    for case in CASES {
        let running = tokio::spawn((case.run)(make()));
        if running.await.is_err() {
            broken.push(case.name);
        }
    }
    assert!(broken.is_empty(), "{} of {} do not hold: {broken:#?}", broken.len(), CASES.len());
}
