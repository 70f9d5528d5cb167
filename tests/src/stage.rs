//! What stories with brokerd as a process happen on: AWS played behind it, people and connectors, and its front door.
//!
//! Of AWS there is account 111111111111 with the user `broker` (two keys), the user `second` (two keys as well), the role `deploy` and the bucket
//! `reports`; of people `ada` (group `corp/release`), `bob` (in none) and `root` (an administrator). Every secret is random.

use std::net::SocketAddr;

use aws_sim::{AccessKey, Bucket, Role, Sim, User, World};
use broker_core::directory::Password;
use broker_core::directory::local::hash_password;
use reqwest::{Client, Method};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use crate::brokerd::Installation;
use crate::postgres;

/// A played AWS, and whom it is played for. Dropped, AWS is gone.
#[derive(Debug)]
pub struct Stage {
    pub sim: Sim,
    /// The key of the connectors file.
    pub main: AccessKey,
    /// The other key of the same user.
    pub spare: AccessKey,
    /// A key of somebody else.
    pub second: AccessKey,
    /// The other key of that somebody.
    pub third: AccessKey,
    people: [(&'static str, String, &'static [&'static str]); 3],
    more_keys: String,
    more_tables: String,
}

/// The front door of a daemon.
#[derive(Clone, Debug)]
pub struct Door {
    http: Client,
    url: String,
}

/// What came back through the door.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// The status line's rest, headers and body, as far as a client can see them.
    pub whole: String,
    pub body: String,
}

impl Stage {
    pub async fn set() -> Self {
        let [main, spare, second, third] = [(); 4].map(|()| AccessKey::random());
        let sim =
            Sim::start(world([&main, &spare, &second, &third]), SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let person = |name, groups| (name, format!("{name}'s \"pässwörd\"+&=% {}", Uuid::new_v4()), groups);
        let people = [person("ada", &["release"][..]), person("bob", &[][..]), person("root", &["admins"][..])];
        Self { sim, main, spare, second, third, people, more_keys: String::new(), more_tables: String::new() }
    }

    /// Adds top-level keys, and tables, to the configuration of every installation that follows.
    #[must_use]
    pub fn configured(mut self, keys: &str, tables: &str) -> Self {
        self.more_keys.push_str(keys);
        self.more_tables.push_str(tables);
        self
    }

    pub fn password_of(&self, username: &str) -> &str {
        &self.people.iter().find(|(name, ..)| *name == username).unwrap().1
    }

    /// An installation on an SQLite file in its own folder.
    pub fn on_sqlite(&self) -> Installation {
        self.furnish(Installation::new(&self.configuration(), &connectors()), None)
    }

    /// An installation on this PostgreSQL database, by a URL with a password.
    pub fn on_postgres(&self, url: &str) -> Installation {
        let mut bare: Url = url.parse().unwrap();
        let password = bare.password().unwrap().to_owned();
        bare.set_password(None).unwrap();
        let store = format!("\"{bare}\", password = {{ file = \"postgres.password\" }}");
        self.furnish(Installation::with_store(&store, &self.configuration(), &connectors()), Some(&password))
    }

    /// The same on a fresh database.
    pub fn on_postgres_of(&self, story: &str) -> Installation {
        self.on_postgres(&postgres::database(story))
    }

    /// The connectors that every installation begins with, as its file says them.
    pub fn connectors(&self) -> String {
        connectors().replace("KEY_ID", self.main.id())
    }

    fn furnish(&self, installation: Installation, postgres_password: Option<&str>) -> Installation {
        installation.write("connectors.toml", &self.connectors());
        installation.write("keys/main", self.main.secret());
        if let Some(password) = postgres_password {
            installation.write("postgres.password", password);
        }
        installation
    }

    fn configuration(&self) -> String {
        let people = self.people.iter().map(|(name, password, groups)| {
            let password = Password::parse(SecretString::from(password.as_str())).unwrap();
            let hash = hash_password(&password).unwrap();
            format!("[[directory.backend.local.people]]\nusername = \"{name}\"\ngroups = {groups:?}\npassword_hash = \"{hash}\"\n")
        });
        format!(
            "admin_groups = [\"corp/admins\"]\naws = {{ endpoint_url = \"{}\", federation_url = \"{}\" }}\n{}\n\
             [[directory]]\nname = \"corp\"\nmay_grant_admin = true\n{}{}",
            self.sim.endpoint(),
            self.sim.federation_endpoint(),
            self.more_keys,
            people.collect::<String>(),
            self.more_tables,
        )
    }
}

impl Door {
    pub fn of(url: &str) -> Self {
        // Whoever comes first installs it; all of them would install the same.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, url: url.to_owned() }
    }

    /// Asks, and waits for the whole answer. Panics when there is none.
    pub async fn ask(&self, method: Method, path: &str, token: Option<&str>, body: Option<&Value>) -> Answer {
        self.try_ask(method, path, token, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub async fn try_ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> reqwest::Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        Self::answer(request.send().await?).await
    }

    /// For requests of other shapes, such as a browser's.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub async fn answer(response: reqwest::Response) -> reqwest::Result<Answer> {
        let (status, head) = (response.status().as_u16(), format!("{:?}", response.headers()));
        // What is marked sensitive is not shown: cookies are.
        let cookies = response.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap().to_owned());
        let head = cookies.fold(head, |head, cookie| head + "\n" + &cookie);
        let body = response.text().await?;
        Ok(Answer { status, whole: format!("{head}\n\n{body}"), body })
    }

    /// Signs somebody in; the token.
    pub async fn sign_in(&self, username: &str, password: &str) -> String {
        let body = json!({ "username": username, "password": password });
        let answer = self.ask(Method::POST, "/v1/sessions", None, Some(&body)).await;
        assert_eq!(answer.status, 201, "{username}: {}", answer.body);
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Asks for credentials, never for those of before.
    pub async fn vend(&self, token: &str, connector: &str) -> Answer {
        self.try_vend(token, connector).await.unwrap_or_else(|error| panic!("{connector}: {error}"))
    }

    pub async fn try_vend(&self, token: &str, connector: &str) -> reqwest::Result<Answer> {
        let path = format!("/v1/connectors/{connector}/credentials");
        self.try_ask(Method::POST, &path, Some(token), Some(&json!({ "fresh": true }))).await
    }

    /// Whether a caller sees a connector.
    pub async fn shows(&self, token: &str, connector: &str) -> bool {
        let answer = self.ask(Method::GET, &format!("/v1/connectors/{connector}"), Some(token), None).await;
        match answer.status {
            200 => true,
            404 => false,
            _ => panic!("{answer:?}"),
        }
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// A text of the answer's JSON.
    pub fn text(&self, field: &str) -> String {
        self.json()[field].as_str().unwrap_or_else(|| panic!("no {field}: {}", self.body)).to_owned()
    }
}

fn world([main, spare, second, third]: [&AccessKey; 4]) -> World {
    let all = allow("*", "*");
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": ACCOUNT }, "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
    }] });
    let broker = User::new(ACCOUNT, "broker").inline_policy("all", &all).key(main.clone()).key(spare.clone());
    World::new()
        .user(broker)
        .user(User::new(ACCOUNT, "second").inline_policy("all", &all).key(second.clone()).key(third.clone()))
        .role(
            Role::new(ACCOUNT, "deploy", trust)
                .inline_policy("reading", allow("s3:GetObject", "arn:aws:s3:::reports/*")),
        )
        .bucket(Bucket::new(ACCOUNT, "reports").object("q1.txt", "first quarter"))
        .bucket(Bucket::new(ACCOUNT, "payroll").object("all.txt", "nobody's business"))
}

