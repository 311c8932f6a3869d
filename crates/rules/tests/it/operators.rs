//! What every operator says of every kind of value.

use crate::support::{Event, Own, error, event, holds, load_well, matches, rule};

fn sample() -> Event {
    event("openat")
        .text("proc.name", "bash")
        .text("proc.pname", "bash")
        .text("proc.cmdline", "bash -c 'id; curl http://x'")
        .text("proc.exepath", "/usr/bin/bash")
        .text("proc.cwd", "")
        .text("fd.name", "/etc/ssh/sshd_config")
        .text("proc.env[PATH]", "/bin")
        .text("evt.arg[flags]", "O_RDONLY|O_CLOEXEC")
        .text("evt.arg[data]", "L2Jpbi9zaA")
        .text("proc.aname[2]", "sshd")
        .texts("proc.aname", &["bash", "sshd", "systemd"])
        .texts("fd.types", &["file", "ipv4"])
        .number("user.uid", 1000)
        .with("proc.pid", Own::Signed(42))
        .with("user.loginuid", Own::Signed(-1))
        .number("fd.sport", 443)
        .with("fd.port", Own::Many(vec![Own::Unsigned(50_000), Own::Unsigned(443)]))
        .address("fd.sip", "10.1.2.3")
        .with("fd.ip", Own::Many(vec![ip("192.168.0.1"), ip("10.1.2.3")]))
        .address("fd.snet", "10.1.2.3")
        .with("fd.net", Own::Many(vec![ip("192.168.0.1"), ip("10.1.2.3")]))
        .flag("proc.is_exe_upper_layer", true)
        .with("evt.buffer", Own::Text(vec![0x7f, b'E', b'L', b'F', 0]))
        .with("evt.rawarg[res]", Own::Signed(-2))
}

fn ip(address: &str) -> Own {
    Own::Address(address.parse().expect("an address"))
}

fn check(condition: &str, expected: bool) {
    assert_eq!(holds(condition, &sample()), expected, "{condition}");
}

#[test]
fn text() {
    check("proc.name = bash", true);
    check("proc.name == bash", true);
    check("proc.name=bash", true);
    check("proc.name = \"bash\"", true);
    check("proc.name = 'bash'", true);
    check("proc.name = Bash", false);
    check("proc.name != sh", true);
    check("proc.name != bash", false);
    check("proc.cwd = \"\"", true);
    check("proc.cmdline contains curl", true);
    check("proc.cmdline contains CURL", false);
    check("proc.cmdline icontains CURL", true);
    check("proc.cmdline contains \"; curl\"", true);
    check("proc.cmdline contains \"\"", true);
    check("proc.exepath startswith /usr", true);
    check("proc.exepath startswith /bin", false);
    check("proc.exepath endswith /bash", true);
    check("proc.exepath endswith /sh", false);
    check("proc.exepath glob '/usr/*/b?sh'", true);
    check("proc.exepath glob '/bin/*'", false);
    check("proc.exepath iglob '/USR/*'", true);
    check("proc.exepath regex '/usr/(bin|sbin)/[a-z]+'", true);
    check("proc.exepath regex 'bash'", false);
    check("proc.name in (sh, bash, zsh)", true);
    check("proc.name in (\"sh\", 'bash')", true);
    check("proc.name in (sh, zsh)", false);
    check("proc.name in ()", false);
    check("not proc.name in ()", true);
    check("proc.name intersects (sh, bash)", true);
    check("fd.name pmatch (/etc, /usr)", true);
    check("fd.name pmatch (/et, /usr)", false);
    check("fd.name pmatch (/*/ssh)", true);
}

#[test]
fn numbers() {
    check("user.uid = 1000", true);
    check("user.uid = 0x3e8", true);
    check("user.uid != 1000", false);
    check("user.uid > 999", true);
    check("user.uid >= 1000", true);
    check("user.uid < 1000", false);
    check("user.uid <= 1000", true);
    check("user.uid in (0, 1000)", true);
    check("user.loginuid = -1", true);
    check("user.loginuid<0", true);
    check("fd.sport in (80, 443)", true);
    check("fd.sport = https", true);
    check("evt.rawarg.res = -2", true);
    check("evt.rawarg.res < 0", true);
}

