//! Projects, the same on both databases.

use std::collections::BTreeSet;

use alkhub::storage::{
    Database, Receipt,
    projects::{self, Change, Filter, Project, Written},
};
use alkhub_core::error::codes;
use tokio::task::JoinSet;

use super::{for_each_database, open};

async fn create(database: &Database, name: &str) -> Written {
    let made = projects::create(
        database,
        &Receipt::none(),
        name.to_owned(),
        "https://git.example/p".to_owned(),
        None,
    )
    .await;
    made.expect("the database answers")
}

#[track_caller]
fn done(written: Written) -> Project {
    match written {
        Written::Done(project) => project,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_of_a_hundred_at_once_gets_the_name() {
    for_each_database(async |backend, database| {
        // As two processes: the race must not be won by a queue inside one of them.
        let other = open(&backend.url()).await;
        let mut racers = JoinSet::new();
        for number in 0..100 {
            let database = if number % 2 == 0 { database.clone() } else { other.clone() };
            racers.spawn(async move { create(&database, "wanted").await });
        }
        let ended = racers.join_all().await;
        assert_eq!(ended.iter().filter(|written| matches!(written, Written::Done(_))).count(), 1);
        assert_eq!(ended.iter().filter(|written| **written == Written::NameTaken).count(), 99);
    })
    .await;
}

#[tokio::test]
async fn a_name_cannot_be_taken_by_an_update_either() {
    for_each_database(async |_, database| {
        done(create(&database, "first").await);
        let second = done(create(&database, "second").await);
        let rename = |name: &str| Change { name: Some(name.to_owned()), ..Change::default() };
        assert_eq!(
            projects::update(&database, &Receipt::none(), &second.id, rename("first")).await,
            Ok(Written::NameTaken)
        );
        let renamed = done(
            projects::update(&database, &Receipt::none(), &second.id, rename("third"))
                .await
                .expect("answered"),
        );
        assert_eq!(projects::get(&database, &second.id).await, Ok(Some(renamed)));
        assert_eq!(
            projects::update(&database, &Receipt::none(), "none", rename("x")).await,
            Ok(Written::NotFound)
        );
    })
    .await;
}

#[tokio::test]
async fn a_description_is_set_kept_and_removed_and_archiving_ends_changes() {
    for_each_database(async |_, database| {
        let id = done(create(&database, "one").await).id;
        let describe = |description: Option<Option<&str>>| Change {
            description: description.map(|text| text.map(str::to_owned)),
            ..Change::default()
        };
        let after = async |change| {
            done(projects::update(&database, &Receipt::none(), &id, change).await.expect("answered"))
        };
        assert_eq!(after(describe(Some(Some("text")))).await.description.as_deref(), Some("text"));
        assert_eq!(after(describe(None)).await.description.as_deref(), Some("text"));
        assert_eq!(after(describe(Some(None))).await.description, None);
        let archived = done(projects::archive(&database, &Receipt::none(), &id).await.expect("answered"));
        assert!(archived.archived);
        assert_eq!(
            projects::archive(&database, &Receipt::none(), &id).await,
            Ok(Written::Done(archived)),
            "again changes nothing"
        );
        assert_eq!(
            projects::update(&database, &Receipt::none(), &id, describe(None)).await,
            Ok(Written::Archived)
        );
    })
    .await;
}

#[tokio::test]
async fn pages_are_stable_while_projects_come() {
    for_each_database(async |_, database| {
        let mut before = BTreeSet::new();
        for number in 0..25 {
            before.insert(done(create(&database, &format!("before {number}")).await).id);
        }
        let (mut seen, mut cursor) = (Vec::new(), None);
        for turn in 0.. {
            let page =
                projects::list(&database, Filter::default(), cursor.as_deref(), 7).await.expect("a page");
            assert!(page.items.len() <= 7);
            seen.extend(page.items.into_iter().map(|project| project.id));
            if turn < 3 {
                done(create(&database, &format!("between {turn}")).await);
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert!(seen.is_sorted(), "oldest first");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "none twice");
        assert!(before.iter().all(|id| seen.contains(id)), "none left out");
        assert_eq!(seen.len(), 28, "what came behind the cursor is seen too");
        for bad in ["*", "AA", "YQ==", "\0"] {
            let page = projects::list(&database, Filter::default(), Some(bad), 7).await;
            assert!(page.is_err_and(|error| error.code == codes::VALIDATION_ERROR), "{bad:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_name_is_found_by_a_part_of_it_which_is_taken_as_it_is() {
    for_each_database(async |_, database| {
        for name in ["Hub", "hub core", "100% sure", "under_score", "back\\slash", "Ärger"] {
            done(create(&database, name).await);
        }
        let found = async |part: &str| {
            let filter = Filter { name: Some(part.to_owned()), ..Filter::default() };
            let page = projects::list(&database, filter, None, 10).await.expect("a page");
            page.items.into_iter().map(|project| project.name).collect::<Vec<_>>()
        };
        assert_eq!(found("hub").await, ["hub core"]);
        assert_eq!(found("Hub").await, ["Hub"]);
        assert_eq!(found("%").await, ["100% sure"]);
        assert_eq!(found("_").await, ["under_score"]);
        assert_eq!(found("\\").await, ["back\\slash"]);
        assert_eq!(found("rger").await, ["Ärger"]);
        assert_eq!(found("'; DROP TABLE projects; --").await, Vec::<String>::new());
    })
    .await;
}
