//! Tests with one wrong line at a time: each is refused at its place, with a helpful message.

use super::*;
use crate::carrier::Carrier;
use crate::lane::{CarrierRule, Country, Scans};
use crate::policy::{Marketplace, ProgrammeId, SelectedBy};

/// Returns the fixture with one text of one file replaced.
fn changed(file: &str, from: &str, to: &str) -> Vec<BookFile> {
    let mut files = fixture::files();
    let target = files.iter_mut().find(|known| known.name == file).expect("the fixture has the file");
    assert!(target.text.contains(from), "{file} holds {from:?}");
    target.text = target.text.replacen(from, to, 1);
    files
}

fn written(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

/// A wrong line: the file, the text to replace, its replacement, a text that begins on the reported line, words of
/// the message.
type Wrong = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str]);

fn assert_refused(wrongs: &[Wrong]) {
    for (file, from, to, marker, words) in wrongs {
        let files = changed(file, from, to);
        let text = &files.iter().find(|known| known.name == *file).unwrap().text;
        let offset = text.find(marker).unwrap_or_else(|| panic!("{file} holds {marker:?}"));
        let line = text[..offset].matches('\n').count() + 1;
        let problems = load(&files).err().unwrap_or_default();
        let found = problems.iter().any(|problem| {
            problem.file == *file && problem.line == line && words.iter().all(|word| problem.message.contains(word))
        });
        assert!(found, "{from:?} -> {to:?}: {file}:{line} with {words:?} is not among\n{}", written(&problems));
    }
}

const P: &str = "policies/gb.toml";
const R: &str = "carriers/red.toml";
const F: &str = "families.toml";
const S: &str = "services.toml";
const H: &str = "placeholders.toml";

#[test]
fn the_fixture_and_the_embedded_book_load() {
    for files in [fixture::files(), embedded_files()] {
        let book = load(&files).unwrap_or_else(|problems| panic!("{}", written(&problems)));
        assert_eq!(book.digest().len(), 64);
    }
    assert!(embedded().unwrap().carriers.len() > 200);
}

#[test]
fn keys_must_be_known_stand_and_have_their_type() {
    assert_refused(&[
        (P, "currency = ", "curency = ", "curency", &["curency", "did you mean `currency`?"]),
        (P, "currency = \"GBP\"\n", "", "marketplace = ", &["`currency` is missing", "write currency = \"GBP\""]),
        (P, "until = 2025-01-01", "untill = 2025-01-01", "untill", &["did you mean `until`?"]),
        (P, "carrier_script", "carrier_scrpt", "carrier_scrpt", &["carrier_script"]),
        (P, "scans = 2\n", "", "[[version.lane]]\nid = \"gb-out\"", &["`scans` is missing", "value_below"]),
        (P, "window_days = 30", "window_days = \"30\"", "window_days", &["cannot be a text", "window_days = 30"]),
        (P, "window_days = 30", "window_days = 0", "window_days", &["between 1 and 366"]),
        (P, "per = \"account\"", "per = true", "per = true", &["cannot be a true or false"]),
        (P, "aliases = [\"UK\"", "aliases = [7", "aliases", &["cannot be a whole number"]),
        (P, "name = \"Shop GB\"", "name = \"\"", "name = \"\"", &["is empty"]),
        (P, "name = \"Shop GB\"", "name = \"Shop \"", "name = \"Shop \"", &["blanks"]),
        (R, "closed = true\n", "", "id = \"red\"", &["`closed` is missing", "closed = false"]),
        (R, "hard = true", "hart = true", "hart", &["did you mean `hard`?"]),
        (F, "[groups]", "[group]", "[group]", &["group", "did you mean `groups`?"]),
        (S, "except = []\n", "", "[[class]]\nname = \"parcel\"", &["`except` is missing"]),
        (H, "no_digit = true\n", "", "words = ", &["`no_digit` is missing"]),
        (H, "repeated = true", "repeated = 1", "repeated", &["write repeated = true"]),
    ]);
}

#[test]
fn what_is_no_toml_names_its_line() {
    assert_refused(&[
        (P, "latency_days = 14", "latency_days = ", "latency_days", &["not TOML"]),
        (R, "name = \"Red Post\"", "name = \"Red Post\"\nname = \"Red\"", "name = \"Red\"", &["duplicate key"]),
    ]);
    let problems = load(&changed(R, "closed = true", "closed = ")).unwrap_err();
    assert!(problems.iter().all(|problem| problem.file == R), "nothing else is unknown:\n{}", written(&problems));
}

