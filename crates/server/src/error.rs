//! Why a server does not start.

use std::{borrow::Cow, io, net::SocketAddr};

use metalith_base::{Diagnostic, Kind};
use metalith_registry::RegistryError;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address cannot be listened at.
    #[error("cannot listen at {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Others could reach it, and nobody would be asked who they are.
    #[error("{address} can be reached from other machines, and there is no token")]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// The project's store cannot be opened.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl Diagnostic for ServerError {
    fn kind(&self) -> Kind {
        match self {
            Self::Listen { .. } => Kind::Unavailable,
            Self::Open { .. } => Kind::Invalid,
            Self::Registry(error) => error.kind(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "server.listen",
            Self::Open { .. } => "server.open",
            Self::Registry(error) => error.code(),
        }
    }

    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Listen { .. } => Some("choose another port with `--listen`".into()),
            Self::Open { .. } => {
                Some("make one with `metalith token add NAME --role admin`".into())
            }
            Self::Registry(error) => error.hint(),
        }
    }
}
