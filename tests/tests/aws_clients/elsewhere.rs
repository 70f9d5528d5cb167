//! Programs on other machines go on only as long as those who let them in may do so.

use tests::world::{World, password_of};

use crate::devices::{Device, world};
use crate::login::{Got, Login, OVER};
use crate::program::{Program, Tokens, refused};

#[tokio::test(flavor = "multi_thread")]
async fn programs_on_other_machines_end_once_the_configuration_lets_none_in() {
    let world = world().await;
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    let (near, of_near) = Program::signed_in_by(&world, &cookie).await;
    let (login, of_login) = Login::logged_in_by(&world, &cookie, "deploy").await;
    let remote = Login::remote(&world);
    let code = remote.code(&cookie, "deploy").await;
    let of_remote = Got::of(&remote.token(&remote.redemption(&code)).await);
    let device = Device::waiting(&world).await;
    assert_eq!(device.decide(&cookie, "allow").await.status, 200);
    let of_device = Tokens::of(&device.asks().await);

    let World { sim, brokerd } = world;
    let installation = brokerd.stop();
    installation.edit("brokerd.toml", "device_groups = [\"corp/release\"]", "device_groups = []");
    let world = World { sim, brokerd: installation.serve() };
    let message = refused(&device.program.refresh(&of_device.refresh).await, "400 InvalidGrantException");
    assert!(message.contains("aws_clients.device_groups"), "{message}");
    let message = crate::login::refused(&remote.renew(&of_remote.refresh).await, OVER);
    assert!(message.contains("aws_clients.device_groups"), "{message}");
    Tokens::of(&near.refresh(&of_near.refresh).await);
    Got::of(&login.renew(&of_login.refresh).await);
    let refusals: Vec<_> = tests::world::soon("both in the trail", async || {
        let refusals: Vec<_> = world.trail().into_iter().filter(|it| it["action"] == "client_refused").collect();
        (refusals.len() == 2).then_some(refusals)
    })
    .await;
    assert!(refusals.iter().all(|it| it["actor"] == "anonymous" && it["about"].is_string()), "{refusals:?}");
}
