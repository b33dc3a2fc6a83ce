//! Where a database is, and what of that may be shown.

use std::{collections::BTreeMap, fmt};

use url::Url;

/// The option that is a store's own, and not the driver's.
const PREFIX: &str = "table_prefix";
/// How long a prefix may be: names of 63 bytes have room for a table's beside it.
const LONGEST_PREFIX: usize = 32;

/// Stands for what is not shown.
const HIDDEN: &str = "***";

/// Where a database is. What it shows of itself, also to debuggers, has no password.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    address: String,
    driver: Option<String>,
    options: BTreeMap<String, String>,
    /// What the names of a store's tables begin with.
    prefix: String,
    shown: String,
    /// What must not be shown, in each form in which a message could have it.
    secrets: Vec<String>,
}

impl Place {
    pub(crate) fn new(
        address: &str,
        driver: Option<&str>,
        options: &BTreeMap<String, String>,
    ) -> Self {
        let (mut shown, mut secrets) = without_password(address);
        let mut options = options.clone();
        let prefix = options.remove(PREFIX).unwrap_or_default();
        for (key, value) in &options {
            if key == "schema" {
                shown = format!("{shown}, schema {value}");
            } else if ["password", "secret", "token", "key"].iter().any(|it| key.contains(it)) {
                secrets.push(value.clone());
            }
        }
        if !prefix.is_empty() {
            shown = format!("{shown}, tables {prefix}*");
        }
        secrets.retain(|it| !it.is_empty());
        Self {
            address: address.to_owned(),
            driver: driver.map(str::to_owned),
            options,
            prefix,
            shown,
            secrets,
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The address with user and password of the options.
    pub(crate) fn with_credentials(&self) -> String {
        let (user, password) = (self.options.get("username"), self.options.get("password"));
        let Ok(mut url) = Url::parse(&self.address) else { return self.address.clone() };
        if let Some(user) = user {
            url.set_username(user).ok();
        }
        if let Some(password) = password {
            url.set_password(Some(password)).ok();
        }
        url.into()
    }

    pub(crate) fn driver(&self) -> Option<&str> {
        self.driver.as_deref()
    }

    pub(crate) fn options(&self) -> &BTreeMap<String, String> {
        &self.options
    }

    /// The same without what only one store in it has.
    pub(crate) fn of_database(&self) -> Self {
        Self::new(&self.address, self.driver(), &self.options)
    }

    /// The name that a table of a store has here.
    pub(crate) fn table(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// What the names of a store's tables begin with, if any can be told from others by that.
    pub(crate) fn prefix(&self) -> Result<&str, &str> {
        let is_plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_';
        let is_known = self.prefix.len() <= LONGEST_PREFIX && self.prefix.chars().all(is_plain);
        if is_known { Ok(&self.prefix) } else { Err(&self.prefix) }
    }

    /// As a person would write it.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// A text without what must not be shown.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.shown).finish()
    }
}

/// An address without passwords, and the passwords that it had.
fn without_password(address: &str) -> (String, Vec<String>) {
    let Ok(mut url) = Url::parse(address) else { return without_pair(address) };
    let mut secrets = Vec::new();
    if let Some(password) = url.password() {
        secrets.push(password.to_owned());
        // What a message has is what the server's library read.
        let pair = format!("p={}", password.replace('+', "%2B"));
        let read = url::form_urlencoded::parse(pair.as_bytes()).next();
        secrets.extend(read.map(|(_, value)| value.into_owned()));
        url.set_password(Some(HIDDEN)).ok();
    }
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if pairs.iter().any(|(key, _)| is_secret(key)) {
        let mut shown = url.query_pairs_mut();
        shown.clear();
        for (key, value) in &pairs {
            let hidden = is_secret(key);
            shown.append_pair(key, if hidden { HIDDEN } else { value });
            if hidden {
                secrets.push(value.clone());
            }
        }
        drop(shown);
    }
    if secrets.is_empty() { (address.to_owned(), secrets) } else { (url.into(), secrets) }
}

fn is_secret(key: &str) -> bool {
    key.contains("password")
}

/// The same for an address that is pairs `key=value`, or is no address at all.
fn without_pair(address: &str) -> (String, Vec<String>) {
    let (mut shown, mut secrets, mut rest) = (String::new(), Vec::new(), address);
    while let Some((before, after)) = rest.split_once('=') {
        let key = before.trim_end().rsplit(char::is_whitespace).next().unwrap_or_default();
        let space = after.len() - after.trim_start().len();
        let (space, value) = after.split_at(space);
        let (value, others) = value.split_at(end_of_value(value));
        let bare = value.trim_matches('\'').replace("\\'", "'").replace("\\\\", "\\");
        shown.push_str(before);
        shown.push('=');
        shown.push_str(space);
        if is_secret(&key.to_lowercase()) && !bare.is_empty() {
            shown.push_str(HIDDEN);
            secrets.extend([value.to_owned(), bare]);
        } else {
            shown.push_str(value);
        }
        rest = others;
    }
    shown.push_str(rest);
    if secrets.is_empty() { without_login(address) } else { (shown, secrets) }
}

/// Where the value of a pair ends: at its quote or, without any, at the next space. A backslash
/// takes the meaning from what comes next.
fn end_of_value(value: &str) -> usize {
    let is_quoted = value.starts_with('\'');
    let mut letters = value.char_indices().skip(usize::from(is_quoted));
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => {
                letters.next();
            }
            '\'' if is_quoted => return at + 1,
            letter if !is_quoted && letter.is_whitespace() => return at,
            _ => {}
        }
    }
    value.len()
}

