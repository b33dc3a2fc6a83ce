//! `metalith audit`.

use metalith_lifecycle::audit::{self, Entry};
use metalith_store::Mode;
use serde_json::{Value, json};

use crate::{
    context::Context,
    failure::{Failure, Outcome, fail},
    printer::{number, table},
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// What was done, the oldest first
    Log,
    /// Check that no entry was changed, removed or moved
    Verify {
        /// Also check that an entry with this hash is there, which an earlier check told
        #[arg(long, value_name = "HASH")]
        contains: Option<String>,
    },
    /// Every entry as one JSON object a line, with its hash
    Export,
}

pub(crate) async fn run(command: &Command, context: &Context) -> Result<Outcome, Failure> {
    let (_, store) = context.open(Mode::Read).await?;
    match command {
        Command::Log => {
            let entries = audit::read(&store).await.map_err(fail)?;
            let json: Vec<Value> = entries.iter().map(entry_json).collect();
            context.printer.show(json!({ "entries": json }), || {
                let rows: Vec<Vec<String>> = entries.iter().map(line).collect();
                table(&["NO", "AT", "BY", "EVENT", "DELETION", "DETAILS"], &rows)
            })?;
            Ok(Outcome::Done)
        }
        Command::Export => {
            for entry in audit::read(&store).await.map_err(fail)? {
                context.printer.data(&format!("{}\n", entry_json(&entry)))?;
            }
            Ok(Outcome::Done)
        }
        Command::Verify { contains } => {
            let verified = audit::verify(&store).await.map_err(fail)?;
            let entries = audit::read(&store).await.map_err(fail)?;
            let absent =
                contains.as_ref().filter(|hash| !entries.iter().any(|it| it.hash == **hash));
            let findings: Vec<String> = verified
                .findings
                .iter()
                .map(|it| format!("entry {} {}", it.number, it.problem.told()))
                .chain(absent.map(|hash| format!("no entry has the hash {hash}")))
                .collect();
            let json = json!({
                "entries": verified.entries,
                "head": verified.head,
                "findings": findings,
            });
            context.printer.show(json, || match findings.as_slice() {
                [] => format!(
                    "{} entries, unbroken; the last one has the hash\n{}",
                    number(verified.entries),
                    verified.head.as_deref().unwrap_or("-")
                ),
                findings => findings.join("\n"),
            })?;
            Ok(if findings.is_empty() { Outcome::Done } else { Outcome::CheckFailed })
        }
    }
}

fn line(entry: &Entry) -> Vec<String> {
    vec![
        number(entry.number),
        entry.at.to_string(),
        entry.actor.clone().unwrap_or_default(),
        entry.event.clone(),
        entry.deletion.clone().unwrap_or_default(),
        entry.details.to_string(),
    ]
}

/// An entry, for scripts.
pub(crate) fn entry_json(entry: &Entry) -> Value {
    json!({
        "number": entry.number,
        "at": entry.at.to_string(),
        "actor": entry.actor,
        "event": entry.event,
        "deletion": entry.deletion,
        "details": entry.details,
        "previous": entry.previous,
        "hash": entry.hash,
    })
}
