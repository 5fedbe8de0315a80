//! Handlers, in the tree of the operation files that say `host: spoke`.

alkhub_api::spoke_handlers!();
