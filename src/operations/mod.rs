//! Handlers, one file an operation: `operations/project/create.yaml` is served by `project/create.rs` here.
//! The module tree is generated from the operation files, so a declared operation without a file does not compile.

alkhub_api::handlers!();
