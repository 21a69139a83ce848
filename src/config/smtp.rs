//! `mail.smtp_url` taken apart: where the mail server is, how the connection is guarded, who signs in.
//! Its messages never repeat the address, which holds a password.

use std::fmt;
use std::net::IpAddr;

/// A mail server as the settings name it.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpServer {
    /// A host's name or address, the latter without brackets.
    pub host: String,
    /// The port said, or the usual one.
    pub port: u16,
    /// How the connection is guarded.
    pub guard: Guard,
    /// User and password, where the server wants them.
    pub login: Option<(String, String)>,
}

/// How the connection to a mail server is guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// TLS from the first byte: `smtps://`.
    Tls,
    /// STARTTLS or nothing: a server that does not offer it gets no letter.
    StartTls,
    /// None: on this machine, or where `tls=none` says so.
    Plain,
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpServer({}:{}, {:?})", self.host, self.port, self.guard)
    }
}

impl SmtpServer {
    /// Reads `smtp://user:password@host:587?tls=starttls` or `smtps://…`; the error says what is wrong.
    pub(super) fn read(url: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = url.split_once("://").ok_or("must start with smtp:// or smtps://")?;
        let is_wrapped = match scheme.to_ascii_lowercase().as_str() {
            "smtp" => false,
            "smtps" => true,
            _ => return Err("must start with smtp:// or smtps://"),
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, place) = match place.rsplit_once('@') {
            Some((login, place)) => (Some(read_login(login)?), place),
            None => (None, place),
        };
        let (host, port) = read_place(place.strip_suffix('/').unwrap_or(place))?;
        let is_here = is_loopback(&host);
        let guard = match (is_wrapped, query) {
            (true, "") => Guard::Tls,
            (true, _) => return Err("takes no ?tls= with smtps://, which is TLS throughout"),
            (false, "tls=none") => Guard::Plain,
            (false, "") if is_here => Guard::Plain,
            (false, "" | "tls=starttls" | "tls=required") => Guard::StartTls,
            (false, _) => return Err("may end in ?tls=starttls, ?tls=required or ?tls=none, and in nothing else"),
        };
        let usual = match guard {
            Guard::Tls => 465,
            Guard::StartTls => 587,
            Guard::Plain => 25,
        };
        Ok(Self { host, port: port.unwrap_or(usual), guard, login })
    }
}

fn read_login(login: &str) -> Result<(String, String), &'static str> {
    let (user, password) = login.split_once(':').ok_or("must have a password after the user: user:password@host")?;
    let user = percent_decoded(user)?;
    if user.is_empty() {
        return Err("must have a user before the password: user:password@host");
    }
    Ok((user, percent_decoded(password)?))
}

fn read_place(place: &str) -> Result<(String, Option<u16>), &'static str> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("must close the bracket of its address")?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| "must have an IPv6 address in its brackets")?;
            (host, rest.strip_prefix(':').or((!rest.is_empty()).then_some("no port")))
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let is_odd = |letter: char| !letter.is_ascii_alphanumeric() && !".-_:".contains(letter);
    if host.is_empty() || host.contains(is_odd) {
        return Err("must name a host; write @, / and : in a user or password as %40, %2F and %3A");
    }
    let port = port
        .map(|port| port.parse().ok().filter(|port| *port != 0))
        .map(|port| port.ok_or("must have a port from 1 to 65535"));
    Ok((host.to_owned(), port.transpose()?))
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `%40` becomes `@`; `+` stays what it is, as this is no form.
fn percent_decoded(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "must have % in a user or password written as %25";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|it| char::from(it).to_digit(16));
            let (high, low) = (digit().ok_or(WRONG)?, digit().ok_or(WRONG)?);
            bytes.push(u8::try_from(high * 16 + low).map_err(|_| WRONG)?);
        } else {
            bytes.push(byte);
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| "must have a user and password in UTF-8")?;
    // A line's end or a NUL in them could end the command they are sent in.
    if text.contains(char::is_control) {
        return Err("must have no control characters in user and password");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: &str, port: u16, guard: Guard) -> SmtpServer {
        SmtpServer { host: host.to_owned(), port, guard, login: None }
    }

    #[test]
    fn a_mail_server_is_read_with_its_port_and_its_guard() {
        for (url, wanted) in [
            ("smtp://mail.example.org", server("mail.example.org", 587, Guard::StartTls)),
            ("smtp://mail.example.org/", server("mail.example.org", 587, Guard::StartTls)),
            ("smtp://mail.example.org:2525?tls=starttls", server("mail.example.org", 2525, Guard::StartTls)),
            ("smtp://mail.example.org?tls=required", server("mail.example.org", 587, Guard::StartTls)),
            ("smtp://mail.example.org?tls=none", server("mail.example.org", 25, Guard::Plain)),
            ("smtps://mail.example.org", server("mail.example.org", 465, Guard::Tls)),
            ("SMTPS://mail.example.org:8465", server("mail.example.org", 8465, Guard::Tls)),
            ("smtp://localhost:1025", server("localhost", 1025, Guard::Plain)),
            ("smtp://127.0.0.1", server("127.0.0.1", 25, Guard::Plain)),
            ("smtp://[::1]:1025", server("::1", 1025, Guard::Plain)),
            ("smtp://127.0.0.1:1025?tls=starttls", server("127.0.0.1", 1025, Guard::StartTls)),
            ("smtp://192.0.2.1:25", server("192.0.2.1", 25, Guard::StartTls)),
        ] {
            assert_eq!(SmtpServer::read(url), Ok(wanted), "{url}");
        }
    }

    #[test]
    fn user_and_password_are_decoded() {
        let login = |url: &str| SmtpServer::read(url).expect("it is right").login;
        let pair = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(login("smtp://bo:secret@mail.example.org"), pair("bo", "secret"));
        assert_eq!(
            login("smtp://bo%40example.org:a%3Ab%2Fc%25+%C3%A9@mail.example.org"),
            pair("bo@example.org", "a:b/c%+é")
        );
        assert_eq!(login("smtp://bo@example.org:p@ss@mail.example.org"), pair("bo@example.org", "p@ss"));
    }

    #[test]
    fn what_is_no_mail_server_is_refused_without_repeating_it() {
        for url in [
            "mail.example.org",
            "http://mail.example.org",
            "smtp://",
            "smtp://:25",
            "smtp://mail.example.org:0",
            "smtp://mail.example.org:70000",
            "smtp://mail.example.org:smtp",
            "smtp://mail.example.org/path",
            "smtp://mail.example.org?tls=opportunistic",
            "smtp://mail.example.org?tls=none&tls=starttls",
            "smtps://mail.example.org?tls=none",
            "smtp://sesame@mail.example.org",
            "smtp://:sesame@mail.example.org",
            "smtp://bo:sesame%0d%0a@mail.example.org",
            "smtp://bo:sesame%zz@mail.example.org",
            "smtp://bo:sesame%ff@mail.example.org",
            "smtp://bo:sesame/@mail.example.org:x",
            "smtp://[::1",
            "smtp://[sesame]:25",
            "smtp://[::1]25",
        ] {
            let problem = SmtpServer::read(url).expect_err(url);
            assert!(!problem.contains("sesame"), "{problem}");
        }
        let server = SmtpServer::read("smtp://bo:sesame@mail.example.org").expect("it is right");
        assert!(!format!("{server:?}").contains("sesame"));
    }
}
