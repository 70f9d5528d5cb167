//! What is done with a loan in the place of handing it over: AWS is asked for something else by it, and only that is given.

use secrecy::SecretString;
use serde_json::Value;

use crate::arn::AccountId;
use crate::caller::Caller;
use crate::connector::{Connector, ConnectorSpec};
use crate::console::{ConsoleLink, LinkRequest};
use crate::destination::{Destination, DestinationError};
use crate::entitlement::Entitlement;
use crate::meter;
use crate::mfa::MfaCode;
use crate::name::ConnectorName;
use crate::partition::Region;
use crate::reason::Reason;
use crate::registry::{DomainName, Registry, RegistryPassword, TokenLife};
use crate::sts::{CallerIdentity, StsRequest};
use crate::trail::{Action, Recorded};

use super::loan::Loan;
use super::{Asking, Broker, VendError, VendRequest};

/// What a console link is to be like.
#[derive(Clone, Debug, Default)]
pub struct LinkWanted<'a> {
    /// A page of AWS's console; else where the connector says.
    pub destination: Option<&'a str>,
    /// Of the console's session; for roles only.
    pub session_duration_seconds: Option<u32>,
    /// In the caller's own words, for the trail.
    pub reason: Option<Reason>,
    /// What the connector's MFA device shows, where it names one.
    pub mfa_code: Option<MfaCode>,
}

/// The registry of packages that somebody wants a password for.
#[derive(Clone, Debug)]
pub struct RegistryWanted {
    /// Else that of the connector's access key.
    pub region: Option<Region>,
    pub kind: RegistryKind,
    /// In the caller's own words, for the trail.
    pub reason: Option<Reason>,
    /// What the connector's MFA device shows, where it names one.
    pub mfa_code: Option<MfaCode>,
    /// Never by credentials that were lent before.
    pub fresh: bool,
}

/// Which of AWS's registries.
#[derive(Clone, Debug)]
pub enum RegistryKind {
    Ecr,
    CodeArtifact {
        domain: DomainName,
        /// Else the account that the credentials act in.
        owner: Option<AccountId>,
        life: TokenLife,
    },
}

/// A registry's password, and where it came from.
#[derive(Debug)]
pub struct RegistryGiven {
    pub region: Region,
    pub password: RegistryPassword,
    pub arn: Option<String>,
    pub account: Option<AccountId>,
}

/// What the trail calls an errand, and what where nothing but being an administrator permits it.
type Actions = (Action, Action);

impl Broker {
    /// Lends credentials only to ask AWS who they act as.
    pub async fn caller_identity(
        &self,
        asking: &Asking<'_>,
        name: &ConnectorName,
        reason: Option<Reason>,
    ) -> Result<Recorded<CallerIdentity>, VendError> {
        let ask = VendRequest { reason, ..VendRequest::default() };
        let actions = (Action::CallerIdentity, Action::CallerIdentityAsAdministrator);
        let asked = async {
            let loan = self.lend(asking, name, &ask).await?;
            let identity = self.sts.caller_identity(&loan.key, &loan.vended.credentials, asking.deadline).await?;
            self.told(asking, name, &ask, &loan, (actions, None), identity).await
        };
        self.or_refused(asking, name, (actions, None), asked.await).await
    }

