//! What somebody probably meant by a name that is not known.

/// The known name nearest to a mistyped one: the same leaf in another table first, then the fewest
/// slips, at most a third of the name's length.
pub(super) fn nearest<'a>(
    given: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    // Nothing that long is a slip, and distances cost length times length.
    if given.len() > 100 {
        return None;
    }
    let plain = given.to_lowercase().replace('-', "_");
    let leaf = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let same_leaf = known.clone().find(|name| leaf(name) == leaf(&plain));
    same_leaf.or_else(|| {
        let slips = |name: &str| {
            let whole = strsim::osa_distance(&plain, &name.to_lowercase());
            // A key in the wrong table still means that key.
            whole.min(1 + strsim::osa_distance(&leaf(&plain), &leaf(name)))
        };
        let best = known.min_by_key(|name| slips(name))?;
        (slips(best) <= (plain.len() / 3).clamp(1, 4)).then_some(best)
    })
}
