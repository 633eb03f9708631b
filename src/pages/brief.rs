//! The answers that a reader wants first: which account is worst, why, what to do first, by when, whether it is enough.
//!
//! It puts figures of the model into plain sentences, the same ones on pages and in the terminal; it computes no figure
//! of its own. Nothing in it fails.

use super::html::Html;
use super::levers::{self, Enough};
use super::model::{Account, Standing};
use super::words::{self, Names};
use super::work::{self, AccountWork, Actor};
use vtr_kernel::calendar::Day;

/// An answer: the question in a word or two, and the sentence with its emphasised beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The question.
    pub head: &'static str,
    /// The beginning of the sentence.
    pub strong: String,
    /// Its rest.
    pub rest: String,
}

impl Answer {
    fn of(head: &'static str, strong: impl Into<String>, rest: impl Into<String>) -> Answer {
        Answer { head, strong: strong.into(), rest: rest.into() }
    }

    /// The sentence without emphasis.
    pub fn plain(&self) -> String {
        format!("{}{}", self.strong, self.rest)
    }

    /// The sentence on a page.
    pub fn html(&self) -> Html {
        Html::new().strong(&self.strong).and(&self.rest)
    }
}

/// The answers about the worst account, seen on a day. `work` is the work list of what decides its standing, all of it
/// or a category, if a table has it.
pub fn answers(account: &Account, work: Option<&AccountWork>, names: &Names, seen: Day) -> Vec<Answer> {
    let decisive = account.decisive();
    let mut answers = vec![worst(account, names), why(decisive, names)];
    if let Some(work) = work {
        answers.push(first(decisive, work, names, seen));
        answers.extend(by_when(work, seen));
        answers.extend(enough(decisive, work, seen));
    }
    answers
}

fn worst(account: &Account, names: &Names) -> Answer {
    let of = |account: &Account| {
        format!("{} of {}", words::rate(account.tally), words::plural(account.tally.eligible as i64, "package"))
    };
    let asked = account.target.map_or_else(
        || "no rule is in force that asks for a rate".to_owned(),
        |target| format!("Amazon asks {}", words::target(target)),
    );
    let standing = account.standing.words().to_lowercase();
    let rest = match &account.category {
        None => format!(", {standing}: {}; {asked}", of(account)),
        Some(category) => {
            let (name, figures) = (&category.0, of(&category.1));
            format!(", {standing} in {name}: {figures}; {asked} of each category. All together: {}", of(account))
        }
    };
    Answer::of("Worst", account.title(names), rest)
}

/// The most accounts that are named in a sentence.
const NAMED: usize = 10;

/// The accounts that are not yet assessed, by name: silence about them would read as an all-clear.
pub fn unassessed(accounts: &[&Account], names: &Names) -> Option<String> {
    let name = |account: &&Account| {
        let so_far = account.outlook.tally;
        let counts = match so_far.eligible {
            0 => String::new(),
            all => format!(" ({} of {} valid so far)", so_far.valid, words::plural(all as i64, "package")),
        };
        account.title(names) + &counts
    };
    let mut named: Vec<String> = accounts.iter().take(NAMED).map(name).collect();
    let more = accounts.len().saturating_sub(NAMED);
    if more > 0 {
        named.push(format!("and {} more", words::number(more as i64)));
    }
    (!accounts.is_empty()).then(|| {
        let whose = if accounts.len() == 1 { "its" } else { "their" };
        format!(
            "Not yet assessed: {}. None of {whose} packages is in a final window yet; what can be done is in the work list.",
            named.join("; ")
        )
    })
}

/// Why the rate is what it is: the number of defects, and the largest group of them.
pub fn why(account: &Account, names: &Names) -> Answer {
    let defects = account.defects();
    if defects == 0 {
        return Answer::of("Why", "No defects", " in the judged window");
    }
    let fits = account.budget.filter(|budget| *budget < 0).map(|budget| match defects + budget {
        fit if fit > 0 => format!(" where at most {} fit{}", words::number(fit), if fit == 1 { "s" } else { "" }),
        _ => " where none fits".to_owned(),
    });
    let count = words::plural(defects, "defect") + &fits.unwrap_or_default();
    Answer::of("Why", count, cause(account, names).map_or_else(String::new, |cause| format!(". {cause}")))
}

/// The leading cause in a sentence, by how much of the defects it explains.
pub fn cause(account: &Account, names: &Names) -> Option<String> {
    let cause = account.cause.as_ref()?;
    Some(lead(&cause.reason, &cause.carrier, cause.packages, account.defects(), names))
}

/// The largest group of defects in a sentence: only more than half of them are "mostly".
pub fn lead(reason: &str, carrier: &str, packages: i64, defects: i64, names: &Names) -> String {
    let (what, who) = (words::reason_inline(reason), names.carrier(carrier));
    let of = format!("{} of {}", words::number(packages), words::number(defects));
    match packages {
        all if all == defects => format!("Cause: {what}, {who}"),
        most if most * 2 > defects => format!("Mostly: {what}, {who}, {of}"),
        1 => format!("No cause leads; one of {}: {what}, {who}", words::number(defects)),
        _ => format!("Largest cause: {what}, {who}, {of}"),
    }
}

