use super::*;

fn of(text: &str) -> (System, Option<String>, String) {
    let platform = Platform::of_os_release(text);
    (platform.id, platform.version, platform.name)
}

/// The files below `tests/os-release` are what the systems ship, some without their lines of addresses.
macro_rules! shipped {
    ($($file:literal => $system:ident $version:expr, $name:literal;)*) => {
        &[$((include_str!(concat!("../../tests/os-release/", $file)), System::$system, $version, $name)),*]
    };
}

#[test]
fn every_system_is_recognised_by_its_own_os_release() {
    let none: Option<&str> = None;
    let shipped: &[(&str, System, Option<&str>, &str)] = shipped! {
        "amazon-linux-2023" => AmazonLinux2023 none, "Amazon Linux 2023.6.20250203";
        "amazon-linux-2" => AmazonLinux2 none, "Amazon Linux 2";
        "debian-12" => Debian Some("12"), "Debian GNU/Linux 12 (bookworm)";
        "debian-testing" => Debian none, "Debian GNU/Linux trixie/sid";
        "ubuntu-24.04" => Ubuntu Some("24.04"), "Ubuntu 24.04.1 LTS";
        "rhel-8.7" => Rhel Some("8.7"), "Red Hat Enterprise Linux 8.7 (Ootpa)";
        "rhel-9.4" => Rhel Some("9.4"), "Red Hat Enterprise Linux 9.4 (Plow)";
        "rhel-10.0" => Rhel Some("10.0"), "Red Hat Enterprise Linux 10.0 (Coughlan)";
        "centos-stream-10" => CentosStream Some("10"), "CentOS Stream 10 (Coughlan)";
        "rocky-9.3" => Rocky Some("9.3"), "Rocky Linux 9.3 (Blue Onyx)";
        "rocky-10.1" => Rocky Some("10.1"), "Rocky Linux 10.1 (Red Quartz)";
        "almalinux-9.3" => Almalinux Some("9.3"), "AlmaLinux 9.3 (Shamrock Pampas Cat)";
        "almalinux-10.0" => Almalinux Some("10.0"), "AlmaLinux 10.0 (Seafoam)";
        "oracle-8.10" => OracleLinux Some("8.10"), "Oracle Linux Server 8.10";
        "oracle-9.3" => OracleLinux Some("9.3"), "Oracle Linux Server 9.3";
        "fedora-42" => Fedora Some("42"), "Fedora Linux 42 (Workstation Edition)";
        "sles-15.6" => Sles Some("15.6"), "SUSE Linux Enterprise Server 15 SP6";
        "sles-16.0" => Sles Some("16.0"), "SUSE Linux Enterprise Server 16.0";
        "opensuse-leap-15.5" => OpensuseLeap Some("15.5"), "openSUSE Leap 15.5";
        "opensuse-leap-16.0" => OpensuseLeap Some("16.0"), "openSUSE Leap 16.0";
        "opensuse-tumbleweed" => OpensuseTumbleweed none, "openSUSE Tumbleweed";
        "alpine-3.19" => Alpine Some("3.19.1"), "Alpine Linux v3.19";
        "alpine-3.20" => Alpine Some("3.20.10"), "Alpine Linux v3.20";
        "arch" => Arch none, "Arch Linux";
        "distroless-12" => Distroless none, "Distroless";
        "bottlerocket-1.66" => Distroless none, "Bottlerocket OS 1.66.0 (aws-k8s-1.35)";
        "gentoo" => Other Some("2.14"), "Gentoo Linux";
    };
    for (text, id, version, name) in shipped {
        assert_eq!(of(text), (*id, version.map(str::to_owned), (*name).to_owned()));
    }
}

#[test]
fn a_relative_is_taken_for_its_family_with_the_release_that_it_is_built_on() {
    let none: Option<&str> = None;
    let shipped: &[(&str, System, Option<&str>, &str)] = shipped! {
        "linuxmint-22.3" => Ubuntu Some("24.04"), "Linux Mint 22.3";
        "pop-22.04" => Ubuntu Some("22.04"), "Pop!_OS 22.04 LTS";
        "raspbian-12" => Debian Some("12"), "Raspbian GNU/Linux 12 (bookworm)";
        "kali-2024.1" => Debian none, "Kali GNU/Linux Rolling";
        "manjaro" => Arch none, "Manjaro Linux";
    };
    for (text, id, version, name) in shipped {
        assert_eq!(of(text), (*id, version.map(str::to_owned), (*name).to_owned()));
    }
    for (text, id, version) in [
        (
            "ID=eurolinux\nID_LIKE=\"rhel fedora centos\"\nVERSION_ID=9.4\nPLATFORM_ID=\"platform:el9\"\n",
            System::Rhel,
            Some("9"),
        ),
        ("ID=nobara\nID_LIKE=fedora\nVERSION_ID=40\nPLATFORM_ID=\"platform:f40\"\n", System::Fedora, None),
        ("ID=opensuse-slowroll\nID_LIKE=\"suse opensuse opensuse-tumbleweed\"\n", System::OpensuseTumbleweed, None),
        ("ID=postmarketos\nID_LIKE=\"alpine\"\nVERSION_ID=v25.06\n", System::Alpine, None),
        (
            "ID=lmde\nID_LIKE=debian\nVERSION_ID=6\nDEBIAN_CODENAME=bookworm\nVERSION_CODENAME=faye\n",
            System::Debian,
            Some("12"),
        ),
    ] {
        assert_eq!(of(text).0, id, "{text}");
        assert_eq!(of(text).1.as_deref(), version, "{text}");
    }
}

