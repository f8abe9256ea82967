//! Which names say that a value is secret. The environment, credential files and lines of code are judged by the same.

/// Variables that hold secrets by documented convention, and what reads them. Most are covered by how they end
/// ([`is_secret_name`]); they stand here because this is the list that people look a name up in.
pub const NAMES: &[(&str, &str)] = &[
    ("AWS_ACCESS_KEY_ID", "AWS"),
    ("AWS_SECRET_ACCESS_KEY", "AWS"),
    ("AWS_SESSION_TOKEN", "AWS"),
    ("AWS_BEARER_TOKEN_BEDROCK", "AWS"),
    ("AZURE_CLIENT_SECRET", "Azure"),
    ("AZURE_CLIENT_CERTIFICATE_PASSWORD", "Azure"),
    ("AZURE_STORAGE_KEY", "Azure"),
    ("AZURE_STORAGE_CONNECTION_STRING", "Azure"),
    ("AZURE_STORAGE_SAS_TOKEN", "Azure"),
    ("ARM_CLIENT_SECRET", "Azure, by Terraform"),
    ("ARM_ACCESS_KEY", "Azure, by Terraform"),
    ("GOOGLE_API_KEY", "Google"),
    ("GOOGLE_CREDENTIALS", "Google, by Terraform"),
    ("GOOGLE_OAUTH_ACCESS_TOKEN", "Google"),
    ("CLOUDFLARE_API_TOKEN", "Cloudflare"),
    ("CLOUDFLARE_API_KEY", "Cloudflare"),
    ("DIGITALOCEAN_ACCESS_TOKEN", "DigitalOcean"),
    ("DIGITALOCEAN_TOKEN", "DigitalOcean"),
    ("HCLOUD_TOKEN", "Hetzner"),
    ("LINODE_TOKEN", "Linode"),
    ("VULTR_API_KEY", "Vultr"),
    ("SCW_SECRET_KEY", "Scaleway"),
    ("HEROKU_API_KEY", "Heroku"),
    ("FLY_API_TOKEN", "Fly"),
    ("VERCEL_TOKEN", "Vercel"),
    ("NETLIFY_AUTH_TOKEN", "Netlify"),
    ("RENDER_API_KEY", "Render"),
    ("RAILWAY_TOKEN", "Railway"),
    ("VAULT_TOKEN", "Vault"),
    ("CONSUL_HTTP_TOKEN", "Consul"),
    ("NOMAD_TOKEN", "Nomad"),
    ("TFE_TOKEN", "Terraform Cloud"),
    ("PULUMI_ACCESS_TOKEN", "Pulumi"),
    ("PULUMI_CONFIG_PASSPHRASE", "Pulumi"),
    ("ANSIBLE_VAULT_PASSWORD", "Ansible"),
    ("SOPS_AGE_KEY", "sops"),
    ("OP_SERVICE_ACCOUNT_TOKEN", "1Password"),
    ("DOPPLER_TOKEN", "Doppler"),
    ("GITHUB_TOKEN", "GitHub"),
    ("GH_TOKEN", "GitHub"),
    ("GITHUB_PAT", "GitHub"),
    ("ACTIONS_RUNTIME_TOKEN", "GitHub Actions"),
    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GitHub Actions"),
    ("GITLAB_TOKEN", "GitLab"),
    ("CI_JOB_TOKEN", "GitLab CI"),
    ("CI_JOB_JWT", "GitLab CI"),
    ("CI_DEPLOY_PASSWORD", "GitLab CI"),
    ("CI_REGISTRY_PASSWORD", "GitLab CI"),
    ("GITEA_TOKEN", "Gitea"),
    ("FORGEJO_TOKEN", "Forgejo"),
    ("BITBUCKET_TOKEN", "Bitbucket"),
    ("SYSTEM_ACCESSTOKEN", "Azure Pipelines"),
    ("CIRCLE_TOKEN", "CircleCI"),
    ("BUILDKITE_AGENT_ACCESS_TOKEN", "Buildkite"),
    ("JENKINS_API_TOKEN", "Jenkins"),
    ("ANTHROPIC_API_KEY", "Anthropic"),
    ("ANTHROPIC_AUTH_TOKEN", "Anthropic"),
    ("CLAUDE_CODE_OAUTH_TOKEN", "Claude Code"),
    ("OPENAI_API_KEY", "OpenAI"),
    ("CODEX_API_KEY", "Codex"),
    ("GEMINI_API_KEY", "Gemini"),
    ("AZURE_OPENAI_API_KEY", "Azure OpenAI"),
    ("OPENROUTER_API_KEY", "OpenRouter"),
    ("MISTRAL_API_KEY", "Mistral"),
    ("GROQ_API_KEY", "Groq"),
    ("XAI_API_KEY", "xAI"),
    ("DEEPSEEK_API_KEY", "DeepSeek"),
    ("COHERE_API_KEY", "Cohere"),
    ("TOGETHER_API_KEY", "Together"),
    ("FIREWORKS_API_KEY", "Fireworks"),
    ("PERPLEXITY_API_KEY", "Perplexity"),
    ("REPLICATE_API_TOKEN", "Replicate"),
    ("HF_TOKEN", "Hugging Face"),
    ("HUGGING_FACE_HUB_TOKEN", "Hugging Face"),
    ("LLM_API_KEY", "ours, for any provider"),
    ("CURSOR_API_KEY", "Cursor"),
    ("AMP_API_KEY", "Amp"),
    ("NPM_TOKEN", "npm"),
    ("NODE_AUTH_TOKEN", "npm"),
    ("YARN_NPM_AUTH_TOKEN", "Yarn"),
    ("CARGO_REGISTRY_TOKEN", "cargo"),
    ("TWINE_PASSWORD", "PyPI"),
    ("PYPI_TOKEN", "PyPI"),
    ("POETRY_PYPI_TOKEN_PYPI", "PyPI, by Poetry"),
    ("UV_PUBLISH_TOKEN", "PyPI, by uv"),
    ("GEM_HOST_API_KEY", "RubyGems"),
    ("BUNDLE_RUBYGEMS__PKG__GITHUB__COM", "Bundler"),
    ("NUGET_API_KEY", "NuGet"),
    ("COMPOSER_AUTH", "Composer"),
    ("DOCKER_PASSWORD", "Docker Hub"),
    ("DOCKERHUB_TOKEN", "Docker Hub"),
    ("DOCKER_AUTH_CONFIG", "Docker"),
    ("ARTIFACTORY_API_KEY", "Artifactory"),
    ("SONATYPE_PASSWORD", "Maven Central"),
    ("SIGNING_PASSWORD", "Gradle"),
    ("HOMEBREW_GITHUB_API_TOKEN", "Homebrew"),
    ("PGPASSWORD", "PostgreSQL"),
    ("POSTGRES_PASSWORD", "PostgreSQL"),
    ("MYSQL_PWD", "MySQL"),
    ("MYSQL_ROOT_PASSWORD", "MySQL"),
    ("MARIADB_ROOT_PASSWORD", "MariaDB"),
    ("MSSQL_SA_PASSWORD", "SQL Server"),
    ("SA_PASSWORD", "SQL Server"),
    ("MONGO_INITDB_ROOT_PASSWORD", "MongoDB"),
    ("REDISCLI_AUTH", "Redis"),
    ("REDIS_PASSWORD", "Redis"),
    ("RABBITMQ_DEFAULT_PASS", "RabbitMQ"),
    ("ELASTIC_PASSWORD", "Elasticsearch"),
    ("MINIO_ROOT_PASSWORD", "MinIO"),
    ("INFLUX_TOKEN", "InfluxDB"),
    ("SNOWFLAKE_PASSWORD", "Snowflake"),
    ("DATABRICKS_TOKEN", "Databricks"),
    ("SLACK_BOT_TOKEN", "Slack"),
    ("SLACK_WEBHOOK_URL", "Slack"),
    ("DISCORD_TOKEN", "Discord"),
    ("DISCORD_WEBHOOK_URL", "Discord"),
    ("TELEGRAM_BOT_TOKEN", "Telegram"),
    ("TWILIO_AUTH_TOKEN", "Twilio"),
    ("SENDGRID_API_KEY", "SendGrid"),
    ("MAILGUN_API_KEY", "Mailgun"),
    ("STRIPE_SECRET_KEY", "Stripe"),
    ("STRIPE_WEBHOOK_SECRET", "Stripe"),
    ("SENTRY_AUTH_TOKEN", "Sentry"),
    ("SENTRY_DSN", "Sentry"),
    ("DD_API_KEY", "Datadog"),
    ("NEW_RELIC_LICENSE_KEY", "New Relic"),
    ("GRAFANA_API_KEY", "Grafana"),
    ("SONAR_TOKEN", "Sonar"),
    ("SNYK_TOKEN", "Snyk"),
    ("CODECOV_TOKEN", "Codecov"),
    ("SSHPASS", "sshpass"),
    ("GPG_PASSPHRASE", "GnuPG"),
    ("RESTIC_PASSWORD", "restic"),
    ("BORG_PASSPHRASE", "borg"),
    ("SECRET_KEY_BASE", "Rails"),
    ("RAILS_MASTER_KEY", "Rails"),
    ("DJANGO_SECRET_KEY", "Django"),
    ("APP_KEY", "Laravel"),
    ("JWT_SECRET", "many frameworks"),
    ("SESSION_SECRET", "many frameworks"),
];

