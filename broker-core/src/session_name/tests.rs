//! Names from the outside: what they look like, what fits, and that nobody gets another's.

use super::*;

const ADA: Subject<'_> = Subject {
    kind: SubjectKind::Person,
    directory: "corp",
    id: "1",
    username: "ada",
    email: Some("ada@corp.example"),
    connector: "deploy",
};

fn template(text: &str) -> SessionNameTemplate {
    text.to_owned().try_into().unwrap()
}

fn name(text: &str, subject: &Subject<'_>, maximum: NameLimit) -> String {
    let name = template(text).render(subject, maximum).unwrap();
    assert!((2..=maximum.characters()).contains(&name.as_str().len()), "{name}");
    assert!(name.as_str().chars().all(is_allowed), "{name}");
    assert_eq!(name.as_str().starts_with(SERVICE), subject.kind == SubjectKind::Service, "{name}");
    name.into()
}

fn called(username: &str) -> Subject<'_> {
    Subject { username, ..ADA }
}

fn role_name(username: &str) -> String {
    name("{username}", &called(username), NameLimit::Role)
}

/// The name without its fingerprint, which it must have.
fn visible<'a>(name: &'a str, subject: &Subject<'_>) -> &'a str {
    name.strip_suffix(&format!("-{}", fingerprint::of(subject))).expect(name)
}

#[test]
fn a_name_that_aws_takes_stays_as_it_is() {
    for username in ["ada", "Ada.Lovelace", "a_b+c=d,e.f@g-h", "ab", "ADA", "svc", "svc-ci", "a.svc.", "_svc.ci", "aws"]
    {
        assert_eq!(role_name(username), username);
    }
    assert_eq!(name("{username}={email}", &ADA, NameLimit::Federated), "ada=ada@corp.example");
    assert_eq!(name("{directory}.{username}_{connector}", &ADA, NameLimit::Role), "corp.ada_deploy");
}

#[test]
fn two_people_with_one_address_have_two_names() {
    let namesake = Subject { id: "2", username: "ada2", ..ADA };
    for text in ["{email}", "{directory}.{email}"] {
        let names = [ADA, namesake].map(|subject| name(text, &subject, NameLimit::Role));
        assert_ne!(names[0], names[1]);
        assert!(visible(&names[0], &ADA).ends_with("ada@corp.example"), "{names:?}");
    }
}

#[test]
fn a_name_without_a_subject_is_the_same_for_everybody() {
    assert_eq!(name("ci-{connector}", &ADA, NameLimit::Role), "ci-deploy");
    assert_eq!(name("ci-{connector}", &called("bob"), NameLimit::Role), "ci-deploy");
}

#[test]
fn a_mapped_name_ends_with_the_fingerprint() {
    for (username, mapped) in [
        ("Ada Lovelace", "Ada-Lovelace"),
        ("CORP\\ada", "CORP-ada"),
        ("aws:ada", "aws-ada"),
        ("adä", "ad-"),
        ("漢😀", "--"),
        ("\0", "-"),
        ("{username}", "-username-"),
    ] {
        assert_eq!(visible(&role_name(username), &ADA), mapped);
    }
}

#[test]
fn two_people_whose_names_map_alike_stay_apart() {
    let ada = Subject { id: "1", username: "a b", ..ADA };
    let other = Subject { id: "2", username: "a/b", ..ADA };
    let elsewhere = Subject { directory: "lab", username: "a b", ..ADA };
    let names = [ada, other, elsewhere].map(|subject| role_name_of(&subject));
    assert!(names[0] != names[1] && names[0] != names[2], "{names:?}");
    assert!(names.iter().all(|name| name.starts_with("a-b-")));
}

fn role_name_of(subject: &Subject<'_>) -> String {
    name("{username}", subject, NameLimit::Role)
}

#[test]
fn each_limit_is_exact() {
    for (maximum, limit) in [(NameLimit::Role, 64), (NameLimit::SourceIdentity, 64), (NameLimit::Federated, 32)] {
        let fits = "x".repeat(limit);
        assert_eq!(name("{username}", &called(&fits), maximum), fits);
        let cut = name("{username}", &called(&format!("{fits}y")), maximum);
        assert_eq!(cut.len(), limit);
        assert_eq!(visible(&cut, &ADA), "x".repeat(limit - 14));
    }
    assert_eq!(role_name("ab"), "ab");
    assert_eq!(visible(&role_name("a"), &ADA), "a");
    let service = Subject { kind: SubjectKind::Service, ..called("x") };
    assert_eq!(role_name_of(&service), "svc.x");
    let full = "x".repeat(60);
    assert_eq!(role_name_of(&Subject { username: &full, ..service }), format!("svc.{full}"));
    let over = "x".repeat(61);
    let service = Subject { username: &over, ..service };
    assert_eq!(visible(&role_name_of(&service), &service), format!("svc.{}", "x".repeat(46)));
}

#[test]
fn long_names_that_differ_only_at_the_end_stay_apart() {
    let names = ["1", "2"].map(|id| {
        let username = format!("{}{id}", "x".repeat(100));
        name("{username}", &Subject { id, username: &username, ..ADA }, NameLimit::Federated)
    });
    assert_ne!(names[0], names[1]);
}

