//! Where pull requests live, and what they say.
//!
//! [`body`] makes title and text from facts, the same for every forge. [`local`] keeps pull requests as
//! files, for repositories without a forge and for work offline.

pub mod body;
#[cfg(test)]
mod contract;
pub mod local;
mod safe;

pub use local::LocalForge;
