//! Messages as text: whatever is read can be written again, and reads the same.
#![no_main]

use alkhub_core::protocol::{self, Message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match protocol::read(text) {
        Ok(Message::Responded(read)) => {
            let written = protocol::responded(&read.request_id, read.output.get().as_bytes());
            let Ok(Message::Responded(again)) = protocol::read(as_text(&written)) else { panic!("{text}") };
            assert_eq!((again.request_id, again.output.get()), (read.request_id, read.output.get()));
        }
        Ok(Message::Requested(read)) => {
            let input = read.input.map_or("{}", |raw| raw.get());
            let about = protocol::About {
                parent: read.parent_request_id.as_deref(),
                identity: read.identity.as_ref(),
                metadata: read.metadata.as_ref(),
                window: read.window,
                ..Default::default()
            };
            let written = protocol::requested(&read.request_id, &read.operation_id, input.as_bytes(), about);
            let Ok(Message::Requested(again)) = protocol::read(as_text(&written)) else { panic!("{text}") };
            assert_eq!((&again.request_id, &again.operation_id), (&read.request_id, &read.operation_id));
            assert_eq!(again.input.map(|raw| raw.get()), Some(input));
            assert_eq!((&again.identity, again.window), (&read.identity, read.window));
        }
        Ok(Message::Completed(read) | Message::Aborted(read)) => {
            let written = protocol::aborted(&read.request_id);
            assert!(matches!(protocol::read(as_text(&written)), Ok(Message::Aborted(again)) if again.request_id == read.request_id));
        }
        Ok(Message::Event { kind, id, payload: Some(payload) }) => {
            let written = protocol::event(&kind, &id, payload.get().as_bytes());
            let Ok(Message::Event { kind: same, .. }) = protocol::read(as_text(&written)) else { panic!("{text}") };
            assert_eq!(same, kind);
        }
        Ok(_) | Err(_) => {}
    }
});

fn as_text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("what is written is UTF-8")
}
