//! The file system, done carefully: durable atomic writes, the run lock, discovery, bounded reads.
//!
//! Everything that writes a file that matters goes through [`atomic`]; everything that locks goes through
//! [`lock`]. This module knows paths and bytes; what the bytes mean is its callers' business.

pub mod atomic;
pub mod beneath;
mod error;
mod ignores;
mod list;
pub mod lock;
pub mod names;
pub mod read;
pub mod root;
pub mod rotate;
pub mod temporary;
pub mod tree;
pub mod walk;

pub use beneath::{Beneath, read_beneath};
pub use error::FsError;
pub use list::{Listing, list_beneath};
pub use read::read_bounded;
pub use temporary::Temporary;
