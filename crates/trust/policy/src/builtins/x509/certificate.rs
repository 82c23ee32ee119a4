//! The fields of a certificate.

use der::{
    Decode as _, Tag, Tagged as _,
    asn1::{Any, ObjectIdentifier},
};
use regorus::Value;
use x509_cert::{
    Certificate,
    ext::{
        Extension,
        pkix::{
            AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints,
            CertificatePolicies, CrlDistributionPoints, ExtendedKeyUsage, KeyUsage, SubjectAltName,
            SubjectKeyIdentifier,
            name::{DistributionPointName, GeneralName},
        },
    },
    name::Name,
    request::{CertReq, ExtensionReq},
    spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned},
    time::Time,
};

use super::{
    super::{Answer, Fault},
    Fields, WRONG, encoded, integer, list,
};

/// A certificate in DER.
pub(super) fn value(der: &[u8]) -> Answer {
    let certificate = Certificate::from_der(der).map_err(|_| WRONG)?;
    let signed = certificate.tbs_certificate();
    let mut fields = Fields::default();
    let none: &[Extension] = &[];
    let extensions = signed.extensions().map_or(none, Vec::as_slice);
    fields.set("Version", u64::from(signed.version() as u8) + 1);
    fields.set("SerialNumber", integer(signed.serial_number().as_bytes())?);
    fields.set("Issuer", name(signed.issuer())?);
    fields.set("RawIssuer", raw(signed.issuer())?);
    fields.set("NotBefore", moment(signed.validity().not_before));
    fields.set("NotAfter", moment(signed.validity().not_after));
    fields.set("Raw", encoded(der));
    fields.set("RawTBSCertificate", raw(signed)?);
    subject(
        &mut fields,
        signed.subject(),
        signed.subject_public_key_info(),
    )?;
    signature(
        &mut fields,
        certificate.signature_algorithm(),
        certificate.signature(),
    );
    names(&mut fields, extensions);
    usage(&mut fields, extensions);
    locations(&mut fields, extensions);
    fields.set("Extensions", all(extensions));
    fields.set("ExtraExtensions", Value::Null);
    Ok(fields.value())
}

/// A request, and its DER.
pub(super) fn request(der: &[u8], request: &CertReq) -> Answer {
    let info = &request.info;
    let mut fields = Fields::default();
    let mut extensions = Vec::new();
    for attribute in info
        .attributes
        .iter()
        .filter(|it| it.oid == EXTENSION_REQUEST)
    {
        for value in attribute.values.iter() {
            let request = value.decode_as::<ExtensionReq>();
            extensions.extend(request.map_err(|_| "was given a wrong request")?.0);
        }
    }
    fields.set("Version", u64::from(info.version as u8));
    fields.set("Raw", encoded(der));
    fields.set("RawTBSCertificateRequest", raw(info)?);
    subject(&mut fields, &info.subject, &info.public_key)?;
    signature(&mut fields, &request.algorithm, &request.signature);
    names(&mut fields, &extensions);
    fields.set("Extensions", all(&extensions));
    fields.set("ExtraExtensions", Value::Null);
    fields.set("Attributes", Value::Null);
    Ok(fields.value())
}

/// Whether its extended key usage, where it has one, lets it be a server's or an issuer of one.
pub(super) fn may_serve(der: &[u8]) -> bool {
    let Ok(certificate) = Certificate::from_der(der) else {
        return false;
    };
    match certificate
        .tbs_certificate()
        .get_extension::<ExtendedKeyUsage>()
    {
        Ok(Some((_, usage))) => {
            let oids = usage.0.iter().map(ObjectIdentifier::to_string);
            oids.into_iter()
                .any(|oid| oid == EXT_KEY_USAGES[0] || oid == EXT_KEY_USAGES[1])
        }
        Ok(None) => true,
        Err(_) => false,
    }
}

