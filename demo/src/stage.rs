//! What the demo runs: a broker in a temporary folder, its people, and the stand-in for AWS that it speaks to.

use std::net::SocketAddr;

use anyhow::Context;
use aws_sim::Sim;
use broker_core::administration::NewServiceToken;
use broker_core::permission::{Operator, Permission};
use broker_core::store::Store;
use brokerd::config::Config;
use brokerd::daemon::Daemon;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::folder::Folder;
use crate::journey::Journey;
use crate::people::People;
use crate::{aws, folder};

/// A broker that serves, and all that belongs to it.
#[derive(Debug)]
pub(crate) struct Demo {
    pub(crate) url: String,
    pub(crate) people: People,
    pub(crate) sim: Sim,
    pub(crate) store: Store,
    pub(crate) service_token: SecretString,
    aws_endpoint: String,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
    /// Gone with the demo, and the secrets in it.
    _folder: Folder,
    _reload: mpsc::Sender<()>,
}

impl Demo {
    pub(crate) async fn begin(listen: SocketAddr) -> anyhow::Result<Self> {
        let people = People::random()?;
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}: is something else there? Try --listen 127.0.0.1:0"))?;
        let url = format!("http://{}", listener.local_addr()?);
        let folder = Folder::write(&people, &url)?;
        let sim = Sim::start(aws::world(&folder)?, SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        folder.point_at(&sim.endpoint(), &sim.federation_endpoint())?;

        let config = Config::load(&folder.config())
            .map_err(|errors| anyhow::anyhow!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
        let daemon = Daemon::build(config).await?;
        let service_token = service_token(&daemon).await?;
        let store = daemon.house().store.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let until_told = async move {
            let _ = stopped.await;
        };
        let (reload, reloads) = mpsc::channel(1);
        let served = tokio::spawn(daemon.run(listener, reloads, until_told));
        let aws_endpoint = sim.endpoint();
        Ok(Self {
            url,
            people,
            sim,
            store,
            service_token,
            aws_endpoint,
            stop,
            served,
            _folder: folder,
            _reload: reload,
        })
    }

    pub(crate) fn journey(&self) -> Journey<'_> {
        let Self { url, aws_endpoint, people, service_token, .. } = self;
        Journey { url, aws_endpoint, people, service_token }
    }

    /// Finishes what is in flight.
    pub(crate) async fn end(self) -> anyhow::Result<()> {
        let _ = self.stop.send(());
        Ok(self.served.await?)
    }
}

/// A token for a CI job, as `brokerd token create` makes it.
async fn service_token(daemon: &Daemon) -> anyhow::Result<SecretString> {
    let connector = folder::SYSTEM_CONNECTOR.to_owned().try_into()?;
    let new = NewServiceToken {
        name: "demo-ci".to_owned().try_into()?,
        connectors: std::collections::BTreeSet::from([connector]),
        expires_at: None,
        networks: Vec::new(),
    };
    Ok(daemon.administration().create_service_token(new, &Operator::on_the_host("demo")).await?.0)
}

#[cfg(test)]
mod tests {
    use aws_sim::{Calls, Fault};

    use super::*;

    /// What the demo says of a journey on which something went wrong.
    async fn told(demo: &Demo, journey: Journey<'_>) -> String {
        format!("{:#}", journey.travel(&demo.store).await.expect_err("something went wrong"))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whichever_step_goes_wrong_the_journey_is_no_good() {
        rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
        let begin = async || Demo::begin("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let demo = begin().await;
        demo.journey().travel(&demo.store).await.unwrap();
        let strangers = People::random().unwrap();
        let journey = Journey { people: &strangers, ..demo.journey() };
        assert!(told(&demo, journey).await.starts_with("signing in: "));
        let journey = Journey { aws_endpoint: "http://127.0.0.1:9", ..demo.journey() };
        assert_eq!(told(&demo, journey).await, "vending by AssumeRole: AWS does not take the credentials");
        let other = SecretString::from("bkc_another");
        let journey = Journey { service_token: &other, ..demo.journey() };
        assert!(told(&demo, journey).await.starts_with("vending to a CI job: "));
        demo.end().await.unwrap();
        for (call, step) in [
            ("AssumeRole", "vending by AssumeRole: "),
            ("GetFederationToken", "vending by GetFederationToken: "),
            ("GetSessionToken", "vending by GetSessionToken: "),
            ("getSigninToken", "opening the console: "),
        ] {
            // Anew each time, so that nothing is there to be given again.
            let demo = begin().await;
            let refusal = Fault::Refusal { status: 403, code: "AccessDenied", message: "not today".to_owned() };
            demo.sim.faults().once(Calls::of(call), refusal);
            let said = told(&demo, demo.journey()).await;
            assert!(said.starts_with(step), "{said}");
            demo.end().await.unwrap();
        }
    }
}
