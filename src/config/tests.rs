use std::path::PathBuf;

use super::layers::figment;
use super::*;

fn load(flags: &Flags, environment: &[(&str, &str)]) -> Result<Config> {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let config: Config = figment(flags, environment)?.extract().map_err(layers::explain)?;
    config.check()?;
    Ok(config)
}

fn file(text: &str) -> (tempfile::TempDir, Flags) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("config.toml");
    std::fs::write(&path, text).expect("a file in it");
    (directory, Flags { config: Some(path), ..Flags::default() })
}

#[test]
fn the_annotated_file_is_complete_and_right() {
    let config = Config::defaults_in(&PathBuf::from("data"));
    config.check().expect("the defaults pass their own checks");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.accounts.verify_email, VerifyEmail::Auto(Auto::Auto));
    let lines: Vec<&str> = DEFAULTS.lines().collect();
    for pair in lines.windows(2) {
        assert!(!pair[1].contains(" = ") || pair[0].starts_with('#'), "no comment above: {}", pair[1]);
    }
}

#[test]
fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let (_keep, flags) =
        file("data_dir = \"from-file\"\n[server]\nlisten = \"127.0.0.1:1\"\n[index]\ntier = \"exact\"\n");
    let flags = Flags { data_dir: Some("from-flag".into()), ..flags };
    let config = load(&flags, &[("TANDEM_DATA_DIR", "from-environment"), ("TANDEM_SERVER__LISTEN", "127.0.0.1:2")])
        .expect("all layers are right");
    assert_eq!(config.data_dir, PathBuf::from("from-flag"));
    assert_eq!(config.server.listen.port(), 2);
    assert_eq!(config.index.tier, Tier::Exact);
}

#[test]
fn a_secret_of_digits_stays_text_and_may_come_from_a_file() {
    let (keep, _) = file("");
    let secret = keep.path().join("secret");
    std::fs::write(&secret, "0042\n").expect("a file");
    let path = secret.display().to_string();
    let config =
        load(&Flags::default(), &[("TANDEM_CRON__SECRET", "123456"), ("TANDEM_SYNC__AIRTABLE_SECRET_FILE", &path)])
            .expect("both are right");
    assert_eq!(config.cron.secret, "123456");
    assert_eq!(config.sync.airtable_secret, "0042");
}

#[test]
fn an_unknown_key_is_an_error_that_names_its_neighbour() {
    let (_keep, flags) = file("[server]\nlissten = \"127.0.0.1:1\"\n");
    let refusal = load(&flags, &[]).expect_err("the key does not exist").to_string();
    assert!(refusal.contains("did you mean `server.listen`?"), "{refusal}");
    let refusal = load(&Flags::default(), &[("TANDEM_INDEX__TIRE", "exact")]).expect_err("nor does this").to_string();
    assert!(refusal.contains("TANDEM_INDEX__TIRE") && refusal.contains("`index.tier`"), "{refusal}");
}

#[test]
fn a_wrong_value_names_its_key_and_who_set_it() {
    let refusal = load(&Flags::default(), &[("TANDEM_INDEX__TIER", "fast")]).expect_err("no such tier").to_string();
    assert!(refusal.contains("index.tier") && refusal.contains("TANDEM_INDEX__TIER"), "{refusal}");
    let refusal =
        load(&Flags::default(), &[("TANDEM_SERVER__DRAIN_SECONDS", "soon")]).expect_err("no number").to_string();
    assert!(refusal.contains("server.drain_seconds"), "{refusal}");
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let refusal = load(
        &Flags::default(),
        &[
            ("TANDEM_SERVER__PUBLIC_URL", "tandem.example"),
            ("TANDEM_SERVER__TRUSTED_PROXIES", "[\"here\", \"10.0.0.0/8\", \"there\"]"),
            ("TANDEM_ACCOUNTS__LOGIN_MAX_DAYS", "0"),
            ("TANDEM_MAIL__SMTP_URL", "smtp://bo:sesame@"),
            ("TANDEM_MAIL__FROM", "nobody"),
        ],
    )
    .expect_err("all of them are wrong")
    .to_string();
    for key in ["server.public_url", "\"here\"", "\"there\"", "accounts.login_max_days", "mail.smtp_url", "mail.from"] {
        assert!(refusal.contains(key), "{key}: {refusal}");
    }
    assert!(!refusal.contains("sesame") && !refusal.contains("login_idle_days"), "{refusal}");
}

#[test]
fn verify_email_takes_the_word_and_both_answers() {
    for (text, wanted) in [
        ("auto", VerifyEmail::Auto(Auto::Auto)),
        ("true", VerifyEmail::Always(true)),
        ("false", VerifyEmail::Always(false)),
    ] {
        let config = load(&Flags::default(), &[("TANDEM_ACCOUNTS__VERIFY_EMAIL", text)]).expect("a right value");
        assert_eq!(config.accounts.verify_email, wanted);
    }
}

