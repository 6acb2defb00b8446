#![forbid(unsafe_code)]
//! Closed sets of words: each spelling once.

/// An enum whose variants are words of the contract, with `ALL`, `as_str` and the exact `parse`.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$doc])* #[doc = concat!("`'", $text, "'`")] $variant),*
        }

        impl $name {
            /// Every word in its documented order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word as it is stored and as JavaScript spells it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),*
                }
            }

            /// The variant that `text` spells exactly.
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use words;
