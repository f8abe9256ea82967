//! One project as the rows of `languages` see it. Pure.

use super::view::{FileView, join};

/// What a row asks before it names a command.
pub struct Ground<'a> {
    pub view: &'a FileView<'a>,
    pub dir: &'a str,
    /// Its sources: paths below the root, without those of nested projects.
    pub sources: Vec<&'a str>,
    /// Those of its sources that hold tests.
    pub tests: Vec<&'a str>,
}

impl Ground<'_> {
    pub(super) fn has(&self, name: &str) -> bool {
        self.view.has(&join(self.dir, name))
    }

    pub(super) fn has_one_of(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.has(name))
    }

    pub(super) fn read(&self, name: &str) -> String {
        self.view.read(&join(self.dir, name)).unwrap_or_default()
    }

    /// True when a file that tells a forge what to run says one of these texts.
    pub(super) fn ci_says(&self, texts: &[&str]) -> bool {
        let is_ci = |path: &&&str| {
            let yaml = path.ends_with(".yml") || path.ends_with(".yaml");
            (path.starts_with(".github/workflows/") && yaml)
                || **path == ".gitlab-ci.yml"
                || (path.starts_with(".gitea/workflows/") && yaml)
        };
        self.view.paths().iter().filter(is_ci).any(|path| {
            let said = self.view.read(path).unwrap_or_default();
            texts.iter().any(|text| said.contains(text))
        })
    }
}
