//! `metalith token`.

use metalith_registry::tokens::{self, Role};
use metalith_store::Mode;
use serde_json::{Value, json};

use crate::{
    context::Context,
    failure::{Failure, Outcome, fail},
    printer::table,
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make a token and show its secret, once
    Add(AddArgs),
    /// List tokens
    List,
    /// Make a token invalid
    Revoke(RevokeArgs),
}

#[derive(clap::Args)]
pub(crate) struct AddArgs {
    /// Who will have it; tombstones and the audit log name them by this
    name: String,
    /// What they may do: read, write, delete or admin
    #[arg(long)]
    role: Role,
    /// The space they work in [default: that of the project]
    #[arg(long, value_name = "NAME")]
    space: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct RevokeArgs {
    /// Whose token it is
    name: String,
}

pub(crate) async fn run(command: &Command, context: &Context) -> Result<Outcome, Failure> {
    match command {
        Command::Add(args) => add(args, context).await,
        Command::List => list(context).await,
        Command::Revoke(args) => {
            let (_, store) = context.open(Mode::Write).await?;
            let token = tokens::revoke(&store, &args.name).await.map_err(fail)?;
            let json = json!({ "name": token.name, "state": "revoked" });
            context
                .printer
                .show(json, || format!("token `{}` opens nothing any more", token.name))?;
            Ok(Outcome::Done)
        }
    }
}

async fn add(args: &AddArgs, context: &Context) -> Result<Outcome, Failure> {
    let (project, store) = context.open(Mode::Write).await?;
    let space = args.space.as_deref();
    // A name that no space can have opens nothing; better to say so now.
    project.in_space(space).map_err(fail)?;
    let secret = tokens::add(&store, &args.name, args.role, space).await.map_err(fail)?;
    let json = json!({
        "name": args.name,
        "role": args.role.name(),
        "space": space,
        "token": secret.reveal(),
    });
    context.printer.show(json, || secret.reveal().to_owned())?;
    context.printer.remark("keep it safe: it is not shown again");
    Ok(Outcome::Done)
}

async fn list(context: &Context) -> Result<Outcome, Failure> {
    let (_, store) = context.open(Mode::Read).await?;
    let found = tokens::list(&store).await.map_err(fail)?;
    let state = |is_revoked| if is_revoked { "revoked" } else { "valid" };
    let json: Vec<Value> = found
        .iter()
        .map(|it| {
            json!({
                "name": it.name,
                "role": it.role.name(),
                "space": it.space,
                "state": state(it.is_revoked),
                "at": it.at.to_string(),
            })
        })
        .collect();
    context.printer.show(json!({ "tokens": json }), || {
        let rows: Vec<Vec<String>> = found
            .iter()
            .map(|it| {
                let space = it.space.clone().unwrap_or_default();
                let (role, state) = (it.role.to_string(), state(it.is_revoked).to_owned());
                vec![it.name.clone(), role, space, state, it.at.to_string()]
            })
            .collect();
        table(&["NAME", "ROLE", "SPACE", "STATE", "SINCE"], &rows)
    })?;
    Ok(Outcome::Done)
}
