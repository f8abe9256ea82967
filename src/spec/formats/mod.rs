//! The formats, one a file. None knows of another.

pub(super) mod agentos;
pub(super) mod ccsdd;
pub(super) mod kiro;
pub(super) mod markdown;
pub(super) mod openspec;
pub(super) mod ralph;
pub(super) mod speckit;
pub(super) mod taskmaster;
