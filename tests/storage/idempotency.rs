//! Rows of idempotency keys: whose attempt counts, and what is swept.

use alkhub::storage::idempotency::{self as stored, Terms};
use alkhub_core::once::{Claim, IdempotencyKey, Ticket};
use bytes::Bytes;
use serde_json::json;

use super::for_each_database;

const LONG: Terms = Terms { keep: 3_600_000, lease: 3_600_000 };
/// Silent at once.
const DEAD: Terms = Terms { keep: 3_600_000, lease: -1 };
/// Over at once.
const OVER: Terms = Terms { keep: -1, lease: -1 };

fn ticket(key: &str, atomic: bool) -> Ticket {
    let key = IdempotencyKey::new(key).expect("a key");
    Ticket::new("caller", "x.y", key, &json!({}), uuid::Uuid::now_v7(), atomic)
}

#[tokio::test]
async fn who_was_taken_for_dead_can_answer_no_more() {
    for_each_database(async |_, database| {
        let (first, second) = (ticket("k", true), ticket("k", true));
        assert!(matches!(stored::claim(&database, &first, DEAD).await, Ok(Claim::Mine)));
        assert!(matches!(stored::claim(&database, &second, LONG).await, Ok(Claim::Mine)));
        let late = stored::finish(&database, &first, &Ok(Bytes::from_static(b"1")), LONG).await;
        assert_eq!(late.expect_err("fenced").code, "UNAVAILABLE");
        stored::release(&database, &first).await.expect("released nothing");
        assert!(matches!(stored::claim(&database, &first, LONG).await, Ok(Claim::Running)));
        stored::finish(&database, &second, &Ok(Bytes::from_static(b"2")), LONG).await.expect("kept");
        match stored::claim(&database, &first, LONG).await {
            Ok(Claim::Done(Ok(data))) => assert_eq!(&*data, b"2"),
            other => panic!("{other:?}"),
        }
        stored::release(&database, &second).await.expect("an answer is not released");
        assert!(matches!(stored::claim(&database, &first, LONG).await, Ok(Claim::Done(Ok(_)))));
    })
    .await;
}

#[tokio::test]
async fn a_sign_of_life_keeps_an_attempt_and_silence_leaves_its_outcome_open() {
    for_each_database(async |_, database| {
        let (first, second) = (ticket("k", false), ticket("k", false));
        assert!(matches!(stored::claim(&database, &first, DEAD).await, Ok(Claim::Mine)));
        assert!(matches!(stored::claim(&database, &second, LONG).await, Ok(Claim::Unknown)));
        stored::renew(&database, &first, LONG).await.expect("renewed");
        assert!(matches!(stored::claim(&database, &second, LONG).await, Ok(Claim::Running)));
        stored::release(&database, &first).await.expect("released");
        assert!(matches!(stored::claim(&database, &second, LONG).await, Ok(Claim::Mine)));
    })
    .await;
}

#[tokio::test]
async fn a_sweep_takes_what_is_over_in_steps() {
    for_each_database(async |_, database| {
        for number in 0..5 {
            let claimed = stored::claim(&database, &ticket(&format!("over-{number}"), true), OVER).await;
            assert!(matches!(claimed, Ok(Claim::Mine)));
        }
        let kept = ticket("kept", true);
        assert!(matches!(stored::claim(&database, &kept, DEAD).await, Ok(Claim::Mine)));
        let mut swept = Vec::new();
        for _ in 0..4 {
            swept.push(stored::sweep(&database, 2).await.expect("swept"));
        }
        assert_eq!(swept, [2, 2, 1, 0]);
        assert!(stored::finish(&database, &kept, &Ok(Bytes::from_static(b"1")), LONG).await.is_ok());
    })
    .await;
}
