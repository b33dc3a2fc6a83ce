//! Delta tables against the contract of a backend, real files, real processes and a real S3 server.

mod contract;
mod support;
