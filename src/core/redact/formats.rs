//! Credentials that are known by how they look.
//!
//! The formats come from their issuers' documentation and, where that is silent, from the pages on which GitHub and
//! GitLab list what their own secret scanning finds (docs.github.com "Supported secret scanning patterns",
//! docs.gitlab.com "Detected secrets"). JSON web tokens: RFC 7519. Private keys: RFC 7468, and PuTTY's manual,
//! appendix C. Keys of age: age-encryption.org/v1.

use super::keys;
use super::shape::{continues_a_word, is_placeholder, longest_run};
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// What a token may go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// It is as long as it is.
    Ends,
    Hex,
    Alphanumeric,
    /// With `_` and `-`.
    Word,
    /// With `_`, `-`, and `.` and `=` within.
    Dotted,
}

impl Tail {
    fn takes(self, c: u8) -> bool {
        match self {
            Self::Ends => false,
            Self::Hex => c.is_ascii_hexdigit(),
            Self::Alphanumeric => c.is_ascii_alphanumeric(),
            Self::Word => c.is_ascii_alphanumeric() || b"_-".contains(&c),
            Self::Dotted => c.is_ascii_alphanumeric() || b"_-.=".contains(&c),
        }
    }

    /// Bytes at the beginning of `rest` that belong to a token. A sentence's full stop does not.
    pub(super) fn length(self, rest: &[u8]) -> usize {
        let length = rest.iter().take_while(|c| self.takes(**c)).count();
        match self {
            Self::Dotted => {
                length
                    - rest[..length]
                        .iter()
                        .rev()
                        .take_while(|c| **c == b'.')
                        .count()
            }
            Self::Ends | Self::Hex | Self::Alphanumeric | Self::Word => length,
        }
    }
}

/// One issuer's format.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Format {
    /// For people, with its article.
    pub what: &'static str,
    /// Literal beginnings.
    begins: &'static [&'static str],
    /// The least that must follow; exact counts keep a refused match cheap.
    then: &'static str,
    tail: Tail,
    /// Bytes that the whole has at most; more is something else, for a scan.
    most: usize,
    /// May follow a letter or a digit: its beginning is in no other word.
    anywhere: bool,
}

const fn format(
    what: &'static str,
    begins: &'static [&'static str],
    then: &'static str,
    tail: Tail,
    most: usize,
) -> Format {
    Format {
        what,
        begins,
        then,
        tail,
        most,
        anywhere: false,
    }
}

const fn anywhere(format: Format) -> Format {
    Format {
        anywhere: true,
        ..format
    }
}

use Tail::{Alphanumeric, Dotted, Ends, Hex, Word};