#[test]
fn values_must_read() {
    assert_refused(&[
        (P, "currency = \"GBP\"", "currency = \"gbp\"", "currency", &["three capitals", "\"GBP\""]),
        (P, "Europe/London", "Europe/Londn", "Londn", &["IANA", "Europe/London"]),
        (P, "marketplace = \"GB\"", "marketplace = \"UK\"", "marketplace", &["two capitals"]),
        (P, "promised_delivery", "promised", "selected_by", &["promised_delivery"]),
        (P, "from = 2021-01-01", "from = \"2021-01-01\"", "from = \"2021", &["cannot be a text", "from = 2025-01-15"]),
        (P, "from = 2021-01-01", "from = 2021-01-01T10:00:00", "T10", &["without a time"]),
        (P, "checked_on = 2025-06-01", "checked_on = 2025-02-31", "02-31", &["TOML"]),
        (P, "confidence = \"unsure\"", "confidence = \"sure\"", "\"sure\"", &["unsure"]),
        (P, "per = \"account\"", "per = \"acount\"", "acount", &["did you mean `account`?"]),
        (P, "more_than = \"0.94\"", "more_than = \"1.1\"", "1.1", &["share from 0 to 1", "\"0.95\""]),
        (P, "more_than = \"0.94\"", "more_than = 0.94", "0.94", &["cannot be a number with a fraction"]),
        (P, "{ more_than = \"0.94\" }", "{ more_than = \"0.94\", at_least = \"0.9\" }", "0.94", &["needs one of"]),
        (P, "{ more_than = \"0.94\" }", "{}", "target = {}", &["needs one of", "at_least"]),
        (P, "\"3 GBP\"", "\"3GBP\"", "3GBP", &["is no amount", "\"20 EUR\""]),
        (P, "\"3 GBP\"", "\"3 gbp\"", "3 gbp", &["is no amount"]),
        (P, "\"3 GBP\"", "\"0.00 GBP\"", "0.00", &["above 0"]),
        (P, "\"5 GBP\"", "5", "value_below = 5", &["cannot be a whole number"]),
        (P, "scans = 2", "scans = 3", "scans = 3", &["between 1 and 2", "value_below"]),
        (P, "then = 1", "then = 0", "then = 0", &["between 1 and 2"]),
        (P, "then = 1, ", "", "5 GBP", &["`then` is missing"]),
        (P, "\"han\"", "\"latin\"", "latin", &["han"]),
        (P, "number_not_ending = \"GB\"", "number_not_ending = \"gb\"", "\"gb\"", &["cleaned number"]),
        (R, "[0-9]{9}GB", "[0-9]{9", "[0-9]{9", &["pattern"]),
        (R, "[0-9]{9}GB", "[0-9]+GB", "[0-9]+GB", &["upper bound"]),
        (R, "[0-9]{9}GB", "[0-9]{9}gb", "gb", &["A-Z and 0-9"]),
        (R, "check = \"s10\"", "check = \"s11\"", "s11", &["did you mean `s10`?"]),
        (R, "signature = \"strict\"", "signature = \"strickt\"", "strickt", &["did you mean `strict`?"]),
        (R, "confidence = \"high\"", "confidence = \"hi\"", "\"hi\"", &["high"]),
        (R, "id = \"red\"", "id = \"Red\"", "id = \"Red\"", &["a-z, 0-9"]),
        (R, "id = \"red_s10\"", "id = \"red s10\"", "red s10", &["a-z, 0-9"]),
        (S, "\"large letter\"", "\"--\"", "--", &["no word"]),
        (H, "\"n/a\"", "\"--\"", "--", &["nothing is left"]),
        (H, "min_length = 5", "min_length = 500", "500", &["between 0 and 64"]),
    ]);
}

