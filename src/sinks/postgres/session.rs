//! A connection to PostgreSQL as blocking calls; explains the server's refusals and what to do about them.
//!
//! The connection is driven only while an answer is awaited, so that rows can be read from any store in between. A
//! refusal names the step and, for a missing privilege, the GRANT; dropping a session rolls back what was not
//! committed. A signal ends any wait.

use super::connect::{self, Environment, Transport};
use crate::error::{Error, Result};
use crate::place::object_files;
use bytes::Bytes;
use futures_util::SinkExt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::NoTls;
use tokio_postgres::{Client, CopyInSink, SimpleQueryMessage};

/// The oldest server version that has everything used here.
const OLDEST_SERVER: u32 = 120_000;

/// A connection to a sink's server.
pub struct Session {
    client: Client,
    driver: JoinHandle<std::result::Result<(), tokio_postgres::Error>>,
    sink: String,
    schema: String,
    user: String,
    database: String,
}

/// Rows being copied into a table.
pub struct CopyIn<'s> {
    session: &'s Session,
    step: String,
    sink: Pin<Box<CopyInSink<Bytes>>>,
}

impl Session {
    /// Connects to a sink's server.
    ///
    /// # Errors
    /// [`Error::Usage`] for a wrong environment or a refused sign-in, [`Error::Failed`] for an unreachable server.
    pub fn open(sink: &str, schema: &str, environment: Environment) -> Result<Session> {
        let way = connect::way(sink, environment)?;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let (user, database) = (text(way.config.get_user()), text(way.config.get_dbname()));
        let step = format!("connecting to {}", way.shown);
        let connected = match way.transport {
            Transport::Plain => wait(async { way.config.connect(NoTls).await.map(|(client, on)| (client, drive(on))) }),
            Transport::Tls => {
                let tls = connect::tls()?;
                wait(async { way.config.connect(tls).await.map(|(client, on)| (client, drive(on))) })
            }
        };
        let names = Names { sink, schema, user: &user, database: &database };
        let (client, driver) = connected?.map_err(|error| explain(&names, &step, error))?;
        let session = Session {
            client,
            driver: object_files::spawn(driver),
            sink: sink.to_owned(),
            schema: schema.to_owned(),
            user,
            database,
        };
        session.check_server()?;
        Ok(session)
    }

    /// Refuses a server that cannot hold a sink.
    fn check_server(&self) -> Result<()> {
        let rows = self.rows(
            "asking what the server is",
            "SELECT current_setting('server_version_num'), current_setting('server_encoding'), pg_is_in_recovery()::text, \
             current_user::text, current_database()::text",
        )?;
        let cell = |index: usize| rows.first().and_then(|row| row[index].clone()).unwrap_or_default();
        let sink = &self.sink;
        if cell(0).parse::<u32>().is_ok_and(|version| version < OLDEST_SERVER) {
            return Err(Error::Usage(format!("sink {sink}: the server is older than PostgreSQL 12; use a newer one")));
        }
        if cell(1) != "UTF8" {
            return Err(Error::Usage(format!(
                "sink {sink}: the database's encoding is {}, which cannot hold every text; CREATE DATABASE .. ENCODING 'UTF8'",
                cell(1)
            )));
        }
        if cell(2) == "true" {
            return Err(Error::Usage(format!(
                "sink {sink}: the server is a standby that takes no changes; name the primary"
            )));
        }
        Ok(())
    }

    /// Sends statements without results.
    ///
    /// # Errors
    /// The server's refusal of the first statement that fails.
    pub fn execute(&self, step: &str, sql: &str) -> Result<()> {
        wait(self.client.batch_execute(sql))?.map_err(|error| self.explained(step, error))
    }

    /// Sends one statement; returns the number of rows that it changed.
    ///
    /// # Errors
    /// The server's refusal.
    pub fn changed(&self, step: &str, sql: &str) -> Result<u64> {
        let messages = wait(self.client.simple_query(sql))?.map_err(|error| self.explained(step, error))?;
        let count = |message| if let SimpleQueryMessage::CommandComplete(count) = message { count } else { 0 };
        Ok(messages.into_iter().map(count).sum())
    }

