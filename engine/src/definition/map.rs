//! The Map state.

use serde_json::Value;

use super::{
    Catcher, ItemReader, MachineId, Number, QueryLanguage, ResultPlace, ResultWriter, Retrier, Selection, Template,
    Transition, fields::Fields, item_reader::read_item_reader, machine::Parser, read::StateFields,
    result_writer::read_result_writer, value::Bounds,
};

#[derive(Debug)]
pub struct Map {
    pub items: Items,
    /// ItemSelector, or Parameters in older definitions.
    pub item_selector: Option<Template>,
    pub processor: MachineId,
    pub mode: ProcessorMode,
    /// 0 means no limit.
    pub max_concurrency: Option<Number>,
    pub tolerated_failure_count: Option<Number>,
    pub tolerated_failure_percentage: Option<Number>,
    pub batching: Option<Batching>,
    pub result_writer: Option<ResultWriter>,
    pub result_selector: Option<Template>,
    pub result_path: ResultPlace,
    pub retry: Vec<Retrier>,
    pub catch: Vec<Catcher>,
    pub then: Transition,
}

/// Where a Map's items come from.
#[derive(Debug)]
pub enum Items {
    /// The state's input, or the part of it that ItemsPath selects.
    Selected(Selection),
    /// Items of a JSONata state.
    Evaluated(Template),
    /// Read from S3 by ItemReader.
    Read(ItemReader),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessorMode {
    Inline,
    Distributed {
        /// Part of the map run's ARN.
        label: Option<String>,
        /// ExecutionType: the type of the child executions.
        express: bool,
    },
}

/// ItemBatcher, which passes several items to one run of the processor.
#[derive(Debug)]
pub struct Batching {
    pub max_items: Option<Number>,
    pub max_bytes: Option<Number>,
    pub batch_input: Option<Template>,
}

/// The maximum length of a Label, in characters.
const MAX_LABEL: usize = 40;
/// The characters that AWS does not allow in a Label, and the slash, which precedes the label in the ARN.
const NOT_IN_LABEL: &str = "?*<>{}[]:;,\\|^~$#%&`\"/";

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.chars().count())
        && !label.chars().any(|c| c.is_whitespace() || c.is_control() || NOT_IN_LABEL.contains(c))
}

pub(super) fn read_map<'d>(parser: &mut Parser<'d>, state: &mut StateFields<'_, 'd>) -> Option<Map> {
    let items = match state.language {
        QueryLanguage::JsonPath => Items::Selected(Selection::parse(&mut state.fields, "ItemsPath")),
        QueryLanguage::Jsonata => state.template("Items").map_or(Items::Selected(Selection::Whole), Items::Evaluated),
    };
    let item_selector = match state.language {
        QueryLanguage::JsonPath => {
            state.fields.exclusive("ItemSelector", "Parameters");
            state.template("ItemSelector").or_else(|| state.template("Parameters"))
        }
        QueryLanguage::Jsonata => state.template("ItemSelector"),
    };
    state.fields.exclusive("ItemProcessor", "Iterator");
    let field = if state.fields.has("Iterator") { "Iterator" } else { "ItemProcessor" };
    let processor = state.fields.require(field);
    let (processor, mode) = match processor {
        Some(processor) => read_processor(parser, state, processor, field),
        None => (None, ProcessorMode::Inline),
    };
    let label = state.fields.text("Label");
    if label.is_some_and(|label| !is_label(label)) {
        let message = format!(
            "A Label must have 1 to {MAX_LABEL} characters, without spaces, control characters and any of {NOT_IN_LABEL}"
        );
        state.fields.wrong("Label", message);
    }
    let label = label.map(str::to_owned);
    for field in ["ItemReader", "ResultWriter"] {
        if state.fields.has(field) && mode == ProcessorMode::Inline {
            state.fields.wrong(field, format!("{field} can only be set if the Mode of ProcessorConfig is DISTRIBUTED"));
        }
    }
    let items = read_item_reader(state).map_or(items, Items::Read);
    let result_writer = read_result_writer(state);
    let mode = match mode {
        ProcessorMode::Inline => ProcessorMode::Inline,
        ProcessorMode::Distributed { express, .. } => ProcessorMode::Distributed { label, express },
    };
    let count = Bounds::Integer(0, 1_000_000_000);
    let max_concurrency = state.number("MaxConcurrency", "MaxConcurrencyPath", count);
    let tolerated_failure_count = state.number("ToleratedFailureCount", "ToleratedFailureCountPath", count);
    let tolerated_failure_percentage =
        state.number("ToleratedFailurePercentage", "ToleratedFailurePercentagePath", Bounds::Percentage);
    let batching = read_batching(state);
    let result_selector = state.result_selector();
    let result_path = state.result_path();
    let retry = state.retry();
    let catch = state.catch();
    let then = state.transition();
    Some(Map {
        items,
        item_selector,
        processor: processor?,
        mode,
        max_concurrency,
        tolerated_failure_count,
        tolerated_failure_percentage,
        batching,
        result_writer,
        result_selector,
        result_path,
        retry,
        catch,
        then: then?,
    })
}

