//! Keys and the record of what was done to them.

use std::collections::BTreeMap;

use alkhub::{
    keys::{self, Bootstrap, BootstrapError},
    storage::{
        audit::{self, Actor},
        keys::{self as stored, Changed, Key, Status},
        time::now_ms,
    },
};
use alkhub_core::identity::ADMIN_SCOPE;
use tokio::task::JoinSet;

use super::{for_each_database, key, open, token};

fn nobody_minds(_: &Key) -> Option<()> {
    None
}

fn actor() -> Actor {
    Actor { key_id: Some("tester".to_owned()), request_id: Some("call".to_owned()) }
}

#[tokio::test]
async fn of_admins_that_revoke_each_other_one_stays() {
    for_each_database(async |backend, database| {
        let other = open(&backend.url()).await;
        // The one that stayed takes part in the next round.
        let mut admins: Vec<String> = Vec::new();
        for _ in 0..10 {
            while admins.len() < 4 {
                let admin = key(&token(), &[ADMIN_SCOPE]);
                admins.push(stored::create(&database, admin, &actor()).await.expect("stored").id);
            }
            let mut racers = JoinSet::new();
            for (number, id) in admins.drain(..).enumerate() {
                let database = if number % 2 == 0 { database.clone() } else { other.clone() };
                racers.spawn(async move { stored::revoke(&database, &id, &actor(), nobody_minds).await });
            }
            let ended: Vec<_> =
                racers.join_all().await.into_iter().map(|end| end.expect("answered")).collect();
            let last = ended.iter().filter(|end| **end == Changed::LastAdmin).count();
            assert_eq!(last, 1, "{}: {ended:?}", backend.name());
            let left = stored::list(&database, Some(Status::Active), None, 10).await.expect("a page").items;
            assert_eq!(left.len(), 1);
            admins.extend(left.into_iter().map(|key| key.id));
        }
    })
    .await;
}

#[tokio::test]
async fn an_admin_key_that_ends_is_not_the_one_that_stays() {
    for_each_database(async |_, database| {
        let (lasting, brief) = (token(), token());
        stored::create(&database, key(&lasting, &[ADMIN_SCOPE]), &actor()).await.expect("stored");
        let ends = Key { expires_at: Some(now_ms() + 3_600_000), ..key(&brief, &[ADMIN_SCOPE]) };
        stored::create(&database, ends, &actor()).await.expect("stored");
        let revoke =
            async |id: &str| stored::revoke(&database, id, &actor(), nobody_minds).await.expect("answered");
        assert_eq!(revoke(lasting.id()).await, Changed::LastAdmin, "the other would be gone in an hour");
        assert!(matches!(revoke(brief.id()).await, Changed::Done(_)));
        assert_eq!(revoke("none").await, Changed::NotFound);
    })
    .await;
}

#[tokio::test]
async fn a_change_raises_the_epoch_and_leaves_a_record_and_a_refusal_neither() {
    for_each_database(async |_, database| {
        let (one, next) = (token(), token());
        let epoch = async || stored::epoch(&database).await.expect("an epoch");
        let start = epoch().await;
        stored::create(&database, key(&one, &["project:read"]), &actor()).await.expect("stored");
        assert_eq!(epoch().await, start + 1);
        let refused =
            stored::rotate(&database, one.id(), next.hash().to_vec(), &actor(), |_| Some("no")).await;
        assert_eq!(refused, Ok(Changed::Refused("no")));
        assert_eq!(
            stored::revoke(&database, one.id(), &actor(), |_| Some("no")).await,
            Ok(Changed::Refused("no"))
        );
        assert_eq!(epoch().await, start + 1);
        let rotated = stored::rotate(&database, one.id(), next.hash().to_vec(), &actor(), nobody_minds).await;
        assert!(matches!(rotated, Ok(Changed::Done(_))));
        assert_eq!(epoch().await, start + 2);
        let kept = stored::get(&database, one.id()).await.expect("answered").expect("there");
        assert!(next.matches(&kept.secret_hash) && !one.matches(&kept.secret_hash));
        assert!(matches!(
            stored::revoke(&database, one.id(), &actor(), nobody_minds).await,
            Ok(Changed::Done(_))
        ));
        let again = stored::rotate(&database, one.id(), next.hash().to_vec(), &actor(), nobody_minds).await;
        assert_eq!(again, Ok(Changed::Revoked));
        let twice = stored::create(&database, key(&one, &[]), &actor()).await;
        assert!(twice.is_err(), "an id is used once");
        assert_eq!(epoch().await, start + 3);

        let page = audit::list(&database, audit::Filter::default(), None, 10).await.expect("a page");
        let actions: Vec<&str> = page.items.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(actions, ["key.revoke", "key.rotate", "key.create"], "newest first");
        assert!(page.items.iter().all(|entry| entry.actor.as_deref() == Some("tester")));
    })
    .await;
}