    /// The rows of a query, each cell as text.
    ///
    /// # Errors
    /// The server's refusal.
    pub fn rows(&self, step: &str, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
        let messages = wait(self.client.simple_query(sql))?.map_err(|error| self.explained(step, error))?;
        let row = |message: SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|index| row.get(index).map(str::to_owned)).collect())
            }
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    }

    /// Begins to copy rows into a table.
    ///
    /// # Errors
    /// The server's refusal.
    pub fn copy(&self, step: &str, sql: &str) -> Result<CopyIn<'_>> {
        let sink = wait(self.client.copy_in::<_, Bytes>(sql))?.map_err(|error| self.explained(step, error))?;
        Ok(CopyIn { session: self, step: step.to_owned(), sink: Box::pin(sink) })
    }

    /// Ends the connection; what was not committed is rolled back.
    pub fn close(self) {
        let Session { client, driver, .. } = self;
        drop(client);
        // The server's answer is no longer needed.
        let _ = wait(async { tokio::time::timeout(Duration::from_millis(500), driver).await });
    }

    fn explained(&self, step: &str, error: tokio_postgres::Error) -> Error {
        let names = Names { sink: &self.sink, schema: &self.schema, user: &self.user, database: &self.database };
        explain(&names, step, error)
    }
}

impl CopyIn<'_> {
    /// Sends some bytes.
    ///
    /// # Errors
    /// The server's refusal, which may be of bytes sent earlier.
    pub fn send(&mut self, bytes: Bytes) -> Result<()> {
        match wait(self.sink.send(bytes))? {
            Ok(()) => Ok(()),
            // The server reports a refusal only when the copy ends.
            Err(error) if error.is_closed() || error.as_db_error().is_none() => {
                let ended = wait(self.sink.as_mut().finish())?;
                Err(self.session.explained(&self.step, ended.err().unwrap_or(error)))
            }
            Err(error) => Err(self.session.explained(&self.step, error)),
        }
    }

    /// Ends the copy; returns the number of rows that the server accepted.
    ///
    /// # Errors
    /// The server's refusal.
    pub fn finish(mut self) -> Result<u64> {
        wait(self.sink.as_mut().finish())?.map_err(|error| self.session.explained(&self.step, error))
    }
}

/// The future that drives a connection, whatever its transport.
type Driver = Pin<Box<dyn Future<Output = std::result::Result<(), tokio_postgres::Error>> + Send>>;

fn drive<S, T>(connection: tokio_postgres::Connection<S, T>) -> Driver
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    Box::pin(connection)
}

fn wait<T>(work: impl Future<Output = T>) -> Result<T> {
    Ok(object_files::wait(work, Duration::ZERO)?)
}

/// The names that an explained refusal mentions.
struct Names<'a> {
    sink: &'a str,
    schema: &'a str,
    user: &'a str,
    database: &'a str,
}

/// Explains a refusal and what to do about it.
fn explain(names: &Names, step: &str, error: tokio_postgres::Error) -> Error {
    let Names { sink, schema, user, database } = names;
    let head = format!("sink {sink}: {step}");
    let (schema, user, database) = (super::ddl::ident(schema), super::ddl::ident(user), super::ddl::ident(database));
    let Some(refusal) = error.as_db_error() else {
        return Error::failed(format!("{head}; what was not committed is undone, sync again"), error);
    };
    let said = refusal.message();
    let code = refusal.code();
    if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        return Error::Usage(format!(
            "{head}: {said}; the sink needs one schema of its own: CREATE SCHEMA {schema} AUTHORIZATION {user}; or, if the schema \
             and its tables are another's, GRANT CREATE ON DATABASE {database} TO {user}; GRANT USAGE, CREATE ON SCHEMA {schema} TO \
             {user}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {user};"
        ));
    }
    if *code == SqlState::LOCK_NOT_AVAILABLE || *code == SqlState::T_R_DEADLOCK_DETECTED {
        return Error::Conflict(format!(
            "{head}: {said}; another sync, or a session that left a transaction open, holds it (pg_stat_activity names it); \
             sync again"
        ));
    }
    if *code == SqlState::DEPENDENT_OBJECTS_STILL_EXIST {
        let detail = refusal.detail().map(|detail| format!(" ({})", detail.replace('\n', "; "))).unwrap_or_default();
        return Error::Usage(format!(
            "{head}: {said}{detail}; the shape of the tables has changed: drop what depends on them, sync, and make it again"
        ));
    }
    if *code == SqlState::DISK_FULL || *code == SqlState::OUT_OF_MEMORY || *code == SqlState::TOO_MANY_CONNECTIONS {
        return Error::failed(format!("{head}: the server has no room; make some and sync again"), error);
    }
    let is_sign_in =
        [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION, SqlState::INVALID_CATALOG_NAME];
    if is_sign_in.contains(code) {
        return Error::Usage(format!(
            "{head}: {said}; see {}, PGUSER, PGPASSFILE, PGDATABASE",
            crate::job::sinks::variable(sink)
        ));
    }
    if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        return Error::Usage(format!("{head}: {said}; the server or the user may only read"));
    }
    Error::failed(format!("{head}; nothing of it was committed, sync again"), error)
}
