use super::*;

fn client(path: &str, version: &str, listed: bool) -> Client {
    Client::for_tests(path, version, listed)
}

fn package(id: &str, clients: &[Client], offers: Option<&[(&str, &str)]>) -> Result<String, Failure> {
    let platform = Platform::of_id(id).unwrap();
    let offers: Option<Vec<Offer>> = offers.map(|offers| {
        let offer =
            |(package, candidate): &(&str, &str)| Offer { package: (*package).into(), candidate: (*candidate).into() };
        offers.iter().map(offer).collect()
    });
    let plan =
        Situation { platform: &platform, clients, manager: Manager::of(&platform), need: Need::Tls, is_root: true }
            .package(offers.as_deref())?;
    Ok(match plan.todo {
        Todo::Keep(client) => format!("keep {}", client.path.display()),
        Todo::Package { package, candidate, refresh, .. } => {
            format!("{}{} {}", if refresh { "refresh, " } else { "" }, package.name, candidate.unwrap_or_default())
        }
        Todo::Source { target, .. } => format!("build {}", target.display()),
        Todo::Image => "image".to_owned(),
    })
}

#[test]
fn the_best_package_that_the_manager_has_is_taken() {
    let both = [("redis-tools", "7.0.15"), ("valkey-tools", "8.0.1")];
    assert_eq!(package("debian-12", &[], Some(&both)).unwrap(), "valkey-tools 8.0.1");
    assert_eq!(package("debian-12", &[], Some(&both[..1])).unwrap(), "redis-tools 7.0.15");
    assert_eq!(package("debian-12", &[], Some(&[])).unwrap(), "refresh, redis-tools ");
    assert_eq!(package("amazon-linux-2023", &[], Some(&[("redis6", "6.2.14")])).unwrap(), "redis6 6.2.14");
    assert_eq!(package("amazon-linux-2023", &[], Some(&[])).unwrap_err().code().id, "EC4012");
}

#[test]
fn for_another_machine_the_package_of_its_release_is_planned() {
    assert_eq!(package("amazon-linux-2023", &[], None).unwrap(), "valkey ");
    assert_eq!(package("debian-12", &[], None).unwrap(), "redis-tools ");
    assert_eq!(package("amazon-linux-2", &[], None).unwrap_err().code().id, "EC4011");
}

#[test]
fn what_is_good_is_left_alone() {
    let valkey = client("/opt/bin/valkey-cli", "7.2.6", true);
    let plain = client("/usr/bin/valkey-cli", "7.2.6", false);
    let redis = client("/usr/bin/redis-cli", "7.0.15", true);
    let (both, redis_only) = ([("redis-tools", "7"), ("valkey-tools", "8")], [("redis-tools", "7")]);
    assert_eq!(package("debian-12", &[valkey], Some(&both)).unwrap(), "keep /opt/bin/valkey-cli");
    assert_eq!(package("debian-12", &[plain], Some(&both)).unwrap(), "valkey-tools 8");
    // A redis-cli will do where there is nothing better to be had.
    assert_eq!(package("debian-12", std::slice::from_ref(&redis), Some(&both)).unwrap(), "valkey-tools 8");
    assert_eq!(package("debian-12", &[redis], Some(&redis_only)).unwrap(), "keep /usr/bin/redis-cli");
}

fn build(clients: &[Client], version: Option<&str>) -> Todo {
    let platform = Platform::of_id("amazon-linux-2").unwrap();
    let tarball = version.map(|version| Tarball::for_tests("/src/valkey.tar.gz", version));
    let target = PathBuf::from("/opt/bin/valkey-cli");
    let site = Site { target, is_writable: true, has_toolchain: true, cores: Some(2), origin: recipe::release() };
    Situation { platform: &platform, clients, manager: Manager::of(&platform), need: Need::Tls, is_root: true }
        .source(tarball.as_ref(), &site)
        .todo
}

#[test]
fn a_client_of_the_same_version_in_the_prefix_is_not_built_again() {
    let there = client("/opt/bin/valkey-cli", "8.1.1", true);
    let elsewhere = client("/usr/bin/valkey-cli", "8.1.1", true);
    let built = |before: Option<&str>| Todo::Source {
        target: "/opt/bin/valkey-cli".into(),
        before: before.map(str::to_owned),
        version: Some("8.1.1".into()),
    };
    assert_eq!(build(std::slice::from_ref(&there), Some("8.1.1")), Todo::Keep(there));
    assert_eq!(build(&[elsewhere], Some("8.1.1")), built(None));
    assert_eq!(build(&[client("/opt/bin/valkey-cli", "7.2.6", true)], Some("8.1.1")), built(Some("7.2.6")));
    assert_eq!(build(&[client("/opt/bin/valkey-cli", "8.1.1", false)], Some("8.1.1")), built(Some("8.1.1")));
}

#[test]
fn what_is_good_is_what_serves_the_cache() {
    let platform = Platform::of_id("debian-12").unwrap();
    let offers = [Offer { package: "valkey-tools".into(), candidate: "8".into() }];
    let (plain, mut old) = (client("/1/valkey-cli", "7.2.6", false), client("/2/valkey-cli", "7.2.6", true));
    old.tls.listed13 = false;
    for (found, need, is_kept) in
        [(&plain, Need::Plain, true), (&plain, Need::Tls, false), (&old, Need::Tls, true), (&old, Need::Tls13, false)]
    {
        let clients = [found.clone()];
        let manager = Manager::of(&platform);
        let situation = Situation { platform: &platform, clients: &clients, manager, need, is_root: true };
        let todo = situation.package(Some(&offers)).unwrap().todo;
        assert_eq!(matches!(todo, Todo::Keep(_)), is_kept, "{} for {need:?}", found.path.display());
    }
}

#[test]
fn a_program_for_memcached_that_is_there_is_kept_and_another_is_a_package() {
    let platform = Platform::of_id("debian-12").unwrap();
    let openssl = [client("/usr/bin/openssl", "3.0.19", true)];
    let manager = Manager::of(&platform);
    let with = |clients| Situation { platform: &platform, clients, manager, need: Need::Tls, is_root: true };
    assert_eq!(with(&openssl).tool(None).unwrap().todo, Todo::Keep(openssl[0].clone()));
    let Todo::Package { package, refresh, .. } = with(&[]).tool(Some(&[])).unwrap().todo else { panic!("a package") };
    assert_eq!((package.name, refresh), ("openssl", true));
    let elsewhere = Platform::of_id("linux").unwrap();
    let nowhere = Situation { platform: &elsewhere, manager: None, ..with(&[]) };
    assert_eq!(nowhere.tool(None).unwrap_err().code().id, "EC4011");
}

#[test]
fn a_system_that_has_lost_its_package_manager_is_told() {
    let platform = Platform::of_id("alpine").unwrap();
    let situation = Situation { platform: &platform, clients: &[], manager: None, need: Need::Tls, is_root: true };
    assert_eq!(situation.package(None).unwrap_err().code().id, "EC4025");
    assert_eq!(situation.image().todo, Todo::Image);
    let good = [client("/usr/bin/valkey-cli", "8.1.1", true)];
    assert_eq!(Situation { clients: &good, ..situation }.image().todo, Todo::Keep(good[0].clone()));
}
