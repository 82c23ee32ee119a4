//! Networks of AWS: security groups, load balancers, logs of flows.

use casemate_core::Rule;

use super::{
    Ask, Check, Companions, Family, Persona, Report, Severity, Wrong, ask, is_in,
    ports::ADMIN_PORTS, reach, rule, see,
};
use crate::{Cursor, Fact, Truth, World};

pub(in crate::check) const FAMILY: Family = Family {
    rules: &[
        (&ADMIN_PORT, Persona::Regular),
        (&EVERY_PORT, Persona::Regular),
        (&WEB_PORT, Persona::Auditor),
        (&EGRESS_TO_ALL, Persona::Auditor),
        (&DEFAULT_GROUP, Persona::Pedantic),
        (&NO_FLOW_LOG, Persona::Pedantic),
        (&PUBLIC_ADDRESSES, Persona::Pedantic),
        (&PLAIN_LISTENER, Persona::Regular),
        (&NO_BALANCER_LOG, Persona::Pedantic),
    ],
    check: Check::World(check),
};

fn check(world: &World, report: &mut Report) {
    ask(world, report, ASKS);
    for (kind, block, opens) in RULES_OF_GROUPS {
        for resource in world.of_kind(kind) {
            let places = match block {
                Some(block) => reach(&resource.cursor(), block)
                    .iter()
                    .flat_map(super::blocks)
                    .collect(),
                None => vec![resource.cursor()],
            };
            for place in places {
                check_rule(&place, *opens, report);
            }
        }
    }
    let of_networks = |kind| Companions::new(world, kind, "vpc_id", "aws_vpc");
    let defaults = of_networks("aws_default_security_group");
    let logs = of_networks("aws_flow_log");
    for vpc in world.of_kind("aws_vpc") {
        report.when(!defaults.has(vpc), &DEFAULT_GROUP, &vpc.cursor(), || {
            "the default security group is left as it is".to_owned()
        });
        report.when(!logs.has(vpc), &NO_FLOW_LOG, &vpc.cursor(), || {
            "the network has no flow logs".to_owned()
        });
    }
    for listener in ["aws_lb_listener", "aws_alb_listener"]
        .iter()
        .flat_map(|kind| world.of_kind(kind))
    {
        let protocol = listener.at("protocol");
        let redirects = reach(&listener.cursor(), "default_action.type");
        let redirects = Truth::any(redirects.iter().map(|it| it.equals("redirect")));
        let is_plain = protocol
            .text()
            .is(|text| is_in(&text, &["HTTP", "TCP"]))
            .and(|| !redirects);
        report.when(is_plain, &PLAIN_LISTENER, &protocol, || {
            "the listener speaks without TLS".to_owned()
        });
    }
    for balancer in world.of_kind("aws_elb") {
        for protocol in reach(&balancer.cursor(), "listener.lb_protocol") {
            let is_plain = protocol.text().is(|text| is_in(&text, &["http", "tcp"]));
            report.when(is_plain, &PLAIN_LISTENER, &protocol, || {
                "the listener speaks without TLS".to_owned()
            });
        }
    }
    for balancer in ["aws_elb", "aws_lb", "aws_alb"]
        .iter()
        .flat_map(|kind| world.of_kind(kind))
    {
        let logs = balancer.at("access_logs");
        let is_off = logs.is_absent().or(|| {
            Truth::any(
                reach(&balancer.cursor(), "access_logs.enabled")
                    .iter()
                    .map(Cursor::is_false),
            )
        });
        report.when(is_off, &NO_BALANCER_LOG, &logs, || {
            "requests are not logged".to_owned()
        });
    }
}

/// One rule of a group: a block, or a resource.
fn check_rule(rule: &Cursor<'_>, opens: Way, report: &mut Report) {
    let is_in_way = match opens {
        Way::In => Truth::Yes,
        Way::Out => Truth::No,
        Way::Said => rule.get("type").equals("ingress"),
    };
    let is_out = match opens {
        Way::Said => rule.get("type").equals("egress"),
        Way::In => Truth::No,
        Way::Out => Truth::Yes,
    };
    let is_open = || is_open_to_all(rule);
    let is_every_port = || {
        let protocol = rule
            .get("protocol")
            .text()
            .or_else(|| rule.get("ip_protocol").text());
        protocol
            .is(|text| is_in(&text, &["-1", "all"]))
            .or(|| covers(rule, 0, 65_535))
    };
    let every = is_in_way.clone().and(is_open).and(is_every_port);
    let says = |what: &str| format!("{what} from everywhere");
    if every.is_yes() {
        report.when(every, &EVERY_PORT, rule, || says("every port is reached"));
    } else {
        let admin = ADMIN_PORTS.iter().map(|port| covers(rule, *port, *port));
        let admin = is_in_way
            .clone()
            .and(is_open)
            .and(|| Truth::any(admin.collect::<Vec<_>>()));
        report.when(admin, &ADMIN_PORT, rule, || {
            says("a port of administration is reached")
        });
        let web = is_in_way.and(is_open).and(|| covers(rule, 80, 80));
        report.when(web, &WEB_PORT, rule, || says("port 80 is reached"));
    }
    let leaves = is_out.and(is_open).and(is_every_port);
    report.when(leaves, &EGRESS_TO_ALL, rule, || {
        "everything may leave to everywhere".to_owned()
    });
}

