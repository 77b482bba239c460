//! Which of JSONata's functions need guards.

/// Functions that walk their whole argument or convert it to text. The others look only at its first level.
const WALKING: [&str; 32] = [
    "average",
    "base64decode",
    "base64encode",
    "boolean",
    "contains",
    "decodeUrl",
    "decodeUrlComponent",
    "distinct",
    "encodeUrl",
    "encodeUrlComponent",
    "hash",
    "join",
    "lowercase",
    "match",
    "max",
    "min",
    "number",
    "pad",
    "parse",
    "partition",
    "replace",
    "sort",
    "split",
    "string",
    "substring",
    "substringAfter",
    "substringBefore",
    "sum",
    "toMillis",
    "trim",
    "uppercase",
    "zip",
];

/// Functions whose result or running time can be many times the size of their arguments, and their number of
/// parameters.
const MULTIPLYING: [(&str, usize); 5] = [("contains", 2), ("match", 3), ("pad", 3), ("replace", 4), ("split", 3)];

/// Functions that return a new array or object, which is charged for.
const CONSTRUCTING: [&str; 19] = [
    "append",
    "distinct",
    "each",
    "filter",
    "keys",
    "lookup",
    "map",
    "match",
    "merge",
    "parse",
    "partition",
    "range",
    "reverse",
    "shuffle",
    "sift",
    "sort",
    "split",
    "spread",
    "zip",
];

pub(super) fn walks_its_argument(name: &str) -> bool {
    WALKING.contains(&name)
}

pub(super) fn constructs(name: &str) -> bool {
    CONSTRUCTING.contains(&name)
}

/// The number of parameters of a function whose result or running time can be many times the size of its arguments.
pub(super) fn arity_if_multiplying(name: &str) -> Option<usize> {
    MULTIPLYING.iter().find(|(known, _)| *known == name).map(|(_, arity)| *arity)
}

/// Whether calls of the function are rewritten, so that `~>` must be turned into a plain call.
pub(super) fn is_guarded(name: &str) -> bool {
    walks_its_argument(name) || constructs(name)
}
