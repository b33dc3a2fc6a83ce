//! Addresses that somebody from afar may name: what a project has configured, and nothing beside.

use std::collections::BTreeMap;

use crate::{ObjectLocation, ObjectUri};

/// Options of places, by address.
type Places = BTreeMap<String, BTreeMap<String, String>>;

/// The address with the options of the configured place that it is at or below. `None` where there
/// is no such place, or where the text could be read in more than one way: what is checked here is
/// opened by somebody else.
pub fn configured<'a>(
    location: &str,
    places: &'a Places,
) -> Option<(ObjectUri, &'a BTreeMap<String, String>)> {
    let asked = only_reading(location)?;
    let is_at = |place: &str| {
        let is_bucket = place.trim_end_matches('/') == asked.place();
        let is_below = ObjectUri::parse(place).is_ok_and(|it| it == asked || it.covers(&asked));
        (is_bucket || is_below) && authority(place) == authority(location)
    };
    let (_, options) = places.iter().find(|(place, _)| is_at(place))?;
    Some((asked, options))
}

/// The address, if there is only one way to read it.
fn only_reading(location: &str) -> Option<ObjectUri> {
    let is_plain = |it: char| !it.is_control() && !matches!(it, '\\' | '?' | '#' | '%');
    if !location.chars().all(is_plain) {
        return None;
    }
    let asked = ObjectUri::parse(location).ok()?;
    let opened: ObjectLocation = location.parse().ok()?;
    ObjectUri::parse(&opened.to_string()).ok().filter(|opened| *opened == asked)
}

/// Host and user of an address. With some vendors the account that pays stands there.
fn authority(address: &str) -> &str {
    let rest = address.split_once("://").map_or("", |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}
