//! Orders and circles in small dependency graphs. Nodes are `0..edges.len()`; `edges[v]` lists what `v`
//! depends on. Nothing here recurses, so a long chain costs memory and not the stack.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Every node after all it depends on; where that leaves a choice lower ranks first, then lower numbers. None when
/// there is a circle.
pub fn topological(edges: &[Vec<usize>], rank: impl Fn(usize) -> i64) -> Option<Vec<usize>> {
    let mut waiting: Vec<usize> = edges.iter().map(Vec::len).collect();
    let mut dependents = vec![Vec::new(); edges.len()];
    for (v, targets) in edges.iter().enumerate() {
        for &w in targets {
            dependents[w].push(v);
        }
    }
    let mut ready: BinaryHeap<Reverse<(i64, usize)>> = (0..edges.len())
        .filter(|&v| waiting[v] == 0)
        .map(|v| Reverse((rank(v), v)))
        .collect();
    let mut order = Vec::with_capacity(edges.len());
    while let Some(Reverse((_, v))) = ready.pop() {
        order.push(v);
        for &d in &dependents[v] {
            waiting[d] -= 1;
            if waiting[d] == 0 {
                ready.push(Reverse((rank(d), d)));
            }
        }
    }
    (order.len() == edges.len()).then_some(order)
}

/// The sets of nodes that depend on each other in circles (strongly connected components with an inner
/// edge), each in ascending order. Tarjan's algorithm with a stack of its own.
pub fn circles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    const UNSEEN: usize = usize::MAX;
    let n = edges.len();
    let mut index = vec![UNSEEN; n];
    let mut low = vec![0; n];
    let mut open = vec![false; n];
    let mut stack = Vec::new();
    let mut count = 0;
    let mut found = Vec::new();
    // Each call is a node and the number of its edges already followed.
    let mut calls: Vec<(usize, usize)> = Vec::new();
    for root in 0..n {
        if index[root] != UNSEEN {
            continue;
        }
        calls.push((root, 0));
        while let Some((v, followed)) = calls.last_mut() {
            let v = *v;
            if index[v] == UNSEEN {
                index[v] = count;
                low[v] = count;
                count += 1;
                stack.push(v);
                open[v] = true;
            }
            if let Some(&w) = edges[v].get(*followed) {
                *followed += 1;
                if index[w] == UNSEEN {
                    calls.push((w, 0));
                } else if open[w] {
                    low[v] = low[v].min(index[w]);
                }
                continue;
            }
            calls.pop();
            if let Some(&(caller, _)) = calls.last() {
                low[caller] = low[caller].min(low[v]);
            }
            if low[v] == index[v] {
                let start = stack
                    .iter()
                    .rposition(|&w| w == v)
                    .expect("v was pushed when it was first seen");
                let mut members = stack.split_off(start);
                for &w in &members {
                    open[w] = false;
                }
                if members.len() > 1 || edges[v].contains(&v) {
                    members.sort_unstable();
                    found.push(members);
                }
            }
        }
    }
    found.sort();
    found
}

/// One actual circle within `members` (a result of [`circles`]), as the nodes along it, first node not
/// repeated.
pub fn one_circle(edges: &[Vec<usize>], members: &[usize]) -> Vec<usize> {
    let mut path: Vec<usize> = Vec::new();
    let mut at = members.first().copied();
    while let Some(v) = at {
        if let Some(start) = path.iter().position(|&p| p == v) {
            return path.split_off(start);
        }
        path.push(v);
        at = edges[v]
            .iter()
            .copied()
            .find(|w| members.binary_search(w).is_ok());
    }
    path
}

/// Drops every edge that stays within one of `circles`.
pub fn drop_inner(edges: &mut [Vec<usize>], circles: &[Vec<usize>]) {
    for members in circles {
        for &v in members {
            edges[v].retain(|w| members.binary_search(w).is_err());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn orders_and_circles() {
        let chain = vec![vec![2], vec![], vec![1]];
        assert_eq!(topological(&chain, |_| 0), Some(vec![1, 2, 0]));
        let last_first = |v: usize| -i64::try_from(v).unwrap();
        assert_eq!(
            topological(&vec![vec![]; 3], last_first),
            Some(vec![2, 1, 0])
        );
        assert!(circles(&chain).is_empty());
        let ring = vec![vec![1], vec![2], vec![0], vec![0], vec![4]];
        assert_eq!(topological(&ring, |_| 0), None);
        assert_eq!(circles(&ring), [vec![0, 1, 2], vec![4]]);
        assert_eq!(one_circle(&ring, &[0, 1, 2]), [0, 1, 2]);
        assert_eq!(one_circle(&ring, &[4]), [4]);
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let n = 200_000;
        let mut edges: Vec<Vec<usize>> = (0..n)
            .map(|v| if v + 1 < n { vec![v + 1] } else { vec![] })
            .collect();
        assert_eq!(topological(&edges, |_| 0).unwrap()[0], n - 1);
        edges[n - 1].push(0);
        assert_eq!(circles(&edges)[0].len(), n);
    }

    proptest! {
        #[test]
        fn without_inner_edges_an_order_exists(raw in proptest::collection::vec(proptest::collection::vec(0usize..12, 0..4), 12)) {
            let mut edges = raw;
            let found = circles(&edges);
            prop_assert_eq!(found.is_empty(), topological(&edges, |_| 0).is_some());
            for members in &found {
                let circle = one_circle(&edges, members);
                for (i, v) in circle.iter().enumerate() {
                    prop_assert!(edges[*v].contains(&circle[(i + 1) % circle.len()]));
                }
            }
            drop_inner(&mut edges, &found);
            let order = topological(&edges, |_| 0).unwrap();
            let place = |v: usize| order.iter().position(|&o| o == v).unwrap();
            for (v, targets) in edges.iter().enumerate() {
                for &w in targets {
                    prop_assert!(place(w) < place(v));
                }
            }
        }
    }
}
