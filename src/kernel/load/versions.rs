//! Versions of a policy and their lanes.

use super::conditions::{self, Kind, OfLane};
use super::names::{Names, Rules};
use super::reader::{Node, Report, Table, Text};
use crate::amount::Amount;
use crate::calendar::Day;
use crate::lane::{CarrierRule, Country, CountrySet, Known, Lane, Lanes, Otherwise};
use crate::policy::{Confidence, Per, Programme, ProgrammeId, Source, Version};
use crate::suggest::did_you_mean;
use crate::tally::{Target, TargetKind};
use std::collections::BTreeMap;

/// The names to which versions and lanes may refer.
pub(super) struct Context<'c, 'a> {
    pub names: &'c Names<'a>,
    /// The marketplace's groups of countries.
    pub groups: &'c BTreeMap<&'a str, Vec<Country>>,
    pub report: &'a Report,
}

/// Reads one version. `None` only beside a reported problem.
pub(super) fn version(table: &Table, context: &Context, rules: &mut Rules) -> Option<Version> {
    let id = table.need("id", "\"gb-2025-01-15\"").and_then(Node::text).map(|id| rules.add(id));
    let from = table.may("from", "2025-01-15").and_then(Node::date);
    let until = table.may("until", "2026-01-15").and_then(Node::date);
    let target = target(table);
    let per = per(table);
    let programmes = table.may("programme", "[[version.programme]] with its keys").and_then(Node::tables);
    let programmes = programmes.map(|tables| programmes_apart(&tables, context)).unwrap_or_default();
    let carriers = table.need("carriers", ANY_CARRIER).and_then(|node| carrier_rule(node, context));
    let only = table.may("only", "[\"sfp\"]").and_then(Node::some_texts);
    let only = only.map(|only| only.iter().filter_map(|name| programme(*name, &programmes, context)).collect());
    let confidence = table.need("confidence", CONFIDENCE).and_then(confidence);
    // A confidence that could not be read counts as confirmed, so that it is reported only once.
    let rating = confidence.unwrap_or(Confidence::Confirmed);
    id.into_iter().for_each(|id| rules.rate(id, rating));
    let checked_on = table.need("checked_on", "2026-11-22").and_then(Node::date);
    let sources = sources(table);
    let lanes = table.may("lane", "[[version.lane]] with its keys").and_then(Node::tables).unwrap_or_default();
    let of_version = OfVersion { programmes: &programmes, carriers: carriers.as_ref(), confidence: rating };
    let lanes = lanes.iter().filter_map(|table| lane(table, &of_version, context, rules));
    let lanes = Lanes::of(lanes.collect());
    table.finish();
    Some(Version {
        id: id?,
        from,
        until,
        target: target?,
        per: per?,
        carriers: carriers?,
        programmes,
        only,
        lanes,
        confidence: confidence?,
        checked_on: crate::calendar::date_from_day(checked_on?).to_string(),
        sources: sources?,
        note: table.note(),
    })
}

pub(crate) const CONFIDENCE: &str = "\"confirmed\"";

/// Reads how certain something is.
pub(crate) fn confidence(node: Node) -> Option<Confidence> {
    let levels = [Confidence::Confirmed, Confidence::SingleSource, Confidence::Unsure];
    node.choice(&levels.map(|level| (level.name(), level)))
}

const ANY_CARRIER: &str = "\"any\" or { integrated = [\"royal_mail\"], otherwise = \"not_measured\" }";

/// Reads `source = [{ title = ..., url = ... }]`.
pub(crate) fn sources(table: &Table) -> Option<Vec<Source>> {
    let tables = table.need("source", "[{ title = \"...\", url = \"https://...\" }]").and_then(Node::tables)?;
    let source = |table: &Table| {
        let title = table.need("title", "\"Help page\"").and_then(Node::text);
        let url = table.need("url", "\"https://...\"").and_then(Node::text);
        table.finish();
        Some(Source { title: title?.text.to_owned(), url: url?.text.to_owned() })
    };
    Some(tables.iter().filter_map(source).collect())
}

fn per(table: &Table) -> Option<Per> {
    let choices = [("category", Per::Category), ("account", Per::Account)];
    table.need("per", "\"category\"").and_then(|node| node.choice(&choices))
}

