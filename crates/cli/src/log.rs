//! The log: what happens as JSON lines on the error output, if the environment or the command asks for it.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use metalith_base::Timestamp;
use metalith_lifecycle::events;
use serde_json::{Map, Value};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// The variable that says from which level on.
const VARIABLE: &str = "METALITH_LOG";

/// Starts the log if the environment asks for it; else from the level on that a command has.
pub(crate) fn start(otherwise: Option<Level>) {
    let asked = std::env::var(VARIABLE).ok().and_then(|level| level.parse::<Level>().ok());
    // What libraries have to say about every file is told to those who ask, and what about every
    // value to those who ask for all there is.
    let of_others = match asked {
        None => Level::WARN,
        Some(Level::DEBUG) => Level::INFO,
        Some(level) => level,
    };
    if let Some(level) = asked.or(otherwise) {
        tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(std::io::stderr)
            .event_format(JsonLines { of_others })
            .init();
    }
}

/// One JSON object a line: the fields of the event, with its time, level and target.
struct JsonLines {
    /// From which level on what others than Metalith say is told.
    of_others: Level,
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        if !metadata.target().starts_with("metalith") && *metadata.level() > self.of_others {
            return Ok(());
        }
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let Fields(mut line) = fields;
        // An event of ours is an object already.
        if event.metadata().target() == events::TARGET
            && let Some(Value::String(json)) = line.get("json")
            && let Ok(Value::Object(object)) = serde_json::from_str(json)
        {
            line = object;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp::from_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX));
        line.insert("timestamp".to_owned(), now.to_string().into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.insert("target".to_owned(), event.metadata().target().into());
        writeln!(writer, "{}", Value::Object(line))
    }
}

struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}
