//! The files that `brokerd init` makes, and what is to be done with them.

use std::path::Path;

use broker_core::arn::KmsKeyArn;

/// The configuration, with a master key in a file or one that KMS wraps.
pub(super) fn config(kms: Option<&KmsKeyArn>) -> String {
    match kms {
        None => CONFIG.to_owned(),
        Some(arn) => {
            let wrapped =
                format!("{{ kms = {{ key_arn = \"{}\", wrapped_file = \"master.key.kms\" }} }}", arn.as_str());
            CONFIG.replace(PLAIN, &wrapped).replace(ABOUT_PLAIN, ABOUT_WRAPPED)
        }
    }
}

const PLAIN: &str = r#"{ file = "master.key" }"#;

const ABOUT_PLAIN: &str = "Keep a copy of it elsewhere, away from the database's
# backups: without it nothing can be opened, and with it everything can.";

const ABOUT_WRAPPED: &str = "AWS KMS unwraps it at each start. Keep a
# copy of the file, and never delete the key in KMS: without either nothing can be opened.";

const CONFIG: &str = r#"# The configuration of brokerd. `brokerd --config THIS_FILE check` says what is wrong with it.
# Every key is explained in docs/configuration.md. A secret never stands here: it is named by where it is.

# Where people and programs reach the broker. https, by a certificate of its own or a reverse proxy; plain http on this
# machine alone. With a certificate:
#   listen = { address = "[::]:443", tls = { certificate = "tls/fullchain.pem", key = "tls/key.pem" } }
# Behind a reverse proxy on this machine, which is named because everybody would have its address otherwise:
#   listen = { address = "127.0.0.1:8080", trusted_proxies = ["127.0.0.1"] }
public_url = "http://127.0.0.1:8080"
listen = { address = "127.0.0.1:8080", trusted_proxies = [] }

# What may be vended, and to whom.
connectors_file = "connectors.toml"

# Connectors, sealed keys, sessions and the audit trail. PostgreSQL for more than one node:
#   store = { url = "postgres://brokerd@db.corp.example/brokerd", password = { file = "db.pw" } }
store = { url = "sqlite:brokerd.db" }

# Who may administrate: groups, each written DIRECTORY/GROUP.
admin_groups = ["local/admins"]

# Seals everything that must not be read in a stolen database. Keep a copy of it elsewhere, away from the database's
# backups: without it nothing can be opened, and with it everything can.
[[master_key]]
id = "first"
seals = true
source = { file = "master.key" }

# People who are listed here, for a first day. `brokerd hash-password` makes the hashes.
[[directory]]
name = "local"
may_grant_admin = true
[directory.backend.local]
people = [
#   { username = "ada", email = "ada@corp.example", groups = ["admins", "staff"], password_hash = "$argon2id$…" },
]

# The company's directory.
# [[directory]]
# name = "corp"
# [directory.backend.ldap]
# urls = ["ldaps://ldap.corp.example"]
# bind_dn = "cn=brokerd,dc=corp,dc=example"
# bind_password = { file = "ldap.pw" }
# users = { base = "ou=people,dc=corp,dc=example", filter = "(uid={username})" }
# groups = { member_of = { base = "ou=groups,dc=corp,dc=example" } }
"#;

pub(super) const CONNECTORS: &str = r#"# What may be vended, and to whom. `brokerd check` says what is wrong with this file, `brokerd apply` makes it count;
# the daemon reads it at its start and on SIGHUP.

# A long-term key of an IAM user. Either `brokerd key add` one, sealed at once, or name here where its secret is:
#
# [[access_key]]
# name = "main"
# region = "eu-central-1"
# [access_key.source.stored]
# access_key_id = "AKIAIOSFODNN7EXAMPLE"
# secret_access_key = { file = "keys/main" }        # mode 0600

# For people: they assume a role.
#
# [[connector]]
# name = "deploy"
# description = "Deploys to production"
# access_key = "main"
# groups = ["local/staff"]                          # [] = administrators only
# [connector.principal.assume_role]
# role_arn = "arn:aws:iam::123456789012:role/deploy"
# max_duration_seconds = 14400
# source_identity = "{username}"

# For jobs: no groups, but service tokens (`brokerd token create ci --connector nightly`).
#
# [[connector]]
# name = "nightly"
# access_key = "main"
# scope = "system"
# [connector.principal.assume_role]
# role_arn = "arn:aws:iam::123456789012:role/nightly"
"#;

/// How not to lose a master key that stands there as it is.
pub(super) const KEEP_PLAIN: &str = "Keep a copy of the master key elsewhere, away from the database's backups.";

/// How not to lose a master key that AWS KMS wraps.
pub(super) const KEEP_WRAPPED: &str =
    "Keep a copy of the wrapped master key, and never delete the key in AWS KMS: without either nothing
     that was sealed opens again. Allow the daemon's own AWS identity kms:Decrypt with it.";

/// What to do now.
pub(super) fn next_steps(config: &Path, keep: &str) -> String {
    let config = config.display();
    format!(
        "
Next:
  1. {keep}
  2. brokerd hash-password
     and put yourself into {config}, in the group `admins`.
  3. brokerd --config {config} key add main --access-key-id AKIA… --region eu-central-1
     asks for the secret of an IAM user's key, proves it, and seals it.
  4. Describe a first connector in connectors.toml, then
     brokerd --config {config} check
  5. brokerd --config {config} serve"
    )
}
