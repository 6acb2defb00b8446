//! Validation rules across the clients of a file.

use runledger::{
    client::Arg,
    packed::{Field, Input},
    telemetry::shape::RULE,
};

use crate::user::{Event, T, User, code, event, plain, record};

#[test]
fn a_rule_of_one_client_holds_for_the_other_from_its_next_write() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("t.db");
    let author = User::open(&path, &[]);
    let other = User::open(&path, &[("queryTimeoutMs", Input::Number(20_000.0))]);
    author.create_session("s1");
    let strange = Event { mode: "strange".into(), ..event(T) };
    assert_eq!(other.insert_each(std::slice::from_ref(&strange)).failures.len(), 0);

    let fields = [
        ("tableName", Field::Text("telemetry_events")),
        ("fieldName", Field::Text("mode")),
        ("ruleType", Field::Text("enum")),
        ("ruleConfig", Field::Text(r#"{"values":["code","chat"]}"#)),
        ("errorMessage", Field::Text("bad mode")),
    ];
    let added = author.call("addValidationRule", vec![Arg::Record(Some(record(&RULE, &fields)))]);
    assert_eq!(added.number().expect("addValidationRule"), 1.0);

    for user in [&other, &author] {
        let outcome = user.insert_each(&[event(T), strange.clone(), event(T)]);
        let [(index, error)] = &outcome.failures[..] else { panic!("{:?}", outcome.failures) };
        let report = error.report("insertEvent");
        let invalid = report.invalid.expect("what was refused");
        assert_eq!((*index, code(error), report.message.as_str()), (1, "VALIDATION_ERROR", "bad mode"));
        assert_eq!((invalid.field.as_deref(), invalid.rule_id), (Some("mode"), Some(1)));
        assert_eq!(user.insert_batch(std::slice::from_ref(&strange)).expect_err("refused").report("").index, Some(0));
        assert_eq!(code(&user.buffer(std::slice::from_ref(&strange)).expect_err("refused")), "VALIDATION_ERROR");
    }
    assert_eq!(author.event_ids().len(), 5);

    let removed = other.call("removeValidationRule", vec![plain(Input::Number(1.0))]);
    removed.result.expect("removeValidationRule");
    assert_eq!(author.insert_each(&[strange]).failures.len(), 0);
    author.verify();
}
