//! Signing with keys in tokens of SoftHSM, through the command line. The program has to be built with the
//! feature `pkcs11`.

use std::{fs, path::Path, process::Command};

use serde_json::json;

use crate::{
    reference::Reference,
    run::{Run, assert_valid, casemate, ended, root, tree},
};

/// A model, and tokens beside it.
struct Case(tempfile::TempDir);

impl Case {
    /// With a token `t` and no key in it.
    fn new() -> Self {
        let dir = tree(&[(b"model/a.bin", b"a"), (b"model/sub/b.bin", b"b")]);
        let case = Self(dir);
        fs::create_dir(case.at("tokens")).expect("made");
        let configuration = format!("directories.tokendir = {}\n", case.at("tokens"));
        fs::write(case.at("softhsm2.conf"), configuration).expect("written");
        case.add_token("t");
        case
    }

    fn at(&self, name: &str) -> String {
        let path = self.0.path().join(name);
        path.to_str().expect("UTF-8").to_owned()
    }

    fn softhsm(&self, arguments: &[&str]) {
        let status = Command::new("softhsm2-util")
            .args(arguments)
            .env("SOFTHSM2_CONF", self.at("softhsm2.conf"))
            .status()
            .expect("softhsm2-util starts; `./test` installs it");
        assert!(status.success(), "{arguments:?}");
    }

    fn add_token(&self, label: &str) {
        let new = ["--init-token", "--free", "--label", label];
        self.softhsm(&[&new[..], &["--pin", PIN, "--so-pin", "so-pin"]].concat());
    }

    /// Puts a private key in PEM into the token `t`.
    fn import(&self, key: &str, label: &str, id: &str) {
        let key = ["--import", key, "--label", label, "--id", id];
        self.softhsm(&[&key[..], &["--token", "t", "--pin", PIN]].concat());
    }

    /// A new pair of keys, the private one in the token.
    fn new_key(&self, algorithm: &str, label: &str, id: &str) {
        let key = self.at(&format!("{label}-{id}.key"));
        let new = ["keygen", "--no-passphrase", "--out", &key];
        casemate(new.iter().chain(&["--algorithm", algorithm])).ended_with(0);
        self.import(&key, label, id);
    }

    /// Signs with the key that `uri` names, in an environment that has the module and nothing else.
    fn sign(&self, uri: &str, more: &[&str]) -> Run {
        ended(&mut self.signing(uri, more))
    }

    fn signing(&self, uri: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_casemate"));
        command
            .args(["sign", &self.at("model"), "--key", uri])
            .args(["--bundle", &self.at("m.sig")])
            .args(more)
            .env("SOFTHSM2_CONF", self.at("softhsm2.conf"))
            .env("CASEMATE_PKCS11_MODULE", MODULE)
            .env_remove("CASEMATE_PASSPHRASE");
        command
    }

    /// What is said on signing, of which nothing comes.
    fn refused(&self, uri: &str, more: &[&str]) -> String {
        let run = self.sign(uri, more).ended_with(2);
        assert!(!Path::new(&self.at("m.sig")).exists());
        assert!(!run.err.contains(PIN), "{}", run.err);
        run.err
    }

    fn verify(&self, who: [&str; 2]) {
        let (model, bundle) = (self.at("model"), self.at("m.sig"));
        let verify = ["verify", &model, "--bundle", &bundle];
        casemate(verify.iter().chain(&who)).ended_with(0);
    }
}