    /// Makes a link that opens AWS's console signed in.
    pub async fn console_link(
        &self,
        asking: &Asking<'_>,
        name: &ConnectorName,
        wanted: &LinkWanted<'_>,
    ) -> Result<Recorded<ConsoleLink>, VendError> {
        let ask =
            VendRequest { reason: wanted.reason.clone(), mfa_code: wanted.mfa_code.clone(), ..VendRequest::default() };
        let actions = (Action::ConsoleUrl, Action::ConsoleUrlAsAdministrator);
        let linked = async {
            let entitlement = self.prove(asking.caller, name)?;
            let destination = self.destination(entitlement.connector(), wanted.destination)?;
            let loan = self.lend(asking, name, &ask).await?;
            let request = LinkRequest {
                credentials: &loan.vended.credentials,
                key: &loan.key,
                destination: &destination,
                // AWS takes a duration for roles only, and not for those that a role assumes.
                session_duration_seconds: wanted
                    .session_duration_seconds
                    .filter(|_| matches!(loan.request, StsRequest::AssumeRole(_)) && !loan.key.chained),
                deadline: asking.deadline,
            };
            let link = self.federation.link(&request, self.clock.now()).await?;
            self.told(asking, name, &ask, &loan, (actions, None), link).await
        };
        self.or_refused(asking, name, (actions, None), linked.await).await
    }

    /// Where a console link of this connector would lead.
    pub fn destination(&self, connector: &Connector, asked: Option<&str>) -> Result<Destination, VendError> {
        let spec = &connector.spec;
        if !spec.has_console() {
            return Err(VendError::ConsoleNotSupported);
        }
        let snapshot = self.inventory.snapshot();
        let key = snapshot.access_key(spec.access_key()).ok_or(VendError::NoAccessKey)?;
        let destination = match asked {
            Some(text) => Destination::parse(text)?,
            None => spec.console_destination().cloned().unwrap_or_else(|| Destination::home(key.partition())),
        };
        if destination.partition() == key.partition() {
            Ok(destination)
        } else {
            Err(DestinationError::Partition.into())
        }
    }

    /// Asks AWS for the password of one of its registries. It may outlive the credentials that it is asked with.
    pub async fn registry_password(
        &self,
        asking: &Asking<'_>,
        name: &ConnectorName,
        wanted: &RegistryWanted,
    ) -> Result<Recorded<RegistryGiven>, VendError> {
        let (reason, mfa_code) = (wanted.reason.clone(), wanted.mfa_code.clone());
        let ask = VendRequest { reason, mfa_code, fresh: wanted.fresh, ..VendRequest::default() };
        let actions = match wanted.kind {
            RegistryKind::Ecr => (Action::EcrCredentials, Action::EcrCredentialsAsAdministrator),
            RegistryKind::CodeArtifact { .. } => {
                (Action::CodeartifactCredentials, Action::CodeartifactCredentialsAsAdministrator)
            }
        };
        let mut place = wanted.region.clone();
        let asked = async {
            let entitlement = self.prove(asking.caller, name)?;
            wanted.kind.must_suit(&entitlement.connector().spec)?;
            let region = self.registry_region(&entitlement, wanted.region.as_ref())?;
            place = Some(region.clone());
            let loan = self.lend(asking, name, &ask).await?;
            let registry = wanted.kind.registry(region, loan.vended.account.as_ref())?;
            let (credentials, now) = (&loan.vended.credentials, self.clock.now());
            let password = self.registries.password(&registry, credentials, now, asking.deadline).await?;
            let described = registry.described(&password);
            let (arn, account) = (loan.vended.arn.clone(), loan.vended.account.clone());
            let given = RegistryGiven { region: registry.region().clone(), password, arn, account };
            self.told(asking, name, &ask, &loan, (actions, Some(described)), given).await
        };
        let asked = asked.await;
        let described = wanted.kind.described(place.as_ref());
        self.or_refused(asking, name, (actions, described), asked).await
    }

    fn registry_region(&self, entitlement: &Entitlement, asked: Option<&Region>) -> Result<Region, VendError> {
        let snapshot = self.inventory.snapshot();
        let key = snapshot.access_key(entitlement.connector().spec.access_key()).ok_or(VendError::NoAccessKey)?;
        match asked {
            Some(region) if region.partition() != key.partition() => Err(VendError::OtherPartition(key.partition())),
            Some(region) => Ok(region.clone()),
            None => Ok(key.details.region.clone()),
        }
    }

