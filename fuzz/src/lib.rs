//! What holds for anything that codelicious reads from outside, and what makes inputs of it.

pub mod json_mutator;
pub mod properties;