#[test]
fn secrets_are_never_shown() {
    let (_keep, flags) = file("[cron]\nsecret = \"open sesame\"\n");
    let shown = settings(&flags).expect("the file is right");
    let secret = shown.iter().find(|it| it.key == "cron.secret").expect("it is a setting");
    assert_eq!(secret.value, "(hidden)");
    assert!(secret.origin.ends_with("config.toml"));
    let listen = shown.iter().find(|it| it.key == "server.listen").expect("it is a setting");
    assert_eq!(listen.origin, "default");
}

#[test]
fn a_wrong_mail_server_or_sender_is_named_by_its_key_and_not_repeated() {
    for (variable, value, key) in [
        ("TANDEM_MAIL__SMTP_URL", "smtp://bo:sesame@mail.example.org?tls=maybe", "mail.smtp_url"),
        ("TANDEM_MAIL__FROM", "Tandem", "mail.from"),
        ("TANDEM_MAIL__FROM", "Tandem <tandem@example.org>\r\nBcc: everyone@example.org", "mail.from"),
    ] {
        let refusal = load(&Flags::default(), &[(variable, value)]).expect_err("it is wrong").to_string();
        assert!(refusal.starts_with(key) && !refusal.contains("sesame"), "{refusal}");
    }
}

const GOOGLE: &str = "[accounts.providers.google]\nname = \"Google\"\nissuer = \"https://accounts.google.com\"\n\
                      client_id = \"tandem\"\nclient_secret = \"open sesame\"\n";

#[test]
fn providers_are_named_by_the_operator_and_there_are_none_to_begin_with() {
    assert!(load(&Flags::default(), &[]).expect("the defaults").accounts.providers.is_empty());
    let other = "[accounts.providers.work-2]\nname = \"Work\"\nissuer = \"http://127.0.0.1:7000/realms/a\"\n\
                 client_id = \"t\"\nscopes = [\"openid\", \"email\"]\n";
    let (_keep, flags) = file(&format!("{GOOGLE}{other}"));
    let config = load(&flags, &[]).expect("two right providers");
    let google = &config.accounts.providers["google"];
    assert_eq!((google.name.as_str(), google.client_secret.as_str()), ("Google", "open sesame"));
    assert_eq!(google.scopes, ["openid", "email", "profile"]);
    assert_eq!(config.accounts.providers["work-2"].scopes, ["openid", "email"]);
}

#[test]
fn a_provider_may_stand_in_the_environment_alone_with_its_secret_in_a_file() {
    let (keep, _) = file("");
    let secret = keep.path().join("secret");
    std::fs::write(&secret, "0042\n").expect("a file");
    let path = secret.display().to_string();
    let environment = [
        ("TANDEM_ACCOUNTS__PROVIDERS__MY_WORK__NAME", "Work"),
        ("TANDEM_ACCOUNTS__PROVIDERS__MY_WORK__ISSUER", "https://id.example.org"),
        ("TANDEM_ACCOUNTS__PROVIDERS__MY_WORK__CLIENT_ID", "123"),
        ("TANDEM_ACCOUNTS__PROVIDERS__MY_WORK__CLIENT_SECRET_FILE", &path),
        ("TANDEM_ACCOUNTS__PROVIDERS__MY_WORK__SCOPES", "[openid, email]"),
    ];
    let config = load(&Flags::default(), &environment).expect("all of it is right");
    let work = &config.accounts.providers["my-work"];
    assert_eq!((work.client_id.as_str(), work.client_secret.as_str()), ("123", "0042"));
    assert_eq!(work.scopes, ["openid", "email"]);
}

#[test]
fn a_providers_unknown_key_is_an_error_that_names_its_neighbour() {
    let (_keep, flags) = file(&GOOGLE.replace("client_id", "client_ident"));
    let refusal = load(&flags, &[]).expect_err("no such leaf").to_string();
    assert!(refusal.contains("did you mean `accounts.providers.google.client_id`?"), "{refusal}");
    for key in ["providers = 1", "providers.google = 1", "[accounts.providers.google.deep]\nname = \"x\""] {
        let (_keep, flags) = file(&format!("[accounts]\n{key}\n"));
        assert!(load(&flags, &[]).is_err(), "{key}");
    }
    let refusal = load(&Flags::default(), &[("TANDEM_ACCOUNTS__PROVIDERS__GOOGLE__CLIENT", "x")]);
    assert!(refusal.expect_err("nor this").to_string().contains("TANDEM_ACCOUNTS__PROVIDERS__GOOGLE__CLIENT"));
}

#[test]
fn a_provider_is_checked_before_anybody_is_sent_there() {
    for (right, wrong) in [
        ("https://accounts.google.com", "http://accounts.google.com"),
        ("https://accounts.google.com", "http://127.0.0.1.evil.example"),
        ("https://accounts.google.com", "accounts.google.com"),
        ("https://accounts.google.com", "https://accounts.google.com?x=y"),
        ("https://accounts.google.com", "file:///etc/passwd"),
        ("providers.google", "providers.Google"),
        ("providers.google", "providers.goo_gle"),
        ("\"Google\"", "\" \""),
        ("\"tandem\"", "\"\""),
        ("\"tandem\"", "\"tandem\"\nscopes = [\"openid email\"]"),
    ] {
        let (_keep, flags) = file(&GOOGLE.replace(right, wrong));
        let refusal = load(&flags, &[]).expect_err(wrong).to_string();
        assert!(refusal.contains("accounts.providers."), "{wrong}: {refusal}");
    }
}