fn read_processor<'d>(
    parser: &mut Parser<'d>,
    state: &StateFields<'_, 'd>,
    processor: &'d Value,
    field: &str,
) -> (Option<MachineId>, ProcessorMode) {
    let location = state.fields.location_of(field);
    let Some(mut fields) = Fields::of(processor, location, parser.problems) else {
        return (None, ProcessorMode::Inline);
    };
    let mut mode = ProcessorMode::Inline;
    if let Some(config) = fields.get("ProcessorConfig")
        && let Some(mut config) = Fields::of(config, fields.location_of("ProcessorConfig"), parser.problems)
    {
        let execution_type = config.text("ExecutionType");
        match config.text("Mode") {
            None | Some("INLINE") => {}
            Some("DISTRIBUTED") => {
                mode = ProcessorMode::Distributed { label: None, express: execution_type == Some("EXPRESS") };
            }
            Some(_) => config.wrong("Mode", "Value is not valid. Allowed values are INLINE, DISTRIBUTED"),
        }
        if execution_type.is_some_and(|kind| !matches!(kind, "STANDARD" | "EXPRESS")) {
            config.wrong("ExecutionType", "Value is not valid. Allowed values are STANDARD, EXPRESS");
        }
        config.finish();
    }
    if state.context.express && mode != ProcessorMode::Inline {
        fields.wrong("ProcessorConfig", "Express state machine does not support Map states in DISTRIBUTED mode");
    }
    let express_outside = parser.express;
    parser.express |= matches!(mode, ProcessorMode::Distributed { express: true, .. });
    let machine = parser.nested_fields(fields, state.context.language, state.context);
    parser.express = express_outside;
    if let Some(machine) = machine {
        parser.processors.insert(state.name.to_owned(), machine);
    }
    (machine, mode)
}

fn read_batching(state: &mut StateFields<'_, '_>) -> Option<Batching> {
    let batcher = state.fields.get("ItemBatcher")?;
    let location = state.fields.location_of("ItemBatcher");
    let mut fields = Fields::of(batcher, location, state.fields.problems())?;
    let language = state.language;
    let items = Bounds::Integer(1, 100_000_000);
    let bytes = Bounds::Integer(1, 262_144);
    let batching = Batching {
        max_items: Number::parse(&mut fields, "MaxItemsPerBatch", "MaxItemsPerBatchPath", items, language),
        max_bytes: Number::parse(&mut fields, "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath", bytes, language),
        batch_input: Template::parse(&mut fields, "BatchInput", language),
    };
    if batching.max_items.is_none() && batching.max_bytes.is_none() {
        fields.wrong_here("One of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch]");
    }
    fields.finish();
    Some(batching)
}
