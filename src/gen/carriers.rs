//! The carriers of the synthetic world: how sellers spell them, the forms of their numbers, and how such numbers go
//! wrong.
//!
//! All of it is deliberately written down here and not read from the book, so that the truth of a generated history
//! is a second opinion. A carrier that the book lacks is an error when the world is built.

use super::numbers::{Digit, Form};

/// One carrier.
pub struct Known {
    /// Its id in the published tables.
    pub id: &'static str,
    /// Its forms; a wrong check digit is made in the first one.
    pub forms: &'static [Form],
    /// Whether a wrong check digit in the first form is a defect.
    pub hard: bool,
    /// A template that is none of its forms, if a number of that template is a defect.
    pub malformed: Option<&'static str>,
    /// Spellings that mean it everywhere.
    pub spellings: &'static [&'static str],
    /// Spellings that mean it in some marketplaces only.
    pub local: &'static [(&'static str, &'static [&'static str])],
    /// The strict numbers of other carriers that are certainly not its own.
    pub foreign: Foreign,
}

/// The strict numbers of other carriers that cannot be mistaken for a carrier's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// None of which this generator is certain.
    None,
    /// UPS, Amazon and YunExpress numbers.
    Lettered,
    /// Those of [`Foreign::Lettered`], and the 20 digits of DHL Paket.
    Any,
}

/// Strict numbers and their owners. The last is the one that [`Foreign::Lettered`] leaves out.
pub const SIGNED: [(&str, Form); 4] = [
    ("ups", Form::new("1Z@##@##03#######!", Digit::Ups)),
    ("amazon", Form::new("TBA46##########", Digit::Free)),
    ("yunexpress", Form::new("YT24##############", Digit::Free)),
    ("dhl_paket", Form::new("003404#############!", Digit::Gs1)),
];

/// Names that the book lacks: misspellings, local carriers, and plain `Other`.
pub const UNKNOWN: [&str; 16] = [
    "Other",
    "other",
    "Sonstige",
    "Kurier Müller",
    "Spedition Huber",
    "Royl Mail",
    "Fedexx",
    "DHLL",
    "Upss",
    "Deutche Post",
    "Local Courier",
    "Own Van",
    "Transporte García",
    "Hermmes",
    "Correros",
    "Colisimo",
];

/// Carriers named in Chinese characters, for the lanes that refuse those.
pub const CHINESE: [(&str, &str); 4] =
    [("中国邮政", "china_post"), ("云途物流", "yunexpress"), ("燕文物流", "yanwen"), ("顺丰", "sf_express")];

const fn form(template: &'static str) -> Form {
    Form::new(template, Digit::Free)
}

const fn s10(template: &'static str) -> Form {
    Form::new(template, Digit::S10)
}

const NOTHING: Known =
    Known { id: "", forms: &[], hard: false, malformed: None, spellings: &[], local: &[], foreign: Foreign::None };