fn is_open_to_all(rule: &Cursor<'_>) -> Truth {
    let lists = ["cidr_blocks", "ipv6_cidr_blocks"]
        .iter()
        .flat_map(|key| rule.get(key).items());
    // The last two are CloudFormation's.
    let single = ["cidr_ipv4", "cidr_ipv6", "cidr_ip"];
    let single = single.iter().map(|key| rule.get(key));
    let truths: Vec<Truth> = lists
        .chain(single)
        .map(|it| it.text().is(|text| is_in(&text, EVERYWHERE)))
        .collect();
    Truth::any(truths)
}

/// Whether ports between are all open.
fn covers(rule: &Cursor<'_>, from: i64, to: i64) -> Truth {
    let number = |key: &str| match rule.get(key).integer() {
        Fact::Absent => Fact::Known(-1),
        number => number,
    };
    let protocol = rule
        .get("protocol")
        .text()
        .or_else(|| rule.get("ip_protocol").text());
    let is_tcp = protocol.is(|text| is_in(&text, &["tcp", "6", "-1", "all"]));
    is_tcp.and(|| match (number("from_port"), number("to_port")) {
        (Fact::Known(first), Fact::Known(last)) => {
            Truth::from(first >= 0 && first <= from && last >= to)
        }
        (Fact::Unknown(why), _) | (_, Fact::Unknown(why)) => Truth::Unknown(why),
        _ => Truth::No,
    })
}

/// Which way a rule opens.
#[derive(Clone, Copy)]
enum Way {
    In,
    Out,
    /// Its `type` says.
    Said,
}

const RULES_OF_GROUPS: &[(&str, Option<&str>, Way)] = &[
    ("aws_security_group", Some("ingress"), Way::In),
    ("aws_security_group", Some("egress"), Way::Out),
    ("aws_default_security_group", Some("ingress"), Way::In),
    ("aws_security_group_rule", None, Way::Said),
    ("aws_vpc_security_group_ingress_rule", None, Way::In),
    ("aws_vpc_security_group_egress_rule", None, Way::Out),
];

const EVERYWHERE: &[&str] = &[
    "0.0.0.0/0",
    "::/0",
    "0000:0000:0000:0000:0000:0000:0000:0000/0",
];

const ASKS: &[Ask] = &[Ask {
    rule: &PUBLIC_ADDRESSES,
    kinds: &["aws_subnet"],
    path: "map_public_ip_on_launch",
    wrong: Wrong::True,
    says: "machines in the subnet get public addresses",
}];

static ADMIN_PORT: Rule = rule(
    "CM-AWS-020",
    Severity::High,
    "A port of administration is open to the Internet",
    "SSH, RDP, and the ports of databases and of machine learning control planes (Ray, Jupyter) \
     are tried by everybody who scans the Internet. A password, or a flaw in what listens, is \
     then enough.",
    "Allow the networks that need it, or reach it through Session Manager or a VPN.",
    const { &[see("CWE-284"), see("T1133"), see("T1190")] },
    [
        r#"resource "aws_security_group" "x" {
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
"#,
        r#"resource "aws_security_group" "x" {
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["10.0.0.0/8"]
  }
}
"#,
    ],
);

static EVERY_PORT: Rule = rule(
    "CM-AWS-021",
    Severity::High,
    "Every port is open to the Internet",
    "A rule for all ports and all addresses is no firewall: whatever listens on the machine is \
     reachable.",
    "Allow the ports that are served, from those who use them.",
    const { &[see("CWE-284"), see("T1190")] },
    [
        r#"resource "aws_security_group" "x" {
  ingress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
"#,
        r#"resource "aws_security_group" "x" {
  ingress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
"#,
    ],
);

