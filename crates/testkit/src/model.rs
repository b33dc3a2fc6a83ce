//! A naive model of a store, and random stories that a real store must tell alike.
//!
//! The graph is small and has every kind of lineage: `up` is a root, `leaf` follows it one to one,
//! `kid` expands it and `total` aggregates it. The model keeps plain lists of rows and does
//! everything the slow and obvious way.

mod rules;
mod story;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use metalith_store::{Backend, HashSettings};
use proptest::{
    prelude::{Just, Strategy, any},
    prop_oneof,
    test_runner::{Config, TestCaseError, TestError, TestRunner},
};

use crate::both_ways::Ways;

/// A feature of the model's graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// The root.
    Up,
    /// One to one.
    Leaf,
    /// One to many.
    Kid,
    /// Many to one.
    Total,
}

/// One thing that happens to a store.
#[derive(Clone, Debug)]
pub enum Op {
    /// Samples of the root are written: id, group, content.
    Write(Vec<(u8, u8, u8)>),
    /// New and stale samples of a feature are computed and written.
    WorkOff(Which),
    /// Samples are deleted.
    Delete {
        /// Of this feature.
        of: Which,
        /// Those that meet this.
        only: Only,
        /// For good.
        hard: bool,
    },
    /// Deleted samples are brought back.
    Restore {
        /// Of this feature.
        of: Which,
        /// Those of the n-th soft deletion so far, or all.
        deletion: Option<u8>,
        /// Those that meet this.
        only: Only,
    },
    /// Small chunks are put together.
    Compact(Which),
}

/// Which samples an operation is about.
#[derive(Clone, Copy, Debug)]
pub enum Only {
    /// All of them.
    Everything,
    /// Those with this id; of a feature without ids, those of this group.
    Id(u8),
    /// Those of this group.
    Group(u8),
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![Just(Which::Up), Just(Which::Leaf), Just(Which::Kid), Just(Which::Total)]
}

fn only() -> impl Strategy<Value = Only> {
    prop_oneof![
        1 => Just(Only::Everything),
        3 => (0..5_u8).prop_map(Only::Id),
        2 => (0..2_u8).prop_map(Only::Group),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let rows = proptest::collection::vec((0..5_u8, 0..2_u8, 0..4_u8), 1..5);
    prop_oneof![
        4 => rows.prop_map(Op::Write),
        4 => which().prop_map(Op::WorkOff),
        3 => (which(), only(), any::<bool>()).prop_map(|(of, only, hard)| Op::Delete { of, only, hard }),
        2 => (which(), proptest::option::of(0..3_u8), only())
            .prop_map(|(of, deletion, only)| Op::Restore { of, deletion, only }),
        1 => which().prop_map(Op::Compact),
    ]
}

/// Runs random stories, each on a fresh backend, until `stories` are told or time is up, and
/// returns how many were.
///
/// # Panics
///
/// With the shortest story found that the store tells otherwise than the model.
pub fn check<F>(stories: u32, time: Duration, backend: impl Fn() -> F) -> u32
where
    F: Future<Output = Arc<dyn Backend>>,
{
    check_as((HashSettings::default(), Asked::OneWay), stories, time, backend).0
}

/// The same of stores that hash in some way, where each increment is also found here. Tells how the
/// others were found.
///
/// # Panics
///
/// As [`check`] does, and where the increments differ.
pub fn check_both_ways<F>(
    hash: HashSettings,
    stories: u32,
    time: Duration,
    backend: impl Fn() -> F,
) -> (u32, Ways)
where
    F: Future<Output = Arc<dyn Backend>>,
{
    check_as((hash, Asked::BothWays), stories, time, backend)
}

/// How increments are found in a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// As the store does.
    OneWay,
    /// So, and here too.
    BothWays,
}

fn check_as<F>(
    how: (HashSettings, Asked),
    stories: u32,
    time: Duration,
    backend: impl Fn() -> F,
) -> (u32, Ways)
where
    F: Future<Output = Arc<dyn Backend>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    let deadline = Instant::now() + time;
    let told = std::cell::Cell::new(0);
    let ways = std::cell::RefCell::new(Ways::default());
    let config = Config {
        cases: stories,
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let result = runner.run(&proptest::collection::vec(op(), 1..12), |ops| {
        if Instant::now() > deadline {
            return Ok(());
        }
        told.set(told.get() + 1);
        let mut ways = ways.borrow_mut();
        runtime
            .block_on(async { story::tell(&ops, backend().await, how, &mut ways).await })
            .map_err(TestCaseError::fail)
    });
    match result {
        Ok(()) => (told.get(), ways.into_inner()),
        Err(TestError::Fail(reason, ops)) => panic!("{reason}\nin the story {ops:#?}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}
