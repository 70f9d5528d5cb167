//! People whom the configuration lists and people whom the store keeps, with argon2id hashes of their passwords: for small teams, for a first
//! day, and for the day when the company's directory is down. Where both have a name, the configuration's is meant.

mod new_password;
mod password_hash;
mod person;
mod roster;
mod stored;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use self::password_hash::NotChecked;
use self::person::Known;
use self::stored::NotRead;
use crate::caller::Person;
use crate::directory::{
    Attested, AuthenticateError, Description, Directory, Found, Gate, Lockout, Password, PasswordMark, Refusal,
    Standing, TypedName, Unavailable,
};
use crate::local_user::{LocalUser, UserName, fold};
use crate::name::DirectoryName;

pub use self::new_password::{MIN_CHARACTERS, NewPassword, WeakPassword};
pub use self::password_hash::{HashError, NotHashed, PasswordHash, hash_in_turn, hash_password};
pub use self::person::{LocalPerson, PersonProblem};
pub use self::roster::Roster;
pub use self::stored::StoredPeople;
pub(crate) use self::stored::mark_of;

/// Why people cannot be loaded; `person` is the user name as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("person `{}`: {problem}", person.escape_debug())]
pub struct LocalError {
    pub person: String,
    pub problem: PersonProblem,
}

/// The people of the configuration, and those of the store where it is given one.
#[derive(Debug)]
pub struct LocalDirectory {
    name: DirectoryName,
    /// By user name in lower case.
    people: BTreeMap<String, Known>,
    /// The names by the ids that stay.
    by_id: HashMap<String, String>,
    stored: Option<StoredPeople>,
    /// The dearest of all hashes, checked for those who are not there.
    decoy: Option<PasswordHash>,
    hashers: Arc<Semaphore>,
    patience: Duration,
}

impl LocalDirectory {
    /// Puts people into a directory. Each check of a password takes a permit of `hashers`, which so bounds the memory that all
    /// local directories use together.
    pub fn new(name: DirectoryName, people: Vec<LocalPerson>, hashers: Arc<Semaphore>) -> Result<Self, LocalError> {
        let mut known = BTreeMap::new();
        let mut by_id = HashMap::new();
        for listed in people {
            let username = listed.username.clone();
            let at = |problem| LocalError { person: username.clone(), problem };
            let entry = listed.check(&name).map_err(at)?;
            if by_id.insert(entry.person.subject.id.clone(), fold(&username)).is_some() {
                return Err(at(PersonProblem::DuplicateId));
            }
            if known.insert(fold(&username), entry).is_some() {
                return Err(at(PersonProblem::DuplicateUsername));
            }
        }
        let decoy = known.values().map(|known| &known.hash).max_by_key(|hash| hash.cost()).cloned();
        Ok(Self { name, people: known, by_id, stored: None, decoy, hashers, patience: PATIENCE })
    }

    /// The same, and beside them those of its people whom the store keeps.
    #[must_use]
    pub fn with_store(self, stored: StoredPeople) -> Self {
        // Somebody may be added at any moment: then those who are not there must cost as much already.
        let decoy = self.decoy.into_iter().chain(PasswordHash::decoy()).max_by_key(PasswordHash::cost);
        Self { decoy, stored: Some(stored), ..self }
    }

    /// The people of the configuration, whether each is disabled, and whether each is for emergencies.
    pub fn file_people(&self) -> impl Iterator<Item = (&Person, bool, bool)> {
        self.people.values().map(|known| (&known.person, known.disabled, known.break_glass))
    }

    /// Whether the configuration has somebody of this name, as it is compared.
    pub fn file_has(&self, folded: &str) -> bool {
        self.people.contains_key(folded)
    }

    /// Users of the store who are out of service, because the configuration has come to have somebody of their name. As of the roster's
    /// last reading.
    pub fn shadowed(&self) -> Vec<UserName> {
        let is_shadowed = |user: &LocalUser| self.file_has(&user.name.folded());
        let shadowed = self.stored.iter().flat_map(|stored| stored.roster.users_of(&self.name, is_shadowed));
        shadowed.map(|user| user.name).collect()
    }

    async fn find(&self, username: &TypedName) -> Result<Option<Known>, Unavailable> {
        let folded = fold(username.as_str());
        match (self.people.get(&folded), &self.stored) {
            (Some(known), _) => Ok(Some(known.clone())),
            (None, Some(stored)) => stored.named(&self.name, &folded).await.map_err(|cause| self.unavailable(cause)),
            (None, None) => Ok(None),
        }
    }

