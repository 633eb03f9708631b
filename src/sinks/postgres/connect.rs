//! Reads from the environment how to connect: user, server, and whether by TLS.
//!
//! Credentials come from PGHOST, PGUSER, PGPASSFILE and the related variables or from one URL; they appear in no
//! message and no job. Connections to other machines use TLS and verify the certificate against the system's roots
//! (SSL_CERT_FILE names others), unless PGSSLMODE is `disable`. It fails with the variable that is wrong.

use crate::error::{Error, Result};
use crate::job::sinks::variable;
use rustls::{ClientConfig, RootCertStore};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A server that takes longer to answer is unreachable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection on which nothing arrives for this long is lost.
const SILENCE: Duration = Duration::from_secs(60);

/// Looks up an environment variable by name.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How to reach a server.
pub struct Way {
    /// Everything but the kind of transport.
    pub config: Config,
    /// The kind of transport.
    pub transport: Transport,
    /// Host and port for people and lineage, without user and password.
    pub shown: String,
}

/// How bytes are transported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Unencrypted.
    Plain,
    /// By TLS with a verified certificate.
    Tls,
}

/// Determines how to reach a sink's server.
///
/// # Errors
/// [`Error::Usage`] with the variable that is wrong or missing.
pub fn way(sink: &str, environment: Environment) -> Result<Way> {
    let variable = variable(sink);
    let set = |name: &str| environment(name).filter(|value| !value.is_empty());
    let (mut config, mode) = match set(&variable) {
        Some(url) => of_url(&variable, &url)?,
        None => of_variables(sink, &variable, &set)?,
    };
    let mode = mode.or_else(|| set("PGSSLMODE"));
    let is_here = config.get_hosts().iter().all(is_here)
        && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
        && !config.get_hosts().is_empty();
    let transport = match mode.as_deref() {
        Some("disable") => Transport::Plain,
        Some("require" | "verify-ca" | "verify-full") => Transport::Tls,
        None | Some("prefer" | "allow") if is_here => Transport::Plain,
        None | Some("prefer" | "allow") => Transport::Tls,
        Some(other) => {
            return Err(Error::Usage(format!(
                "PGSSLMODE (or sslmode in {variable}) cannot be {other:?}; write disable, require or verify-full"
            )));
        }
    };
    config.ssl_mode(if transport == Transport::Tls { SslMode::Require } else { SslMode::Disable });
    config.application_name("vtr sync").target_session_attrs(TargetSessionAttrs::Any);
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    config
        .keepalives_idle(SILENCE / 2)
        .keepalives_interval(SILENCE / 6)
        .keepalives_retries(3)
        .tcp_user_timeout(SILENCE);
    let shown = shown(&config);
    Ok(Way { config, transport, shown })
}

/// The settings of a URL; the TLS mode is parsed here, because the client library supports fewer modes.
fn of_url(variable: &str, url: &str) -> Result<(Config, Option<String>)> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let (modes, others): (Vec<&str>, Vec<&str>) =
        query.split('&').filter(|part| !part.is_empty()).partition(|part| part.starts_with("sslmode="));
    let mode = modes.last().and_then(|part| part.strip_prefix("sslmode=")).map(str::to_owned);
    let url = if others.is_empty() { address.to_owned() } else { format!("{address}?{}", others.join("&")) };
    let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
    // The parser's error may repeat a password.
    let config = url.parse::<Config>().ok().filter(|config| is_url && !config.get_hosts().is_empty());
    let config = config.ok_or_else(|| {
        Error::Usage(format!("{variable}: is no address like postgres://USER:PASSWORD@HOST:5432/DATABASE"))
    })?;
    Ok((config, mode))
}

fn of_variables(sink: &str, variable: &str, set: &dyn Fn(&str) -> Option<String>) -> Result<(Config, Option<String>)> {
    let host = set("PGHOST").ok_or_else(|| {
        Error::Usage(format!("sink {sink}: neither {variable} nor PGHOST names its server; set one of them"))
    })?;
    let mut config = Config::new();
    config.host(&host);
    let port = set("PGPORT").unwrap_or_else(|| "5432".to_owned());
    let number = port.parse().map_err(|_| Error::Usage(format!("PGPORT: {port:?} is no port; write 5432")))?;
    config.port(number);
    let user = set("PGUSER").or_else(|| set("USER")).ok_or_else(|| {
        Error::Usage(format!("sink {sink}: neither {variable} nor PGUSER names its user; set one of them"))
    })?;
    let database = set("PGDATABASE").unwrap_or_else(|| user.clone());
    config.user(&user).dbname(&database);
    match (set("PGPASSWORD"), set("PGPASSFILE")) {
        (Some(password), _) => {
            config.password(password);
        }
        (None, Some(path)) => {
            if let Some(password) = of_file(&path, [&host, &port, &database, &user])? {
                config.password(password);
            }
        }
        (None, None) => {}
    }
    Ok((config, None))
}