#[test]
fn a_providers_secret_is_never_shown() {
    let (_keep, flags) = file(GOOGLE);
    let shown = settings(&flags).expect("the file is right");
    let value = |key: &str| shown.iter().find(|it| it.key == key).expect("it is a setting").value.clone();
    assert_eq!(value("accounts.providers.google.client_secret"), "(hidden)");
    assert_eq!(value("accounts.providers.google.issuer"), "\"https://accounts.google.com\"");
}

#[test]
fn columns_of_a_base_are_named_by_tandems_names_alone() {
    let (_keep, flags) = file("[sync.fields]\nBio = \"About me\"\n\"Stage Focus\" = \"Stages\"\n");
    let config = load(&flags, &[("TANDEM_SYNC__FIELDS__LOAD_CAP_PER_WEEK", "Hours")]).expect("all three are right");
    assert_eq!(config.sync.fields["Bio"], "About me");
    assert_eq!(config.sync.fields["Stage Focus"], "Stages");
    assert_eq!(config.sync.fields["Load Cap Per Week"], "Hours");
    for (line, hint) in [
        ("Biography = \"x\"", "did you mean `sync.fields.Bio`?"),
        ("stage_focus = \"x\"", "did you mean `sync.fields.Stage Focus`?"),
    ] {
        let (_keep, flags) = file(&format!("[sync.fields]\n{line}\n"));
        let refusal = load(&flags, &[]).expect_err(line).to_string();
        assert!(refusal.contains(hint), "{refusal}");
    }
}

#[test]
fn no_column_is_two_things_and_nobody_is_without_a_name() {
    for (lines, key) in [
        ("Bio = \"Headline\"", "sync.fields.Bio"),
        ("Headline = \"Bio\"", "sync.fields.Headline"),
        ("Bio = \"About\"\nTitle = \"About\"", "sync.fields.Title"),
        ("Name = \"\"", "sync.fields.Name"),
        ("Bio = \" About\"", "sync.fields.Bio"),
        ("Bio = 7", "sync.fields.Bio"),
    ] {
        let (_keep, flags) = file(&format!("[sync.fields]\n{lines}\n"));
        let refusal = load(&flags, &[]).expect_err(lines).to_string();
        assert!(refusal.contains(key), "{lines}: {refusal}");
    }
    let (_keep, flags) = file("[sync.fields]\nBio = \"Headline\"\nHeadline = \"\"\nTitle = \"\"\n");
    load(&flags, &[]).expect("what is free may be taken");
}

#[test]
fn airtable_is_asked_only_with_all_that_it_takes_and_never_in_the_open() {
    let set = "[sync]\nairtable_token = \"pat.x\"\nairtable_base = \"appA1\"\nairtable_table = \"Our mentors\"\n\
               airtable_mac_secret = \"c2VjcmV0\"\nreconcile_minutes = 60\n";
    let (_keep, flags) = file(set);
    let config = load(&flags, &[]).expect("all of it is right");
    assert_eq!(config.sync.airtable_mac_key(), Some(b"secret".to_vec()));
    for (right, wrong, key) in [
        ("\"pat.x\"", "\"\"", "sync.reconcile_minutes"),
        ("\"pat.x\"", "\"\"", "sync.airtable_mac_secret"),
        ("\"pat.x\"", "\"pat x\"", "sync.airtable_token"),
        ("\"appA1\"", "\"\"", "sync.airtable_base"),
        ("\"appA1\"", "\"app/A1\"", "sync.airtable_base"),
        ("\"Our mentors\"", "\"\"", "sync.airtable_table"),
        ("\"Our mentors\"", "\"..\"", "sync.airtable_table"),
        ("\"c2VjcmV0\"", "\"?\"", "sync.airtable_mac_secret"),
        ("= 60", "= 99999", "sync.reconcile_minutes"),
        ("[sync]", "[sync]\nairtable_api_url = \"http://api.airtable.com\"", "sync.airtable_api_url"),
        ("[sync]", "[sync]\nairtable_api_url = \"https://a:b@api.airtable.com\"", "sync.airtable_api_url"),
    ] {
        let (_keep, flags) = file(&set.replace(right, wrong));
        let refusal = load(&flags, &[]).expect_err(wrong).to_string();
        assert!(refusal.contains(key) && !refusal.contains("pat"), "{wrong}: {refusal}");
    }
    let shown = settings(&flags).expect("the file is right");
    for key in ["sync.airtable_token", "sync.airtable_mac_secret"] {
        assert_eq!(shown.iter().find(|it| it.key == key).expect("it is a setting").value, "(hidden)");
    }
}
