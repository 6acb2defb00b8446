#![forbid(unsafe_code)]
//! Copies of GitHub issues.

use super::{Action, cells::Cells, check, filter, rows, shape::GITHUB_ISSUE};
use crate::{
    client::{
        Args,
        check::{not_an_array, not_an_object},
        nothing, reads,
    },
    clock::now_seconds,
    error::Result,
    store::Conn,
};

const UPSERT: &str = "INSERT INTO github_issues (…) VALUES (…) ON CONFLICT (number) DO UPDATE SET …";

/// upsertGitHubIssue
pub(super) fn upsert(args: &Args) -> Result<Action> {
    let batch = args.record(0, || not_an_object("issue"))?;
    let cells = check::issue(&batch.record(0))?;
    Action::write(UPSERT, batch.bytes(), move |conn, _| {
        put(conn, &cells)?;
        nothing(1)
    })
}

/// syncGitHubIssues: all or none.
pub(super) fn sync(args: &Args) -> Result<Action> {
    let mut parcel = args.records(0, || not_an_array("issues"))?;
    let batch = parcel.batch()?;
    let issues = batch
        .records()
        .enumerate()
        .map(|(index, record)| check::issue(&record).map_err(|error| error.at_index(index)))
        .collect::<Result<Vec<_>>>()?;
    Action::write(UPSERT, parcel.bytes(), move |conn, _| {
        for (index, cells) in issues.iter().enumerate() {
            put(conn, cells).map_err(|error| error.at_index(index))?;
        }
        nothing(issues.len() as u64)
    })
}

/// getGitHubIssue
pub(super) fn get(args: &Args) -> Result<Action> {
    reads::list(&GITHUB_ISSUE, filter::issue(check::number("number", args.field(0))?))
}

/// What is left out of an issue that is known stays, but for its times.
fn put(conn: &Conn, cells: &Cells) -> Result<()> {
    let now = now_seconds();
    let cells = cells.clone().with("synced_at", now);
    let fresh = match cells.get("updated_at") {
        None => Cells::default().with("updated_at", now),
        Some(_) => Cells::default(),
    };
    rows::upsert(conn, "github_issues", "number", &cells, &fresh)
}
