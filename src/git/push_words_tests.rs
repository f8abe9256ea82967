use super::*;
use PushFailureKind::{
    Auth, Conflict, HookDeclined, Lfs, NotFound, Other, Protected, TooLarge, Transient, Untrusted,
};

/// What is said of the ref, what stands on standard error, and what it is. The words of git itself were taken from
/// git 2.47; those of forges are the ones that they document or are known to say.
const TABLE: &[(&str, &str, PushFailureKind)] = &[
    // Git's own refusals.
    (
        "[rejected] (non-fast-forward)",
        "hint: Updates were rejected",
        Conflict,
    ),
    ("[rejected] (fetch first)", "", Conflict),
    ("[rejected] (stale info)", "", Conflict),
    (
        "[remote rejected] (non-fast-forward)",
        "remote: error: denying non-fast-forward refs/heads/x (you should pull first)",
        Conflict,
    ),
    (
        "[remote rejected] (branch is currently checked out)",
        "remote: error: refusing to update checked out branch: refs/heads/x",
        Protected,
    ),
    (
        "[remote rejected] (incorrect old value provided)",
        "",
        Transient,
    ),
    (
        "[remote rejected] (reference already exists)",
        "",
        Transient,
    ),
    (
        "[remote rejected] (failed to update ref)",
        "remote: error: cannot lock ref",
        Transient,
    ),
    (
        "[remote rejected] (unpacker error)",
        "remote: fatal: pack exceeds maximum allowed size (1.00 KiB)\nerror: remote unpack failed: index-pack abnormal exit",
        TooLarge,
    ),
    (
        "[remote rejected] (unpacker error)",
        "error: remote unpack failed: unable to create temporary object directory",
        Other,
    ),
    ("[remote rejected] (deny updating a hidden ref)", "", Other),
    // Hooks.
    (
        "[remote rejected] (pre-receive hook declined)",
        "",
        HookDeclined,
    ),
    (
        "[remote rejected] (hook declined)",
        "remote: not on a friday",
        HookDeclined,
    ),
    (
        "",
        "not on a friday\nerror: failed to push some refs to 'http://127.0.0.1:4711/o.git'",
        HookDeclined,
    ),
    // GitHub.
    (
        "[remote rejected] (pre-receive hook declined)",
        "remote: error: File big.bin is 120.00 MB; this exceeds GitHub's file size limit of 100.00 MB\nremote: error: GH001: Large files detected.",
        TooLarge,
    ),
    (
        "[remote rejected] (protected branch hook declined)",
        "remote: error: GH006: Protected branch update failed for refs/heads/x.",
        Protected,
    ),
    (
        "[remote rejected] (push declined due to repository rule violations)",
        "remote: error: GH013: Repository rule violations found for refs/heads/x.",
        Protected,
    ),
    (
        "[remote rejected] (push declined due to repository rule violations)",
        "remote: error: GH013: Repository rule violations found\nremote: - Push cannot contain secrets",
        HookDeclined,
    ),
    (
        "[remote rejected] (push declined due to email privacy restrictions)",
        "remote: error: GH007: Your push would publish a private email address.",
        HookDeclined,
    ),
    (
        "[remote rejected] (refusing to allow a Personal Access Token to create or update workflow `.github/workflows/ci.yml` without `workflow` scope)",
        "",
        Auth,
    ),
    (
        "[remote rejected] (refusing to allow an OAuth App to create or update workflow `.github/workflows/ci.yml` without `workflow` scope)",
        "",
        Auth,
    ),
    (
        "",
        "remote: Permission to o/r.git denied to ada.\nfatal: unable to access 'https://h/': The requested URL returned error: 403",
        Auth,
    ),
    (
        "",
        "ERROR: The key you are authenticating with has been marked as read only.\nfatal: Could not read from remote repository.",
        Auth,
    ),
    (
        "",
        "ERROR: This repository was archived so it is read-only.\nfatal: Could not read from remote repository.",
        Auth,
    ),
    (
        "",
        "remote: Support for password authentication was removed\nfatal: Authentication failed for 'https://h/o/r.git/'",
        Auth,
    ),
    (
        "",
        "remote: Repository not found.\nfatal: repository 'https://h/o/r.git/' not found",
        NotFound,
    ),
    (
        "",
        "ERROR: Repository not found.\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.",
        NotFound,
    ),
    ("[remote rejected] (Internal Server Error)", "", Transient),
    (
        "[remote rejected] (pre-receive hook declined)",
        "remote: error: GH008: Your push referenced at least 1 unknown Git LFS object:",
        Lfs,
    ),
    (
        "",
        "batch response: This repository is over its data quota. Account responsible for LFS bandwidth should purchase more data packs to restore access.\nerror: failed to push some refs to 'https://h/'",
        Lfs,
    ),
    // GitLab.
    (
        "[remote rejected] (pre-receive hook declined)",
        "remote: GitLab: You are not allowed to push code to protected branches on this project.",
        Protected,
    ),
    (
        "[remote rejected] (pre-receive hook declined)",
        "remote: GitLab: You are not allowed to force push code to a protected branch on this project.",
        Protected,
    ),
    (
        "[remote rejected] (pre-receive hook declined)",
        "remote: GitLab: You are not allowed to push code to this project.",
        Auth,
    ),
    (
        "[remote rejected] (pre-receive hook declined)",
        "remote: GitLab: LFS objects are missing. Ensure LFS is properly set up or try a manual \"git lfs push --all\".",
        Lfs,
    ),
    (
        "[remote rejected] (pre-receive hook declined)",
        "remote: GitLab: File \"big.bin\" is larger than the allowed size of 1 MiB",
        TooLarge,
    ),
    (
        "",
        "remote: HTTP Basic: Access denied. If a password was provided for Git authentication, the password was incorrect",
        Auth,
    ),
    (
        "",
        "remote: The project you were looking for could not be found or you don't have permission to view it.\nfatal: repository 'https://h/o/r.git/' not found",
        NotFound,
    ),
    // Gitea and Forgejo.
    (
        "[remote rejected] (pre-receive hook declined)",
        "remote: Gitea: Not allowed to push to protected branch main",
        Protected,
    ),
    (
        "[remote rejected] (pre-receive hook declined)",
        "remote: Forgejo: User permission denied for writing.",
        Auth,
    ),
    (
        "[remote rejected] (pre-receive hook declined)",
        "remote: Gitea: branch x is protected from force push",
        Protected,
    ),
    // HTTP.
    (
        "",
        "fatal: Authentication failed for 'https://localhost/x'",
        Auth,
    ),
    (
        "",
        "fatal: could not read Username for 'http://127.0.0.1:1': terminal prompts disabled",
        Auth,
    ),
    (
        "",
        "error: RPC failed; HTTP 403 curl 22 The requested URL returned error: 403",
        Auth,
    ),
    (
        "",
        "error: RPC failed; HTTP 413 curl 22 The requested URL returned error: 413\nsend-pack: unexpected disconnect while reading sideband packet\nfatal: the remote end hung up unexpectedly",
        TooLarge,
    ),
    (
        "",
        "error: RPC failed; HTTP 500 curl 22 The requested URL returned error: 500",
        Transient,
    ),
    (
        "",
        "fatal: unable to access 'http://h/': The requested URL returned error: 503",
        Transient,
    ),
    (
        "",
        "fatal: unable to access 'http://h/': The requested URL returned error: 429",
        Transient,
    ),
    (
        "",
        "error: RPC failed; curl 52 Empty reply from server\nfatal: the remote end hung up unexpectedly",
        Transient,
    ),
    (
        "",
        "fatal: unable to access: Could not resolve host: localhost",
        Transient,
    ),
    (
        "",
        "fatal: unable to access 'http://127.0.0.1:1/': Failed to connect to 127.0.0.1 port 1 after 0 ms: Couldn't connect to server",
        Transient,
    ),
    (
        "",
        "fatal: unable to access 'https://h/': SSL certificate problem: self-signed certificate",
        Untrusted,
    ),
    (
        "",
        "fatal: unable to access 'https://h/': server certificate verification failed. CAfile: none CRLfile: none",
        Untrusted,
    ),
    // ssh.
    (
        "",
        "git@localhost: Permission denied (publickey).\nfatal: Could not read from remote repository.",
        Auth,
    ),
    (
        "",
        "Host key verification failed.\nfatal: Could not read from remote repository.",
        Untrusted,
    ),
    (
        "",
        "ssh: connect to host h port 22: Connection refused\nfatal: Could not read from remote repository.",
        Transient,
    ),
    (
        "",
        "ssh: Could not resolve hostname h: Name or service not known",
        Transient,
    ),
    (
        "",
        "client_loop: send disconnect: Broken pipe\nfatal: the remote end hung up unexpectedly",
        Transient,
    ),
    // Folders, LFS, and what nobody knows.
    (
        "",
        "fatal: '/gone.git' does not appear to be a git repository\nfatal: Could not read from remote repository.",
        NotFound,
    ),
    (
        "",
        "This repository is configured for Git LFS but 'git-lfs' was not found on your path.\nerror: failed to push some refs to '/o.git'",
        Lfs,
    ),
    ("", "fatal: something new", Other),
    ("", "", Other),
];

