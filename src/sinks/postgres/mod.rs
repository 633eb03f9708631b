//! A schema of a PostgreSQL database as a sink: one transaction per version.
//!
//! A reader sees the old version or the new one, because weeks are deleted and copied within one transaction and
//! nothing is truncated or renamed. Counts are checked before the commit. The schema belongs to the sink, and tables
//! that it did not make are refused. The server rolls back what fails, and the next sync begins from the version in
//! the sink.

mod connect;
mod ddl;
mod mend;
mod rows;
mod session;

use super::{Altered, Amount, Asked, Change, Counted, Did, Held, Part, SINK_REVISION, Source, Synced, is_summed};
use crate::error::{Error, Result};
use crate::job::digest::sha256_hex;
use crate::job::plan::Sink;
use crate::publish::DataFile;
use crate::publish::log::day_text;
use crate::schema::Table;
use crate::signals;
use arrow::array::RecordBatch;
pub use ddl::KEY_BYTES;
use mend::Compared;
use rows::Rows;
use session::Session;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::mpsc::sync_channel;
use vtr_kernel::calendar::Day;

/// Bytes of rows sent at a time.
const BYTES_AT_A_TIME: usize = 256 << 10;

/// The share of weeks up to which they are looked up, as a divisor.
const FEW_WEEKS: usize = 4;

/// The beginning of every transaction: settings of the server or the user must not change what is written. To compile
/// a plan takes longer than to read a week.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '30s'; SET LOCAL standard_conforming_strings = on; \
    SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL datestyle = 'ISO'; \
    SET LOCAL search_path = pg_catalog; SET LOCAL jit = off";

/// The statements that make a sink's schema, for an administrator who may create one.
pub fn script(schema: &str, tables: &[Table]) -> String {
    ddl::script(schema, tables)
}

/// The location of a sink's server, without user and password, and its database.
///
/// # Errors
/// [`Error::Usage`] for a wrong environment.
pub fn shown(sink: &Sink) -> Result<(String, String)> {
    let way = connect::way(&sink.name, &environment)?;
    Ok((way.shown, way.config.get_dbname().unwrap_or_default().to_owned()))
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The version in a sink.
///
/// # Errors
/// The server is unreachable or refuses.
pub fn held(sink: &Sink, schema: &str) -> Result<Option<Held>> {
    let session = Session::open(&sink.name, schema, &environment)?;
    let turn = Turn { session: &session, schema };
    let held = turn.begin().and_then(|()| Ok(turn.state()?.map(|state| state.held)));
    session.close();
    held
}

/// Brings a sink to a version.
///
/// # Errors
/// [`Error::Usage`] for a wrong environment, a missing privilege or a schema that is not the sink's;
/// [`Error::Conflict`] for a sink that is ahead or in use; else [`Error::Failed`].
pub fn sync(sink: &Sink, schema: &str, source: &Source, asked: &Asked) -> Result<Synced> {
    let session = Session::open(&sink.name, schema, &environment)?;
    let done = (Sync { sink, source, asked, turn: Turn { session: &session, schema } }).run();
    session.close();
    done
}

/// The content of the version table.
struct State {
    held: Held,
    shape: String,
    tables: Vec<Table>,
}

/// The columns of the tables of a schema, with their types; views and other relations have none.
type Shapes = BTreeMap<String, BTreeMap<String, String>>;

/// A transaction of the sink; writers take turns.
struct Turn<'s> {
    session: &'s Session,
    schema: &'s str,
}

