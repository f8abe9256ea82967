//! What is found, and what must not be: tables for redaction and for the scan of changes.
//!
//! Every value is made up and put together when the tests run, so that no scanner takes these sources for a leak.

use super::*;
use proptest::prelude::*;

const HEX: &str = "0123456789abcdef";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Characters of an alphabet without any order, the same ones in every run.
fn of(alphabet: &str, count: usize) -> String {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15 ^ count as u64;
    let letters = alphabet.as_bytes();
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from(letters[(state >> 33) as usize % letters.len()])
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn put(parts: &[&str]) -> String {
    parts.concat()
}

/// A line, the secret in it, and what it is.
fn positives() -> Vec<(String, String, &'static str)> {
    let hex = |n| of(HEX, n);
    let an = |n| of(ALNUM, n);
    let up = |n| of(UPPER, n);
    let tokens = [
        (put(&["AK", "IA", &up(16)]), "an AWS access key id"),
        (put(&["AS", "IA", &up(16)]), "an AWS access key id"),
        (put(&["gh", "p_", &an(36)]), "a GitHub token"),
        (put(&["gh", "o_", &an(36)]), "a GitHub token"),
        (put(&["gh", "u_", &an(36)]), "a GitHub token"),
        (put(&["gh", "s_", &an(36)]), "a GitHub token"),
        (put(&["gh", "r_", &an(76)]), "a GitHub token"),
        (
            put(&["github", "_pat_", &an(22), "_", &an(59)]),
            "a GitHub token",
        ),
        (put(&["gl", "pat-", &an(20)]), "a GitLab token"),
        (
            put(&["gl", "pat-", &an(27), ".01.", &of(LOWER, 9)]),
            "a GitLab token",
        ),
        (put(&["gl", "dt-", &an(20)]), "a GitLab token"),
        (put(&["gl", "rt-", &an(20)]), "a GitLab token"),
        (put(&["gl", "cbt-", &an(22)]), "a GitLab token"),
        (put(&["gl", "ptt-", &hex(40)]), "a GitLab token"),
        (put(&["gl", "ft-", &an(20)]), "a GitLab token"),
        (put(&["gl", "agent-", &an(50)]), "a GitLab token"),
        (put(&["gl", "oas-", &hex(64)]), "a GitLab token"),
        (put(&["gl", "soat-", &an(20)]), "a GitLab token"),
        (put(&["gl", "imt-", &an(25)]), "a GitLab token"),
        (
            put(&["GR", "1348941", &an(20)]),
            "a GitLab runner's registration token",
        ),
        (
            put(&["xo", "xb-", "2345678901-", "2345678901234-", &an(24)]),
            "a Slack token",
        ),
        (
            put(&["xo", "xp-", "2345678901-", &hex(32)]),
            "a Slack token",
        ),
        (
            put(&["xa", "pp-", "1-A0", &up(8), "-2345678901-", &hex(64)]),
            "a Slack token",
        ),
        (
            put(&[
                "hooks.slack",
                ".com/services/T",
                &up(9),
                "/B",
                &up(9),
                "/",
                &an(24),
            ]),
            "a Slack webhook",
        ),
        (
            put(&[
                "discord",
                ".com/api/webhooks/",
                "234567890123456789",
                "/",
                &an(68),
            ]),
            "a Discord webhook",
        ),
        (
            put(&["sk", "-ant-", "api03-", &an(93), "AA"]),
            "an Anthropic API key",
        ),
        (
            put(&["sk", "-ant-", "oat01-", &an(90)]),
            "an Anthropic API key",
        ),
        (put(&["sk", "-proj-", &an(48)]), "an API key"),
        (put(&["sk", "-or-v1-", &hex(64)]), "an API key"),
        (put(&["hf", "_", &an(34)]), "a Hugging Face token"),
        (put(&["gs", "k_", &an(52)]), "a Groq API key"),
        (put(&["xa", "i-", &an(80)]), "an xAI API key"),
        (put(&["pp", "lx-", &an(48)]), "a Perplexity API key"),
        (put(&["r8", "_", &an(37)]), "a Replicate API token"),
        (put(&["AI", "za", &an(35)]), "a Google API key"),
        (
            put(&["GOC", "SPX-", &an(28)]),
            "a Google OAuth client's secret",
        ),
        (put(&["ya", "29.", &an(80)]), "a Google OAuth token"),
        (put(&["1/", "/0", &an(60)]), "a Google OAuth token"),
        (put(&["sk", "_live_", &an(24)]), "a Stripe key"),
        (put(&["rk", "_live_", &an(99)]), "a Stripe key"),
        (put(&["sk", "_test_", &an(24)]), "a Stripe key"),
        (put(&["wh", "sec_", &an(32)]), "a Stripe webhook's secret"),
        (put(&["np", "m_", &an(36)]), "an npm token"),
        (put(&["py", "pi-AgEIcHlwaS5vcmc", &an(120)]), "a PyPI token"),
        (put(&["ci", "o", &an(32)]), "a crates.io token"),
        (put(&["ruby", "gems_", &hex(48)]), "a RubyGems API key"),
        (put(&["oy", "2", &of(LOWER, 43)]), "a NuGet API key"),
        (put(&["dckr", "_pat_", &an(27)]), "a Docker Hub token"),
        (
            put(&["S", "G.", &an(22), ".", &an(43)]),
            "a SendGrid API key",
        ),
        (put(&["S", "K", &hex(32)]), "a Twilio API key"),
        (put(&["ke", "y-", &hex(32)]), "a Mailgun API key"),
        (put(&["dop", "_v1_", &hex(64)]), "a DigitalOcean token"),
        (put(&["HR", "KU-", "AA", &an(58)]), "a Heroku API key"),
        (put(&["hv", "s.", &an(90)]), "a Vault token"),
        (put(&["dp", ".pt.", &an(43)]), "a Doppler token"),
        (put(&["da", "pi", &hex(32)]), "a Databricks token"),
        (put(&["shp", "at_", &hex(32)]), "a Shopify token"),
        (put(&["lin", "_api_", &an(40)]), "a Linear API key"),
        (put(&["nt", "n_", &an(46)]), "a Notion token"),
        (
            put(&["gl", "sa_", &an(32), "_", &hex(8)]),
            "a Grafana token",
        ),
        (put(&["NR", "AK-", &up(27)]), "a New Relic key"),
        (
            put(&["PM", "AK-", &hex(24), "-", &hex(34)]),
            "a Postman API key",
        ),
        (put(&["AT", "ATT3", &an(180)]), "an Atlassian token"),
        (put(&["pu", "l-", &hex(40)]), "a Pulumi token"),
        (
            put(&["tsk", "ey-auth-", &an(12), "-", &an(32)]),
            "a Tailscale key",
        ),
        (put(&["AGE", "-SECRET-KEY-1", &up(58)]), "an age secret key"),
        (
            put(&["Account", "Key=", &an(86), "=="]),
            "an Azure storage key",
        ),
        (
            put(&["SharedAccess", "Key=", &an(43), "="]),
            "an Azure access key",
        ),
        (
            put(&["23456789", "01:AA", &an(33)]),
            "a Telegram bot's token",
        ),
        (
            put(&["M", &an(23), ".", &an(6), ".", &an(27)]),
            "a Discord bot's token",
        ),
        (
            put(&[&an(14), ".atlas", "v1.", &an(64)]),
            "a Terraform Cloud token",
        ),
        (
            put(&["a1b", "8Q", "~", &an(34)]),
            "an Azure client's secret",
        ),
        (put(&[&hex(32), "-u", "s12"]), "a Mailchimp API key"),
        (
            put(&["ey", "J", &an(20), ".ey", "J", &an(60), ".", &an(43)]),
            "a JSON web token",
        ),
    ];
    let mut all: Vec<(String, String, &'static str)> = tokens
        .into_iter()
        .map(|(token, what)| (format!("  value: \"{token}\""), token, what))
        .collect();
    let secret = "the value of a secret";
    let header = "credentials of an Authorization header";
    let address = "a password in an address";
    let (p24, h32, p40, mixed) = (an(24), hex(32), an(40), "hK7-pQ2x!9Wv");
    let found = [
        (format!("password = \"{p24}\""), &p24, secret),
        (format!("  secret: {p24}"), &p24, secret),
        (format!("API_KEY={p24}"), &p24, secret),
        (format!("export DB_PASSWORD='{p24}'"), &p24, secret),
        (format!("\"client_secret\": \"{p24}\","), &p24, secret),
        (format!("clientSecret: '{p24}',"), &p24, secret),
        (format!("const apiKey: string = \"{p24}\";"), &p24, secret),
        (format!("String authToken = \"{p24}\";"), &p24, secret),
        (format!("spring.datasource.password={p24}"), &p24, secret),
        (format!("<password>{p24}</password>"), &p24, secret),
        (format!("AWS_SECRET_ACCESS_KEY={p40}"), &p40, secret),
        (format!("TWILIO_AUTH_TOKEN = \"{h32}\""), &h32, secret),
        (format!("\"apiKey\" => \"{h32}\""), &h32, secret),
        (format!("mysql --password={p24} db"), &p24, secret),
        (format!("tool --token {p24}"), &p24, secret),
        (
            format!("os.environ.setdefault(\"API_TOKEN\", \"{p24}\")"),
            &p24,
            secret,
        ),
        (format!("Authorization: Bearer {p24}"), &p24, header),
        (format!("Proxy-Authorization: Basic {p24}"), &p24, header),
        (format!("X-Api-Key: {p24}"), &p24, header),
        (format!("PRIVATE-TOKEN: {p24}"), &p24, header),
    ];
    all.extend(found.map(|(line, secret, what)| (line, secret.clone(), what)));
    for (line, secret) in [
        (
            format!("postgres://app:{p24}@db.acme.io:5432/app"),
            p24.as_str(),
        ),
        (
            format!("mongodb+srv://app:{p24}@cluster0.acme.mongodb.net/x"),
            &p24,
        ),
        (format!("redis://:{mixed}@cache.acme.io:6379/0"), mixed),
        (format!("amqps://app:{mixed}@queue.acme.io/vhost"), mixed),
        (format!("mysql://app:{mixed}@10.0.0.7/app"), mixed),
        (
            format!("url = https://deploy:{mixed}@git.acme.io/app.git"),
            mixed,
        ),
    ] {
        all.push((line, secret.to_owned(), address));
    }
    for line in [
        format!("jdbc:mysql://db.acme.io/app?user=app&password={mixed}"),
        format!("Server=db.acme.io;Database=app;User Id=app;Password={mixed};"),
    ] {
        all.push((line, mixed.to_owned(), secret));
    }
    let cookie = format!("session={p24}; theme=dark");
    all.push((format!("Cookie: {cookie}"), p24.clone(), header));
    all
}

#[test]
fn every_format_is_found_and_goes() {
    let redactor = Redactor::new([]);
    let positives = positives();
    assert!(positives.len() >= 60, "{}", positives.len());
    let mut wrong = Vec::new();
    for (line, secret, what) in positives {
        let out = redactor.redact(&line);
        if out.contains(&secret) || !out.contains(REDACTED) {
            wrong.push(format!("{what}: not redacted: {out}"));
        }
        if redactor.redact(&out) != out {
            wrong.push(format!("{what}: a second pass changes {out}"));
        }
        let findings = redactor.scan_diff([("src/config.txt", 3, line.as_str())].into_iter());
        if findings.len() != 1 || findings[0].what != what || findings[0].line != 3 {
            wrong.push(format!("{what}: {line}: {findings:?}"));
        }
        if findings
            .iter()
            .any(|f| f.to_string().contains(&secret[6..]))
        {
            wrong.push(format!("{what}: shown: {findings:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_aws_secret_is_found_beside_its_id() {
    let redactor = Redactor::new([]);
    let id = put(&["AK", "IA", &of(UPPER, 16)]);
    let secret = put(&[&of(ALNUM, 20), "/", &of(ALNUM, 19)]);
    let lines = [
        ("a.csv", 1, "User,Id,Secret".to_owned()),
        ("a.csv", 2, format!("ann,{id},{secret}")),
    ];
    let found = |lines: &[(&str, usize, String)]| {
        let lines = lines.iter().map(|(p, l, t)| (*p, *l, t.as_str()));
        let found = redactor.scan_diff(lines);
        found
            .into_iter()
            .map(|f| (f.line, f.what))
            .collect::<Vec<_>>()
    };
    let both = [(2, "an AWS access key id"), (2, "an AWS secret access key")];
    assert_eq!(found(&lines), both);
    assert_eq!(redactor.redact(&lines[1].2), "ann,[redacted],[redacted]");
    let apart = [
        ("a.txt", 7, format!("id {id}")),
        ("a.txt", 9, format!("x {secret}")),
    ];
    assert_eq!(found(&apart), [(7, both[0].1), (9, both[1].1)]);
    for alone in [
        ("a.txt", 20, format!("x {secret}")),
        ("b.txt", 8, format!("x {secret}")),
    ] {
        let lines = [("a.txt", 7, format!("id {id}")), alone];
        assert_eq!(found(&lines), [(7, both[0].1)]);
    }
    let git_id = [("a.txt", 7, format!("id {id}")), ("a.txt", 8, of(HEX, 40))];
    assert_eq!(found(&git_id), [(7, both[0].1)]);
}

#[test]
fn a_service_account_goes_with_its_key() {
    let redactor = Redactor::new([]);
    let body = of(ALNUM, 64);
    let line = format!(
        "{{\"type\": \"service_account\", \"private_key\": \"{}\\n{body}\\n{body}\\n{}\\n\"}}",
        put(&["-----BEGIN ", "PRIVATE KEY-----"]),
        put(&["-----END ", "PRIVATE KEY-----"]),
    );
    assert!(!redactor.redact(&line).contains(&body[..20]));
    let findings = redactor.scan_diff([("key.json", 1, line.as_str())].into_iter());
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].what, "a private key");
}

#[test]
fn a_putty_key_goes_with_its_private_half() {
    let redactor = Redactor::new([]);
    let (public, private) = (of(ALNUM, 64), of(UPPER, 64));
    let text = format!(
        "PuTTY-User-Key-File-3: ssh-rsa\nPublic-Lines: 1\n{public}\nPrivate-Lines: 2\n{private}\n{private}\nPrivate-MAC: {}\nafter\n",
        of(HEX, 64)
    );
    let out = redactor.redact(&text);
    assert!(
        !out.contains(&private) && out.contains(&public) && out.ends_with("after\n"),
        "{out}"
    );
    let lines = text.lines().enumerate().map(|(i, l)| ("a.ppk", i + 1, l));
    let findings = redactor.scan_diff(lines);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!((findings[0].what, findings[0].line), ("a private key", 4));
}

/// Lines that a change may hold, and the file that holds them.
fn negatives() -> Vec<(&'static str, String)> {
    let hex = |n| of(HEX, n);
    let an = |n| of(ALNUM, n);
    let mut all: Vec<(&str, String)> = [
        // Hashes of lock files and of packages.
        ("Cargo.lock", format!("checksum = \"{}\"", hex(64))),
        (
            "package-lock.json",
            format!("\"integrity\": \"sha512-{}==\",", an(86)),
        ),
        ("yarn.lock", format!("  integrity sha512-{}==", an(86))),
        (
            "pnpm-lock.yaml",
            format!("    resolution: {{integrity: sha512-{}==}}", an(86)),
        ),
        ("go.sum", format!("example.org/x v1.2.3 h1:{}=", an(43))),
        (
            "poetry.lock",
            format!("    {{file = \"a.whl\", hash = \"sha256:{}\"}},", hex(64)),
        ),
        (
            "requirements.txt",
            format!("x==1 --hash=sha256:{}", hex(64)),
        ),
        ("flake.nix", format!("sha256 = \"{}\";", of(LOWER, 52))),
        ("Gemfile.lock", format!("  token ({})", hex(40))),
        (
            "composer.lock",
            format!("\"content-hash\": \"{}\",", hex(32)),
        ),
        // Ids.
        (
            "a.rs",
            "let id = \"7c9e6679-7425-40de-944b-e07fc1f90ae7\";".into(),
        ),
        (
            "a.rs",
            "api_key = \"7c9e6679-7425-40de-944b-e07fc1f90ae7\"".into(),
        ),
        (
            "a.yml",
            format!("      - uses: actions/checkout@{}", hex(40)),
        ),
        ("a.md", format!("Fixed in commit {}.", hex(40))),
        ("a.md", format!("see abc1234...{}", hex(7))),
        ("a.py", format!("token = \"{}\"  # the commit", hex(40))),
        ("a.toml", format!("rev = \"{}\"", hex(40))),
        ("a.docker", format!("FROM alpine@sha256:{}", hex(64))),
        ("a.tf", "ami = \"ami-0c55b159cbfafe1f0\"".into()),
        ("a.json", format!("\"etag\": \"{}\"", hex(32))),
        (
            "a.html",
            format!("<script integrity=\"sha384-{}\">", an(64)),
        ),
        // Placeholders.
        (".env", "API_KEY=changeme".into()),
        (".env", "API_KEY=your-api-key-here-1234".into()),
        (".env", "API_KEY=xxxxxxxxxxxxxxxx1234".into()),
        (".env", "API_KEY=<your token 1>".into()),
        (".env", "API_KEY=".into()),
        (".env", "DB_PASSWORD=postgres".into()),
        (".env", "SECRET_KEY=insert-secret-key-123456".into()),
        (".env", "TOKEN=TODO".into()),
        ("a.md", put(&["export TOKEN=gh", "p_", &"x".repeat(36)])),
        ("a.md", put(&["AK", "IA", "IOSFODNN7EXAMPLE"])),
        (
            "a.md",
            put(&["wJalrXUtnFEMI/K7MDENG/bPxRfiCY", "EXAMPLEKEY"]),
        ),
        (
            "a.md",
            put(&[
                "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY",
                "EXAMPLEKEY",
            ]),
        ),
        (
            "a.md",
            put(&["sk", "-ant-", "api03-your-key-goes-here-0000"]),
        ),
        ("a.md", put(&["gl", "pat-", "xxxxxxxxxxxxxxxxxxxx"])),
        ("a.md", put(&["np", "m_", &"0".repeat(36)])),
        // Variables and what is looked up.
        ("a.sh", "password=\"${DB_PASSWORD_2024_Q3x}\"".into()),
        ("a.sh", "token=$(get-token --a1 --b2 --c3)".into()),
        ("a.yml", "token: ${{ secrets.GITHUB_TOKEN_A1B2 }}".into()),
        (
            "a.js",
            "const apiKey = process.env.API_KEY_A1B2C3D4;".into(),
        ),
        ("a.py", "api_key = os.environ[\"API_KEY_A1B2C3\"]".into()),
        ("a.py", "password = os.getenv('DB_PASSWORD_X1Y2Z3')".into()),
        ("a.rb", "secret = ENV.fetch('SECRET_A1B2C3D4E5')".into()),
        ("a.go", "token := cfg.Auth.Token2Value(ctx, k1)".into()),
        ("a.tf", "password = var.db_password_a1b2c3d4".into()),
        ("a.yml", "password: !vault | a1B2c3D4e5F6g7H8".into()),
        (
            "a.yml",
            format!("password: ENC[AES256_GCM,data:{}]", an(30)),
        ),
        (
            "a.yml",
            "secret: arn:aws:secretsmanager:eu-west-1:123456789012:secret:x-a1B2c3".into(),
        ),
        (
            "a.yml",
            "password: op://vault/item-a1B2c3D4/password".into(),
        ),
        (
            "a.yml",
            "passwordFrom: {{ .Values.db.password1Name2Key3 }}".into(),
        ),
        ("a.bat", "set TOKEN=%GITHUB_TOKEN_A1B2C3%".into()),
        // Code that speaks of secrets.
        (
            "a.rs",
            "pub fn token(&self) -> Option<SecretString> {".into(),
        ),
        ("a.rs", "let token = self.next_token()?;".into()),
        ("a.rs", "secret: SecretString::from(\"a\"),".into()),
        ("a.py", "def tokenize(password):".into()),
        ("a.py", "if password == confirm_password:".into()),
        ("a.py", "token = tokenizer.encode(text)[0]".into()),
        ("a.js", "const token = jwt.sign(payload, key1);".into()),
        ("a.js", "passwordField: 'input-password-field-2',".into()),
        ("a.ts", "passwordResetToken: string;".into()),
        ("a.ts", "secret: getUserAccountToken2Value,".into()),
        (
            "a.java",
            "private static final String PASSWORD_KEY = \"user.password.v2\";".into(),
        ),
        (
            "a.java",
            "String token = request.getHeader(\"X-Token2\");".into(),
        ),
        (
            "a.css",
            ".sk-folding-cube-animation-step-2 { color: red }".into(),
        ),
        ("a.css", put(&[".sk", "-spinner-double-bounce-child-12 {}"])),
        (
            "a.json",
            "\"next_page_token\": \"a1B2c3D4e5F6g7H8i9J0\"".into(),
        ),
        (
            "a.json",
            "\"public_key\": \"a1B2c3D4e5F6g7H8i9J0k1L2\"".into(),
        ),
        ("a.json", "\"csrfToken\": \"a1B2c3D4e5F6g7H8i9J0\"".into()),
        ("a.yml", "cache_key: v2-a1B2c3D4e5F6g7H8".into()),
        ("a.yml", "sort_key: a1B2c3D4e5F6g7H8".into()),
        (
            "a.md",
            "The password must have 12 characters, e.g. a capital and a digit.".into(),
        ),
        ("a.md", "password: hunter2".into()),
        ("a.md", "Set `Authorization: Bearer <token>`.".into()),
        ("a.md", "Authorization: Bearer your-token-here".into()),
        (
            "a.py",
            "headers = {'Authorization': f'Bearer {token}'}".into(),
        ),
        ("a.sh", "curl -H \"Authorization: Bearer $TOKEN\"".into()),
        ("a.sh", "curl -H \"X-Api-Key: $API_KEY\"".into()),
        (
            "a.js",
            "res.setHeader('Set-Cookie', 'theme=dark; Path=/; HttpOnly')".into(),
        ),
        // Addresses without a secret.
        ("a.md", "postgres://user:password@localhost:5432/db".into()),
        ("a.md", "postgres://postgres:postgres@db:5432/app".into()),
        ("a.yml", "redis://:${REDIS_PASSWORD}@redis:6379".into()),
        ("a.md", "https://user:pass@example.com/path".into()),
        ("a.md", "ssh://git@github.com/a/b.git".into()),
        ("a.md", "git clone git@github.com:a/b.git".into()),
        ("a.md", "https://example.org/a?b=c@d:e".into()),
        (
            "a.py",
            "url = f\"postgres://{user}:{password}@{host}/x\"".into(),
        ),
        ("a.md", "mongodb://root:example@mongo:27017".into()),
        (
            "a.md",
            "jdbc:postgresql://localhost/test?user=fred&password=secret".into(),
        ),
        // Images, data, and what only begins like a token.
        (
            "a.css",
            format!("background: url(data:image/png;base64,{}==)", an(200)),
        ),
        (
            "a.svg",
            format!("<image href=\"data:image/png;base64,{}\"/>", an(400)),
        ),
        ("a.ipynb", format!("\"image/png\": \"{}\"", an(400))),
        ("a.pem", put(&["-----BEGIN ", "CERTIFICATE-----"])),
        ("a.pem", put(&["-----BEGIN ", "PUBLIC KEY-----"])),
        (
            "a.rs",
            put(&["let marker = \"-----BEGIN ", "PRIVATE KEY-----\";"]),
        ),
        ("a.txt", put(&["x", "AK", "IA", &of(UPPER, 16)])),
        ("a.txt", put(&["task", "-", "0123456789abcdefghijklmn"])),
        ("a.txt", "risk-adjusted-returns-on-all-of-it-2024".into()),
        ("a.txt", "1.2.3:AAAA 12:AAB".into()),
        ("a.txt", "eyJ.eyJ.eyJ".into()),
        (
            "a.md",
            put(&[
                "ey",
                "JhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.ey",
                "JzdWIiOiIxMjM0NTY3ODkwIn0.",
                "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
            ]),
        ),
        (
            "a.txt",
            "Monday.Friday.Saturday-and-Sunday-of-the-week".into(),
        ),
        (
            "a.rs",
            "use crate::api::hf_tokenizers_and_their_models;".into(),
        ),
        // Test data by its place; a token of a known format counts there too.
        ("tests/fixtures/a.env", format!("API_KEY={}", an(24))),
        ("src/a_test.go", format!("password := \"{}\"", an(24))),
        (".env.example", format!("API_KEY={}", an(24))),
        ("web/__tests__/a.js", format!("const secret = '{}'", an(24))),
    ]
    .into_iter()
    .collect();
    all.push(("a.md", "日本語 password: パスワードは12文字以上".into()));
    all
}

#[test]
fn what_is_no_secret_stops_no_work() {
    let redactor = Redactor::new([]);
    let negatives = negatives();
    assert!(negatives.len() >= 80, "{}", negatives.len());
    let mut wrong = Vec::new();
    for (path, line) in negatives {
        let findings = redactor.scan_diff([(path, 1, line.as_str())].into_iter());
        if !findings.is_empty() {
            wrong.push(format!("{path}: {line}: {findings:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_token_counts_wherever_it_stands() {
    let redactor = Redactor::new([]);
    let line = put(&["token = gh", "p_", &of(ALNUM, 36)]);
    for path in ["tests/fixtures/a.env", "Cargo.lock", "a_test.go"] {
        assert_eq!(
            redactor
                .scan_diff([(path, 1, line.as_str())].into_iter())
                .len(),
            1,
            "{path}"
        );
    }
}

#[test]
fn what_becomes_known_later_goes_too() {
    let redactor = std::sync::Arc::new(Redactor::new([]));
    let mut stream = StreamRedactor::new(std::sync::Arc::clone(&redactor));
    let mut out = Vec::new();
    stream.push(b"late-secret\nlate-", &mut out);
    redactor.add([SecretString::from("late-secret")]);
    redactor.add([SecretString::from("late-secret"), SecretString::from("x")]);
    stream.push(b"secret\n", &mut out);
    assert_eq!(out, b"late-secret\n[redacted]\n");
    assert_eq!(redactor.redact("a late-secret"), "a [redacted]");
    assert_eq!(format!("{redactor:?}"), "Redactor(1 secrets)");
}

/// How a text is written by those who write it on.
#[derive(Clone, Debug)]
enum Spelling {
    Plain,
    Base64 {
        url: bool,
        before: String,
        after: String,
    },
    Percent(Vec<u8>),
    Json(Vec<u8>),
    JsonTwice,
    Hex(bool),
    Shell(u8),
    Html,
}

fn spelling() -> impl Strategy<Value = Spelling> {
    prop_oneof![
        Just(Spelling::Plain),
        (any::<bool>(), "[a-z:]{0,5}", "[a-z:]{0,5}")
            .prop_map(|(url, before, after)| Spelling::Base64 { url, before, after }),
        prop::collection::vec(any::<u8>(), 1..40).prop_map(Spelling::Percent),
        prop::collection::vec(any::<u8>(), 1..40).prop_map(Spelling::Json),
        Just(Spelling::JsonTwice),
        any::<bool>().prop_map(Spelling::Hex),
        any::<u8>().prop_map(Spelling::Shell),
        Just(Spelling::Html),
    ]
}

fn base64(bytes: &[u8], url: bool) -> String {
    let mut letters = ALNUM.to_owned();
    letters.push_str(if url { "-_" } else { "+/" });
    let letters = letters.as_bytes();
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |sum, i| {
            sum << 8 | u32::from(*group.get(i).unwrap_or(&0))
        });
        for i in 0..=group.len() {
            out.push(char::from(letters[(bits >> (18 - 6 * i) & 63) as usize]));
        }
        out.push_str(if url {
            ""
        } else {
            &"="[..usize::from(group.len() < 3)]
        });
    }
    out
}

impl Spelling {
    fn write(&self, secret: &str) -> String {
        match self {
            Self::Plain => secret.to_owned(),
            Self::Base64 { url, before, after } => {
                base64(format!("{before}{secret}{after}").as_bytes(), *url)
            }
            Self::Percent(how) => {
                let mut out = Vec::new();
                for (i, byte) in secret.bytes().enumerate() {
                    match how[i % how.len()] % 3 {
                        0 if byte.is_ascii() && byte != b'%' => out.push(byte),
                        1 => out.extend(format!("%{byte:02x}").bytes()),
                        _ => out.extend(format!("%{byte:02X}").bytes()),
                    }
                }
                String::from_utf8(out).unwrap()
            }
            Self::Json(how) => secret
                .chars()
                .enumerate()
                .map(|(i, c)| {
                    let mut units = [0; 2];
                    let units = c.encode_utf16(&mut units).iter();
                    match how[i % how.len()] % 3 {
                        0 => {
                            let quoted = serde_json::Value::from(c.to_string()).to_string();
                            quoted[1..quoted.len() - 1].to_owned()
                        }
                        1 => units.map(|u| format!("\\u{u:04x}")).collect(),
                        _ => units.map(|u| format!("\\u{u:04X}")).collect(),
                    }
                })
                .collect(),
            Self::JsonTwice => {
                let once = serde_json::Value::from(secret).to_string();
                serde_json::Value::from(once).to_string()
            }
            Self::Hex(upper) => {
                let byte = |b: u8| {
                    if *upper {
                        format!("{b:02X}")
                    } else {
                        format!("{b:02x}")
                    }
                };
                secret.bytes().map(byte).collect()
            }
            Self::Shell(how) => match how % 4 {
                0 => format!("'{}'", secret.replace('\'', r"'\''")),
                1 => format!("'{}'", secret.replace('\'', r#"'"'"'"#)),
                2 => {
                    let quoted = |c: char| match c.is_ascii_alphanumeric() || !c.is_ascii() {
                        true => c.to_string(),
                        false => format!("\\{c}"),
                    };
                    secret.chars().map(quoted).collect()
                }
                _ => {
                    let octal = |b: u8| format!("\\{b:03o}");
                    format!("$'{}'", secret.bytes().map(octal).collect::<String>())
                }
            },
            Self::Html => secret
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
                .replace('\'', "&#39;"),
        }
    }

    /// The part of what is written that no neighbour changes.
    fn core(&self, written: &str) -> String {
        match self {
            // The first and the last group mix with their neighbours.
            Self::Base64 { before, after, .. } => {
                let from = before.len().div_ceil(3) * 4;
                let to = written.len() - (after.len().div_ceil(3) * 4 + 4);
                written.get(from..to).unwrap_or_default().to_owned()
            }
            Self::Plain | Self::Percent(_) | Self::Json(_) | Self::Hex(_) | Self::Html => {
                written.to_owned()
            }
            Self::JsonTwice => written[3..written.len() - 3].to_owned(),
            Self::Shell(how) => match how % 4 {
                0 | 1 => written[1..written.len() - 1].to_owned(),
                2 => written.to_owned(),
                _ => written[2..written.len() - 1].to_owned(),
            },
        }
    }
}

fn in_pieces(redactor: &std::sync::Arc<Redactor>, text: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut stream = StreamRedactor::new(std::sync::Arc::clone(redactor));
    let mut out = Vec::new();
    let mut at = 0;
    for cut in cuts {
        let end = (at + cut).min(text.len());
        stream.push(&text[at..end], &mut out);
        at = end;
    }
    stream.push(&text[at..], &mut out);
    stream.finish(&mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_spelling_of_a_secret_comes_through_in_any_pieces(
        secret in "[A-Za-z0-9/+=_.~!@#$^&*()<>'\"\\\\ é%-]{8,40}",
        parts in prop::collection::vec(("[a-z ,\n]{0,12}", spelling()), 1..5),
        cuts in prop::collection::vec(1usize..30, 0..30),
    ) {
        let secret = secret.trim();
        prop_assume!(secret.chars().count() >= 8 && !REDACTED.contains(secret));
        // A value that is one character over and over overlaps with itself in every way.
        prop_assume!(secret.chars().collect::<std::collections::BTreeSet<_>>().len() >= 5);
        let redactor = std::sync::Arc::new(Redactor::new([SecretString::from(secret)]));
        let mut text = String::new();
        let mut gone = vec![secret.to_owned()];
        for (between, spelling) in &parts {
            let written = spelling.write(secret);
            gone.push(spelling.core(&written));
            text.push_str(between);
            text.push(' ');
            text.push_str(&written);
            text.push_str(" ,");
        }
        let streamed = String::from_utf8(in_pieces(&redactor, text.as_bytes(), &cuts)).unwrap();
        for out in [redactor.redact(&text).into_owned(), streamed] {
            for gone in gone.iter().filter(|g| g.len() >= 8) {
                prop_assert!(!out.contains(gone.as_str()), "{gone:?} of {secret:?} in {out:?}");
            }
        }
    }

    #[test]
    fn a_secret_of_several_lines_goes_in_any_pieces(
        lines in prop::collection::vec("[A-Za-z0-9 ]{1,12}", 2..5),
        cuts in prop::collection::vec(1usize..9, 0..30),
        around in "[a-z\n]{0,10}",
    ) {
        let secret = lines.join("\n");
        let secret = secret.trim();
        prop_assume!(secret.len() >= 12 && secret.contains('\n'));
        let redactor = std::sync::Arc::new(Redactor::new([SecretString::from(secret)]));
        let text = format!("{around}{secret}{around}\n{secret}\n");
        let out = String::from_utf8(in_pieces(&redactor, text.as_bytes(), &cuts)).unwrap();
        prop_assert!(!out.contains(secret), "{out:?}");
    }

    #[test]
    fn text_without_secrets_comes_through_byte_for_byte(
        text in prop::collection::vec(any::<u8>(), 0..400),
        cuts in prop::collection::vec(1usize..50, 0..20),
    ) {
        let redactor = std::sync::Arc::new(Redactor::new([SecretString::from("a value that is not there")]));
        prop_assert_eq!(in_pieces(&redactor, &text, &cuts), text);
    }

    #[test]
    fn any_text_is_read(text in "\\PC{0,80}") {
        let redactor = Redactor::new([SecretString::from("hunter22")]);
        let once = redactor.redact(&text).into_owned();
        prop_assert_eq!(redactor.redact(&once), once.as_str(), "a second pass changes nothing");
        redactor.scan_diff([("a", 1, text.as_str())].into_iter());
        secrets_in_file(&text);
    }
}

#[test]
fn a_token_that_outgrows_a_line_goes_whole() {
    let redactor = std::sync::Arc::new(Redactor::new([]));
    let text = put(&["x gh", "p_", &of(ALNUM, 36).repeat(10_000), " y\n"]);
    let out = in_pieces(&redactor, text.as_bytes(), &[1000; 300]);
    let out = String::from_utf8(out).unwrap();
    assert!(
        out.len() < 200 && !out.contains(&of(ALNUM, 36)[..12]),
        "{}",
        &out[..out.len().min(300)]
    );
    assert!(
        out.starts_with("x [redacted]") && out.ends_with(" y\n"),
        "{out}"
    );
}
