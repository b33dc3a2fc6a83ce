//! The store: current rows, writing, resolving, deleting, over any place that keeps tables.
//!
//! [`Store`] is what doors and the lifecycle use. A place that keeps tables implements [`Backend`];
//! the memory backend lives here, others in crates of their own. The rules of versions, current
//! rows and increments are those of the versioning contract (see ARCHITECTURE.md); they are
//! expressed once, as query plans, and run the same over every backend.
//!
//! What this crate is not: it knows no file format, no configuration and no graph of deletions.
//! Data fusion types stay inside, but for Arrow, which is how rows travel, and for
//! [`lower_expression`] and [`physical_expression`], so that expressions mean the same wherever they
//! are evaluated.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the types of Arrow and its kin are many and grow; what is not named is refused or kept"
)]

mod ahead;
mod backend;
mod backfill;
mod carry;
mod chain;
mod chunk_scan;
mod compare;
mod copy;
mod current;
mod custom_join;
mod deletion;
mod detach;
mod direct;
mod doomed;
mod error;
mod evolution;
mod expected;
mod facts;
mod findings;
mod hash;
mod increment;
mod key_index;
mod keys;
mod known;
mod lower;
mod maintain;
mod marked;
mod memory;
mod native;
mod plain;
mod prune;
mod read;
mod rebase;
mod restore;
mod retry;
mod row_test;
mod rows;
mod samples;
mod selections;
mod settings;
mod settled;
mod sift;
mod spaces;
mod status;
mod store;
mod system;
mod together;
mod turns;
mod unique;
mod versions;
mod write;
mod written;

pub use crate::{
    backend::{
        Backend, Change, Chunk, ChunkRequest, Commit, CommitNote, MarkerState, OwnFiles,
        Precondition, Replacement, SPACES, StoreMarker, Table, TableAction, TableChange,
        Transactions, Vacuum, Vacuumed,
    },
    backfill::{BackfillRequest, Fill, Function, FunctionError},
    carry::{CarryProblem, CarryReceipt, CarryRequest, Execution},
    copy::{CopyOptions, CopyReceipt},
    deletion::{DeletionMode, DeletionPlan, DeletionReceipt, DeletionRequest},
    detach::{DetachReceipt, DetachRequest, detach_tag},
    error::{PlaceProblem, RequestProblem, RowProblem, StorageReason, StoreError},
    evolution::{adapt_array, adapt_batch, is_lossless, merge_schemas, stored_type},
    facts::{ChunkFacts, ColumnFacts, Distinct, PartFacts, Run},
    findings::Finding,
    increment::{Extent, Increment, ResolveOptions, Resolved},
    keys::Keys,
    known::repeated,
    lower::{expression_type, lower_expression, stored_as},
    maintain::{MaintainOptions, MaintenanceReport},
    marked::{Mark, Obstacle, Since, Source, TakeBack, TakenBack},
    memory::MemoryBackend,
    native::{
        Answer, Compute, Computed, Condition, Current, FieldHash, Found, HashPart, Question,
        Resolver, Stored, Upstream,
    },
    plain::{Digest, Keeping, OpenChange, PlainTables, Prepared, Put},
    read::ReadOptions,
    restore::{RestoreReceipt, RestoreRequest},
    retry::until_undisturbed,
    row_test::physical_expression,
    rows::{Frame, Outbox, Rows},
    settings::{HashAlgorithm, HashSettings},
    settled::Notes,
    spaces::SpaceOf,
    status::{FeatureStatus, IncrementCounts, StatusOptions},
    store::{Absent, Mode, OpenOptions, Store},
    system::{SystemTail, is_system as is_system_table},
    together::{SamplesChange, SamplesChanged},
    turns::{Turn, Turns},
    write::{OverFallback, WriteOptions},
};
