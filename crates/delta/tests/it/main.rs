//! Delta tables against the contract of a backend, real files, real processes and a real S3 server.

mod contract;
mod damage;
mod foreign;
mod full_disk;
mod leftovers;
mod log;
mod places;
mod processes;
mod support;
