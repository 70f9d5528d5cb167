//! The administration API through the front door: every route, by whom, and what comes of it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

/// Writes each story once, for a daemon on SQLite and for one on PostgreSQL.
macro_rules! on_both_engines {
    ($(async fn $story:ident($world:ident: World) $body:block)*) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $story() { super::$story(tests::world::World::open().await).await; })*
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $story() {
                let url = tests::postgres::database(stringify!($story));
                super::$story(tests::world::World::prepare().await.on_postgres(&url).serve()).await;
            })*
        }
        $(async fn $story($world: World) $body)*
    };
}

mod access_keys;
mod audit;
mod break_glass;
mod connectors;
mod directories;
mod lists;
mod local_users;
mod old_sign_ins;
mod roles;
mod service_tokens;
mod sessions;
mod trying;
