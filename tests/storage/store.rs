//! The key store: what a process believes of keys, and for how long.

use std::time::{Duration, Instant};

use alkhub::{
    keys::{KeyStore, VerifyError},
    storage::{
        Database,
        audit::Actor,
        keys::{self as stored, Changed, Key},
        time::now_ms,
    },
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::{for_each_database, gate::Gate, key, open, open_hasty, postgres::Postgres, token};
use crate::support::until;

/// A store whose tasks end with the test.
fn start(database: &Database) -> (KeyStore, DropGuard) {
    let stop = CancellationToken::new();
    (KeyStore::start(database.clone(), &TaskTracker::new(), &stop), stop.drop_guard())
}

async fn revoke(database: &Database, id: &str) {
    let ended = stored::revoke(database, id, &Actor::default(), |_| None::<()>).await;
    assert!(matches!(ended, Ok(Changed::Done(_))), "{ended:?}");
}

#[tokio::test]
async fn each_way_of_being_refused() {
    for_each_database(async |_, database| {
        let (store, _running) = start(&database);
        let (good, late, gone) = (token(), token(), token());
        stored::create(&database, key(&good, &["project:read"]), &Actor::default()).await.expect("stored");
        let ended = Key { expires_at: Some(now_ms() - 1), ..key(&late, &[]) };
        stored::create(&database, ended, &Actor::default()).await.expect("stored");
        stored::create(&database, key(&gone, &[]), &Actor::default()).await.expect("stored");
        revoke(&database, gone.id()).await;
        store.changed();
        for _ in 0..2 {
            let identity = store.verify(&good.text()).await.expect("verified");
            assert_eq!(
                (identity.id.as_str(), identity.scopes.as_slice()),
                (good.id(), &["project:read".to_owned()][..])
            );
            assert!(matches!(store.verify(&late.text()).await, Err(VerifyError::Expired)));
            assert!(matches!(store.verify(&gone.text()).await, Err(VerifyError::Revoked)));
            assert!(matches!(store.verify(&token().text()).await, Err(VerifyError::Unknown)));
            let wrong = alkhub::keys::Token::generate_for(good.id().to_owned()).expect("random");
            assert!(matches!(store.verify(&wrong.text()).await, Err(VerifyError::Unknown)));
            for malformed in ["", "alk_x", "Bearer x", &good.text().to_uppercase()] {
                assert!(matches!(store.verify(malformed).await, Err(VerifyError::Malformed)));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_ends_at_its_moment_also_in_the_cache() {
    for_each_database(async |_, database| {
        let (store, _running) = start(&database);
        let brief = token();
        let end = now_ms() + 300;
        let ends = Key { expires_at: Some(end), ..key(&brief, &[]) };
        stored::create(&database, ends, &Actor::default()).await.expect("stored");
        store.changed();
        store.verify(&brief.text()).await.expect("still good");
        until("the key ends", Duration::from_secs(10), async || {
            let asked = now_ms();
            let ended = matches!(store.verify(&brief.text()).await, Err(VerifyError::Expired));
            assert!(ended || asked < end, "believed after its end");
            ended
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_revocation_holds_at_once_here_and_within_a_second_elsewhere() {
    for_each_database(async |backend, database| {
        let (here, _running) = start(&database);
        let elsewhere = open(&backend.url()).await;
        let (there, _also_running) = start(&elsewhere);
        let mut slowest = Duration::ZERO;
        for _ in 0..8 {
            let key_token = token();
            let text = key_token.text();
            // Unknown first, so that its absence is cached there.
            assert!(there.verify(&text).await.is_err());
            stored::create(&database, key(&key_token, &[]), &Actor::default()).await.expect("stored");
            here.changed();
            here.verify(&text).await.expect("known at once in its process");
            let known =
                until("known elsewhere", Duration::from_secs(10), async || there.verify(&text).await.is_ok());
            let known = known.await;
            revoke(&database, key_token.id()).await;
            here.changed();
            let begun = Instant::now();
            assert!(matches!(here.verify(&text).await, Err(VerifyError::Revoked)), "at once");
            until("refused elsewhere", Duration::from_secs(10), async || there.verify(&text).await.is_err())
                .await;
            slowest = slowest.max(begun.elapsed()).max(known);
        }
        println!("{}: known and refused elsewhere after {slowest:?} at the latest", backend.name());
    })
    .await;
}

/// What was read before a revocation and arrives after it is believed neither by the cache nor by who waits for it.
#[tokio::test]
async fn no_answer_is_older_than_a_revocation() {
    let Some(postgres) = Postgres::start().await else { return };
    let database = open(&postgres.url()).await;
    database.migrate().await.expect("migrated");
    let gate = Gate::before(postgres.place()).await;
    let (store, _running) = start(&open(&format!("postgres://postgres@{}/postgres", gate.address)).await);
    for _ in 0..10 {
        let old = token();
        let text = old.text();
        stored::create(&database, key(&old, &[]), &Actor::default()).await.expect("stored");
        store.changed();
        gate.hold(old.id());
        let reader = tokio::spawn({
            let (store, text) = (store.clone(), text.clone());
            async move { store.verify(&text).await }
        });
        gate.holds().await;
        revoke(&database, old.id()).await;
        store.changed();
        gate.open();
        let answer = reader.await.expect("joined");
        assert!(matches!(answer, Err(VerifyError::Revoked)), "let in after the revocation: {answer:?}");
        assert!(matches!(store.verify(&text).await, Err(VerifyError::Revoked)), "the cache kept it");
    }
}

/// The same where the revocation happens in another process, and only the epoch tells of it.
#[tokio::test]
async fn an_answer_that_the_epoch_overtook_is_not_kept() {
    for_each_database(async |backend, database| {
        let elsewhere = open(&backend.url()).await;
        let (store, _running) = start(&database);
        for _ in 0..4 {
            let mut loading = Vec::new();
            let old: Vec<_> = (0..40).map(|_| token()).collect();
            for token in &old {
                stored::create(&elsewhere, key(token, &[]), &Actor::default()).await.expect("stored");
            }
            for token in &old {
                let (store, text) = (store.clone(), token.text());
                loading.push(tokio::spawn(async move { store.verify(&text).await.is_ok() }));
                revoke(&elsewhere, token.id()).await;
            }
            for reader in loading {
                reader.await.expect("joined");
            }
            until("all are refused", Duration::from_secs(10), async || {
                for token in &old {
                    if store.verify(&token.text()).await.is_ok() {
                        return false;
                    }
                }
                true
            })
            .await;
        }
    })
    .await;
}

#[tokio::test]
async fn last_uses_are_exact_to_a_minute_and_wait_for_the_database() {
    for_each_database(async |backend, database| {
        let (store, _running) = start(&database);
        let used = token();
        stored::create(&database, key(&used, &[]), &Actor::default()).await.expect("stored");
        store.changed();
        let before = now_ms();
        store.verify(&used.text()).await.expect("verified");
        // Taken away for a while: what cannot be written is not forgotten.
        backend.execute("ALTER TABLE api_keys RENAME TO elsewhere").await;
        store.flush().await;
        backend.execute("ALTER TABLE elsewhere RENAME TO api_keys").await;
        store.flush().await;
        let at = stored::get(&database, used.id()).await.expect("answered").expect("there").last_used_at;
        let at = at.expect("noted");
        assert_eq!(at % 60_000, 0);
        assert!((before - 60_000..=now_ms()).contains(&at), "{at}");
    })
    .await;
}

/// Without word from the database a key may have been revoked: better no answer.
#[tokio::test]
async fn a_cached_key_is_not_believed_while_the_database_is_away() {
    let Some(mut postgres) = Postgres::start().await else { return };
    let database = open_hasty(&postgres.url()).await;
    database.migrate().await.expect("migrated");
    let (store, _running) = start(&database);
    let cached = token();
    stored::create(&database, key(&cached, &[]), &Actor::default()).await.expect("stored");
    store.changed();
    store.verify(&cached.text()).await.expect("verified");
    postgres.kill();
    let doubted = until(
        "the cache is doubted",
        Duration::from_secs(10),
        async || matches!(store.verify(&cached.text()).await, Err(VerifyError::Store(error)) if error.code == "UNAVAILABLE"),
    );
    println!("doubted after {:?}", doubted.await);
    postgres.run().await;
    let found = until("the key is verified again", Duration::from_secs(20), async || {
        store.verify(&cached.text()).await.is_ok()
    });
    println!("verified again after {:?}", found.await);
}
