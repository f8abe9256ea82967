//! What of each agent's credentials a refresh changes.

use super::agent::Refresh;

pub(super) const CLAUDE: Refresh = Refresh {
    fields: &[
        "/claudeAiOauth/accessToken",
        "/claudeAiOauth/refreshToken",
        "/claudeAiOauth/expiresAt",
    ],
    same: &[],
    newer: Some("/claudeAiOauth/expiresAt"),
};

pub(super) const CODEX: Refresh = Refresh {
    fields: &[
        "/tokens/id_token",
        "/tokens/access_token",
        "/tokens/refresh_token",
        "/last_refresh",
    ],
    same: &["/tokens/account_id"],
    newer: Some("/last_refresh"),
};

/// Of Google's client library, which Qwen Code's file follows. Its `resource_url` says where requests go and is
/// therefore none of the fields.
pub(super) const GOOGLE: Refresh = Refresh {
    fields: &[
        "/access_token",
        "/refresh_token",
        "/id_token",
        "/expiry_date",
    ],
    same: &["/resource_url"],
    newer: Some("/expiry_date"),
};

pub(super) const OPENCODE: Refresh = Refresh {
    fields: &["/*/access", "/*/refresh", "/*/expires"],
    same: &["/*/type", "/*/accountId", "/*/enterpriseUrl"],
    newer: Some("/*/expires"),
};

pub(super) const CURSOR: Refresh = Refresh {
    fields: &["/accessToken", "/refreshToken"],
    same: &[],
    newer: None,
};
