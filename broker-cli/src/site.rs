//! What this call goes by: the broker's URL and its certificate authority, from the arguments, the environment or a file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Deserialize;

use crate::browser::Browser;
use crate::failure::Failure;
use crate::folders::Folders;
use crate::name::ConnectorName;
use crate::server::Server;
use crate::text::Text;

#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) server: Server,
    /// More certificate authorities to trust, in PEM.
    pub(crate) ca: Option<Vec<u8>>,
    pub(crate) folders: Folders,
    /// Whether the next session may have its key in the system's keyring.
    pub(crate) keyring: bool,
    /// Where AWS's console opens, unless an argument says otherwise.
    pub(crate) console_browser: Browser,
    /// Which connector is for which container registry.
    pub(crate) ecr: BTreeMap<String, ConnectorName>,
}

/// `config.toml`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    url: Option<String>,
    ca_file: Option<PathBuf>,
    keyring: Option<bool>,
    console_browser: Option<Browser>,
    #[serde(default)]
    ecr: BTreeMap<String, ConnectorName>,
}

impl Site {
    /// Arguments come first, then the environment, then the first file that is there.
    pub(crate) fn find(url: Option<String>, configuration: Option<PathBuf>) -> Result<Self, Failure> {
        let folders = Folders::of_user()?;
        let (file, beside) = Configuration::find(configuration, &folders)?;
        let url = url.or_else(|| variable("BROKER_URL")).or(file.url).ok_or_else(|| {
            let path = folders.configuration();
            let advice = format!("set BROKER_URL, give --url, or write `url = \"https://…\"` into {}", path.display());
            Failure::mend("no broker is named", advice)
        })?;
        let ca_file =
            variable("BROKER_CA_FILE").map(PathBuf::from).or_else(|| file.ca_file.map(|path| beside.join(path)));
        let keyring = match variable("BROKER_KEYRING").as_deref() {
            Some("off") => false,
            Some("on") => true,
            Some(_) => return Err(Failure::mend("BROKER_KEYRING is neither `on` nor `off`", "set it to one of them")),
            None => file.keyring.unwrap_or(true),
        };
        let console_browser = match variable("BROKER_CONSOLE_BROWSER") {
            Some(name) => Browser::from_str(&name, false).map_err(|_| {
                Failure::mend("BROKER_CONSOLE_BROWSER names no browser", format!("set it to one of {}", browsers()))
            })?,
            None => file.console_browser.unwrap_or_default(),
        };
        let ca = ca_file.map(|path| authority(&path)).transpose()?;
        Ok(Self { server: url.parse()?, ca, folders, keyring, console_browser, ecr: file.ecr })
    }
}

impl Configuration {
    /// The file that counts, and the folder in which its paths begin.
    fn find(named: Option<PathBuf>, folders: &Folders) -> Result<(Self, PathBuf), Failure> {
        let named = named.or_else(|| variable("BROKER_CONFIG").map(PathBuf::from));
        let candidates = match &named {
            Some(path) => vec![path.clone()],
            None => [folders.configuration()].into_iter().chain(FOR_ALL.iter().map(PathBuf::from)).collect(),
        };
        for path in candidates {
            match fs::read_to_string(&path) {
                Ok(text) => {
                    trusted(&path)?;
                    let file = toml::from_str(&text).map_err(|error| mistake(&path, &text, &error))?;
                    return Ok((file, path.parent().map(Path::to_owned).unwrap_or_default()));
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {}
                Err(error) => return Err(unreadable(&path, &error)),
            }
        }
        Ok((Self::default(), PathBuf::new()))
    }
}

fn browsers() -> String {
    let names = Browser::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    names.map(|value| value.get_name().to_owned()).collect::<Vec<_>>().join(", ")
}

/// Whoever can write it can pass for the broker.
fn authority(path: &Path) -> Result<Vec<u8>, Failure> {
    let pem = fs::read(path).map_err(|error| unreadable(path, &error))?;
    trusted(path)?;
    Ok(pem)
}

/// A variable of the environment. Set but empty means unset, as elsewhere in a shell.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whoever can write the file says where passwords go.
#[cfg(unix)]
fn trusted(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    let ours = [0, rustix::process::geteuid().as_raw()].contains(&found.uid());
    if ours && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    let path = path.display();
    Err(Failure::mend(
        format!("others may write {path}, and so say where your password goes"),
        format!("run `chmod go-w '{path}'`, and see that it is yours"),
    ))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the other system's half may refuse")]
fn trusted(_: &Path) -> Result<(), Failure> {
    Ok(())
}

fn mistake(path: &Path, text: &str, error: &toml::de::Error) -> Failure {
    let line =
        error.span().and_then(|span| text.get(..span.start)).map_or(1, |before| before.matches('\n').count() + 1);
    let said = format!("{}:{line}: {}", path.display(), Text::of(error.message()));
    Failure::mend(said, "the keys are `url`, `ca_file`, `keyring` and `console_browser`, and the table `ecr`")
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::mend(format!("cannot read {}: {error}", path.display()), "see that it is there and yours to read")
}

/// What a company hands to all its machines. On Windows everybody can make such a folder.
const FOR_ALL: &[&str] = if cfg!(unix) { &["/etc/broker/config.toml"] } else { &[] };
