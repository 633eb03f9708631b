//! The reasons why a history was not made.

/// An error that the caller can do something about.
#[derive(Debug, thiserror::Error)]
pub enum GenError {
    /// The options contradict each other, or the book has a rule for which the generator has no recipe.
    #[error("{0}")]
    Usage(String),
    /// A file could not be written.
    #[error("{what}")]
    Failed {
        /// What was being done, and to which file.
        what: String,
        /// The error of the system or the writer.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// [`crate::GenOptions::go_on`] returned `false`.
    #[error("stopped")]
    Stopped,
}

impl GenError {
    pub(crate) fn failed(
        what: impl std::fmt::Display,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> GenError {
        GenError::Failed { what: what.to_string(), source: source.into() }
    }
}

/// The result type of the generator.
pub type Result<T> = std::result::Result<T, GenError>;
