//! Two nodes of one broker, on one store.

use aws_sim::Sim;

use super::{Asker, Prepared, World};
use crate::postgres;

impl Prepared {
    /// Two nodes on a database of their own in PostgreSQL. Both ask the first one's AWS.
    pub async fn two_nodes(story: &str) -> [Self; 2] {
        let url = postgres::database(story);
        let aws = |sim: &Sim| format!("endpoint_url = \"{0}\", iam_endpoint_url = \"{0}\"", sim.endpoint());
        let (here, there) = (World::prepare().await.on_postgres(&url), World::prepare().await.on_postgres(&url));
        let own = aws(&there.sim);
        let there = there.configured(&own, &aws(&here.sim));
        [here, there]
    }
}

impl Asker {
    /// The same person or job, at another node.
    #[must_use]
    pub fn at_node(&self, node: &World) -> Self {
        node.stranger().with_token(self.token.as_ref().unwrap())
    }
}
