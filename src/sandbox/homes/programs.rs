//! What of agents' settings starts programs (`…_STARTS`), and what permits more than their own presets do
//! (`…_PERMITS`), as pointers (`cut`). The agents' rows say where these facts stand.

use super::cut::COMMANDS;

pub(super) const CLAUDE_STARTS: &[&str] = &[
    "/apiKeyHelper",
    "/awsAuthRefresh",
    "/awsCredentialExport",
    "/fileSuggestion",
    "/gcpAuthRefresh",
    "/hooks",
    "/otelHeadersHelper",
    "/statusLine",
    "/subagentStatusLine",
];

pub(super) const CLAUDE_PERMITS: &[&str] = &[
    "/enableAllProjectMcpServers",
    "/enabledMcpjsonServers",
    "/enabledPlugins",
    "/extraKnownMarketplaces",
    "/permissions/additionalDirectories",
    "/permissions/allow",
    "/permissions/ask",
    "/permissions/defaultMode",
];

pub(super) const CODEX_STARTS: &[&str] = &[
    "/hooks",
    "/mcp_servers",
    "/model_providers/*/auth",
    "/notify",
    "/plugins",
];

pub(super) const CODEX_PERMITS: &[&str] = &[
    "/approval_policy",
    "/profiles/*/approval_policy",
    "/profiles/*/sandbox_mode",
    "/projects",
    "/sandbox_mode",
    "/sandbox_workspace_write",
];

pub(super) const AIDER_STARTS: &[&str] = &[
    "/editor",
    "/lint-cmd",
    "/load",
    "/notifications-command",
    "/test-cmd",
];

pub(super) const AIDER_VARIABLES_START: &[&str] = &[
    "/AIDER_EDITOR",
    "/AIDER_LINT_CMD",
    "/AIDER_LOAD",
    "/AIDER_NOTIFICATIONS_COMMAND",
    "/AIDER_TEST_CMD",
];

pub(super) const GOOSE_STARTS: &[&str] = &[
    "/CLAUDE_CODE_COMMAND",
    "/CODEX_COMMAND",
    "/CURSOR_AGENT_COMMAND",
    "/GEMINI_CLI_COMMAND",
    "/extensions",
];

pub(super) const OPENCODE_STARTS: &[&str] = &[
    "/experimental/hook",
    "/formatter",
    "/lsp",
    "/mcp",
    "/plugin",
    "/plugins",
];
pub(super) const OPENCODE_PERMITS: &[&str] = &[
    "/agent/*/permission!",
    "/mode/*/permission!",
    "/permission!",
    "/permissions!",
];
// Of Gemini CLI and its fork, in the names of older releases as well.
pub(super) const GEMINI_STARTS: &[&str] = &[
    "/hooks",
    "/mcp/serverCommand",
    "/mcpServerCommand",
    "/mcpServers",
    "/toolCallCommand",
    "/toolDiscoveryCommand",
    "/tools/callCommand",
    "/tools/discoveryCommand",
    "/tools/shell/pager",
];
pub(super) const GEMINI_PERMITS: &[&str] = &[
    "/allowedTools",
    "/autoAccept",
    "/context/includeDirectories",
    "/general/defaultApprovalMode",
    "/includeDirectories",
    "/permissions/allow",
    "/permissions/defaultMode",
    "/tools/allowed",
    "/tools/approvalMode",
    "/tools/autoAccept",
];
pub(super) const COPILOT_STARTS: &[&str] = &[
    "/enabledPlugins",
    "/hooks",
    "/installed_plugins",
    "/installedPlugins",
    "/lspServers",
    "/mcpServers",
    "/statusLine",
];
pub(super) const COPILOT_PERMITS: &[&str] = &[
    "/allowed_urls",
    "/allowedTools",
    "/allowedUrls",
    "/trusted_folders",
    "/trustedFolders",
];
pub(super) const AMP_STARTS: &[&str] = &["/amp.hooks", "/amp.mcpServers", "/amp.toolbox.path"];
pub(super) const AMP_PERMITS: &[&str] = &[
    "/amp.commands.allowlist",
    "/amp.dangerouslyAllowAll",
    "/amp.guardedFiles.allowlist",
    "/amp.mcpPermissions!",
    "/amp.permissions!",
];
// Values of keys may be commands of a shell.
pub(super) const CRUSH_STARTS: &[&str] = &["/hooks", "/lsp", "/mcp", COMMANDS];
pub(super) const CRUSH_PERMITS: &[&str] = &["/permissions/allowed_tools"];
pub(super) const CURSOR_PERMITS: &[&str] = &["/approvalMode", "/permissions/allow"];
