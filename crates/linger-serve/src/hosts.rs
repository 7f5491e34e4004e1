//! The names that this server answers to.
//!
//! A page of another site can point its own name at 127.0.0.1 and read a server
//! there as its own origin (DNS rebinding). So a server that only this machine can
//! reach accepts no names but this machine's, unless the operator lists others.

use std::{net::IpAddr, str::FromStr};

use crate::fields::Fields;

/// The names by which the server may be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Hosts {
    /// Any.
    #[default]
    Any,
    /// `localhost`, names that end with `.localhost`, addresses, and these names.
    Local(Vec<String>),
}

impl FromStr for Hosts {
    type Err = String;

    /// Reads `*`, or a list like `chat.example,chat.local`.
    fn from_str(given: &str) -> Result<Hosts, String> {
        if given.trim() == "*" {
            return Ok(Hosts::Any);
        }
        let names = given.split(',').map(str::trim).filter(|name| !name.is_empty());
        let names = names.map(|name| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            match name.chars().all(fits) {
                true => Ok(name.trim_end_matches('.').to_ascii_lowercase()),
                false => {
                    Err(format!("a host is a name like chat.example, without a port; not {name:?}"))
                }
            }
        });
        Ok(Hosts::Local(names.collect::<Result<_, _>>()?))
    }
}

impl Hosts {
    /// Tells whether the server answers to the names in this request. A request
    /// without any name comes from no browser.
    pub(crate) fn take(&self, fields: &impl Fields) -> bool {
        match self {
            Hosts::Any => true,
            Hosts::Local(names) => fields.values("host").all(|host| is_among(names, host)),
        }
    }
}

fn is_among(names: &[String], host: &[u8]) -> bool {
    let Ok(host) = str::from_utf8(host) else { return false };
    if let Some((address, port)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let is_port = port.is_empty() || port.starts_with(':');
        return is_port && matches!(address.parse(), Ok(IpAddr::V6(_)));
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    matches!(name.parse(), Ok(IpAddr::V4(_)))
        || name == "localhost"
        || name.ends_with(".localhost")
        || names.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_anybody_can_point_here_is_not_ours() {
        let hosts: Hosts = "Chat.Example, b.example.".parse().unwrap();
        let Hosts::Local(names) = hosts else { panic!("{hosts:?}") };
        let ours = [
            "localhost",
            "LOCALHOST:8080",
            "localhost.",
            "a.localhost:1",
            "127.0.0.1",
            "127.0.0.1:8080",
            "192.168.1.7:80",
            "[::1]",
            "[::1]:8080",
            "chat.example",
            "CHAT.example:443",
            "b.example",
        ];
        let others = [
            "",
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "notlocalhost",
            "[evil]",
            "[::1]evil",
            "::1",
            "chat.example.evil",
            "127.0.0.1@evil",
            "localhost\u{e9}",
        ];
        for host in ours {
            assert!(is_among(&names, host.as_bytes()), "{host}");
        }
        for host in others {
            assert!(!is_among(&names, host.as_bytes()), "{host}");
        }
        assert!(!is_among(&names, b"\xff"));
        assert_eq!("*".parse(), Ok(Hosts::Any));
        for wrong in ["chat.example:80", "https://chat.example", "a b", "*.example"] {
            assert!(wrong.parse::<Hosts>().is_err(), "{wrong}");
        }
    }
}