    /// The user of the store with this id, unless the configuration has somebody of their name.
    async fn find_stored(&self, id: &str) -> Result<Option<LocalUser>, Unavailable> {
        let Some(stored) = &self.stored else { return Ok(None) };
        let user = stored.by_id(&self.name, id).await.map_err(|cause| self.unavailable(NotRead::from(cause)))?;
        Ok(user.filter(|user| !self.file_has(&user.name.folded())))
    }

    /// Somebody whose password was right a moment ago, as they are now: a check takes its time.
    async fn still(&self, seen: &LocalUser) -> Result<Attested, AuthenticateError> {
        let (Some(stored), Some(user)) = (&self.stored, self.find_stored(&seen.id.to_string()).await?) else {
            return Err(AuthenticateError::Refused(Refusal::Disabled));
        };
        if user.password_changed_at != seen.password_changed_at {
            return Err(AuthenticateError::Refused(Refusal::WrongPassword));
        }
        if user.details.disabled {
            return Err(AuthenticateError::Refused(Refusal::Disabled));
        }
        Ok(stored.attested(&user).await.map_err(|cause| self.unavailable(NotRead::from(cause)))?)
    }

    /// Hashes a right password as hashes are made now. Where that cannot be done at this moment, the next sign-in does it.
    async fn rehash(&self, seen: &LocalUser, password: &Password) {
        let Some(stored) = &self.stored else { return };
        let rehashed = async {
            let hash = hash_in_turn(&self.hashers, password).await.ok()?;
            let sealed_password = LocalUser::seal(&stored.vault, seen.id, &seen.directory, &hash).ok()?;
            let user = LocalUser { sealed_password, ..seen.clone() };
            stored.store.rehash_local_user(&user, seen).await.ok()
        };
        if timeout(self.patience, rehashed).await.ok().flatten().is_none() {
            tracing::warn!(person.id = %seen.id, "a password's hash could not be made anew with the parameters of this release");
        }
    }

    /// Checks a password where it delays nobody else. The permit goes along: whoever hangs up does not make room for another.
    async fn check(&self, hash: PasswordHash, password: &Password) -> Result<bool, NotChecked> {
        let permit = timeout(self.patience, self.hashers.clone().acquire_owned()).await;
        let permit = permit.ok().and_then(Result::ok).ok_or(NotChecked::Busy)?;
        let password = password.as_secret().clone();
        let checked = spawn_blocking(move || {
            let _permit = permit;
            hash.is_of(&password)
        });
        checked.await.map_err(|_| NotChecked::Failed)?
    }

    /// Takes as long as a check does, and tries nobody's password.
    async fn pretend(&self, hash: Option<&PasswordHash>) -> Result<(), Unavailable> {
        let Some(hash) = hash else { return Ok(()) };
        let checked = self.check(hash.clone(), &Password::decoy()).await;
        checked.map(drop).map_err(|cause| self.unavailable(cause))
    }

    fn unavailable(&self, cause: impl std::error::Error + Send + Sync + 'static) -> Unavailable {
        Unavailable { directory: self.name.clone(), source: Box::new(cause) }
    }
}

#[async_trait]
impl Directory for LocalDirectory {
    fn name(&self) -> &DirectoryName {
        &self.name
    }

    fn lockout(&self) -> Option<Lockout> {
        None
    }

    async fn authenticate(&self, username: &TypedName, gate: &dyn Gate) -> Result<Attested, AuthenticateError> {
        let Some(known) = self.find(username).await? else {
            self.pretend(self.decoy.as_ref()).await?;
            return Err(AuthenticateError::NoSuchUser);
        };
        let password = match gate.admit(&known.person.subject).await {
            Ok(password) => password,
            Err(not_admitted) => {
                self.pretend(Some(&known.hash)).await?;
                return Err(not_admitted.into());
            }
        };
        match self.check(known.hash.clone(), password).await.map_err(|cause| self.unavailable(cause))? {
            false => Err(AuthenticateError::Refused(Refusal::WrongPassword)),
            true if known.disabled => Err(AuthenticateError::Refused(Refusal::Disabled)),
            true => match &known.stored {
                None => Ok(known.attested()),
                Some(user) => {
                    let attested = self.still(user).await?;
                    if !known.hash.is_of_now() {
                        self.rehash(user, password).await;
                    }
                    Ok(attested)
                }
            },
        }
    }