#[test]
fn the_reference_and_we_verify_what_a_token_signed() {
    let case = Case::new();
    let mut reference = Reference::start("reference.py");
    for (at, curve) in ["p256", "p384", "p521"].into_iter().enumerate() {
        let id = format!("0{at}");
        case.new_key(&format!("ecdsa-{curve}"), curve, &id);
        let public = case.at(&format!("{curve}-{id}.pub"));
        let uri = format!("pkcs11:token=t;object={curve}?pin-value={PIN}");
        let report = case.sign(&uri, &["--format", "json"]).ended_with(0).json();
        assert_valid(&report, casemate(["schema", "signing"]).json());
        case.verify(["--key", &public]);
        let (model, bundle) = (case.at("model"), case.at("m.sig"));
        let ask =
            json!({"do": "verify", "model": model, "bundle": bundle, "key": public, "roots": []});
        assert_eq!(reference.ask(&ask), "ok", "{curve}");

        // The same of a key with certificates.
        let pki = case.at(&format!("pki-{curve}"));
        fs::create_dir(&pki).expect("made");
        let issue = json!({"do": "issue", "folder": pki, "curve": curve});
        assert_eq!(reference.ask(&issue), "ok");
        let pem = |name: &str| format!("{pki}/{name}");
        case.import(
            &pem("leaf.key"),
            &format!("leaf-{curve}"),
            &format!("1{at}"),
        );
        let uri = format!("pkcs11:token=t;object=leaf-{curve}?pin-value={PIN}");
        let (leaf, issuer, root) = (pem("leaf.pem"), pem("issuer.pem"), pem("root.pem"));
        case.sign(&uri, &["--cert", &leaf, "--cert-chain", &issuer])
            .ended_with(0);
        case.verify(["--trust", &root]);
        let ask =
            json!({"do": "verify", "model": model, "bundle": bundle, "key": null, "roots": [root]});
        assert_eq!(reference.ask(&ask), "ok", "{curve}");
    }
}

#[test]
fn a_token_signs_with_ed25519_and_for_a_digest_store() {
    let case = Case::new();
    let fixture = root().join("crates/trust/token/tests/fixtures/ed25519");
    let (key, public) = (fixture.with_extension("key"), fixture.with_extension("pub"));
    case.import(key.to_str().expect("UTF-8"), "k", "01");
    let uri = format!("pkcs11:object=k;type=private?pin-value={PIN}");
    case.sign(&uri, &[]).ended_with(0);
    case.verify(["--key", public.to_str().expect("UTF-8")]);
    let (store, bundle) = (case.at("digests"), case.at("m.sig"));
    case.sign(&uri, &["--digest-store", &store]).ended_with(0);
    let again = [
        "--digest-store",
        &store,
        "--from",
        &bundle,
        "--format",
        "json",
    ];
    let report = case.sign(&uri, &again).ended_with(0).json();
    // A store by another key is told of.
    assert_eq!(report["notes"], json!([]));
}

#[test]
fn the_pin_is_taken_from_one_place() {
    let case = Case::new();
    case.new_key("ecdsa-p256", "k", "01");
    let (pin, wrong) = (case.at("pin"), case.at("wrong"));
    fs::write(&pin, format!("{PIN}\r\n")).expect("written");
    fs::write(&wrong, "0000\n").expect("written");
    let key = "pkcs11:token=t;object=k";
    let told = case.refused(key, &[]);
    assert!(
        told.contains("no terminal") && told.contains("--passphrase-file"),
        "{told}"
    );
    let told = case.refused(key, &["--passphrase-file", &wrong]);
    assert!(
        told.contains("pkcs11:token=t;serial=") && told.contains("refuses the PIN"),
        "{told}"
    );
    let told = case.refused(&format!("{key}?pin-value=0000"), &[]);
    assert!(told.contains("refuses the PIN"), "{told}");
    let told = case.refused(
        &format!("{key}?pin-source=file:{pin}"),
        &["--passphrase-file", &pin],
    );
    assert!(told.contains("so does the command line"), "{told}");
    let told = case.refused(&format!("{key}?pin-source=file:/no/such"), &[]);
    assert!(told.contains("/no/such"), "{told}");
    let told = case.refused(&format!("{key}?pin-source=%7Ccat%20{PIN}"), &[]);
    assert!(told.contains("none is run"), "{told}");
    case.sign(&format!("{key}?pin-source=file://{pin}"), &[])
        .ended_with(0);
    case.sign(key, &["--passphrase-file", &pin]).ended_with(0);
    ended(case.signing(key, &[]).env("CASEMATE_PASSPHRASE", PIN)).ended_with(0);
    // What the environment has for other keys does not get in the way of what the URI says.
    let uri = format!("{key}?pin-value={PIN}");
    ended(case.signing(&uri, &[]).env("CASEMATE_PASSPHRASE", "other")).ended_with(0);
}

