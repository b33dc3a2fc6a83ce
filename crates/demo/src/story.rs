//! The story.

use metalith_expr::parse;
use metalith_ingest::{Gone, GoneSamples};
use metalith_lifecycle::{
    Context,
    deletion::{Cascade, CascadePlan, CascadeRequest},
};
use metalith_store::{
    DeletionMode, DeletionRequest, FeatureStatus, ReadOptions, RestoreRequest, Store,
};

use crate::{
    DemoError,
    scene::{Scene, key},
    work::{COMPUTED, work_off},
};

type Say<'a> = &'a mut (dyn FnMut(&str) + Send + Sync);

struct Story<'a> {
    scene: Scene,
    store: Store,
    say: Say<'a>,
}

pub(crate) async fn tell(scene: Scene, say: Say<'_>) -> Result<(), DemoError> {
    let store = scene.open().await?;
    let mut story = Story { scene, store, say };
    story.first_run().await?;
    story.a_file_changes().await?;
    story.code_changes().await?;
    story.a_file_disappears().await?;
    story.a_deletion_and_its_restore().await?;
    story.a_deletion_for_good().await?;
    story.end();
    Ok(())
}

impl Story<'_> {
    fn headline(&mut self, text: &str) {
        (self.say)(&format!("\n== {text}"));
    }

    fn command(&mut self, text: &str) {
        (self.say)(&format!("$ metalith {text}"));
    }

    fn claim<T: PartialEq + std::fmt::Debug>(
        &self,
        claim: &str,
        found: T,
        expected: T,
    ) -> Result<(), DemoError> {
        match found == expected {
            true => Ok(()),
            false => Err(DemoError::Claim {
                claim: format!("{claim}: {expected:?}"),
                found: format!("{found:?}"),
            }),
        }
    }

    async fn status(&self, feature: &str) -> Result<FeatureStatus, DemoError> {
        Ok(self.store.status(self.scene.project().graph(), &key(feature)).await?)
    }

    /// New, stale, orphaned and waiting samples of a feature.
    async fn counts(&self, feature: &str) -> Result<[u64; 4], DemoError> {
        let counts = self.status(feature).await?.increment.unwrap_or_default();
        Ok([counts.new, counts.stale, counts.orphaned, counts.waiting])
    }

    async fn table(&mut self) -> Result<(), DemoError> {
        self.command("metadata status");
        (self.say)("  feature         samples  new  stale  orphaned  waiting  deleted");
        for feature in ["video/raw"].into_iter().chain(COMPUTED) {
            let status = self.status(feature).await?;
            let counts = match status.increment {
                Some(it) => {
                    format!("{:>3}  {:>5}  {:>8}  {:>7}", it.new, it.stale, it.orphaned, it.waiting)
                }
                None => format!("{:>3}  {:>5}  {:>8}  {:>7}", "-", "-", "-", "-"),
            };
            let (samples, deleted) = (status.samples, status.deleted);
            (self.say)(&format!("  {feature:<14}  {samples:>7}  {counts}  {deleted:>7}"));
        }
        Ok(())
    }

    async fn work_off_all(&mut self) -> Result<(), DemoError> {
        for feature in COMPUTED {
            let rows = work_off(&self.scene, &self.store, feature).await?;
            (self.say)(&format!("  worked off {feature}: {rows} samples written"));
        }
        Ok(())
    }

    async fn first_run(&mut self) -> Result<(), DemoError> {
        self.headline("First run: three videos, cut into pieces, measured, summed up");
        self.command("scan media --feature video/raw --glob '*.y4m'");
        let report = self.scene.scan(&self.store, Gone::Report).await?;
        (self.say)(&format!("  {} files, {} new", report.files, report.new));
        self.work_off_all().await?;
        self.table().await?;
        self.claim("12 pieces are measured", self.status("video/measure").await?.samples, 12)?;
        for feature in COMPUTED {
            self.claim("all is in order", self.counts(feature).await?, [0; 4])?;
        }
        Ok(())
    }

    async fn a_file_changes(&mut self) -> Result<(), DemoError> {
        self.headline("One file changes: only its pieces are stale");
        self.scene.brighten("dawn.y4m")?;
        self.command("scan media --feature video/raw --glob '*.y4m'");
        let report = self.scene.scan(&self.store, Gone::Report).await?;
        (self.say)(&format!("  {} changed, {} unchanged", report.changed, report.unchanged));
        self.claim("one video is cut anew", self.counts("video/chunk").await?, [0, 1, 0, 0])?;
        let rows = work_off(&self.scene, &self.store, "video/chunk").await?;
        (self.say)(&format!("  worked off video/chunk: {rows} samples written"));
        self.table().await?;
        self.claim("its 4 pieces are stale", self.counts("video/measure").await?, [0, 4, 0, 0])?;
        self.work_off_all().await
    }

    async fn code_changes(&mut self) -> Result<(), DemoError> {
        self.headline(
            "The code of `motion` changes: what depends on `brightness` alone is left in peace",
        );
        self.scene.bump_motion()?;
        (self.say)("  features.toml: motion, code_version = \"2\"");
        self.table().await?;
        self.claim("every piece is measured anew", self.counts("video/measure").await?[0], 12)?;
        self.claim(
            "light waits, it is no garbage",
            self.counts("video/light").await?,
            [0, 0, 0, 3],
        )?;
        let rows = work_off(&self.scene, &self.store, "video/measure").await?;
        (self.say)(&format!("  worked off video/measure: {rows} samples written"));
        self.table().await?;
        self.claim("light is in order as it was", self.counts("video/light").await?, [0; 4])?;
        self.claim("action is computed anew", self.counts("video/action").await?[0], 12)?;
        self.work_off_all().await
    }

    async fn a_file_disappears(&mut self) -> Result<(), DemoError> {
        self.headline("A file disappears: what was made from it is orphaned");
        self.scene.remove("dusk.y4m")?;
        self.command("scan media --feature video/raw --glob '*.y4m' --delete-gone");
        let report = self.scene.scan(&self.store, Gone::Choose).await?;
        let filters = report.gone_samples.iter().map(GoneSamples::filter).collect();
        let request = CascadeRequest::new(key("video/raw"), DeletionMode::Soft, filters);
        let (graph, places) = (self.scene.project().graph(), self.scene.project().places());
        let context = Context { store: &self.store, graph, places: &places, space: None };
        CascadePlan::make(context, &request).await?.apply(context).await?;
        (self.say)(&format!(
            "  {} gone, its sample deleted softly",
            report.gone.unwrap_or_default()
        ));
        self.table().await?;
        self.claim("the pieces are orphaned", self.counts("video/chunk").await?[2], 1)
    }

    async fn a_deletion_and_its_restore(&mut self) -> Result<(), DemoError> {
        self.headline("A soft deletion hides, a restore brings back");
        self.command("metadata delete --feature video/light --filter \"mean > 60\"");
        let filter = parse("mean > 60").expect("the demo's filters are expressions");
        let request = DeletionRequest::new(DeletionMode::Soft, vec![filter]);
        let graph = self.scene.project().graph();
        let gone = self.store.delete(graph, &key("video/light"), &request).await?;
        let left = self.status("video/light").await?;
        let (deleted, samples) = (gone.samples, left.samples);
        (self.say)(&format!("  {deleted} hidden, {samples} left to read"));
        let all = ReadOptions { include_deleted: true, ..ReadOptions::default() };
        let graph = self.scene.project().graph();
        let rows = self.store.read(graph, &key("video/light"), &all).await?.collect().await?;
        let rows: usize = rows.iter().map(|batch| batch.num_rows()).sum();
        self.claim("hidden samples are still there", rows as u64, deleted + samples)?;
        self.command(&format!("metadata restore --feature video/light --deletion {}", gone.id));
        let graph = self.scene.project().graph();
        let request = RestoreRequest { deletion: Some(gone.id), ..RestoreRequest::default() };
        let back = self.store.restore(graph, &key("video/light"), &request).await?;
        (self.say)(&format!("  {} restored", back.samples));
        self.claim("as many come back", back.samples, deleted)
    }

    async fn a_deletion_for_good(&mut self) -> Result<(), DemoError> {
        self.headline("A hard deletion removes what was made from the lost file");
        self.command(
            "metadata delete --feature video/raw --filter \"path = 'dusk.y4m'\" \
             --cascade downstream --soft=false --yes",
        );
        let filters = vec![parse("path = 'dusk.y4m'").expect("the demo's filters are expressions")];
        let request = CascadeRequest {
            cascade: Cascade::Downstream,
            ..CascadeRequest::new(key("video/raw"), DeletionMode::Hard, filters)
        };
        let (graph, places) = (self.scene.project().graph(), self.scene.project().places());
        let context = Context { store: &self.store, graph, places: &places, space: None };
        let plan = CascadePlan::make(context, &request).await?;
        for gone in plan.apply(context).await?.steps {
            let (feature, samples, rows) = (&gone.feature, gone.samples, gone.rows);
            (self.say)(&format!("  {feature:<14} {samples} samples, {rows} rows removed"));
        }
        self.table().await?;
        self.claim("8 pieces are left", self.status("video/measure").await?.samples, 8)?;
        for feature in COMPUTED {
            self.claim("all is in order", self.counts(feature).await?, [0; 4])?;
        }
        Ok(())
    }

    fn end(&mut self) {
        let folder = self.scene.folder().display().to_string();
        (self.say)(&format!(
            "\nEvery claim above was checked. The project and its store are in\n  {folder}\n\
             Try there:\n  \
             cd {folder}\n  \
             metalith graph render --versions\n  \
             metalith metadata read video/measure --filter \"brightness > 60\"\n  \
             metalith metadata read video/light --include-deleted --sample-history"
        ));
    }
}
