//! The agents that are known. A row an agent; a row's comment says where its facts stand.
//!
//! Paths are below the folder that they stand in. What a row does not name is not copied: histories, caches, other
//! projects' sessions, downloaded plugins.

use super::agent::{Agent, Folder, Item, NamedBy, file, secret, tree};
use super::programs::*;
use super::refresh::{CLAUDE, CODEX, CURSOR, GOOGLE, OPENCODE};

/// All agents that are known.
pub const AGENTS: &[Agent] = &[
    // code.claude.com/docs: claude-directory (what lies in ~/.claude, and that CLAUDE_CONFIG_DIR moves all of it),
    // settings, authentication (.credentials.json on Linux, the keychain on macOS), network-config (hosts).
    // With CLAUDE_CONFIG_DIR set, .claude.json lies in that folder too. Of permissions the denials come along. Plugins
    // do not: plugins/installed_plugins.json names them by absolute paths in the user's home (reports to
    // anthropics/claude-code), where nothing inside may look.
    Agent {
        name: "claude",
        also: &["claude-code"],
        folders: &[Folder {
            at: ".claude",
            named_by: NamedBy::Own("CLAUDE_CONFIG_DIR"),
            copied: &[
                file("settings.json")
                    .starting(CLAUDE_STARTS)
                    .never(CLAUDE_PERMITS),
                file("CLAUDE.md"),
                tree("agents"),
                tree("commands"),
                tree("hooks").starts(),
                tree("output-styles"),
                tree("rules"),
                tree("skills"),
                Item::keys(
                    ".claude.json",
                    &[
                        "customApiKeyResponses",
                        "hasCompletedOnboarding",
                        "installMethod",
                        "lastOnboardingVersion",
                        "mcpServers",
                        "oauthAccount",
                        "primaryApiKey",
                        "userID",
                    ],
                )
                .starting(&["/mcpServers"]),
                secret(".credentials.json", Some(&CLAUDE)),
            ],
            // A project's `memory` is read into every later session, so it is not among it.
            kept: &[
                "projects/*/*.jsonl",
                "projects/*/*/subagents/**",
                "projects/*/*/tool-results/**",
                "todos/*.json",
            ],
        }],
        hosts: &[
            "api.anthropic.com",
            "console.anthropic.com",
            "platform.claude.com",
        ],
        addresses: &[
            "ANTHROPIC_BASE_URL",
            "ANTHROPIC_BEDROCK_BASE_URL",
            "ANTHROPIC_VERTEX_BASE_URL",
            "ANTHROPIC_FOUNDRY_BASE_URL",
        ],
        any_provider: false,
        installs: &[".local/share/claude", ".claude/local"],
    },
    // developers.openai.com/codex: config-basic, config-advanced (CODEX_HOME, profiles in files of their own), auth
    // (auth.json, or the keyring), AGENTS.md guide; github.com/openai/codex: docs/config.md.
    Agent {
        name: "codex",
        also: &[],
        folders: &[Folder {
            at: ".codex",
            named_by: NamedBy::Own("CODEX_HOME"),
            copied: &[
                file("config.toml")
                    .starting(CODEX_STARTS)
                    .never(CODEX_PERMITS),
                file("AGENTS.md"),
                file("AGENTS.override.md"),
                file("hooks.json").starts(),
                tree("agents"),
                tree("prompts"),
                tree("rules"),
                tree("skills"),
                secret("auth.json", Some(&CODEX)),
                secret(".credentials.json", None),
            ],
            kept: &[
                "sessions/**",
                "session_index.jsonl",
                "state_*.sqlite*",
                "installation_id",
            ],
        }],
        hosts: &["api.openai.com", "auth.openai.com", "chatgpt.com"],
        addresses: &["OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT"],
        any_provider: false,
        installs: &[],
    },
    // geminicli.com/docs/reference/configuration (settings, .env, trustedFolders.json), get-started/authentication.
    // GEMINI_CLI_HOME names the folder that holds .gemini.
    Agent {
        name: "gemini",
        also: &["gemini-cli"],
        folders: &[Folder {
            at: ".gemini",
            named_by: NamedBy::Above("GEMINI_CLI_HOME", ""),
            copied: &[
                file("settings.json")
                    .starting(GEMINI_STARTS)
                    .never(GEMINI_PERMITS),
                file("GEMINI.md"),
                file("trustedFolders.json"),
                tree("agents"),
                tree("commands"),
                tree("policies"),
                tree("skills"),
                secret(".env", None),
                secret("google_accounts.json", None),
                secret("oauth_creds.json", Some(&GOOGLE)),
                secret("gemini-credentials.json", None),
                secret("mcp-oauth-tokens.json", None),
            ],
            kept: &["tmp/*/chats/**", "projects.json", "installation_id"],
        }],
        hosts: &[
            "aiplatform.googleapis.com",
            "cloudcode-pa.googleapis.com",
            "generativelanguage.googleapis.com",
            "oauth2.googleapis.com",
        ],
        addresses: &[
            "GOOGLE_GEMINI_BASE_URL",
            "GOOGLE_VERTEX_BASE_URL",
            "CODE_ASSIST_ENDPOINT",
        ],
        any_provider: false,
        installs: &[],
    },
    // opencode.ai/docs: config, rules, providers (auth.json in the data folder). Its folders follow the XDG Base
    // Directory Specification on macOS too.
    Agent {
        name: "opencode",
        also: &[],
        folders: &[
            Folder {
                at: ".config/opencode",
                named_by: NamedBy::Above("XDG_CONFIG_HOME", ".config"),
                copied: &[
                    file("opencode.json")
                        .starting(OPENCODE_STARTS)
                        .never(OPENCODE_PERMITS),
                    file("opencode.jsonc")
                        .starting(OPENCODE_STARTS)
                        .never(OPENCODE_PERMITS),
                    file("config.json")
                        .starting(OPENCODE_STARTS)
                        .never(OPENCODE_PERMITS),
                    file("AGENTS.md"),
                    tree("agent"),
                    tree("agents"),
                    tree("command"),
                    tree("commands"),
                    tree("plugin").starts(),
                    tree("plugins").starts(),
                    tree("skill"),
                    tree("skills"),
                    tree("tool").starts(),
                    tree("tools").starts(),
                ],
                kept: &[],
            },
            Folder {
                at: ".local/share/opencode",
                named_by: NamedBy::Above("XDG_DATA_HOME", ".local/share"),
                copied: &[
                    secret("auth.json", Some(&OPENCODE)),
                    secret("mcp-auth.json", None),
                ],
                kept: &["storage/**", "opencode*.db*", "project/*/storage/**"],
            },
        ],
        // Release 1.18.33 asks the second one for its list of models; refused, it goes on with what it has.
        hosts: &["models.dev", "models.opencode.ai"],
        addresses: &[],
        any_provider: true,
        installs: &[".opencode/bin"],
    },
    // aider.chat/docs: config/aider_conf, config/dotenv, config/adv-model-settings. It reads the home itself.
    Agent {
        name: "aider",
        also: &[],
        folders: &[
            Folder {
                at: "",
                named_by: NamedBy::Nothing,
                copied: &[
                    file(".aider.conf.yml")
                        .starting(AIDER_STARTS)
                        .never(&["/yes-always"]),
                    file(".aider.model.settings.yml"),
                    file(".aider.model.metadata.json"),
                    secret(".env", None)
                        .starting(AIDER_VARIABLES_START)
                        .never(&["/AIDER_YES_ALWAYS"]),
                ],
                kept: &[],
            },
            Folder {
                at: ".aider",
                named_by: NamedBy::Nothing,
                copied: &[secret("oauth-keys.env", None)],
                kept: &["caches/*.json", "analytics.json", "installs.json"],
            },
        ],
        hosts: &[],
        addresses: &[
            "OPENAI_API_BASE",
            "OPENAI_BASE_URL",
            "ANTHROPIC_BASE_URL",
            "OLLAMA_API_BASE",
        ],
        any_provider: true,
        installs: &[
            ".local/share/uv/tools/aider-chat",
            ".local/share/pipx/venvs/aider-chat",
        ],
    },
    // block.github.io/goose/docs/guides/config-files (secrets.yaml where there is no keyring), environment-variables.
    Agent {
        name: "goose",
        also: &[],
        folders: &[
            Folder {
                at: ".config/goose",
                named_by: NamedBy::Above("XDG_CONFIG_HOME", ".config"),
                copied: &[
                    // Without extensions it has its own for the work; its other providers are programs.
                    file("config.yaml").starting(GOOSE_STARTS),
                    file("permission.yaml").never(&["/*/always_allow"]),
                    file(".goosehints"),
                    tree("custom_providers"),
                    tree("prompts"),
                    tree("recipes"),
                    secret("secrets.yaml", None),
                ],
                kept: &[],
            },
            Folder {
                at: ".local/share/goose",
                named_by: NamedBy::Above("XDG_DATA_HOME", ".local/share"),
                copied: &[],
                kept: &["sessions/**"],
            },
        ],
        hosts: &[],
        addresses: &[
            "OPENAI_HOST",
            "OPENAI_BASE_URL",
            "ANTHROPIC_HOST",
            "OLLAMA_HOST",
            "DATABRICKS_HOST",
        ],
        any_provider: true,
        installs: &[],
    },
    // cursor.com/docs/cli/reference: configuration (cli-config.json, CURSOR_CONFIG_DIR, XDG_CONFIG_HOME),
    // authentication. On Linux the login lies in ~/.config/cursor/auth.json, on macOS in the keychain.
    Agent {
        name: "cursor-agent",
        also: &["cursor"],
        folders: &[
            Folder {
                at: ".cursor",
                named_by: NamedBy::OwnWhereSet("CURSOR_CONFIG_DIR"),
                copied: &[
                    file("mcp.json").starts(),
                    file("hooks.json").starts(),
                    tree("agents"),
                    tree("commands"),
                    tree("hooks").starts(),
                    tree("rules"),
                    tree("skills"),
                    secret("cli-config.json", None).never(CURSOR_PERMITS),
                ],
                kept: &["chats/**", "projects/*/agent-transcripts/**"],
            },
            Folder {
                at: ".config/cursor",
                named_by: NamedBy::Above("XDG_CONFIG_HOME", ".config"),
                copied: &[
                    secret("auth.json", Some(&CURSOR)),
                    secret("cli-config.json", None).never(CURSOR_PERMITS),
                ],
                kept: &["chats/**"],
            },
        ],
        hosts: &["*.cursor.sh"],
        addresses: &[],
        any_provider: false,
        installs: &[".local/share/cursor-agent"],
    },
    // qwenlm.github.io/qwen-code-docs: users/configuration/settings, users/configuration/auth. A fork of Gemini CLI;
    // QWEN_HOME moves the folder.
    Agent {
        name: "qwen",
        also: &["qwen-code"],
        folders: &[Folder {
            at: ".qwen",
            named_by: NamedBy::Own("QWEN_HOME"),
            copied: &[
                file("settings.json")
                    .starting(GEMINI_STARTS)
                    .never(GEMINI_PERMITS),
                file("QWEN.md"),
                file("trustedFolders.json"),
                tree("agents"),
                tree("commands"),
                tree("skills"),
                secret(".env", None),
                secret("oauth_creds.json", Some(&GOOGLE)),
                secret("mcp-oauth-tokens.json", None),
            ],
            kept: &["tmp/*/chats/**", "projects/*/chats/**", "installation_id"],
        }],
        hosts: &[
            "chat.qwen.ai",
            "coding-intl.dashscope.aliyuncs.com",
            "coding.dashscope.aliyuncs.com",
            "dashscope-intl.aliyuncs.com",
            "dashscope.aliyuncs.com",
            "portal.qwen.ai",
        ],
        addresses: &["OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"],
        any_provider: true,
        installs: &[],
    },
    // docs.github.com/copilot/reference/copilot-cli-reference/cli-config-dir-reference (what lies in ~/.copilot, and
    // COPILOT_HOME), copilot allowlist reference (hosts); `copilot help environment` (COPILOT_PROVIDER_BASE_URL).
    // config.json holds the login where there is no keychain. permissions-config.json, which is not here, holds what was
    // allowed in other folders.
    Agent {
        name: "copilot",
        also: &[],
        folders: &[Folder {
            at: ".copilot",
            named_by: NamedBy::Own("COPILOT_HOME"),
            copied: &[
                file("settings.json")
                    .starting(COPILOT_STARTS)
                    .never(COPILOT_PERMITS),
                file("copilot-instructions.md"),
                file("lsp-config.json").starts(),
                file("mcp-config.json").starts(),
                tree("agents"),
                tree("hooks").starts(),
                tree("instructions"),
                tree("skills"),
                secret("config.json", None)
                    .starting(COPILOT_STARTS)
                    .never(COPILOT_PERMITS),
            ],
            kept: &["session-state/**", "session-store.db*"],
        }],
        hosts: &["*.githubcopilot.com", "api.github.com"],
        addresses: &["COPILOT_PROVIDER_BASE_URL"],
        any_provider: false,
        installs: &[],
    },
    // ampcode.com/manual (settings.json, AGENTS.md); the key lies in the data folder's secrets.json. Threads live on
    // its server.
    Agent {
        name: "amp",
        also: &[],
        folders: &[
            Folder {
                at: ".config/amp",
                named_by: NamedBy::Above("XDG_CONFIG_HOME", ".config"),
                copied: &[
                    file("settings.json")
                        .starting(AMP_STARTS)
                        .never(AMP_PERMITS),
                    file("settings.jsonc")
                        .starting(AMP_STARTS)
                        .never(AMP_PERMITS),
                    file("AGENTS.md"),
                    tree("checks"),
                    tree("commands"),
                    tree("skills"),
                ],
                kept: &[],
            },
            Folder {
                at: ".local/share/amp",
                named_by: NamedBy::Above("XDG_DATA_HOME", ".local/share"),
                copied: &[secret("secrets.json", None)],
                kept: &["threads/**", "session.json", "device-id.json"],
            },
        ],
        hosts: &["ampcode.com"],
        addresses: &["AMP_URL"],
        any_provider: false,
        installs: &[],
    },
    // github.com/charmbracelet/crush: README (crush.json below .config, the program's own below .local/share). Its
    // sessions lie in the project.
    Agent {
        name: "crush",
        also: &[],
        folders: &[
            Folder {
                at: ".config/crush",
                named_by: NamedBy::Above("XDG_CONFIG_HOME", ".config"),
                copied: &[
                    file("crushrc").starts(),
                    file("CRUSH.md"),
                    tree("skills"),
                    secret("crush.json", None)
                        .starting(CRUSH_STARTS)
                        .never(CRUSH_PERMITS),
                ],
                kept: &[],
            },
            Folder {
                at: ".local/share/crush",
                named_by: NamedBy::Above("XDG_DATA_HOME", ".local/share"),
                copied: &[secret("crush.json", None)
                    .starting(CRUSH_STARTS)
                    .never(CRUSH_PERMITS)],
                kept: &["providers.json"],
            },
        ],
        hosts: &[],
        addresses: &["OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"],
        any_provider: true,
        installs: &[],
    },
];

/// The agent that a program or an engine's name stands for: its last part counts, without `.js` and the like.
pub fn find(program: &str) -> Option<&'static Agent> {
    let name = program.rsplit('/').next().unwrap_or(program);
    let name = name.split_whitespace().next().unwrap_or(name);
    let stem = [".js", ".mjs", ".exe", ".cmd"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(name);
    AGENTS
        .iter()
        .find(|agent| agent.name == stem || agent.also.contains(&stem))
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
