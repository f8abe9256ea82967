//! Tests at the boundary: the built program, real git, real little programs as engines.
