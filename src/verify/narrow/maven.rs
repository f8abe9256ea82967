//! Maven: the modules that were touched. Maven itself adds those that depend on them.

use super::{Look, Picked, some_of};
use crate::verify::check::quoted;
use crate::verify::view::{ancestors, base_name, below, join};
use std::collections::BTreeSet;

pub(super) fn modules(look: &Look<'_>) -> Option<Picked> {
    let dir = &look.project.dir;
    let mut modules = BTreeSet::new();
    for path in look.all() {
        if base_name(path) == "pom.xml" {
            return None;
        }
        let module = ancestors(path).find(|above| look.view.has(&join(above, "pom.xml")))?;
        let here = below(dir, module).filter(|here| !here.is_empty() && module != dir)?;
        // A module that its parent does not list is none.
        let manifest = look
            .view
            .read(&join(crate::verify::view::parent(module), "pom.xml"))?;
        let listed = format!("<module>{}</module>", base_name(module));
        if !manifest.contains(&listed) {
            return None;
        }
        modules.insert(here);
    }
    let modules: Vec<&str> = modules.into_iter().collect();
    (!modules.is_empty()).then(|| Picked {
        // Also what they are built upon: nobody says that it was installed.
        arguments: format!("-pl {} -am -amd", quoted(&modules.join(","))),
        words: format!("modules {} and those around them", some_of(&modules)),
    })
}