#[rustfmt::skip]
const FORMATS: &[Format] = &[
    anywhere(format("an AWS access key id", &["AKIA", "ASIA"], "[0-9A-Z]{16}", Ends, 20)),
    format("an AWS access key id", &["ABIA", "ACCA"], "[0-9A-Z]{16}", Ends, 20),
    format("an AWS Bedrock API key", &["ABSKQmVkcm9ja0FQSUtleS"], "[A-Za-z0-9+/]{40}", Dotted, 400),
    anywhere(format("a GitHub token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], "[A-Za-z0-9]{36}", Word, 255)),
    anywhere(format("a GitHub token", &["github_pat_"], "[A-Za-z0-9_]{22}", Word, 255)),
    anywhere(format("a GitLab token", &["glpat-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-",
        "gloas-", "glsoat-", "glffct-", "glwt-"], "[A-Za-z0-9_-]{20}", Dotted, 400)),
    format("a GitLab runner's registration token", &["GR1348941"], "[A-Za-z0-9_-]{20}", Word, 60),
    anywhere(format("a Slack token", &["xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-"], "[A-Za-z0-9-]{10}", Word, 300)),
    format("a Slack token", &["xoxe.xoxb-", "xoxe.xoxp-", "xapp-"], "[A-Za-z0-9-]{10}", Word, 300),
    anywhere(format("a Slack webhook", &["hooks.slack.com/services/", "hooks.slack.com/workflows/", "hooks.slack.com/triggers/"],
        "[A-Z0-9]{8,12}/[A-Za-z0-9]{8,20}/[A-Za-z0-9]{16}", Alphanumeric, 140)),
    anywhere(format("a Discord webhook", &["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"],
        "[0-9]{16,20}/[A-Za-z0-9_-]{40}", Word, 180)),
    anywhere(format("a Teams webhook", &[".webhook.office.com/webhookb2/"],
        "[0-9a-f-]{36}@[0-9a-f-]{36}/IncomingWebhook/[0-9a-f]{16}", Hex, 260)),
    format("an Anthropic API key", &["sk-ant-"], "[A-Za-z0-9_-]{16}", Word, 300),
    format("an API key", &["sk-"], "[A-Za-z0-9_-]{20}", Word, 300),
    format("a Hugging Face token", &["hf_"], "[A-Za-z0-9]{20}", Word, 80),
    format("a Hugging Face token", &["api_org_"], "[A-Za-z0-9]{30}", Alphanumeric, 60),
    format("a Groq API key", &["gsk_"], "[A-Za-z0-9]{40}", Alphanumeric, 100),
    format("an xAI API key", &["xai-"], "[A-Za-z0-9]{60}", Alphanumeric, 120),
    format("a Perplexity API key", &["pplx-"], "[A-Za-z0-9]{40}", Alphanumeric, 80),
    format("a Replicate API token", &["r8_"], "[A-Za-z0-9]{37}", Alphanumeric, 60),
    format("a Google API key", &["AIza"], "[0-9A-Za-z_-]{35}", Ends, 39),
    format("a Google OAuth client's secret", &["GOCSPX-"], "[A-Za-z0-9_-]{28}", Ends, 35),
    format("a Google OAuth token", &["ya29."], "[A-Za-z0-9_-]{24}", Dotted, 2048),
    format("a Google OAuth token", &["1//0"], "[A-Za-z0-9_-]{40}", Word, 512),
    format("a Stripe key", &["sk_live_", "sk_test_", "rk_live_", "rk_test_"], "[A-Za-z0-9]{16}", Alphanumeric, 260),
    format("a Stripe webhook's secret", &["whsec_"], "[A-Za-z0-9+/]{24}", Dotted, 120),
    format("an npm token", &["npm_"], "[A-Za-z0-9]{36}", Ends, 40),
    format("a PyPI token", &["pypi-AgEIcHlwaS5vcmc", "pypi-AgENdGVzdC5weXBpLm9yZw"], "[A-Za-z0-9_-]{30}", Word, 1024),
    format("a crates.io token", &["cio"], "[A-Za-z0-9]{32}", Ends, 35),
    format("a RubyGems API key", &["rubygems_"], "[0-9a-f]{48}", Ends, 57),
    format("a NuGet API key", &["oy2"], "[a-z0-9]{43}", Ends, 46),
    format("a Docker Hub token", &["dckr_pat_", "dckr_oat_"], "[A-Za-z0-9_-]{27}", Word, 80),
    format("a SendGrid API key", &["SG."], r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}", Ends, 69),
    format("a Twilio API key", &["SK"], "[0-9a-f]{32}", Ends, 34),
    format("a Mailgun API key", &["key-"], "[0-9a-f]{32}", Ends, 36),
    format("a Brevo API key", &["xkeysib-"], "[0-9a-f]{64}-[A-Za-z0-9]{16}", Ends, 89),
    format("a DigitalOcean token", &["dop_v1_", "doo_v1_", "dor_v1_"], "[0-9a-f]{64}", Ends, 71),
    format("a Heroku API key", &["HRKU-"], "[A-Za-z0-9_-]{36}", Word, 100),
    format("a Vault token", &["hvs.", "hvb.", "hvr."], "[A-Za-z0-9_-]{24}", Word, 400),
    format("a Doppler token", &["dp.pt.", "dp.st.", "dp.sa.", "dp.ct.", "dp.scim.", "dp.audit."], "[A-Za-z0-9_.-]{40}", Word, 90),
    format("a Databricks token", &["dapi"], "[0-9a-f]{32}", Word, 40),
    format("a Shopify token", &["shpat_", "shpca_", "shppa_", "shpss_"], "[0-9a-fA-F]{32}", Ends, 38),
    format("a Square token", &["sq0atp-", "sq0csp-"], "[A-Za-z0-9_-]{22}", Word, 60),
    format("a Linear API key", &["lin_api_", "lin_oauth_"], "[A-Za-z0-9]{40}", Alphanumeric, 80),
    format("a Notion token", &["ntn_"], "[A-Za-z0-9]{40}", Alphanumeric, 60),
    format("a Grafana token", &["glsa_"], "[A-Za-z0-9]{32}_[0-9a-fA-F]{8}", Ends, 46),
    format("a Grafana token", &["glc_eyJ"], "[A-Za-z0-9+/]{32}", Dotted, 500),
    format("a New Relic key", &["NRAK-"], "[A-Z0-9]{27}", Ends, 32),
    format("a Sentry token", &["sntrys_eyJ", "sntryu_"], "[A-Za-z0-9+/=_]{40}", Dotted, 600),
    format("a Postman API key", &["PMAK-"], "[0-9a-f]{24}-[0-9a-f]{34}", Ends, 64),
    format("an Atlassian token", &["ATATT3", "ATCTT3"], "[A-Za-z0-9_-]{60}", Dotted, 400),
    format("a Pulumi token", &["pul-"], "[0-9a-f]{40}", Ends, 44),
    format("a Supabase token", &["sbp_"], "[0-9a-f]{40}", Ends, 44),
    format("a PlanetScale token", &["pscale_tkn_", "pscale_pw_", "pscale_oauth_"], "[A-Za-z0-9_.-]{32}", Word, 100),
    format("a Tailscale key", &["tskey-"], "(?:auth|api|client|scim|webhook)-[A-Za-z0-9]{8,24}-[A-Za-z0-9]{16}", Word, 120),
    format("a Figma token", &["figd_"], "[A-Za-z0-9_-]{38}", Word, 80),
    format("a Fly token", &["fm2_"], "[A-Za-z0-9+/]{60}", Dotted, 2048),
    format("a 1Password service account's token", &["ops_eyJ"], "[A-Za-z0-9+/]{80}", Dotted, 2048),
    format("a Cloudflare origin CA key", &["v1.0-"], "[0-9a-f]{24}-[0-9a-f]{146}", Ends, 175),
    format("an age secret key", &["AGE-SECRET-KEY-1"], "[0-9A-Z]{58}", Ends, 74),
    anywhere(format("an Azure storage key", &["AccountKey="], "[A-Za-z0-9+/]{86}==", Ends, 99)),
    anywhere(format("an Azure access key", &["SharedAccessKey="], "[A-Za-z0-9+/]{42,44}=", Ends, 62)),
    format("a JSON web token", &["eyJ"], r"[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8}", Word, usize::MAX),
];

/// A token whose beginning is no literal. What is looked for within it, so that its surroundings need not be read.
struct Inner {
    what: &'static str,
    anchor: &'static str,
    /// Bytes before the anchor at most, and its pattern from there.
    before: usize,
    /// A byte that must stand so far behind the anchor, for anchors that are everywhere.
    also: Option<(usize, u8)>,
    pattern: &'static str,
}

const INNER: &[Inner] = &[
    Inner {
        what: "a Telegram bot's token",
        anchor: ":AA",
        before: 10,
        also: None,
        pattern: r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}",
    },
    Inner {
        what: "a Terraform Cloud token",
        anchor: ".atlasv1.",
        before: 14,
        also: None,
        pattern: r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,70}",
    },
    Inner {
        what: "an Azure client's secret",
        anchor: "8Q~",
        before: 3,
        also: None,
        pattern: r"[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{31,34}",
    },
    Inner {
        what: "a Mailchimp API key",
        anchor: "-us",
        before: 32,
        also: None,
        pattern: r"[0-9a-f]{32}-us[0-9]{1,2}",
    },
    // The first part is a number in base64, so it begins so, and the second one a time.
    Inner {
        what: "a Discord bot's token",
        anchor: ".",
        before: 28,
        also: Some((7, b'.')),
        pattern: r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}",
    },
];

