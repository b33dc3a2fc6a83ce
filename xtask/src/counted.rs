//! Running tests, with their results added up.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
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

/// For how long nothing may be told; the longest test takes some minutes.
const SILENCE: Duration = Duration::from_secs(20 * 60);
/// How often it is looked whether all is over.
const LOOK: Duration = Duration::from_secs(1);

/// Runs `cargo test` with arguments, shows what it prints, and adds up the results. Tests that
/// are not run count as a failure: nothing is skipped in silence. So do tests that do not end.
pub(crate) fn tests(args: &[&str], variables: &[(&str, &str)]) -> Result<Counts> {
    // Folders that tests keep for as long as their process lives go with it.
    let scratch = tempfile::tempdir()?;
    let mut child = cargo_command()
        .arg("test")
        .args(args)
        .envs(variables.iter().copied())
        .env("TMPDIR", scratch.path())
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo test could not be started")?;
    let output = child.stdout.take().context("cargo test has no output")?;
    let mut watched = Watched::default();
    watched.watch(&mut child, &lines(output))?;
    let status = child.wait()?;
    let Counts { passed, failed, ignored } = watched.counts;
    if !status.success() {
        bail!(
            "cargo test {} ended with {status}: {passed} passed, {failed} failed",
            args.join(" ")
        );
    }
    if ignored > 0 {
        bail!("{ignored} tests were ignored; run them or remove them");
    }
    Ok(watched.counts)
}

/// What is printed, line by line.
fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// What tests told.
#[derive(Debug, Default)]
struct Watched {
    counts: Counts,
    /// Those that take long and have not ended.
    slow: BTreeSet<String>,
}

impl Watched {
    /// Shows and reads lines until the child has ended. Not until all is read: what a test left
    /// behind may hold the other end open for ever.
    fn watch(&mut self, child: &mut Child, lines: &Receiver<String>) -> Result<()> {
        let mut told = Instant::now();
        loop {
            match lines.recv_timeout(LOOK) {
                Ok(line) => {
                    told = Instant::now();
                    println!("{line}");
                    self.read(&line);
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) if child.try_wait()?.is_some() => return Ok(()),
                Err(RecvTimeoutError::Timeout) if told.elapsed() > SILENCE => {
                    let id = child.id().to_string();
                    // The test program first, so that it does not go on alone.
                    Command::new("pkill").args(["-KILL", "-P", &id]).status().ok();
                    child.kill()?;
                    let slow: Vec<&str> = self.slow.iter().map(String::as_str).collect();
                    let minutes = SILENCE.as_secs() / 60;
                    bail!("no test ended for {minutes} minutes; at work: {}", slow.join(", "));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn read(&mut self, line: &str) {
        self.counts.add(line);
        let Some(rest) = line.strip_prefix("test ") else { return };
        if let Some((name, _)) = rest.split_once(" has been running for over ") {
            self.slow.insert(name.to_owned());
        } else if let Some((name, _)) = rest.split_once(" ... ") {
            self.slow.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::{Counts, Watched, lines};

    #[test]
    fn what_a_test_leaves_behind_is_not_waited_for() {
        // The child ends at once; `cat` keeps its output open for as long as we keep its input.
        let mut child = Command::new("sh")
            .args(["-c", "exec 3<&0; cat <&3 & echo 'test result: ok. 2 passed; 0 failed'"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut watched = Watched::default();
        let output = lines(child.stdout.take().unwrap());
        watched.watch(&mut child, &output).unwrap();
        assert_eq!(watched.counts.passed, 2);
        drop(input);
    }

    #[test]
    fn tests_at_work_are_known() {
        let mut watched = Watched::default();
        watched.read("test a::slow has been running for over 60 seconds");
        watched.read("test a::slower has been running for over 60 seconds");
        watched.read("test a::slow ... ok");
        assert_eq!(watched.slow.into_iter().collect::<Vec<_>>(), ["a::slower"]);
    }

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