/// Reads a target. Shares are texts, because a number with a fraction would be rounded.
fn target(table: &Table) -> Option<Target> {
    const EXAMPLE: &str = "{ at_least = \"0.95\" } or { more_than = \"0.95\" }";
    let node = table.need("target", EXAMPLE)?;
    let inner = node.table()?;
    let at_least = inner.may("at_least", "\"0.95\"");
    let more_than = inner.may("more_than", "\"0.95\"");
    inner.finish();
    let (kind, share) = match (at_least, more_than) {
        (Some(share), None) => (TargetKind::AtLeast, share),
        (None, Some(share)) => (TargetKind::MoreThan, share),
        _ => return node.refuse("needs one of at_least and more_than"),
    };
    let target = Amount::read(share.text()?.text, b'.').ok().and_then(|amount| Target::new(kind, amount));
    if target.is_none() { share.refuse("is not a share from 0 to 1 with at most nine decimals") } else { target }
}

fn programmes_apart(tables: &[Table], context: &Context) -> Vec<Programme> {
    let mut programmes: Vec<Programme> = Vec::new();
    for table in tables {
        let name = table.need("name", "\"premium\"").and_then(Node::text);
        let (target, per) = (target(table), per(table));
        let from = table.may("from", "2025-07-31").and_then(Node::date);
        let until = table.may("until", "2025-07-31").and_then(Node::date);
        table.finish();
        let Some(name) = name else { continue };
        let id = context.names.programme(name.text).unwrap_or(ProgrammeId::STANDARD);
        if id == ProgrammeId::STANDARD {
            let message = "`standard` means no programme; its target is the version's own, so leave this out";
            context.report.add(name.at, message);
        }
        if name.text != crate::text::lower(name.text) {
            let message = format!("programmes are written in lower case: `{}`", crate::text::lower(name.text));
            context.report.add(name.at, message);
        }
        let begins_before = |until: Option<Day>| until.is_none_or(|until| from.is_none_or(|from| from < until));
        let ends_after = |from: Option<Day>| from.is_none_or(|from| until.is_none_or(|until| from < until));
        let overlaps = |known: &Programme| begins_before(known.until) && ends_after(known.from);
        if programmes.iter().any(|known| known.id == id && overlaps(known)) {
            context
                .report
                .add(name.at, format!("the version names the programme `{}` twice; write one of them", name.text));
        }
        programmes.extend(target.zip(per).map(|(target, per)| Programme {
            id,
            target,
            per,
            from,
            until,
            note: table.note(),
        }));
    }
    programmes
}

/// Reads `"any"`, or the integrated carriers and the treatment of the others.
fn carrier_rule(node: Node, context: &Context) -> Option<CarrierRule> {
    if node.is_text() {
        return node.choice(&[("any", CarrierRule::Any)]);
    }
    let table = node.table()?;
    let integrated = table.need("integrated", "[\"royal_mail\"]").and_then(Node::some_texts);
    let choices = [("not_measured", Otherwise::NotMeasured), ("not_accepted", Otherwise::NotAccepted)];
    let otherwise = table.need("otherwise", "\"not_measured\"").and_then(|node| node.choice(&choices));
    let choices = [("complete", Known::Complete), ("partial", Known::Partial)];
    let known = table.may("known", "\"complete\"").map_or(Some(Known::Complete), |node| node.choice(&choices));
    table.finish();
    let integrated = context.names.carrier_set(&integrated?);
    Some(CarrierRule::Integrated(integrated, otherwise?, known?))
}

/// What a lane takes over from its version.
struct OfVersion<'v> {
    programmes: &'v [Programme],
    carriers: Option<&'v CarrierRule>,
    confidence: Confidence,
}

