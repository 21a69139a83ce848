//! The time zones people pick from: every name of the IANA list, by region and then by city.
//! A plain list that works without a script; typing the first letters of a city finds it.

use std::sync::LazyLock;

use maud::{Markup, html};

/// The regions with cities in them, as they begin a zone's name and as people read them.
const REGIONS: &[(&str, &str)] = &[
    ("Africa", "Africa"),
    ("America", "Americas"),
    ("Antarctica", "Antarctica"),
    ("Arctic", "Arctic"),
    ("Asia", "Asia"),
    ("Atlantic", "Atlantic"),
    ("Australia", "Australia"),
    ("Europe", "Europe"),
    ("Indian", "Indian Ocean"),
    ("Pacific", "Pacific"),
];

/// The zone that stands first, for those who are nowhere in particular.
const NEUTRAL: &str = "UTC";

struct Region {
    title: &'static str,
    /// What people read and what the zone is called, in the order of the former.
    zones: Vec<(String, &'static str)>,
}

static BY_REGION: LazyLock<Vec<Region>> = LazyLock::new(by_region);

fn by_region() -> Vec<Region> {
    let mut regions = REGIONS.iter().map(|&(_, title)| Region { title, zones: Vec::new() }).collect::<Vec<_>>();
    let mut others = Vec::new();
    for name in chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()).filter(|name| *name != NEUTRAL) {
        let place = name.split_once('/').and_then(|(region, city)| {
            let at = REGIONS.iter().position(|(begin, _)| *begin == region)?;
            Some((at, city))
        });
        match place {
            Some((at, city)) => regions[at].zones.push((readable(city), name)),
            None => others.push((name.to_owned(), name)),
        }
    }
    regions.push(Region { title: "Other names", zones: others });
    for region in &mut regions {
        region.zones.sort();
    }
    regions
}

/// Returns `Argentina/Buenos_Aires` as `Buenos Aires, Argentina`: the city first, because that is what one types.
fn readable(city: &str) -> String {
    city.rsplit('/').map(|part| part.replace('_', " ")).collect::<Vec<_>>().join(", ")
}

/// Draws the options of a time zone list with `chosen` marked, even if it is none that is known.
#[must_use]
pub fn options(chosen: &str) -> Markup {
    let is_known = chosen == NEUTRAL || BY_REGION.iter().flat_map(|it| &it.zones).any(|(_, name)| *name == chosen);
    html! {
        @if !is_known && !chosen.is_empty() { option value=(chosen) selected { (chosen) } }
        option value=(NEUTRAL) selected[chosen == NEUTRAL || chosen.is_empty()] { "UTC (no city)" }
        @for region in BY_REGION.iter() {
            optgroup label=(region.title) {
                @for (label, name) in &region.zones {
                    option value=(name) selected[*name == chosen] { (label) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_can_be_picked_once() {
        let drawn = options("Europe/Berlin").into_string();
        assert_eq!(drawn.matches("<option ").count(), chrono_tz::TZ_VARIANTS.len());
        assert_eq!(drawn.matches(" selected").count(), 1);
        assert!(drawn.contains("<option value=\"Europe/Berlin\" selected>Berlin</option>"), "{drawn}");
    }

    #[test]
    fn a_city_is_read_before_its_country() {
        let drawn = options("UTC").into_string();
        assert!(drawn.contains("value=\"America/Argentina/Buenos_Aires\">Buenos Aires, Argentina<"));
        assert!(drawn.contains("<option value=\"UTC\" selected>"));
    }

    #[test]
    fn a_zone_nobody_knows_stays_chosen_and_is_text() {
        let drawn = options("Mars/<b>").into_string();
        assert!(drawn.starts_with("<option value=\"Mars/&lt;b&gt;\" selected>Mars/&lt;b&gt;</option>"), "{drawn}");
        assert_eq!(drawn.matches(" selected").count(), 1);
    }
}