static WEB_PORT: Rule = rule(
    "CM-AWS-022",
    Severity::Low,
    "Plain HTTP is open to the Internet",
    "Port 80 carries what can be read and changed on the way; it should answer with a \
     redirection, from a load balancer and not from a machine.",
    "Serve HTTPS, and let only the load balancer redirect.",
    const { &[see("CWE-319")] },
    [
        r#"resource "aws_security_group" "x" {
  ingress {
    from_port   = 80
    to_port     = 80
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
"#,
        r#"resource "aws_security_group" "x" {
  ingress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
"#,
    ],
);

static EGRESS_TO_ALL: Rule = rule(
    "CM-AWS-023",
    Severity::Low,
    "Everything may leave to everywhere",
    "Code that somebody brought in sends weights and data to any address. Egress that names its \
     destinations is what stops it.",
    "Name the destinations, or use VPC endpoints and a proxy.",
    const { &[see("CWE-284"), see("AML.T0025")] },
    [
        r#"resource "aws_security_group" "x" {
  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
"#,
        r#"resource "aws_security_group" "x" {
  egress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["10.0.0.0/8"]
  }
}
"#,
    ],
);

static DEFAULT_GROUP: Rule = rule(
    "CM-AWS-024",
    Severity::Low,
    "The default security group of a network is left open",
    "Whatever is started without a security group gets the default one, which lets its members \
     reach each other and everything outside.",
    "Add an `aws_default_security_group` without any rules for the VPC.",
    const { &[see("CWE-1188")] },
    [
        r#"resource "aws_vpc" "x" {
  cidr_block = "10.0.0.0/16"
}
"#,
        r#"resource "aws_vpc" "x" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_default_security_group" "x" {
  vpc_id = aws_vpc.x.id
}
"#,
    ],
);

static NO_FLOW_LOG: Rule = rule(
    "CM-AWS-025",
    Severity::Low,
    "A network has no flow logs",
    "Without flow logs nobody can say what a compromised machine reached, nor where the data \
     went.",
    "Add an `aws_flow_log` for the VPC.",
    const { &[see("CWE-778"), see("T1562.008")] },
    [
        r#"resource "aws_vpc" "x" {
  cidr_block = "10.0.0.0/16"
}
"#,
        r#"resource "aws_vpc" "x" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_flow_log" "x" {
  vpc_id               = aws_vpc.x.id
  traffic_type         = "ALL"
  log_destination_type = "s3"
  log_destination      = "arn:aws:s3:::logs"
}
"#,
    ],
);

static PUBLIC_ADDRESSES: Rule = rule(
    "CM-AWS-026",
    Severity::Low,
    "Machines of a subnet get public addresses",
    "What is started in the subnet is reachable from the Internet as soon as its security group \
     has a gap.",
    "Set `map_public_ip_on_launch` to `false`, and reach the Internet through NAT.",
    const { &[see("CWE-668")] },
    [
        r#"resource "aws_subnet" "x" {
  vpc_id                  = "vpc-1"
  map_public_ip_on_launch = true
}
"#,
        r#"resource "aws_subnet" "x" {
  vpc_id = "vpc-1"
}
"#,
    ],
);

static PLAIN_LISTENER: Rule = rule(
    "CM-AWS-027",
    Severity::Medium,
    "A load balancer speaks plain HTTP",
    "What clients send (prompts, tokens, credentials) can be read and changed on the way.",
    "Listen with HTTPS or TLS and a certificate; let a listener on port 80 only redirect.",
    const { &[see("CWE-319")] },
    [
        r#"resource "aws_lb_listener" "x" {
  load_balancer_arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/a/1"
  port              = 80
  protocol          = "HTTP"
  default_action {
    type             = "forward"
    target_group_arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/a/1"
  }
}
"#,
        r#"resource "aws_lb_listener" "x" {
  load_balancer_arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/a/1"
  port              = 80
  protocol          = "HTTP"
  default_action {
    type = "redirect"
    redirect {
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}
"#,
    ],
);

static NO_BALANCER_LOG: Rule = rule(
    "CM-AWS-028",
    Severity::Low,
    "Requests to a load balancer are not logged",
    "Nobody can say afterwards who asked for what.",
    "Add `access_logs` with `enabled = true`.",
    const { &[see("CWE-778")] },
    [
        r#"resource "aws_lb" "x" {
  name = "a"
}
"#,
        r#"resource "aws_lb" "x" {
  name = "a"
  access_logs {
    bucket  = "logs"
    enabled = true
  }
}
"#,
    ],
);
