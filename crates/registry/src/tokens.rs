//! Tokens: who may ask a server for what.
//!
//! A token is a random secret that is shown once. What is kept of it is its SHA-256, with a name,
//! a role and perhaps a space, as rows of the system table `metalith-system/tokens` of the
//! project's store; the newest row of a name counts. The secret has more than 240 random bits, so
//! one round of hashing protects it.

use std::{collections::BTreeMap, fmt, str::FromStr};

use arrow::{
    array::{Array as _, AsArray as _, Int64Array, RecordBatch, StringArray},
    datatypes::Int64Type,
};
use metalith_base::{FeatureKey, Kind, Timestamp};
use metalith_store::{CommitNote, Rows, Store};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::RegistryError;

const TABLE: &str = "metalith-system/tokens";
/// What every secret begins with, so that one that leaked is recognised.
const PREFIX: &str = "mlt_";

/// What somebody may do. Each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Read,
    /// Add and change.
    Write,
    /// Delete and restore.
    Delete,
    /// Release holds, apply retention, delete orphans.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Delete, Self::Admin];

    /// The name, as doors take it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|it| it.name() == name);
        found.ok_or_else(|| "choose read, write, delete or admin".to_owned())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Who has it. Tombstones and the audit log name them by this.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// In which space; `None`: in that of the project.
    pub space: Option<String>,
    /// When it was made, or revoked.
    pub at: Timestamp,
    /// Whether it is not valid any more.
    pub is_revoked: bool,
    digest: String,
}

/// The secret of a new token. It shows itself to nobody who does not ask.
pub struct Secret(String);

impl Secret {
    /// The secret, to be given to its owner and to nobody else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The valid tokens, to look up who asks.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    by_digest: BTreeMap<String, Token>,
    were_ever: bool,
}

impl Tokens {
    /// Reads those that are valid now.
    pub async fn read(store: &Store) -> Result<Self, RegistryError> {
        let (all, were_ever) = read_all(store).await?;
        let valid = all.into_iter().filter(|token| !token.is_revoked);
        let by_digest = valid.map(|token| (token.digest.clone(), token)).collect();
        Ok(Self { by_digest, were_ever })
    }

    /// Whose secret this is. What is compared is a hash of what was sent, so the time it takes says
    /// nothing about secrets.
    pub fn owner(&self, secret: &str) -> Option<&Token> {
        self.by_digest.get(&digest(secret))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_digest.is_empty()
    }

    /// Whether everybody must show one: from the first token on, also when all were revoked.
    pub fn are_required(&self) -> bool {
        self.were_ever
    }
}

/// Makes a token. A name is given once as long as its token is valid.
pub async fn add(
    store: &Store,
    name: &str,
    role: Role,
    space: Option<&str>,
) -> Result<Secret, RegistryError> {
    crate::link::check_name("name", name)?;
    let all = list(store).await?;
    let before = all.iter().find(|it| it.name == name);
    if before.is_some_and(|it| !it.is_revoked) {
        let problem = format!("there is a token `{name}` already");
        return Err(RegistryError::Token { problem, kind: Kind::Invalid });
    }
    let random = || Uuid::new_v4().simple().to_string();
    let secret = format!("{PREFIX}{}{}", random(), random());
    let token = Token {
        name: name.to_owned(),
        role,
        space: space.map(str::to_owned),
        at: after(store.now(), before),
        is_revoked: false,
        digest: digest(&secret),
    };
    write(store, &token).await?;
    Ok(Secret(secret))
}

/// Makes a token invalid.
pub async fn revoke(store: &Store, name: &str) -> Result<Token, RegistryError> {
    let found = list(store).await?.into_iter().find(|it| it.name == name && !it.is_revoked);
    let Some(token) = found else {
        let problem = format!("there is no token `{name}`");
        return Err(RegistryError::Token { problem, kind: Kind::NotFound });
    };
    let at = after(store.now(), Some(&token));
    let revoked = Token { at, is_revoked: true, ..token };
    write(store, &revoked).await?;
    Ok(revoked)
}

/// A time at which a row counts more than the one before, also when that was written by a machine
/// whose clock is ahead.
fn after(now: Timestamp, before: Option<&Token>) -> Timestamp {
    let least = before.map_or(i64::MIN, |token| token.at.as_micros() + 1);
    Timestamp::from_micros(now.as_micros().max(least))
}

/// Every token there ever was, by name, revoked ones too where nothing newer has their name.
pub async fn list(store: &Store) -> Result<Vec<Token>, RegistryError> {
    Ok(read_all(store).await?.0)
}

/// The same, and whether there is any row at all, be it one that is not understood.
async fn read_all(store: &Store) -> Result<(Vec<Token>, bool), RegistryError> {
    let Some(rows) = store.read_system(&table()).await? else { return Ok((Vec::new(), false)) };
    let (mut tokens, mut is_any) = (BTreeMap::<String, Token>::new(), false);
    for batch in rows.collect().await? {
        is_any |= batch.num_rows() > 0;
        for token in (0..batch.num_rows()).filter_map(|row| read(&batch, row)) {
            let known = tokens.get(&token.name);
            // Of two at the same time, the one counts that opens nothing.
            let counts =
                |known: &Token| (known.at, known.is_revoked) <= (token.at, token.is_revoked);
            if known.is_none_or(counts) {
                tokens.insert(token.name.clone(), token);
            }
        }
    }
    Ok((tokens.into_values().collect(), is_any))
}

async fn write(store: &Store, token: &Token) -> Result<(), RegistryError> {
    let text = |value: Option<&str>| StringArray::from(vec![value]);
    let state = if token.is_revoked { "revoked" } else { "valid" };
    let row = RecordBatch::try_from_iter_with_nullable([
        ("name", std::sync::Arc::new(text(Some(&token.name))) as _, true),
        ("role", std::sync::Arc::new(text(Some(token.role.name()))) as _, true),
        ("space", std::sync::Arc::new(text(token.space.as_deref())) as _, true),
        ("digest", std::sync::Arc::new(text(Some(&token.digest))) as _, true),
        ("state", std::sync::Arc::new(text(Some(state))) as _, true),
        ("at", std::sync::Arc::new(Int64Array::from(vec![token.at.as_micros()])) as _, true),
    ])?;
    store.append_system(&table(), Rows::from_batch(row), CommitNote::new("token")).await?;
    Ok(())
}

/// A token that is not understood opens nothing, and neither does one of its name that came before.
/// `None` for a row without a name.
fn read(batch: &RecordBatch, row: usize) -> Option<Token> {
    let text = |name: &str| {
        let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let at = batch.column_by_name("at")?.as_primitive_opt::<Int64Type>()?.value(row);
    let role = text("role").and_then(|role| role.parse().ok());
    let is_valid = text("state").as_deref() == Some("valid");
    Some(Token {
        name: text("name")?,
        is_revoked: role.is_none() || !is_valid,
        role: role.unwrap_or(Role::Read),
        space: text("space"),
        at: Timestamp::from_micros(at),
        digest: text("digest").unwrap_or_default(),
    })
}

fn digest(secret: &str) -> String {
    Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn table() -> FeatureKey {
    TABLE.parse().expect("the name of a system table is a key")
}