fn allow(action: &str, resource: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action, "Resource": resource }] })
}

fn connectors() -> String {
    let role = format!("principal.assume_role = {{ role_arn = \"{ROLE}\" }}");
    let entries = [
        ("deploy", "groups = [\"corp/release\"]", role.as_str()),
        ("reports", "groups = [\"corp/release\"]", FEDERATED),
        ("raw", "groups = [\"corp/release\"]", "principal.session_token = {}"),
        ("treasury", "groups = [\"corp/finance\"]", role.as_str()),
        ("ci", "scope = \"system\"", role.as_str()),
    ];
    let entries = entries.map(|(name, audience, principal)| connector(name, "main", audience, principal));
    format!(
        "[[access_key]]\nname = \"main\"\nregion = \"eu-central-1\"\n\
         source.stored = {{ access_key_id = \"KEY_ID\", secret_access_key = {{ file = \"keys/main\" }} }}\n\n{}",
        entries.concat()
    )
}

/// One more entry for a connectors file: the role `deploy`, for ada's group.
pub fn role_connector(name: &str, access_key: &str) -> String {
    let role = format!("principal.assume_role = {{ role_arn = \"{ROLE}\" }}");
    connector(name, access_key, "groups = [\"corp/release\"]", &role)
}

fn connector(name: &str, access_key: &str, audience: &str, principal: &str) -> String {
    format!("[[connector]]\nname = \"{name}\"\naccess_key = \"{access_key}\"\n{audience}\n{principal}\n\n")
}

pub const ACCOUNT: &str = "111111111111";
pub const ROLE: &str = "arn:aws:iam::111111111111:role/deploy";
const FEDERATED: &str = r#"principal.federated_user = { policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::reports/*"}]}' }"#;