impl Turn<'_> {
    fn qualified(&self, table: &str) -> String {
        ddl::qualified(self.schema, table)
    }

    /// Begins a transaction and waits for the current writer.
    fn begin(&self) -> Result<()> {
        let digest = Sha256::digest(format!("vtr sink {}", self.schema));
        let key = i64::from_be_bytes(std::array::from_fn(|index| digest[index]));
        self.session.execute("beginning", BEGIN)?;
        self.session.execute("waiting for its turn", &format!("SELECT pg_advisory_xact_lock({key})"))
    }

    fn rollback(&self) -> Result<()> {
        self.session.execute("ending without a change", "ROLLBACK")
    }

    /// The relations of the schema; `None` if there is no such schema.
    fn shapes(&self) -> Result<Option<Shapes>> {
        let schema = ddl::literal(self.schema);
        let there = self
            .session
            .rows("looking for the schema", &format!("SELECT 1 FROM pg_namespace WHERE nspname = {schema}"))?;
        if there.is_empty() {
            return Ok(None);
        }
        let sql = format!(
            "SELECT c.relname, a.attname, CASE WHEN c.relkind = 'r' THEN format_type(a.atttypid, a.atttypmod) END \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
             WHERE n.nspname = {schema} AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
        );
        let mut shapes = Shapes::new();
        for row in self.session.rows("looking at the schema", &sql)? {
            let [Some(relation), column, kind] = row.as_slice() else { continue };
            let columns = shapes.entry(relation.clone()).or_default();
            if let (Some(column), Some(kind)) = (column, kind) {
                columns.insert(column.clone(), kind.clone());
            }
        }
        Ok(Some(shapes))
    }

    /// The content of the version table; `None` if there is none.
    fn state(&self) -> Result<Option<State>> {
        match self.shapes()? {
            Some(shapes) if shapes.contains_key(ddl::VERSION) => self.state_of(&shapes),
            _ => Ok(None),
        }
    }

    fn state_of(&self, shapes: &Shapes) -> Result<Option<State>> {
        let strange = || {
            let table = self.qualified(ddl::VERSION);
            Error::Usage(format!(
                "{table}: was not made by this program; name another `schema`, which is the sink's own"
            ))
        };
        let Some(columns) = shapes.get(ddl::VERSION) else { return Ok(None) };
        if !ddl::version_columns().all(|name| columns.contains_key(name)) {
            return Err(strange());
        }
        let sql = format!(
            "SELECT output, version::text, manifest, settings, shape, tables FROM {}",
            self.qualified(ddl::VERSION)
        );
        let rows = self.session.rows("reading the version", &sql)?;
        let Some(row) = rows.first() else { return Ok(None) };
        let cell = |index: usize| row.get(index).cloned().flatten().unwrap_or_default();
        let version = cell(1).parse().map_err(|_| strange())?;
        let held = Held { output: cell(0), version, manifest: cell(2), settings: cell(3) };
        let tables = cell(5).split(',').filter_map(Table::from_name).collect();
        Ok(Some(State { held, shape: cell(4), tables }))
    }
}

/// A sync under way.
struct Sync<'s> {
    sink: &'s Sink,
    source: &'s Source<'s>,
    asked: &'s Asked,
    turn: Turn<'s>,
}

/// The work of a sync, as determined under the lock.
struct Work {
    shapes: Option<Shapes>,
    state: Option<State>,
    tables: Vec<Table>,
    changes: Vec<Change>,
    /// Whether to make views and comments anew.
    reshape: bool,
}

