//! A role's live sessions are ended: AWS is told to refuse all that were issued before now, and nobody is given such again.

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep_until};

use super::denial::{POLICY_NAME, denying_before, document, moment_after};
use super::{Administration, NotProved};
use crate::access_key::{AccessKey, KeySource, NotRightful};
use crate::arn::{AccountId, RoleArn};
use crate::connector::Connector;
use crate::iam::{Iam, IamError};
use crate::name::{AccessKeyName, ConnectorName};
use crate::permission::{Administrator, By};
use crate::principal::{Principal, PrincipalType};
use crate::store::StoreError;
use crate::sts::{OpenKey, Sts};
use crate::trail::{Action, Entry, Outcome, TakenAway, TrailError, Vec1, VendedFacts};
use crate::vault::SealBroken;

/// Whose sessions are meant.
#[derive(Clone, Debug)]
pub enum SessionsOf {
    /// Of the role that a connector assumes.
    Connector(ConnectorName),
    Role(RoleArn),
}

/// How AWS is asked, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Aws<'a> {
    pub sts: &'a dyn Sts,
    pub iam: &'a dyn Iam,
    pub deadline: Instant,
}

/// What would be done, for somebody to look at.
#[derive(Clone, Debug)]
pub struct Revocation {
    pub role: RoleArn,
    /// The key that signs it.
    pub access_key: AccessKeyName,
    /// The connectors that lend this role.
    pub connectors: Vec<ConnectorName>,
    /// The policy as it would be now; the moment is the one when it is done.
    pub document: String,
    /// The policy of that name that the role has already.
    pub replaces: Option<String>,
}

/// What was done.
#[derive(Clone, Debug)]
pub struct RevokedSessions {
    /// Sessions issued before this are refused; by AWS's own clock.
    pub issued_before: Timestamp,
    /// Not where the trail cannot be written at this moment: a process that goes on writes it there later.
    pub recorded: bool,
}