#[test]
fn what_is_referred_to_must_exist() {
    assert_refused(&[
        (P, "[\"red\", \"@posts\"]", "[\"redd\", \"@posts\"]", "redd", &["did you mean `red`?"]),
        (P, "[\"red\", \"@posts\"]", "[\"red\", \"@post\"]", "@post", &["did you mean `posts`?"]),
        (P, "[\"red\", \"@posts\"]", "[]", "integrated = []", &["empty list"]),
        (P, "carriers = [\"red\"]\nservices", "carriers = [\"rad\"]\nservices", "rad", &["did you mean `red`?"]),
        (P, "\"letter\"", "\"leter\"", "leter", &["did you mean `letter`?"]),
        (P, "\"@eu\"", "\"@eo\"", "@eo", &["[groups]", "`eu`"]),
        (P, "to = [\"GB\"]", "to = [\"gb\"]", "\"gb\"", &["no country", "two capitals"]),
        (P, "\"!CN\"", "\"!china\"", "china", &["no country"]),
        (P, "\"!CN\"", "\"CN\"", "\"CN\"", &["mixes"]),
        (P, "from = [\"*\"]", "from = [\"*\", \"CN\"]", "\"*\"", &["mixes"]),
        (P, "eu = [\"DE\", \"FR\"]", "eu = [\"Germany\"]", "Germany", &["no country code"]),
        (P, "programme = \"premium\"", "programme = \"premum\"", "premum", &["did you mean `premium`?"]),
        (P, "name = \"premium\"", "name = \"standard\"", "standard", &["`standard` means no programme"]),
        (P, "name = \"premium\"", "name = \"Premium\"", "Premium", &["lower case", "premium"]),
        (R, "partners = [\"@posts\"]", "partners = [\"whit\"]", "whit", &["did you mean `white`?"]),
        (R, "partners = [\"@posts\"]", "partners = [\"@colours\"]", "@colours", &["no group", "posts"]),
        (R, "family = \"colours\"", "family = \"colors\"", "colors", &["families.toml does not list `red`"]),
        (
            F,
            "[\"green\", \"red\"]",
            "[\"green\", \"red\", \"blue\"]",
            "colours",
            &["`blue`", "write family = \"colours\""],
        ),
        (F, "posts = [\"white\"]", "posts = [\"withe\"]", "withe", &["did you mean `white`?"]),
        (F, "default = \"blue\"", "default = \"blu\"", "blu", &["did you mean `blue`?"]),
        (F, "DE = \"green\"", "DEU = \"green\"", "DEU", &["no country", "two capitals"]),
        (S, "[\"red\", \"@posts\"]", "[\"read\", \"@posts\"]", "read", &["did you mean `red`?"]),
        (S, "[\"red\", \"@posts\"]", "[\"red\", \"*\"]", "\"*\"]\nexcept = []", &["write it alone"]),
    ]);
    let problems = load(&changed(R, "family = \"colours\"\n", "")).unwrap_err();
    assert_eq!((problems[0].file.as_str(), problems[0].line), (F, 2), "{}", written(&problems));
}

#[test]
fn names_and_ids_stand_once() {
    assert_refused(&[
        (P, "id = \"gb-old\"", "id = \"gb-new\"", "id = \"gb-new\"\nfrom = 2025-01-15", &["policies/gb.toml:15"]),
        (
            P,
            "id = \"gb-out\"",
            "id = \"gb-domestic\"",
            "id = \"gb-domestic\"\nfrom = [\"GB\"]\nto = [\"@eu\"]",
            &["`gb-domestic` is taken"],
        ),
        (P, "id = \"gb-stamps\"", "id = \"canceled\"", "\"canceled\"", &["`canceled` is taken"]),
        (P, "id = \"gb-han\"", "id = \"red\"", "id = \"red\"", &["`red` is taken"]),
        (P, "ids = [\"ID-GB\"]", "ids = [\"id-de\"]", "id-de", &["another marketplace", "policies/de.toml:3"]),
        (P, "\"shop.co.uk\"", "\"SHOP.de\"", "SHOP.de", &["another marketplace"]),
        (P, "\"shop.co.uk\"", "\"de\"", "\"de\"", &["another marketplace"]),
        (P, "marketplace = \"GB\"", "marketplace = \"DE\"", "marketplace", &["`DE` is taken at policies/de.toml:1"]),
        (R, "\"RED_1st\"", "\"BLUE!\"", "BLUE!", &["key `blue`", "carriers/blue.toml:1"]),
        (R, "\"RED_1st\"", "\"--\"", "--", &["no letter or digit"]),
        (
            "carriers/white.toml",
            "id = \"white\"",
            "id = \"red\"",
            "id = \"red\"",
            &["`red` is taken at carriers/red.toml:1"],
        ),
        (R, "id = \"red_10\"", "id = \"red_s10\"", "id = \"red_s10\"\npattern = \"7", &["`red_s10` is taken"]),
        (F, "[by_ship_from.Bare]", "[by_ship_from.White]", "White", &["key `white`", "carriers/white.toml:1"]),
        (S, "name = \"parcel\"", "name = \"letter\"", "name = \"letter\"\nphrases = [\"parcel", &["services.toml:2"]),
        (H, "\"Non-Shop\"", "\"SHOP.de\"", "SHOP.de", &["name of a marketplace"]),
    ]);
}

