#![forbid(unsafe_code)]
//! The closed sets of words of the telemetry module: each spelling once.

use crate::client::words;

words! {
    /// What an event reports.
    EventType { Start = "start", Stream = "stream", End = "end", Error = "error" }
}

words! {
    /// The session statuses that upsertSession and filters take. createSession and updateSession store any short text.
    SessionStatus { Active = "active", Completed = "completed", Failed = "failed", Timeout = "timeout", Error = "error" }
}

words! {
    /// Where a stream buffer stands.
    BufferStatus { Pending = "pending", Flushed = "flushed", Failed = "failed" }
}

words! {
    /// How bad a logged error is.
    Severity { Low = "low", Medium = "medium", High = "high", Critical = "critical" }
}

words! {
    /// What an audit row reports.
    AuditOperation { Insert = "INSERT", Update = "UPDATE", Delete = "DELETE" }
}

words! {
    /// The tables that validation rules watch.
    RuleTable { Sessions = "telemetry_sessions", Events = "telemetry_events" }
}

words! {
    /// What a validation rule tests.
    RuleType {
        Required = "required",
        Pattern = "pattern",
        Range = "range",
        Enum = "enum",
        Length = "length",
        JsonSchema = "json_schema",
    }
}

words! {
    /// What a batch does with a bad event.
    OnError { Rollback = "rollback", Skip = "skip" }
}

words! {
    /// How far a checkpoint goes.
    CheckpointMode { Passive = "passive", Full = "full", Restart = "restart", Truncate = "truncate" }
}

words! {
    /// The types of JSON Schema.
    JsonType {
        Null = "null",
        Boolean = "boolean",
        Object = "object",
        Array = "array",
        Number = "number",
        Integer = "integer",
        String = "string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_back_only_in_its_exact_spelling() {
        for &kind in EventType::ALL {
            assert_eq!(EventType::parse(kind.as_str()), Some(kind));
        }
        for text in ["", "Start", "start ", "stream\0"] {
            assert_eq!(EventType::parse(text), None, "{text:?}");
        }
        assert_eq!(RuleType::ALL.len(), 6);
    }
}