#[test]
fn failures_of_a_push_are_told_apart() {
    for (why, err, kind) in TABLE {
        let why = Some(*why).filter(|w| !w.is_empty());
        assert_eq!(kind_of(why, err), *kind, "{why:?} {err}");
    }
    let seen = |k: &PushFailureKind| TABLE.iter().any(|(.., kind)| kind == k);
    assert!(PushFailureKind::ALL.iter().all(seen));
}

#[test]
fn refused_refs_are_read_from_the_porcelain_lines() {
    let out = "To http://h/o.git\n*\tabc:refs/heads/x\t[new branch]\n!\trefs/codelicious/sync/protected:refs/codelicious/sync/protected\t[remote rejected] (deny updating a hidden ref)\n!\tabc:refs/heads/codelicious/413-hook-declined\t[rejected] (fetch first)\nDone\n!\tnothing\n!";
    let found = refused(out);
    assert_eq!(
        found,
        [
            Refused {
                to: "refs/codelicious/sync/protected",
                why: "[remote rejected] (deny updating a hidden ref)"
            },
            Refused {
                to: "refs/heads/codelicious/413-hook-declined",
                why: "[rejected] (fetch first)"
            }
        ]
    );
    // A branch may be called like anything.
    assert_eq!(kind_of(Some(found[1].why), ""), Conflict);
    assert_eq!(kind_of(Some(found[0].why), ""), Other);
}

#[test]
fn hints_and_addresses_are_not_told() {
    for (err, left) in [
        (
            "error: failed to push some refs to '/o'\nhint: Updates were rejected\nhint: See git help\n",
            "",
        ),
        (
            "remote: no \nerror: failed to push some refs to '/o'\n",
            "remote: no",
        ),
        (
            "not on a friday\n\nerror: failed to push some refs to '/o'",
            "not on a friday",
        ),
        (
            "error: unable to read askpass response from 'false'\nfatal: could not read Username",
            "fatal: could not read Username",
        ),
        ("", ""),
    ] {
        assert_eq!(told(err), left);
    }
}

#[test]
fn numbers_count_only_as_statuses() {
    assert_eq!(kind_of(None, "fatal: bad object 4134130"), Other);
    assert_eq!(kind_of(None, "Writing objects: 413"), Other);
}

proptest::proptest! {
    #[test]
    fn any_words_are_survived(why in proptest::option::of(".{0,40}"), err in ".{0,200}", out in "[!\\t:a-z\\n]{0,80}") {
        let _ = kind_of(why.as_deref(), &err);
        for found in refused(&out) {
            proptest::prop_assert!(out.contains(found.to));
        }
    }
}
