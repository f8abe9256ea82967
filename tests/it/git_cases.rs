//! git_cases