#[test]
fn rules_that_contradict_themselves() {
    assert_refused(&[
        (P, "until = 2025-01-01", "until = 2021-01-01", "[[version]]", &["never in force", "2021-01-01"]),
        (R, "check = \"s10\"", "check = \"none\"", "hard = true", &["leave it out"]),
        (
            P,
            "scans = 1\n\n[[version.lane.exempt]]\nid = \"gb-stamps\"",
            "scans = 1\n\n[[version.lane.exempt]]\nintegrated = true\nid = \"gb-stamps\"",
            "integrated = true",
            &["accepts any", "leave it out"],
        ),
        (P, "buy_shipping = true", "number_not_ending = \"X\"", "\"X\"", &["only [[version.lane.refuse]]"]),
        (P, "buy_shipping = true", "carrier_script = \"han\"", "carrier_script", &["only [[version.lane.refuse]]"]),
        (
            P,
            "target = { at_least = \"0.99\" }\nper = \"account\"\n",
            "target = { at_least = \"0.99\" }\nper = \"account\"\n\n[[version.programme]]\nname = \"premium\" # again\ntarget = { at_least = \"0.98\" }\nper = \"account\"\n",
            "# again",
            &["twice"],
        ),
        (
            "carriers/green.toml",
            "closed = false",
            "closed = true",
            "closed",
            &["every number malformed", "closed = false"],
        ),
    ]);
    // An overlap is reported at the later version.
    for (from, to) in [
        ("until = 2025-01-01", "until = 2025-01-16"),
        ("until = 2025-01-01\n", ""),
        ("from = 2025-01-15", "from = 2024-12-31"),
        ("from = 2025-01-15\n", ""),
    ] {
        let problems = load(&changed(P, from, to)).unwrap_err();
        let found = |problem: &Problem| {
            problem.file == P && problem.message.contains("gb-old") && problem.message.contains("until")
        };
        assert!(problems.iter().any(found), "{from:?} -> {to:?}:\n{}", written(&problems));
    }
    let book = load(&changed(P, "until = 2025-01-01", "until = 2025-01-15")).unwrap();
    assert_eq!(book.markets().map(|(_, market)| market.versions.len()).max(), Some(2));
}

#[test]
fn files_must_be_there_and_known() {
    for missing in ["families.toml", "services.toml", "placeholders.toml"] {
        let files: Vec<BookFile> = fixture::files().into_iter().filter(|file| file.name != missing).collect();
        let problems = load(&files).unwrap_err();
        assert!(problems.iter().any(|problem| problem.file == missing && problem.message.contains("missing")));
    }
    let files: Vec<BookFile> = fixture::files().into_iter().filter(|file| !file.name.starts_with("policies")).collect();
    assert!(written(&load(&files).unwrap_err()).contains("no marketplace"));
    for stray in ["carrier/red.toml", "policies/old/gb.toml", "familys.toml"] {
        let mut files = fixture::files();
        files.push(BookFile { name: stray.into(), text: String::new() });
        assert!(load(&files).unwrap_err().iter().any(|problem| problem.file == stray), "{stray}");
    }
    let twice = [fixture::files(), fixture::files()].concat();
    assert!(written(&load(&twice).unwrap_err()).contains("given twice"));
    assert_eq!(load(&[]).unwrap_err().len(), 5);
}

