//! `project.archive`

use alkhub_api::{
    errors::ProjectNotFound,
    project::archive::{Archive, Error, Input, Output},
};
use alkhub_core::{Call, Handle};

use crate::{
    convert,
    hub::Hub,
    storage::projects::{self, Written},
};

impl Handle<Archive> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        match projects::archive(&self.database, &input.project_id).await? {
            Written::Done(project) => Ok(convert::project(project)),
            _ => Err(Error::ProjectNotFound(ProjectNotFound { project_id: input.project_id })),
        }
    }
}
