//! Errors, classed by what the caller can do about them.
//!
//! Each variant is an exit code; a message states what failed, where (file, key, record) and what to do.

use std::fmt;

/// How far a publication has come; the message of a stopped run states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicationStage {
    /// The verb publishes nothing.
    NoPublication,
    /// Nothing was published.
    Nothing,
    /// A version is being made visible; this process does not know yet whether it is.
    Appearing(u64),
    /// A version is published, but the work after the commit is not finished.
    Published(u64),
    /// A version is published, and all work after the commit is finished.
    Complete(u64),
}

impl fmt::Display for PublicationStage {
    fn fmt(&self, to: &mut fmt::Formatter) -> fmt::Result {
        match self {
            PublicationStage::NoPublication => Ok(()),
            PublicationStage::Nothing => write!(to, "; nothing was published"),
            PublicationStage::Appearing(version) => write!(
                to,
                "; version {version} was just being published, and `vtr resolve` shows whether it is published; run again"
            ),
            PublicationStage::Published(version) => write!(
                to,
                "; version {version} is published, but `current` and `views.sql` may be older; the next run mends them"
            ),
            PublicationStage::Complete(version) => write!(to, "; version {version} is published"),
        }
    }
}

/// Why a verb failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Exit 1: a failure that neither the job nor the inputs caused.
    #[error("{what}")]
    Failed {
        /// The action that failed, and its file.
        what: String,
        /// The system's error.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Exit 2: the command line, the job or the book is wrong.
    #[error("{0}")]
    Usage(String),
    /// Exit 2: no package is in the weeks that were asked for.
    #[error("{0}")]
    NoWeeks(String),
    /// Exit 3: an input is missing, has the wrong columns or types, or cannot be trusted.
    #[error("{0}")]
    Input(String),
    /// Exit 3: files that proved to be bad while they were read: index in the survey, name and reason.
    #[error("{}", refused(.0))]
    BadFiles(Vec<(u32, String)>),
    /// Exit 4: a gate tripped; nothing was published.
    #[error("{0}")]
    Gate(String),
    /// Exit 5: another publication came first; safe to retry.
    #[error("{0}")]
    Conflict(String),
    /// No error: the receiver of the rows needs no more of them. Only the caller that passed the receiver sees it, and
    /// no verb ends with it.
    #[error("nothing more was asked for")]
    Enough,
    /// Exit 128 + signal: stopped by a signal, with nothing half done.
    #[error("stopped by signal {signal}{standing}")]
    Stopped {
        /// The signal's number.
        signal: i32,
        /// How far the publication had come.
        standing: PublicationStage,
    },
}

impl Error {
    /// Returns a failure of the system: the action that failed, and the system's own error.
    pub fn failed(what: impl fmt::Display, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::Failed { what: what.to_string(), source: Some(source.into()) }
    }

    /// Returns the error and its causes, each on its own line.
    pub fn told(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text += &format!("\n  because: {cause}");
            source = cause.source();
        }
        text
    }

    /// Returns the exit code of the process.
    pub fn exit_code(&self) -> i32 {
        match self {
            Error::Failed { .. } | Error::Enough => 1,
            Error::Usage(_) | Error::NoWeeks(_) => 2,
            Error::Input(_) | Error::BadFiles(_) => 3,
            Error::Gate(_) => 4,
            Error::Conflict(_) => 5,
            Error::Stopped { signal, .. } => 128 + signal,
        }
    }
}

fn refused(bad: &[(u32, String)]) -> String {
    let lines: Vec<&str> = bad.iter().map(|(_, what)| what.as_str()).collect();
    match lines.as_slice() {
        [one] => (*one).to_owned(),
        _ => format!("{} input files refused:\n  {}", lines.len(), lines.join("\n  ")),
    }
}

/// The result of a verb.
pub type Result<T> = std::result::Result<T, Error>;
