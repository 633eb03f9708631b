//! The names by which the files of an output or a sink are recognised, for those who write them and those who pass them
//! over.
//!
//! It holds names alone and does nothing.

/// The folder of an output's manifests.
pub const LOG: &str = "_log";
/// The folder of an output's snapshots.
pub const SNAPSHOTS: &str = "_snapshots";
/// The link to the newest snapshot.
pub const CURRENT: &str = "current";
/// The table of packages that were joined from raw files.
pub const PACKAGES: &str = "packages";
/// The tables of joined packages that are published beside them.
pub const OF_PACKAGES: [&str; 2] = ["assembled_files", "join_coverage"];
/// The views of an output.
pub const VIEWS: &str = "views.sql";
/// The file that names the version of a sink of files.
pub const SINK_VERSION: &str = "_version.json";
