//! Which of libgit2's writes wait for the disk: objects and refs do, but where a writer says that they can be
//! repeated; indexes never do.

use std::os::raw::c_int;
use std::sync::Once;

/// Sets libgit2 up, once: objects and refs are synced before they count, so that a chunk's commit survives a
/// power cut.
pub(super) fn set_up() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        git2::opts::enable_caching(true);
        // Trees are made of entries that were just written or are in the tip's tree; looking each of them up
        // again costs an access(2) for every file of every folder that changed.
        git2::opts::strict_object_creation(false);
        sync_writes(true);
        know_partial_clones();
    });
}

#[allow(
    unsafe_code,
    reason = "git2 marks the option unsafe because it sets a global"
)]
fn know_partial_clones() {
    // SAFETY: called once, before any repository is opened and by one thread (`Once`).
    let known = unsafe { git2::opts::set_extensions(&["partialclone"]) };
    // Without it such a clone is refused when it is opened, with libgit2's words.
    drop(known);
}

/// Runs `act`, whose writes can be repeated, without waiting for the disk.
pub(super) fn unsynced<T>(act: impl FnOnce() -> T) -> T {
    struct Back;
    impl Drop for Back {
        fn drop(&mut self) {
            sync_writes(true);
        }
    }
    let _back = Back;
    sync_writes(false);
    act()
}

#[allow(
    unsafe_code,
    reason = "the option has no safe wrapper in git2; it sets one global flag"
)]
fn sync_writes(on: bool) {
    // SAFETY: the option takes one int and is documented as callable at any time after libgit2's
    // initialisation, which the first call of `git2::opts` in `set_up` made.
    unsafe {
        libgit2_sys::git_libgit2_opts(
            libgit2_sys::GIT_OPT_ENABLE_FSYNC_GITDIR as c_int,
            c_int::from(on),
        );
    }
}
