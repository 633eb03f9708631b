//! Countries and territories as files name them: codes of two and three letters, numeric codes, names.
//!
//! Names are in `countries.tsv`, in the languages of the marketplaces. The policies decide which routes are
//! measured. A text that names no territory is `None`, never a guess.

use crate::lane::{Country, CountrySet};
use crate::text::alias_key;
use std::collections::HashMap;
use std::sync::LazyLock;

const TABLE: &str = include_str!("countries.tsv");

static SPELLINGS: LazyLock<HashMap<String, Country>> = LazyLock::new(|| {
    let mut spellings = HashMap::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut cells = line.split('\t');
        let country = Country::read(cells.next().unwrap_or_default());
        spellings.insert(alias_key(&country.code()), country);
        // Codes of three letters, numeric codes, names.
        for (cell, mark) in cells.zip([',', ',', '|']) {
            for spelling in cell.split(mark).map(alias_key).filter(|key| !key.is_empty()) {
                spellings.entry(spelling).or_insert(country);
            }
        }
    }
    spellings
});

/// Codes that people write with dots. Other dotted codes would be a guess (N.A.).
const DOTTED: [&str; 4] = ["us", "usa", "uk", "uae"];

/// Returns the country of a trimmed text, ignoring case and blanks, and marks in names. `None`: no territory of ISO
/// or CLDR.
pub fn read(text: &str) -> Option<Country> {
    let key = alias_key(text);
    // `n/a` is not Namibia: a text as short as a code must be a code.
    if key.is_ascii() && key.len() <= 3 {
        let mut signs = text.chars().filter(|c| !c.is_whitespace());
        let is_code = signs.all(|c| c.is_alphanumeric() || c == '.' && DOTTED.contains(&key.as_str()));
        return SPELLINGS.get(&key).copied().filter(|_| is_code);
    }
    SPELLINGS.get(&key).copied()
}

/// The states of the US, its district and the territories that are addressed like states. Most of these codes are
/// also codes of countries (USPS Publication 28, appendix B).
const STATES: [&str; 51] = [
    "AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DC", "DE", "FL", "GA", "HI", "IA", "ID", "IL", "IN", "KS", "KY", "LA",
    "MA", "MD", "ME", "MI", "MN", "MO", "MS", "MT", "NC", "ND", "NE", "NH", "NJ", "NM", "NV", "NY", "OH", "OK", "OR",
    "PA", "RI", "SC", "SD", "TN", "TX", "UT", "VA", "VT", "WA", "WI", "WV", "WY",
];
/// A column with fewer distinct states is taken to hold countries.
const FEWEST_STATES: usize = 4;
/// A column of states has at least this many distinct states per other code.
const STATES_TO_ONE: usize = 5;

/// Returns whether a trimmed text is the code of a state of the US and of no country.
pub fn is_only_state(text: &str) -> bool {
    STATES.iter().any(|state| state.eq_ignore_ascii_case(text)) && read(text).is_none()
}

/// Returns the countries of a column whose codes are also those of states, if they outnumber the others so far that
/// the column probably holds states; `None`: it holds countries.
pub fn rather_states(met: &CountrySet) -> Option<Vec<Country>> {
    let is_state = |country: &Country| STATES.contains(&country.code().as_str());
    let (states, others): (Vec<_>, Vec<_>) =
        Country::all().filter(|country| met.contains(*country)).partition(is_state);
    (states.len() >= FEWEST_STATES && states.len() >= others.len() * STATES_TO_ONE).then_some(states)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_states_is_told_from_one_of_countries() {
        let states = |codes: &str| {
            let mut met = CountrySet::NONE;
            codes.split(' ').for_each(|code| met.insert(Country::read(code)));
            rather_states(&met).map(|states| states.len())
        };
        assert_eq!(states("CA GA IN CO MT"), Some(5));
        assert_eq!(states("CA GA IN CO MT US"), Some(5));
        assert_eq!(states("CA GA IN US"), None);
        assert_eq!(states("CA DE GA IN"), Some(4));
        assert_eq!(states("DE FR IT ES CA IN"), None);
        assert_eq!(states("US CA DE IN IL AU"), None);
        assert!(is_only_state("tx") && is_only_state("NY") && !is_only_state("CA") && !is_only_state("XX"));
    }

    fn code(text: &str) -> String {
        read(text).map_or_else(|| "none".into(), Country::code)
    }

    #[test]
    fn codes_and_names_are_read_however_they_are_written() {
        for text in [
            "DE",
            "de",
            "D E",
            "DEU",
            "deu",
            "276",
            "Germany",
            "GERMANY",
            "Deutschland",
            "Allemagne",
            "ドイツ",
            "ألمانيا",
        ] {
            assert_eq!(code(text), "DE", "{text}");
        }
        for text in ["US", "USA", "U.S.", "u.s.a.", "United States", "UNITED STATES OF AMERICA", "États-Unis", "米国"]
        {
            assert_eq!(code(text), "US", "{text}");
        }
        for text in ["GB", "UK", "U.K.", "XI", "GBR", "United  Kingdom", "Great Britain", "Großbritannien", "England"]
        {
            assert_eq!(code(text), "GB", "{text}");
        }
        for (text, of) in [
            ("EL", "GR"),
            ("U.A.E.", "AE"),
            ("XK", "XK"),
            ("XKX", "XK"),
            ("IC", "IC"),
            ("EA", "EA"),
            ("JE", "JE"),
            ("PR", "PR"),
            ("Türkiye", "TR"),
        ] {
            assert_eq!(code(text), of, "{text}");
        }
    }

    #[test]
    fn what_names_no_territory_is_none() {
        for text in
            ["", "-", "D", "ZZ", "XX", "EU", "APO", "Ruritania", "Unknown", "n/a", "N.A.", "D-E", "Congo?!x", "1"]
        {
            assert_eq!(code(text), "none", "{text}");
        }
    }

    #[test]
    fn no_spelling_names_two_countries() {
        let mut owners: HashMap<String, Country> = HashMap::new();
        let mut countries = 0;
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let cells: Vec<&str> = line.split('\t').collect();
            assert_eq!(cells.len(), 4, "{line}");
            let country = Country::read(cells[0]);
            countries += 1;
            let spellings =
                [cells[0]].into_iter().chain(cells[1].split(',')).chain(cells[2].split(',')).chain(cells[3].split('|'));
            for spelling in spellings.map(alias_key).filter(|key| !key.is_empty()) {
                let owner = *owners.entry(spelling.clone()).or_insert(country);
                assert_eq!(owner, country, "{spelling}");
            }
        }
        assert!(countries > 249, "ISO alone has 249: {countries}");
    }
}
