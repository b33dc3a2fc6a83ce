//! Figures for Prometheus.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use metalith_lifecycle::{deletion::Done, objects::Cleanup};
use metalith_registry::{Dataset, Job, deleted};

/// Upper ends of the classes of times, in seconds.
const CLASSES: [f64; 8] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0];

/// Figures since the process began.
#[derive(Default)]
pub(crate) struct Metrics {
    /// Requests that are being answered.
    pub(crate) at_work: AtomicU64,
    datasets_deleted: AtomicU64,
    jobs_deleted: AtomicU64,
    files_deleted: AtomicU64,
    bytes_freed: AtomicU64,
    cleanups: AtomicU64,
    cleanups_failed: AtomicU64,
    cleanups_kept: AtomicU64,
    files_failed: AtomicU64,
    files_kept: AtomicU64,
    measured: Mutex<Measured>,
}

#[derive(Default)]
struct Measured {
    deletions: Times,
    requests: BTreeMap<(String, String, u16), Times>,
    /// Figures that are read from the store from time to time, by space.
    gauges: BTreeMap<(&'static str, String), u64>,
}

#[derive(Clone, Default)]
struct Times {
    count: u64,
    seconds: f64,
    classes: [u64; CLASSES.len()],
}

impl Times {
    fn add(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        self.count += 1;
        self.seconds += seconds;
        for (class, end) in self.classes.iter_mut().zip(CLASSES) {
            *class += u64::from(seconds <= end);
        }
    }

    fn write(&self, text: &mut String, name: &str, labels: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        for (class, end) in self.classes.iter().zip(CLASSES) {
            line(text, &format!("{name}_bucket{{{labels}{comma}le=\"{end}\"}}"), class);
        }
        line(text, &format!("{name}_bucket{{{labels}{comma}le=\"+Inf\"}}"), &self.count);
        let braced = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        line(text, &format!("{name}_sum{braced}"), &self.seconds);
        line(text, &format!("{name}_count{braced}"), &self.count);
    }
}

impl Metrics {
    /// A deletion that was carried out while somebody waited for it.
    pub(crate) fn deleted(&self, done: &Done, took: Duration) {
        self.finished(done);
        self.measured().deletions.add(took);
    }

    /// A deletion, whoever carried it out, or tried its objects again.
    pub(crate) fn finished(&self, done: &Done) {
        if done.is_first {
            self.datasets_deleted.fetch_add(deleted::<Dataset>(done), Ordering::Relaxed);
            self.jobs_deleted.fetch_add(deleted::<Job>(done), Ordering::Relaxed);
        }
        self.bytes_freed.fetch_add(done.files.bytes, Ordering::Relaxed);
        let Some(report) = &done.objects else { return };
        self.files_deleted.fetch_add(report.deleted, Ordering::Relaxed);
        self.bytes_freed.fetch_add(report.bytes, Ordering::Relaxed);
        let outcome = match report.cleanup() {
            Cleanup::Complete => &self.cleanups,
            Cleanup::Kept => &self.cleanups_kept,
            // What is tried again was counted when it was tried first.
            Cleanup::Pending if !done.is_first => return,
            Cleanup::Pending => {
                self.files_failed.fetch_add(report.failed, Ordering::Relaxed);
                self.cleanups_failed.fetch_add(1, Ordering::Relaxed);
                return;
            }
        };
        outcome.fetch_add(1, Ordering::Relaxed);
        // What stays is known when nothing is left to be done.
        self.files_kept.fetch_add(report.skipped, Ordering::Relaxed);
    }

    /// A request that was answered.
    pub(crate) fn request(&self, method: &str, route: &str, status: u16, took: Duration) {
        let key = (method.to_owned(), route.to_owned(), status);
        self.measured().requests.entry(key).or_default().add(took);
    }

    /// A figure as it was just read from the store of a space.
    pub(crate) fn set(&self, name: &'static str, space: Option<&str>, value: u64) {
        let key = (name, space.unwrap_or_default().to_owned());
        self.measured().gauges.insert(key, value);
    }

    /// All of it, as Prometheus reads it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (name, what, value) in [
            ("metalith_datasets_deleted_total", "datasets deleted", &self.datasets_deleted),
            ("metalith_jobs_deleted_total", "jobs deleted", &self.jobs_deleted),
            ("metalith_objects_deleted_total", "objects deleted", &self.files_deleted),
            (
                "metalith_objects_failed_total",
                "objects that could not be deleted at first",
                &self.files_failed,
            ),
            ("metalith_objects_kept_total", "objects that others name", &self.files_kept),
            ("metalith_bytes_freed_total", "bytes freed, of tables and objects", &self.bytes_freed),
        ] {
            head(&mut text, name, what, "counter");
            line(&mut text, name, &value.load(Ordering::Relaxed));
        }
        let name = "metalith_cleanups_total";
        head(&mut text, name, "clean-ups of objects, by outcome", "counter");
        for (outcome, value) in [
            ("success", &self.cleanups),
            ("kept", &self.cleanups_kept),
            ("failure", &self.cleanups_failed),
        ] {
            let labelled = format!("{name}{{outcome=\"{outcome}\"}}");
            line(&mut text, &labelled, &value.load(Ordering::Relaxed));
        }
        let name = "metalith_requests_at_work";
        head(&mut text, name, "requests being answered", "gauge");
        line(&mut text, name, &self.at_work.load(Ordering::SeqCst));
        let measured = self.measured();
        let name = "metalith_deletion_seconds";
        head(&mut text, name, "how long deletions took", "histogram");
        measured.deletions.write(&mut text, name, "");
        let mut last = "";
        for ((name, space), value) in &measured.gauges {
            if *name != last {
                head(&mut text, name, "as last read from the store", "gauge");
                last = name;
            }
            line(&mut text, &format!("{name}{{space=\"{space}\"}}"), value);
        }
        let name = "metalith_request_seconds";
        head(&mut text, name, "how long requests took", "histogram");
        for ((method, route, status), times) in &measured.requests {
            let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
            times.write(&mut text, name, &labels);
        }
        text
    }

    fn measured(&self) -> MutexGuard<'_, Measured> {
        // Figures may be off by one after a panic elsewhere, and nothing worse.
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn head(text: &mut String, name: &str, what: &str, kind: &str) {
    // Writing to a text cannot fail.
    writeln!(text, "# HELP {name} {what}\n# TYPE {name} {kind}").ok();
}

fn line(text: &mut String, name: &str, value: &dyn std::fmt::Display) {
    writeln!(text, "{name} {value}").ok();
}