fn first(account: &Account, work: &AccountWork, names: &Names, seen: Day) -> Answer {
    if let Some((actor, group)) = work::in_order(work).into_iter().next() {
        let caveat = match (actor, group.unpromised) {
            (Actor::Correct, 1..) => format!("; {}", words::delivered(group.unpromised, group.packages)),
            _ => String::new(),
        };
        return Answer::of("First", actor.action(group.packages, names), caveat);
    }
    match work.get(&Actor::Past) {
        Some(past) => Answer::of(
            "First",
            "Run the job again",
            format!(
                ": these figures are of {}, and the days of all that could be mended then ({}) have passed",
                words::day(account.as_of, seen),
                words::plural(past.packages, "package")
            ),
        ),
        None => Answer::of("First", "Nothing", ": no defect that still counts can be mended"),
    }
}

/// The day until which the first task is useful.
fn by_when(work: &AccountWork, seen: Day) -> Option<Answer> {
    let (actor, group) = work::in_order(work).into_iter().next()?;
    let said = |day: Day| format!("{}, {}", words::weekday(day, seen), words::distance(day, seen));
    if let (Actor::Correct, Some(day)) = (actor, group.act_by) {
        return Some(Answer::of("By when", said(day), ": a number counts only if it is given before delivery"));
    }
    let (soonest, last) = group.until?;
    let rest = match (group.packages, soonest == last) {
        (1, _) => ": then its last window is final".to_owned(),
        (_, true) => ": then the last windows of all of them are final".to_owned(),
        _ => format!(
            ": then the last window of the first of them is final; the others follow until {}",
            words::day(last, seen)
        ),
    };
    Some(Answer::of("By when", said(soonest), rest))
}

/// Whether mending all that can be mended is enough; `None` if that is no question.
pub fn enough(account: &Account, work: &AccountWork, seen: Day) -> Option<Answer> {
    let answer = |strong: &str, rest: String| Some(Answer::of("Enough", strong, rest));
    if account.standing == Standing::Few {
        return None;
    }
    if account.is_outlook_final(seen) {
        let end = words::day(account.outlook.end, seen);
        return answer("Not known", format!(": the window to {end} is final by now; run the job again"));
    }
    let (numbers, carriers) = levers::mendable(work);
    let acts: i64 = work.iter().filter(|(actor, _)| actor.acts()).map(|(_, group)| group.packages).sum();
    let end = words::day(account.outlook.end, seen);
    if account.standing == Standing::Breach && numbers + carriers == 0 {
        let further = back(account);
        return match acts {
            0 => answer("No", format!(": by these figures nothing can be mended any more. {further}")),
            1 => answer("No", format!(": the one that can be mended is not in the window to {end}. {further}")),
            acts => answer(
                "No",
                format!(": the {} that can be mended are not in the window to {end}. {further}", words::number(acts)),
            ),
        };
    }
    let all = match numbers + carriers {
        1 => "mending the one that can be mended".to_owned(),
        mended => format!("mending all {} that can be mended", words::number(mended as i64)),
    };
    match levers::enough(account, work)? {
        Enough::Yes(to) => answer("Yes", format!(": {all} gives {} in the window to {end}", words::rate(to))),
        Enough::WithWaiting(to, scans) => answer(
            "Only with more scans",
            format!(
                ": {all} gives {} in the window to {end}, and {scans} of the {} must be scanned too",
                words::rate(to),
                words::plural(account.outlook.pending as i64, "waiting package")
            ),
        ),
        Enough::No(to, missing) => answer(
            "No",
            format!(
                ": {all} gives {} in the window to {end}{}, {} short",
                words::rate(to),
                if account.outlook.pending > 0 { " even if all that wait are scanned" } else { "" },
                words::plural(missing as i64, "package")
            ),
        ),
    }
}

/// What brings an account back that misses its target.
pub fn back(account: &Account) -> String {
    let target = account.target.map_or_else(String::new, words::target);
    returns(account.needed, &target)
}

/// The number of further packages that bring a rate back to its target, in a sentence.
pub fn returns(needed: Option<i64>, target: &str) -> String {
    match needed {
        Some(needed) if needed > 0 => {
            format!("Back at {target} after {} without a defect", words::plural(needed, "further package"))
        }
        _ => format!("No number of further packages brings it back to {target} within this window"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_more_than_half_is_mostly() {
        let names = Names::of(&crate::job::shelf::book(&[]).unwrap());
        let said = |packages, defects| lead("scan_missing", "evri", packages, defects, &names);
        assert_eq!(said(7, 12), "Mostly: never scanned, Evri, 7 of 12");
        assert_eq!(said(6, 12), "Largest cause: never scanned, Evri, 6 of 12");
        assert_eq!(said(3, 3), "Cause: never scanned, Evri");
        assert_eq!(said(1, 4), "No cause leads; one of 4: never scanned, Evri");
    }

    #[test]
    fn the_way_back_says_what_is_counted() {
        assert_eq!(returns(Some(189), "95 %"), "Back at 95 % after 189 further packages without a defect");
        assert_eq!(returns(Some(1), "95 %"), "Back at 95 % after 1 further package without a defect");
        assert!(returns(None, "95 %").starts_with("No number"));
    }
}
