//! Where AWS's console opens: in the system's browser, or in one that keeps each connector apart, so that two accounts are open side by side.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ValueEnum;
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::failure::Failure;
use crate::folders::Folders;
use crate::private;

/// Which browser, and whether connectors share its cookies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Browser {
    /// The system's, for all connectors alike
    #[default]
    System,
    /// A container for each connector, by the extension "Open external links in a container"
    Firefox,
    /// A profile for each connector
    Chrome,
    /// A profile for each connector
    Chromium,
    /// A profile for each connector
    Edge,
    /// A profile for each connector
    Brave,
}

impl Browser {
    /// Opens an address apart from those of others. Nothing secret may be in it: the arguments of a program are there for everybody on the
    /// machine to read.
    pub(crate) fn open(self, folders: &Folders, whose: &str, url: &Url) -> Result<(), Failure> {
        let arguments: Vec<OsString> = match self {
            Self::System => {
                return webbrowser::open(url.as_str())
                    .map_err(|error| not_opened(&format!("no browser can be started ({error})"), url));
            }
            Self::Firefox => vec![container(whose, url).into()],
            Self::Chrome | Self::Chromium | Self::Edge | Self::Brave => {
                let folder = folders.state()?.join(format!("{}-{whose}", self.name()));
                private::folder(&folder)?;
                let mut profile = OsString::from("--user-data-dir=");
                profile.push(&folder);
                vec![profile, "--no-first-run".into(), "--no-default-browser-check".into(), url.as_str().into()]
            }
        };
        let program = self.program().ok_or_else(|| {
            not_opened(
                &format!(
                    "there is no {} here, which --browser, BROKER_CONSOLE_BROWSER or `console_browser` names",
                    self.name()
                ),
                url,
            )
        })?;
        // Its own words are nobody's here, and it may stay open long after us.
        let started = Command::new(&program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        started.map(drop).map_err(|error| not_opened(&format!("{} cannot be started: {error}", program.display()), url))
    }

    fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Firefox => "firefox",
            Self::Chrome => "chrome",
            Self::Chromium => "chromium",
            Self::Edge => "edge",
            Self::Brave => "brave",
        }
    }

    /// What its program may be called in PATH.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::System => &[],
            Self::Firefox => &["firefox", "firefox-esr"],
            Self::Chrome => &["google-chrome", "google-chrome-stable", "chrome"],
            Self::Chromium => &["chromium", "chromium-browser"],
            Self::Edge => &["microsoft-edge", "microsoft-edge-stable", "msedge"],
            Self::Brave => &["brave-browser", "brave"],
        }
    }

    /// Where it is installed, outside of PATH, below one of the system's folders for programs.
    fn places(self) -> &'static [&'static str] {
        if cfg!(target_os = "macos") {
            match self {
                Self::System => &[],
                Self::Firefox => &["Firefox.app/Contents/MacOS/firefox"],
                Self::Chrome => &["Google Chrome.app/Contents/MacOS/Google Chrome"],
                Self::Chromium => &["Chromium.app/Contents/MacOS/Chromium"],
                Self::Edge => &["Microsoft Edge.app/Contents/MacOS/Microsoft Edge"],
                Self::Brave => &["Brave Browser.app/Contents/MacOS/Brave Browser"],
            }
        } else if cfg!(windows) {
            match self {
                Self::System => &[],
                Self::Firefox => &[r"Mozilla Firefox\firefox.exe"],
                Self::Chrome => &[r"Google\Chrome\Application\chrome.exe"],
                Self::Chromium => &[r"Chromium\Application\chrome.exe"],
                Self::Edge => &[r"Microsoft\Edge\Application\msedge.exe"],
                Self::Brave => &[r"BraveSoftware\Brave-Browser\Application\brave.exe"],
            }
        } else {
            &[]
        }
    }

    fn program(self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
        let named = self.names().iter().map(|name| format!("{name}{}", std::env::consts::EXE_SUFFIX));
        let mut in_path =
            named.flat_map(|name| folders.iter().map(move |folder| folder.join(&name)).collect::<Vec<_>>());
        in_path.find(|file| file.is_file()).or_else(|| installed(self.places(), &programs()))
    }
}

fn installed(places: &[&str], programs: &[PathBuf]) -> Option<PathBuf> {
    let mut all = programs.iter().flat_map(|folder| places.iter().map(move |place| folder.join(place)));
    all.find(|file| file.is_file())
}

/// The system's folders for programs.
fn programs() -> Vec<PathBuf> {
    if cfg!(target_os = "macos") {
        let own = etcetera::home_dir().ok().map(|home| home.join("Applications"));
        own.into_iter().chain([Path::new("/Applications").to_owned()]).collect()
    } else {
        let variables = ["ProgramFiles", "ProgramFiles(x86)", "LocalAppData"];
        variables.iter().filter_map(std::env::var_os).map(PathBuf::from).collect()
    }
}

/// As the extension reads it. A container that is not there yet is made, in a colour that is always the same one.
fn container(name: &str, url: &Url) -> String {
    let sum = name.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let colour = COLOURS.get(sum % COLOURS.len()).copied().unwrap_or_default();
    let mut query = Serializer::new(String::new());
    query
        .append_pair("name", name)
        .append_pair("color", colour)
        .append_pair("icon", "briefcase")
        .append_pair("url", url.as_str());
    format!("ext+container:{}", query.finish())
}

fn not_opened(said: &str, url: &Url) -> Failure {
    Failure::mend(said, format!("open {url} yourself, take another --browser, or use --print"))
}

/// Those that Firefox has for containers.
const COLOURS: [&str; 8] = ["blue", "turquoise", "green", "yellow", "orange", "red", "pink", "purple"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_in_an_address_stays_in_it() {
        let url: Url =
            "https://broker.corp.example/console/deploy?destination=https%3A%2F%2Fa%3Fb%3Dc&name=x#y".parse().unwrap();
        let shown = container("deploy@broker.corp.example", &url);
        let read: Vec<(String, String)> =
            url::form_urlencoded::parse(shown.strip_prefix("ext+container:").unwrap().as_bytes())
                .into_owned()
                .collect();
        let names: Vec<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["name", "color", "icon", "url"]);
        assert_eq!((read[0].1.as_str(), read[3].1.as_str()), ("deploy@broker.corp.example", url.as_str()));
        assert!(shown.bytes().all(|byte| byte.is_ascii_graphic()), "{shown}");
    }

    #[test]
    fn the_name_of_a_browser_is_the_one_that_people_write() {
        for browser in Browser::value_variants() {
            assert_eq!(browser.to_possible_value().unwrap().get_name(), browser.name());
            let read: Browser = serde_json::from_str(&format!("\"{}\"", browser.name())).unwrap();
            assert_eq!(read, *browser);
        }
    }
}