fn subject(
    fields: &mut Fields,
    subject: &Name,
    info: &SubjectPublicKeyInfoOwned,
) -> Result<(), Fault> {
    fields.set("Subject", name(subject)?);
    fields.set("RawSubject", raw(subject)?);
    fields.set("RawSubjectPublicKeyInfo", raw(info)?);
    let kind = info.algorithm.oid.to_string();
    let bytes = info.subject_public_key.raw_bytes();
    let mut key = Fields::default();
    let algorithm = match kind.as_str() {
        RSA => {
            let numbers = Vec::<der::asn1::Int>::from_der(bytes).map_err(|_| WRONG)?;
            let [n, e] = &numbers[..] else {
                return Err(WRONG.into());
            };
            key.set("N", integer(n.as_bytes())?);
            key.set("E", integer(e.as_bytes())?);
            1_u64
        }
        EC => {
            // The point in full: 4, and two numbers of the same length (SEC 1, 2.3.3).
            if let Some((4, point)) = bytes.split_first().map(|(first, rest)| (*first, rest)) {
                let (x, y) = point.split_at(point.len() / 2);
                key.set("X", integer(x)?);
                key.set("Y", integer(y)?);
            }
            key.set("Curve", Value::new_object());
            3
        }
        ED25519 => {
            fields.set("PublicKey", encoded(bytes));
            fields.set("PublicKeyAlgorithm", 4_u64);
            return Ok(());
        }
        _ => {
            fields.set("PublicKey", Value::Null);
            fields.set("PublicKeyAlgorithm", 0_u64);
            return Ok(());
        }
    };
    fields.set("PublicKey", key.value());
    fields.set("PublicKeyAlgorithm", algorithm);
    Ok(())
}

fn signature(
    fields: &mut Fields,
    algorithm: &AlgorithmIdentifierOwned,
    signature: &der::asn1::BitString,
) {
    let oid = algorithm.oid.to_string();
    let number = SIGNATURES.iter().find(|(known, _)| *known == oid);
    fields.set(
        "SignatureAlgorithm",
        number.map_or(0, |(_, number)| *number),
    );
    fields.set("Signature", encoded(signature.raw_bytes()));
}

/// What it is for, by name.
fn names(fields: &mut Fields, extensions: &[Extension]) {
    let names = find::<SubjectAltName>(extensions, "2.5.29.17");
    let (mut dns, mut mail, mut uris, mut addresses) = (vec![], vec![], vec![], vec![]);
    for name in names.iter().flat_map(|names| &names.0) {
        match name {
            GeneralName::DnsName(text) => dns.push(Value::from(text.as_str())),
            GeneralName::Rfc822Name(text) => mail.push(Value::from(text.as_str())),
            GeneralName::UniformResourceIdentifier(text) => uris.push(Value::from(text.as_str())),
            GeneralName::IpAddress(bytes) => addresses.extend(address(bytes.as_bytes())),
            _ => {}
        }
    }
    fields.set("DNSNames", list(dns));
    fields.set("EmailAddresses", list(mail));
    fields.set("URIStrings", list(uris));
    fields.set("IPAddresses", list(addresses));
}

fn address(bytes: &[u8]) -> Option<Value> {
    let address = match bytes.len() {
        4 => std::net::IpAddr::from(<[u8; 4]>::try_from(bytes).ok()?),
        16 => std::net::IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?),
        _ => return None,
    };
    Some(Value::from(address.to_string()))
}

