//! The records of a repository: ledgers, events, debug logs.
//!
//! All of them can be thrown away: git holds the truth. Ledgers resume a run sooner and know what git does
//! not (attempts, intents, what persons said); events and logs are for people and programs, never for recovery.
//! In the mailbox persons leave their moves for whoever holds the run lock.

pub mod codec;
pub mod events;
pub mod log;
pub mod mailbox;
pub mod store;
mod wire;
mod wire_delivery;
mod wire_evidence;
mod wire_moves;

pub use codec::{CodecError, decode, encode};
pub use events::{EventError, EventLog, RecordError};
pub use mailbox::{Delivered, Letter, MailError, Mailbox, Posted, Unusable};
pub use store::{Loaded, Saved, Store, StoreError};
#[doc(hidden)]
pub use wire_moves::{decode_move, encode_move};
