//! The same for each of many things, on all cores.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Threads at most.
const MAX_THREADS: usize = 8;

/// What `make` makes of each of `things`, in their order. `worth` is of how many one thread has made something before
/// another one has started: of fewer it is made right here.
pub(super) fn each<T: Sync, R: Send>(
    things: &[T],
    worth: usize,
    make: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let threads = cores.min(MAX_THREADS).min(things.len().div_ceil(worth));
    if threads < 2 {
        return things.iter().map(make).collect();
    }
    // Things differ in size, so that each thread takes the next one when it is done with one.
    let next = AtomicUsize::new(0);
    let work = || {
        let mut made = Vec::with_capacity(things.len() / threads + 1);
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(thing) = things.get(at) else {
                return made;
            };
            made.push((at, make(thing)));
        }
    };
    let mut made = std::thread::scope(|spawner| {
        let helpers: Vec<_> = (1..threads).map(|_| spawner.spawn(work)).collect();
        let mut made = work();
        for helper in helpers {
            match helper.join() {
                Ok(part) => made.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        made
    });
    made.sort_unstable_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use super::each;
    use std::collections::BTreeSet;
    use std::sync::{Barrier, Mutex};

    #[test]
    fn what_is_made_stands_in_the_order_of_what_it_is_made_of() {
        let things: Vec<usize> = (0..1000).collect();
        let made = each(&things, 1, |n| n * 2);
        assert_eq!(made, (0..2000).step_by(2).collect::<Vec<_>>());
        assert!(each(&[] as &[usize], 4, |n| *n).is_empty());
    }

    #[test]
    fn few_things_are_made_right_here_and_many_on_several_threads() {
        let here = std::thread::current().id();
        let few = each(&[(); 4], 4, |()| std::thread::current().id());
        assert_eq!(few, [here; 4]);

        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let threads = cores.min(super::MAX_THREADS);
        let all_there = Barrier::new(threads);
        let seen = Mutex::new(BTreeSet::new());
        each(&vec![(); threads], 1, |()| {
            // Nobody gets a second thing before everybody has one.
            all_there.wait();
            let me = format!("{:?}", std::thread::current().id());
            seen.lock().unwrap().insert(me);
        });
        assert_eq!(seen.lock().unwrap().len(), threads);
    }
}
