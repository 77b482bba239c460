//! ResultWriter: where a distributed Map writes the results of its children, and in which format.

use serde::{Deserialize, Serialize};

use super::{
    Template,
    fields::Fields,
    item_reader::{check_available, required_arguments},
    read::StateFields,
};

#[derive(Debug)]
pub struct ResultWriter {
    /// Parameters or Arguments with Bucket and Prefix. `None` if the results become the result of the Map.
    pub destination: Option<Template>,
    pub form: ResultForm,
}

/// WriterConfig.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultForm {
    pub transformation: Transformation,
    /// JSONL: one result per line instead of an array.
    pub lines: bool,
}

/// What is written about a child that has succeeded. Children that have not are always written in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transformation {
    /// The input, the output and the fields of DescribeExecution.
    None,
    /// The output.
    Compact,
    /// The output or, if it is an array, its items.
    Flatten,
}

pub(super) fn read_result_writer(state: &mut StateFields<'_, '_>) -> Option<ResultWriter> {
    let writer = state.fields.get("ResultWriter")?;
    let mut fields = Fields::of(writer, state.fields.location_of("ResultWriter"), state.fields.problems())?;
    let exports = fields.has("Resource") || fields.has("Parameters") || fields.has("Arguments");
    if !exports && !fields.has("WriterConfig") {
        fields.wrong_here("One of these fields is required: [Resource, WriterConfig]");
    }
    let mut destination = None;
    if exports {
        match fields.require_text("Resource") {
            Some(arn @ "arn:aws:states:::s3:putObject") => check_available(&fields, state, arn, "putObject"),
            Some(_) => {
                fields.wrong("Resource", "Value is not valid. Allowed values are arn:aws:states:::s3:putObject");
            }
            None => {}
        }
        destination = required_arguments(&mut fields, state);
    }
    let form = read_form(&mut fields, exports);
    fields.finish_in(state.language);
    Some(ResultWriter { destination, form })
}

fn read_form(fields: &mut Fields<'_>, exports: bool) -> ResultForm {
    let usual = if exports { Transformation::None } else { Transformation::Compact };
    let mut form = ResultForm { transformation: usual, lines: false };
    let Some(config) = fields.get("WriterConfig") else { return form };
    let location = fields.location_of("WriterConfig");
    let Some(mut config) = Fields::of(config, location, fields.problems()) else { return form };
    match config.text("Transformation") {
        None => {}
        Some("NONE") => form.transformation = Transformation::None,
        Some("COMPACT") => form.transformation = Transformation::Compact,
        Some("FLATTEN") => form.transformation = Transformation::Flatten,
        Some(_) => config.wrong("Transformation", "Value is not valid. Allowed values are NONE, COMPACT, FLATTEN"),
    }
    match config.text("OutputType") {
        None | Some("JSON") => {}
        Some("JSONL") if exports => form.lines = true,
        Some("JSONL") => config.wrong("OutputType", "JSONL requires a Resource, because a state's output is JSON"),
        Some(_) => config.wrong("OutputType", "Value is not valid. Allowed values are JSON, JSONL"),
    }
    config.finish();
    form
}