/// Why sessions go on. Cut by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    #[error("no connector is called `{0}`")]
    UnknownConnector(ConnectorName),
    #[error("no access key is called `{0}`")]
    UnknownKey(AccessKeyName),
    #[error(transparent)]
    NotRightful(#[from] NotRightful),
    #[error("no connector assumes {}, so nobody can tell which access key is to sign: name one with --access-key", .0.as_str())]
    WhichKey(RoleArn),
    /// The sessions are an IAM user's own, or are cut from that user's rights.
    #[error("{}", without_role(.connector, *.kind, .key.as_deref()))]
    NoRole { connector: ConnectorName, kind: PrincipalType, key: Option<Box<AccessKey>> },
    #[error("{} is a service-linked role: AWS lets nobody change it, and its sessions end by themselves", .0.as_str())]
    ServiceLinked(RoleArn),
    #[error(
        "access key `{key}` is of account {}, and IAM changes roles of a key's own account only: name a key of account {} with --access-key",
        .account.as_str(), .role.account().as_str()
    )]
    OtherAccount { key: AccessKeyName, account: AccountId, role: RoleArn },
    #[error(transparent)]
    NotProved(#[from] NotProved),
    #[error("access key `{key}` may not do that. {refusal}\nGive its IAM user this, or name another key with --access-key:\n{}", statement(.role))]
    NotPermitted { key: AccessKeyName, role: RoleArn, refusal: IamError },
    #[error(transparent)]
    Iam(IamError),
    #[error("someone else changed the role's policy {POLICY_NAME} meanwhile: look at it again")]
    AnotherPlan,
    /// AWS has done its part.
    #[error(
        "AWS refuses the older sessions from now on, but the store took no note of it, so brokerd may go on lending them until they expire: run this again as soon as the store can be written, and stop the daemon until then"
    )]
    Unnoted(#[source] StoreError),
    #[error(transparent)]
    Seal(#[from] SealBroken),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Trail(TrailError),
}

impl Administration {
    /// What ending the sessions would do. Asks AWS whose the key is and what policy the role has, and changes nothing.
    pub async fn look_at_sessions(
        &self,
        of: &SessionsOf,
        access_key: Option<&AccessKeyName>,
        aws: Aws<'_>,
    ) -> Result<Revocation, RevokeError> {
        let connectors = self.store.connectors().await?;
        let (role, own_key) = self.role_of(of, &connectors).await?;
        if role.is_service_linked() {
            return Err(RevokeError::ServiceLinked(role));
        }
        let lending: Vec<&Connector> =
            connectors.iter().filter(|connector| role_in(connector) == Some(&role)).collect();
        let of_lending = || lending.first().map(|connector| connector.spec.access_key());
        let chosen = access_key.or(own_key.as_ref()).or_else(of_lending);
        let chosen = chosen.cloned().ok_or_else(|| RevokeError::WhichKey(role.clone()))?;
        let key = self.open_key(&chosen).await?;
        self.check_account(&chosen, &key, &role, aws).await?;
        let told = aws.iam.role_policy(&key, &role, POLICY_NAME, aws.deadline).await;
        let told = told.map_err(|error| of_iam(error, &chosen, &role))?;
        Ok(Revocation {
            document: document(moment_after(&told)),
            access_key: chosen,
            connectors: lending.into_iter().map(|connector| connector.name.clone()).collect(),
            role,
            replaces: told.value,
        })
    }

    /// Ends the sessions that somebody has looked at: at AWS, and then here, where every connector of the role begins anew, so that
    /// no node gives an older session again.
    pub async fn revoke_sessions(
        &self,
        seen: &Revocation,
        aws: Aws<'_>,
        by: &Administrator,
    ) -> Result<RevokedSessions, RevokeError> {
        let Revocation { role, access_key, .. } = seen;
        let key = self.open_key(access_key).await?;
        self.check_account(access_key, &key, role, aws).await?;
        let told = aws.iam.role_policy(&key, role, POLICY_NAME, aws.deadline).await;
        let told = told.map_err(|error| of_iam(error, access_key, role))?;
        // By now AWS's clock is in the second that it told, or after it. What it issues from here on, once that second is over,
        // is younger than the moment.
        let over = Instant::now() + Duration::from_secs(1);
        if told.value != seen.replaces {
            return Err(RevokeError::AnotherPlan);
        }
        let issued_before = moment_after(&told);
        let document = document(issued_before);
        let put = aws.iam.put_role_policy(&key, role, POLICY_NAME, &document, aws.deadline).await;
        let put = match put {
            Ok(put) => put,
            Err(error) => return Err(self.not_put(error, seen, by).await),
        };
        // Else credentials of this very second, which AWS refuses, would be lent anew and given again for as long as they live.
        sleep_until(over).await;
        let changes = json!({
            "role_policy": {
                "name": POLICY_NAME,
                "from": told.value.as_deref().map(as_json),
                "to": as_json(&document),
            },
            "access_key": access_key.as_str(),
            "aws_request_id": put.request_id,
        });
        let recorded = self.begin_anew(role, &changes, by).await.map_err(RevokeError::Unnoted)?;
        Ok(RevokedSessions { issued_before, recorded })
    }

    /// Gives every connector of a role its next revision: what was lent by an earlier one is not given again, on any node. With or
    /// without the trail, which is told later, for it only takes away. Whether it is recorded by now.
    async fn begin_anew(&self, role: &RoleArn, changes: &Value, by: &Administrator) -> Result<bool, StoreError> {
        for _ in 0..ATTEMPTS {
            let connectors = self.store.connectors().await?;
            let lending: Vec<Connector> =
                connectors.into_iter().filter(|connector| role_in(connector) == Some(role)).collect();
            let next = lending.iter().map(|connector| {
                let next = Connector { revision: connector.revision.saturating_add(1), ..connector.clone() };
                self.store.replace_connector(&next, connector.revision)
            });
            let next = next.collect::<Result<Vec<_>, _>>()?;
            let entry = || ended_sessions(by, Outcome::Success, role).changes(changes.clone());
            let entries: Vec<Entry> = lending.iter().map(|connector| entry().connector(&connector.name)).collect();
            let entries = Vec1::try_from_vec(entries).unwrap_or_else(|_| Vec1::new(entry()));
            match self.trail.take_away(next, entries).await? {
                TakenAway::Recorded => return Ok(true),
                TakenAway::Unrecorded => return Ok(false),
                // Somebody changed one of them meanwhile.
                TakenAway::Nothing => {}
            }
        }
        Err(StoreError::Stale)
    }

    /// The attempt is recorded as well.
    async fn not_put(&self, error: IamError, seen: &Revocation, by: &Administrator) -> RevokeError {
        let entry = ended_sessions(by, Outcome::Failed, &seen.role).reason(&error);
        match self.trail.record(entry, ()).await {
            Ok(_) => of_iam(error, &seen.access_key, &seen.role),
            Err(unwritten) => RevokeError::Trail(unwritten),
        }
    }

    async fn role_of(
        &self,
        of: &SessionsOf,
        connectors: &[Connector],
    ) -> Result<(RoleArn, Option<AccessKeyName>), RevokeError> {
        let name = match of {
            SessionsOf::Role(role) => return Ok((role.clone(), None)),
            SessionsOf::Connector(name) => name,
        };
        let found = connectors.iter().find(|connector| connector.name == *name);
        let connector = found.ok_or_else(|| RevokeError::UnknownConnector(name.clone()))?;
        match role_in(connector) {
            Some(role) => Ok((role.clone(), Some(connector.spec.access_key().clone()))),
            None => Err(RevokeError::NoRole {
                connector: name.clone(),
                kind: connector.spec.principal().kind(),
                key: self.stored_key(connector.spec.access_key()).await?.map(Box::new),
            }),
        }
    }

    /// A role of the same name in the key's own account would be changed in the place of the one that is meant.
    async fn check_account(
        &self,
        name: &AccessKeyName,
        key: &OpenKey,
        role: &RoleArn,
        aws: Aws<'_>,
    ) -> Result<(), RevokeError> {
        let owner = super::proof::ask(aws.sts, aws.deadline, key).await?;
        if owner.account == role.account() && key.region.partition() == role.partition() {
            return Ok(());
        }
        Err(RevokeError::OtherAccount { key: name.clone(), account: owner.account, role: role.clone() })
    }

    async fn open_key(&self, name: &AccessKeyName) -> Result<OpenKey, RevokeError> {
        let stored = self.stored_key(name).await?.ok_or_else(|| RevokeError::UnknownKey(name.clone()))?;
        if stored.details.source == KeySource::Ambient {
            return Err(RevokeError::Iam(IamError::Ambient));
        }
        stored.is_rightful()?;
        Ok(OpenKey::open(&stored, &self.vault)?)
    }

    async fn stored_key(&self, name: &AccessKeyName) -> Result<Option<AccessKey>, StoreError> {
        Ok(self.store.access_keys().await?.into_iter().find(|key| key.name == *name))
    }
}

fn ended_sessions(by: &By, outcome: Outcome, role: &RoleArn) -> Entry {
    let facts = VendedFacts { role_arn: Some(role.as_str().to_owned()), ..VendedFacts::default() };
    Entry::new(by.actor.clone(), Action::SessionsRevoked, outcome, by.origin.clone()).vended(facts)
}

fn role_in(connector: &Connector) -> Option<&RoleArn> {
    match connector.spec.principal() {
        Principal::AssumeRole(role) => Some(&role.role_arn),
        Principal::FederatedUser(_) | Principal::SessionToken(_) => None,
    }
}

fn of_iam(error: IamError, key: &AccessKeyName, role: &RoleArn) -> RevokeError {
    match error {
        IamError::NotPermitted(_) => RevokeError::NotPermitted { key: key.clone(), role: role.clone(), refusal: error },
        error => RevokeError::Iam(error),
    }
}

/// A policy as the trail shows it.
fn as_json(document: &str) -> Value {
    serde_json::from_str(document).unwrap_or_else(|_| document.into())
}

fn statement(role: &RoleArn) -> String {
    format!(
        r#"{{ "Effect": "Allow", "Action": ["iam:GetRolePolicy", "iam:PutRolePolicy"], "Resource": "{}" }}"#,
        role.as_str()
    )
}

fn without_role(connector: &ConnectorName, kind: PrincipalType, key: Option<&AccessKey>) -> String {
    let (call, lends) = match kind {
        PrincipalType::FederatedUser => ("GetFederationToken", "part of an IAM user's rights"),
        PrincipalType::SessionToken => ("GetSessionToken", "an IAM user's own rights"),
        PrincipalType::AssumeRole => ("AssumeRole", "a role's rights"),
    };
    let key_id = key.map_or("its access key", |key| key.details.source.as_str());
    let owner = key.and_then(|key| key.details.owner.as_ref());
    let user = owner.map_or_else(|| format!("the IAM user who has {key_id}"), |owner| owner.arn.clone());
    format!(
        "connector `{connector}` lends {lends} ({call}), and brokerd changes no users: there is no role whose sessions could be ended.\n\
         No more are issued once {key_id} is inactive; those that are out there go on until they expire.\n\
         To end these too, put this inline policy on {user}. It ends all sessions of that user, whoever has them, and leaves \
         the user's access keys alone:\n{}",
        denying_before("THE MOMENT, SUCH AS 2026-01-31T12:00:00.000Z")
    )
}

const ATTEMPTS: usize = 5;
