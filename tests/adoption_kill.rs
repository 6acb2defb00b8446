//! A process that dies in the middle of an adoption leaves the file as it was, or adopted. Never in between.

mod common;

use std::process::{Command, Stdio};
use std::time::Duration;

use common::{content, file, one, vibekit};
use runledger::migration;
use runledger::telemetry::schema as telemetry;

#[test]
fn a_killed_adoption_happened_whole_or_not_at_all() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("t.db");
    let original = dir.path().join("original.db");
    let many = "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
        INSERT INTO telemetry_events (id, session_id, event_type, agent_type, mode, prompt, timestamp)
        SELECT i, 'g' || (i % 50), 'stream', 'claude', 'code', 'p', 1750000000000 + i FROM n;";
    // The journal keeps what a killed process has written, so it must not be truncated away by a small cache.
    let conn = file(&original, &format!("{} {many}", vibekit::BOOTSTRAPPED));
    let before = content(&conn);
    drop(conn);
    let (mut undone, mut done) = (0, 0);
    for delay in [0, 3, 6, 10, 15, 25, 40, 60, 90, 130, 200, 400] {
        let _ = std::fs::remove_file(dir.path().join("t.db-journal"));
        std::fs::copy(&original, &path).expect("copy");
        let mut child = Command::new(std::env::current_exe().expect("exe"))
            .args(["--exact", "child_adopts", "--ignored"])
            .env("RUNLEDGER_TEST_FILE", &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("spawn");
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().expect("kill");
        child.wait().expect("wait");
        let mut conn = file(&path, "");
        assert_eq!(one::<String>(&conn, "PRAGMA integrity_check"), "ok");
        if content(&conn) == before {
            undone += 1;
            migration::open(&mut conn, &telemetry::migrations().expect("set")).expect("the next open adopts it");
        } else {
            done += 1;
        }
        assert!(migration::validate(&conn, &telemetry::migrations().expect("set")).expect("validate").ok);
        assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM telemetry_events"), 11_904);
        assert_eq!(one::<i64>(&conn, "SELECT total_events FROM telemetry_stats WHERE stat_type = 'total'"), 11_904);
    }
    assert!(undone > 0, "{undone} undone, {done} done: killed too late");
}

#[test]
#[ignore = "run and killed by the test above"]
fn child_adopts() {
    let path = std::path::PathBuf::from(std::env::var_os("RUNLEDGER_TEST_FILE").expect("run by the test above"));
    let mut conn = file(&path, "PRAGMA cache_size = 50");
    migration::open(&mut conn, &telemetry::migrations().expect("set")).expect("adopt");
}
