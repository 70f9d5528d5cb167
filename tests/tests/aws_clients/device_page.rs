//! The page on which a code is compared: whose links fill it in, and what the trail has of those who are not let get on.

use reqwest::Method;
use serde_json::{Value, json};
use tests::world::{Answer, World, password_of, soon};

use crate::devices::{Device, world};
use crate::program::Program;

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_link_fills_in_no_code() {
    let world = world().await;
    let device = Device::waiting(&world).await;
    let cookie = world.stranger().cookie("ada", &password_of("ada")).await;
    for site in ["none", "same-origin"] {
        let page = device.page_by(&cookie, &[("sec-fetch-site", site)]).await;
        assert!(page.status == 200 && page.text.contains("It asked from"), "{site}: {}", page.text);
    }
    // Nor does a browser's that says nothing, or that fetches what nobody has clicked yet.
    for said in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[],
        &[("sec-fetch-site", "none"), ("sec-purpose", "prefetch")],
    ] {
        let page = device.page_by(&cookie, said).await;
        assert!(page.status == 200 && page.text.contains("The code that it shows"), "{said:?}: {}", page.text);
        assert!(!page.text.contains(&device.user_code) && !page.text.contains("It asked from"), "{}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_on_the_way_fills_in_a_code_only_for_whoever_asked_for_it() {
    let world = world().await;
    let device = Device::waiting(&world).await;
    let asked = device.page_by("", &[("sec-fetch-site", "none")]).await;
    let (form, cookie) = (asked.header("location").unwrap(), asked.header("set-cookie").unwrap());
    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(signed_in_by(&device.program, form, cookie).await, format!("/device?user_code={}", device.user_code));

    let led = device.page_by("", &[("sec-fetch-site", "cross-site")]).await;
    let form = led.header("location").unwrap();
    assert!(!form.contains(&device.user_code), "{form}");
    // Nor by a link to the sign-in page itself, though it has a proof that another browser's person was given.
    let proof = asked.header("location").unwrap().split_once("&asked=").unwrap().1.to_owned();
    for proof in ["", "00", &proof] {
        let form = format!("/sign-in?next=/device%3Fuser_code%3D{}&asked={proof}", device.user_code);
        let shown = Answer::of(device.program.http.request(Method::GET, &form)).await;
        let cookie = shown.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        assert_eq!(signed_in_by(&device.program, &form, &cookie).await, "/device", "{proof}");
    }
}

/// Where the sign-in form leads to.
async fn signed_in_by(program: &Program, form: &str, cookie: &str) -> String {
    let shown = Answer::of(program.http.request(Method::GET, form).header("cookie", cookie)).await;
    let mut fields = vec![("username", "ada".to_owned()), ("password", password_of("ada"))];
    fields.extend(["csrf", "next"].map(|name| (name, shown.field(name))));
    // The form has it only where it was brought along.
    if shown.text.contains("name=\"asked\"") {
        fields.push(("asked", shown.field("asked")));
    }
    let form = program.http.request(Method::POST, "/sign-in").form(&fields);
    let answer = Answer::of(form.header("cookie", cookie).header("origin", &program.url)).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer.header("location").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_at_the_form_stands_in_the_trail_and_cannot_fill_it() {
    let world = world().await;
    let device = Device::waiting(&world).await;
    let (ada, fred) = (cookie(&world, "ada").await, cookie(&world, "fred").await);
    let csrf = csrf(&device, &ada).await;
    let of = |code: &str| [("csrf", csrf.clone()), ("user_code", code.to_owned()), ("decision", "allow".to_owned())];
    let send = async |cookie: &str, fields: &[(&str, String)]| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        device.send(cookie, &fields).await.status
    };
    assert_eq!(send(&ada, &of("BCDF-GHJK")).await, 404);
    assert_eq!(send(&ada, &of("no code")).await, 404);
    let mut outsiders = of(&device.user_code);
    outsiders[0].1 = self::csrf(&device, &fred).await;
    assert_eq!(send(&fred, &outsiders).await, 403);
    let reasons = |actor: &str| -> Vec<Value> {
        refusals(&world).into_iter().filter(|it| it["actor"] == actor).map(|it| it["reason"].clone()).collect()
    };
    let no_code = json!("there is no such code, or it is over: they hold for 10 minutes");
    let not_theirs =
        json!("none of your groups may let a program on another machine sign in (aws_clients.device_groups)");
    let seen = soon("all three", async || (refusals(&world).len() >= 3).then(|| reasons("person:corp/ada"))).await;
    assert_eq!(seen, [no_code.clone(), no_code]);
    assert_eq!(reasons("person:corp/fred"), [not_theirs]);

    // Whoever guesses on is told to wait, and what they are refused is counted.
    let mut statuses = Vec::new();
    for _ in 0..30 {
        statuses.push(send(&ada, &of("BCDF-GHJK")).await);
    }
    assert_eq!((statuses[0], statuses[29]), (404, 429), "{statuses:?}");
    let answer = device.page_by(&fred, &[("sec-fetch-site", "none")]).await;
    assert_eq!(answer.status, 403);
    soon("the last of them", async || (reasons("person:corp/fred").len() == 2).then_some(())).await;
    assert!(reasons("person:corp/ada").len() <= 10, "{:?}", reasons("person:corp/ada"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_lets_too_many_programs_wait_is_told_so_and_the_log_knows() {
    let world = world().await;
    let program = Program::registered(&world).await;
    let asked = json!({ "clientId": program.id, "clientSecret": program.secret });
    let mut statuses = Vec::new();
    for _ in 0..52 {
        statuses.push(program.http.post("/device_authorization", &asked).await.status);
    }
    assert!(statuses[..50].iter().all(|status| *status == 200) && statuses[50..] == [503, 503], "{statuses:?}");
    let log = world.brokerd.log();
    let told: Vec<&str> =
        log.lines().filter(|line| line.contains("too many programs wait for somebody's yes")).collect();
    assert!(told.len() == 1 && told[0].contains("WARN") && told[0].contains("127.0.0.1"), "{told:?}");
}

async fn cookie(world: &World, username: &str) -> String {
    world.stranger().cookie(username, &password_of(username)).await
}

/// Any page of theirs has it.
async fn csrf(device: &Device, cookie: &str) -> String {
    Answer::of(device.program.http.request(Method::GET, "/").header("cookie", cookie)).await.field("csrf")
}

fn refusals(world: &World) -> Vec<Value> {
    world.trail().into_iter().filter(|record| record["action"] == "client_refused").collect()
}
