use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;

use super::*;

fn region(name: &str) -> Region {
    Region::try_from(name.to_owned()).unwrap()
}

#[test]
fn a_domain_is_named_as_aws_names_it() {
    for good in ["ab", "corp", "a-1", &"a".repeat(50)] {
        assert_eq!(DomainName::try_from(good.to_owned()).unwrap().as_str(), good);
    }
    for bad in ["", "a", "1a", "-a", "a-", "Corp", "a.b", "a/b", "a&b=c", "a b", "a\n", "é1", &"a".repeat(51)] {
        assert_eq!(DomainName::try_from(bad.to_owned()), Err(NotADomain), "{bad:?}");
    }
}

#[test]
fn a_password_for_packages_lives_as_long_as_the_credentials_within_what_aws_gives() {
    let domain: DomainName = "corp".to_owned().try_into().unwrap();
    let owner: AccountId = "111111111111".to_owned().try_into().unwrap();
    let china = region("cn-north-1");
    let url = |life, left| {
        let wanted = codeartifact::Wanted { region: &china, domain: &domain, owner: &owner, life };
        wanted.url(china.endpoint("codeartifact").unwrap(), left).to_string()
    };
    let asked = "https://codeartifact.cn-north-1.amazonaws.com.cn/v1/authorization-token?domain=corp&domain-owner=111111111111&duration=";
    for (left, duration) in [(0, 900), (899, 900), (3_000, 3_000), (129_600, 43_200)] {
        assert_eq!(url(TokenLife::AsTheCredentials, left), format!("{asked}{duration}"));
    }
    assert_eq!(url(TokenLife::Seconds(1_800), 3_000), format!("{asked}1800"));
}

#[test]
fn only_a_password_for_a_registry_of_amazons_is_one() {
    let told = |pair: &str, url: &str, at: &str| {
        let pair = STANDARD.encode(pair);
        let data = format!(r#"{{"authorizationToken":"{pair}","proxyEndpoint":"{url}","expiresAt":{at}}}"#);
        ecr::read(format!(r#"{{"authorizationData":[{data}]}}"#).as_bytes(), &region("eu-central-1"))
    };
    let (pair, url) = ("AWS:0123456789abcdef", "https://111111111111.dkr.ecr.eu-central-1.amazonaws.com");
    let good = told(pair, url, "1.7e9").unwrap();
    assert_eq!((good.username, good.password.expose_secret()), ("AWS", "0123456789abcdef"));
    assert_eq!((good.url.as_str(), good.owner.as_str()), (url, "111111111111"));
    assert_eq!(good.expires_at.as_second(), 1_700_000_000);
    for pair in ["", "root:0123456789abcdef", "AWS:short", "AWS:01234567 89abcdef", "AWS:0123456789abcde\n"] {
        assert!(told(pair, url, "1.7e9").is_none(), "{pair:?}");
    }
    for url in [
        "",
        "http://111111111111.dkr.ecr.eu-central-1.amazonaws.com",
        "https://11.dkr.ecr.eu-central-1.amazonaws.com",
        "https://111111111111.dkr.ecr; rm -rf /",
        "https://evil.example",
        "https://111111111111.dkr.evil.example",
        "https://111111111111.dkr.ecr.us-east-1.amazonaws.com",
        "https://111111111111.dkr.ecr.eu-central-1.amazonaws.com.evil.example",
        "https://111111111111.dkr.ecr.eu-central-1.amazonaws.com/v2/",
    ] {
        assert!(told(pair, url, "1.7e9").is_none(), "{url}");
    }
    assert!(told(pair, url, "1e300").is_none());
    for rubbish in ["", "{}", "[]", r#"{"authorizationData":[]}"#, "<html>"] {
        assert!(ecr::read(rubbish.as_bytes(), &region("eu-central-1")).is_none(), "{rubbish}");
    }
}
