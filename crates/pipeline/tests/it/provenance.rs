//! What samples that a pipeline makes are said to be computed from.

use std::fmt::Write as _;

use metalith_base::{FeatureKey, Timestamp};
use metalith_pipeline::{Options, PipelineError, Report, Surroundings, run};
use metalith_project::{Project, ProjectOptions};
use metalith_store::{Mode, ResolveOptions};

use crate::{NOW, put};

const FEATURES: &str = "\
[[features]]
key = \"word\"
id_columns = [\"word\"]
fields = [\"text\", \"sound\"]
[[features]]
key = \"page\"
id_columns = [\"page\"]
fields = [\"text\"]
deps = [{ feature = \"word\", lineage = { expansion = { on = [\"word\"] } } }]
";

/// How many words there are, and about how long each is.
const WORDS: usize = 160_000;
const WIDTH: usize = 480;
/// How many pages there are of some of the words.
const PAGES: usize = 170_000;

struct Library {
    folder: tempfile::TempDir,
    project: Project,
}

impl Library {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        put(here, "metalith.toml", "project = \"test\"\n[stores.dev]\npath = \"store\"\n");
        put(here, "features.toml", FEATURES);
        let project = Some(here.to_path_buf());
        let project = Project::load(&ProjectOptions { project, ..ProjectOptions::default() });
        Self { project: project.unwrap(), folder }
    }

    /// Numbers in a file become samples, each with a word.
    async fn run(&self, table: &str, memory: usize) -> Result<Report, PipelineError> {
        let columns = if table == "word" { "[word]" } else { "{page: id, word: word}" };
        let text = format!(
            "name: library\n\
             datasources: [{{id: in, path: in}}, {{id: library, type: store}}]\n\
             input: {{datasource_id: in, table: {table}.csv}}\n\
             operations:\n\
             - {{seq: 1, type: update, assignments: {{word: \"CONCAT('{}', number)\"}}}}\n\
             - {{seq: 2, type: output, columns: {columns}, destination: {{datasource_id: library, table: {table}}}}}\n",
            "x".repeat(WIDTH)
        );
        let mut surroundings = Surroundings::new(self.folder.path(), Timestamp::from_micros(NOW));
        surroundings.project = Some(&self.project);
        let options = Options { memory, ..Options::default() };
        run(("library.yaml", &text), &surroundings, options).await
    }

    /// How many pages are new, stale and orphaned.
    async fn increment(&self) -> [usize; 3] {
        let store = self.project.open_store(None, Mode::Read).await.unwrap();
        let page: FeatureKey = "page".parse().unwrap();
        let found = store.resolve(self.project.graph(), &page, ResolveOptions::default());
        let found = found.await.unwrap();
        [found.new.rows(), found.stale.rows(), found.orphaned.rows()]
    }
}

fn numbers(of: impl Iterator<Item = (usize, usize)>) -> String {
    let mut text = "id,number\n".to_owned();
    for (id, number) in of {
        writeln!(text, "{id},{number}").unwrap();
    }
    text
}

/// Neither words nor pages fit into memory, nor do they come in the same order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_samples_than_fit_into_memory_get_what_is_expected_of_them() {
    const MEMORY: usize = 64 << 20;
    const { assert!(WORDS * WIDTH > MEMORY && PAGES * WIDTH > MEMORY) };
    let library = Library::new();
    let here = library.folder.path();
    put(here, "in/word.csv", &numbers((0..WORDS).rev().map(|number| (number, number))));
    library.run("word", MEMORY).await.unwrap();
    // Several pages of a word, and words of which there is none.
    let known = WORDS / 2;
    put(here, "in/page.csv", &numbers((0..PAGES).map(|page| (page, page * 7 % known))));
    let report = library.run("page", MEMORY).await.unwrap();
    assert_eq!(report.outputs[0].rows, PAGES as u64);
    assert_eq!(library.increment().await, [WORDS - known, 0, 0]);
}

#[tokio::test]
async fn what_has_nothing_upstream_is_orphaned_and_nothing_else_is() {
    let (library, memory) = (Library::new(), Options::default().memory);
    let here = library.folder.path();
    put(here, "in/word.csv", &numbers((0..9).map(|number| (number, number))));
    library.run("word", memory).await.unwrap();
    assert_eq!(library.increment().await, [9, 0, 0]);
    // Two pages of a word, in no order, and one of a word that is not there.
    put(here, "in/page.csv", &numbers([(1, 2), (2, 77), (3, 1), (4, 2)].into_iter()));
    library.run("page", memory).await.unwrap();
    assert_eq!(library.increment().await, [7, 0, 1]);
    // What is before all words, and behind them.
    put(here, "in/page.csv", &numbers([(5, 0), (6, 8), (7, 99)].into_iter()));
    library.run("page", memory).await.unwrap();
    assert_eq!(library.increment().await, [5, 0, 2]);
}