/// The password of a connection in a file of the format of `.pgpass`: the first line that matches.
fn of_file(path: &str, wanted: [&str; 4]) -> Result<Option<String>> {
    let unread = |error: &dyn std::fmt::Display| Error::Usage(format!("PGPASSFILE: cannot read {path}: {error}"));
    if is_open_to_others(Path::new(path)).map_err(|error| unread(&error))? {
        return Err(Error::Usage(format!("PGPASSFILE: others may read {path}; chmod 600 {path}")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unread(&error))?;
    let fits = |line: &str| {
        let parts = parts(line);
        let [host, port, database, user, password] = <[String; 5]>::try_from(parts).ok()?;
        let of_line = [host, port, database, user];
        of_line.iter().zip(wanted).all(|(part, wanted)| part == "*" || part == wanted).then_some(password)
    };
    Ok(text.lines().filter(|line| !line.starts_with('#')).find_map(fits))
}

/// Splits a line at its colons; a backslash escapes the next character.
fn parts(line: &str) -> Vec<String> {
    let (mut parts, mut escaped) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            ':' if !escaped => parts.push(String::new()),
            c => parts.last_mut().expect("one part is always there").push(c),
        }
        escaped = false;
    }
    parts
}

#[cfg(unix)]
fn is_open_to_others(path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> std::io::Result<bool> {
    Ok(false)
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
            name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn shown(config: &Config) -> String {
    let host = config.get_hosts().first().map_or_else(String::new, |host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    format!("{host}:{}", config.get_ports().first().unwrap_or(&5432))
}

/// A TLS connector with the system's roots.
///
/// # Errors
/// No root can be read.
pub fn tls() -> Result<MakeRustlsConnect> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let what =
            "no root certificate can be read; install the system's (ca-certificates), or name a file by SSL_CERT_FILE";
        return Err(Error::Usage(what.to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| Error::failed("choosing versions of TLS", error))?;
    Ok(MakeRustlsConnect::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way_of(variables: &[(&str, &str)]) -> Result<Way> {
        let get = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        way("bi-1", &get)
    }

    #[test]
    fn tls_is_used_off_this_machine_and_only_disable_takes_it_away() {
        let transport = |variables: &[(&str, &str)]| way_of(variables).unwrap().transport;
        let host = |host: &'static str| vec![("PGHOST", host), ("PGUSER", "bi")];
        for here in ["localhost", "127.0.0.1", "127.8.8.8", "::1", "/run/postgresql"] {
            assert_eq!(transport(&host(here)), Transport::Plain, "{here}");
        }
        for there in ["db", "10.0.0.1", "db.example.com", "localhost.example.com"] {
            assert_eq!(transport(&host(there)), Transport::Tls, "{there}");
            for (mode, want) in
                [("prefer", Transport::Tls), ("verify-full", Transport::Tls), ("disable", Transport::Plain)]
            {
                assert_eq!(transport(&[host(there), vec![("PGSSLMODE", mode)]].concat()), want, "{there} {mode}");
            }
        }
        assert_eq!(transport(&[host("localhost"), vec![("PGSSLMODE", "require")]].concat()), Transport::Tls);
        assert!(way_of(&[host("db"), vec![("PGSSLMODE", "nope")]].concat()).is_err());
    }

    #[test]
    fn a_url_goes_before_variables_and_no_message_repeats_it() {
        let url = ("VTR_SINK_BI_1_URL", "postgres://me:secret@db:6432/figures?sslmode=verify-full&connect_timeout=3");
        let way = way_of(&[url, ("PGHOST", "elsewhere"), ("PGUSER", "x")]).unwrap();
        assert_eq!((way.shown.as_str(), way.config.get_dbname()), ("db:6432", Some("figures")));
        assert_eq!(way.config.get_password(), Some(b"secret".as_slice()));
        for wrong in
            ["host=db password=secret", "postgres://me:secret@db:port/x", "mysql://me:secret@db/x", "postgres://"]
        {
            let Err(error) = way_of(&[("VTR_SINK_BI_1_URL", wrong)]) else { panic!("{wrong}") };
            assert!(error.exit_code() == 2 && !error.to_string().contains("secret"), "{error}");
        }
        let Err(error) = way_of(&[("PGUSER", "x")]) else { panic!("no host") };
        assert!(error.to_string().contains("VTR_SINK_BI_1_URL") && error.to_string().contains("PGHOST"));
    }

    #[test]
    fn the_first_line_that_fits_gives_the_password() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "# note\ndb:5432:other:bi:no\n*:*:*:bi:a\\:b\\\\c\n*:*:*:*:last\n").unwrap();
        let path = file.path().display().to_string();
        let with = |user: &str| {
            let found = way_of(&[("PGHOST", "db"), ("PGUSER", user), ("PGPASSFILE", &path)]).unwrap();
            String::from_utf8(found.config.get_password().unwrap().to_vec()).unwrap()
        };
        assert_eq!((with("bi").as_str(), with("me").as_str()), ("a:b\\c", "last"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
            let Err(error) = way_of(&[("PGHOST", "db"), ("PGUSER", "bi"), ("PGPASSFILE", &path)]) else { panic!() };
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }
}
