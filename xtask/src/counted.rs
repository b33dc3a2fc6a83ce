//! Running tests, with their results added up.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use anyhow::{Context as _, Result, bail};

use crate::step::cargo_command;

/// What many test programs reported together.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Counts {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
    /// Tests that were not run.
    pub(crate) ignored: u64,
}

impl Counts {
    /// Adds what a line of a test program says at its end, if it is one.
    fn add(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("test result: ") else { return };
        let words: Vec<&str> = rest.split([' ', ';', '.']).filter(|it| !it.is_empty()).collect();
        for pair in words.windows(2) {
            let Ok(count) = pair[0].parse::<u64>() else { continue };
            match pair[1] {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }

    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            ignored: self.ignored + other.ignored,
        }
    }
}

/// Runs `cargo test` with arguments, shows what it prints, and adds up the results. Tests that
/// are not run count as a failure: nothing is skipped in silence.
pub(crate) fn tests(args: &[&str], variables: &[(&str, &str)]) -> Result<Counts> {
    let mut child = cargo_command()
        .arg("test")
        .args(args)
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo test could not be started")?;
    let mut counts = Counts::default();
    let output = child.stdout.take().context("cargo test has no output")?;
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        counts.add(&line);
    }
    let status = child.wait()?;
    let Counts { passed, failed, ignored } = counts;
    if !status.success() {
        bail!(
            "cargo test {} ended with {status}: {passed} passed, {failed} failed",
            args.join(" ")
        );
    }
    if ignored > 0 {
        bail!("{ignored} tests were ignored; run them or remove them");
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn results_are_added_up() {
        let mut counts = Counts::default();
        counts.add("running 2 tests");
        counts.add(
            "test result: ok. 6 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; \
             finished in 0.01s",
        );
        counts.add("test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured");
        assert_eq!(counts, Counts { passed: 9, failed: 1, ignored: 2 });
    }
}