static TOKENS: LazyLock<Regex> = LazyLock::new(|| {
    let formats = FORMATS.iter().map(|f| {
        let begins: Vec<String> = f.begins.iter().map(|b| regex::escape(b)).collect();
        format!("(?:{}){}", begins.join("|"), f.then)
    });
    let keys = keys::FIRST_LINE.to_owned();
    let all: Vec<String> = formats.chain([keys]).collect();
    Regex::new(&all.join("|")).expect("a constant that a test compiles")
});

static INNER_PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let compiled = INNER
        .iter()
        .map(|i| Regex::new(&format!("^(?:{})", i.pattern)));
    compiled
        .map(|r| r.expect("a constant that a test compiles"))
        .collect()
});

/// A token in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub range: Range<usize>,
    pub kind: TokenKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Format(&'static Format),
    Inner(&'static str),
    /// Only its first line.
    PrivateKey,
}

impl TokenKind {
    pub(super) fn what(self) -> &'static str {
        match self {
            Self::Format(format) => format.what,
            Self::Inner(what) => what,
            Self::PrivateKey => "a private key",
        }
    }

    /// How a token begins, which says nothing of it.
    pub(super) fn beginning(self, token: &str) -> &'static str {
        match self {
            Self::Format(format) => {
                let begins = format.begins.iter().find(|b| token.starts_with(**b));
                begins.copied().unwrap_or_default()
            }
            Self::Inner(_) => "",
            Self::PrivateKey => "-----BEGIN ",
        }
    }
}