#[test]
fn all_problems_come_at_once_by_file_and_line() {
    let mut files = changed(P, "scans = 2", "scans = 9");
    for (name, from, to) in [
        (P, "currency", "curency"),
        (R, "closed = true", "closed = 1"),
        (R, "hard = true", "hart = true"),
        (F, "posts = [\"white\"]", "posts = [\"withe\"]"),
        ("carriers/blue.toml", "id = \"blue\"", "id = "),
    ] {
        let file = files.iter_mut().find(|file| file.name == name).unwrap();
        file.text = file.text.replacen(from, to, 1);
    }
    let problems = load(&files).unwrap_err();
    assert!(problems.is_sorted());
    assert_eq!(problems.len(), 7, "{}", written(&problems));
    for (file, line) in [("carriers/blue.toml", 1), (R, 6), (R, 13), (F, 5), (P, 1), (P, 5), (P, 71)] {
        let named = problems.iter().any(|problem| problem.file == file && problem.line == line);
        assert!(named, "{file}:{line} is not among\n{}", written(&problems));
    }
}

#[test]
fn what_may_be_left_out_has_its_default() {
    let text = "[[version]]\nid = \"de-all\"\ntarget = { at_least = \"0.95\" }\nper = \"category\"\ncarriers = \"any\"\n\
                confidence = \"confirmed\"\nchecked_on = 2025-06-01\nsource = []\n\n[[version.lane]]\nid = \"de-lane\"\n\
                from = [\"DE\"]\nto = [\"*\"]\nscans = 1\n\n[[version.lane.exempt]]\nid = \"de-always\"\n";
    let book =
        load(&changed("policies/de.toml", "latency_days = 14\n", &format!("latency_days = 14\n{text}"))).unwrap();
    let (_, market) = book.markets().next().unwrap();
    let version = market.version(i32::MIN).expect("no from: since ever");
    assert!(market.version(i32::MAX).is_some(), "no until: for good");
    assert!(version.programmes.is_empty() && version.target(ProgrammeId(1), 0) == version.target);
    let lane = &version.lanes[0];
    assert!(lane.carriers.is_none() && lane.programme.is_none() && lane.refuse.is_empty());
    let exempt = &lane.exempt[0];
    assert!(exempt.carriers.is_none() && exempt.services.is_none() && exempt.buy_shipping.is_none());
    assert!(exempt.value.is_none() && exempt.integrated.is_none() && exempt.number_not_ending.is_none());
    assert!(!exempt.carrier_script_han);

    let book = load(&fixture::files()).unwrap();
    assert!(book.markets().next().unwrap().1.versions.is_empty(), "a marketplace may have no version");
    let blue = book.carriers.entry(book.carriers.by_id("blue").unwrap());
    assert!(blue.family.is_none() && !blue.shapes[0].hard);
    assert!(book.carriers.entry(book.carriers.by_id("green").unwrap()).shapes.is_empty());
    assert_eq!(blue.friends.ids().count(), 1, "no family and no partners: itself alone");
}

#[test]
fn the_book_says_what_its_files_say() {
    let book = load(&fixture::files()).unwrap();
    let names: Vec<&str> = book.markets().map(|(_, market)| market.name.as_str()).collect();
    assert_eq!(names, ["DE", "GB"]);
    let (gb, market) = book.markets().nth(1).unwrap();
    for text in ["ID-GB", "gb", " Uk ", "SHOP.co.uk", "GB"] {
        assert_eq!(book.resolve_marketplace(text), Some(Marketplace::Known(gb)), "{text}");
    }
    assert_eq!(book.resolve_marketplace("non-shop"), Some(Marketplace::None));
    assert_eq!(book.resolve_marketplace("id-gb"), None, "ids are exact");
    assert_eq!(book.resolve_marketplace("Shop GB"), None, "titles are for people");
    assert_eq!(
        (market.selected_by, market.zone.name(), market.country.code().as_str()),
        (SelectedBy::PromisedDelivery, "Europe/London", "GB")
    );
    assert_eq!(book.programme_count(), 2);
    assert_eq!(book.resolve_programme("PREMIUM"), Some(ProgrammeId(1)));
    let lanes = &market.versions[1].lanes;
    let fits = |lane: usize, country: &str| lanes[lane].from.contains(Country::read(country));
    assert!(fits(2, "DE") && fits(2, "US") && !fits(2, "GB") && !fits(2, "CN") && !fits(2, "nowhere"));
    assert!(fits(3, "CN") && fits(3, "nowhere"));
    assert!(lanes[1].to.contains(Country::read("FR")) && !lanes[1].to.contains(Country::read("IT")));
    assert!(matches!(lanes[2].scans, Scans::Split { then: 1, otherwise: 2, .. }));
    assert!(matches!(lanes[2].carriers, Some(CarrierRule::Integrated(..))));
    assert_eq!(lanes[2].programme, Some(ProgrammeId(1)));
    assert_eq!(book.rule(lanes[1].id), "gb-out");
    assert_eq!(book.rule(book.rule_of_market(gb)), "GB");
    assert_eq!(book.rule(book.rule_of_placeholder(crate::placeholder::Placeholder::MinLength)), "min_length");
    let red = book.carriers.by_id("red").unwrap();
    assert_eq!(book.rule(book.rule_of_carrier(red)), "red");
    assert_eq!(book.rule(book.rule_of_shape(red, 1)), "red_10");
    assert_eq!(book.rule(book.rule_of_shape(book.carriers.by_id("white").unwrap(), 0)), "white_12");
}

