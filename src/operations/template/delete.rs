//! `template.delete`

use alkhub_api::{
    errors::{TemplateDeclared, TemplateNotFound},
    template::delete::{Delete, Error, Input, Output},
};
use alkhub_core::{AccessControl, Call, Handle};

use crate::{convert, flow::templates::{Known, declared, view, viewer}, hub::Hub, storage::templates};

impl Handle<Delete> for Hub {
    async fn handle(&self, cx: &Call, input: Input) -> Result<Output, Error> {
        let missing = || match declared(&input.name) {
            Some(spec) => Error::TemplateDeclared(TemplateDeclared { name: spec.name.to_owned() }),
            None => Error::TemplateNotFound(TemplateNotFound { name: input.name.to_string() }),
        };
        let seen = templates::get(&self.database, &viewer(cx), &input.name).await?.ok_or_else(missing)?;
        let owns = cx.identity().is_some_and(|caller| {
            caller.is_admin() || seen.owner.as_deref() == Some(&caller.id)
        });
        if !owns {
            // Another's shared template is for an administrator to delete.
            let demand = AccessControl { required_scopes: vec!["admin".to_owned()], ..AccessControl::default() };
            demand.check(cx.operation_id(), cx.identity())?;
        }
        let gone = templates::delete(&self.database, &convert::actor(cx), seen.owner.as_deref(), &input.name).await?;
        Ok(view(Known::Stored(gone.ok_or_else(missing)?))?)
    }
}