/// Everything that looks like a token.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(m) = TOKENS.find_at(text, at) {
        let Some(format) = format_of(m.as_str()) else {
            at = m.end();
            found.push(Token {
                range: m.range(),
                kind: TokenKind::PrivateKey,
            });
            continue;
        };
        if !format.anywhere && continues_a_word(bytes, m.start()) {
            at = m.start() + 1;
            continue;
        }
        at = m.end() + format.tail.length(&bytes[m.end()..]);
        found.push(Token {
            range: m.start()..at,
            kind: TokenKind::Format(format),
        });
    }
    for (inner, pattern) in INNER.iter().zip(&*INNER_PATTERNS) {
        let mut free = 0;
        for (anchor, _) in text.match_indices(inner.anchor) {
            let has_also = |(after, byte)| bytes.get(anchor + after) == Some(&byte);
            if anchor < free || !inner.also.is_none_or(has_also) {
                continue;
            }
            let from = text
                .floor_char_boundary(anchor.saturating_sub(inner.before))
                .max(free);
            let begins = (from..anchor).filter(|i| text.is_char_boundary(*i));
            let mut begins = begins.filter(|i| !continues_a_word(bytes, *i));
            if let Some(m) = begins.find_map(|i| Some((i, pattern.find(&text[i..])?))) {
                free = m.0 + m.1.end();
                found.push(Token {
                    range: m.0..free,
                    kind: TokenKind::Inner(inner.what),
                });
            }
        }
    }
    found
}

/// The most telling one: `sk-ant-` before `sk-`. None for a private key.
fn format_of(token: &str) -> Option<&'static Format> {
    let begun = FORMATS.iter().filter_map(|f| {
        let begins = f.begins.iter().filter(|b| token.starts_with(**b));
        Some((begins.map(|b| b.len()).max()?, f))
    });
    begun.max_by_key(|(length, _)| *length).map(|(_, f)| f)
}

/// True when a token is a credential and no example, placeholder or name.
pub(super) fn is_convincing(text: &str, token: &Token) -> bool {
    let (bytes, range) = (text.as_bytes(), &token.range);
    let word = &text[range.clone()];
    let goes_on = bytes.get(range.end).is_some_and(u8::is_ascii_alphanumeric);
    if continues_a_word(bytes, range.start) || is_placeholder(word) {
        return false;
    }
    let rest = &word[token.kind.beginning(word).len()..];
    let has_digit = rest.bytes().any(|c| c.is_ascii_digit());
    match token.kind {
        TokenKind::PrivateKey => true,
        TokenKind::Inner(_) => !goes_on && has_digit,
        TokenKind::Format(format) => {
            let runs = longest_run(word, |c| c.is_ascii_alphanumeric());
            let is_mixed = has_digit || rest.bytes().any(|c| c.is_ascii_uppercase());
            let is_long = word.len() > format.most;
            // The least is the whole of most; of one that goes on, what follows is no part of it.
            let is_cut = goes_on && format.tail == Tail::Ends;
            let is_word_like = format.begins.contains(&"sk-") && runs < 16;
            !is_long && !is_cut && !is_word_like && is_mixed
        }
    }
}