/// Endings and words by which a name says the same, for people.
pub const RULES: &[&str] = &[
    "holds `PASSWORD`, `PASSWD`, `PASSPHRASE`, `SECRET`, `CREDENTIAL`, `API_KEY`, `APIKEY`, `ACCESS_KEY` or `PRIVATE_KEY`",
    "has the word `TOKEN`, `PAT`, `JWT` or `COOKIE`",
    "ends in `_KEY`, `_KEYS`, `_TOKENS`, `_PASS`, `_AUTH`, `_DSN` or in `TOKEN`",
    "and does not end in `_FILE`, `_PATH`, `_DIR`, `_HELPER` or `_CREDENTIALS` with the path of a file as its value",
];

/// Values that stand as passwords in everybody's examples. To search for them would make every output unreadable and
/// would refuse every commit.
const ORDINARY: &[&str] = &[
    "administrator",
    "changeit",
    "changeme",
    "default",
    "developer",
    "development",
    "disabled",
    "docker",
    "enabled",
    "example",
    "github",
    "guest",
    "letmein",
    "localhost",
    "mariadb",
    "minioadmin",
    "mongodb",
    "password",
    "password1",
    "placeholder",
    "postgres",
    "postgresql",
    "production",
    "rabbitmq",
    "redacted",
    "required",
    "secret",
    "secrets",
    "staging",
    "testing",
    "username",
];