#[test]
fn a_system_without_a_recipe_is_other() {
    for text in [
        "ID=void\n",
        "ID=amzn\nID_LIKE=\"rhel fedora\"\nVERSION_ID=2018.03\n",
        "",
        "\0\nID\n=\n",
        "PLATFORM_ID=platform:el\n",
    ] {
        assert_eq!(of(text).0, System::Other, "{text:?}");
    }
    assert_eq!(of("").2, "an unnamed system");
}

#[test]
fn values_are_read_as_a_shell_reads_them_and_the_last_counts() {
    assert_eq!(of("PRETTY_NAME='It is'\n").2, "It is");
    assert_eq!(of("PRETTY_NAME=\"a \\\"b\\\" \\$c\"\r\n").2, "a \"b\" $c");
    assert_eq!(of("ID=alpine\nID=debian\n").0, System::Debian);
    assert_eq!(of("\u{feff}ID='debian'\r\nVERSION_ID='12'\r\n").1.as_deref(), Some("12"));
    assert_eq!(
        of("#ID=debian\n export ID=\"Fedora\"\n\tVERSION_ID = 9\n"),
        (System::Fedora, None, "an unnamed system".to_owned())
    );
    assert_eq!(of("ID_LIKE=debian\n").0, System::Debian, "ID_LIKE is no ID");
}

#[test]
fn macos_says_what_it_is_in_a_file_of_its_own() {
    let platform = Platform::of_system_version(include_str!("../../tests/os-release/macos-15.5.plist"));
    assert_eq!(
        (platform.id, platform.version.as_deref(), platform.name.as_str()),
        (System::Macos, Some("15.5"), "macOS 15.5")
    );
    assert_eq!(Platform::of_system_version("").version, None);
}

#[test]
fn ids_of_systems_are_taken_with_and_without_a_version() {
    assert_eq!(Platform::of_id("debian-12").unwrap().version.as_deref(), Some("12"));
    assert_eq!(Platform::of_id("ubuntu").unwrap().version, None);
    assert_eq!(Platform::of_id("opensuse-leap-15.6").unwrap().name, "openSUSE Leap 15.6");
    for wrong in ["", "debian-", "debian-bookworm", "ubuntux", "Debian", "amazon-linux", "arch-1", "amazon-linux-2-2"] {
        assert!(Platform::of_id(wrong).is_err(), "{wrong}");
    }
    for known in KNOWN {
        let platform = Platform::of_id(known.id).unwrap();
        assert_eq!(serde_json::to_value(platform.id).unwrap(), if known.id == "linux" { "other" } else { known.id });
    }
}

#[test]
fn versions_compare_by_their_numbers() {
    let system = |version| Platform::of_id(version).unwrap();
    assert!(!system("ubuntu-22.04").is_since(&[24, 4]));
    assert!(system("ubuntu-24.04").is_since(&[24, 4]) && system("ubuntu-26.04").is_since(&[24, 4]));
    assert!(system("ubuntu").is_since(&[24, 4]));
    assert!(!system("alpine-3.9").is_since(&[3, 20]) && system("alpine-3.20").is_since(&[3, 20]));
    assert!(Platform::of_os_release("ID=alpine\nVERSION_ID=3.23_alpha20250612\n").is_since(&[3, 20]));
}

#[test]
fn a_release_may_be_named_by_its_first_number() {
    let rocky = Platform::of_os_release(include_str!("../../tests/os-release/rocky-9.3"));
    for (wanted, is) in [
        ("rocky", true),
        ("rocky-9", true),
        ("rocky-9.3", true),
        ("rocky-9.4", false),
        ("rocky-1", false),
        ("rhel-9", false),
    ] {
        assert_eq!(rocky.is(&Platform::of_id(wanted).unwrap()), is, "{wanted}");
    }
    assert!(!Platform::of_id("debian-12").unwrap().is(&Platform::of_id("debian-1").unwrap()));
}
