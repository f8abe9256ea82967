//! The records of a repository: ledgers, events, debug logs.
//!
//! All of them can be thrown away: git holds the truth. Ledgers resume a run sooner and know what git does
//! not (attempts, intents); events and logs are for people and programs, never for recovery.

pub mod codec;
pub mod events;
pub mod log;
pub mod store;
mod wire;

pub use codec::{CodecError, decode, encode};
pub use events::{EventError, EventLog, RecordError};
pub use store::{Loaded, Saved, Store, StoreError};