#[test]
fn the_module_is_named_in_one_place() {
    let case = Case::new();
    case.new_key("ecdsa-p256", "k", "01");
    let uri = |more: &str| format!("pkcs11:object=k?pin-value={PIN}{more}");
    let without = |uri: &str, more: &[&str]| {
        let mut command = case.signing(uri, more);
        ended(command.env_remove("CASEMATE_PKCS11_MODULE"))
    };
    let told = without(&uri(""), &[]).ended_with(2).err;
    assert!(
        told.contains("--pkcs11-module") && told.contains("CASEMATE_PKCS11_MODULE"),
        "{told}"
    );
    let told = case.refused(
        &uri(&format!("&module-path={MODULE}")),
        &["--pkcs11-module", MODULE],
    );
    assert!(told.contains("--pkcs11-module"), "{told}");
    let told = case.refused(&uri(""), &["--pkcs11-module", &case.at("k-01.pub")]);
    assert!(
        told.contains("cannot use") && told.contains("k-01.pub"),
        "{told}"
    );
    let told = case.refused(&uri("&module-name=no-such"), &[]);
    assert!(told.contains("no PKCS#11 module no-such"), "{told}");
    let folder = Path::new(MODULE).parent().expect("a folder").display();
    for named in [
        format!("&module-path={MODULE}"),
        "&module-name=softhsm2".to_owned(),
        format!("&module-path={folder}&module-name=libsofthsm2"),
    ] {
        without(&uri(&named), &[]).ended_with(0);
    }
    without(&uri(""), &["--pkcs11-module", MODULE]).ended_with(0);
}

#[test]
fn a_key_that_is_not_the_only_one_meant_signs_nothing() {
    let case = Case::new();
    case.new_key("ecdsa-p256", "k", "01");
    case.new_key("ecdsa-p384", "k", "02");
    let uri = |key: &str| format!("pkcs11:{key}?pin-value={PIN}");
    let told = case.refused(&uri("object=k"), &[]);
    assert!(
        told.contains("object=k;id=%01 (EC), pkcs11:object=k;id=%02 (EC)"),
        "{told}"
    );
    let told = case.refused(&uri("object=other"), &[]);
    assert!(
        told.contains("no private key pkcs11:object=other"),
        "{told}"
    );
    let told = case.refused(&uri("token=u;object=k"), &[]);
    assert!(
        told.contains("no token pkcs11:token=u") && told.contains("token=t"),
        "{told}"
    );
    let told = case.refused(&uri("object=k;id=%01;colour=red"), &[]);
    assert!(told.contains("`colour`"), "{told}");
    // A certificate of another key; what names the key here is shown without the PIN.
    let mut reference = Reference::start("reference.py");
    let pki = case.at("pki");
    fs::create_dir(&pki).expect("made");
    reference.ask(&json!({"do": "issue", "folder": pki, "curve": "p256"}));
    let told = case.refused(
        &uri("object=k;id=%01"),
        &["--cert", &format!("{pki}/leaf.pem")],
    );
    assert!(
        told.contains("not of the key pkcs11:object=k;id=%01"),
        "{told}"
    );
    case.add_token("u");
    let told = case.refused(&uri("id=%01"), &[]);
    assert!(told.contains("several tokens"), "{told}");
    case.sign(&uri("token=t;id=%01"), &[]).ended_with(0);
}

/// Long enough to be in no serial number.
const PIN: &str = "otter-7391-quay";
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
