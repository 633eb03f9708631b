//! Folders of tables in a table format: Delta Lake, Apache Hudi, Apache Iceberg.
//!
//! Only the log of such a table says which files it has now; its folders also hold files with rows that it has deleted
//! or replaced, which would count again. It knows these folders by the names of what a format keeps in them, opens no
//! file and cannot fail.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// A format that keeps a log of the files of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableFormat {
    Delta,
    Hudi,
    Iceberg,
}

/// The folders of Delta Lake and Hudi that are beside or above the files of a table.
const LOGS: [(&str, TableFormat); 2] = [("_delta_log", TableFormat::Delta), (".hoodie", TableFormat::Hudi)];
/// The folders of Iceberg, and the end of the names by which the second is known.
const DATA: &str = "data";
const METADATA: (&str, &str) = ("metadata", ".metadata.json");

impl TableFormat {
    fn name(self) -> &'static str {
        match self {
            TableFormat::Delta => "Delta Lake",
            TableFormat::Hudi => "Apache Hudi",
            TableFormat::Iceberg => "Apache Iceberg",
        }
    }

    fn mark(self) -> &'static str {
        match self {
            TableFormat::Delta => "_delta_log",
            TableFormat::Hudi => ".hoodie",
            TableFormat::Iceberg => "metadata/*.metadata.json",
        }
    }

    /// Says why the files of a table are refused, and the remedy.
    fn refusal(self, table: &str) -> String {
        let (name, mark) = (self.name(), self.mark());
        format!(
            "`{table}` is a table of {name} (it has `{mark}`): files that the table no longer has stay in its folder, and their \
             rows would count again; judge the table on Spark (table mode, docs/spark.md), or export its current version as \
             Parquet to another folder. To read files that the table has now, name each of them in `path`"
        )
    }
}

/// The folder of a table, and its format.
type TableFolder = (PathBuf, TableFormat);

/// The tables to which paths of a job led.
#[derive(Default)]
pub(crate) struct MetTables {
    /// By folder, the table that it is in.
    known: HashMap<PathBuf, Option<TableFolder>>,
    refused: BTreeSet<String>,
    files: usize,
}

impl MetTables {
    /// Returns the number of files of tables that were met.
    pub fn files(&self) -> usize {
        self.files
    }

    /// Returns the table to which the files of a folder of this machine belong.
    pub fn holding(&mut self, folder: &Path) -> Option<TableFolder> {
        if let Some(known) = self.known.get(folder) {
            return known.clone();
        }
        let own = LOGS.iter().find(|(log, _)| folder.join(log).is_dir()).map(|(_, format)| *format);
        let found = match (own, folder.parent()) {
            (Some(format), _) => Some((folder.to_owned(), format)),
            (None, Some(above)) if folder.ends_with(DATA) && has_metadata(above) => {
                Some((above.to_owned(), TableFormat::Iceberg))
            }
            (None, above) => above.and_then(|above| self.holding(above)),
        };
        self.known.insert(folder.to_owned(), found.clone());
        found
    }

    /// Notes a file of a table; returns the refusal of its first one.
    pub fn refuse(&mut self, table: &str, format: TableFormat) -> Option<String> {
        self.files += 1;
        self.refused.insert(table.to_owned()).then(|| format.refusal(table))
    }
}

fn has_metadata(folder: &Path) -> bool {
    let (name, end) = METADATA;
    let Ok(entries) = folder.join(name).read_dir() else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().ends_with(end))
}

/// The tables below a folder of a store, by the names below it.
#[derive(Debug, Default)]
pub(crate) struct ListedTables(BTreeMap<String, TableFormat>);

impl ListedTables {
    /// Looks at a name below the listed folder.
    pub fn look(&mut self, name: &str) {
        let mut start = 0;
        for part in name.split_inclusive('/') {
            let (folder, above) = (part.strip_suffix('/'), &name[..start]);
            if let Some((_, format)) = LOGS.iter().find(|(log, _)| folder == Some(*log)) {
                self.0.insert(above.to_owned(), *format);
            }
            if folder == Some(METADATA.0) && is_metadata(&name[start + part.len()..]) {
                self.0.entry(above.to_owned()).or_insert(TableFormat::Iceberg);
            }
            start += part.len();
        }
    }

    /// Returns the table that a name belongs to: the name of its folder, empty or with a slash behind it.
    pub fn holding(&self, name: &str) -> Option<(&str, TableFormat)> {
        let holds = |(folder, format): &(&String, &TableFormat)| {
            name.strip_prefix(folder.as_str()).is_some_and(|below| match format {
                TableFormat::Iceberg => below.strip_prefix(DATA).is_some_and(|rest| rest.starts_with('/')),
                TableFormat::Delta | TableFormat::Hudi => true,
            })
        };
        self.0.iter().find(holds).map(|(folder, format)| (folder.as_str(), *format))
    }
}

fn is_metadata(name: &str) -> bool {
    !name.contains('/') && name.ends_with(METADATA.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_store_show_tables() {
        let mut tables = ListedTables::default();
        for name in ["a/_delta_log/0.json", "b/data/1.parquet", "b/metadata/v2.metadata.json", "c/metadata/x.json"] {
            tables.look(name);
        }
        let holding = |name| tables.holding(name);
        assert_eq!(holding("a/day=1/x.parquet"), Some(("a/", TableFormat::Delta)));
        assert_eq!(holding("b/data/1.parquet"), Some(("b/", TableFormat::Iceberg)));
        assert_eq!(holding("b/other.parquet"), None);
        assert_eq!(holding("c/data/1.parquet"), None);
        let mut own = ListedTables::default();
        own.look(".hoodie/hoodie.properties");
        assert_eq!(own.holding("x.parquet"), Some(("", TableFormat::Hudi)));
    }
}
