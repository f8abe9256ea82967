//! codelicious turns specs into small, verified pull requests, unattended.
//!
//! A pure core decides; thin shells act. ARCHITECTURE.md holds the map and the rules of direction.

pub mod app;
pub mod cli;
pub mod config;
pub mod core;
pub mod crash;
pub mod driver;
pub mod engines;
pub mod forge;
pub mod fsx;
pub mod git;
pub mod ledger;
pub mod markdown;
pub mod model;
pub mod net;
pub mod pattern;
pub mod ports;
pub mod proc;
pub mod sandbox;
pub mod spec;
pub mod ui;
pub mod verify;
