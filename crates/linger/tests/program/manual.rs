//! The configurations of `docs/operating.md`, as they stand there: three NATS servers, three
//! nodes, and a proxy before them. Only addresses and folders are others here.
//!
//! Each machine of the page is an address of this one, in 127.0.0.0/8. nginx is Debian's, and
//! `cargo xtask test` installs the others into `target/`.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
};

use guarded::{Guarded, NATS_SERVER, free_port, installed};
use serde_json::json;

use crate::{
    client::Client,
    erasure::files_in,
    nats::Nats,
    process::{Folder, Program, Server, until},
};

const PAGE: &str = include_str!("../../../../docs/operating.md");
const COMPOSE: &str = include_str!("../../../../deploy/compose.yaml");
const KUBERNETES: &str = include_str!("../../../../deploy/kubernetes.yaml");
/// Keep the version as it is in `xtask/caddy.txt`.
const CADDY: &str = "caddy-2.11.7/bin/caddy";
const NGINX: &str = "/usr/sbin/nginx";
/// The page's names of machines.
const NAMES: [&str; 6] = ["nats-1", "nats-2", "nats-3", "chat-1", "chat-2", "chat-3"];
/// The page's ports, and that of the proxy.
const PORTS: [u16; 5] = [4222, 6222, 8222, 8080, 80];

/// Three NATS servers and three nodes, as the page has them.
struct Cluster {
    folder: Folder,
    ports: [u16; 5],
    _nats: Vec<Guarded>,
    nodes: Vec<Option<Server>>,
}

/// Returns the block of the page that is this file.
pub fn block(file: &str) -> &'static str {
    let begin = format!("```\n# {file}");
    let (_, rest) = PAGE.split_once(&begin).unwrap_or_else(|| panic!("no block of {file}"));
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.split_once("```").unwrap().0
}

impl Cluster {
    /// Starts all of it, in the order of the page.
    fn start() -> Cluster {
        let mut cluster = Cluster {
            folder: Folder::new(),
            ports: PORTS.map(|_| free_port()),
            _nats: Vec::new(),
            nodes: Vec::new(),
        };
        for (number, name) in NAMES[..3].iter().enumerate() {
            let text = block("/etc/nats.conf")
                .replace("server_name: nats-1", &format!("server_name: {name}"));
            let store = cluster.folder.join(name);
            let text = text.replace("/var/lib/nats", store.to_str().unwrap());
            let config = cluster.write(&format!("{name}.conf"), &cluster.here(&text, number));
            let server = Guarded::start(
                &cluster.folder.join(&format!("{name}.log")),
                &installed(NATS_SERVER),
                &["--config", &config],
            );
            cluster._nats.push(server);
        }
        for name in &NAMES[..3] {
            let monitor = cluster.address(name, 8222);
            until(name, || TcpStream::connect(monitor).is_ok());
        }
        let made = || cluster.program(0).arg("cluster").arg("init").end().code == Some(0);
        until("the stream is made", made);
        let check = cluster.program(0).arg("cluster").arg("check").end();
        assert!(check.stdout.contains("Nothing of the cluster can lose"), "{check:?}");
        cluster.nodes = (0..3).map(|number| Some(cluster.program(number).start())).collect();
        cluster
    }

    /// Returns the program on a node's machine, with the settings of the page.
    fn program(&self, number: usize) -> Program {
        let text = self.here(block("/etc/linger.env"), number + 3);
        let data = self.folder.join(NAMES[number + 3]);
        let text = text.replace("/var/lib/linger", data.to_str().unwrap());
        let settings = text.lines().filter_map(|line| line.split_once('='));
        settings.fold(Program::bare(), |program, (name, value)| program.env(name, value))
    }

    /// Returns a text of the page with the addresses of here, on the machine of this number.
    fn here(&self, text: &str, machine: usize) -> String {
        let mut text = text.replace("0.0.0.0:", &format!("{}:", NAMES[machine]));
        for name in NAMES {
            for (port, free) in PORTS.into_iter().zip(self.ports) {
                let address = format!("{}:{free}", ip(name));
                text = text.replace(&format!("{name}:{port}"), &address);
            }
        }
        text
    }

    fn address(&self, name: &str, port: u16) -> SocketAddr {
        self.here(&format!("{name}:{port}"), 0).parse().unwrap()
    }