#[tokio::test]
async fn the_record_is_filtered_and_paged() {
    for_each_database(async |_, database| {
        let mut made = Vec::new();
        for number in 0..9 {
            let by = Actor { key_id: Some(format!("by{}", number % 2)), request_id: None };
            let id = stored::create(&database, key(&token(), &[]), &by).await.expect("stored").id;
            made.push(id);
        }
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page =
                audit::list(&database, audit::Filter::default(), cursor.as_deref(), 4).await.expect("a page");
            seen.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let targets: Vec<&String> = seen.iter().map(|entry| &entry.target).collect();
        assert_eq!(targets, made.iter().rev().collect::<Vec<_>>());
        let count =
            async |filter| audit::list(&database, filter, None, 50).await.expect("a page").items.len();
        let by = |actor: &str| audit::Filter { actor: Some(actor.to_owned()), ..Default::default() };
        assert_eq!((count(by("by0")).await, count(by("by1")).await), (5, 4));
        let on = audit::Filter { target: Some(made[3].clone()), ..Default::default() };
        assert_eq!(count(on).await, 1);
        let did = |action: &str| audit::Filter { action: Some(action.to_owned()), ..Default::default() };
        assert_eq!((count(did("key.create")).await, count(did("key.revoke")).await), (9, 0));
        let (first, last) = (seen[8].at, seen[0].at);
        let between = |since, until| audit::Filter { since, until, ..Default::default() };
        assert_eq!(count(between(Some(first), Some(last + 1))).await, 9);
        assert_eq!(count(between(Some(last + 1), None)).await, 0);
        assert_eq!(count(between(None, Some(first))).await, 0);
    })
    .await;
}

#[tokio::test]
async fn last_uses_of_many_keys_are_written_at_once_and_never_go_back() {
    for_each_database(async |_, database| {
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(stored::create(&database, key(&token(), &[]), &actor()).await.expect("stored").id);
        }
        // Most are of no key, as after a key was removed: more than one statement takes.
        let mut uses: Vec<_> = (0..1200).map(|number| (format!("gone{number}"), 60_000)).collect();
        uses.extend(ids.iter().zip([60_000, 120_000, 180_000]).map(|(id, at)| (id.clone(), at)));
        let start = stored::epoch(&database).await;
        stored::touch(&database, &uses).await.expect("written");
        stored::touch(&database, &[(ids[2].clone(), 60_000)]).await.expect("written");
        assert_eq!(stored::epoch(&database).await, start, "nobody must forget a key because it was used");
        let mut found = Vec::new();
        for id in &ids {
            found.push(stored::get(&database, id).await.expect("answered").expect("there").last_used_at);
        }
        assert_eq!(found, [Some(60_000), Some(120_000), Some(180_000)]);
    })
    .await;
}

#[tokio::test]
async fn of_starts_at_once_one_makes_the_first_key() {
    for_each_database(async |backend, database| {
        let other = open(&backend.url()).await;
        let mut starts = JoinSet::new();
        for number in 0..8 {
            let database = if number % 2 == 0 { database.clone() } else { other.clone() };
            starts.spawn(async move { keys::ensure_admin(&database, None).await.expect("answered") });
        }
        let ended = starts.join_all().await;
        assert_eq!(ended.iter().filter(|end| matches!(end, Bootstrap::Created { .. })).count(), 1);
        assert_eq!(ended.iter().filter(|end| matches!(end, Bootstrap::Existing)).count(), 7);
        let page = stored::list(&database, None, None, 10).await.expect("a page");
        assert_eq!(page.items.len(), 1);
        assert_eq!(page.items[0].scopes, [ADMIN_SCOPE]);
        assert_eq!(page.items[0].resources, BTreeMap::new());
    })
    .await;
}

#[tokio::test]
async fn a_preset_key_is_made_once_and_a_revoked_one_stays_revoked() {
    for_each_database(async |_, database| {
        let preset = token();
        let ensure = async |text: &str| keys::ensure_admin(&database, Some(text)).await;
        for _ in 0..2 {
            assert!(
                matches!(ensure(&preset.text()).await, Ok(Bootstrap::Preset { id }) if id == preset.id())
            );
        }
        let other = keys::Token::generate_for(preset.id().to_owned()).expect("random");
        let conflict = ensure(&other.text()).await.err().expect("another secret");
        assert!(matches!(conflict, BootstrapError::Conflict(_)));
        assert!(conflict.to_string().contains("another secret"), "{conflict}");
        let malformed = ensure("alk_short_secret").await.err().expect("no key").to_string();
        assert!(malformed.contains("alk_<id>_<secret>"), "{malformed}");
        assert!(!malformed.contains("short"), "{malformed}");

        keys::new_admin(&database, "second").await.expect("made");
        let revoked = stored::revoke(&database, preset.id(), &actor(), nobody_minds).await;
        assert!(matches!(revoked, Ok(Changed::Done(_))));
        assert!(matches!(ensure(&preset.text()).await, Ok(Bootstrap::Ended { id }) if id == preset.id()));
        let kept = stored::get(&database, preset.id()).await.expect("answered").expect("there");
        assert_eq!(kept.status(now_ms()), Status::Revoked);
    })
    .await;
}
