//! A real browser: what it sends of its own accord, and what it makes of our headers.

use serde_json::{Value, json};
use tests::browser::Browser;
use tests::house::{House, password_of};
use tests::patience::soon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_opens_the_console_and_signs_out() {
    let (house, browser) = (House::build().await, Browser::open().await);
    browser.go(&house.url("/")).await;
    browser.wait_for("Password").await;
    assert!(browser.url().await.ends_with("/sign-in?next=/"));

    sign_in(&browser, "ada", "not the password").await;
    browser.wait_for("Unknown user name or wrong password.").await;
    let kept = browser.script("return document.querySelector('#username').value", &[]).await;
    assert_eq!(kept, "ada", "the name is kept");

    sign_in(&browser, "ada", &password_of("ada")).await;
    browser.wait_for("Deploys to production").await;
    assert_eq!(browser.script("return document.cookie", &[]).await, "", "no script could read the cookie");

    browser.click("a[href='/console/deploy']").await;
    browser.wait_for("Signed in to the simulated AWS console").await;
    let shown = browser.text().await;
    assert!(shown.contains("assumed-role/deploy/ada") && shown.contains("https://console.aws.amazon.com/"), "{shown}");
    assert_eq!(browser.script("return document.referrer", &[]).await, "", "AWS is told nothing of where it came from");

    browser.go(&house.url("/")).await;
    browser.click("form[action='/sign-out'] button").await;
    browser.wait_for("Password").await;
    browser.go(&house.url("/console/deploy")).await;
    browser.wait_for("Password").await;
    quiet(&browser, &["401"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sign_in_form_leads_all_the_way_to_aws() {
    let (house, browser) = (House::build().await, Browser::open().await);
    let destination = "https://eu-central-1.console.aws.amazon.com/ecs";
    browser.go(&house.url(&format!("/console/reports?destination={destination}"))).await;
    browser.wait_for("Password").await;
    sign_in(&browser, "ada", &password_of("ada")).await;
    browser.wait_for("Signed in to the simulated AWS console").await;
    assert!(browser.text().await.contains(destination));
    quiet(&browser, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_link_is_asked_about_first() {
    let (house, browser) = (House::build().await, Browser::open().await);
    signed_in(&browser, &house).await;
    let link = house.url("/console/deploy?destination=https://console.aws.amazon.com/iam");
    browser.go(&site(format!("<a href='{link}'>free money</a>")).await).await;
    browser.click("a").await;
    browser.wait_for("Open the AWS console?").await;
    let shown = browser.text().await;
    assert!(shown.contains("111111111111") && shown.contains("https://console.aws.amazon.com/iam"), "{shown}");
    assert_eq!(house.sim.count("AssumeRole"), 0);

    browser.click("form button").await;
    browser.wait_for("Signed in to the simulated AWS console").await;
    assert_eq!(house.sim.count("getSigninToken"), 1);
    quiet(&browser, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_link_is_asked_about_after_signing_in_as_well() {
    let (house, browser) = (House::build().await, Browser::open().await);
    let link = house.url("/console/deploy?destination=https://console.aws.amazon.com/iam");
    browser.go(&site(format!("<a href='{link}'>free money</a>")).await).await;
    browser.click("a").await;
    browser.wait_for("Password").await;
    sign_in(&browser, "ada", &password_of("ada")).await;
    browser.wait_for("Open the AWS console?").await;
    let shown = browser.text().await;
    assert!(shown.contains("111111111111") && shown.contains("https://console.aws.amazon.com/iam"), "{shown}");
    assert_eq!(house.sim.count("AssumeRole"), 0);
    browser.click("form[action='/console/deploy'] button").await;
    browser.wait_for("Signed in to the simulated AWS console").await;
    quiet(&browser, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_forms_and_frames_get_nowhere() {
    let (house, browser) = (House::build().await, Browser::open().await);
    signed_in(&browser, &house).await;
    for path in ["/console/deploy", "/sign-out", "/sign-in"] {
        let form = format!(
            "<form method=post action='{}'><input name=csrf value=0></form><script>document.forms[0].submit()</script>",
            house.url(path)
        );
        browser.go(&site(form).await).await;
        browser.wait_for("Not with these credentials").await;
    }
    browser
        .go(&site(format!("<p>bait</p><iframe src='{0}'></iframe><img src='{0}'>", house.url("/console/deploy"))).await)
        .await;
    browser.wait_for("bait").await;
    assert_eq!(house.sim.count("AssumeRole"), 0);
    browser.go(&house.url("/")).await;
    browser.wait_for("Deploys to production").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_browser_fetches_ahead_of_time_makes_no_link() {
    let (house, browser) = (House::build().await, Browser::open().await);
    signed_in(&browser, &house).await;
    let ahead = "const url = arguments[0];
        const link = document.createElement('link');
        link.rel = 'prefetch'; link.href = url; document.head.append(link);
        const rules = document.createElement('script');
        rules.type = 'speculationrules';
        rules.textContent = JSON.stringify({ prefetch: [{ source: 'list', urls: [url + '?destination='], eagerness: 'immediate' }],
                                             prerender: [{ source: 'list', urls: [url], eagerness: 'immediate' }] });
        document.head.append(rules);";
    let link = house.url("/console/deploy");
    // From another site, and from a page of ours whose policy was switched off to let the browser try.
    browser.go(&site(format!("<p>bait</p><link rel=prefetch href='{link}'>")).await).await;
    browser.script(ahead, &[link.clone().into()]).await;
    tokio::time::sleep(AHEAD).await;
    browser.tools("Page.setBypassCSP", json!({ "enabled": true })).await;
    browser.go(&house.url("/")).await;
    browser.script(ahead, &[link.into()]).await;
    tokio::time::sleep(AHEAD).await;
    assert_eq!((house.sim.count("AssumeRole"), house.sim.count("getSigninToken")), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_of_the_api_is_read_without_a_script() {
    let (house, browser) = (House::build().await, Browser::open().await);
    browser.tools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.go(&house.url("/docs")).await;
    browser.tools("Emulation.setScriptExecutionDisabled", json!({ "value": false })).await;
    let document: Value =
        house.request(reqwest::Method::GET, "/openapi.json").send().await.unwrap().json().await.unwrap();
    let shown = browser.text().await;
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(shown.contains(path), "{path}");
        for operation in item.as_object().unwrap().values() {
            assert!(shown.contains(operation["summary"].as_str().unwrap()), "{path}");
        }
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        let there = format!("return document.getElementById('type-{name}') !== null");
        assert_eq!(browser.script(&there, &[]).await, true, "{name}");
    }
    // Every way within the page leads somewhere.
    let dead = "return [...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.hash.slice(1)).filter(id => !document.getElementById(id))";
    assert_eq!(browser.script(dead, &[]).await, json!([]));
    browser.click("a[href='#vend_credentials']").await;
    soon("the call's place", async || browser.url().await.ends_with("/docs#vend_credentials").then_some(())).await;
    browser.click("#vend_credentials a[href='#type-CredentialsRequest']").await;
    soon("the type's place", async || browser.url().await.ends_with("#type-CredentialsRequest").then_some(())).await;
    let narrow = json!({ "width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": true });
    browser.tools("Emulation.setDeviceMetricsOverride", narrow).await;
    for scheme in ["light", "dark"] {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.tools("Emulation.setEmulatedMedia", features).await;
        looks_right(&browser, scheme, "docs").await;
    }
    quiet(&browser, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_fit_a_narrow_window_in_the_light_and_in_the_dark() {
    let (house, browser) = (House::build().await, Browser::open().await);
    let narrow = json!({ "width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": true });
    browser.tools("Emulation.setDeviceMetricsOverride", narrow).await;
    for scheme in ["light", "dark"] {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.tools("Emulation.setEmulatedMedia", features).await;
        browser.go(&house.url("/sign-in")).await;
        looks_right(&browser, scheme, "sign-in").await;
        sign_in(&browser, "ada", "wrong").await;
        browser.wait_for("wrong password").await;
        looks_right(&browser, scheme, "wrong-password").await;
        browser.go(&house.url("/console/deploy?destination=https://evil.example")).await;
        signed_in(&browser, &house).await;
        looks_right(&browser, scheme, "home").await;
        browser.go(&site(format!("<a href='{}'>go</a>", house.url("/console/deploy"))).await).await;
        browser.click("a").await;
        browser.wait_for("Open the AWS console?").await;
        looks_right(&browser, scheme, "console").await;
        browser.go(&house.url("/console/treasury")).await;
        looks_right(&browser, scheme, "problem").await;
        browser.go(&house.url("/")).await;
        browser.click("form[action='/sign-out'] button").await;
        browser.wait_for("Password").await;
    }
    quiet(&browser, &["401", "404"]).await;
}

/// Nothing sticks out at the side, and text stands out from its ground (WCAG AA).
pub(crate) async fn looks_right(browser: &Browser, scheme: &str, name: &str) {
    if let Some(folder) = std::env::var_os("BROKERD_TEST_PICTURES") {
        let file = std::path::Path::new(&folder).join(format!("{name}-{scheme}.base64"));
        std::fs::write(file, browser.picture().await).unwrap();
    }
    let wide = browser.script("return document.documentElement.scrollWidth", &[]).await;
    assert!(wide.as_u64().unwrap() <= 360, "{name} {scheme} is {wide} wide");
    let pale = browser.script(PALE, &[]).await;
    assert_eq!(pale, Value::Array(Vec::new()), "{name} {scheme}");
}

pub(crate) async fn sign_in(browser: &Browser, username: &str, password: &str) {
    browser.fill("#username", username).await;
    browser.fill("#password", password).await;
    browser.click("button[type=submit]").await;
}

async fn signed_in(browser: &Browser, house: &House) {
    browser.go(&house.url("/sign-in")).await;
    sign_in(browser, "ada", &password_of("ada")).await;
    browser.wait_for("Deploys to production").await;
}

/// The console says nothing but that these statuses came.
pub(crate) async fn quiet(browser: &Browser, statuses: &[&str]) {
    let said = browser.console().await;
    let expected = |line: &&String| statuses.iter().any(|status| line.contains(&format!("status of {status}")));
    let loud: Vec<&String> = said.iter().filter(|line| !expected(line)).collect();
    assert!(loud.is_empty(), "{loud:#?}");
}

/// Another site (`localhost` is not `127.0.0.1`) that answers everything with this; gone with the test's runtime.
pub(crate) async fn site(html: String) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{html}",
        html.len()
    );
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 8_192]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    url
}

const AHEAD: std::time::Duration = std::time::Duration::from_secs(2);

/// Finds text whose contrast to its ground is below 4.5.
const PALE: &str = "
    const numbers = color => color.match(/[0-9.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
    const ground = element => {
        for (let e = element; e; e = e.parentElement) {
            const color = numbers(getComputedStyle(e).backgroundColor);
            if (color.length < 4 || color[3] > 0) return color;
        }
        return [255, 255, 255];
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const pale = [];
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.textContent.trim()) continue;
        const [a, b] = [light(numbers(getComputedStyle(element).color)), light(ground(element))];
        const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        if (contrast < 4.5) pale.push(walker.currentNode.textContent.trim() + ' ' + contrast.toFixed(2));
    }
    return pale;";
