//! Who looks at the page, and how they come in.

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRequestParts, Request, State},
    http::{StatusCode, Uri, header, request::Parts},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use maud::html;
use serde::Deserialize;

use super::whole;
use crate::{
    app::App,
    auth::{COOKIE, Caller, Read, refuse_foreign_pages},
    problem::Problem,
    wire,
};

/// The longest form of a token.
const FORM: usize = 4096;
/// How long it may take to come.
const FORM_TIME: std::time::Duration = std::time::Duration::from_secs(10);

/// Somebody who may look.
pub(super) struct Visitor(pub(super) Caller<Read>);

/// What keeps somebody from seeing a page: the way to the door, or a page that says why.
pub(super) struct Refused(Response);

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refused> {
        Ok(Self(Caller::from_request_parts(parts, app).await?))
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        if problem.status == StatusCode::UNAUTHORIZED.as_u16() {
            return Self(Redirect::to("/login").into_response());
        }
        let status = StatusCode::from_u16(problem.status);
        let page = whole(
            "",
            problem.title,
            html! {
                p.warning role="alert" { (problem.detail) }
                @if let Some(hint) = &problem.hint { p { (hint) } }
            },
        );
        Self((status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), page).into_response())
    }
}

impl<E> From<E> for Refused
where
    E: Into<metalith_registry::RegistryError>,
{
    fn from(error: E) -> Self {
        Problem::from(error.into()).into()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.0
    }
}

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/login", get(form).post(enter)).route("/logout", get(leave))
}

async fn form() -> Html<String> {
    door(None)
}

fn door(problem: Option<&str>) -> Html<String> {
    let content = html! {
        @if let Some(problem) = problem { p.warning role="alert" { (problem) } }
        form.stacked method="post" action="/login" {
            label { "Token" input name="token" type="password" autocomplete="current-password" required; }
            button type="submit" { "Enter" }
        }
    };
    whole("/login", "Enter", content)
}

#[derive(Deserialize)]
struct Entry {
    token: String,
}

async fn enter(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    // Nobody else's page lets a browser in here under a name of its own.
    refuse_foreign_pages(request.method(), request.headers())?;
    // Who sends the form by drops holds a place that others wait for.
    let body = wire::body(request, FORM.min(app.limits.body));
    let body = tokio::time::timeout(FORM_TIME, body).await.map_err(|_| {
        let detail = "the form did not come in time";
        Problem::new(StatusCode::REQUEST_TIMEOUT, "request.slow", detail)
    })??;
    // A form is spelled like parameters.
    let spelled = format!("/?{}", String::from_utf8_lossy(&body)).parse::<Uri>().ok();
    let entry = spelled.and_then(|it| axum::extract::Query::<Entry>::try_from_uri(&it).ok());
    let tokens = app.tokens().await?;
    let Some(entry) = entry.filter(|entry| tokens.owner(&entry.token).is_some()) else {
        return Ok(
            (StatusCode::UNAUTHORIZED, door(Some("This token opens nothing."))).into_response()
        );
    };
    let cookie =
        format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200", entry.token);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

async fn leave() -> impl IntoResponse {
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/login"))
}
