//! `template.delete`

use alkhub_api::{
    errors::{TemplateDeclared, TemplateNotFound},
    template::delete::{Delete, Error, Input, Output},
};
use alkhub_core::{AccessControl, Call, Handle};

use crate::{convert, flow::templates::{Known, find, owns, view}, hub::Hub, storage::templates};

impl Handle<Delete> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let name = input.name.to_string();
        let seen = match find(&self.database, cx, &name).await? {
            Some(Known::Stored(stored)) => stored,
            Some(Known::Declared(_)) => return Err(Error::TemplateDeclared(TemplateDeclared { name })),
            None => return Err(Error::TemplateNotFound(TemplateNotFound { name })),
        };
        if !owns(cx, &seen) && !cx.identity().is_some_and(|caller| caller.is_admin()) {
            // Another's shared template is for an administrator to delete.
            let demand = AccessControl { required_scopes: vec!["admin".to_owned()], ..AccessControl::default() };
            demand.check(cx.operation_id(), cx.identity())?;
        }
        let gone = templates::delete(&self.database, &convert::actor(cx), seen.owner.as_deref(), &name).await?;
        match gone {
            Some(gone) => Ok(view(Known::Stored(gone))?),
            None => Err(Error::TemplateNotFound(TemplateNotFound { name })),
        }
    }
}
