//! A project on disk, read with an environment.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, path::Path};

use expect_test::{Expect, expect};
use metalith_base::Diagnostic as _;
use metalith_project::{Project, ProjectOptions, StoreKind, init};
use metalith_store::{Compute, Mode};

fn load(folder: &Path, environment: &[(&str, &str)]) -> Result<Project, String> {
    let environment: BTreeMap<String, String> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let options =
        ProjectOptions { project: Some(folder.into()), environment, ..ProjectOptions::default() };
    Project::load(&options).map_err(|error| {
        let text = format!("{error}\nhint: {}", error.hint().unwrap_or_default());
        text.replace(&folder.display().to_string(), "DIR")
    })
}

fn check_refused(config: &str, environment: &[(&str, &str)], expected: Expect) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("metalith.toml"), config).unwrap();
    std::fs::write(folder.path().join("features.toml"), "").unwrap();
    expected.assert_eq(&load(folder.path(), environment).expect_err("refused"));
}

#[test]
fn a_new_project_loads() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path(), "media").unwrap();
    let project = load(folder.path(), &[]).unwrap();
    assert_eq!(project.settings().project, "media");
    assert_eq!(project.graph().len(), 2);
    let again = init(folder.path(), "media").expect_err("nothing is overwritten");
    assert_eq!(again.code(), "project.exists");
}

#[test]
fn the_environment_goes_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path(), "media").unwrap();
    let environment = [
        ("METALITH_STORE", "prod"),
        ("METALITH_STORES__PROD__ADDRESS", "s3://bucket/media"),
        ("METALITH_STORES__PROD__OPTIONS__ENDPOINT", "http://localhost:9000"),
        ("METALITH_STORES__PROD__PREFER_NATIVE", "false"),
        ("METALITH_HASH_ALGORITHM", "md5"),
        ("METALITH_HASH_LENGTH", "16"),
        ("METALITH_ACTOR", "anna"),
    ];
    let project = load(folder.path(), &environment).unwrap();
    let settings = project.settings();
    assert_eq!(settings.store, "prod");
    let store = &settings.stores["prod"];
    assert_eq!((store.kind, store.address.as_str()), (StoreKind::Delta, "s3://bucket/media"));
    assert_eq!(store.options["endpoint"], "http://localhost:9000");
    assert_eq!(store.compute, Compute::Here);
    assert_eq!(settings.hash.unwrap().to_string(), "md5, cut to 16");
    assert_eq!(settings.actor.as_deref(), Some("anna"));
}

/// The caller, a variable, the file, the login.
#[test]
fn who_works_is_who_was_named_for_it() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path(), "media").unwrap();
    let file = folder.path().join("metalith.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    let actor = |named: Option<&str>, environment: &[(&str, &str)]| {
        let environment = environment.iter().map(|(name, it)| ((*name).into(), (*it).into()));
        let options = ProjectOptions {
            project: Some(folder.path().into()),
            actor: named.map(str::to_owned),
            environment: environment.collect(),
            ..ProjectOptions::default()
        };
        Project::load(&options).unwrap().settings().actor.clone()
    };
    assert_eq!(actor(None, &[]), None);
    assert_eq!(actor(None, &[("USER", "login")]).as_deref(), Some("login"));
    std::fs::write(&file, format!("actor = \"file\"\n{settings}")).unwrap();
    assert_eq!(actor(None, &[("USER", "login")]).as_deref(), Some("file"));
    let both = [("USER", "login"), ("METALITH_ACTOR", "variable")];
    assert_eq!(actor(None, &both).as_deref(), Some("variable"));
    assert_eq!(actor(Some("caller"), &both).as_deref(), Some("caller"));
}

#[test]
fn drivers_come_from_the_environment_where_a_store_names_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = "project = 'a'\nfeatures = []\n[stores.a]\ntype = 'sqlite'\n\
                [stores.b]\ntype = 'sqlite'\ndriver = 'own'\n[stores.c]\n";
    std::fs::write(folder.path().join("metalith.toml"), file).unwrap();
    let environment = [
        ("METALITH_DRIVERS__DUCKDB", "libs/libduckdb.so"),
        ("METALITH_DRIVERS__SQLITE", "sqlite-3"),
        ("METALITH_STORES__D__TYPE", "duckdb"),
    ];
    let project = load(folder.path(), &environment).unwrap();
    let driver = |name: &str| project.settings().stores[name].driver.as_deref();
    assert_eq!((driver("a"), driver("b"), driver("c")), (Some("sqlite-3"), Some("own"), None));
    let path = folder.path().join("libs/libduckdb.so");
    assert_eq!(driver("d").map(Path::new), Some(path.as_path()));
    let refused = load(folder.path(), &[("METALITH_DRIVERS__DELTA", "x")]).expect_err("refused");
    assert!(refused.contains("of a database: DUCKDB, SQLITE"), "{refused}");
}

#[test]
fn a_store_in_a_database_may_have_a_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let file = "project = 'a'\nfeatures = []\n[stores.a]\ntype = 'sqlite'\ntable_prefix = 'dev_'\n\
                [stores.b]\ntype = 'sqlite'\n";
    std::fs::write(folder.path().join("metalith.toml"), file).unwrap();
    let project = load(folder.path(), &[("METALITH_STORES__B__TABLE_PREFIX", "prod_")]).unwrap();
    let prefix = |name: &str| project.settings().stores[name].options["table_prefix"].as_str();
    assert_eq!((prefix("a"), prefix("b")), ("dev_", "prod_"));
}

