#![forbid(unsafe_code)]
//! The public methods by name: what each one does.

use super::{
    config::InstancesConfig,
    config_cells, events, instances, issues, maintenance, relationships,
    shape::{GITHUB_ISSUE, INSTANCE, MCP_EVENT, RELATIONSHIP},
    state::Instances,
};
use crate::client::Method;

/// Every public method.
pub(super) static METHODS: &[Method<Instances>] = &[
    Method::with_record("createInstance", 0, &INSTANCE, |args, _| instances::create(args)),
    Method::with_record("updateInstance", 1, &INSTANCE, |args, _| instances::update(args)),
    Method::plain("updateInstanceStatus", |args, _| instances::update_status(args)),
    Method::plain("getInstance", |args, _| instances::get(args)),
    Method::plain("listInstances", |args, _| instances::list(args)),
    Method::plain("deleteInstance", |args, _| instances::delete(args)),
    Method::with_record("logMCPEvent", 0, &MCP_EVENT, |args, _| events::log(args)),
    Method::plain("getMCPEvents", |args, _| events::of_instance(args)),
    Method::plain("getRecentMCPEvents", |args, _| events::recent(args)),
    Method::with_record("createRelationship", 0, &RELATIONSHIP, |args, _| relationships::create(args)),
    Method::plain("getRelationships", |args, _| relationships::of_instance(args)),
    Method::with_record("updateRelationship", 1, &RELATIONSHIP, |args, _| relationships::update(args)),
    Method::with_record("upsertGitHubIssue", 0, &GITHUB_ISSUE, |args, _| issues::upsert(args)),
    Method::with_records("syncGitHubIssues", 0, &GITHUB_ISSUE, |args, _| issues::sync(args)),
    Method::plain("getGitHubIssue", |args, _| issues::get(args)),
    Method::plain("getConfig", |args, config: &InstancesConfig| config_cells::get(args, &config.keys)),
    Method::plain("setConfig", |args, config: &InstancesConfig| config_cells::set(args, config)),
    Method::plain("deleteConfig", |args, _| config_cells::delete(args)),
    Method::plain("sync", |_, _| maintenance::sync()),
    Method::plain("vacuum", |_, _| maintenance::vacuum()),
    Method::plain("backup", |args, config: &InstancesConfig| maintenance::backup(args, config)),
    Method::plain("runMaintenance", |_, _| maintenance::run()),
    Method::plain("runMigrationsWithDatabase", |_, _| maintenance::migrate()),
    Method::plain("startMaintenance", |_, _| maintenance::start()),
    Method::plain("stopMaintenance", |_, _| maintenance::stop()),
];
