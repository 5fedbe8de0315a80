//! `project.get`

use alkhub_api::{
    errors::ProjectNotFound,
    project::get::{Error, Get, Input, Output},
};
use alkhub_core::{Call, Handle};

use crate::{
    convert,
    hub::Hub,
    storage::projects::{self},
};

impl Handle<Get> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        match projects::get(&self.database, &input.project_id).await? {
            Some(project) => Ok(convert::project(project)),
            None => Err(Error::ProjectNotFound(ProjectNotFound { project_id: input.project_id })),
        }
    }
}