fn mallory(username: &str) -> Subject<'_> {
    Subject { id: "666", username, ..ADA }
}

#[test]
fn nobody_can_choose_a_user_name_that_is_anothers_mapped_name() {
    let victim = called("Ada Lovelace");
    let target = role_name_of(&victim);
    let forged = role_name_of(&mallory(&target));
    assert_ne!(forged, target);
    assert_eq!(visible(&forged, &mallory("")), target, "a name that looks fingerprinted gets its own fingerprint");
    assert_ne!(role_name_of(&mallory(&target.to_uppercase())).to_lowercase(), target.to_lowercase());
    // … and one that is cut so that the other's fingerprint stands at the cut ends with its own.
    let long = format!("{target}{}", "x".repeat(64));
    assert_eq!(visible(&role_name_of(&mallory(&long)), &mallory("")).len(), 50);
}

#[test]
fn a_person_cannot_get_the_name_of_a_service() {
    let service = Subject { kind: SubjectKind::Service, username: "ci", ..ADA };
    assert_eq!(role_name_of(&service), "svc.ci");
    for username in ["svc.ci", "SVC.ci", "Svc.ci", "svc.", "svc.\0"] {
        let name = role_name(username);
        assert!(visible(&name, &ADA).starts_with('_'), "{name}");
    }
    let split = name("svc{username}", &called(".ci"), NameLimit::Role);
    assert_eq!(visible(&split, &ADA), "_svc.ci");
    let literal = name("svc.{username}", &ADA, NameLimit::Role);
    assert_eq!(visible(&literal, &ADA), "_svc.ada");
    let long = "svc.".to_owned() + &"x".repeat(200);
    assert!(name("{username}", &called(&long), NameLimit::Federated).starts_with("_svc.x"));
}

#[test]
fn values_that_run_into_each_other_are_told_apart() {
    let pair =
        |text: &str, directory, username, id| name(text, &Subject { directory, id, username, ..ADA }, NameLimit::Role);
    for (text, one, two) in [
        ("{directory}-{username}", ("a-b", "c"), ("a", "b-c")),
        ("{directory}{username}", ("ab", "c"), ("a", "bc")),
        ("{directory}--{username}", ("a-", "c"), ("a", "-c")),
        ("{directory}.{connector}.{username}", ("a.deploy", "c"), ("a", "deploy.c")),
    ] {
        assert_ne!(pair(text, one.0, one.1, "1"), pair(text, two.0, two.1, "2"), "{text}");
    }
    assert_eq!(pair("{directory}-{username}", "a", "b-c", "1"), "a-b-c", "where one reading is plain, it stays plain");
    assert_eq!(pair("{directory}--{username}", "a-b", "c", "1"), "a-b--c");
}

#[test]
fn equal_names_come_from_equal_values_or_the_same_subject() {
    let words = ["", "a", "b", "a-b", "b-a", "-", "--", "a b", "svc.", "svc.a", "_svc.a", "é"];
    for text in
        ["{username}", "{directory}-{username}", "{username}{directory}", "x{directory}--{username}-", "-{username}"]
    {
        let mut seen = std::collections::HashMap::new();
        for kind in [SubjectKind::Person, SubjectKind::Service] {
            for directory in words {
                for username in words {
                    let id = format!("{directory}/{username}");
                    let subject = Subject { kind, directory, id: &id, username, ..ADA };
                    let name = name(text, &subject, NameLimit::Federated);
                    let values =
                        (kind == SubjectKind::Person, username, text.contains("{directory}").then_some(directory));
                    if let Some(other) = seen.insert(name.clone(), values) {
                        assert_eq!(other, values, "{text}: {name}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_empty_value_is_made_up_for_by_the_fingerprint() {
    assert_eq!(visible(&role_name(""), &ADA), "");
    assert_eq!(visible(&name("team-{username}", &called(""), NameLimit::Role), &ADA), "team-");
}

#[test]
fn without_an_email_address_there_is_no_name() {
    for email in [None, Some("")] {
        let refusal = template("{username}-{email}").render(&Subject { email, ..ADA }, NameLimit::Role);
        assert_eq!(refusal, Err(SessionNameError::NoEmail));
        assert!(template("{username}").render(&Subject { email, ..ADA }, NameLimit::Role).is_ok());
    }
}

#[test]
fn a_value_is_never_read_as_a_template() {
    let hostile = Subject { connector: "{directory}", ..called("{email}") };
    assert_eq!(visible(&name("{username}.{connector}", &hostile, NameLimit::Role), &ADA), "-email-.-directory-");
}

#[test]
fn rubbish_gives_legal_names() {
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    for length in (0..90).cycle().take(5_000) {
        let chars = std::iter::repeat_with(|| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let wide = u32::try_from(seed % 0x11_0000).unwrap();
            char::from_u32(if seed & 1 << 40 == 0 { wide % 0x80 } else { wide }).unwrap_or('\u{FFFD}')
        });
        let username: String = chars.take(length).collect();
        for text in ["{username}", "x{username}{directory}", "{email}{username}"] {
            for maximum in [NameLimit::Role, NameLimit::Federated, NameLimit::SourceIdentity] {
                for kind in [SubjectKind::Person, SubjectKind::Service] {
                    name(text, &Subject { kind, ..called(&username) }, maximum);
                }
            }
        }
    }
}
