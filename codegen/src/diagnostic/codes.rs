//! The codes of diagnostics. Each has a section in docs/diagnostics.md and a wrong example in the tests.

use std::fmt;

/// A code such as `OP0012`. Codes are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(&'static str);

impl Code {
    /// The code as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! codes {
    ($($name:ident $code:literal $title:literal;)*) => {
        $(#[doc = $title] pub const $name: Code = Code($code);)*
        /// Every code with its title, in order.
        pub const ALL: &[(Code, &str)] = &[$(($name, $title)),*];
    };
}

codes! {
    UNREADABLE "OP0001" "The file is not UTF-8 text, or too large.";
    SYNTAX "OP0002" "The file is not YAML.";
    ALIAS "OP0003" "Anchors, aliases, tags and merge keys are not used.";
    DUPLICATE_KEY "OP0004" "A key occurs twice.";
    DOCUMENTS "OP0005" "A file holds exactly one document.";
    KEY_TYPE "OP0006" "A key is not a string.";
    DEPTH "OP0007" "Nested too deeply.";
    NUMBER "OP0008" "The number cannot be represented.";
    PLACE "OP0009" "The file is not where an operation file can be.";
    UNKNOWN_KEY "OP0010" "Unknown key.";
    MISSING_KEY "OP0011" "A key is missing.";
    WRONG_TYPE "OP0012" "A value is of the wrong type.";
    NOT_ONE_OF "OP0013" "A value is not one of those allowed.";
    MALFORMED "OP0014" "A value is malformed.";
    EMPTY_TEXT "OP0015" "A text is empty.";
    TIMEOUT "OP0016" "The timeout is malformed or out of range.";
    DUPLICATE_ITEM "OP0017" "A list names something twice.";
    KEYWORD "OP0020" "The schema keyword is not in the subset.";
    KEYWORD_TYPE "OP0021" "The schema keyword does not apply to this type.";
    INPUT_OBJECT "OP0022" "An input or error details are not an object.";
    REQUIRED_UNKNOWN "OP0023" "A required property is not declared.";
    BOUNDS "OP0024" "A lower bound is above the upper bound.";
    INTEGER_BOUND "OP0025" "A bound of an integer is not a 64-bit integer.";
    PATTERN "OP0026" "The pattern is not a regular expression.";
    VALUE "OP0027" "A default, example, enum or const value does not satisfy its schema.";
    UNION "OP0028" "A oneOf is not a tagged union.";
    REFERENCE "OP0029" "A reference leads nowhere.";
    CYCLE "OP0030" "Shared types refer to each other in a circle.";
    REFERENCE_SIBLING "OP0031" "A keyword stands beside a reference.";
    UNUSED "OP0032" "A shared type is not used.";
    COLLISION "OP0040" "Two names are the same in Rust.";
    NAME "OP0041" "The name cannot be used.";
    ROUTE_SYNTAX "OP0050" "The route is malformed.";
    ROUTE_METHOD "OP0051" "The HTTP method does not agree with the type.";
    ROUTE_PARAMETER "OP0052" "A path parameter is not a required scalar of the input.";
    ROUTE_CONFLICT "OP0053" "Two operations have the same route.";
    ROUTE_QUERY "OP0054" "An input property does not fit into a query string.";
    ERROR_UNKNOWN "OP0060" "The error code is not in the catalogue.";
    ERROR_INFRASTRUCTURE "OP0061" "An infrastructure error need not be declared.";
    IDEMPOTENT "OP0062" "Only a mutation can be idempotent by key.";
    PAGE "OP0063" "The operation cannot be paged.";
    EXAMPLE "OP0064" "An example does not satisfy the schemas.";
    SPOKE "OP0065" "A spoke operation cannot have this.";
    ACCESS "OP0066" "The access demands contradict each other.";
    COMPOSED "OP0067" "Only a mutation of the hub can be composed.";
    TEMPLATE "OP0070" "A call template does not fit the operations.";
    TYPES "OP0090" "No Rust type can be made of the schema.";
}
