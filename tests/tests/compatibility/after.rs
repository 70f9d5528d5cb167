//! What each client prints for somebody who was taken out of the group.

use tests::python;

use crate::clients::Client;
use crate::scene::{Scene, afterwards};
use crate::ways;

/// How a client came to be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refused {
    /// With the token that `aws sso login` has kept.
    ByToken,
    /// By `broker process`.
    ByProcess,
}

/// The words on the terminal, for each way.
pub(crate) fn who_lost_the_group_is_told(scene: &Scene, client: Client) -> [(Refused, String); 2] {
    let connector = afterwards(client);
    let desk = scene.desk().copied(&scene.world).with_profile(&connector);
    let by_token = refused(scene, client, &desk);
    let refusals = scene.world.trail_of(&connector);
    assert!(!refusals.is_empty() && refusals.iter().all(|it| it == "person:corp/ada vend refused"), "{refusals:?}");
    let by_process = refused(scene, client, &ways::machine_with_the_command(scene, &connector));

    let of_it = |session: &String| session.starts_with(&connector);
    let sessions =
        scene.world.calls("AssumeRole").into_iter().filter_map(|mut it| it.parameters.remove("RoleSessionName"));
    assert!(!sessions.into_iter().any(|session| of_it(&session)), "AWS was asked");
    // One of them keeps to itself why the program that it ran has failed.
    let end = if client == Client::JavaScript { "from any providers" } else { "administrators for others" };
    let by_token = sentence(&by_token, "Ask in #cloud-access.", &connector);
    let by_process = sentence(&by_process, end, &connector);
    [(Refused::ByToken, by_token), (Refused::ByProcess, by_process)]
}

fn refused(scene: &Scene, client: Client, machine: &python::Client) -> String {
    client.asks(machine, &scene.world.sim.endpoint()).failed()
}

/// The line up to there, without what rclone puts before it, and as if the connector were `deploy`.
fn sentence(said: &str, end: &str, connector: &str) -> String {
    let line = said.lines().find_map(|line| Some(line.split_once(end)?.0)).unwrap_or_else(|| panic!("{said}"));
    let line = line.split_once(" ERROR : ").map_or(line, |(_, line)| line);
    format!("{}{end}", line.replace(connector, "deploy"))
}
