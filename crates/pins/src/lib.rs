//! No code: the features of shared dependencies, chosen once.
//!
//! Without it `cargo test -p metalith-store` and `cargo test --workspace` would choose different
//! features of shared packages and build `DataFusion` twice. Every crate from layer 2 up depends
//! on it. Its manifest is written by `cargo xtask pins`.
