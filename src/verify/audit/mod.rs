//! The audit of a diff: what in it makes checks pass without the work being done.
//!
//! Pure: texts in, findings out. [`regions`] tells tests from other code, for the audit and for who runs the tests
//! of a change without the rest of it.

#[allow(dead_code)]
mod inventory;
#[allow(dead_code)]
mod language;
#[allow(dead_code)]
mod lexer;
mod regions;
#[allow(dead_code)]
mod source;

pub use regions::{is_test_file, test_regions, tests_only};
