//! System calls, by seccomp: what reaches around the other layers, or wide into the kernel, is refused.
//!
//! A list of what is refused, not of what is allowed: builds and tests use everything else, and the kernel decides
//! about calls that look at a number only once, not each time.

use crate::model::policy::Network;
use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter, sock_filter,
};
use std::collections::BTreeMap;

/// Refused whatever the arguments.
const REFUSED: &[i64] = &[
    // Other processes' memory and files.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    // Other views of the file system.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    // Namespaces; `clone` is below.
    libc::SYS_unshare,
    libc::SYS_setns,
    // Calls made by other means than a call, which no filter sees.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // The user's keys.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Wide doors into the kernel, and the machine's own affairs.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
];

/// `CLONE_NEW*` that `clone` takes (clone(2)).
const NEW_SPACES: &[libc::c_int] = &[
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// The bit of a mode that makes a file run as who owns it (inode(7)).
const SET_USER: libc::c_int = 0o4000;
/// Of `O_TMPFILE` the bit that is nobody else's (open(2)).
const UNNAMED: libc::c_int = 0o20_000_000;
/// The same number everywhere; not every C library's headers have it.
const FCHMODAT2: i64 = 452;

/// Types of sockets that are neither streams nor datagrams nor sequenced packets.
const ODD_TYPES: &[libc::c_int] = &[libc::SOCK_RAW, libc::SOCK_RDM, 6, 10];

/// Restricts this process and all that it starts.
pub(super) fn restrict(network: &Network, unix_sockets: bool) -> Result<(), String> {
    let failed = |e: &dyn std::fmt::Display| format!("the filter of system calls is refused: {e}");
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|_| {
        format!(
            "there is no filter of system calls for {}",
            std::env::consts::ARCH
        )
    })?;
    let by_arguments = rules(network, unix_sockets)
        .and_then(|rules| by_arguments(rules, arch))
        .map_err(|e| failed(&e))?;
    // One filter: the kernel translates each, and tries each with every number that there is.
    let mut filter = by_number();
    filter.extend(by_arguments);
    apply_filter(&filter).map_err(|e| failed(&e))
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn rules(network: &Network, unix_sockets: bool) -> Result<Rules, seccompiler::BackendError> {
    let mut rules = Rules::new();
    let mut refuse = |call: i64, alternatives: Vec<Vec<SeccompCondition>>| {
        let alternatives = alternatives.into_iter().map(SeccompRule::new);
        let alternatives = alternatives.collect::<Result<Vec<_>, _>>()?;
        rules.insert(call, alternatives);
        Ok::<(), seccompiler::BackendError>(())
    };

    let spaces = NEW_SPACES.iter().map(|flag| {
        let flag = flag.unsigned_abs().into();
        Ok(vec![argument(0, SeccompCmpOp::MaskedEq(flag), flag)?])
    });
    refuse(libc::SYS_clone, spaces.collect::<Result<_, _>>()?)?;
    // What types into, or pastes to, a terminal that the user sits at (tty_ioctl(4)).
    refuse(
        libc::SYS_ioctl,
        vec![vec![is(1, 0x5412)?], vec![is(1, 0x541c)?]],
    )?;
    // Another process' limits; one's own by the number 0.
    refuse(
        libc::SYS_prlimit64,
        vec![vec![
            is_not(0, 0)?,
            SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?,
        ]],
    )?;

    for (call, modes) in owners_rights()? {
        refuse(call, modes)?;
    }

    let mut families = Vec::new();
    if *network != Network::None {
        // Addresses are looked up over netlink; nobody inside may change any.
        families.extend([libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK]);
    }
    if unix_sockets {
        families.push(libc::AF_UNIX);
    }
    if families.is_empty() {
        refuse(libc::SYS_socket, Vec::new())?;
    } else {
        let others = families.iter().map(|family| is_not(0, *family));
        let mut sockets = vec![
            others.collect::<Result<Vec<_>, _>>()?,
            vec![is(0, libc::AF_NETLINK)?, is_not(2, libc::NETLINK_ROUTE)?],
        ];
        for odd in ODD_TYPES {
            sockets.push(vec![is_not(0, libc::AF_NETLINK)?, has_type(*odd)?]);
        }
        refuse(libc::SYS_socket, sockets)?;
    }
    if !unix_sockets {
        // One of a pair of these can be connected anew, to any address.
        refuse(
            libc::SYS_socketpair,
            vec![vec![has_type(libc::SOCK_DGRAM)?]],
        )?;
    }
    Ok(rules)
}

/// A call, and under which of several conditions it is refused.
type Refused = (i64, Vec<Vec<SeccompCondition>>);

/// Calls that make a file run as who owns it, whoever starts it: it would outlast the wall, for others on this
/// machine.
fn owners_rights() -> Result<Vec<Refused>, seccompiler::BackendError> {
    let has = |index: u8, bit: libc::c_int| {
        let bit = bit.unsigned_abs().into();
        argument(index, SeccompCmpOp::MaskedEq(bit), bit)
    };
    let mut all = Vec::new();
    for (call, mode) in [
        (libc::SYS_fchmod, 1),
        (libc::SYS_fchmodat, 2),
        (FCHMODAT2, 2),
        (libc::SYS_mknodat, 2),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_chmod, 1),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_mknod, 1),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_creat, 1),
    ] {
        all.push((call, vec![vec![has(mode, SET_USER)?]]));
    }
    // The mode counts only where something is made.
    for (call, flags, mode) in [
        (libc::SYS_openat, 2, 3),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_open, 1, 2),
    ] {
        let mut made = Vec::new();
        for flag in [libc::O_CREAT, UNNAMED] {
            made.push(vec![has(flags, flag)?, has(mode, SET_USER)?]);
        }
        all.push((call, made));
    }
    Ok(all)
}