impl Sync<'_> {
    fn run(&self) -> Result<Synced> {
        self.turn.begin()?;
        let Some(work) = self.look()? else { return self.nothing() };
        self.widen(&work)?;
        // The lock was released, so another writer may have changed what was found.
        self.turn.begin()?;
        let Some(work) = self.look()? else { return self.nothing() };
        let synced = self.write(&work)?;
        let step = "committing; whether it came through is not known, and syncing again is harmless";
        self.turn.session.execute(step, "COMMIT")?;
        Ok(synced)
    }

    fn nothing(&self) -> Result<Synced> {
        self.turn.rollback()?;
        Ok(Synced { version: self.source.manifest.version, did: Did::Nothing, ..Synced::default() })
    }

    fn settings(&self, tables: &[Table]) -> String {
        let names: Vec<&str> = match &self.sink.tables {
            None => vec!["all"],
            Some(_) => tables.iter().map(|table| table.name()).collect(),
        };
        let schema = self.turn.schema;
        sha256_hex(format!("postgres {SINK_REVISION} {} {schema} {}", ddl::KEY_BYTES, names.join(",")).as_bytes())
    }

    /// The work to do; `None` if the sink holds the version already.
    fn look(&self) -> Result<Option<Work>> {
        let tables = self.source.tables(self.sink.tables.as_deref());
        let shapes = self.turn.shapes()?;
        let state = match &shapes {
            Some(shapes) => self.turn.state_of(shapes)?,
            None => None,
        };
        if let (Some(shapes), None) = (&shapes, &state) {
            self.refuse_strangers(shapes, &tables)?;
        }
        let relations = shapes.as_ref();
        let has_columns = |table: &Table| {
            relations.and_then(|shapes| shapes.get(table.name())).is_some_and(|columns| *columns == wanted(*table))
        };
        let has_view = |table: &Table| relations.is_some_and(|shapes| shapes.contains_key(&ddl::view_name(*table)));
        let is_whole = tables.iter().all(|table| has_columns(table) && has_view(table));
        let held = state.as_ref().map(|state| &state.held);
        // If a table's shape changed, every row lacks something, even if the files are the same.
        let same_shape = state.as_ref().is_none_or(|state| state.shape == ddl::digest(self.turn.schema, &tables));
        let amount = if same_shape { self.asked.amount } else { Amount::Full };
        let asked = Asked { amount, ..*self.asked };
        let mut changes = match self.source.changes(self.sink, held, &self.settings(&tables), &asked)? {
            None if is_whole => return Ok(None),
            changes => changes.unwrap_or_default(),
        };
        // A table whose columns somebody changed is filled anew.
        for table in tables.iter().filter(|table| !has_columns(table)) {
            changes.retain(|change| change.table != *table);
            let files = self.source.manifest.files(*table).to_vec();
            changes.push(Change { table: *table, part: Part::All, files, before: Vec::new() });
        }
        let reshape = state.is_none() || !same_shape || !is_whole;
        Ok(Some(Work { shapes, state, tables, changes, reshape }))
    }

    /// Refuses tables with our names that the sink did not make.
    fn refuse_strangers(&self, shapes: &Shapes, tables: &[Table]) -> Result<()> {
        let ours = tables.iter().flat_map(|table| [table.name().to_owned(), ddl::view_name(*table)]);
        let stranger = ours.chain([ddl::VERSION.to_owned()]).find(|name| shapes.contains_key(name));
        // Only a sink leaves its version table without a row.
        match stranger.filter(|name| name != ddl::VERSION) {
            None => Ok(()),
            Some(name) => Err(Error::Usage(format!(
                "sink {}: {} is there already and was not made by this program; name another `schema`, which is the sink's own",
                self.sink.name,
                self.turn.qualified(&name)
            ))),
        }
    }

    /// Adds missing columns, in a transaction of its own, because that blocks readers until the transaction ends. The
    /// old version has no values for them.
    fn widen(&self, work: &Work) -> Result<()> {
        let mut sql = String::new();
        for table in &work.tables {
            let Some(columns) = work.shapes.as_ref().and_then(|shapes| shapes.get(table.name())) else { continue };
            if is_other(columns, *table) {
                continue;
            }
            for facts in table.columns().iter().filter(|facts| !columns.contains_key(facts.name)) {
                let name = self.turn.qualified(table.name());
                let _ = writeln!(sql, "ALTER TABLE {name} ADD COLUMN {};", ddl::definition(facts));
            }
        }
        if sql.is_empty() {
            return self.turn.rollback();
        }
        // Until they are filled, the next writer must know that they are not.
        if work.state.is_some() {
            let _ = writeln!(sql, "UPDATE {} SET shape = '';", self.turn.qualified(ddl::VERSION));
        }
        self.turn.session.execute("adding columns", &format!("{sql}COMMIT"))
    }

    /// Writes a version within the transaction that was begun.
    fn write(&self, work: &Work) -> Result<Synced> {
        let (session, schema) = (self.turn.session, self.turn.schema);
        if work.shapes.is_none() {
            session.execute("making the schema", &ddl::create_schema(schema))?;
        }
        if !work.shapes.as_ref().is_some_and(|shapes| shapes.contains_key(ddl::VERSION)) {
            session.execute("making the table of the version", &ddl::create_version(schema))?;
        }
        if work.reshape {
            self.drop_views(work)?;
        }
        let mut synced = Synced { version: self.source.manifest.version, did: Did::Wrote, ..Synced::default() };
        // The files of the next table are compared while the server works on one.
        std::thread::scope(|scope| {
            let (give, compared) = sync_channel(0);
            scope.spawn(move || {
                // The other side is gone if a table failed.
                work.changes.iter().try_for_each(|change| give.send(mend::compare(self.source, change)))
            });
            work.changes.iter().zip(compared).try_for_each(|(change, compared)| {
                signals::check()?;
                self.table(work, change, compared, &mut synced)
            })
        })?;
        if work.reshape {
            self.finish_shape(work)?;
        }
        self.version(work)?;
        Ok(synced)
    }

    fn drop_views(&self, work: &Work) -> Result<()> {
        let there = work.shapes.iter().flat_map(|shapes| shapes.keys());
        let views: Vec<String> = there
            .filter(|name| Table::ALL.into_iter().any(|table| ddl::view_name(table) == **name))
            .map(|name| format!("DROP VIEW {};", self.turn.qualified(name)))
            .collect();
        self.turn.session.execute("making the views anew", &views.join("\n"))
    }

    /// Puts the rows of one table in place.
    fn table(&self, work: &Work, change: &Change, compared: Result<Vec<Compared>>, synced: &mut Synced) -> Result<()> {
        let (session, table) = (self.turn.session, change.table);
        let name = self.turn.qualified(table.name());
        let columns = work.shapes.as_ref().and_then(|shapes| shapes.get(table.name()));
        let is_fresh = match columns {
            None => true,
            Some(columns) if is_other(columns, table) => {
                session.execute(
                    &format!("dropping {name}, whose columns have other types"),
                    &format!("DROP TABLE {name}"),
                )?;
                true
            }
            Some(_) => false,
        };
        if is_fresh {
            session.execute(&format!("making {name}"), &ddl::create_table(self.turn.schema, table))?;
        } else if self.mend(change, compared, &name, synced)? {
            return Ok(());
        } else {
            self.delete_all(table, &change.part, &name)?;
        }
        let counted = self.copy(change, &name, synced)?;
        if is_fresh {
            session.execute(&format!("making the keys of {name}"), &ddl::create_keys(self.turn.schema, table))?;
        }
        self.check(change, &name, &counted)?;
        synced.tables += 1;
        synced.files += change.files.len();
        Ok(())
    }

    /// Deletes a part of a table.
    fn delete_all(&self, table: Table, part: &Part, name: &str) -> Result<()> {
        let filter = filter(table, part).map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
        let sql = self.by_week(table, part, format!("DELETE FROM {name}{filter}"));
        self.turn.session.execute(&format!("deleting from {name}"), &sql)
    }

    /// Copies the rows of the files, and counts them by week as they are read.
    fn copy(&self, change: &Change, name: &str, synced: &mut Synced) -> Result<BTreeMap<Option<Day>, Counted>> {
        let mut counted: BTreeMap<Option<Day>, Counted> = BTreeMap::new();
        if !change.files.is_empty() {
            let mut count = |week, batch: &_| counted.entry(week).or_default().add(batch);
            self.copy_rows(change.table, &change.files, name, None, &mut count, synced)?;
        }
        Ok(counted)
    }

    /// Copies the wanted rows of files, or all; `each` gets them with their week.
    fn copy_rows(
        &self,
        table: Table,
        files: &[DataFile],
        name: &str,
        wanted: Option<&[bool]>,
        each: &mut dyn FnMut(Option<Day>, &RecordBatch),
        synced: &mut Synced,
    ) -> Result<()> {
        let columns: Vec<String> = table.columns().iter().map(|facts| ddl::ident(facts.name)).collect();
        let sql = format!("COPY {name} ({}) FROM STDIN (FORMAT binary)", columns.join(", "));
        let mut copy = self.turn.session.copy(&format!("copying into {name}"), &sql)?;
        let (mut rows, mut from, mut given) = (Rows::begin(table), 0, 0);
        for file in files {
            let end = from + usize::try_from(file.rows).unwrap_or(usize::MAX);
            let wanted = wanted.map(|wanted| &wanted[from..end.min(wanted.len())]);
            self.source.read(table, file, wanted, &mut |batch| {
                each(file.week, batch);
                rows.add(batch);
                given += batch.num_rows() as u64;
                if rows.waiting() >= BYTES_AT_A_TIME { copy.send(rows.take()) } else { Ok(()) }
            })?;
            from = end;
        }
        copy.send(rows.end())?;
        let taken = copy.finish()?;
        if taken != given {
            return Err(self.differs(name, &format!("{given} rows were sent, {taken} arrived")));
        }
        synced.rows += taken;
        let Altered { cut, nul, .. } = rows.altered;
        synced.altered.cut += cut;
        synced.altered.nul += nul;
        Ok(())
    }

    /// Lets the server look the weeks of a change up if they are few. It expects many more rows of them than there are,
    /// because its statistics lag behind, and would read the whole table.
    fn by_week(&self, table: Table, part: &Part, sql: String) -> String {
        let all: BTreeSet<Option<Day>> = self.source.manifest.files(table).iter().map(|file| file.week).collect();
        match part {
            Part::Weeks(weeks) if ddl::is_by_week(table) && weeks.len() * FEW_WEEKS <= all.len() => {
                format!("SET LOCAL enable_seqscan = off; {sql}; SET LOCAL enable_seqscan = DEFAULT")
            }
            _ => sql,
        }
    }

    /// Compares the server's counts of each replaced week with those of the files.
    fn check(&self, change: &Change, name: &str, counted: &BTreeMap<Option<Day>, Counted>) -> Result<()> {
        let table = change.table;
        let week = match ddl::week_column(table) {
            Some(column) => format!("date_trunc('week', {})::date::text", ddl::ident(column)),
            None => "NULL".to_owned(),
        };
        let sums = if is_summed(table) { "sum(\"eligible\")::text, sum(\"valid\")::text" } else { "NULL, NULL" };
        let filter = filter(table, &change.part).map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
        let sql = self.by_week(
            table,
            &change.part,
            format!("SELECT {week}, count(*)::text, {sums} FROM {name}{filter} GROUP BY 1"),
        );
        let count = |cell: &Option<String>| cell.as_deref().and_then(|text| text.parse::<i64>().ok());
        let found: BTreeMap<Option<String>, [Option<i64>; 3]> = self
            .turn
            .session
            .rows(&format!("counting {name}"), &sql)?
            .iter()
            .map(|row| (row[0].clone(), [1, 2, 3].map(|index| count(&row[index]))))
            .collect();
        let expected: BTreeMap<Option<String>, [Option<i64>; 3]> = counted
            .iter()
            .filter(|(_, counts)| counts.rows > 0)
            .map(|(week, counts)| {
                let rows = i64::try_from(counts.rows).ok();
                let [eligible, valid] = counts.sums.map_or([None; 2], |sums| sums.map(Some));
                (week.map(day_text), [rows, eligible, valid])
            })
            .collect();
        let weeks: BTreeSet<&Option<String>> = found.keys().chain(expected.keys()).collect();
        for week in weeks {
            if found.get(week) != expected.get(week) {
                let shown = |counts: Option<&[Option<i64>; 3]>| {
                    let [rows, eligible, valid] = counts.copied().unwrap_or_default().map(Option::unwrap_or_default);
                    format!("{rows} rows, {eligible} eligible, {valid} valid")
                };
                let (sent, there) = (shown(expected.get(week)), shown(found.get(week)));
                let week = week.as_ref().map(|week| format!("week of {week}: ")).unwrap_or_default();
                return Err(self.differs(name, &format!("{week}the files hold {sent}, the server {there}")));
            }
        }
        Ok(())
    }

    fn differs(&self, name: &str, what: &str) -> Error {
        let what = format!(
            "sink {}: {name} is not what was sent: {what}; nothing was committed. A trigger or rule on the table does this; take it \
             away and sync again",
            self.sink.name
        );
        Error::Failed { what, source: None }
    }

    /// Drops what is no longer part of the schema, and makes views and comments.
    fn finish_shape(&self, work: &Work) -> Result<()> {
        let (session, schema) = (self.turn.session, self.turn.schema);
        let mut sql = String::new();
        let gone = work.state.iter().flat_map(|state| &state.tables).filter(|table| !work.tables.contains(table));
        for table in gone.filter(|table| work.shapes.as_ref().is_some_and(|shapes| shapes.contains_key(table.name()))) {
            let _ = writeln!(sql, "DROP TABLE {};", self.turn.qualified(table.name()));
        }
        for table in &work.tables {
            let columns = work.shapes.as_ref().and_then(|shapes| shapes.get(table.name()));
            let known = wanted(*table);
            let old = columns.filter(|columns| !is_other(columns, *table)).into_iter().flatten();
            for (column, _) in old.filter(|(column, _)| !known.contains_key(*column)) {
                let name = self.turn.qualified(table.name());
                let _ = writeln!(sql, "ALTER TABLE {name} DROP COLUMN {};", ddl::ident(column));
            }
            sql += &ddl::comments(schema, *table);
            sql += &ddl::create_view(schema, *table);
        }
        session.execute("making views and comments", &sql)
    }

    /// Records the version.
    fn version(&self, work: &Work) -> Result<()> {
        let (manifest, tables) = (&self.source.manifest, &work.tables);
        let names: Vec<&str> = tables.iter().map(|table| table.name()).collect();
        let text = |text: &str| ddl::literal(&text.replace('\0', "\\u{0}"));
        let values = [
            text(&self.source.output),
            manifest.version.to_string(),
            text(&self.source.digest),
            text(&self.settings(tables)),
            text(&ddl::digest(self.turn.schema, tables)),
            text(&names.join(",")),
            text(&manifest.job.name),
            text(&manifest.evidence),
            format!("DATE {}", text(&day_text(manifest.as_of))),
            text(&manifest.program),
            "clock_timestamp()".to_owned(),
        ];
        let name = self.turn.qualified(ddl::VERSION);
        let columns: Vec<String> = ddl::version_columns().map(ddl::ident).collect();
        let sql =
            format!("DELETE FROM {name}; INSERT INTO {name} ({}) VALUES ({})", columns.join(", "), values.join(", "));
        self.turn.session.execute("noting the version", &sql)
    }
}

/// The columns that a table must have, with their types.
fn wanted(table: Table) -> BTreeMap<String, String> {
    let of =
        |facts: &crate::schema::ColumnFacts| (facts.name.to_owned(), ddl::sql_type(&facts.kind.data_type()).to_owned());
    table.columns().iter().map(of).collect()
}

/// Whether columns of a table have wrong types, which adding columns cannot correct.
fn is_other(columns: &BTreeMap<String, String>, table: Table) -> bool {
    wanted(table).iter().any(|(name, kind)| columns.get(name).is_some_and(|there| there != kind))
}

/// The SQL condition for a part of a table; `None` for all rows.
fn filter(table: Table, part: &Part) -> Option<String> {
    let Part::Weeks(weeks) = part else { return None };
    let column = ddl::week_column(table)?;
    let length = if column == "week_start" { 1 } else { 7 };
    let days = weeks.iter().flat_map(|week| *week..*week + length).map(day_text).collect::<Vec<_>>().join(",");
    Some(format!("{} = ANY ('{{{days}}}'::date[])", ddl::ident(column)))
}
