//! Java and its relatives: Maven and Gradle, their wrappers before what is installed.

use super::{CheckRow, Language, PLAIN, Plan};
use crate::verify::check::{CheckKind, Narrow, Only, Reads};
use crate::verify::reading::Format;
use crate::verify::view::{FileView, ancestors, base_name, below, join, parent};

pub(super) const MAVEN: Language = Language {
    name: "maven",
    manifests: &["pom.xml"],
    extensions: &["java", "kt", "scala", "groovy"],
    names: &["pom.xml", "mvnw"],
    folders: &["src", ".mvn"],
    root: maven_root,
    is_test: |path| path.contains("src/test/"),
    checks: &[CheckRow {
        names: &["mvn test"],
        kind: CheckKind::Test,
        optional: false,
        no_tests_exit: None,
        env: &[],
        plan: |g| {
            let program = if g.has("mvnw") { "./mvnw" } else { "mvn" };
            // Every module's tests run, also when those of one before it fail.
            Some(
                Plan::line(
                    format!("{program} --batch-mode --no-transfer-progress --fail-at-end test"),
                    format!("{program} --version"),
                )
                .reads(Reads::left(
                    Format::JUnit,
                    places(g.view, g.dir, &["pom.xml"], "target/surefire-reports"),
                ))
                .only(Only::Maven)
                .narrow(Narrow::MavenModules),
            )
        },
    }],
    ..PLAIN
};

const SETTINGS: &[&str] = &["settings.gradle", "settings.gradle.kts"];
const BUILDS: &[&str] = &["build.gradle", "build.gradle.kts"];

pub(super) const GRADLE: Language = Language {
    name: "gradle",
    manifests: &[
        "build.gradle",
        "build.gradle.kts",
        "settings.gradle",
        "settings.gradle.kts",
    ],
    extensions: &["java", "kt", "kts", "scala", "groovy", "gradle"],
    names: &["gradle.properties", "gradlew", "libs.versions.toml"],
    folders: &["src", "gradle", "buildSrc"],
    root: gradle_root,
    is_test: |path| path.contains("src/test/"),
    checks: &[CheckRow {
        names: &["gradle test"],
        kind: CheckKind::Test,
        optional: false,
        no_tests_exit: None,
        env: &[],
        plan: |g| {
            if g.has("pom.xml") {
                return None;
            }
            let program = if g.has("gradlew") {
                "./gradlew"
            } else {
                "gradle"
            };
            Some(
                Plan::line(
                    format!("{program} --no-daemon --console=plain --continue test"),
                    format!("{program} --version"),
                )
                .reads(Reads::left(
                    Format::JUnit,
                    places(g.view, g.dir, BUILDS, "build/test-results/test"),
                ))
                .only(Only::Gradle),
            )
        },
    }],
    ..PLAIN
};

/// The highest folder above whose build has this one as a module. Only folders with a build in between count.
fn maven_root(view: &FileView<'_>, dir: &str) -> String {
    let mut root = dir;
    let own = join(dir, "pom.xml");
    for above in ancestors(&own).skip(1) {
        let manifest = view.read(&join(above, "pom.xml")).unwrap_or_default();
        if !manifest.contains("<module>") {
            break;
        }
        root = above;
    }
    root.to_owned()
}

fn gradle_root(view: &FileView<'_>, dir: &str) -> String {
    let own = join(dir, "build.gradle");
    ancestors(&own)
        .find(|above| SETTINGS.iter().any(|name| view.has(&join(above, name))))
        .unwrap_or(dir)
        .to_owned()
}

/// The folders with reports, one for each module.
fn places(view: &FileView<'_>, dir: &str, manifests: &[&str], folder: &str) -> Vec<String> {
    let modules = view
        .paths()
        .iter()
        .filter(|path| manifests.contains(&base_name(path)) && !super::is_sample(path))
        .filter(|path| below(dir, path).is_some());
    let mut places: Vec<String> = modules
        .map(|path| join(below(dir, parent(path)).unwrap_or_default(), folder))
        .collect();
    places.sort();
    places.dedup();
    places
}
