//! `project.create`

use alkhub_api::{
    errors::ProjectExists,
    project::create::{Create, Error, Input, Output},
};
use alkhub_core::{Call, Handle};

use crate::{
    convert,
    hub::Hub,
    storage::projects::{self, Written},
};

impl Handle<Create> for Hub {
    async fn handle(&self, _cx: &Call, input: Input) -> Result<Output, Error> {
        let name = input.name.clone();
        let description = input.description.filter(|text| !text.is_empty());
        let written = projects::create(&self.database, input.name, input.repository, description).await?;
        match written {
            Written::Done(project) => Ok(convert::project(project)),
            _ => Err(Error::ProjectExists(ProjectExists { name })),
        }
    }
}
