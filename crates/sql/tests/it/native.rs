//! Increments that the database finds are those that the store would find.

mod story;

use std::time::{Duration, Instant};

use metalith_graph::HashLength;
use metalith_store::{
    Compute, Computed, HashAlgorithm, HashSettings, OpenOptions, ResolveOptions, Store,
};
use metalith_testkit::{
    both_ways::{self, Ways},
    fixtures::key,
    golden, model,
};
use proptest::{
    prelude::any,
    test_runner::{Config, TestCaseError, TestRunner},
};

use self::story::{CONDITIONS, Op, Story, op};
use crate::support::{BY_DICTIONARY, backend, empty, fresh, raw};

/// The databases that compute hashes.
const COMPUTING: [&str; 3] = ["duckdb", "postgresql", BY_DICTIONARY];

fn hashing(algorithm: HashAlgorithm, length: Option<usize>) -> HashSettings {
    let length = length.map_or(HashLength::UNCUT, |it| HashLength::cut_to(it).unwrap());
    HashSettings { algorithm, length }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_vector_resolves_alike_in_the_database_and_here() {
    for (kind, hash) in COMPUTING.into_iter().zip([
        hashing(HashAlgorithm::Sha256, Some(16)),
        hashing(HashAlgorithm::Md5, None),
        hashing(HashAlgorithm::Sha256, None),
    ]) {
        let ways = golden::check_both_ways(hash, || async { fresh(kind) }).await;
        let reasons: Vec<&str> = ways.here.keys().map(String::as_str).collect();
        assert_eq!(reasons, ["samples are given"], "{kind}");
        let here: usize = ways.here.values().sum();
        assert!(ways.native > 4 * here, "{kind}: {ways:?}");
    }
}

#[test]
fn random_stories_end_alike_in_the_database_and_here() {
    for kind in COMPUTING {
        let hash = hashing(HashAlgorithm::Md5, None);
        let time = Duration::from_secs(10);
        let (told, ways) = model::check_both_ways(hash, 30, time, || async { fresh(kind) });
        assert!(told >= 1 && ways.native >= 3, "{told} stories on {kind}: {ways:?}");
    }
}

#[test]
fn whatever_happens_the_database_finds_what_the_store_finds() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for kind in COMPUTING {
        let deadline = Instant::now() + Duration::from_secs(30);
        let config = Config {
            cases: 60,
            failure_persistence: None,
            max_shrink_iters: 60,
            ..Config::default()
        };
        let ways = std::cell::RefCell::new(Ways::default());
        let ops = (
            proptest::collection::vec(op(), 2..14),
            (0..CONDITIONS.len(), 0..3_usize),
            any::<bool>(),
        );
        let told = TestRunner::new(config).run(&ops, |(ops, condition, is_cut)| {
            if Instant::now() > deadline {
                return Ok(());
            }
            let hash = match is_cut {
                true => hashing(HashAlgorithm::Md5, Some(9)),
                false => hashing(HashAlgorithm::Sha256, None),
            };
            let story = runtime.block_on(async {
                tokio::spawn(async move {
                    let mut story = Story::new(kind, hash).await;
                    for op in &ops {
                        story.take(op).await;
                    }
                    story.compare(condition).await;
                    story.ways
                })
                .await
            });
            let told = story.map_err(|error| TestCaseError::fail(error.to_string()))?;
            ways.borrow_mut().add(&told);
            Ok(())
        });
        told.unwrap_or_else(|error| panic!("{kind}: {error}"));
        let ways = ways.into_inner();
        assert!(ways.native > 5, "{kind}: {ways:?}");
    }
}

/// A store with something new, something stale and something orphaned.
async fn three_kinds(story: &mut Story) {
    let rows = [("a", 0, Some("x"), 0, [0, 1]), ("b", 1, Some("y"), 0, [0, 1])];
    story.take(&Op::Write("a", rows.to_vec(), true)).await;
    story.take(&Op::WorkOff("one")).await;
    story.take(&Op::Write("a", vec![("a", 0, Some("x"), 0, [1, 1])], true)).await;
    story.take(&Op::Write("a", vec![("|", 0, Some("x"), 0, [1, 1])], true)).await;
    story.take(&Op::Delete("a", 2, true)).await;
}

#[test]
fn a_database_by_dictionary_has_an_order_of_its_own() {
    for (kind, order) in [("postgresql", "B|a|\u{e9}\n"), (BY_DICTIONARY, "a|B|\u{e9}\n")] {
        let texts = "(VALUES ('B'), ('\u{e9}'), ('a')) AS it (text)";
        let order_of = |by: &str| {
            empty(kind).ask(&format!("SELECT string_agg(text, '|' ORDER BY text{by}) FROM {texts}"))
        };
        assert_eq!(order_of(""), order, "{kind}");
        assert_eq!(order_of(" COLLATE \"C\""), "B|a|\u{e9}\n", "{kind}");
    }
}

