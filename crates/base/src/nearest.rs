//! "Did you mean": the closest of the names that would have been right.

/// The candidate most like `name`, if one is like it enough to be worth suggesting.
///
/// ```
/// use metalith_base::nearest;
///
/// assert_eq!(nearest("id_colums", ["key", "id_columns", "deps"]), Some("id_columns"));
/// assert_eq!(nearest("colour", ["key", "deps"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= 0.8)
        // The first of equals wins, so that the answer does not depend on chance.
        .fold(None, |best: Option<(f64, &str)>, next| match best {
            Some(best) if best.0 >= next.0 => Some(best),
            _ => Some(next),
        })
        .map(|(_, candidate)| candidate)
}
