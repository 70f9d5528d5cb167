//! A real Chromium, led by chromedriver: the few commands of the `WebDriver` protocol that stories about pages need.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::process::{Process, Signal, new_folder};
use crate::{environment, installed};

/// One window with a profile of its own. Dropped, browser and driver are gone.
#[derive(Debug)]
pub struct Browser {
    http: Client,
    port: u16,
    session: String,
    _driver: Process,
}

impl Browser {
    pub async fn open() -> Self {
        let folder = new_folder();
        let profile = folder.path().join("profile");
        let mut command = environment::command(installed::program("chromedriver"));
        command.arg("--port=0").env("HOME", folder.path());
        let driver = Process::start_in(folder, "chromedriver", command, Signal::TERM);
        let line = driver.wait_for_line("started successfully on port");
        let port = line.trim_end_matches('.').rsplit(' ').next().unwrap().parse().unwrap();
        let mut arguments: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
        arguments.push(format!("--user-data-dir={}", profile.display()));
        let options = json!({ "binary": installed::program("chromium"), "args": arguments });
        // What a page's form is sent for may come after the click has been answered.
        let timeouts = json!({ "implicit": PATIENCE.as_millis() });
        let wanted =
            json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" }, "timeouts": timeouts });
        let mut browser =
            Self { http: Client::builder().no_proxy().build().unwrap(), port, session: String::new(), _driver: driver };
        let made = browser.ask(Method::POST, "", json!({ "capabilities": { "alwaysMatch": wanted } })).await;
        browser.session = format!("/{}", made["sessionId"].as_str().unwrap());
        browser
    }

    /// Goes there as if the address had been typed.
    pub async fn go(&self, url: &str) {
        self.ask(Method::POST, "/url", json!({ "url": url })).await;
    }

    pub async fn url(&self) -> String {
        self.ask(Method::GET, "/url", Value::Null).await.as_str().unwrap().to_owned()
    }

    /// What the page shows.
    pub async fn text(&self) -> String {
        let text = self.script("return document.body ? document.body.innerText : ''", &[]).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page shows this.
    pub async fn wait_for(&self, text: &str) {
        self.wait_until(&format!("no `{text}`"), |shown| shown.contains(text)).await;
    }

    /// Waits until the page shows this no more: for the next one that looks alike.
    pub async fn wait_until_gone(&self, text: &str) {
        self.wait_until(&format!("`{text}`"), |shown| !shown.contains(text)).await;
    }

    async fn wait_until(&self, otherwise: &str, is_so: impl Fn(&str) -> bool) {
        let started = Instant::now();
        loop {
            let shown = self.text().await;
            if is_so(&shown) {
                return;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{otherwise} on {}:\n{shown}\n{:?}",
                self.url().await,
                self.console().await
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn fill(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.ask(Method::POST, &format!("/element/{element}/clear"), json!({})).await;
        self.ask(Method::POST, &format!("/element/{element}/value"), json!({ "text": text })).await;
    }

    pub async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.ask(Method::POST, &format!("/element/{element}/click"), json!({})).await;
    }

    pub async fn script(&self, script: &str, arguments: &[Value]) -> Value {
        self.ask(Method::POST, "/execute/sync", json!({ "script": script, "args": arguments })).await
    }

    /// A command of Chromium's own developer tools.
    pub async fn tools(&self, command: &str, parameters: Value) -> Value {
        self.ask(Method::POST, "/goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    /// What the console has said since it was last asked.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.ask(Method::POST, "/se/log", json!({ "type": "browser" })).await;
        entries.as_array().unwrap().iter().map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    /// The window's picture, in base64.
    pub async fn picture(&self) -> String {
        self.ask(Method::GET, "/screenshot", Value::Null).await.as_str().unwrap().to_owned()
    }

    async fn find(&self, selector: &str) -> String {
        let found = self.ask(Method::POST, "/element", json!({ "using": "css selector", "value": selector })).await;
        found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("http://127.0.0.1:{}/session{}{path}", self.port, self.session);
        let mut request = self.http.request(method, url);
        if !body.is_null() {
            request = request.json(&body);
        }
        let mut answer: Value = request.send().await.unwrap().json().await.unwrap();
        let value = answer["value"].take();
        assert!(value.get("error").is_none(), "{path}: {}", value["message"]);
        value
    }
}

/// Closes the browser, which is not of its driver's process group. Without waiting in a runtime that may be ending.
impl Drop for Browser {
    fn drop(&mut self) {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return };
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let request = format!("DELETE /session{} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\n\r\n", self.session, self.port);
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.read(&mut [0; 64]);
    }
}

const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    // Its end ends the browser, however the driver ends.
    "--remote-debugging-pipe",
];
const PATIENCE: Duration = Duration::from_secs(20);
