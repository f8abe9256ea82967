//! Files, by Landlock: what no rule grants is refused.

use crate::model::policy::{FileAccess, Network};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus,
    PathBeneath, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope, make_bitflags,
};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, open, openat2};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// The newest version whose rights are known here; older kernels enforce what they know.
const NEWEST: ABI = ABI::V9;

/// Restricts this process and all that it starts. Returns Landlock's version.
pub(super) fn restrict(files: &FileAccess, network: &Network) -> Result<u32, String> {
    let failed = |e: &dyn std::fmt::Display| format!("Landlock refuses its rules: {e}");
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|r| r.scope(Scope::from_all(NEWEST)))
        .map_err(|e| failed(&e))?;
    if *network == Network::None {
        rules = rules
            .handle_access(AccessNet::from_all(NEWEST))
            .map_err(|e| failed(&e))?;
    }
    let mut rules = rules.create().map_err(|e| failed(&e))?;
    for (paths, rights) in [
        (&files.read, reading()),
        (&files.execute, reading() | AccessFs::Execute),
        (&files.write, reading() | writing()),
    ] {
        for path in paths {
            // What cannot be opened grants nothing.
            let Some((file, is_dir)) = open_for_rule(path, &files.write) else {
                continue;
            };
            let rights = match is_dir {
                true => rights,
                false => rights & AccessFs::from_file(NEWEST),
            };
            rules = rules
                .add_rule(PathBeneath::new(file, rights))
                .map_err(|e| format!("Landlock refuses {}: {e}", path.display()))?;
        }
    }
    let status = rules.restrict_self().map_err(|e| failed(&e))?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => Err(
            "Landlock is switched off; `lsm=` on the kernel's command line has to name it"
                .to_owned(),
        ),
        (_, LandlockStatus::NotEnabled | LandlockStatus::NotImplemented)
        | (RulesetStatus::NotEnforced, _) => {
            Err("the kernel has no Landlock, which came with Linux 5.13".to_owned())
        }
        (
            RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced,
            LandlockStatus::Available { effective_abi, .. },
        ) => Ok(effective_abi as u32),
    }
}

fn reading() -> BitFlags<AccessFs> {
    make_bitflags!(AccessFs::{ReadFile | ReadDir | ResolveUnix})
}

/// Everything but device files, which need a capability that nobody inside has.
fn writing() -> BitFlags<AccessFs> {
    AccessFs::from_write(NEWEST) & !make_bitflags!(AccessFs::{MakeChar | MakeBlock})
}

/// Opens a path to make a rule of; with whether it is a folder.
///
/// One that lies in a writable folder may have been replaced by who writes there: it is followed only as long as it
/// stays in that folder.
fn open_for_rule(path: &Path, writable: &[PathBuf]) -> Option<(OwnedFd, bool)> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let above = writable
        .iter()
        .filter(|w| path.starts_with(w) && *w != path)
        .min_by_key(|w| w.as_os_str().len());
    let file = match above {
        None => open(path, flags, Mode::empty()).ok()?,
        Some(above) => {
            let rest = path.strip_prefix(above).ok()?;
            let above = openat2(
                CWD,
                above,
                flags,
                Mode::empty(),
                ResolveFlags::NO_MAGICLINKS,
            )
            .ok()?;
            let inside = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
            openat2(above, rest, flags, Mode::empty(), inside).ok()?
        }
    };
    let kind = FileType::from_raw_mode(fstat(&file).ok()?.st_mode);
    Some((file, kind == FileType::Directory))
}
