//! Profiles of sources and lists of status words: loading returns them, or all problems with file and line, in an order
//! that does not depend on that of the files; a profile that loads can be asked for each of its columns.
//!
//! The files of an input are split as `parts/files.rs` says.

use crate::files::files;
use vtr_kernel::sources::Sources;

/// Runs one input; returns whether its files load.
pub fn load(data: &[u8]) -> bool {
    let mut files = files(data);
    let first = Sources::load(&files);
    let doubled = (1..files.len()).any(|index| files[..index].iter().any(|file| file.name == files[index].name));
    let is_loaded = first.is_ok();
    files.reverse();
    match (first, Sources::load(&files)) {
        (Ok(sources), Ok(again)) => {
            let kinds = |sources: &Sources| {
                let mut kinds: Vec<String> = sources.profiles.iter().map(|profile| profile.kind.clone()).collect();
                kinds.sort();
                kinds
            };
            assert_eq!(kinds(&sources), kinds(&again), "the order of the files moves the profiles");
            for profile in &sources.profiles {
                assert!(sources.profile(&profile.kind).is_ok(), "{}", profile.kind);
            }
        }
        (Err(problems), again) => {
            assert!(!problems.is_empty(), "refused without a reason");
            for problem in &problems {
                assert!(!problem.file.is_empty() && problem.line > 0 && !problem.message.is_empty(), "{problem:?}");
                let steers = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
                assert!(!problem.to_string().contains(steers), "steers a terminal: {problem:?}");
            }
            assert!(doubled || again.is_err(), "accepted in another order: {problems:?}");
        }
        (Ok(_), Err(problems)) => assert!(doubled, "refused in another order: {problems:?}"),
    }
    is_loaded
}

/// Runs one input.
pub fn run(data: &[u8]) {
    load(data);
}