    async fn describe(&self, username: &TypedName) -> Result<Found, Unavailable> {
        let Some(known) = self.find(username).await? else { return Ok(Found::Nobody) };
        let person = &known.person;
        let fields = [
            ("username", Some(&person.username)),
            ("id", Some(&person.subject.id)),
            ("display_name", person.display_name.as_ref()),
            ("email", person.email.as_ref()),
        ];
        let mut attributes: BTreeMap<String, Vec<String>> =
            fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), vec![value?.clone()]))).collect();
        attributes.insert("groups".to_owned(), person.groups.iter().map(|group| group.name.clone()).collect());
        attributes.insert("disabled".to_owned(), vec![known.disabled.to_string()]);
        let refusal = known.disabled.then_some(Refusal::Disabled);
        Ok(Found::One(Box::new(Description { attributes, person: Some(person.clone()), refusal })))
    }

    async fn look_up(&self, id: &str) -> Result<Standing, Unavailable> {
        if let Some(known) = self.by_id.get(id).and_then(|name| self.people.get(name)) {
            return Ok(if known.disabled { Standing::Disabled } else { Standing::Good(known.attested()) });
        }
        let (Some(stored), Some(user)) = (&self.stored, self.find_stored(id).await?) else {
            return Ok(Standing::Gone);
        };
        if user.details.disabled {
            return Ok(Standing::Disabled);
        }
        Ok(Standing::Good(stored.attested(&user).await.map_err(|cause| self.unavailable(NotRead::from(cause)))?))
    }

    async fn is_break_glass(&self, username: &TypedName) -> Result<bool, Unavailable> {
        let folded = fold(username.as_str());
        match (self.people.get(&folded), &self.stored) {
            (Some(known), _) => Ok(known.break_glass),
            (None, Some(stored)) => {
                let user = stored.store.local_user_named(&self.name, &folded).await;
                let user = user.map_err(|cause| self.unavailable(NotRead::from(cause)))?;
                Ok(user.is_some_and(|user| user.details.break_glass))
            }
            (None, None) => Ok(false),
        }
    }

    fn is_as_known(&self, person: &Person, is_theirs: &(dyn Fn(&PasswordMark) -> bool + Sync)) -> bool {
        // The configuration's people change with the process.
        let Some(stored) = self.stored.as_ref().filter(|_| !self.by_id.contains_key(&person.subject.id)) else {
            return true;
        };
        !self.file_has(&fold(&person.username)) && stored.roster.says_the_same_of(person, is_theirs)
    }

    async fn probe(&self) -> Result<(), Unavailable> {
        Ok(())
    }
}

