//! file_names