/// Sums of texts, and children of one time, whose order decides what is hashed and compared.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_in_an_order_of_its_own_is_hashed_by_bytes() {
    let mut stories = Vec::new();
    for kind in COMPUTING {
        let mut story = Story::new(kind, hashing(HashAlgorithm::Md5, None)).await;
        let row = |id, at| (id, 0, Some("x"), 0, [at, at + 1]);
        let rows = ["a", "A", "b", "B", "\u{e9}", " a"].into_iter().zip(0..);
        story.take(&Op::Write("a", rows.map(|(id, at)| row(id, at)).collect(), true)).await;
        for feature in ["total", "word", "kid"] {
            story.take(&Op::WorkOff(feature)).await;
        }
        story.take(&Op::Write("a", vec![row("B", 3)], true)).await;
        let mut told = Vec::new();
        for feature in ["total", "word", "kid"] {
            let (options, feature) = (ResolveOptions::default(), key(feature));
            let found = both_ways::resolve(&story.store, &story.graph, &feature, &options).await;
            let found = found.unwrap();
            let Computed::Native { statements } = &found.computed else { panic!("{found:?}") };
            let is_sql = statements[0].contains("COLLATE \"C\"");
            assert!(is_sql, "{statements:?}");
            for frame in [&found.new, &found.stale, &found.orphaned] {
                let mut rows: Vec<String> = metalith_testkit::rows_to_json(&frame.batches)
                    .iter()
                    .map(|row| serde_json::to_string(row).unwrap())
                    .collect();
                rows.sort();
                told.push(rows);
            }
        }
        assert!(told.iter().any(|it| !it.is_empty()));
        stories.push(told);
    }
    assert_eq!(stories[0], stories[1]);
    assert_eq!(stories[1], stories[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_is_told_the_statement_or_why_there_is_none() {
    for kind in COMPUTING {
        let mut story = Story::new(kind, hashing(HashAlgorithm::Md5, None)).await;
        three_kinds(&mut story).await;
        let options = ResolveOptions::default();
        let one = key("one");
        let resolve = |options| story.store.resolve(&story.graph, &one, options);
        let found = resolve(options.clone()).await.unwrap();
        assert_eq!([found.new.rows(), found.stale.rows(), found.orphaned.rows()], [1, 1, 1]);
        let Computed::Native { statements } = found.computed else { panic!("{found:?}") };
        assert!(statements[0].contains("md5(") && statements[0].contains("FULL JOIN"));
        assert_eq!(statements.len(), 2, "there are orphans, which might wait");

        let here =
            ResolveOptions { compute: Some(Compute::Here), explain: true, ..options.clone() };
        let Computed::Here { because, plan } = resolve(here).await.unwrap().computed else {
            panic!("it was to be found here");
        };
        assert_eq!(because.unwrap(), "`prefer_native` is false");
        assert!(plan.unwrap().contains("metalith_hash("));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_and_columns_of_others_are_seen_or_the_store_looks_itself() {
    for kind in COMPUTING {
        let place = empty(kind);
        let hash = hashing(HashAlgorithm::Md5, None);
        let mut story = Story::new(kind, hash).await;
        let options = || OpenOptions { hash: Some(hash), ..OpenOptions::write() };
        story.store = Store::open(backend(&place), options()).await.unwrap();
        three_kinds(&mut story).await;
        let graph = story.graph.clone();
        let version = graph.feature(&key("a")).unwrap().feature_version().to_owned();
        drop(story);
        let by_field = match kind {
            "duckdb" => "{'x': 'v', 'y_z': 'w'}".to_owned(),
            _ => "'{\"x\": \"v\", \"y_z\": \"w\"}'".to_owned(),
        };
        raw(
            &place,
            &format!(
                "INSERT INTO a (id, n, t, metaxy_provenance_by_field, metaxy_data_version_by_field, \
             metaxy_feature_version, metaxy_updated_at) VALUES ('by hand', 1, 'x', {by_field}, \
             {by_field}, '{version}', '2099-01-01 00:00:00+00'), ('by hand', 2, 'x', {by_field}, \
             {by_field}, '{version}', '2099-01-01 00:00:00+00')"
            ),
        );
        let store = Store::open(backend(&place), options()).await.unwrap();
        let plain = ResolveOptions::default();
        let found = both_ways::resolve(&store, &graph, &key("one"), &plain).await.unwrap();
        assert!(matches!(found.computed, Computed::Native { .. }), "{:?}", found.computed);
        assert_eq!(found.new.rows(), 2);
        drop(store);
        // A column that is not of its type any more.
        let changed = match kind {
            "duckdb" => "ALTER TABLE a ALTER COLUMN n SET DATA TYPE INTEGER",
            _ => "ALTER TABLE a ALTER COLUMN n TYPE INTEGER",
        };
        raw(&place, changed);
        let store = Store::open(backend(&place), options()).await.unwrap();
        let found = both_ways::resolve(&store, &graph, &key("one"), &plain).await.unwrap();
        let Computed::Here { because, .. } = found.computed else { panic!("{kind}") };
        let because = because.unwrap().to_lowercase();
        assert!(
            because.contains("is integer in the database, and was recorded as bigint"),
            "{because}"
        );
        assert_eq!(found.new.rows(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_is_resolved_here() {
    let hash = hashing(HashAlgorithm::Md5, None);
    let mut prod = Story::new("duckdb", hash).await;
    three_kinds(&mut prod).await;
    let options = OpenOptions {
        hash: Some(hash),
        fallback: Some(prod.store.clone()),
        ..OpenOptions::write()
    };
    let branch = Store::open(fresh("duckdb"), options).await.unwrap();
    let found = branch.resolve(&prod.graph, &key("one"), ResolveOptions::default()).await.unwrap();
    let Computed::Here { because, .. } = found.computed else { panic!("it was to be found here") };
    assert_eq!(because.unwrap(), "features are read from several stores");
    assert_eq!(found.new.rows(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_does_not_compute_is_computed_here() {
    for (kind, reason) in [
        ("duckdb", "DuckDB does not compute xxhash64"),
        ("postgresql", "PostgreSQL does not compute xxhash64"),
        ("sqlite", "SQLite computes no hashes"),
    ] {
        let mut story = Story::new(kind, HashSettings::default()).await;
        three_kinds(&mut story).await;
        let reasons: Vec<&str> = story.ways.here.keys().map(String::as_str).collect();
        assert_eq!((story.ways.native, reasons), (0, vec![reason]));
    }
}
