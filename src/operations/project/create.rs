//! `project.create`

use alkhub_api::{
    errors::ProjectExists,
    project::create::{Create, Error, Input, Output},
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

impl Handle<Create> for Hub {
    const ATOMIC: bool = true;

    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let name = input.name.clone();
        let description = input.description.filter(|text| !text.is_empty());
        let written = projects::create(&self.database, &Receipt::of(cx, &convert::project), input.name, input.repository, description).await?;
        match written {
            Written::Done(project) => Ok(convert::project(project)),
            _ => Err(Error::ProjectExists(ProjectExists { name })),
        }
    }
}