/// All carriers; others refer to them by id.
pub static POOL: &[Known] = &[
    Known {
        id: "ups",
        forms: &[Form::new("1Z@##@##03#######!", Digit::Ups)],
        hard: true,
        malformed: Some("1Z@##@##03####"),
        spellings: &[
            "UPS",
            "ups",
            "U.P.S.",
            "United Parcel Service",
            "UPS Ground",
            "UPS SurePost",
            "UPS Standard Saver",
        ],
        foreign: Foreign::None,
        ..NOTHING
    },
    Known {
        id: "usps",
        forms: &[Form::new("9400146##############!", Digit::Gs1), Form::new("9205546##############!", Digit::Gs1)],
        hard: true,
        malformed: Some("94001460##########"),
        spellings: &["USPS", "usps", "US Mail", "U.S. Postal Service", "USPS Ground Advantage", "USPS Priority Mail"],
        foreign: Foreign::Lettered,
        ..NOTHING
    },
    Known {
        id: "fedex",
        forms: &[Form::new("79#########!", Digit::Fedex)],
        hard: true,
        spellings: &["FedEx", "FEDEX", "Fed Ex", "Federal Express", "FedEx Ground", "FedEx Home Delivery"],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known {
        id: "amazon",
        forms: &[form("TBA46##########")],
        malformed: Some("TBA46########"),
        spellings: &["Amazon Logistics", "AMZL", "AMZL US", "Swiship", "ATS"],
        ..NOTHING
    },
    Known {
        id: "speedee",
        forms: &[form("SP46##########")],
        spellings: &["SpeeDee", "Spee Dee Delivery", "SpeeDee Delivery"],
        ..NOTHING
    },
    Known {
        id: "dhl_paket",
        forms: &[Form::new("003404#############!", Digit::Gs1)],
        hard: true,
        malformed: Some("003404#############"),
        spellings: &["DHL Paket", "DHL Germany", "DHL Päckchen", "DHL Warenpost", "dhl paket"],
        local: &[("DHL", &["DE"])],
        foreign: Foreign::Lettered,
    },
    Known {
        id: "dhl_express",
        forms: &[Form::new("46#######!", Digit::Mod7)],
        hard: true,
        malformed: Some("JD01##########"),
        spellings: &["DHL Express", "DHL EXPRESS", "DHL International"],
        local: &[("DHL", &["US", "FR", "IT", "JP", "CA", "AU", "AE", "SA", "SG", "MX", "IN", "TR", "BR", "SE"])],
        foreign: Foreign::Lettered,
    },
    Known {
        id: "dhl_parcel",
        forms: &[form("JVGL046#########")],
        malformed: Some("JVGL046##"),
        spellings: &["DHL Parcel", "DHL Parcel UK", "DHL Parcel NL", "UKMail"],
        local: &[("DHL", &["GB", "NL", "BE", "ES", "PL"])],
        foreign: Foreign::Lettered,
        ..NOTHING
    },
    Known {
        id: "deutsche_post",
        forms: &[s10("RR########!DE")],
        hard: true,
        spellings: &["Deutsche Post", "Deutsche Post Mail", "DEUTSCHE POST", "Deutsche Post Brief"],
        foreign: Foreign::Lettered,
        ..NOTHING
    },
    Known {
        id: "hermes_de",
        forms: &[Form::new("0246#########!", Digit::Gs1), form("H1046###############")],
        spellings: &["Hermes Germany", "Hermes Versand", "myhermes.de"],
        local: &[("Hermes", &["DE", "FR", "IT", "ES", "NL", "PL"])],
        ..NOTHING
    },
    Known {
        id: "dpd",
        forms: &[form("0146##########")],
        spellings: &["DPD", "dpd", "D.P.D.", "DPD Germany", "DPD UK", "DPD Local", "DPD France"],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known {
        id: "gls",
        forms: &[form("46#########")],
        spellings: &["GLS", "gls", "General Logistics Systems", "GLS Germany", "GLS Spain"],
        foreign: Foreign::Lettered,
        ..NOTHING
    },
    Known {
        id: "royal_mail",
        forms: &[s10("R@########!GB"), form("0B046################")],
        hard: true,
        malformed: Some("RX#######GB"),
        spellings: &[
            "Royal Mail",
            "ROYAL_MAIL",
            "royal mail",
            "RM24",
            "Royal Mail Tracked 48",
            "Royal Mail 1st Class",
            "Royal-Mail",
        ],
        foreign: Foreign::Lettered,
        ..NOTHING
    },
    Known {
        id: "parcelforce",
        forms: &[s10("EB########!GB"), form("PB#######")],
        hard: true,
        malformed: Some("PB####"),
        spellings: &["Parcelforce", "ParcelForce 48", "Parcelforce UK"],
        foreign: Foreign::Lettered,
        ..NOTHING
    },
    Known {
        id: "evri",
        forms: &[form("T00A46##########"), form("46##############")],
        malformed: Some("T00A46#########"),
        spellings: &["Evri", "EVRI (Hermes)", "Hermes UK", "myHermes UK", "evri"],
        local: &[("Hermes", &["GB"])],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known {
        id: "yodel",
        forms: &[form("JD00046###########"), form("8YAB#########")],
        spellings: &["Yodel", "YODEL", "Yodel Direct", "HDNL"],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known {
        id: "inpost",
        forms: &[form("6146####################")],
        spellings: &["InPost", "InPost Paczkomaty", "Paczkomaty", "INPOST"],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known { id: "whistl", forms: &[form("WSL46########")], spellings: &["Whistl", "WHISTL"], ..NOTHING },
    Known {
        id: "la_poste",
        forms: &[s10("LP########!FR")],
        spellings: &["La Poste", "LA POSTE", "La Poste Lettre Suivie"],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known {
        id: "colissimo",
        forms: &[form("6A46#########")],
        spellings: &["Colissimo", "COLISSIMO", "So Colissimo", "La Poste Colissimo"],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known {
        id: "chronopost",
        forms: &[s10("XY########!FR")],
        spellings: &["Chronopost", "Chronopost France", "Chrono"],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known {
        id: "mondial_relay",
        forms: &[form("46######")],
        spellings: &["Mondial Relay", "Mondial Relay France", "MONDIAL RELAY"],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known {
        id: "poste_italiane",
        forms: &[s10("RA########!IT")],
        spellings: &["Poste Italiane", "Poste Italiane - Crono", "POSTE ITALIANE"],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known { id: "sda", forms: &[form("3UW1046######")], spellings: &["SDA", "sda", "SDA Express Courier"], ..NOTHING },
    Known {
        id: "brt",
        forms: &[form("046#########")],
        spellings: &["BRT", "Bartolini", "BRT Bartolini", "BRT Corriere Espresso"],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known {
        id: "correos",
        forms: &[s10("CX########!ES")],
        hard: true,
        spellings: &["Correos", "CORREOS", "Correos España", "Correos de España"],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known { id: "seur", forms: &[form("046######")], spellings: &["SEUR", "Seur", "SEUR Internacional"], ..NOTHING },
    Known { id: "mrw", forms: &[form("0246########")], spellings: &["MRW", "mrw"], ..NOTHING },
    Known {
        id: "correos_express",
        forms: &[form("3246############")],
        spellings: &["Correos Express", "Chrono Express"],
        ..NOTHING
    },
    Known {
        id: "postnl",
        forms: &[s10("RS########!NL"), form("3SABCD#########")],
        hard: true,
        spellings: &["PostNL", "postnl", "Post NL", "PostNL Pakket", "PostNL Domestic"],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known {
        id: "bpost",
        forms: &[s10("RB########!BE"), form("3246####################")],
        hard: true,
        spellings: &["bpost", "Bpost", "Belgium Post"],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known {
        id: "poczta_polska",
        forms: &[form("PX46########")],
        spellings: &["Poczta Polska", "Pocztex", "Polish Post"],
        ..NOTHING
    },
    Known {
        id: "postnord",
        forms: &[s10("UX########!SE")],
        hard: true,
        spellings: &["PostNord", "PostNord Sverige", "PostNord SE", "postnord"],
        foreign: Foreign::Lettered,
        ..NOTHING
    },
    Known {
        id: "canada_post",
        forms: &[Form::new("7046###########!", Digit::Gs1)],
        spellings: &["Canada Post", "CANADA POST", "Canada Post Expedited"],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known {
        id: "purolator",
        forms: &[form("ABC046######")],
        spellings: &["Purolator", "Purolator Ground", "PUROLATOR"],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known {
        id: "yamato",
        forms: &[Form::new("46#########!", Digit::Mod7)],
        spellings: &["Yamato Transport", "Kuroneko Yamato", "Yamato Japan"],
        local: &[("ヤマト運輸", &["JP"]), ("クロネコヤマト", &["JP"])],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known {
        id: "sagawa",
        forms: &[Form::new("46#########!", Digit::Mod7)],
        spellings: &["Sagawa Express", "Sagawa (EN)"],
        local: &[("佐川急便", &["JP"])],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known {
        id: "japan_post",
        forms: &[s10("EN########!JP"), Form::new("24#########!", Digit::Mod7)],
        hard: true,
        spellings: &["Japan Post", "JP Post"],
        local: &[("日本郵便", &["JP"]), ("ゆうパック", &["JP"])],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known {
        id: "australia_post",
        forms: &[s10("LX########!AU"), form("33A046####")],
        hard: true,
        spellings: &["Australia Post", "AusPost", "Eparcel", "StarTrack", "AUSSIE_POST"],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known { id: "sendle", forms: &[form("S46#####")], spellings: &["Sendle", "SENDLE"], ..NOTHING },
    Known { id: "aramex", forms: &[form("46#########")], spellings: &["Aramex", "ARAMEX"], ..NOTHING },
    Known { id: "imile", forms: &[form("6046#########")], spellings: &["iMile", "IMILE"], ..NOTHING },
    Known { id: "emirates_post", forms: &[s10("EA########!AE")], spellings: &["Emirates Post"], ..NOTHING },
    Known { id: "delhivery", forms: &[form("1946#########")], spellings: &["Delhivery", "DELHIVERY"], ..NOTHING },
    Known { id: "bluedart", forms: &[form("46#########")], spellings: &["Bluedart", "BlueDart"], ..NOTHING },
    Known { id: "india_post", forms: &[s10("EM########!IN")], spellings: &["India Post", "INDIA POST"], ..NOTHING },
    Known { id: "correios", forms: &[s10("AA########!BR")], spellings: &["Correios", "CORREIOS"], ..NOTHING },
    Known { id: "total_express", forms: &[form("TX46########")], spellings: &["Total Express"], ..NOTHING },
    Known { id: "ptt_kargo", forms: &[form("RK46#########")], spellings: &["PTT Kargo"], ..NOTHING },
    Known { id: "singapore_post", forms: &[s10("SP########!SG")], spellings: &["Singapore Post"], ..NOTHING },
    Known {
        id: "yunexpress",
        forms: &[form("YT24##############")],
        malformed: Some("YT24########"),
        spellings: &["YunExpress", "Yun Express", "YUNEXPRESS", "YunTu"],
        ..NOTHING
    },
    Known {
        id: "4px",
        forms: &[form("4PX3046#########CN")],
        malformed: Some("4PX3046######"),
        spellings: &["4PX", "4px"],
        ..NOTHING
    },
    Known {
        id: "china_post",
        forms: &[s10("LB########!CN")],
        hard: true,
        spellings: &["China Post", "China EMS", "ePacket", "EMS", "CHINA POST"],
        foreign: Foreign::Any,
        ..NOTHING
    },
    Known {
        id: "yanwen",
        forms: &[form("UM#########YP")],
        spellings: &["Yanwen", "Yanwen Economic", "YANWEN"],
        ..NOTHING
    },
    Known {
        id: "sf_express",
        forms: &[form("SF1046#########")],
        spellings: &["SF Express", "Shunfeng Express"],
        ..NOTHING
    },
    Known {
        id: "cainiao",
        forms: &[form("LP0046##########")],
        spellings: &["Cainiao", "AliExpress Standard Shipping"],
        ..NOTHING
    },
];

/// Returns the carriers that sellers of a marketplace use for domestic packages, with weights.
pub fn at_home(marketplace: &str) -> &'static [(&'static str, u32)] {
    match marketplace {
        "US" => &[("usps", 40), ("ups", 30), ("fedex", 20), ("amazon", 5), ("dhl_express", 2), ("speedee", 1)],
        "CA" => &[("canada_post", 45), ("ups", 20), ("purolator", 20), ("fedex", 15)],
        "MX" => &[("fedex", 40), ("dhl_express", 40), ("ups", 20)],
        "BR" => &[("correios", 60), ("total_express", 25), ("dhl_express", 5), ("gls", 5)],
        "DE" => &[
            ("dhl_paket", 40),
            ("hermes_de", 14),
            ("dpd", 14),
            ("gls", 10),
            ("deutsche_post", 10),
            ("ups", 7),
            ("fedex", 2),
        ],
        "GB" => &[
            ("royal_mail", 38),
            ("evri", 20),
            ("dpd", 12),
            ("yodel", 8),
            ("inpost", 7),
            ("ups", 5),
            ("parcelforce", 5),
            ("dhl_parcel", 3),
            ("whistl", 3),
        ],
        "FR" => &[
            ("colissimo", 32),
            ("la_poste", 16),
            ("mondial_relay", 16),
            ("chronopost", 14),
            ("dpd", 8),
            ("gls", 7),
            ("ups", 7),
        ],
        "IT" => &[("brt", 25), ("gls", 25), ("poste_italiane", 20), ("sda", 15), ("ups", 8), ("dhl_express", 7)],
        "ES" => &[
            ("correos", 28),
            ("seur", 20),
            ("gls", 14),
            ("correos_express", 14),
            ("mrw", 12),
            ("ups", 8),
            ("dhl_parcel", 4),
        ],
        "NL" => &[("postnl", 60), ("dhl_parcel", 22), ("dpd", 12), ("gls", 6)],
        "BE" => &[("bpost", 55), ("postnl", 20), ("dpd", 15), ("gls", 10)],
        "PL" => &[("inpost", 45), ("dpd", 22), ("poczta_polska", 20), ("gls", 8), ("ups", 5)],
        "SE" => &[("postnord", 70), ("dhl_express", 12), ("ups", 10), ("gls", 8)],
        "JP" => &[("yamato", 42), ("sagawa", 28), ("japan_post", 27), ("fedex", 3)],
        "AU" => &[("australia_post", 62), ("sendle", 16), ("aramex", 12), ("dhl_express", 10)],
        "IN" => &[("delhivery", 45), ("bluedart", 25), ("india_post", 20), ("fedex", 6), ("gls", 4)],
        "AE" | "SA" => &[("aramex", 45), ("imile", 25), ("emirates_post", 15), ("dhl_express", 15)],
        "SG" => &[("singapore_post", 60), ("dhl_express", 25), ("ups", 15)],
        "TR" => &[("ptt_kargo", 60), ("ups", 25), ("aramex", 15)],
        _ => &[("dhl_express", 50), ("ups", 30), ("fedex", 20)],
    }
}

/// The carriers of packages from China, with weights.
pub const FROM_CHINA: &[(&str, u32)] = &[
    ("yunexpress", 30),
    ("4px", 20),
    ("china_post", 20),
    ("yanwen", 14),
    ("sf_express", 6),
    ("cainiao", 6),
    ("dhl_express", 4),
];

/// Service names that mean a parcel, whoever carries it.
pub const PARCEL_SERVICES: [&str; 8] =
    ["Standard", "Express", "Economy", "Expedited", "Next Day", "Standard Parcel", "Priority", "Home Delivery"];

/// Returns further ones that a marketplace has.
pub fn local_services(marketplace: &str) -> &'static [&'static str] {
    match marketplace {
        "US" | "CA" => &["Ground", "2 Day", "Saver"],
        "GB" | "IE" => &["Tracked 24", "Tracked 48"],
        "DE" => &["Paket", "Std DE Dom", "Päckchen"],
        "FR" | "BE" => &["Colis 48h", "Point Relais"],
        "IT" => &["Corriere Espresso"],
        "ES" | "MX" => &["Paq 48", "Urgente"],
        "JP" => &["宅急便", "ゆうパック 60"],
        _ => &[],
    }
}

/// Returns names of the services of a class.
pub fn services_of(class: &str) -> &'static [&'static str] {
    match class {
        "letter" => &[
            "Standardbrief",
            "1st Class Letter",
            "Lettre verte",
            "Lettera ordinaria",
            "Carta ordinaria",
            "Brief (Stamp)",
        ],
        "large_letter" => &["Large Letter", "Maxi Letter", "C4 Letter"],
        "untracked" => &["Untracked Mail", "ohne Sendungsverfolgung", "Senza tracciamento", "Sans suivi"],
        "freight" => &["LTL Freight", "Spedition 2 Mann", "Freight White Glove"],
        "envelope" => &["First-Class Mail Envelope", "Standard Envelope"],
        "regular_letter" => &["Regular Letter", "Regular Letter Service"],
        _ => &[],
    }
}

/// Texts that are not a number, although something was typed.
pub const FILLERS: [&str; 18] = [
    "N/A",
    "n/a",
    "none",
    "TBA",
    "keine",
    "ohne Sendungsverfolgung",
    "Sin seguimiento",
    "nessuno",
    "aucun",
    "00000000",
    "XXXXXXXXXX",
    "123456789",
    "987654321",
    "0123456789",
    "shipped",
    "1234",
    "unterwegs",
    "Royal Mail 1st Class",
];

/// Texts without any content; an empty one means null.
pub const BLANKS: [&str; 6] = ["", "", "", "-", "--", " . "];
