//! A whole run: everybody does everything, and every secret of it is noted.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;
use tests::brokerd::{Brokerd, Installation};
use tests::postgres::psql;
use tests::process::new_folder;
use tests::secrets::{Kind, Leak, Register};
use tests::slapd::{self, Slapd};
use tests::stage::{Answer, Door, Stage, role_connector};
use tests::{ended, environment, installed};
use url::Url;
use uuid::Uuid;

/// Where the store is.
#[derive(Clone, Debug)]
pub(crate) enum Engine {
    Sqlite,
    Postgres(String),
}

pub(crate) struct Run {
    stage: Stage,
    engine: Engine,
    secrets: Register,
    state: State,
    door: Door,
    temp: TempDir,
    _slapd: Slapd,
    /// Of ada in the second directory.
    staff_password: String,
    /// In the log and in a process's arguments, while it is there.
    planted: Option<String>,
    /// What clients and operators saw, with the secrets that were meant for them.
    seen: Vec<Seen>,
}

enum State {
    Served(Brokerd),
    /// With the log.
    Stopped(Installation, String),
}

struct Seen {
    place: String,
    text: String,
    meant: Vec<String>,
}

/// With a second directory, names have to tell the directories apart.
fn told_apart(connectors: &str) -> String {
    let named = "session_name = \"{directory}.{username}\"";
    let connectors = connectors.replace("assume_role = { ", &format!("assume_role = {{ {named}, "));
    connectors.replace("federated_user = { ", &format!("federated_user = {{ {named}, "))
}

impl Run {
    /// Serves an installation that logs everything, with a second directory and a proxy that each need a password.
    pub(crate) async fn begin(install: impl FnOnce(&Stage) -> Installation, engine: Engine) -> Self {
        let (slapd, mut secrets, temp) = (Slapd::start(), Register::default(), new_folder());
        let proxy = ", proxy = { url = \"http://127.0.0.1:9\", username = \"broker\", password = { file = \"proxy.password\" } }, no_proxy = [\"127.0.0.1\"] }";
        let directory = format!(
            "[[directory]]\nname = \"staff\"\n[directory.backend.ldap]\nurls = [\"{}\"]\nca_file = \"ca.pem\"\nbind_dn = \"{}\"\n\
             bind_password = {{ file = \"ldap.password\" }}\nusers = {{ base = \"{}\" }}\ngroups = {{ member_of = {{ base = \"{}\" }} }}\n",
            slapd.ldaps_url(),
            slapd::SERVICE,
            slapd::USERS,
            slapd::GROUPS,
        );
        let keys = "log = { level = \"trace\" }\noperations = { token = { file = \"operations.token\" } }\n";
        let stage = Stage::set().await.configured(keys, &directory);
        let installation = install(&stage);
        installation.write("connectors.toml", &told_apart(&installation.read("connectors.toml")));
        installation.write(
            "brokerd.toml",
            &installation.read("brokerd.toml").replacen("/federation\" }", &format!("/federation\"{proxy}"), 1),
        );
        installation.write("ca.pem", slapd.ca_pem());
        installation.write("ldap.password", &secrets.note(Kind::DirectoryPassword, slapd::SERVICE_PASSWORD));
        installation.write("proxy.password", &secrets.note(Kind::ProxyPassword, Uuid::new_v4()));
        let operator = secrets.note(Kind::OperationsToken, Uuid::new_v4().simple().to_string());
        installation.write("operations.token", &operator);
        let master_key = secrets.note(Kind::MasterKey, installation.read("master.key").trim_end());
        secrets.note_bytes(Kind::MasterKey, &STANDARD.decode(master_key).unwrap());
        for key in [&stage.main, &stage.spare, &stage.second, &stage.third] {
            secrets.note(Kind::AccessKeySecret, key.secret());
        }
        if let Engine::Postgres(url) = &engine {
            secrets.note(Kind::StorePassword, url.parse::<Url>().unwrap().password().unwrap());
        }
        let staff_password = secrets.note(Kind::Password, format!("by LDAP {}", Uuid::new_v4()));
        slapd.set("ada", "userPassword", &staff_password);
        // She need not change what the administrator has set.
        slapd.set("ada", "pwdReset", "FALSE");
        let home = format!("TMPDIR={}", temp.path().display());
        let broker = installation.serve_under(&["/usr/bin/env", &home]);
        let door = Door::of(&broker.url());
        Self {
            stage,
            engine,
            secrets,
            state: State::Served(broker),
            door,
            temp,
            _slapd: slapd,
            staff_password,
            planted: None,
            seen: Vec::new(),
        }
    }

