//! Imported services as callers see them.

use alkhub_api::{
    openapi::test::{Output, OutputAnswer, OutputAuthItem, OutputOperationsItem, OutputOperationsItemType},
    shared::{
        ApiReport, ApiReportLine, ApiService, ApiServiceAuth, ApiStatus, ApiStatusPhase,
        ApiStatusRejectedItem,
    },
};
use alkhub_core::{
    Kind,
    import::openapi::{Imported, Report},
};
use serde::{Deserialize, Serialize};

use super::{Config, Tried};
use crate::{
    convert::signed,
    imports::{Phase, Status},
    storage::{services::Service, time::rfc3339},
};

/// Most lines of a report that are stored.
const MOST_LINES: usize = 500;

/// What is noted of a document when it is imported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Summary {
    title: String,
    version: String,
    server: String,
    operations: usize,
    left_out: usize,
    report: Option<ApiReport>,
}

impl Summary {
    pub(super) fn of(imported: &Imported) -> Self {
        let left_out = imported.report.lines.iter().filter(|line| line.left_out).count();
        Self {
            title: imported.title.clone(),
            version: imported.version.clone(),
            server: imported.server.to_string(),
            operations: imported.operations.len(),
            left_out,
            report: Some(report(&imported.report)),
        }
    }
}

/// The lines of a report, up to a bound.
pub(super) fn report(report: &Report) -> ApiReport {
    let lines = report.lines.iter().take(MOST_LINES).map(|line| ApiReportLine {
        path: line.path.clone(),
        method: line.method.clone(),
        left_out: line.left_out,
        reason: line.reason.clone(),
    });
    let more = report.more + report.lines.len().saturating_sub(MOST_LINES);
    ApiReport { lines: lines.collect(), more: count(more) }
}

pub(super) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A service, with its report where it is looked at alone.
#[must_use]
pub fn view(service: &Service, status: Option<Status>, whole: bool) -> ApiService {
    let config: Config = serde_json::from_str(&service.config).unwrap_or_default();
    let summary: Summary =
        service.state.as_deref().and_then(|state| serde_json::from_str(state).ok()).unwrap_or_default();
    ApiService {
        name: service.name.clone(),
        title: summary.title,
        version: summary.version,
        url: config.url,
        server: summary.server,
        base_url: config.base_url,
        auth: match config.auth.as_str() {
            "bearer" => ApiServiceAuth::Bearer,
            "basic" => ApiServiceAuth::Basic,
            "apiKey" => ApiServiceAuth::ApiKey,
            "clientCredentials" => ApiServiceAuth::ClientCredentials,
            _ => ApiServiceAuth::None,
        },
        header_names: config.header_names,
        required_scopes: config.required_scopes,
        timeout_ms: config.timeout_ms.map(signed),
        operations: count(summary.operations),
        left_out: count(summary.left_out),
        report: summary.report.filter(|_| whole),
        status: status.map(live),
        revision: service.revision,
        created_at: rfc3339(service.created_at),
        updated_at: rfc3339(service.updated_at),
    }
}

fn live(status: Status) -> ApiStatus {
    ApiStatus {
        phase: match status.phase {
            Phase::Opening => ApiStatusPhase::Opening,
            Phase::Ready => ApiStatusPhase::Ready,
            Phase::Unavailable => ApiStatusPhase::Unavailable,
            Phase::Failed => ApiStatusPhase::Failed,
        },
        reason: status.reason,
        since: rfc3339(i64::try_from(status.since).unwrap_or(i64::MAX)),
        operations: count(status.operations),
        rejected: status
            .rejected
            .into_iter()
            .take(100)
            .map(|(name, reason)| ApiStatusRejectedItem { name, reason })
            .collect(),
    }
}

/// What came of trying a document, as callers see it.
#[must_use]
pub fn tried(tried: Tried) -> Output {
    let Tried { imported, answer, took } = tried;
    let operations = imported.operations.iter().map(|operation| {
        let registered = &operation.registered;
        OutputOperationsItem {
            name: registered.name.clone(),
            type_: match registered.kind {
                Kind::Query => OutputOperationsItemType::Query,
                Kind::Mutation => OutputOperationsItemType::Mutation,
                Kind::Subscription => OutputOperationsItemType::Subscription,
            },
            method: operation.plan.method.to_owned(),
            path: operation.plan.path.clone(),
            description: registered.description.chars().take(100).collect(),
        }
    });
    let auth = imported.schemes.iter().map(|scheme| {
        let said = |key: &str| scheme.said[key].as_str().map(str::to_owned);
        OutputAuthItem {
            name: scheme.name.clone(),
            type_: scheme.kind.clone(),
            in_: said("in"),
            parameter: said("name"),
            scheme: said("scheme"),
            token_url: said("tokenUrl"),
        }
    });
    let took_ms = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
    Output {
        operations: operations.collect(),
        auth: auth.collect(),
        report: report(&imported.report),
        server: imported.server.to_string(),
        title: imported.title,
        version: imported.version,
        answer: match answer {
            Ok(status) => OutputAnswer { reached: true, status: Some(status.into()), reason: None, took_ms },
            Err(reason) => OutputAnswer { reached: false, status: None, reason: Some(reason), took_ms },
        },
    }
}