/// True when a variable is secret by its name alone: `GITHUB_TOKEN`, `OPENAI_API_KEY`, `PGPASSWORD`.
pub fn is_secret_name(name: &str) -> bool {
    const ANYWHERE: [&str; 9] = [
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "SECRET",
        "CREDENTIAL",
        "API_KEY",
        "APIKEY",
        "ACCESS_KEY",
        "PRIVATE_KEY",
    ];
    const WORDS: [&str; 4] = ["TOKEN", "PAT", "JWT", "COOKIE"];
    const LAST: [&str; 6] = ["KEY", "KEYS", "TOKENS", "PASS", "AUTH", "DSN"];
    let name = name.to_ascii_uppercase().replace(['-', '.'], "_");
    ANYWHERE.iter().any(|w| name.contains(w))
        || name.split('_').any(|w| WORDS.contains(&w))
        || name.rsplit('_').next().is_some_and(|w| LAST.contains(&w))
        || name.ends_with("TOKEN")
        || NAMES.iter().any(|(known, _)| *known == name)
}

/// True when the value of a variable that is secret by its name is none all the same: the path of a file, or a word
/// that stands in everybody's examples.
pub fn is_ordinary_value(name: &str, value: &str) -> bool {
    const PLACES: [&str; 5] = ["_FILE", "_PATH", "_DIR", "_HELPER", "_CREDENTIALS"];
    let name = name.to_ascii_uppercase();
    let is_path = value.starts_with(['/', '~', '.']) || value.contains(":\\");
    ORDINARY.contains(&value.to_ascii_lowercase().as_str())
        || (is_path && PLACES.iter().any(|p| name.ends_with(p)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_name_counts() {
        for (name, whose) in NAMES {
            assert!(is_secret_name(name), "{name}");
            assert!(!whose.is_empty());
            assert_eq!(NAMES.iter().filter(|(n, _)| n == name).count(), 1, "{name}");
        }
    }

    #[test]
    fn names_that_only_sound_so_do_not() {
        for name in [
            "PATH",
            "KEYBOARD",
            "TOKENIZER",
            "PWD",
            "AUTHOR",
            "MONKEY",
            "PASSED",
            "COMPASS",
            "DATABASE_URL",
            "SSH_AUTH_SOCK",
            "GIT_ASKPASS",
            "PATCH",
            "TERM",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
        for name in [
            "my-api-key",
            "spring.datasource.password",
            "github_token",
            "X_JWT_Y",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn values_that_are_no_secrets() {
        for (name, value) in [
            ("GOOGLE_APPLICATION_CREDENTIALS", "/home/ann/key.json"),
            ("POSTGRES_PASSWORD_FILE", "/run/secrets/db"),
            ("PGPASSWORD", "postgres"),
            ("PGPASSWORD", "Password"),
        ] {
            assert!(is_ordinary_value(name, value), "{name}={value}");
        }
        for (name, value) in [("PGPASSWORD", "/aB3/dE6gH9jK2"), ("A_FILE", "hunter22")] {
            assert!(!is_ordinary_value(name, value), "{name}={value}");
        }
    }
}
