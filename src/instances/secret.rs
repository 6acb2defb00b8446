#![forbid(unsafe_code)]
//! Encrypted cells of `user_config` (instances.md §6): `enc:v1:` and, in base64url without padding, a version byte, a
//! nonce of 24 random bytes, and XChaCha20-Poly1305 ciphertext with its tag. The name of the cell is associated data, so
//! that a cell which is copied to another name does not open.

use std::fmt;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD},
};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// What an encrypted cell begins with.
pub const PREFIX: &str = "enc:v1:";
/// First byte of what follows the prefix.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;

/// An encryption key. Never shown, and wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Zeroizing<[u8; KEY_BYTES]>);

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key([REDACTED])")
    }
}

impl Key {
    /// The key that `text` spells: 64 hexadecimal digits, or base64 of 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = match text.len() {
            64 => Zeroizing::new(from_hex(text)?),
            _ => Zeroizing::new([alphabet::STANDARD, alphabet::URL_SAFE].iter().find_map(|letters| {
                let padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
                GeneralPurpose::new(letters, padding).decode(text).ok()
            })?),
        };
        Some(Self(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
    }

    /// A new key.
    ///
    /// # Errors
    /// [`Error::Internal`] if the system has no random numbers.
    pub fn random() -> Result<Self> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        fill_random(bytes.as_mut())?;
        Ok(Self(bytes))
    }

    /// The 64 hexadecimal digits that spell the key.
    pub fn to_hex(&self) -> Zeroizing<String> {
        let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
        Zeroizing::new(self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
    }

    /// The cell that keeps `value` under `name`.
    ///
    /// # Errors
    /// [`Error::Internal`] if the system has no random numbers.
    pub fn seal(&self, name: &str, value: &str) -> Result<String> {
        let mut nonce = [0; NONCE_BYTES];
        fill_random(&mut nonce)?;
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), Payload { msg: value.as_bytes(), aad: &associated(name) })
            .map_err(|_| Error::Internal("the value is too long to be encrypted".into()))?;
        let cell = [&[VERSION], &nonce[..], &sealed].concat();
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(cell)))
    }

    /// The value in a cell that was sealed under `name` with this key; `None` for every other cell.
    pub fn open(&self, name: &str, cell: &str) -> Option<String> {
        let cell = URL_SAFE_NO_PAD.decode(cell.strip_prefix(PREFIX)?).ok()?;
        let (&VERSION, rest) = cell.split_first()? else { return None };
        let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES)?;
        let nonce = XNonce::from(<[u8; NONCE_BYTES]>::try_from(nonce).ok()?);
        let value = self.cipher().decrypt(&nonce, Payload { msg: sealed, aad: &associated(name) }).ok()?;
        String::from_utf8(value).ok()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

fn associated(name: &str) -> Vec<u8> {
    format!("user_config|{name}").into_bytes()
}

fn fill_random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| Error::Internal(format!("the system has no random numbers: {error}")))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |letter: u8| char::from(letter).to_digit(16).and_then(|value| u8::try_from(value).ok());
    text.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELL: &str = "enc:v1:AUBBQkNERUZHSElKS0xNTk9QUVJTVFVWV7NRdS-kjxJz4cW1jThmENu8ZySfT8vT4dqsqlg";

    fn counting() -> Key {
        Key(Zeroizing::new(std::array::from_fn(|index| index as u8)))
    }

    #[test]
    fn i7_the_cell_of_the_contract_opens_under_its_own_name_only() {
        assert_eq!(counting().open("github.token", CELL).as_deref(), Some("ghp_token123"));
        assert_eq!(counting().open("other", CELL), None);
        assert_eq!(Key::random().unwrap().open("github.token", CELL), None);
    }

    #[test]
    fn a_value_comes_back_and_no_two_cells_of_it_are_alike() {
        let key = Key::random().unwrap();
        for value in ["", "secret", "\0", "a\u{fffd}😀", &"x".repeat(100_000)] {
            let (one, other) = (key.seal("k", value).unwrap(), key.seal("k", value).unwrap());
            assert_ne!(one, other);
            assert!(value.is_empty() || !one.contains(value));
            assert_eq!(key.open("k", &one).as_deref(), Some(value));
        }
    }

    #[test]
    fn a_cell_that_is_damaged_anywhere_does_not_open() {
        let key = counting();
        for position in PREFIX.len()..CELL.len() {
            let mut damaged = CELL.to_owned().into_bytes();
            damaged[position] = if damaged[position] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(damaged).unwrap();
            assert_eq!(key.open("github.token", &damaged), None, "{position}");
        }
        for short in [PREFIX, "enc:v1:AQ", "enc:v1:=", "", "plain", &CELL[..60]] {
            assert_eq!(key.open("github.token", short), None, "{short}");
        }
    }

    #[test]
    fn a_key_is_64_hex_digits_or_base64_of_32_bytes() {
        let hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
        assert_eq!(counting().to_hex().as_str(), hex);
        let spellings = [
            hex,
            &hex.to_uppercase(),
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        ];
        for text in spellings {
            assert_eq!(Key::parse(text), Some(counting()), "{text}");
        }
        let url = URL_SAFE_NO_PAD.encode([0xff; 32]);
        assert_eq!(Key::parse(&url), Some(Key(Zeroizing::new([0xff; 32]))));
        let bad = [
            "",
            "secret",
            &hex[1..],
            &format!("{hex}00"),
            &hex.replace('0', "g"),
            "AAECAw==",
            " ",
            &format!("{hex}\n"),
        ];
        for text in bad {
            assert_eq!(Key::parse(text), None, "{text}");
        }
        assert_eq!(format!("{:?}", counting()), "Key([REDACTED])");
    }
}