#[test]
fn other_values() {
    check("proc.is_exe_upper_layer = true", true);
    check("proc.is_exe_upper_layer=false", false);
    check("proc.is_exe_upper_layer != false", true);
    check("fd.sip = 10.1.2.3", true);
    check("fd.sip = \"10.1.2.3\"", true);
    check("fd.sip != 10.1.2.3", false);
    check("fd.sip in (\"::1\", 10.1.2.3)", true);
    check("fd.snet = 10.0.0.0/8", true);
    check("fd.snet != \"10.0.0.0/8\"", false);
    check("fd.snet in (\"127.0.0.0/8\", \"10.1.0.0/16\")", true);
    // Networks among addresses, and addresses among networks.
    check("fd.sip = 10.1.0.0/16", true);
    check("fd.sip in (1.2.3.4, \"10.1.2.0/24\")", true);
    check("fd.sip in (10.1.2.3, 192.168.0.0/16)", true);
    check("fd.sip in (1.2.3.4, 192.168.0.0/16)", false);
    check("fd.sip != 10.1.0.0/16", false);
    check("fd.snet = 10.1.2.3", true);
    check("fd.snet in (\"10.1.2.4\", ::1)", false);
    check("evt.buffer contains ELF", true);
    check("evt.buffer bstartswith 7f454c46", true);
    check("evt.buffer bcontains 464b", false);
}

#[test]
fn several_values() {
    check("proc.aname = sshd", true);
    check("proc.aname in (cron, sshd)", true);
    check("proc.aname != sshd", true);
    check("proc.aname contains ystem", true);
    check("proc.aname = cron", false);
    check("not proc.aname = sshd", false);
    check("proc.aname[2] = sshd", true);
    check("proc.aname[3] = sshd", false);
    check("fd.port = 443", true);
    check("fd.port != 443", false);
    check("fd.port != 80", true);
    check("fd.ip = 10.1.2.3", true);
    check("fd.ip != 10.1.2.3", false);
    check("fd.net = 192.168.0.0/16", true);
    check("fd.net != 172.16.0.0/12", true);
    check("fd.types in (file, ipv4, ipv6)", true);
    check("fd.types in (file)", false);
    check("fd.types intersects (ipv4)", true);
    check("fd.types intersects (unix)", false);
}

#[test]
fn arguments_transformers_and_fields_on_the_right() {
    check("proc.env[PATH] = /bin", true);
    check("proc.env[\"PATH\"] = /bin", true);
    check("evt.arg.flags contains O_RDONLY", true);
    check("evt.arg[flags] contains O_RDONLY", true);
    check("toupper(proc.name) = BASH", true);
    check("tolower(toupper(proc.name)) = bash", true);
    check("basename(proc.exepath) = bash", true);
    check("b64(evt.arg.data) = /bin/sh", true);
    check("b64(proc.cmdline) exists", false);
    check("len(proc.name) = 4", true);
    check("len(proc.name) > 4", false);
    check("len(proc.cwd) = 0", true);
    check("proc.name = val(proc.pname)", true);
    check("proc.name = val(proc.exepath)", false);
    check("proc.name = basename(proc.exepath)", true);
    check("proc.exepath endswith val(proc.name)", true);
    check("proc.name in val(proc.pname)", true);
}

#[test]
fn absence_is_false_and_its_negation_true() {
    for condition in [
        "proc.sname = x",
        "proc.sname != x",
        "proc.sname exists",
        "proc.sname contains \"\"",
        "proc.sname startswith \"\"",
        "proc.sname in (x)",
        "fd.cport > 0",
        "fd.cport != 0",
        "fd.cip != 1.2.3.4",
        "proc.aenv contains x",
        "proc.sname = val(proc.name)",
        "proc.name != val(proc.sname)",
        "toupper(proc.sname) != X",
        "len(proc.sname) >= 0",
    ] {
        check(condition, false);
        check(&format!("not {condition}"), true);
    }
    check("proc.name exists", true);
    check("proc.cwd exists", true);
    check("proc.aname exists", true);
}

#[test]
fn words_between() {
    check("proc.name=bash and user.uid=1000", true);
    check("proc.name=bash and user.uid=1", false);
    check("proc.name=sh or user.uid=1000", true);
    check("proc.name=sh or proc.name=zsh and user.uid=1000", false);
    check("(proc.name=bash or proc.name=zsh) and user.uid=1000", true);
    check("not proc.name=sh and user.uid=1000", true);
    check("not (proc.name=bash and user.uid=1000)", false);
    check("not(proc.name=sh)", true);
    check("not not proc.name=bash", true);
    check("proc.name=bash and(user.uid=1000)", true);
    check("proc.name=sh or(user.uid=1000)", true);
    check("( ( proc.name = bash ) )", true);
}

