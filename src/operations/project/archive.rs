//! `project.archive`

use alkhub_api::{
    errors::ProjectNotFound,
    project::archive::{Archive, Error, Input, Output},
};
use alkhub_core::{Call, Handle};

use crate::{
    convert,
    hub::Hub,
    storage::{
        Receipt,
        projects::{self, Written},
    },
};

impl Handle<Archive> for Hub {
    const ATOMIC: bool = true;

    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        match projects::archive(&self.database, &Receipt::of(cx, &convert::project), &input.project_id).await? {
            Written::Done(project) => Ok(convert::project(project)),
            _ => Err(Error::ProjectNotFound(ProjectNotFound { project_id: input.project_id })),
        }
    }
}
