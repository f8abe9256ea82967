//! The command line and nothing else: words in, a [`crate::config::Request`] out.

pub mod args;