fn argument(
    index: u8,
    compare: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, compare, value)
}

fn is(index: u8, value: libc::c_int) -> Result<SeccompCondition, seccompiler::BackendError> {
    argument(index, SeccompCmpOp::Eq, value.unsigned_abs().into())
}

fn is_not(index: u8, value: libc::c_int) -> Result<SeccompCondition, seccompiler::BackendError> {
    argument(index, SeccompCmpOp::Ne, value.unsigned_abs().into())
}

/// Flags may stand beside the type (socket(2)).
fn has_type(kind: libc::c_int) -> Result<SeccompCondition, seccompiler::BackendError> {
    argument(1, SeccompCmpOp::MaskedEq(0xf), kind.unsigned_abs().into())
}

/// Refuses what rules name. Who calls by the numbers of another kind of processor (32-bit programs) is killed:
/// seccompiler gives no other answer there.
fn by_arguments(rules: Rules, arch: TargetArch) -> Result<BpfProgram, seccompiler::BackendError> {
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    BpfProgram::try_from(SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        refuse,
        arch,
    )?)
}

/// Refuses what can be told by its number alone, and lets everything else through to what follows.
fn by_number() -> BpfProgram {
    let load_number = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    let mut program = vec![statement(load_number, 0, 0, 0)];
    if cfg!(target_arch = "x86_64") {
        // The kernel knows its calls by a second set of numbers there, told by one bit ("x32"); rules name the first.
        program.push(statement(AT_LEAST, 0, 1, 0x4000_0000));
        program.push(answer(libc::ENOSYS));
    }
    // What they are asked for lies in memory, where no filter looks; libraries fall back to `clone` and `openat`.
    for call in [libc::SYS_clone3, libc::SYS_openat2] {
        program.extend(when(call, libc::ENOSYS));
    }
    let mut refused = REFUSED.to_vec();
    refused.sort_unstable();
    refused.dedup();
    program.extend(search(&refused));
    program
}

/// Looks a number up among sorted ones by halves. What is none of them comes out behind it.
fn search(refused: &[i64]) -> BpfProgram {
    const FEW: usize = 4;
    let (low, high) = refused.split_at(refused.len() / 2);
    let Some(first) = high.first().filter(|_| refused.len() > FEW) else {
        let each = refused.iter().flat_map(|call| when(*call, libc::EPERM));
        return each.collect();
    };
    let (low, high) = (search(low), search(high));
    let past_low = u8::try_from(low.len() + 1).unwrap_or(u8::MAX);
    let past_high = u32::try_from(high.len()).unwrap_or(u32::MAX);
    let past = (libc::BPF_JMP | libc::BPF_JA) as u16;
    let mut program = vec![statement(AT_LEAST, past_low, 0, number(*first))];
    program.extend(low);
    program.push(statement(past, 0, 0, past_high));
    program.extend(high);
    program
}

const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;

/// Answers a call of this number.
fn when(call: i64, errno: libc::c_int) -> [sock_filter; 2] {
    let is_it = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    [statement(is_it, 0, 1, number(call)), answer(errno)]
}

fn answer(errno: libc::c_int) -> sock_filter {
    let code = (libc::BPF_RET | libc::BPF_K) as u16;
    statement(code, 0, 0, libc::SECCOMP_RET_ERRNO | errno.unsigned_abs())
}

/// No call has a number that does not fit.
fn number(call: i64) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}

fn statement(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a program without arithmetic says of a number; None where it is left at its end.
    fn played(program: &[sock_filter], number: u32) -> Option<u32> {
        const JUMP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
        const IS: u16 = (libc::BPF_JMP | libc::BPF_JEQ) as u16;
        const ANSWER: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
        let mut at = 0;
        while let Some(step) = program.get(at) {
            let holds = match step.code {
                ANSWER => return Some(step.k),
                JUMP => {
                    at += 1 + step.k as usize;
                    continue;
                }
                IS => number == step.k,
                AT_LEAST => number >= step.k,
                _ => {
                    // The number is loaded.
                    at += 1;
                    continue;
                }
            };
            at += 1 + usize::from(if holds { step.jt } else { step.jf });
        }
        assert_eq!(at, program.len(), "it jumps out of itself");
        None
    }

    #[test]
    fn what_is_refused_by_number_is_found_and_nothing_else() {
        let program = by_number();
        let errno = |errno: libc::c_int| Some(libc::SECCOMP_RET_ERRNO | errno.unsigned_abs());
        for number in 0..1_000_u32 {
            let call = i64::from(number);
            let want = match call {
                libc::SYS_clone3 | libc::SYS_openat2 => errno(libc::ENOSYS),
                call if REFUSED.contains(&call) => errno(libc::EPERM),
                _ => None,
            };
            assert_eq!(played(&program, number), want, "{number}");
        }
        if cfg!(target_arch = "x86_64") {
            assert_eq!(played(&program, 0x4000_0000), errno(libc::ENOSYS));
            assert_eq!(played(&program, u32::MAX), errno(libc::ENOSYS));
        }
    }

    #[test]
    fn any_number_of_calls_is_looked_up() {
        for count in 0..150_i64 {
            let calls: Vec<i64> = (0..count).map(|n| n * 3 + 1).collect();
            let program = search(&calls);
            for number in 0..500 {
                let is_there = calls.contains(&number.into());
                assert_eq!(
                    played(&program, number).is_some(),
                    is_there,
                    "{number} of {count}"
                );
            }
        }
    }
}