/// What it may do.
fn usage(fields: &mut Fields, extensions: &[Extension]) {
    let usage = find::<KeyUsage>(extensions, "2.5.29.15");
    fields.set(
        "KeyUsage",
        usage.map_or(0, |usage| u64::from(usage.0.bits())),
    );
    let constraints = find::<BasicConstraints>(extensions, "2.5.29.19");
    fields.set("BasicConstraintsValid", constraints.is_some());
    fields.set("IsCA", constraints.as_ref().is_some_and(|it| it.ca));
    let length = constraints.as_ref().map(|it| it.path_len_constraint);
    let most = match length {
        None => Value::from(0_u64),
        Some(None) => Value::from(-1_i64),
        Some(Some(length)) => Value::from(u64::from(length)),
    };
    fields.set("MaxPathLen", most);
    fields.set("MaxPathLenZero", length == Some(Some(0)));
    let extended = find::<ExtendedKeyUsage>(extensions, "2.5.29.37");
    let (mut known, mut unknown) = (vec![], vec![]);
    for oid in extended.iter().flat_map(|usage| &usage.0) {
        let text = oid.to_string();
        match EXT_KEY_USAGES.iter().position(|known| *known == text) {
            Some(number) => known.push(Value::from(number as u64)),
            None => unknown.push(parts(oid)),
        }
    }
    fields.set("ExtKeyUsage", list(known));
    fields.set("UnknownExtKeyUsage", list(unknown));
}

/// Who it comes from, and where more is told of it.
fn locations(fields: &mut Fields, extensions: &[Extension]) {
    let key = find::<SubjectKeyIdentifier>(extensions, "2.5.29.14");
    fields.set(
        "SubjectKeyId",
        key.map_or(Value::Null, |key| encoded(key.0.as_bytes())),
    );
    let authority = find::<AuthorityKeyIdentifier>(extensions, "2.5.29.35");
    let authority = authority.and_then(|it| it.key_identifier);
    let authority = authority.map_or(Value::Null, |key| encoded(key.as_bytes()));
    fields.set("AuthorityKeyId", authority);
    let access = find::<AuthorityInfoAccessSyntax>(extensions, "1.3.6.1.5.5.7.1.1");
    let at = |method: &str| {
        let places = access.iter().flat_map(|access| &access.0);
        let of_method = places.filter(|place| place.access_method.to_string() == method);
        list(
            of_method
                .filter_map(|place| uri(&place.access_location))
                .collect(),
        )
    };
    fields.set("OCSPServer", at("1.3.6.1.5.5.7.48.1"));
    fields.set("IssuingCertificateURL", at("1.3.6.1.5.5.7.48.2"));
    let points = find::<CrlDistributionPoints>(extensions, "2.5.29.31");
    let points = points.iter().flat_map(|points| &points.0);
    let names = points.filter_map(|point| match &point.distribution_point {
        Some(DistributionPointName::FullName(names)) => Some(names),
        _ => None,
    });
    fields.set(
        "CRLDistributionPoints",
        list(names.flatten().filter_map(uri).collect()),
    );
    let policies = find::<CertificatePolicies>(extensions, "2.5.29.32");
    let policies = policies.iter().flat_map(|policies| &policies.0);
    let policies: Vec<ObjectIdentifier> = policies.map(|it| it.policy_identifier).collect();
    let texts = policies.iter().map(|oid| Value::from(oid.to_string()));
    fields.set("Policies", list(texts.collect()));
    fields.set(
        "PolicyIdentifiers",
        list(policies.iter().map(parts).collect()),
    );
}

fn uri(name: &GeneralName) -> Option<Value> {
    match name {
        GeneralName::UniformResourceIdentifier(text) => Some(Value::from(text.as_str())),
        _ => None,
    }
}

fn all(extensions: &[Extension]) -> Value {
    let values = extensions.iter().map(|extension| {
        let mut fields = Fields::default();
        fields.set("Id", parts(&extension.extn_id));
        fields.set("Critical", extension.critical);
        fields.set("Value", encoded(extension.extn_value.as_bytes()));
        fields.value()
    });
    list(values.collect())
}

/// What an extension says; nothing where it is not there, or cannot be read.
fn find<'a, T: der::Decode<'a>>(extensions: &'a [Extension], oid: &str) -> Option<T> {
    let extension = extensions.iter().find(|it| it.extn_id.to_string() == oid)?;
    T::from_der(extension.extn_value.as_bytes()).ok()
}

