//! How much of what one process says goes into a log.

use ::core::cell::Cell;

/// Bytes of one process' output in a log; each line counts as a few more.
const BYTES: u64 = 4 << 20;
/// What stands beside a line.
const BESIDE: u64 = 100;
/// In the place of the rest.
const REST: &str = "[… it says more than is kept in a log …]";

/// Counts what one process says.
#[derive(Debug, Default)]
pub struct Said {
    bytes: Cell<u64>,
}

impl Said {
    /// What stands in a log for this line: the line, once that there is more, and nothing from then on.
    pub fn logged<'l>(&self, line: &'l str) -> Option<&'l str> {
        let before = self.bytes.get();
        if before > BYTES {
            return None;
        }
        let after = before + line.len() as u64 + BESIDE;
        self.bytes.set(after);
        Some(if after > BYTES { REST } else { line })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_until_the_rest_is_told_of_once() {
        let said = Said::default();
        let line = "x".repeat(1 << 10);
        let logged: Vec<&str> = (0..10_000).map_while(|_| said.logged(&line)).collect();
        assert_eq!(logged.last(), Some(&REST));
        assert!(logged[..logged.len() - 1].iter().all(|l| *l == line));
        let bytes = logged.len() as u64 * (line.len() as u64 + BESIDE);
        assert!(bytes > BYTES && bytes < BYTES + (4 << 10), "{bytes}");
        assert_eq!(said.logged("more"), None);
        let short = Said::default();
        assert!((0..10_000_000).map_while(|_| short.logged("")).count() < 50_000);
        assert_eq!(Said::default().logged(&"x".repeat(5 << 20)), Some(REST));
    }
}
