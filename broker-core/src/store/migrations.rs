//! The schema, brought up to date.

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::Pool;
use super::connect::ACQUIRE;
use super::heard::heard;
use super::location::{Location, OpenError};
use super::unusable::Unusable;

/// Brings the schema up to date, where it is not.
pub(super) async fn migrate(pool: &Pool, location: &Location) -> Result<(), OpenError> {
    if is_current(pool).await {
        return Ok(());
    }
    let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, AssertSqlSafe(*sql).into_sql_str(), false)
    });
    let migrator = Migrator { migrations: migrations.collect::<Vec<_>>().into(), ..Migrator::DEFAULT };
    migrated(pool, &migrator).await.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            Unusable::new(location, &error).into()
        }
        other => OpenError::Migrate(location.to_string(), other),
    })
}

async fn migrated(pool: &Pool, migrator: &Migrator) -> Result<(), MigrateError> {
    match pool {
        Pool::Sqlite(pool) => migrator.run(pool).await,
        Pool::Postgres(pool) => {
            // Another node that is at it holds a lock for as long as its work takes: so by a connection that waits.
            let options = pool.connect_options().as_ref().clone();
            let patient = PgPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE).connect_lazy_with(options);
            let outcome = migrator.run(&patient).await;
            patient.close().await;
            outcome
        }
    }
}

/// Whether there is nothing to do, so that a database role without the right to change tables can serve. A newer node may have
/// gone ahead already: its schema suits this release too.
async fn is_current(pool: &Pool) -> bool {
    const SQL: &str = "SELECT max(version) FROM _sqlx_migrations WHERE success";
    let version: Option<i64> = heard!(pool, pool => sqlx::query_scalar(SQL).fetch_one(pool).await).ok().flatten();
    version >= MIGRATIONS.last().map(|(version, ..)| *version)
}

/// Only ever added to: each suits the release before it, so that nodes can be replaced one by one.
const MIGRATIONS: [(i64, &str, &str); 12] = [
    (1, "first", include_str!("../../migrations/0001_first.sql")),
    (2, "epochs", include_str!("../../migrations/0002_epochs.sql")),
    (3, "trail indexes", include_str!("../../migrations/0003_trail_indexes.sql")),
    (4, "kept", include_str!("../../migrations/0004_kept.sql")),
    (5, "sessions of a person", include_str!("../../migrations/0005_sessions_of_a_person.sql")),
    (6, "authorizations", include_str!("../../migrations/0006_authorizations.sql")),
    (8, "device codes", include_str!("../../migrations/0008_device_codes.sql")),
    (9, "dpop proofs", include_str!("../../migrations/0009_dpop_proofs.sql")),
    (12, "second factors", include_str!("../../migrations/0012_second_factors.sql")),
    (13, "password marks", include_str!("../../migrations/0013_password_marks.sql")),
    (14, "local users", include_str!("../../migrations/0014_local_users.sql")),
    (15, "passkeys", include_str!("../../migrations/0015_passkeys.sql")),
];