fn lane(table: &Table, of_version: &OfVersion, context: &Context, rules: &mut Rules) -> Option<Lane> {
    let id = table.need("id", "\"gb-domestic\"").and_then(Node::text).map(|id| rules.add(id));
    let from = table.need("from", "[\"GB\"]").and_then(|node| countries(node, context));
    let to = table.need("to", "[\"GB\"]").and_then(|node| countries(node, context));
    let scans = table.need("scans", conditions::SCANS).and_then(conditions::scans);
    let own = table.may("carriers", ANY_CARRIER);
    let carriers = own.and_then(|node| carrier_rule(node, context));
    let programme = table.may("programme", "\"premium\"").and_then(Node::text);
    let programme = programme.and_then(|name| self::programme(name, of_version.programmes, context));
    let rating = table.may("confidence", CONFIDENCE).and_then(confidence).unwrap_or(of_version.confidence);
    id.into_iter().for_each(|id| rules.rate(id, rating));
    let exempt =
        table.may("exempt", "[[version.lane.exempt]] with its keys").and_then(Node::tables).unwrap_or_default();
    let refuse =
        table.may("refuse", "[[version.lane.refuse]] with its keys").and_then(Node::tables).unwrap_or_default();
    table.finish();
    // A list that could not be read counts as a list, so that it is reported only once.
    let in_force = if own.is_some() { carriers.as_ref() } else { of_version.carriers };
    let has_list = !matches!(in_force, Some(CarrierRule::Any));
    let mut read = |tables: &[Table], kind| {
        let of_lane = OfLane { has_list, confidence: rating };
        tables.iter().filter_map(|table| conditions::condition(table, kind, &of_lane, context, rules)).collect()
    };
    let (exempt, refuse) = (read(&exempt, Kind::Exemption), read(&refuse, Kind::Refusal));
    Some(Lane {
        id: id?,
        from: from?,
        to: to?,
        scans: scans?,
        carriers,
        programme,
        exempt,
        refuse,
        confidence: rating,
        note: table.note(),
    })
}

/// Reads `standard`, or a programme that the version judges separately.
fn programme(name: Text, programmes: &[Programme], context: &Context) -> Option<ProgrammeId> {
    let known = |id: &ProgrammeId| *id == ProgrammeId::STANDARD || programmes.iter().any(|known| known.id == *id);
    let id = context.names.programme(name.text).filter(known);
    if id.is_none() {
        let text =
            |programme: &Programme| context.names.programmes.get(usize::from(programme.id.0)).map(String::as_str);
        let hint = did_you_mean(name.text, programmes.iter().filter_map(text));
        let message = format!("no [[version.programme]] of this version has the name `{}`{hint}", name.text);
        context.report.add(name.at, message);
    }
    id
}

/// Reads a country code as the book writes it: two capitals.
pub(super) fn country(text: &str) -> Option<Country> {
    let country = Country::read(text);
    (country != Country::UNKNOWN && text.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(country)
}

/// Reads countries and `@groups`; or all countries except some, `!XX`; or `*`, which also includes texts that are
/// no country.
fn countries(node: Node, context: &Context) -> Option<CountrySet> {
    let list = node.some_texts()?;
    let (mut named, mut all_but) = (CountrySet::NONE, CountrySet::every_code());
    let mut kinds = [false; 3];
    for item in &list {
        let unknown = |code: &str| {
            let message = format!(
                "`{code}` is no country; write two capitals such as \"GB\", \"@group\", \"!GB\" (all but it) or \"*\" (all)"
            );
            context.report.add(item.at, message);
        };
        if item.text == "*" {
            kinds[2] = true;
        } else if let Some(group) = item.text.strip_prefix('@') {
            kinds[0] = true;
            match context.groups.get(group) {
                Some(members) => members.iter().for_each(|country| named.insert(*country)),
                None => {
                    let hint = did_you_mean(group, context.groups.keys().copied());
                    let message = format!("[groups] of this marketplace has no `{group}`{hint}");
                    context.report.add(item.at, message);
                }
            }
        } else if let Some(code) = item.text.strip_prefix('!') {
            kinds[1] = true;
            country(code).map_or_else(|| unknown(code), |country| all_but.remove(country));
        } else {
            kinds[0] = true;
            country(item.text).map_or_else(|| unknown(item.text), |country| named.insert(country));
        }
    }
    match kinds {
        [true, false, false] => Some(named),
        [false, true, false] => Some(all_but),
        [false, false, true] => Some(CountrySet::ALL),
        _ => node.refuse("mixes countries, exceptions (!XX) and *, of which a list holds one kind"),
    }
}