/// How long somebody waits for the passwords of others to be checked.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::caller::Subject;
    use crate::directory::NotAdmitted;

    fn password(text: &str) -> Password {
        Password::parse(SecretString::from(text)).unwrap()
    }

    fn person(username: &str, hash: &str) -> LocalPerson {
        toml::from_str(&format!(
            "username = '{username}'\nemail = 'ada@corp.example'\ngroups = ['staff', 'staff']\npassword_hash = '{hash}'"
        ))
        .unwrap()
    }

    fn directory(people: Vec<LocalPerson>) -> Result<LocalDirectory, LocalError> {
        let name = DirectoryName::try_from("local".to_owned()).unwrap();
        LocalDirectory::new(name, people, Arc::new(Semaphore::new(1)))
    }

    /// A gate that admits everybody, or nobody.
    struct Door(Password, bool);

    #[async_trait]
    impl Gate for Door {
        async fn admit(&self, _: &Subject) -> Result<&Password, NotAdmitted> {
            if self.1 { Ok(&self.0) } else { Err(NotAdmitted) }
        }
    }

    async fn sign_in(directory: &LocalDirectory, name: &str, text: &str) -> Result<Attested, AuthenticateError> {
        directory.authenticate(&TypedName::parse(name).unwrap(), &Door(password(text), true)).await
    }

    #[tokio::test]
    async fn the_right_password_opens_and_nothing_else() {
        let hash = hash_password(&password("correct horse")).unwrap();
        let mut dora = person("dora", &hash);
        dora.disabled = true;
        let house = directory(vec![person("Ada", &hash), dora]).unwrap();
        let ada = sign_in(&house, "aDA", "correct horse").await.unwrap().person;
        assert_eq!((ada.username.as_str(), ada.subject.to_string().as_str()), ("Ada", "local/Ada"));
        assert_eq!(ada.trusted_email(), Some("ada@corp.example"));
        assert_eq!(ada.groups.iter().map(ToString::to_string).collect::<Vec<_>>(), ["local/staff"]);

        let wrong = sign_in(&house, "ada", "Correct horse").await.unwrap_err();
        assert!(matches!(wrong, AuthenticateError::Refused(Refusal::WrongPassword)), "{wrong:?}");
        let unknown = sign_in(&house, "eve", "correct horse").await.unwrap_err();
        assert!(matches!(unknown, AuthenticateError::NoSuchUser), "{unknown:?}");
        let disabled = sign_in(&house, "dora", "correct horse").await.unwrap_err();
        assert!(matches!(disabled, AuthenticateError::Refused(Refusal::Disabled)), "{disabled:?}");
        let guessed = sign_in(&house, "dora", "wrong").await.unwrap_err();
        assert!(
            matches!(guessed, AuthenticateError::Refused(Refusal::WrongPassword)),
            "a guess does not learn it: {guessed:?}"
        );
        assert!(!format!("{house:?}").contains("argon2id"), "no hash in Debug");
    }

    #[tokio::test]
    async fn somebody_unknown_costs_a_hash_too() {
        let hash = hash_password(&password("correct horse")).unwrap();
        let house = directory(vec![person("ada", &hash)]).unwrap();
        let held = house.hashers.clone().acquire_owned().await.unwrap();
        tokio::time::timeout(Duration::from_millis(50), sign_in(&house, "eve", "x")).await.unwrap_err();
        drop(held);
        assert!(matches!(sign_in(&house, "eve", "x").await, Err(AuthenticateError::NoSuchUser)));
        assert!(matches!(sign_in(&directory(vec![]).unwrap(), "eve", "x").await, Err(AuthenticateError::NoSuchUser)));
    }

    #[tokio::test]
    async fn whom_the_gate_does_not_admit_has_no_right_password_and_costs_a_hash() {
        let hash = hash_password(&password("correct horse")).unwrap();
        let house = directory(vec![person("ada", &hash)]).unwrap();
        let (name, closed) = (TypedName::parse("ada").unwrap(), Door(password("correct horse"), false));
        let held = house.hashers.clone().acquire_owned().await.unwrap();
        tokio::time::timeout(Duration::from_millis(50), house.authenticate(&name, &closed)).await.unwrap_err();
        drop(held);
        let refused = house.authenticate(&name, &closed).await;
        assert!(matches!(refused, Err(AuthenticateError::NotAdmitted(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn a_crowd_is_told_to_wait_and_does_not_wait_for_ever() {
        let hash = hash_password(&password("correct horse")).unwrap();
        let mut house = directory(vec![person("ada", &hash)]).unwrap();
        house.patience = Duration::from_millis(20);
        let _held = house.hashers.clone().acquire_owned().await.unwrap();
        let busy = sign_in(&house, "ada", "correct horse").await.unwrap_err();
        assert!(matches!(busy, AuthenticateError::Unavailable(_)), "{busy:?}");
    }

    #[tokio::test]
    async fn an_id_outlives_a_name() {
        let hash = hash_password(&password("correct horse")).unwrap();
        let mut ada = person("ada.lovelace", &hash);
        ada.id = Some("ada".to_owned());
        let house = directory(vec![ada]).unwrap();
        assert!(
            matches!(house.look_up("ada").await.unwrap(), Standing::Good(person) if person.person.username == "ada.lovelace")
        );
        assert_eq!(house.look_up("ada.lovelace").await.unwrap(), Standing::Gone);
        assert!(house.probe().await.is_ok());
    }

    #[test]
    fn people_are_checked_when_they_are_loaded() {
        let hash = hash_password(&password("x")).unwrap();
        let refused = |people| directory(people).unwrap_err().problem;
        assert_eq!(refused(vec![person("ada", &hash), person("ADA", &hash)]), PersonProblem::DuplicateUsername);
        assert_eq!(refused(vec![person(" ada", &hash)]), PersonProblem::Username);
        assert_eq!(refused(vec![person("", &hash)]), PersonProblem::Username);
        let with = |change: fn(&mut LocalPerson)| {
            let mut ada = person("ada", &hash);
            change(&mut ada);
            refused(vec![person("bob", &hash), ada])
        };
        assert_eq!(with(|ada| ada.id = Some("bob".to_owned())), PersonProblem::DuplicateId);
        assert_eq!(with(|ada| ada.id = Some("a b".to_owned())), PersonProblem::Id);
        for email in ["ada", "ada@corp example", "ada@\u{200b}corp.example", "\u{202e}ada@corp.example"] {
            let mut ada = person("ada", &hash);
            ada.email = Some(email.to_owned());
            assert_eq!(refused(vec![ada]), PersonProblem::Email, "{email:?}");
        }
        assert_eq!(with(|ada| ada.groups = vec!["a\u{7}".to_owned()]), PersonProblem::Group);
        assert_eq!(with(|ada| ada.display_name = Some("\u{1b}[2J".to_owned())), PersonProblem::DisplayName);
    }

    #[test]
    fn unknown_keys_are_refused() {
        let unknown_key = toml::from_str::<LocalPerson>("username = 'a'\npassword_hash = 'x'\nadmin = true");
        assert!(unknown_key.is_err());
    }
}
