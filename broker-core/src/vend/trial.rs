//! A connector tried out by an administrator: AWS is asked as for a vend, and what it gives is used for nothing but to ask whom it
//! acts as.

use super::loan::{Loan, Wish};
use super::{Asking, Broker, VendError, VendRequest};
use crate::connector::Reuse;
use crate::entitlement::Entitlement;
use crate::mfa::MfaCode;
use crate::name::ConnectorName;
use crate::permission::Administrator;
use crate::reason::Reason;
use crate::sts::CallerIdentity;
use crate::trail::{Action, Recorded};

impl Broker {
    /// Whom a connector's credentials act as, of whatever scope it is. Always by credentials of its own, which are kept for nobody.
    pub async fn try_out(
        &self,
        by: &Administrator,
        asking: &Asking<'_>,
        name: &ConnectorName,
        (reason, mfa_code): (Option<Reason>, Option<MfaCode>),
    ) -> Result<Recorded<CallerIdentity>, VendError> {
        let ask = VendRequest { reason, mfa_code, fresh: true, ..VendRequest::default() };
        match self.tried(by, asking, name, &ask).await {
            Ok((loan, identity)) => {
                let entry = loan.entry(asking, &ask, Action::ConnectorTried, Action::ConnectorTried);
                Ok(self.trail.record(entry, identity).await?)
            }
            Err(error) => Err(self.refuse(asking, name, Action::ConnectorTried, None, error).await),
        }
    }

    async fn tried(
        &self,
        by: &Administrator,
        asking: &Asking<'_>,
        name: &ConnectorName,
        ask: &VendRequest,
    ) -> Result<(Loan, CallerIdentity), VendError> {
        let wish = self.trial(by, asking, name, ask)?;
        let obtained = self.obtain(&wish, Reuse::Off, true, asking).await?;
        let identity = self.sts.caller_identity(&wish.key, &obtained.credentials, asking.deadline).await?;
        let arn = match Self::known_arn(&wish, &obtained.credentials) {
            Some(arn) => Some(arn),
            None => self.ask_arn(&wish, &obtained.credentials, asking.deadline).await,
        };
        // Who is no administrator any more is told nothing.
        let caller = self.sign_in.again(asking.caller, asking.origin, asking.deadline).await?;
        Entitlement::trial(by, &caller, wish.entitlement.connector())?;
        Ok((Self::loan(wish, obtained, arn, true), identity))
    }

    fn trial(
        &self,
        by: &Administrator,
        asking: &Asking<'_>,
        name: &ConnectorName,
        ask: &VendRequest,
    ) -> Result<Wish, VendError> {
        let snapshot = self.inventory.snapshot();
        let connector = snapshot.connector(name).ok_or(VendError::NoSuchConnector)?;
        self.wish_of(Entitlement::trial(by, asking.caller, connector)?, ask)
    }
}
