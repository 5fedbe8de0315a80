//! The kinds of change, and what each means where.

use serde::Serialize;

/// How bad a change is for someone who followed the old contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing stops working.
    Safe,
    /// May stop working, depending on what they rely on.
    Risky,
    /// Stops working.
    Breaking,
}

impl Level {
    /// The word that is printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Risky => "risky",
            Self::Breaking => "breaking",
        }
    }
}

/// What a change means for both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// For whoever calls.
    pub callers: Level,
    /// For whoever serves.
    pub implementers: Level,
}

impl Judgement {
    /// Harmless to both.
    pub const SAFE: Self = Self::new(Level::Safe, Level::Safe);
    /// Risky for callers.
    pub const RISKY: Self = Self::new(Level::Risky, Level::Safe);
    /// Breaks callers.
    pub const BREAKING: Self = Self::new(Level::Breaking, Level::Safe);
    /// Breaks both.
    pub const BREAKING_ALL: Self = Self::new(Level::Breaking, Level::Breaking);

    /// Both sides.
    #[must_use]
    pub const fn new(callers: Level, implementers: Level) -> Self {
        Self { callers, implementers }
    }

    /// The worse side.
    #[must_use]
    pub fn worst(self) -> Level {
        self.callers.max(self.implementers)
    }
}

/// Which way a schema lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Input,
    Output,
}

macro_rules! rules {
    ($($variant:ident $word:literal,)*) => {
        /// A kind of change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule { $(#[doc = $word] $variant,)* }

        impl Rule {
            /// Its name in output.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

rules! {
    OperationAdded "operation-added",
    OperationRemoved "operation-removed",
    OperationRenamed "operation-renamed",
    TypeChanged "type-changed",
    HostChanged "host-changed",
    RouteAdded "route-added",
    RouteRemoved "route-removed",
    RouteChanged "route-changed",
    AccessRaised "access-raised",
    AccessLowered "access-lowered",
    ErrorAdded "error-added",
    ErrorRemoved "error-removed",
    ErrorChanged "error-changed",
    TimeoutShortened "timeout-shortened",
    TimeoutLengthened "timeout-lengthened",
    IdempotencyAdded "idempotency-added",
    IdempotencyRemoved "idempotency-removed",
    PagingChanged "paging-changed",
    McpChanged "mcp-changed",
    VersionLowered "version-lowered",
    RequiredAdded "required-property-added",
    OptionalAdded "optional-property-added",
    PropertyRemoved "property-removed",
    NowRequired "property-now-required",
    NowOptional "property-now-optional",
    SchemaType "schema-type-changed",
    NullAdded "null-allowed",
    NullRemoved "null-refused",
    ValueAdded "value-added",
    ValueRemoved "value-removed",
    Narrowed "bound-tightened",
    Widened "bound-loosened",
    FormChanged "form-changed",
    DefaultChanged "default-changed",
    Closed "additional-properties-refused",
    Opened "additional-properties-allowed",
    SecretChanged "secret-changed",
}

impl Rule {
    /// What a change of a schema means in this direction.
    pub(super) const fn judge(self, direction: Direction) -> Judgement {
        use Level::{Breaking, Risky, Safe};
        let input = matches!(direction, Direction::Input);
        let (callers, implementers) = match (self, input) {
            (Self::RequiredAdded, true) => (Breaking, Risky),
            (Self::RequiredAdded | Self::NowRequired, false) => (Safe, Breaking),
            (Self::OptionalAdded, true) => (Safe, Risky),
            (Self::OptionalAdded, false) => (Safe, Safe),
            (Self::PropertyRemoved, _) => (Breaking, Risky),
            (Self::NowRequired, true) => (Breaking, Safe),
            (Self::NowOptional, true) => (Safe, Breaking),
            (Self::NowOptional, false) => (Breaking, Safe),
            (Self::NullAdded | Self::Widened | Self::ValueAdded | Self::Opened, true) => (Safe, Risky),
            (Self::NullAdded, false) => (Breaking, Safe),
            (Self::Widened | Self::ValueAdded | Self::Opened, false) => (Risky, Safe),
            (Self::NullRemoved | Self::Narrowed | Self::ValueRemoved | Self::Closed, true) => {
                (Breaking, Safe)
            }
            (Self::NullRemoved | Self::ValueRemoved, false) => (Safe, Breaking),
            (Self::Narrowed | Self::Closed, false) => (Safe, Risky),
            (Self::FormChanged, true) => (Breaking, Safe),
            (Self::FormChanged, false) => (Risky, Risky),
            (Self::DefaultChanged, _) => (Risky, Safe),
            (Self::SecretChanged, _) => (Safe, Safe),
            _ => (Breaking, Breaking),
        };
        Judgement { callers, implementers }
    }
}
