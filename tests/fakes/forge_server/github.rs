//! GitHub: REST, and of GraphQL what REST cannot do.

use crate::call::{Call, Reply};
use crate::state::Forge;
use serde_json::json;

/// Answers a request.
pub fn answer(_forge: &mut Forge, _call: &Call) -> Reply {
    Reply::json(404, json!({"message": "Not Found", "status": "404"}))
}