    fn proxy(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports[4]))
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Two people talk through the proxy, while the node that serves them dies.
    fn check(&mut self) {
        let proxy = self.proxy();
        until("the proxy answers", || {
            TcpStream::connect(proxy).is_ok()
                && Client::new(proxy)
                    .try_call("GET", "/ready", &[], "")
                    .is_ok_and(|it| it.status == 200)
        });
        let mut ann = Client::guest(proxy, "ann");
        ann.open("tea", "open");
        ann.say("tea", "before");
        let cursor = ann.get("/api/v1/rooms/tea/events?wait=0").expect(200)["cursor"].clone();
        let path = format!("/api/v1/rooms/tea/events?wait=20&after={}", cursor.as_str().unwrap());
        // Held by the proxy's node, and called by what is said on another.
        let mut elsewhere = ann.again(self.nodes[1].as_ref().unwrap().address);
        let mut held = ann.again(proxy);
        let page = std::thread::scope(|threads| {
            let held = threads.spawn(|| held.get(&path).expect(200));
            let nodes = || self.nodes.iter().flatten();
            until("it is held", || {
                nodes().map(|node| node.figure("linger_requests_held")).sum::<f64>() > 0.5
            });
            elsewhere.say("tea", "from another node");
            held.join().unwrap()
        });
        assert!(page.to_string().contains("from another node"), "{page}");
        let serving = |node: &Option<Server>| {
            node.as_ref().is_some_and(|node| node.figure("linger_deliveries_total") > 0.5)
        };
        let number = self.nodes.iter().position(serving).expect("one of them has told it");
        self.nodes[number].take().unwrap().kill();
        // A new connection: what was kept alive to the dead one does not count.
        let mut ann = ann.again(proxy);
        let path = "/api/v1/rooms/tea/messages/after-the-death";
        ann.put(path, &json!({ "text": "after" })).expect(201);
        let path = format!("/api/v1/rooms/tea/events?wait=0&after={}", cursor.as_str().unwrap());
        let page = ann.get(&path).expect(200);
        assert_eq!(page.get("reset"), None, "{page}");
        let texts = page.to_string();
        assert!(texts.contains("from another node") && texts.contains("after"), "{page}");
    }
}

/// Returns the address that stands for a machine of the page.
fn ip(name: &str) -> String {
    let number = NAMES.iter().position(|known| *known == name).unwrap();
    format!("127.0.1.{}", number + 1)
}

mod three_servers {
    use super::*;

    #[test]
    fn three_nodes_behind_nginx_are_one_chat_as_the_page_has_it() {
        let mut cluster = Cluster::start();
        let (port, folder) = (cluster.ports[4], cluster.folder.to_string());
        let site = cluster.here(block("/etc/nginx/conf.d/linger.conf"), 0);
        let site = site.replace("listen 80;", &format!("listen 127.0.0.1:{port};"));
        let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let folders = kinds.map(|kind| format!("{kind}_temp_path {folder}/{kind};")).join("\n");
        // As Debian's nginx.conf includes it.
        let text = format!(
            "daemon off;\nmaster_process off;\npid {folder}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{folders}\n{site}\n}}\n"
        );
        let config = cluster.write("nginx.conf", &text);
        let log = cluster.folder.join("nginx.log");
        let errors = format!("{folder}/errors");
        let arguments = ["-c", &config, "-p", &folder, "-e", &errors];
        let _nginx = Guarded::start(&log, Path::new(NGINX), &arguments);
        cluster.check();
    }

    #[test]
    fn three_nodes_behind_caddy_are_one_chat_as_the_page_has_it() {
        let mut cluster = Cluster::start();
        let site = cluster.here(block("/etc/caddy/Caddyfile"), 0);
        // Under a name it would ask for a certificate.
        let site = site.replace("chat.example", &format!("http://{}", cluster.proxy()));
        let config = cluster.write("Caddyfile", &format!("{{\n\tadmin off\n}}\n{site}"));
        let log = cluster.folder.join("caddy.log");
        let arguments = ["run", "--config", &config, "--adapter", "caddyfile"];
        let _caddy = Guarded::start(&log, &installed(CADDY), &arguments);
        cluster.check();
    }
}

#[test]
fn what_a_killed_server_left_beside_its_blocks_goes_before_its_next_start() {
    let mut nats = Nats::start("sync_interval: always", "");
    nats.make_log();
    let server = &mut nats.servers[0];
    server.request("linger.log", "something");
    server.kill();
    let files = files_in(&server.store());
    let mut names = files.iter().map(|(name, _)| name);
    let block = names.find(|name| name.ends_with("/linger/msgs/1.blk"));
    let block = PathBuf::from(block.expect("the log has a block"));
    let left = block.with_extension("blk.tmp");
    fs::write(&left, "deleted text").unwrap();
    server.start();
    server.until_it_listens();
    assert!(block.exists() && !left.exists());
}

#[test]
fn the_manifests_have_the_configurations_of_the_page() {
    let (_, nats) = block("/etc/nats.conf").split_once('\n').unwrap();
    let indented = |text: &str, depth: usize| {
        let line = |line: &str| match line.is_empty() {
            true => "\n".to_owned(),
            false => format!("{:depth$}{line}\n", ""),
        };
        text.lines().map(line).collect::<String>()
    };
    let in_pods = (1..=3).fold(nats.to_owned(), |text, number| {
        text.replace(&format!("nats-{number}:"), &format!("nats-{}.nats:", number - 1))
    });
    for (name, manifest, text) in [
        ("NATS in containers", COMPOSE, indented(&nats.replace('$', "$$"), 6)),
        (
            "nginx in containers",
            COMPOSE,
            indented(&block("/etc/nginx/conf.d/linger.conf").replace('$', "$$"), 6),
        ),
        ("NATS in pods", KUBERNETES, indented(&in_pods, 4)),
    ] {
        assert!(manifest.contains(&text), "{name}: it should be\n{text}");
    }
}