#[test]
fn operators_on_lists_of_text() {
    check("proc.exepath endswith anyof (/sh, /bash)", true);
    check("proc.exepath endswith anyof(/sh, /zsh)", false);
    check("proc.cmdline contains allof (curl, \"-c\")", true);
    check("proc.cmdline contains allof (curl, wget)", false);
    check("proc.cmdline contains oneof (curl, wget)", true);
    check("proc.cmdline contains oneof (curl, bash)", false);
    check("proc.cmdline icontains anyof (CURL)", true);
    check("proc.exepath glob anyof ('/bin/*', '/usr/*')", true);
    check("proc.exepath regex oneof ('/usr/.*', '/bin/.*')", true);
    check("proc.name = anyof (sh, bash)", true);
    check("proc.name == anyof (sh, zsh)", false);
    check("proc.name != allof (sh, zsh)", true);
    check("proc.name != anyof (sh, bash)", true);
    check("proc.name = anyof ()", false);
    check("not proc.name = allof ()", true);
    check("proc.sname != allof (a)", false);
    // One ancestor for itself.
    check("proc.aname contains allof (s, h, d)", true);
    check("proc.aname contains allof (sshd, systemd)", false);
    check("proc.aname startswith anyof (cron, sys)", true);
    // Without a list, a word like any other.
    check("proc.name = anyof", false);
    check("proc.name != anyof and user.uid = 1000", true);
}

#[test]
fn a_list_by_name_stands_for_its_values_after_a_modifier() {
    let text = "- list: ends\n  items: [/sh, /bash]\n".to_owned()
        + &rule("r", "proc.exepath endswith anyof (ends, /zsh)");
    let rules = load_well(&text);
    assert_eq!(matches(&rules, &sample()), ["r"]);
}

#[test]
fn many_alternatives_are_one_question() {
    let parts: Vec<String> =
        (0..50).map(|index| format!("proc.cmdline contains part{index}")).collect();
    check(&parts.join(" or "), false);
    check(&format!("{} or proc.cmdline contains 'curl http'", parts.join(" or ")), true);
    check("proc.name = a or proc.name = b or proc.name in (c, bash)", true);
    check("proc.aname = a or proc.aname = sshd", true);
}

#[test]
fn escapes_in_quotes() {
    let sample = event("openat").text("proc.name", "a\"b'c\\d\n");
    assert!(holds(r#"proc.name = "a\"b'c\\d\n""#, &sample));
    assert!(holds(r#"proc.name = 'a"b\'c\\d\n'"#, &sample));
    assert!(holds(r#"proc.name = "\x61\x22b'c\\d\x0a""#, &sample));
    for wrong in [r#"proc.name = "\xff""#, r#"proc.name = "\xg0""#, r#"proc.name = "\x6""#] {
        assert!(error(&rule("r", wrong)).contains("is no escape"), "{wrong}");
    }
}

#[test]
fn an_operator_must_fit_the_field() {
    for (condition, expected) in [
        ("user.uid contains 1", "`contains` does not work on user.uid, which is a number"),
        ("fd.sip startswith 10", "`startswith` does not work on fd.sip, which is an IP address"),
        ("proc.is_exe_writable > 1", "`>` does not work on proc.is_exe_writable"),
        ("fd.types = file", "`=` does not work on fd.types"),
        ("user.uid = root", "`root` is not a number"),
        ("user.uid = -1", "`-1` is not a number"),
        ("fd.sport = 70000", "`70000` is not a port"),
        ("fd.sip = 10.0.0.0/33", "`10.0.0.0/33` is not an IP address"),
        ("fd.snet = 10.0.0", "`10.0.0` is not an IP network"),
        ("proc.is_exe_writable = yes", "`yes` is not true or false"),
        ("proc.name regex '('", "this is no regular expression"),
        ("len(proc.pid) = 1", "this transformer does not work on a number"),
        ("proc.name = val(proc.pid)", "proc.name is text, and proc.pid is a number"),
        ("proc.name pmatch val(fd.name)", "`pmatch` takes no field on the right"),
        ("evt.buffer bcontains 7g", "no sequence of hexadecimal bytes"),
    ] {
        let message = error(&rule("r", condition));
        assert!(message.contains(expected), "{condition}: {message}");
        assert!(message.ends_with("(left out: r)"), "{message}");
    }
}