#[test]
fn names_mean_carriers() {
    let book = load(&fixture::files()).unwrap();
    let carrier = |name: &str, origin: Option<&str>| {
        let origin = origin.map_or(Country::UNKNOWN, Country::read);
        book.carriers.label(book.carriers.in_country(book.carriers.resolve(Some(name)), origin)).to_owned()
    };
    for (name, origin, id) in [
        ("red", Some("GB"), "red"),
        ("RED POST", None, "red"),
        ("Red 1st class", None, "red"),
        ("Red™", None, "red"),
        ("RED™ 1st Class℠", None, "red"),
        ("Redder", None, "other"),
        ("--", None, "(none)"),
        ("bare", Some("DE"), "green"),
        ("Bare Express", Some("GB"), "blue"),
        ("bare", None, "blue"),
        ("naked", Some("GB"), "red"),
        ("naked", Some("DE"), "other"),
        ("naked", None, "other"),
    ] {
        assert_eq!(carrier(name, origin), id, "{name} from {origin:?}");
    }
    let id = |name: &str| book.carriers.by_id(name).unwrap();
    let friends = |a: &str, b: &str| book.carriers.are_friends(id(a), id(b)) && book.carriers.are_friends(id(b), id(a));
    assert!(friends("red", "green") && friends("red", "white") && friends("blue", "blue"));
    assert!(!book.carriers.are_friends(id("green"), id("white")), "a partner of the family is a stranger");
    assert!(!book.carriers.are_friends(id("white"), id("green")) && !friends("red", "blue"));
}

#[test]
fn services_belong_to_the_first_class_that_fits() {
    let book = load(&fixture::files()).unwrap();
    let class = |name: &str, carrier: Carrier| {
        book.services
            .class_of(book.services.resolve(Some(name)), carrier)
            .map(|class| book.services.name(class).to_owned())
    };
    let (red, blue) = (book.carriers.by_id("red").unwrap(), book.carriers.by_id("blue").unwrap());
    assert_eq!(class("Large Letter", Carrier::Unknown).as_deref(), Some("letter"));
    assert_eq!(class("Tracked Letter", Carrier::Unknown), None);
    assert_eq!(class("letter parcel", Carrier::Known(red)).as_deref(), Some("letter"));
    assert_eq!(class("tracked letter parcel", Carrier::Known(red)).as_deref(), Some("parcel"));
    assert_eq!(class("parcel", Carrier::Known(blue)), None);
    assert_eq!(class("parcels", Carrier::Known(red)), None);
}

#[test]
fn the_digest_is_of_names_and_contents_in_name_order() {
    let of = |files: &[BookFile]| load(files).unwrap().digest().to_owned();
    let mut reversed = fixture::files();
    reversed.reverse();
    assert_eq!(of(&fixture::files()), of(&reversed));
    assert_eq!(of(&fixture::files()), of(&changed("NEWS.md", "Nothing", "Something")));
    assert_ne!(of(&fixture::files()), of(&changed(R, "Red Post", "Red Mail")));
    let mut renamed = fixture::files();
    renamed[2].name = "carriers/azure.toml".into();
    assert_ne!(of(&fixture::files()), of(&renamed));
}
