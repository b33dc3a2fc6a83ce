//! The server from outside: its description, the TypeScript client, and the page in a browser.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    counted::Counts,
    debian, interop, root,
    step::{built, command, step},
};

/// What asks a server everything that its description allows.
const SCHEMATHESIS: &str = "tools/openapi/requirements.txt";
/// The browser, as Debian packages it.
const CHROMIUM: &str = "/usr/bin/chromium";

/// Everything that decides about what others see of a server.
pub(crate) fn test() -> Result<Counts> {
    step("browser", || debian::package("chromium", CHROMIUM, "the page is tested in Chromium"))?;
    let node = step("node", interop::node)?;
    step("npm packages", || packages(&node))?;
    let python = step("schemathesis", || interop::python(SCHEMATHESIS))?;
    let metalith = step("the command", || built(&["--bin", "metalith"], "metalith"))?;
    let environment = [
        ("METALITH_SCREENSHOTS", screenshots(&metalith)?),
        ("METALITH", metalith),
        ("METALITH_CHROMIUM", CHROMIUM.into()),
        ("SCHEMATHESIS", python.with_file_name("schemathesis")),
    ];
    let counts = step("web tests", || tests(&node, &environment))?;
    step("typescript types", || {
        let compiler = folder().join("node_modules/typescript/bin/tsc");
        command(Command::new(&node).arg(compiler).current_dir(folder()))
    })?;
    Ok(counts)
}

fn folder() -> PathBuf {
    root().join("clients/typescript")
}

/// Installs what the lock file names, once for each content of it, and lets the client have it.
fn packages(node: &Path) -> Result<()> {
    let names = ["package.json", "package-lock.json"];
    let mut text = Vec::new();
    for name in names {
        text.extend(fs::read(folder().join(name)).with_context(|| format!("{name} is missing"))?);
    }
    let place = interop::cache()?.join(format!("npm-{:016x}", interop::fingerprint(&text)));
    let ready = place.join("ready");
    if !ready.exists() {
        fs::create_dir_all(&place)?;
        for name in names {
            fs::copy(folder().join(name), place.join(name))?;
        }
        let install = ["ci", "--silent", "--no-audit", "--no-fund", "--prefix"];
        command(interop::npm(node)?.args(install).arg(&place))
            .context("the packages of clients/typescript could not be installed")?;
        fs::write(&ready, "")?;
    }
    let link = folder().join("node_modules");
    if link.symlink_metadata().is_ok_and(|it| it.is_dir()) {
        bail!("{} is a folder of somebody's own: remove it", link.display());
    }
    if link.symlink_metadata().is_ok() {
        fs::remove_file(&link)?;
    }
    std::os::unix::fs::symlink(place.join("node_modules"), &link)
        .with_context(|| format!("{} cannot be made", link.display()))
}

/// Where pictures of the page are left, beside what is built.
fn screenshots(metalith: &Path) -> Result<PathBuf> {
    let target = metalith.ancestors().nth(2).context("an odd place for what is built")?;
    Ok(target.join("page"))
}

/// Runs the tests. One that is skipped counts as a failure.
fn tests(node: &Path, environment: &[(&str, PathBuf)]) -> Result<Counts> {
    let report = tempfile::NamedTempFile::new()?;
    let mut tests = Command::new(node);
    tests
        .args(["--test", "--test-concurrency=2", "--test-reporter=spec"])
        .args(["--test-reporter-destination=stdout", "--test-reporter=tap"])
        .arg(format!("--test-reporter-destination={}", report.path().display()))
        .arg("tests/*.test.ts")
        .envs(environment.iter().map(|(name, value)| (*name, value)))
        .current_dir(folder());
    let ended = command(&mut tests);
    let report = fs::read_to_string(report.path()).unwrap_or_default();
    let count = |name: &str| total(&report, name);
    let failed = count("fail") + count("cancelled");
    if let Err(error) = ended {
        bail!("{error}: {failed} failed");
    }
    let left_out = count("skipped") + count("todo");
    if left_out > 0 || count("pass") == 0 {
        bail!("{} passed and {left_out} were skipped; run them or remove them", count("pass"));
    }
    if let Some((_, place)) = environment.iter().find(|(name, _)| *name == "METALITH_SCREENSHOTS") {
        println!("    how the page looks: {}", place.display());
    }
    Ok(Counts { passed: count("pass"), failed, ignored: 0 })
}

/// A number at the end of a report.
fn total(report: &str, name: &str) -> u64 {
    let start = format!("# {name} ");
    let line = report.lines().rev().find_map(|line| line.strip_prefix(&start));
    line.and_then(|text| text.trim().parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn a_report_tells_its_totals() {
        let report = "ok 1 - a\n# tests 4\n# pass 3\n# fail 1\n# cancelled 0\n# skipped 2\n";
        assert_eq!(["pass", "fail", "skipped", "todo"].map(|it| total(report, it)), [3, 1, 2, 0]);
    }
}
