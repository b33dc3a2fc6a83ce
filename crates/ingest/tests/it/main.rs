//! Files in and out, and folders as samples.

mod files;
mod scanning;
