mod declarations;
mod diffs;
mod golden;
mod orders;
mod protection;
mod rendering;
mod snapshots;

use metalith_document::Format;

use crate::{FeatureGraph, HashLength, parse_features};

/// A graph from the text of a features file in TOML, or the error as a person sees it.
fn build(text: &str) -> Result<FeatureGraph, String> {
    use metalith_base::Diagnostic;
    fn shown(error: &dyn Diagnostic) -> String {
        let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        format!("{error}{hint}")
    }
    let features =
        parse_features("features.toml", text, Format::Toml).map_err(|error| shown(&error))?;
    FeatureGraph::new(features, HashLength::UNCUT).map_err(|error| shown(&error))
}
