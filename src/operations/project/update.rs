//! `project.update`

use alkhub_api::{
    errors::{ProjectArchived, ProjectExists, ProjectNotFound},
    project::update::{Error, Input, Output, Update},
};
use alkhub_core::{Call, Handle};

use crate::{
    convert,
    hub::Hub,
    storage::{
        Receipt,
        projects::{self, Change, Written},
    },
};

impl Handle<Update> for Hub {
    const ATOMIC: bool = true;

    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let project_id = input.project_id;
        let name = input.name.clone();
        let change = Change {
            name: input.name,
            repository: input.repository,
            description: input.description.map(|text| Some(text).filter(|text| !text.is_empty())),
        };
        match projects::update(&self.database, &Receipt::of(cx, &convert::project), &project_id, change).await? {
            Written::Done(project) => Ok(convert::project(project)),
            Written::NotFound => Err(Error::ProjectNotFound(ProjectNotFound { project_id })),
            Written::Archived => Err(Error::ProjectArchived(ProjectArchived { project_id })),
            Written::NameTaken => Err(Error::ProjectExists(ProjectExists { name: name.unwrap_or_default() })),
        }
    }
}
