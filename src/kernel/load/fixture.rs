//! A small invented book for tests: it has every kind of entry once, and reaches each rung of the ladder.

use super::BookFile;

pub(crate) const GB: &str = r#"marketplace = "GB"
name = "Shop GB"
ids = ["ID-GB"]
aliases = ["UK", "shop.co.uk"]
currency = "GBP"
time_zone = "Europe/London"
selected_by = "promised_delivery"
window_days = 30
latency_days = 14

[groups]
eu = ["DE", "FR"]

[[version]]
id = "gb-old"
from = 2021-01-01
until = 2025-01-01
target = { more_than = "0.94" }
per = "account"
carriers = { integrated = ["red", "@posts"], otherwise = "not_measured" }
confidence = "unsure"
checked_on = 2025-06-01
source = []

[[version.lane]]
id = "gb-old-domestic"
from = ["GB"]
to = ["GB"]
scans = 1

[[version.lane.exempt]]
id = "gb-old-freight"
integrated = false
value_below = "3 GBP"

[[version]]
id = "gb-new"
from = 2025-01-15
target = { at_least = "0.95" }
per = "category"
carriers = "any"
confidence = "confirmed"
checked_on = 2025-06-01
source = [{ title = "Help page", url = "https://example.com/" }]

[[version.programme]]
name = "premium"
target = { at_least = "0.99" }
per = "account"

[[version.lane]]
id = "gb-domestic"
from = ["GB"]
to = ["GB"]
scans = 1

[[version.lane.exempt]]
id = "gb-stamps"
carriers = ["red"]
services = ["letter"]
buy_shipping = true

[[version.lane.refuse]]
id = "gb-han"
carrier_script = "han"

[[version.lane]]
id = "gb-out"
from = ["GB"]
to = ["@eu"]
scans = 2

[[version.lane]]
id = "gb-in"
from = ["!GB", "!CN"]
to = ["GB"]
scans = { value_below = "5 GBP", then = 1, otherwise = 2 }
carriers = { integrated = ["red"], otherwise = "not_accepted" }
programme = "premium"

[[version.lane.refuse]]
id = "gb-red-ending"
carriers = ["red"]
number_not_ending = "GB"

[[version.lane]]
id = "gb-rest"
from = ["*"]
to = ["GB"]
scans = 1
"#;

pub(crate) const DE: &str = r#"marketplace = "DE"
name = "Shop DE"
ids = ["ID-DE"]
aliases = ["shop.de"]
currency = "EUR"
time_zone = "Europe/Berlin"
selected_by = "shipped"
window_days = 30
latency_days = 14
"#;

pub(crate) const BLUE: &str = r#"id = "blue"
name = "Blue"
aliases = []
closed = false
source = []

[[shape]]
id = "blue_signed"
pattern = "BLU[0-9]{9}"
check = "none"
signature = "strict"
confidence = "low"
"#;

pub(crate) const GREEN: &str = r#"id = "green"
name = "Green"
family = "colours"
aliases = []
closed = false
source = []
"#;

pub(crate) const RED: &str = r#"id = "red"
name = "Red Post"
family = "colours"
partners = ["@posts"]
aliases = ["Red", "RED_1st"]
closed = true
source = []

[[shape]]
id = "red_s10"
pattern = "RD[0-9]{9}GB"
check = "s10"
hard = true
signature = "strict"
confidence = "high"

[[shape]]
id = "red_10"
pattern = "7[0-9]{9}"
check = "mod7"
signature = "none"
confidence = "medium"
"#;

pub(crate) const WHITE: &str = r#"id = "white"
name = "White"
aliases = ["White 红"]
closed = false
source = []

[[shape]]
id = "white_12"
pattern = "WHT(?<n>[0-9]{9})"
check = "luhn"
hard = true
signature = "strict"
confidence = "high"
"#;

pub(crate) const FAMILIES: &str = r#"[families]
colours = ["green", "red"]

[groups]
posts = ["white"]

[by_ship_from.Bare]
default = "blue"
DE = "green"

[by_ship_from.Naked]
GB = "red"
"#;

pub(crate) const SERVICES: &str = r#"[[class]]
name = "letter"
phrases = ["letter", "large letter"]
carriers = ["*"]
except = ["tracked"]

[[class]]
name = "parcel"
phrases = ["parcel"]
carriers = ["red", "@posts"]
except = []
"#;

pub(crate) const PLACEHOLDERS: &str = r#"words = ["n/a", "none"]
numbers = ["RD-000000005-GB"]
repeated = true
counting = true
order_id = true
order_id_suffixes = ["InvalidId"]
url = true
no_digit = true
min_length = 5
no_marketplace = ["Non-Shop"]
"#;

pub(crate) const WORDS: &str = r#"[fulfillment_channel]
marketplace = ["AFN", "FBA", "Amazon"]
seller = ["MFN"]

[order_status]
canceled = ["Canceled", "Cancelled"]
live = ["Shipped"]

[programme]

[currency]
codes = ["EUR", "GBP"]
"#;

/// Returns all files of the book.
pub(crate) fn files() -> Vec<BookFile> {
    let file = |(name, text): (&str, &str)| BookFile { name: name.into(), text: text.into() };
    [
        ("policies/gb.toml", GB),
        ("policies/de.toml", DE),
        ("carriers/blue.toml", BLUE),
        ("carriers/green.toml", GREEN),
        ("carriers/red.toml", RED),
        ("carriers/white.toml", WHITE),
        ("families.toml", FAMILIES),
        ("services.toml", SERVICES),
        ("placeholders.toml", PLACEHOLDERS),
        ("words.toml", WORDS),
        ("NEWS.md", "Nothing.\n"),
    ]
    .map(file)
    .to_vec()
}
