//! users_files
