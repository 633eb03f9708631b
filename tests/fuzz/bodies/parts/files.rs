//! An input of several files in one: a line `=== policies/gb.toml` begins a file; lines before the first one are left
//! out.

use vtr_kernel::load::BookFile;

/// Returns the files of an input.
pub fn files(data: &[u8]) -> Vec<BookFile> {
    let text = String::from_utf8_lossy(data);
    let mut files: Vec<BookFile> = Vec::new();
    for line in text.split_inclusive('\n') {
        match (line.strip_prefix("=== "), files.last_mut()) {
            (Some(name), _) => {
                files.push(BookFile { name: name.trim_end_matches('\n').to_owned(), text: String::new() })
            }
            (None, Some(file)) => file.text += line,
            (None, None) => {}
        }
    }
    files
}
