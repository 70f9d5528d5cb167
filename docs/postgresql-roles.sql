-- The rights that brokerd needs of PostgreSQL while it serves. It makes or changes no table then, and only adds to the trail.
--
-- Two roles: one owns the tables and brings the schema up to date, the other serves. Before the first start, and before each
-- upgrade, any `brokerd` subcommand that opens the store, run with the owner's URL, brings the schema up to date; then run this
-- file as the owner, again after each upgrade:
--
--     psql --set=daemon=brokerd --file=postgresql-roles.sql "$URL_OF_THE_OWNER"

\set ON_ERROR_STOP on
BEGIN;

SELECT current_database() AS database \gset
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"daemon";

-- PostgreSQL 14 and older let everybody make tables here. Where the schema is not the owner's, a superuser has to say this.
SELECT pg_has_role(nspowner, 'USAGE') AS ours FROM pg_namespace WHERE nspname = 'public' \gset
\if :ours
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"daemon";
\endif

-- Whether there is anything to bring up to date.
GRANT SELECT ON _sqlx_migrations TO :"daemon";

-- Which installation this is, the counters of changes and the epoch; not the sealed secret, which is made once, with the tables, and
-- is changed by `brokerd rekey` alone: run that with the owner's URL.
GRANT SELECT, UPDATE (revision, epoch, epoch_mac, people_revision) ON installation TO :"daemon";

GRANT SELECT, INSERT, UPDATE, DELETE
    ON access_keys, connectors, sessions, authorizations, device_codes, dpop_proofs, second_factors, recovery_codes, passkey_questions, service_tokens, local_users, local_groups, throttles, familiar_networks TO :"daemon";

-- What was written stays.
GRANT SELECT, INSERT ON trail, trail_marks TO :"daemon";

-- Who removes old records (`brokerd audit prune`), should the owner not do it: run this with `--set=pruner=ROLE` as well. It is another role than
-- the daemon's, so that whoever breaks into the daemon cannot take records away.
\if :{?pruner}
GRANT CONNECT ON DATABASE :"database" TO :"pruner";
\if :ours
GRANT USAGE ON SCHEMA public TO :"pruner";
\endif
GRANT SELECT ON _sqlx_migrations, installation TO :"pruner";
GRANT SELECT, INSERT, DELETE ON trail TO :"pruner";
GRANT SELECT, INSERT ON trail_marks TO :"pruner";
\endif

COMMIT;