    /// People sign in rightly and wrongly, by the API and by the pages, vend, open the console, err, and sign out.
    pub(crate) async fn journey(&mut self) {
        let mut tokens = Vec::new();
        for username in ["ada", "bob", "root"] {
            let password = self.secrets.note(Kind::Password, self.stage.password_of(username));
            let body = json!({ "username": username, "password": password });
            let answer = self.ask(Method::POST, "/v1/sessions", None, Some(body), 201).await;
            tokens.push(self.meant(&answer, "token", Kind::SessionToken));
        }
        let [ada, bob, root] = &tokens[..] else { unreachable!() };
        let typed = self.secrets.note(Kind::Mistyped, format!("wrong by LDAP {}", Uuid::new_v4()));
        for (password, status) in [(self.staff_password.clone(), 201), (typed, 401)] {
            let body = json!({ "username": "ada", "password": password, "directory": "staff" });
            let answer = self.ask(Method::POST, "/v1/sessions", None, Some(body), status).await;
            if status == 201 {
                self.meant(&answer, "token", Kind::SessionToken);
            }
        }
        let wrong = self.secrets.note(Kind::Mistyped, format!("wrong {}", Uuid::new_v4()));
        let twice = self.secrets.note(Kind::Mistyped, format!("the-password-as-name-{}", Uuid::new_v4()));
        for (username, password) in [("ada", &wrong), (twice.as_str(), &wrong), ("nobody", &wrong)] {
            let body = json!({ "username": username, "password": password });
            self.ask(Method::POST, "/v1/sessions", None, Some(body), 401).await;
        }
        let body = json!({ "username": "ada", "password": wrong, "pasword": twice });
        self.ask(Method::POST, "/v1/sessions", None, Some(body), 400).await;
        for connector in ["deploy", "reports", "raw"] {
            let path = format!("/v1/connectors/{connector}/credentials");
            for format in ["", "?format=process", "?format=env"] {
                self.vend(ada, &format!("{path}{format}"), format).await;
            }
            self.ask(Method::GET, &format!("/v1/connectors/{connector}"), Some(ada), None, 200).await;
            self.ask(Method::GET, &format!("/v1/connectors/{connector}/caller-identity"), Some(ada), None, 200).await;
            self.ask(Method::POST, &path, Some(bob), None, 404).await;
            self.ask(Method::POST, &path, Some(ada), Some(json!({ "duration_seconds": 1 })), 400).await;
        }
        self.vend(root, "/v1/connectors/treasury/credentials", "").await;
        for connector in ["deploy", "reports"] {
            let path = format!("/v1/connectors/{connector}/console-url");
            let answer = self.ask(Method::POST, &path, Some(ada), None, 200).await;
            self.link(&answer.text("url"));
        }
        self.ask(Method::POST, "/v1/connectors/raw/console-url", Some(ada), None, 400).await;
        for token in [ada, bob, root] {
            self.ask(Method::GET, "/v1/connectors", Some(token), None, 200).await;
            self.ask(Method::GET, "/v1/session", Some(token), None, 200).await;
        }
        let forged = self.secrets.note(Kind::Mistyped, format!("bks_{}", Uuid::new_v4()));
        for path in ["/v1/session", "/v1/connectors", "/no/such/page"] {
            let status = if path.starts_with("/v1") { 401 } else { 404 };
            self.ask(Method::GET, path, Some(&forged), None, status).await;
        }
        // AWS refuses in the middle of it.
        let fault = aws_sim::Fault::Refusal { status: 403, code: "AccessDenied", message: "not you".to_owned() };
        self.stage.sim.faults().once(aws_sim::Calls::of("AssumeRole"), fault);
        let path = "/v1/connectors/deploy/credentials";
        self.ask(Method::POST, path, Some(ada), Some(json!({ "fresh": true })), 502).await;
        for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
            let answer = self.door.ask(Method::GET, path, None, None).await;
            self.see(path, answer.whole, &[]);
        }
        let operator = self.secrets.one_of(Kind::OperationsToken);
        let mistaken = self.secrets.note(Kind::Mistyped, Uuid::new_v4().simple().to_string());
        for (token, status) in [(&operator, 200), (&mistaken, 401)] {
            self.ask(Method::GET, "/metrics", Some(token), None, status).await;
        }
        self.ask(Method::GET, "/readyz", Some(&operator), None, 200).await;
        self.administration(root).await;
        self.browser().await;
        self.ask(Method::DELETE, "/v1/session", Some(bob), None, 204).await;
        self.ask(Method::GET, "/v1/session", Some(bob), None, 401).await;
    }

    /// Makes, replaces and shows keys and tokens by the API, and errs with a secret in hand.
    async fn administration(&mut self, root: &str) {
        const KEYS: &str = "/v1/admin/access-keys";
        let [second, third] = [self.stage.second.clone(), self.stage.third.clone()];
        let key = |name: Option<&str>, id: &str, secret: &str| {
            let mut key = json!({
                "region": "eu-central-1", "access_key_id": id, "secret_access_key": secret, "serves": {},
            });
            if let Some(name) = name {
                key["name"] = json!(name);
            }
            Some(key)
        };
        self.ask(Method::POST, KEYS, Some(root), key(Some("api"), second.id(), second.secret()), 201).await;
        self.ask(Method::POST, KEYS, Some(root), key(Some("api"), third.id(), third.secret()), 409).await;
        self.ask(Method::PUT, &format!("{KEYS}/api"), Some(root), key(None, third.id(), third.secret()), 200).await;
        let skipped = format!("{KEYS}/api?skip_validation=true");
        self.ask(Method::PUT, &skipped, Some(root), key(None, second.id(), second.secret()), 200).await;
        // AWS refuses this one, and nobody repeats it.
        let astray = self.secrets.note(Kind::Mistyped, format!("wJalrXUtnFEMI/{}", Uuid::new_v4()));
        self.ask(Method::POST, KEYS, Some(root), key(Some("astray"), second.id(), &astray), 502).await;
        for field in ["name", "region", "access_key_id", "serves"] {
            let mut wrong = key(Some("astray"), second.id(), second.secret());
            wrong.as_mut().unwrap()[field] = json!(astray);
            self.ask(Method::POST, KEYS, Some(root), wrong, 400).await;
        }
        let wanted = json!({ "name": "api-job", "connectors": ["ci"] });
        let answer = self.ask(Method::POST, "/v1/admin/service-tokens", Some(root), Some(wanted.clone()), 201).await;
        let (job, id) = (self.meant(&answer, "token", Kind::ServiceToken), answer.text("id"));
        self.vend(&job, "/v1/connectors/ci/credentials", "").await;
        self.ask(Method::GET, "/v1/admin/audit", Some(&job), None, 403).await;
        self.ask(Method::POST, "/v1/admin/service-tokens", Some(root), Some(wanted), 409).await;
        self.ask(Method::DELETE, &format!("/v1/admin/service-tokens/{id}"), Some(root), None, 204).await;
        self.ask(Method::GET, "/v1/session", Some(&job), None, 401).await;
        for list in ["access-keys", "connectors", "service-tokens", "sessions", "audit?limit=200"] {
            self.ask(Method::GET, &format!("/v1/admin/{list}"), Some(root), None, 200).await;
        }
        self.ask(Method::DELETE, &format!("{KEYS}/api"), Some(root), None, 204).await;
    }

    /// Moves everything sealed to another master key, beside the daemon.
    fn rekey(&mut self) {
        let bytes = [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes).concat();
        self.secrets.note_bytes(Kind::MasterKey, &bytes);
        let next = self.secrets.note(Kind::MasterKey, STANDARD.encode(bytes));
        self.installation().write("next.key", &next);
        let old = "[[master_key]]\nid = \"test\"\nseals = true\nsource = { file = \"master.key\" }\n";
        let new = "[[master_key]]\nid = \"next\"\nseals = true\nsource = { file = \"next.key\" }\n";
        self.installation().edit("brokerd.toml", old, &format!("{}{new}", old.replace("seals = true\n", "")));
        self.run(&["rekey", "--dry-run"], "");
        self.run(&["rekey", "--yes"], "");
    }

    /// Signs in by the page, looks around, opens the console, signs out.
    async fn browser(&mut self) {
        let form = self.page(self.door.request(Method::GET, "/sign-in")).await;
        let (cookie, csrf) = (cookie_of(&form), csrf_of(&form));
        let own = self.own();
        let password = self.stage.password_of("ada").to_owned();
        let fields = [("username", "ada"), ("password", password.as_str()), ("csrf", &csrf), ("next", "")];
        let request = self.door.request(Method::POST, "/sign-in").header("origin", &own).header("cookie", &cookie);
        let answer = self.page(request.form(&fields)).await;
        assert_eq!(answer.status, 303, "{}", answer.whole);
        let session = cookie_of(&answer);
        self.secrets.note(Kind::SessionToken, session.split_once('=').unwrap().1);
        let home = self.page(self.door.request(Method::GET, "/").header("cookie", &session)).await;
        let csrf = csrf_of(&home);
        let console = self.door.request(Method::GET, "/console/deploy").header("cookie", &session);
        let answer = self.page(console.header("sec-fetch-site", "none")).await;
        assert_eq!(answer.status, 303, "{}", answer.whole);
        let link =
            answer.whole.split("\"location\": \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
        self.link(&link);
        let request = self.door.request(Method::POST, "/sign-out").header("origin", &own).header("cookie", &session);
        let answer = self.page(request.form(&[("csrf", &csrf)])).await;
        assert_eq!(answer.status, 303, "{}", answer.whole);
        for secret in [cookie.split_once('=').unwrap().1, &csrf] {
            self.secrets.note(Kind::Browser, secret);
        }
        // Tokens of forms stand in forms, and cookies in cookies: what else is there must be neither.
        for seen in self.seen.iter_mut().filter(|seen| seen.place.starts_with("page")) {
            seen.meant.extend([
                csrf.clone(),
                cookie.split_once('=').unwrap().1.to_owned(),
                session.split_once('=').unwrap().1.to_owned(),
            ]);
        }
    }

    /// Every subcommand; each that takes or makes a secret.
    pub(crate) async fn subcommands(&mut self) {
        let (spare, second) = (self.stage.spare.clone(), self.stage.second.clone());
        self.run(&["check"], "");
        self.waiting_for_a_secret(
            &["key", "add", "spare", "--access-key-id", second.id(), "--region", "eu-central-1"],
            second.secret(),
        );
        self.run(&["key", "replace", "spare", "--access-key-id", spare.id(), "--skip-validation"], spare.secret());
        self.run(&["key", "list", "--json"], "");
        let connectors = told_apart(&(self.stage.connectors() + &role_connector("more", "spare")));
        self.installation().write("connectors.toml", &connectors);
        self.run(&["apply", "--dry-run"], "");
        self.run(&["apply", "--yes"], "");
        for name in ["ci-1", "ci-2"] {
            let token = self.installation().run(&["token", "create", name, "--connector", "ci"], "");
            let text = token.stderr.clone();
            let token = self.secrets.note(Kind::ServiceToken, token.succeeded().trim());
            self.see("token create", text, &[]);
            self.vend(&token, "/v1/connectors/ci/credentials", "").await;
            self.ask(Method::GET, "/v1/session", Some(&token), None, 200).await;
            self.ask(Method::POST, "/v1/connectors/deploy/credentials", Some(&token), None, 404).await;
        }
        self.run(&["token", "list", "--json"], "");
        self.run(&["token", "revoke", "ci-2", "--yes"], "");
        let password = self.secrets.note(Kind::Password, format!("a new one {}", Uuid::new_v4()));
        self.run(&["hash-password"], &password);
        // A secret where none belongs is not repeated.
        let astray = self.secrets.note(Kind::Mistyped, format!("wJalrXUtnFEMI/{}", Uuid::new_v4()));
        for arguments in [
            &["key", "add", "third", &astray][..],
            &["key", "add", "third", "--region", "eu-central-1", "--access-key-id", &astray],
        ] {
            let ended = self.installation().run(arguments, "");
            assert!(!ended.status.success());
            self.see("wrong arguments", ended.stdout + &ended.stderr, &[]);
        }
        self.rekey();
        self.run(&["audit", "tail", "--limit", "1000"], "");
        self.run(&["audit", "export", "--format", "jsonl"], "");
        self.run(&["audit", "verify"], "");
    }

    /// Whatever this run must at least have made, or the search proves nothing.
    pub(crate) fn assert_enough(&self, more: &[(Kind, usize)]) {
        let minimum = [
            (Kind::MasterKey, 4),
            (Kind::AccessKeySecret, 4),
            (Kind::Password, 4),
            (Kind::Mistyped, 6),
            (Kind::SessionToken, 4),
            (Kind::ServiceToken, 3),
            (Kind::VendedSecretKey, 6),
            (Kind::VendedSessionToken, 6),
            (Kind::SigninToken, 3),
            (Kind::Browser, 2),
            (Kind::DirectoryPassword, 1),
            (Kind::ProxyPassword, 1),
            (Kind::OperationsToken, 1),
        ];
        self.secrets.assert_enough(&minimum);
        self.secrets.assert_enough(more);
    }

    /// Every secret that is anywhere where it does not belong.
    pub(crate) fn leaks(&self) -> Vec<Leak> {
        let scanner = self.secrets.scanner(&[]);
        let own = [
            "keys/main",
            "master.key",
            "next.key",
            "operations.token",
            "ldap.password",
            "proxy.password",
            "postgres.password",
        ];
        let (files, mut leaks) = scanner.search_folder(self.installation().path("").as_path(), &own);
        let at_least = if matches!((&self.engine, &self.state), (Engine::Sqlite, State::Served(_))) { 6 } else { 3 };
        assert!(files >= at_least, "{files} files: the database is not among them");
        leaks.extend(scanner.search_folder(self.temp.path(), &[]).1);
        if let Engine::Postgres(url) = &self.engine {
            let dump = dump(url);
            assert!(dump.contains("COPY public.trail") && dump.contains("\"action\":\"vend\""), "{dump}");
            leaks.extend(scanner.search("the dump", dump.as_bytes()));
        }
        let log = self.log();
        assert!(log.contains("TRACE") || log.contains("DEBUG") || log.lines().count() > 30, "{log}");
        leaks.extend(scanner.search("the log", log.as_bytes()));
        if let State::Served(broker) = &self.state {
            leaks.extend(self.search_process(broker.id(), "the daemon"));
        }
        for seen in &self.seen {
            let meant: Vec<&str> = seen.meant.iter().map(String::as_str).collect();
            let own = if meant.is_empty() { None } else { Some(self.secrets.scanner(&meant)) };
            leaks.extend(own.as_ref().unwrap_or(&scanner).search(&seen.place, seen.text.as_bytes()));
        }
        leaks
    }

    /// What a database server keeps of it: tables, rows that are gone, and the log that is written ahead.
    pub(crate) fn leaks_in(&self, server: &Path) -> Vec<Leak> {
        let (files, leaks) = self.secrets.scanner(&[]).search_folder(server, &[]);
        assert!(files > 100, "{files} files: that is no server's folder");
        leaks
    }

    /// Puts a secret into each place that is searched.
    pub(crate) async fn plant(&mut self) {
        // What a client calls its request is logged, and belongs there; this one is only here to be found.
        let planted = self.secrets.note(Kind::Browser, Uuid::new_v4());
        let request = self.door.request(Method::GET, "/healthz").header("x-request-id", &planted);
        assert!(request.send().await.unwrap().status().is_success());
        self.planted = Some(planted);
        let hex = hex::encode(self.secrets.one_of(Kind::ServiceToken));
        match &self.engine {
            Engine::Sqlite => self.sqlite(&format!("CREATE TABLE planted AS SELECT '{hex}' AS text")),
            Engine::Postgres(url) => {
                drop(psql(url, &format!("CREATE TABLE planted AS SELECT '{hex}' AS text")).succeeded());
            }
        }
        let folder = self.temp.path().join("a/folder");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(
            folder.join("planted"),
            STANDARD.encode(format!("x{}", self.secrets.one_of(Kind::VendedSecretKey))),
        )
        .unwrap();
        let error = format!("{{\"detail\":{}}}", json!(self.stage.password_of("ada")));
        self.see("planted answer", error, &[]);
    }

    pub(crate) fn assert_finds_what_was_planted(&self) {
        let leaks = self.leaks();
        let found = |kind, disguise| leaks.iter().any(|leak| leak.kind == kind && leak.disguise == disguise);
        assert!(found(Kind::ServiceToken, "hex"), "in the database: {leaks:?}");
        assert!(found(Kind::VendedSecretKey, "base64"), "in the temporary folder: {leaks:?}");
        assert!(found(Kind::Password, "JSON"), "in an answer: {leaks:?}");
        let planted = self.planted.as_deref().unwrap();
        assert!(leaks.iter().any(|leak| leak.kind == Kind::Browser && leak.place == "the log"), "{leaks:?}");
        let mut other = environment::command("sh");
        let mut other = other.args(["-c", "sleep 60", planted]).spawn().unwrap();
        let seen = self.search_process(other.id(), "a process");
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(seen.iter().map(|leak| leak.place.as_str()).collect::<Vec<_>>(), ["cmdline of a process"]);
        let mut kinds: Vec<Kind> = leaks.iter().map(|leak| leak.kind).collect();
        kinds.sort();
        kinds.dedup();
        assert_eq!(kinds, [Kind::Password, Kind::ServiceToken, Kind::VendedSecretKey, Kind::Browser], "{leaks:?}");
    }

    /// Takes it away again; pages that SQLite has left are overwritten.
    pub(crate) fn unplant(&mut self) {
        match &self.engine {
            Engine::Sqlite => {
                self.sqlite("PRAGMA secure_delete = on; DROP TABLE planted; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
            }
            Engine::Postgres(url) => drop(psql(url, "DROP TABLE planted").succeeded()),
        }
        std::fs::remove_dir_all(self.temp.path().join("a")).unwrap();
        self.seen.retain(|seen| seen.place != "planted answer");
        self.secrets.forget(&self.planted.take().unwrap());
    }

    /// The same run, with the daemon ended.
    pub(crate) fn stopped(mut self) -> Self {
        let State::Served(broker) = self.state else { panic!("stopped already") };
        let log = broker.log();
        self.state = State::Stopped(broker.stop(), log);
        self
    }

    fn sqlite(&self, statements: &str) {
        let program = "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)\nfor it in sys.argv[2].split('; '): db.execute(it)\n";
        let mut command = environment::command(installed::python());
        command.args(["-c", program]).arg(self.installation().path("brokerd.db")).arg(statements);
        ended::run("sqlite", command, "").succeeded();
    }

    fn installation(&self) -> &Installation {
        match &self.state {
            State::Served(broker) => broker.installation(),
            State::Stopped(installation, _) => installation,
        }
    }

    fn own(&self) -> String {
        self.installation().url()
    }

    fn log(&self) -> String {
        match &self.state {
            State::Served(broker) => broker.log(),
            State::Stopped(_, log) => log.clone(),
        }
    }

    fn see(&mut self, place: &str, text: impl Into<String>, meant: &[String]) {
        self.seen.push(Seen { place: place.to_owned(), text: text.into(), meant: meant.to_owned() });
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<serde_json::Value>,
        status: u16,
    ) -> Answer {
        let answer = self.door.ask(method.clone(), path, token, body.as_ref()).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        self.see(&format!("{method} {path}"), answer.whole.clone(), &[]);
        answer
    }

    async fn page(&mut self, request: reqwest::RequestBuilder) -> Answer {
        let answer = Door::answer(request.send().await.unwrap()).await.unwrap();
        self.see("page", answer.whole.clone(), &[]);
        answer
    }

    /// A secret that the last answer was asked for.
    fn meant(&mut self, answer: &Answer, field: &str, kind: Kind) -> String {
        self.note_last(kind, answer.text(field))
    }

    fn note_last(&mut self, kind: Kind, secret: String) -> String {
        self.seen.last_mut().unwrap().meant.push(secret.clone());
        self.secrets.note(kind, secret)
    }

    fn link(&mut self, link: &str) {
        let link: Url = link.parse().unwrap();
        let (_, token) = link.query_pairs().find(|(name, _)| name == "SigninToken").unwrap();
        self.note_last(Kind::SigninToken, token.into_owned());
    }

    async fn vend(&mut self, token: &str, path: &str, format: &str) {
        let answer = self.ask(Method::POST, path, Some(token), Some(json!({ "fresh": true })), 200).await;
        let (secret, session) = match format {
            "" => (answer.text("secret_access_key"), answer.text("session_token")),
            "?format=process" => (answer.text("SecretAccessKey"), answer.text("SessionToken")),
            _ => {
                let part = |name: &str| {
                    answer.body.split(&format!("{name}='")).nth(1).unwrap().split('\'').next().unwrap().to_owned()
                };
                (part("AWS_SECRET_ACCESS_KEY"), part("AWS_SESSION_TOKEN"))
            }
        };
        self.note_last(Kind::VendedSecretKey, secret);
        self.note_last(Kind::VendedSessionToken, session);
    }

    fn run(&mut self, arguments: &[&str], input: &str) {
        let ended = self.installation().run(arguments, input);
        let said = format!("{}{}", ended.stdout, ended.stderr);
        ended.succeeded();
        self.see(&arguments.join(" "), said, &[]);
    }

    /// Runs a subcommand, and looks at its process while it waits for the secret.
    fn waiting_for_a_secret(&mut self, arguments: &[&str], secret: &str) {
        let mut command = self.installation().command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        // Half of it, so that it has begun to read.
        let (one, other) = secret.split_at(secret.len() / 2);
        input.write_all(one.as_bytes()).unwrap();
        assert_eq!(self.search_process(child.id(), &arguments.join(" ")), []);
        input.write_all(other.as_bytes()).unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{said}");
        self.see(&arguments.join(" "), said, &[]);
    }

    /// What everybody on the machine can see of a process.
    fn search_process(&self, id: u32, name: &str) -> Vec<Leak> {
        let scanner = self.secrets.scanner(&[]);
        let search = |file: &str| {
            let bytes = std::fs::read(PathBuf::from(format!("/proc/{id}/{file}"))).unwrap();
            assert!(!bytes.is_empty(), "{name} has no {file}");
            scanner.search(&format!("{file} of {name}"), &bytes)
        };
        ["cmdline", "environ"].into_iter().flat_map(search).collect()
    }
}

fn cookie_of(answer: &Answer) -> String {
    let mut cookies = answer.whole.lines().filter(|line| line.contains("; HttpOnly") || line.contains("HttpOnly;"));
    let cookie = cookies.rfind(|line| !line.starts_with('{') && !line.contains("Max-Age=0"));
    cookie.unwrap_or_else(|| panic!("{}", answer.whole)).split(';').next().unwrap().to_owned()
}

fn csrf_of(answer: &Answer) -> String {
    let field = answer.body.split("name=\"csrf\"").nth(1).unwrap_or_else(|| panic!("{}", answer.body));
    field.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

fn dump(url: &str) -> String {
    let url: Url = url.parse().unwrap();
    let mut command = environment::command(installed::postgres("pg_dump"));
    command
        .env("PGPASSWORD", url.password().unwrap())
        .env("PGUSER", url.username())
        .env("PGHOST", url.host_str().unwrap());
    command.env("PGPORT", url.port().unwrap().to_string()).env("PGDATABASE", url.path().trim_start_matches('/'));
    ended::run("pg_dump", command, "").succeeded()
}