#[test]
fn mistakes_are_named_with_their_place() {
    check_refused(
        "project = 'a'\n[stores.dev]\ntable_prefix = 'dev_'",
        &[],
        expect![[r#"
            DIR/metalith.toml:2:1: only a store in a database has a `table_prefix`
            hint: "#]],
    );
    check_refused(
        "project = 'a'\nstors = 'b'",
        &[],
        expect![[r#"
            DIR/metalith.toml:2:1: unknown key `stors`
            hint: did you mean `stores`?"#]],
    );
    check_refused(
        "project = 'a'\n[stores.dev]\ntype = 'postgres'",
        &[],
        expect![[r#"
            DIR/metalith.toml:3:8: `postgres` is no type of store
            hint: choose one of `delta`, `memory`, `duckdb`, `sqlite`, `postgresql`"#]],
    );
    check_refused(
        "project = 'a'\nfeatures = ['feature/*.toml']",
        &[],
        expect![[r#"
            `feature/*.toml` in `features` names no file
            hint: paths are relative to metalith.toml, and `*` stands for any name"#]],
    );
    check_refused(
        "project = 'a'\n[hash]\nalgorithm = 'xxhash'",
        &[],
        expect![[r#"
            unknown hash algorithm `xxhash`
            hint: did you mean `xxhash64`?"#]],
    );
    check_refused(
        "project = 'a'",
        &[("METALITH_HASH_LENGTH", "long")],
        expect![[r#"
            the variable METALITH_HASH_LENGTH is `long`, but must be a number
            hint: change or unset METALITH_HASH_LENGTH"#]],
    );
    check_refused(
        "project = '${TEAM}'",
        &[],
        expect![[r#"
            the variable TEAM, which DIR/metalith.toml:1 needs, is `not set`, but must be set, or given a default as `${NAME:-default}`
            hint: change or unset TEAM, which DIR/metalith.toml:1 needs,"#]],
    );
}

#[tokio::test]
async fn spaces_beside_each_other_do_not_see_each_other() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path(), "media").unwrap();
    for space in ["anna", "bert"] {
        let project = load(folder.path(), &[("METALITH_SPACE", space)]).unwrap();
        let store = project.open_store(None, Mode::Write).await.unwrap();
        assert!(store.location().ends_with(&format!("/spaces/{space}")), "{}", store.location());
    }
    // They share a place, though: what one deletes, the others may name.
    let beside = async |space: &[(&str, &str)]| {
        let store =
            load(folder.path(), space).unwrap().open_store(None, Mode::Write).await.unwrap();
        let beside = store.beside().await.unwrap();
        let names = beside.iter().map(|it| it.location().rsplit('/').next().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let home = load(folder.path(), &[]).unwrap().open_store(None, Mode::Write).await.unwrap();
    let home = home.location().rsplit('/').next().unwrap().to_owned();
    assert_eq!(beside(&[]).await, ["anna", "bert"]);
    assert_eq!(beside(&[("METALITH_SPACE", "anna")]).await, ["bert", home.as_str()]);
    let refused = load(folder.path(), &[("METALITH_SPACE", "../bert")]).expect_err("refused");
    assert!(refused.contains("letters, digits"), "{refused}");
}

#[test]
fn features_in_python_are_left_to_the_python_package() {
    let folder = tempfile::tempdir().unwrap();
    let config = "project = \"media\"\nentrypoints = [\"media.features\"]\n";
    std::fs::write(folder.path().join("metalith.toml"), config).unwrap();
    expect![[r#"
        the project declares features in Python: `media.features`
        hint: use the `metalith` command that the Python package installs, in the environment of these modules"#]].assert_eq(&load(folder.path(), &[]).expect_err("nobody loaded them"));
    let options = ProjectOptions {
        project: Some(folder.path().into()),
        declared: Some(Vec::new()),
        ..ProjectOptions::default()
    };
    assert!(Project::load(&options).unwrap().graph().is_empty());
}

#[test]
fn stores_that_fall_back_to_each_other_are_refused() {
    let config = "project = \"p\"\nstore = \"a\"\n[stores.a]\ntype = \"memory\"\nfallback_stores = [\"b\"]\n\
                  [stores.b]\ntype = \"memory\"\nfallback_stores = [\"a\"]\n\
                  [stores.c]\ntype = \"memory\"\nfallback_stores = [\"d\"]\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("metalith.toml"), config).unwrap();
    std::fs::write(folder.path().join("features.toml"), "").unwrap();
    let environment = [("METALITH_STORES__E__FALLBACK_STORES", "b, a")];
    let project = load(folder.path(), &environment).unwrap();
    assert_eq!(project.settings().stores["e"].fallback_stores, ["b", "a"]);
    let opened = |name: &str| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let opened = runtime.block_on(project.open_store(Some(name), Mode::Write));
        opened.expect_err("refused").to_string()
    };
    assert_eq!(opened("a"), "stores fall back to each other in a circle: a -> b -> a");
    assert_eq!(opened("c"), "the project has no store `d`");
}
