use palisade_services::{ContainerNetwork, Image, Kernel, Machine, Options, Transcript};

/// What a container's own words are, and how its end is told.
const SCRIPT: &str = r#"
uname -r
cat /sys/kernel/security/lsm; echo
grep -c cgroup /proc/mounts
for id in $(ls /payload/containers); do
    run_container "$id" 30 || echo "ended with $?"
done
echo '{"key": 1}' > /tmp/result
emit result.json /tmp/result
exit 7
"#;

fn boot(kernel: Kernel, security: &str) -> Transcript {
    let mut machine = Machine::new(kernel).expect("a machine").security(security);
    let root =
        "grep ' / ' /proc/mounts; echo in; cat /proc/1/cgroup; echo new > /etc/new && cat /etc/new";
    machine
        .container(&Options::of(Image::Busybox).run(&["/bin/sh", "-c", root]))
        .expect("a container");
    let mut bridged =
        Options::of(Image::Debian).run(&["bash", "-c", "ip -brief address show eth0; id -u"]);
    bridged.network = ContainerNetwork::Bridge;
    bridged.user = Some("www-data".to_owned());
    machine.container(&bridged).expect("a container");
    machine.run(SCRIPT).expect("a run")
}

fn check(transcript: &Transcript, modules: &str) {
    let Transcript { output, console, .. } = transcript;
    assert_eq!(transcript.exit, Some(7), "{output}\n{console}");
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].ends_with("-cloud-amd64"), "{output}\n{console}");
    // Newer kernels add their own at the end.
    let active: Vec<&str> =
        lines[1].split(',').filter(|one| !matches!(*one, "ima" | "evm")).collect();
    assert_eq!(active.join(","), modules, "{output}");
    // Version 2 only, in one place.
    assert_eq!(lines[2], "1", "{output}");
    assert!(output.contains("overlay / overlay rw"), "{output}\n{console}");
    assert!(output.contains("\nin\n0::/\nnew\n"), "{output}");
    assert!(output.contains("10.215.1.2/24"), "{output}");
    assert!(output.contains("\n33\n"), "{output}");
    assert_eq!(transcript.files["result.json"], b"{\"key\": 1}\n");
    assert!(!output.contains("ended with"), "{output}");
}

#[test]
fn containers_run_under_the_stable_kernel_with_the_security_module_of_bpf() {
    let transcript = boot(Kernel::Stable, "lockdown,capability,landlock,bpf");
    check(&transcript, "lockdown,capability,landlock,bpf");
}

#[test]
fn containers_run_without_the_security_module_of_bpf() {
    let transcript = boot(Kernel::Stable, "lockdown,capability,landlock");
    check(&transcript, "lockdown,capability,landlock");
}

#[test]
fn containers_run_under_the_kernel_of_the_backports() {
    let transcript = boot(Kernel::Backports, "lockdown,capability,landlock,bpf");
    check(&transcript, "lockdown,capability,landlock,bpf");
}

#[test]
fn a_machine_that_hangs_is_killed_and_leaves_its_words() {
    let machine = Machine::new(Kernel::Stable).expect("a machine").memory(768);
    let machine = machine.deadline(std::time::Duration::from_secs(20));
    let transcript = machine.run("echo begun; sleep 1000").expect("a run");
    assert_eq!((transcript.exit, transcript.output.as_str()), (None, "begun\n"));
}
