//! Who asks, and what they may.

use std::{marker::PhantomData, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, Method, StatusCode, Version, header, request::Parts},
};
use metalith_registry::{RegistryError, Session, tokens::Role};

use crate::{
    app::{App, Desk},
    ongoing::Ongoing,
    problem::Problem,
};

/// The cookie in which the page keeps a token.
pub(crate) const COOKIE: &str = "metalith_token";

/// Somebody who may do what a handler does, with the space they work in.
pub(crate) struct Caller<R> {
    pub(crate) desk: Arc<Desk>,
    pub(crate) session: Session,
    ongoing: Ongoing,
    needs: PhantomData<R>,
}

/// What a handler needs of its caller.
pub(crate) trait Needs: Send + Sync + 'static {
    const ROLE: Role;
}

/// To look.
pub(crate) struct Read;
/// To add and change.
pub(crate) struct Write;
/// To delete and restore.
pub(crate) struct Delete;
/// To do what cannot be undone for everybody.
pub(crate) struct Admin;

impl Needs for Read {
    const ROLE: Role = Role::Read;
}

impl Needs for Write {
    const ROLE: Role = Role::Write;
}

impl Needs for Delete {
    const ROLE: Role = Role::Delete;
}

impl Needs for Admin {
    const ROLE: Role = Role::Admin;
}

/// Who asks, whatever for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// By which tombstones and the audit log call them.
    pub(crate) name: String,
    pub(crate) role: Role,
    /// `None`: that of the project.
    pub(crate) space: Option<String>,
}

/// Finds out who asks, and refuses those who are nobody, or whom another site's page sent.
pub(crate) async fn identify(app: &App, parts: &Parts) -> Result<Identity, Problem> {
    refuse_foreign_pages(&parts.method, &parts.headers)?;
    let tokens = app.tokens().await?;
    if !tokens.are_required() && app.settings.is_private() {
        refuse_foreign_names(&parts.headers)?;
        refuse_proxies(parts)?;
        let actor = app.home().space.project().settings().actor.clone();
        let name = actor.unwrap_or_else(|| "local".to_owned());
        return Ok(Identity { name, role: Role::Admin, space: None });
    }
    let owner = secret(&parts.headers).and_then(|it| tokens.owner(it)).ok_or_else(|| {
        let detail = "a valid token is needed";
        Problem::new(StatusCode::UNAUTHORIZED, "auth.token", detail)
            .with_hint("send it as `Authorization: Bearer TOKEN`")
    })?;
    Ok(Identity { name: owner.name.clone(), role: owner.role, space: owner.space.clone() })
}

impl<R: Needs> FromRequestParts<Arc<App>> for Caller<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let Identity { name, role, space } = identify(app, parts).await?;
        if role < R::ROLE {
            let detail = format!("this needs the role {}, and `{name}` has {role}", R::ROLE);
            return Err(Problem::new(StatusCode::FORBIDDEN, "auth.role", detail));
        }
        let desk = app.desk(space.as_deref()).await?;
        let session = desk.session(&name);
        let ongoing = parts.extensions.get::<Ongoing>().cloned().unwrap_or_default();
        Ok(Self { desk, session, ongoing, needs: PhantomData })
    }
}

impl<R> Caller<R> {
    /// Carries out something that must not stop in the middle because its client went away or does
    /// not wait any longer; who cannot wait is told to `look` there.
    pub(crate) async fn carry_out<T, F>(
        self,
        look: impl Into<String>,
        work: impl FnOnce(Session) -> F,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RegistryError>> + Send + 'static,
    {
        if self.desk.changes.are_too_many() {
            return Err(Problem::busy("too many changes are being carried out"));
        }
        self.ongoing.begins(look.into(), &self.session);
        match self.desk.changes.to_its_end(work(self.session)).await {
            Some(done) => Ok(done?),
            None => {
                let detail = "a defect: it broke off; what was begun is finished in the background";
                Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "server.defect", detail))
            }
        }
    }
}

/// The token that was sent: in the header, or by the page in its cookie.
pub(crate) fn secret(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        return value.to_str().ok()?.strip_prefix("Bearer ").map(str::trim);
    }
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut pairs = cookies.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// Refuses changes that another site's page makes a browser send.
pub(crate) fn refuse_foreign_pages(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if method == Method::GET || method == Method::HEAD {
        return Ok(());
    }
    let text = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
    let host = text("host").unwrap_or_default();
    let of_another = text("origin")
        .is_some_and(|origin| origin.split_once("://").is_none_or(|(_, rest)| rest != host));
    let is_foreign = text("sec-fetch-site").is_some_and(|it| it != "same-origin" && it != "none");
    if of_another || is_foreign {
        let detail = "the request comes from another site";
        return Err(Problem::new(StatusCode::FORBIDDEN, "auth.origin", detail));
    }
    Ok(())
}

/// Without tokens, whoever reaches this machine may do everything; behind a proxy that is anybody. Not
/// every proxy says that it is one: some add headers, some speak as only proxies still do, and of a
/// tunnel nothing shows.
fn refuse_proxies(parts: &Parts) -> Result<(), Problem> {
    const TELLING: [&str; 6] =
        ["forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"];
    let names = parts.headers.keys().map(HeaderName::as_str);
    let told = names.into_iter().find(|it| TELLING.contains(it) || it.starts_with("x-forwarded-"));
    let sign = match told {
        Some(name) => format!("`{name}`"),
        None if parts.version < Version::HTTP_11 => "HTTP/1.0".to_owned(),
        None => return Ok(()),
    };
    let detail = format!("{sign} tells of a proxy, and there are no tokens");
    Err(Problem::new(StatusCode::FORBIDDEN, "auth.proxy", detail)
        .with_hint("make one with `metalith token add NAME --role ROLE`"))
}

/// Without tokens, a name that leads here must be one of this machine: a name of somebody else's
/// could have been made to lead here, to let a page of theirs in.
fn refuse_foreign_names(headers: &HeaderMap) -> Result<(), Problem> {
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.chars().all(|it| it.is_ascii_digit()) { name } else { host }
    });
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = bare.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    if is_loopback || name == "localhost" {
        return Ok(());
    }
    let detail = format!("`{name}` is not a name of this machine");
    Err(Problem::new(StatusCode::FORBIDDEN, "auth.host", detail))
}
