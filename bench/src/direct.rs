//! The call that a vend is compared with: the very same request, through the very same client, without brokerd.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use broker_core::access_key::KeyDetails;
use broker_core::as_read::AsRead;
use broker_core::assurance::Assurance;
use broker_core::caller::{Caller, Person, PersonCaller, Subject};
use broker_core::clock::SystemClock;
use broker_core::connector::{Connector, ManagedBy};
use broker_core::entitlement::{Entitlement, Rules};
use broker_core::epoch::Epoch;
use broker_core::id::{AccessKeyId, ConnectorId, SessionId};
use broker_core::name::Group;
use broker_core::session_name::{NameLimit, SessionName, SessionNameTemplate, Subject as Named, SubjectKind};
use broker_core::sts::{AwsSts, OpenKey, Outbound, RoleRequest, Sts, StsRequest, StsSettings};
use secrecy::SecretString;
use tokio::time::Instant;

use crate::{house, world};

/// A client of STS with one pool of connections, as brokerd has it.
#[derive(Clone, Debug)]
pub(crate) struct Direct {
    sts: Arc<AwsSts>,
    entitlement: Entitlement,
    key: OpenKey,
    request: StsRequest,
}

impl Direct {
    pub(crate) fn new(endpoint: &str) -> anyhow::Result<Self> {
        let settings = StsSettings {
            retries: 7,
            attempt_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(3),
            endpoint_url: Some(endpoint.parse()?),
        };
        let details: KeyDetails =
            serde_json::from_value(serde_json::json!({ "aws_key_id": world::KEY_ID, "region": world::REGION }))?;
        Ok(Self {
            sts: Arc::new(AwsSts::new(Outbound::default().pool()?, settings, Arc::new(SystemClock))),
            entitlement: entitlement()?,
            key: OpenKey::new(AccessKeyId::random(), 1, &details, SecretString::from(world::KEY_SECRET)),
            request: StsRequest::AssumeRole(request()?),
        })
    }

    pub(crate) async fn call(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + DEADLINE;
        self.sts.issue(&self.entitlement, &self.key, &self.request, deadline).await?;
        Ok(())
    }
}

/// What brokerd sends for the first person; a run compares the two.
fn request() -> anyhow::Result<RoleRequest> {
    let name = world::person(0);
    Ok(RoleRequest {
        role_arn: world::role_arn().try_into()?,
        session_name: session_name(&name)?,
        duration_seconds: world::SECONDS,
        external_id: Some(world::EXTERNAL_ID.to_owned().try_into()?),
        mfa: None,
        policy: Some(world::policy().try_into()?),
        policy_arns: Vec::new(),
        source_identity: Some(session_name(&name)?),
        tags: vec![
            ("team".to_owned().try_into()?, "payments".to_owned().try_into()?),
            ("user".to_owned().try_into()?, name.clone().try_into()?),
        ],
        transitive_tag_keys: Vec::new(),
    })
}

fn session_name(username: &str) -> anyhow::Result<SessionName> {
    let template = SessionNameTemplate::try_from("{username}".to_owned())?;
    let connector = house::connector(0);
    let subject = Named {
        kind: SubjectKind::Person,
        directory: house::DIRECTORY,
        id: username,
        username,
        email: None,
        connector: &connector,
    };
    Ok(template.render(&subject, NameLimit::Role)?)
}

fn entitlement() -> anyhow::Result<Entitlement> {
    let spec = serde_json::from_value(house::spec())?;
    let name = house::connector(0).try_into()?;
    let connector =
        Arc::new(Connector { id: ConnectorId::random(), name, revision: 1, managed_by: ManagedBy::File, spec });
    let username = world::person(0);
    let group: Group = house::first_group().try_into()?;
    let person = Person {
        subject: Subject { directory: house::DIRECTORY.to_owned().try_into()?, id: username.clone() },
        username,
        display_name: None,
        email: None,
        email_trusted: false,
        groups: BTreeSet::from([group]),
    };
    let (session, signed_in_at, expires_at) = (SessionId::random(), jiff::Timestamp::MIN, jiff::Timestamp::MAX);
    let as_read = AsRead::of_session(session, signed_in_at, Epoch::FIRST, signed_in_at..expires_at);
    let (person, assurance) = (person.into(), Assurance::default());
    let caller =
        PersonCaller { session, signed_in_at, expires_at, person, client: None, role: None, assurance, as_read };
    let rules = Rules { administrators_use_every_connector: false };
    Ok(Entitlement::prove(&Caller::Person(caller), &connector, rules)?)
}

const DEADLINE: Duration = Duration::from_secs(20);
