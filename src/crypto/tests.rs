//! What is sealed opens again, and only with its key.

use super::*;

const MASTER: &str = "correct horse";

/// Made with another implementation (Python's hashlib and cryptography): salt 00..1f, iv 00..0b.
const VECTORS: [(&str, &str); 3] = [
    ("postgres://hub:s3cret@db/alkhub", "GlM2DN0LhCeUXoUChHsZkPoXaIXC6kw8h4K8AVZ85ubIbdb+DMbVw8uKI9XdqjY="),
    ("", "foBRkpB4HzUXR26mT7ISAw=="),
    ("grüße", "DU6GxHnmhBeIRdZPFliwot+D4ozu/Zs="),
];

fn vector(data: &str) -> Sealed {
    let salt: Vec<u8> = (0..32).collect();
    let iv: Vec<u8> = (0..12).collect();
    Sealed { key_version: 1, salt: STANDARD.encode(salt), iv: STANDARD.encode(iv), data: data.to_owned() }
}

#[test]
fn known_answers_open_and_are_made_again() {
    for (secret, data) in VECTORS {
        assert_eq!(open(MASTER, &vector(data)).expect("opens").as_slice(), secret.as_bytes());
        let salt = std::array::from_fn(|at| at as u8);
        let iv = std::array::from_fn(|at| at as u8);
        assert_eq!(seal_with(MASTER, secret.as_bytes(), salt, iv).expect("seals"), vector(data));
    }
}

#[test]
fn what_is_sealed_opens_and_no_two_seals_are_alike() {
    let (one, two) = (seal(MASTER, b"secret").expect("seals"), seal(MASTER, b"secret").expect("seals"));
    assert_eq!(open(MASTER, &one).expect("opens").as_slice(), b"secret");
    assert_ne!(one.salt, two.salt);
    assert_ne!(one.iv, two.iv);
    assert_ne!(one.data, two.data);
}

#[test]
fn a_wrong_master_key_and_any_changed_part_are_refused_alike() {
    let good = vector(VECTORS[0].1);
    let flip = |text: &str, byte: usize| {
        let mut bytes = STANDARD.decode(text).expect("base64");
        let at = byte % bytes.len();
        bytes[at] ^= 1;
        STANDARD.encode(bytes)
    };
    let mut tampered = vec![
        Sealed { salt: flip(&good.salt, 31), ..good.clone() },
        Sealed { iv: flip(&good.iv, 0), ..good.clone() },
        // The first and the last byte of the ciphertext and of the tag.
        Sealed { data: flip(&good.data, 0), ..good.clone() },
        Sealed { data: flip(&good.data, 30), ..good.clone() },
        Sealed { data: flip(&good.data, 31), ..good.clone() },
        Sealed { data: flip(&good.data, 46), ..good.clone() },
    ];
    // Cut to nothing, to less than a tag, by one byte; and made longer.
    let bytes = STANDARD.decode(&good.data).expect("base64");
    for cut in [0, 15, bytes.len() - 1] {
        tampered.push(Sealed { data: STANDARD.encode(&bytes[..cut]), ..good.clone() });
    }
    tampered.push(Sealed { data: STANDARD.encode([bytes.as_slice(), &[0]].concat()), ..good.clone() });
    for sealed in tampered {
        assert_eq!(open(MASTER, &sealed).expect_err("changed"), OpenError::Refused, "{sealed:?}");
    }
    assert_eq!(open("correct horse ", &good).expect_err("other key"), OpenError::Refused);
}

#[test]
fn a_wrong_shape_is_named_before_anything_is_derived() {
    let good = vector(VECTORS[0].1);
    let cases = [
        (Sealed { key_version: 2, ..good.clone() }, OpenError::Version(2)),
        (Sealed { salt: String::new(), ..good.clone() }, OpenError::Shape("salt")),
        (Sealed { iv: STANDARD.encode([0; 16]), ..good.clone() }, OpenError::Shape("iv")),
        (Sealed { data: "not base64!".to_owned(), ..good }, OpenError::Shape("data")),
    ];
    for (sealed, error) in cases {
        assert_eq!(open(MASTER, &sealed).expect_err("wrong shape"), error);
    }
}

#[test]
fn both_spellings_of_the_version_are_read() {
    for name in ["key_version", "keyVersion"] {
        let json = format!(r#"{{"{name}":1,"salt":"a","iv":"b","data":"c"}}"#);
        assert_eq!(serde_json::from_str::<Sealed>(&json).expect("reads").key_version, 1);
    }
}