    /// Hands over what was made by a loan, once it is proved after that wait, too, that whoever the caller is by now would be lent the
    /// very same, and the record of it is durable.
    async fn told<T>(
        &self,
        asking: &Asking<'_>,
        name: &ConnectorName,
        ask: &VendRequest,
        loan: &Loan,
        ((granted, as_administrator), described): (Actions, Option<Value>),
        made: T,
    ) -> Result<Recorded<T>, VendError> {
        let caller = self.must_stand(asking, name, ask, loan).await?;
        let entry = loan.entry(asking, ask, granted, as_administrator);
        let entry = match described {
            Some(described) => entry.also(described),
            None => entry,
        };
        let recorded = self.record_if_as_read(&caller, entry, made).await?;
        let recorded = recorded.map_err(|_| VendError::Unsettled)?;
        meter::vended(loan.request.action(), loan.vended.reused);
        Ok(recorded)
    }

    async fn must_stand(
        &self,
        asking: &Asking<'_>,
        name: &ConnectorName,
        ask: &VendRequest,
        loan: &Loan,
    ) -> Result<Caller, VendError> {
        let caller = self.sign_in.again(asking.caller, asking.origin, asking.deadline).await?;
        let now = self.wish(&caller, name, ask)?;
        if now.identity == loan.identity { Ok(caller) } else { Err(VendError::Unsettled) }
    }

    async fn or_refused<T>(
        &self,
        asking: &Asking<'_>,
        name: &ConnectorName,
        ((granted, _), described): (Actions, Option<Value>),
        made: Result<Recorded<T>, VendError>,
    ) -> Result<Recorded<T>, VendError> {
        match made {
            Ok(recorded) => Ok(recorded),
            Err(error) => Err(self.refuse(asking, name, granted, described, error).await),
        }
    }
}

impl RegistryKind {
    /// Whether the connector gives such passwords, and for so long: longer than its credentials only where AWS leaves no choice.
    fn must_suit(&self, spec: &ConnectorSpec) -> Result<(), VendError> {
        if !spec.gives_registry_passwords() {
            return Err(VendError::NoRegistryPasswords);
        }
        let (minimum, (_, longest)) = (TokenLife::MIN_SECONDS, spec.principal().durations());
        let maximum = longest.clamp(minimum, TokenLife::MAX_SECONDS);
        match self {
            Self::CodeArtifact { life: TokenLife::Seconds(seconds), .. } if !(minimum..=maximum).contains(seconds) => {
                Err(VendError::TooLong { minimum, maximum })
            }
            Self::CodeArtifact { .. } | Self::Ecr => Ok(()),
        }
    }

    /// What the trail says of a password that nobody got: what it was to be for, as far as that was said, or known by then.
    fn described(&self, region: Option<&Region>) -> Option<Value> {
        let mut told = serde_json::Map::new();
        let mut tell = |name: &str, value: Option<&str>| {
            told.extend(value.map(|value| (name.to_owned(), Value::from(value))));
        };
        tell("region", region.map(Region::as_str));
        if let Self::CodeArtifact { domain, owner, .. } = self {
            tell("domain", Some(domain.as_str()));
            tell("domain_owner", owner.as_ref().map(AccountId::as_str));
        }
        (!told.is_empty()).then_some(Value::Object(told))
    }

    /// With whose domain it is filled in, where nobody said.
    fn registry(&self, region: Region, account: Option<&AccountId>) -> Result<Registry, VendError> {
        Ok(match self {
            Self::Ecr => Registry::Ecr { region },
            Self::CodeArtifact { domain, owner, life } => {
                let owner = owner.as_ref().or(account).ok_or(VendError::NoDomainOwner)?;
                Registry::CodeArtifact { region, domain: domain.clone(), owner: owner.clone(), life: *life }
            }
        })
    }
}

impl Recorded<RegistryGiven> {
    /// For the answer alone; the record is durable.
    pub fn password(&self) -> &SecretString {
        self.value().password.secret()
    }
}
