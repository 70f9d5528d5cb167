//! What `aws sso login` keeps on a machine, and how such a machine is set up.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tests::dpop::is_readable;
use tests::installed;
use tests::python;
use tests::world::{ACCOUNT, World};

/// A person's machine that is set up for a broker, as the documentation says, with a browser in which somebody is signed in.
pub(crate) struct Desk {
    pub(crate) client: python::Client,
}

impl Desk {
    pub(crate) fn new(world: &World, cookie: &str) -> Self {
        let client = python::Client::new();
        let home = client.home().to_owned();
        let url = world.brokerd.url();
        let config = format!(
            "[default]\nservices = brokerd\n\n[sso-session corp]\nsso_start_url = https://identitycenter.amazonaws.com/brokerd\n\
             sso_region = brokerd\nsso_registration_scopes = sso:account:access\n\n\
             [services brokerd]\nsso =\n  endpoint_url = {url}\nsso_oidc =\n  endpoint_url = {url}\nsso-oidc =\n  endpoint_url = {url}\nsignin =\n  endpoint_url = {url}\n"
        );
        std::fs::write(home.join("config"), config).unwrap();
        std::fs::write(home.join("cookie"), cookie).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/say_yes.py");
        // In the background: the CLI answers it only once it has been started.
        let browser = format!("{} {script} {} %s &", installed::python().display(), home.join("cookie").display());
        let client = client.with("AWS_CONFIG_FILE", home.join("config").to_str().unwrap()).with("BROWSER", &browser);
        Self { client }
    }

    /// Where the newest CLI has signed somebody in by a browser.
    pub(crate) fn signed_in(world: &World, cookie: &str) -> Self {
        let desk = Self::new(world, cookie);
        desk.signs_in(installed::aws(), &[]);
        desk
    }

    /// `aws sso login`; what it prints.
    pub(crate) fn signs_in(&self, cli: PathBuf, more: &[&str]) -> String {
        let mut login = self.client.command(&cli);
        login.args(["sso", "login", "--sso-session", "corp"]).args(more);
        let ended = tests::ended::run("aws sso login", login, "");
        let page = std::fs::read_to_string(self.client.home().join("cookie.log"));
        assert!(ended.status.success(), "{ended:?}\n{page:?}");
        ended.stdout + &ended.stderr
    }

    /// A profile for `aws login`, whose browser picks this connector.
    pub(crate) fn add_login(&self, connector: &str) {
        self.put_first(&format!("[profile {connector}]\nregion = eu-central-1\nservices = brokerd\n\n"));
        std::fs::write(self.client.home().join("cookie.pick"), connector).unwrap();
    }

    /// `aws login`, by the newest CLI; what it prints.
    pub(crate) fn logs_in(&self, connector: &str) {
        let login = self.client.aws(&["login", "--profile", connector]);
        let page = std::fs::read_to_string(self.client.home().join("cookie.log"));
        assert!(login.status.success(), "{login:?}\n{page:?}");
        // It could not renew: as its users do, it begins anew.
        if !is_readable(&self.login()) {
            self.logs_in(connector);
        }
    }

    /// What `aws login` has kept is over, and is good for nothing any more but to be renewed.
    pub(crate) fn login_ends(&self) -> Value {
        let before = self.login();
        let mut over = before.clone();
        over["accessToken"]["expiresAt"] = json!("2026-01-01T00:00:00Z");
        over["accessToken"]["sessionToken"] = json!("over");
        std::fs::write(self.login_file(), over.to_string()).unwrap();
        before
    }

    pub(crate) fn login(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.login_file()).unwrap()).unwrap()
    }

    fn login_file(&self) -> PathBuf {
        let folder = self.client.home().join(".aws/login/cache");
        let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.next().unwrap_or_else(|| panic!("nothing was kept"))
    }

    /// Another machine with what was kept on this one.
    pub(crate) fn copied(&self, world: &World) -> Self {
        let copy = Self::new(world, "");
        let of = |home: &Path| home.join(".aws/sso/cache");
        std::fs::create_dir_all(of(copy.client.home())).unwrap();
        let name = self.token_file().file_name().unwrap().to_owned();
        std::fs::copy(self.token_file(), of(copy.client.home()).join(name)).unwrap();
        copy
    }

    /// Its environment, with a profile for a connector.
    pub(crate) fn with_profile(self, connector: &str) -> python::Client {
        self.add_profile(connector);
        self.client.with("AWS_PROFILE", connector)
    }

    pub(crate) fn add_profile(&self, connector: &str) {
        self.put_first(&format!(
            "[profile {connector}]\nsso_session = corp\nsso_account_id = {ACCOUNT}\nsso_role_name = {connector}\nregion = eu-central-1\nservices = brokerd\n\n"
        ));
    }

    fn put_first(&self, profile: &str) {
        let file = self.client.home().join("config");
        let before = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, format!("{profile}{before}")).unwrap();
    }

    /// The token is over, and is good for nothing any more.
    pub(crate) fn token_ends(&self) -> Value {
        let before = self.token();
        let mut over = before.clone();
        over["expiresAt"] = json!("2026-01-01T00:00:00Z");
        over["accessToken"] = json!("bka_over");
        std::fs::write(self.token_file(), over.to_string()).unwrap();
        before
    }

    pub(crate) fn token(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.token_file()).unwrap()).unwrap()
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        let folder = self.client.home().join(".aws/sso/cache");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut tokens = files.filter(|file| std::fs::read_to_string(file).unwrap().contains("accessToken"));
        tokens.next().unwrap_or_else(|| panic!("no token was kept"))
    }
}
