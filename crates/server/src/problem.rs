//! Failures as `application/problem+json` (RFC 9457).

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use metalith_base::{Diagnostic, Kind};
use metalith_expr::ExprError;
use metalith_graph::GraphError;
use metalith_lifecycle::deletion::{Blocker, DeletionError};
use metalith_objects::ObjectError;
use metalith_registry::RegistryError;
use metalith_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

/// The code of what may be asked for again soon.
const BUSY: &str = "server.busy";

/// What went wrong. Without a `type`, which stands for `about:blank`: `code` tells problems apart.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// What the status means.
    pub(crate) title: &'static str,
    /// The status.
    pub(crate) status: u16,
    /// What happened, to what.
    pub(crate) detail: String,
    /// A stable name of the problem.
    pub(crate) code: &'static str,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// What stands in the way of a deletion.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) blockers: Vec<BlockerView>,
}

/// Something that stands in the way of a deletion.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct BlockerView {
    /// What it is, in words.
    pub(crate) text: String,
    /// What to do about it.
    pub(crate) way_out: String,
    /// The feature whose samples would go.
    pub(crate) feature: String,
    /// The sample that would go, if it is a reference that is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
    /// The feature of those that refer to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    /// Their names.
    pub(crate) names: Vec<String>,
    /// The hold, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hold: Option<String>,
}

impl From<&Blocker> for BlockerView {
    fn from(blocker: &Blocker) -> Self {
        let (text, way_out) = (blocker.to_string(), blocker.way_out());
        match blocker {
            Blocker::Reference(reference) => Self {
                text,
                way_out,
                feature: reference.feature.to_string(),
                target: Some(reference.target.clone()),
                by: Some(reference.by.to_string()),
                names: reference.names.clone(),
                hold: None,
            },
            Blocker::Hold { hold, feature, examples, .. } => Self {
                text,
                way_out,
                feature: feature.to_string(),
                target: None,
                by: None,
                names: examples.clone(),
                hold: Some(hold.clone()),
            },
        }
    }
}

impl Problem {
    /// A problem of this door.
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: detail.into(),
            code,
            hint: None,
            blockers: Vec::new(),
        }
    }

    pub(crate) fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub(crate) fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// Too much is asked for at once.
    pub(crate) fn busy(detail: &str) -> Self {
        let detail = format!("{detail}; come back in a moment");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, BUSY, detail)
    }

    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// A failure of a crate below.
    fn of(error: &dyn Diagnostic) -> Self {
        let mut status = status(error.kind());
        if error.code() == "job.still-running" {
            status = StatusCode::SERVICE_UNAVAILABLE;
        }
        if status.is_server_error() {
            let causes = causes(error);
            tracing::error!(code = error.code(), %error, causes, "a request failed");
        }
        Self {
            hint: error.hint().map(|hint| hint.into_owned()),
            ..Self::new(status, error.code(), error.to_string())
        }
    }

    fn with_blockers(self, blockers: &[Blocker]) -> Self {
        Self { blockers: blockers.iter().map(BlockerView::from).collect(), ..self }
    }
}

/// What is behind an error, in one line.
pub(crate) fn causes(error: &dyn Diagnostic) -> String {
    let mut text = String::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!("{cause}; "));
        source = cause.source();
    }
    text
}

/// The status of a kind of failure.
fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Blocked | Kind::Conflict => StatusCode::CONFLICT,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Unsupported => StatusCode::NOT_IMPLEMENTED,
        Kind::Corrupt | Kind::Internal | _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        Self::of(&error).with_blockers(&error.blockers())
    }
}

impl From<DeletionError> for Problem {
    fn from(error: DeletionError) -> Self {
        let problem = Self::of(&error);
        if let DeletionError::Blocked { blockers } = &error {
            return problem.with_blockers(blockers);
        }
        problem
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::of(&error)
    }
}

impl From<GraphError> for Problem {
    fn from(error: GraphError) -> Self {
        Self::of(&StoreError::from(error))
    }
}

impl From<ExprError> for Problem {
    fn from(error: ExprError) -> Self {
        Self::of(&error)
    }
}

impl From<ObjectError> for Problem {
    fn from(error: ObjectError) -> Self {
        Self::of(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (status, [(header::CONTENT_TYPE, kind)], body).into_response();
        if self.code == BUSY {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
