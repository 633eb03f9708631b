//! The book as TOML trees that can be changed and loaded again.

use std::collections::BTreeMap;
use toml::{Table, Value};
use vtr_kernel::Book;
use vtr_kernel::load::{self, BookFile};

/// The files of a book, by name.
#[derive(Clone)]
pub struct Shelf {
    pub files: BTreeMap<String, Table>,
}

impl Shelf {
    pub fn embedded() -> Shelf {
        let files = load::embedded_files().into_iter().filter(|file| file.name.ends_with(".toml"));
        Shelf { files: files.map(|file| (file.name, file.text.parse().unwrap())).collect() }
    }

    /// Returns a small book: every carrier, but only one marketplace, which accepts any carrier.
    pub fn of_one_market() -> Shelf {
        let mut shelf = Shelf::embedded();
        shelf.files.retain(|name, _| !name.starts_with("policies/") || name == "policies/be.toml");
        shelf.file("families.toml").insert("by_ship_from".into(), Value::Table(Table::new()));
        shelf.file("words.toml").insert("programme".into(), Value::Table(Table::new()));
        for (_, carrier) in shelf.files.iter_mut().filter(|(name, _)| name.starts_with("carriers/")) {
            carrier.insert("aliases".into(), Value::Array(Vec::new()));
            carrier.insert("source".into(), Value::Array(Vec::new()));
        }
        shelf
    }

    pub fn file(&mut self, name: &str) -> &mut Table {
        self.files.get_mut(name).unwrap_or_else(|| panic!("the book has no {name}"))
    }

    pub fn load(&self) -> Book {
        let text = |table: &Table| toml::to_string(table).unwrap();
        let files: Vec<BookFile> =
            self.files.iter().map(|(name, table)| BookFile { name: name.clone(), text: text(table) }).collect();
        load::load(&files).unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    /// Returns the book after a change.
    pub fn changed(&self, change: impl FnOnce(&mut Shelf)) -> Book {
        let mut shelf = self.clone();
        change(&mut shelf);
        shelf.load()
    }

    /// Returns the carrier files by id.
    pub fn carriers(&self) -> impl Iterator<Item = (&str, &Table)> {
        let files = self.files.iter().filter(|(name, _)| name.starts_with("carriers/"));
        files.map(|(_, table)| (table["id"].as_str().unwrap(), table))
    }

    pub fn carrier(&mut self, id: &str) -> &mut Table {
        self.file(&format!("carriers/{id}.toml"))
    }
}

/// Returns the texts of a list.
pub fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Makes a list of texts.
pub fn list(texts: &[&str]) -> Value {
    Value::Array(texts.iter().map(|text| Value::String((*text).to_owned())).collect())
}