fn name(name: &Name) -> Answer {
    let mut fields = Fields::default();
    let (mut common, mut serial) = (String::new(), String::new());
    let mut lists: [Vec<Value>; NAME_LISTS.len()] = Default::default();
    let mut names = Vec::new();
    for part in name.iter() {
        let Some(text) = text(&part.value) else {
            continue;
        };
        let mut pair = Fields::default();
        pair.set("Type", parts(&part.oid));
        pair.set("Value", text.as_str());
        names.push(pair.value());
        let oid = part.oid.to_string();
        match oid.as_str() {
            "2.5.4.3" => common = text,
            "2.5.4.5" => serial = text,
            oid => {
                if let Some(at) = NAME_LISTS.iter().position(|(known, _)| *known == oid) {
                    lists[at].push(Value::from(text));
                }
            }
        }
    }
    fields.set("CommonName", common);
    fields.set("SerialNumber", serial);
    for ((_, name), values) in NAME_LISTS.iter().zip(lists) {
        fields.set(name, list(values));
    }
    fields.set("Names", list(names));
    fields.set("ExtraNames", Value::Null);
    Ok(fields.value())
}

/// A value's text, whichever kind of string it is.
fn text(value: &Any) -> Option<String> {
    let bytes = value.value();
    match value.tag() {
        Tag::TeletexString => Some(bytes.iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let (pairs, _) = bytes.as_chunks::<2>();
            let units: Vec<u16> = pairs.iter().copied().map(u16::from_be_bytes).collect();
            String::from_utf16(&units).ok()
        }
        _ => std::str::from_utf8(bytes).ok().map(str::to_owned),
    }
}

fn parts(oid: &ObjectIdentifier) -> Value {
    let arcs = oid.arcs().map(|arc| Value::from(u64::from(arc)));
    Value::from(arcs.collect::<Vec<_>>())
}

fn moment(time: Time) -> Value {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    let moment = casemate_core::Timestamp::from_second(seconds);
    Value::from(moment.map_or_else(|_| String::new(), |moment| moment.to_string()))
}

fn raw(value: &impl der::Encode) -> Answer {
    value
        .to_der()
        .map(|der| encoded(&der))
        .map_err(|_| WRONG.into())
}

const NAME_LISTS: [(&str, &str); 7] = [
    ("2.5.4.6", "Country"),
    ("2.5.4.7", "Locality"),
    ("2.5.4.8", "Province"),
    ("2.5.4.9", "StreetAddress"),
    ("2.5.4.10", "Organization"),
    ("2.5.4.11", "OrganizationalUnit"),
    ("2.5.4.17", "PostalCode"),
];

/// By the number that Go gives them: any, server, client, code, mail, IPsec (three), time stamps, OCSP.
const EXT_KEY_USAGES: [&str; 10] = [
    "2.5.29.37.0",
    "1.3.6.1.5.5.7.3.1",
    "1.3.6.1.5.5.7.3.2",
    "1.3.6.1.5.5.7.3.3",
    "1.3.6.1.5.5.7.3.4",
    "1.3.6.1.5.5.7.3.5",
    "1.3.6.1.5.5.7.3.6",
    "1.3.6.1.5.5.7.3.7",
    "1.3.6.1.5.5.7.3.8",
    "1.3.6.1.5.5.7.3.9",
];

/// With the number that Go gives them.
const SIGNATURES: [(&str, u64); 10] = [
    ("1.2.840.113549.1.1.4", 2),
    ("1.2.840.113549.1.1.5", 3),
    ("1.2.840.113549.1.1.11", 4),
    ("1.2.840.113549.1.1.12", 5),
    ("1.2.840.113549.1.1.13", 6),
    ("1.2.840.10045.4.1", 9),
    ("1.2.840.10045.4.3.2", 10),
    ("1.2.840.10045.4.3.3", 11),
    ("1.2.840.10045.4.3.4", 12),
    ("1.3.101.112", 16),
];

const EXTENSION_REQUEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14");

const RSA: &str = "1.2.840.113549.1.1.1";
const EC: &str = "1.2.840.10045.2.1";
const ED25519: &str = "1.3.101.112";
