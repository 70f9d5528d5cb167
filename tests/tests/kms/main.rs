//! A master key that AWS KMS keeps wrapped, with moto as KMS: made, unwrapped, bound to its installation, and refused aloud.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod trouble;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tests::brokerd::Installation;
use tests::ended::{self, Ended};
use tests::moto::Moto;
use tests::proxy::{Options, Proxy};
use tests::python::Client;
use tests::secrets::{Kind, Register};
use tests::wire::Tap;

const DIRECTORY: &str = "[aws]\nretries = 0\n[[directory]]\nname = \"local\"\nbackend.local.people = []\n";
const PLAIN: &str = "[[master_key]]\nid = \"test\"\nseals = true\nsource = { file = \"master.key\" }\n";

/// KMS with a key in it.
struct Cloud {
    moto: Moto,
    arn: String,
}

impl Cloud {
    fn start() -> Self {
        let moto = Moto::start();
        let arn = kms(&moto, "print(json.dumps(kms.create_key()['KeyMetadata']['Arn']))");
        Self { arn: arn.as_str().unwrap().to_owned(), moto }
    }

    /// A `[[master_key]]` that this KMS wraps.
    fn master_key(&self, id: &str, more: &str) -> String {
        let (arn, url) = (&self.arn, self.moto.url());
        format!(
            "[[master_key]]\nid = \"{id}\"\n{more}\
             source = {{ kms = {{ key_arn = \"{arn}\", wrapped_file = \"{id}.wrapped\", endpoint_url = \"{url}\" }} }}\n"
        )
    }

    /// Runs a subcommand as somebody in AWS.
    fn run(here: &Installation, arguments: &[&str]) -> Ended {
        Self::run_as(here, arguments, "anybody", "anything")
    }

    fn run_as_nobody(here: &Installation, arguments: &[&str]) -> Ended {
        let mut command = here.command(arguments);
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        ended::run("brokerd", command, "")
    }

    fn run_as(here: &Installation, arguments: &[&str], id: &str, secret: &str) -> Ended {
        let mut command = here.command(arguments);
        command.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret);
        ended::run("brokerd", command, "")
    }
}

fn kms(moto: &Moto, program: &str) -> Value {
    let client = Client::at(moto.url()).with_keys("anybody", "anything", None);
    client.boto3(&format!("kms = boto3.client('kms', region_name='eu-central-1')\n{program}")).json()
}

fn installation_of(wrapped: &str) -> String {
    serde_json::from_str::<Value>(wrapped).unwrap()["installation"].as_str().unwrap().to_owned()
}

#[test]
fn a_wrapped_key_is_made_unwrapped_and_good_for_its_installation_alone() {
    let cloud = Cloud::start();
    let here = Installation::new(DIRECTORY, "");
    here.edit("brokerd.toml", PLAIN, &cloud.master_key("test", "seals = true\n"));
    let missing = here.run(&["check"], "");
    assert!(missing.stdout.contains("`brokerd init --kms arn:aws:kms:"), "{missing:?}");
    let made = Cloud::run(&here, &["init", "--kms", &cloud.arn]).succeeded();
    assert!(made.contains("made ") && made.contains("brokerd:installation = "), "{made}");
    assert!(made.contains("copy of the wrapped master key") && made.contains("kms:Decrypt"), "{made}");
    assert!(!made.contains("copy of the master key"), "{made}");
    let wrapped = here.read("test.wrapped");
    let again = Cloud::run(&here, &["init", "--kms", &cloud.arn]).succeeded();
    assert!(again.contains("there already") && here.read("test.wrapped") == wrapped, "{again}");

    here.run(&["check"], "").succeeded();
    let told = Cloud::run_as_nobody(&here, &["key", "list"]);
    assert!(told.stderr.contains("AWS KMS cannot be asked: this host has no AWS identity"), "{told:?}");
    Cloud::run(&here, &["key", "list"]).succeeded();
    let said = Cloud::run(&here, &["rekey", "--dry-run"]).succeeded();
    assert!(
        said.contains("0 to move to master key `test`"),
        "the store is the installation that the key is for: {said}"
    );

    // Another installation's name in the file is not the one that KMS bound it to.
    let (own, other) = (installation_of(&wrapped), "0190a5c8-7f4e-7b3a-9d2c-1e5f6a7b8c9d");
    here.write("test.wrapped", &wrapped.replace(&own, other));
    let refused = Cloud::run(&here, &["key", "list"]);
    assert!(!refused.status.success() && refused.stderr.contains("another installation or master key"), "{refused:?}");
    here.write("test.wrapped", &wrapped);

    // Nor does the right file open another store, though KMS would unwrap it.
    let stranger = Installation::new(DIRECTORY, "");
    stranger.run(&["key", "list"], "").succeeded();
    stranger.edit("brokerd.toml", PLAIN, &cloud.master_key("test", "seals = true\n"));
    stranger.write("test.wrapped", &wrapped);
    let refused = Cloud::run(&stranger, &["key", "list"]);
    assert!(refused.stderr.contains(&format!("wrapped for installation {own}, and this store is of")), "{refused:?}");
}

