//! How deep calls can go: the longest chain of direct calls, if there is no cycle and no indirect call.

/// What the call graph says of depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// At most so many frames at once.
    Bounded(u64),
    /// A function may call itself, perhaps through others: this one is on a cycle, or behind one.
    Recursive(u32),
}

/// Reads the depth off the sorted edges from caller to callee.
pub(super) fn depth(functions: usize, calls: &[(u32, u32)]) -> Depth {
    let mut callers = vec![0u32; functions];
    for &(_, callee) in calls {
        if let Some(count) = callers.get_mut(callee as usize) {
            *count += 1;
        }
    }
    // Functions in an order in which callers come first; those on a cycle are never ready.
    let mut ready: Vec<u32> = (0..functions as u32).filter(|&f| callers.get(f as usize) == Some(&0)).collect();
    let mut depths = vec![1u64; functions];
    let mut next = 0;
    while let Some(&caller) = ready.get(next) {
        next += 1;
        let depth = depths.get(caller as usize).copied().unwrap_or(1) + 1;
        let from = calls.partition_point(|&(other, _)| other < caller);
        for &(_, callee) in calls.iter().skip(from).take_while(|&&(other, _)| other == caller) {
            if let Some(known) = depths.get_mut(callee as usize) {
                *known = depth.max(*known);
            }
            if let Some(count) = callers.get_mut(callee as usize) {
                *count -= 1;
                if *count == 0 {
                    ready.push(callee);
                }
            }
        }
    }
    match callers.iter().position(|&count| count > 0) {
        Some(function) => Depth::Recursive(function as u32),
        None => Depth::Bounded(depths.into_iter().max().unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_counted_and_cycles_are_seen() {
        assert_eq!(depth(0, &[]), Depth::Bounded(0));
        assert_eq!(depth(4, &[(0, 1), (0, 2), (1, 3), (2, 1)]), Depth::Bounded(4));
        assert_eq!(depth(3, &[(0, 1), (1, 2), (2, 1)]), Depth::Recursive(1));
        assert_eq!(depth(1, &[(0, 0)]), Depth::Recursive(0));
    }
}