/// An address that cannot be read could have its password anywhere before its host.
fn without_login(address: &str) -> (String, Vec<String>) {
    if !(address.contains("://") && address.contains('@')) {
        return (address.to_owned(), Vec::new());
    }
    let scheme = address.split("://").next().unwrap_or_default();
    let host = address.rsplit('@').next().unwrap_or_default();
    let between = address.len() - host.len() - 1;
    let login = address.get(scheme.len() + 3..between).unwrap_or_default();
    let secret = login.split_once(':').map_or(login, |(_, password)| password);
    (format!("{scheme}://{HIDDEN}@{host}"), vec![secret.to_owned()])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Place;

    fn place(address: &str) -> Place {
        Place::new(address, None, &BTreeMap::new())
    }

    #[test]
    fn passwords_are_not_shown() {
        for (address, shown) in [
            ("postgresql://anna:p%40ss@db:5432/media", "postgresql://anna:***@db:5432/media"),
            (
                "postgresql://db/media?user=a&password=p%40ss",
                "postgresql://db/media?user=a&password=***",
            ),
            ("postgresql://anna:p@ss@db:no/media", "postgresql://***@db:no/media"),
            ("host=db password='p@ss' dbname=media", "host=db password=*** dbname=media"),
            ("host=db password=p@ss", "host=db password=***"),
            ("dbname=passwords host=db password=p@ss", "dbname=passwords host=db password=***"),
            ("sslpassword = 'p@ss' password=p@ss x=y", "sslpassword = *** password=*** x=y"),
        ] {
            let place = place(address);
            assert_eq!(place.shown(), shown);
            let told = place.redact("no: p@ss, and `p@ss`");
            assert_eq!(told, "no: ***, and `***`", "{address}");
            assert!(!format!("{place:?}").contains("ss@"), "{place:?}");
        }
    }

    #[test]
    fn an_option_can_be_a_password() {
        let options = [("username", "anna"), ("password", "p@ss"), ("schema", "media")];
        let options = options.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let place = Place::new("postgresql://db/x", None, &BTreeMap::from(options));
        assert_eq!(place.shown(), "postgresql://db/x, schema media");
        assert_eq!(place.with_credentials(), "postgresql://anna:p%40ss@db/x");
        assert_eq!(place.redact("p@ss"), "***");
    }

    #[test]
    fn a_prefix_is_before_every_name() {
        let place = |prefix: &str| {
            let options = [("table_prefix".to_owned(), prefix.to_owned())];
            Place::new("/x.duckdb", None, &BTreeMap::from(options))
        };
        let dev = place("dev_");
        assert_eq!(
            (dev.shown(), dev.table("a__b")),
            ("/x.duckdb, tables dev_*", "dev_a__b".into())
        );
        assert_eq!((dev.prefix(), dev.options().len()), (Ok("dev_"), 0));
        for refused in ["Dev_", "a b", "é", "a-", &"a".repeat(33)] {
            assert_eq!(place(refused).prefix(), Err(refused));
        }
    }

    #[test]
    fn paths_are_shown_as_they_are() {
        for path in ["/data/a b/store.duckdb", "postgresql://db/media"] {
            assert_eq!(place(path).shown(), path);
        }
    }
}