#[test]
fn the_key_that_kms_wraps_lies_about_nowhere() {
    let cloud = Cloud::start();
    let here = Installation::new(&format!("log = {{ level = \"trace\" }}\n{DIRECTORY}"), "");
    here.edit("brokerd.toml", PLAIN, &cloud.master_key("test", "seals = true\n"));
    let mut seen = vec![Cloud::run(&here, &["init", "--kms", &cloud.arn])];
    let wrapped: Value = serde_json::from_str(&here.read("test.wrapped")).unwrap();
    let unwrap = format!(
        "import base64\n\
         context = {{'brokerd:installation': {}, 'brokerd:master-key': 'test'}}\n\
         plain = kms.decrypt(CiphertextBlob=base64.b64decode({}), EncryptionContext=context)['Plaintext']\n\
         print(json.dumps(base64.b64encode(plain).decode()))",
        wrapped["installation"], wrapped["ciphertext"],
    );
    let text = kms(&cloud.moto, &unwrap).as_str().unwrap().to_owned();
    let mut secrets = Register::default();
    secrets.note_bytes(Kind::MasterKey, &STANDARD.decode(&text).unwrap());
    secrets.note(Kind::MasterKey, text);
    secrets.assert_enough(&[(Kind::MasterKey, 2)]);

    let add = ["key", "add", "main", "--access-key-id", "AKIAMAINMAINMAIN0001", "--region", "eu-central-1"];
    let mut command = here.command(&[&add[..], &["--skip-validation"]].concat());
    command.env("AWS_ACCESS_KEY_ID", "anybody").env("AWS_SECRET_ACCESS_KEY", "anything");
    seen.push(ended::run("brokerd", command, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"));
    let broker = here.serve_with(&[("AWS_ACCESS_KEY_ID", "anybody"), ("AWS_SECRET_ACCESS_KEY", "anything")]);
    let scanner = secrets.scanner(&[]);
    for ended in &seen {
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!(scanner.search("a subcommand", format!("{}{}", ended.stdout, ended.stderr).as_bytes()), []);
    }
    let folder = broker.installation().path("");
    let (files, leaks) = scanner.search_folder(&folder, &[]);
    assert!(files >= 4 && leaks.is_empty(), "{files} files: {leaks:?}");
    assert_eq!(scanner.search("the log", broker.log().as_bytes()), []);
    for file in ["cmdline", "environ"] {
        let bytes = std::fs::read(format!("/proc/{}/{file}", broker.id())).unwrap();
        assert_eq!(scanner.search(file, &bytes), []);
    }
    // It would have been found.
    broker.installation().write("planted", &secrets.one_of(Kind::MasterKey));
    assert!(!scanner.search_folder(&folder, &[]).1.is_empty());
}

#[test]
fn a_new_installation_whose_kms_cannot_be_asked_has_no_key_and_makes_no_other() {
    let here = Installation::new(DIRECTORY, "");
    let arn = "arn:aws:kms:eu-central-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let folder = here.path("new");
    let refused = Cloud::run_as_nobody(&here, &["init", "--directory", folder.to_str().unwrap(), "--kms", arn]);
    assert!(refused.failed().contains("AWS KMS cannot be asked"));
    let config = here.read("new/brokerd.toml");
    let named = format!("source = {{ kms = {{ key_arn = \"{arn}\", wrapped_file = \"master.key.kms\" }} }}");
    assert!(config.contains(&named) && config.contains("never delete the key in KMS"), "{config}");
    assert!(!config.contains("with it everything can"), "that is so of a plain key alone: {config}");
    let made: Vec<_> = folder.read_dir().unwrap().map(|made| made.unwrap().file_name()).collect();
    assert!(!made.iter().any(|name| name.to_string_lossy().starts_with("master")), "{made:?}");
}

#[test]
fn an_installation_with_a_key_in_a_file_moves_to_a_wrapped_one() {
    let cloud = Cloud::start();
    let here = Installation::new(DIRECTORY, "");
    let added = [
        "key",
        "add",
        "main",
        "--access-key-id",
        "AKIAMAINMAINMAIN0001",
        "--region",
        "eu-central-1",
        "--skip-validation",
    ];
    here.run(&added, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").succeeded();
    here.edit("brokerd.toml", PLAIN, &format!("{PLAIN}{}", cloud.master_key("kms", "")));
    Cloud::run(&here, &["init", "--kms", &cloud.arn]).succeeded();
    let sealing = PLAIN.replace("seals = true\n", "") + &cloud.master_key("kms", "seals = true\n");
    here.edit("brokerd.toml", &format!("{PLAIN}{}", cloud.master_key("kms", "")), &sealing);
    let moved = Cloud::run(&here, &["rekey", "--yes"]).succeeded();
    assert!(moved.contains("moved 2, left 0") && moved.contains("master key `test` any more"), "{moved}");
    here.edit("brokerd.toml", &PLAIN.replace("seals = true\n", ""), "");
    let listed = Cloud::run(&here, &["rekey", "--dry-run"]).succeeded();
    assert!(listed.contains("0 to move to master key `kms`"), "{listed}");
}

#[test]
fn whoever_may_not_decrypt_is_told_what_to_allow() {
    let cloud = Cloud::start();
    let here = Installation::new(DIRECTORY, "");
    here.edit("brokerd.toml", PLAIN, &cloud.master_key("test", "seals = true\n"));
    Cloud::run(&here, &["init", "--kms", &cloud.arn]).succeeded();
    // moto does not look at the resources of KMS.
    let may = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*" }] });
    let world = cloud.moto.populate(&json!({ "users": { "may": may, "maynot": null } }));
    cloud.moto.enforce();
    let run_as = |name: &str| {
        let user = &world.users[name];
        Cloud::run_as(&here, &["key", "list"], &user.access_key_id, &user.secret_access_key)
    };
    run_as("may").succeeded();
    let refused = run_as("maynot");
    // moto gives no code, as nobody does who stands before KMS and refuses in its own name.
    for part in
        [&cloud.arn, "without a code of AWS KMS", "may not kms:Decrypt with it: allow it", "look at `aws.proxy`"]
    {
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kms_is_asked_by_the_same_proxy_as_all_of_aws() {
    let cloud = Cloud::start();
    let here = Installation::new(DIRECTORY, "");
    let proxy = Proxy::start(Options::default());
    let tap = Tap::before(proxy.port()).await;
    let through = |port: u16| format!("[aws]\nproxy = {{ url = \"http://127.0.0.1:{port}\" }}\n");
    here.edit("brokerd.toml", "[aws]\n", &through(tap.port()));
    here.edit("brokerd.toml", PLAIN, &cloud.master_key("kms", "seals = true\n"));
    Cloud::run(&here, &["init", "--kms", &cloud.arn]).succeeded();
    Cloud::run(&here, &["key", "list"]).succeeded();
    let to_kms = format!("POST {}/", cloud.moto.url());
    let heads = tap.heads();
    assert!(heads.len() == 2 && heads.iter().all(|head| head.starts_with(&to_kms)), "{heads:?}");

    let nobody = tests::brokerd::free_port();
    here.edit("brokerd.toml", &through(tap.port()), &through(nobody));
    let said = Cloud::run(&here, &["key", "list"]).failed();
    let told = format!("AWS KMS is not reached: the proxy http://127.0.0.1:{nobody} cannot be reached");
    assert!(said.contains(&told), "{said}");
}
