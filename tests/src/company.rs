//! A company whose people are in a directory of its own, and what happens to them there: a broker before OpenLDAP, which looks again each second.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::barrier::Barrier;
use crate::ended;
use crate::slapd::{GROUPS, Options, SERVICE, SERVICE_PASSWORD, Slapd, USERS};
use crate::world::{World, password_of};

/// A world whose directory `corp` knows `ada` by the password that she has in every world, in the groups `release` and `finance`.
#[derive(Debug)]
pub struct Company {
    slapd: Slapd,
    door: Barrier,
    pub world: World,
}

impl Company {
    pub async fn open() -> Self {
        Self::open_with("").await
    }

    /// With these further top-level keys of the configuration.
    pub async fn open_with(keys: &str) -> Self {
        let groups = ["release", "finance"].map(|group| {
            format!(
                "dn: cn={group},{GROUPS}\nobjectClass: groupOfNames\ncn: {group}\nmember: {SERVICE}\nmember: uid=ada,{USERS}\n\n"
            )
        });
        let slapd = Slapd::start_with(&Options { more: groups.concat(), ..Options::default() });
        let password = STANDARD.encode(password_of("ada"));
        // She need not change what the administrator has set.
        slapd.modify(&format!(
            "dn: uid=ada,{USERS}\nchangetype: modify\nreplace: userPassword\nuserPassword:: {password}\n\n\
             dn: uid=ada,{USERS}\nchangetype: modify\ndelete: pwdReset\n"
        ));
        let door = Barrier::before(slapd.ldaps_url().rsplit_once(':').unwrap().1.parse().unwrap()).await;
        let prepared = World::prepare().await.with(&format!("{keys}\nsessions = {{ recheck_seconds = 1 }}"));
        let here = &prepared.installation;
        let text = here.read("brokerd.toml");
        let (before, _) = text.split_once("[[directory]]").unwrap();
        let directory = format!(
            "[[directory]]\nname = \"corp\"\nmay_grant_admin = true\n[directory.backend.ldap]\nurls = [\"ldaps://127.0.0.1:{}\"]\n\
             ca_file = \"ca.pem\"\nbind_dn = \"{SERVICE}\"\nbind_password = {{ file = \"ldap.pw\" }}\nrest_seconds = 1\n\
             users = {{ base = \"{USERS}\", disabled = {{ attribute = \"employeeType\", value = \"Left\" }} }}\n\
             groups = {{ member_of = {{ base = \"{GROUPS}\" }} }}\n",
            door.port(),
        );
        here.write("brokerd.toml", &format!("{before}{directory}"));
        here.write("ca.pem", slapd.ca_pem());
        here.write("ldap.pw", SERVICE_PASSWORD);
        Self { slapd, door, world: prepared.serve() }
    }

    /// The group `release`.
    pub fn ada_leaves(&self) {
        self.release(&format!("delete: member\nmember: uid=ada,{USERS}\n"));
    }

    pub fn ada_returns(&self) {
        self.release(&format!("add: member\nmember: uid=ada,{USERS}\n"));
    }

    pub fn ada_is_disabled(&self) {
        self.slapd.set("ada", "employeeType", "Left");
    }

    pub fn ada_is_enabled(&self) {
        self.slapd.set("ada", "employeeType", "Stays");
    }

    /// Whoever binds as her may do nothing else.
    pub fn ada_must_change_her_password(&self) {
        self.slapd.set("ada", "pwdReset", "TRUE");
    }

    /// She goes by the password that she has in every world, to a tool of the directory's own.
    pub fn ada_changes_her_password(&self, new: &str) {
        let mut change = self.slapd.stranger("ldappasswd");
        change.args(["-D", &format!("uid=ada,{USERS}"), "-w", &password_of("ada"), "-s", new]);
        ended::run("ldappasswd", change, "").succeeded();
    }

    /// It refuses connections, and has ended those that there were.
    pub async fn directory_goes_down(&mut self) {
        self.door.shut().await;
    }

    pub async fn directory_comes_back(&mut self) {
        self.door.open().await;
    }

    /// Whoever asks after this is looked up anew.
    pub async fn next_look(&self) {
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }

    fn release(&self, change: &str) {
        self.slapd.modify(&format!("dn: cn=release,{GROUPS}\nchangetype: modify\n{change}"));
    }
}
