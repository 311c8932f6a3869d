//! The fields of Falco's system-call source.
//!
//! Source: the field classes of `falcosecurity/libs` (evt, process, user, group, fd, fs.path) and of
//! the container plugin, as of libs 0.20. One line for each: what it is called here and there, the
//! type, the argument it takes, how many values it has, and on which events it has one.

use crate::field::{ArgumentRule, FieldInfo, FieldType, Scope, Spread};

macro_rules! fields {
    ($($id:ident $name:literal $kind:ident $argument:ident $spread:ident $scope:ident;)*) => {
        /// A field of an event, by the name that rule files use.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum FieldId {
            $(
                #[doc = concat!("`", $name, "`.")]
                $id,
            )*
        }

        /// Every field, in the order of [`FieldId`].
        pub(crate) const TABLE: &[FieldInfo] = &[
            $(
                FieldInfo {
                    id: FieldId::$id,
                    name: $name,
                    kind: FieldType::$kind,
                    argument: ArgumentRule::$argument,
                    spread: Spread::$spread,
                    scope: Scope::$scope,
                },
            )*
        ];
    };
}

fields! {
    EvtNum "evt.num" Unsigned None One Every;
    EvtTime "evt.time" Text None One Every;
    EvtTimeS "evt.time.s" Text None One Every;
    EvtTimeIso8601 "evt.time.iso8601" Text None One Every;
    EvtDatetime "evt.datetime" Text None One Every;
    EvtDatetimeS "evt.datetime.s" Text None One Every;
    EvtPluginname "evt.pluginname" Text None One Every;
    EvtPlugininfo "evt.plugininfo" Text None One Every;
    EvtSource "evt.source" Text None One Every;
    EvtAsynctype "evt.asynctype" Text None One Every;
    EvtHostname "evt.hostname" Text None One Every;
    EvtRawtime "evt.rawtime" Time None One Every;
    EvtRawtimeS "evt.rawtime.s" Time None One Every;
    EvtRawtimeNs "evt.rawtime.ns" Time None One Every;
    EvtReltime "evt.reltime" Time None One Every;
    EvtReltimeS "evt.reltime.s" Time None One Every;
    EvtReltimeNs "evt.reltime.ns" Time None One Every;
    EvtLatency "evt.latency" Time None One Every;
    EvtLatencyS "evt.latency.s" Time None One Every;
    EvtLatencyNs "evt.latency.ns" Time None One Every;
    EvtDeltatime "evt.deltatime" Time None One Every;
    EvtDeltatimeS "evt.deltatime.s" Time None One Every;
    EvtDeltatimeNs "evt.deltatime.ns" Time None One Every;
    EvtWaitLatency "evt.wait_latency" Time None One Every;
    EvtLatencyHuman "evt.latency.human" Text None One Every;
    EvtDir "evt.dir" Text None One Every;
    EvtType "evt.type" Text None One Every;
    SyscallType "syscall.type" Text None One Every;
    EvtCategory "evt.category" Text None One Every;
    EvtArgs "evt.args" Text None One Every;
    EvtInfo "evt.info" Text None One Every;
    EvtRes "evt.res" Text None One Every;
    EvtIoDir "evt.io_dir" Text None One Every;
    EvtTypeIs "evt.type.is" Unsigned Required One Every;
    EvtCpu "evt.cpu" Signed None One Every;
    EvtRawres "evt.rawres" Signed None One Every;
    EvtArg "evt.arg" Text Required One Every;
    EvtRawarg "evt.rawarg" Dynamic Required One Every;
    EvtBuffer "evt.buffer" Bytes None One Descriptor;
    EvtBuflen "evt.buflen" Unsigned None One Descriptor;
    EvtIsAsync "evt.is_async" Boolean None One Every;
    EvtFailed "evt.failed" Boolean None One Every;
    EvtIsIo "evt.is_io" Boolean None One Every;
    EvtIsIoRead "evt.is_io_read" Boolean None One Every;
    EvtIsIoWrite "evt.is_io_write" Boolean None One Every;
    EvtIsWait "evt.is_wait" Boolean None One Every;
    EvtIsSyslog "evt.is_syslog" Boolean None One Every;
    EvtCount "evt.count" Unsigned None One Every;
    EvtCountError "evt.count.error" Unsigned None One Every;
    EvtCountErrorFile "evt.count.error.file" Unsigned None One Every;
    EvtCountErrorNet "evt.count.error.net" Unsigned None One Every;
    EvtCountErrorMemory "evt.count.error.memory" Unsigned None One Every;
    EvtCountErrorOther "evt.count.error.other" Unsigned None One Every;
    EvtCountExit "evt.count.exit" Unsigned None One Every;
    EvtAbspath "evt.abspath" Text Any One Path;
    EvtIsOpenRead "evt.is_open_read" Boolean None One Open;
    EvtIsOpenWrite "evt.is_open_write" Boolean None One Open;
    EvtIsOpenExec "evt.is_open_exec" Boolean None One Open;
    EvtIsOpenCreate "evt.is_open_create" Boolean None One Open;
    ProcExe "proc.exe" Text None One Every;
    ProcPexe "proc.pexe" Text None One Every;
    ProcExepath "proc.exepath" Text None One Every;
    ProcPexepath "proc.pexepath" Text None One Every;
    ProcName "proc.name" Text None One Every;
    ProcPname "proc.pname" Text None One Every;
    ProcCmdline "proc.cmdline" Text None One Every;
    ProcPcmdline "proc.pcmdline" Text None One Every;
    ProcExeline "proc.exeline" Text None One Every;
    ProcCwd "proc.cwd" Text None One Every;
    ProcSname "proc.sname" Text None One Every;
    ProcSidExe "proc.sid.exe" Text None One Every;
    ProcSidExepath "proc.sid.exepath" Text None One Every;
    ProcVpgidName "proc.vpgid.name" Text None One Every;
    ProcVpgidExe "proc.vpgid.exe" Text None One Every;
    ProcVpgidExepath "proc.vpgid.exepath" Text None One Every;
    ProcPgidName "proc.pgid.name" Text None One Every;
    ProcPgidExe "proc.pgid.exe" Text None One Every;
    ProcPgidExepath "proc.pgid.exepath" Text None One Every;
    ProcArgs "proc.args" Text Any One Every;
    ProcEnv "proc.env" Text Any One Every;
    ProcAexe "proc.aexe" Text Index Ancestors Every;
    ProcAexepath "proc.aexepath" Text Index Ancestors Every;
    ProcAname "proc.aname" Text Index Ancestors Every;
    ProcAcmdline "proc.acmdline" Text Index Ancestors Every;
    ProcAenv "proc.aenv" Text Any Ancestors Every;
    ProcApid "proc.apid" Signed Index Ancestors Every;
    ProcCmdnargs "proc.cmdnargs" Unsigned None One Every;
    ProcCmdlenargs "proc.cmdlenargs" Unsigned None One Every;
    ProcTty "proc.tty" Unsigned None One Every;
    ProcNthreads "proc.nthreads" Unsigned None One Every;
    ProcNchilds "proc.nchilds" Unsigned None One Every;
    ProcFdlimit "proc.fdlimit" Unsigned None One Every;
    ProcFdopencount "proc.fdopencount" Unsigned None One Every;
    ProcVmsize "proc.vmsize" Unsigned None One Every;
    ProcVmrss "proc.vmrss" Unsigned None One Every;
    ProcVmswap "proc.vmswap" Unsigned None One Every;
    ProcPidnsInitStartTs "proc.pidns_init_start_ts" Unsigned None One Every;
    ThreadPfmajor "thread.pfmajor" Unsigned None One Every;
    ThreadPfminor "thread.pfminor" Unsigned None One Every;
    ProcFdusage "proc.fdusage" Real None One Every;
    ThreadCpu "thread.cpu" Real None One Every;
    ThreadCpuUser "thread.cpu.user" Real None One Every;
    ThreadCpuSystem "thread.cpu.system" Real None One Every;
    ProcLoginshellid "proc.loginshellid" Signed None One Every;
    ProcPid "proc.pid" Signed None One Every;
    ProcPpid "proc.ppid" Signed None One Every;
    ProcVpid "proc.vpid" Signed None One Every;
    ProcPvpid "proc.pvpid" Signed None One Every;
    ProcSid "proc.sid" Signed None One Every;
    ProcVpgid "proc.vpgid" Signed None One Every;
    ProcPgid "proc.pgid" Signed None One Every;
    ProcExeIno "proc.exe_ino" Signed None One Every;
    ProcDuration "proc.duration" Time None One Every;
    ProcPpidDuration "proc.ppid.duration" Time None One Every;
    ProcPidTs "proc.pid.ts" Time None One Every;
    ProcPpidTs "proc.ppid.ts" Time None One Every;
    ProcExeInoCtime "proc.exe_ino.ctime" Time None One Every;
    ProcExeInoMtime "proc.exe_ino.mtime" Time None One Every;
    ProcExeInoCtimeDurationProcStart "proc.exe_ino.ctime_duration_proc_start" Time None One Every;
    ProcExeInoCtimeDurationPidnsStart "proc.exe_ino.ctime_duration_pidns_start" Time None One Every;
    ProcIsExeWritable "proc.is_exe_writable" Boolean None One Every;
    ProcIsExeUpperLayer "proc.is_exe_upper_layer" Boolean None One Every;
    ProcIsExeLowerLayer "proc.is_exe_lower_layer" Boolean None One Every;
    ProcIsExeFromMemfd "proc.is_exe_from_memfd" Boolean None One Every;
    ProcIsSidLeader "proc.is_sid_leader" Boolean None One Every;
    ProcIsVpgidLeader "proc.is_vpgid_leader" Boolean None One Every;
    ProcIsPgidLeader "proc.is_pgid_leader" Boolean None One Every;
    ProcIsContainerHealthcheck "proc.is_container_healthcheck" Boolean None One Every;
    ProcIsContainerLivenessProbe "proc.is_container_liveness_probe" Boolean None One Every;
    ProcIsContainerReadinessProbe "proc.is_container_readiness_probe" Boolean None One Every;
    ProcStdinType "proc.stdin.type" Text None One Every;
    ProcStdoutType "proc.stdout.type" Text None One Every;
    ProcStderrType "proc.stderr.type" Text None One Every;
    ProcStdinName "proc.stdin.name" Text None One Every;
    ProcStdoutName "proc.stdout.name" Text None One Every;
    ProcStderrName "proc.stderr.name" Text None One Every;
    ThreadCapPermitted "thread.cap_permitted" Text None One Every;
    ThreadCapInheritable "thread.cap_inheritable" Text None One Every;
    ThreadCapEffective "thread.cap_effective" Text None One Every;
    ThreadNametid "thread.nametid" Text None One Every;
    ThreadCgroups "thread.cgroups" Text None One Every;
    ThreadCgroup "thread.cgroup" Text Required One Every;
    ThreadPexectime "thread.pexectime" Time None One Every;
    ThreadExectime "thread.exectime" Time None One Every;
    ThreadTotexectime "thread.totexectime" Time None One Every;
    ThreadTid "thread.tid" Signed None One Every;
    ThreadVtid "thread.vtid" Signed None One Every;
    ThreadVmsize "thread.vmsize" Unsigned None One Every;
    ThreadVmrss "thread.vmrss" Unsigned None One Every;
    ThreadVmsizeB "thread.vmsize.b" Unsigned None One Every;
    ThreadVmrssB "thread.vmrss.b" Unsigned None One Every;
    ThreadIsmain "thread.ismain" Boolean None One Every;
    UserUid "user.uid" Unsigned None One Every;
    GroupGid "group.gid" Unsigned None One Every;
    UserLoginuid "user.loginuid" Signed None One Every;
    UserName "user.name" Text None One Every;
    UserHomedir "user.homedir" Text None One Every;
    UserShell "user.shell" Text None One Every;
    UserLoginname "user.loginname" Text None One Every;
    GroupName "group.name" Text None One Every;
    FdNum "fd.num" Signed None One Descriptor;
    FdDev "fd.dev" Signed None One Descriptor;
    FdDevMajor "fd.dev.major" Signed None One Descriptor;
    FdDevMinor "fd.dev.minor" Signed None One Descriptor;
    FdIno "fd.ino" Signed None One Descriptor;
    FdType "fd.type" Text None One Descriptor;
    FdTypechar "fd.typechar" Text None One Descriptor;
    FdName "fd.name" Text None One Descriptor;
    FdDirectory "fd.directory" Text None One Descriptor;
    FdFilename "fd.filename" Text None One Descriptor;
    FdL4proto "fd.l4proto" Text None One Descriptor;
    FdSockfamily "fd.sockfamily" Text None One Descriptor;
    FdUid "fd.uid" Text None One Descriptor;
    FdContainername "fd.containername" Text None One Descriptor;
    FdContainerdirectory "fd.containerdirectory" Text None One Descriptor;
    FdCproto "fd.cproto" Text None One Descriptor;
    FdSproto "fd.sproto" Text None One Descriptor;
    FdLproto "fd.lproto" Text None One Descriptor;
    FdRproto "fd.rproto" Text None One Descriptor;
    FdNameraw "fd.nameraw" Text None One Descriptor;
    FdCipName "fd.cip.name" Text None Ends Descriptor;
    FdSipName "fd.sip.name" Text None Ends Descriptor;
    FdLipName "fd.lip.name" Text None Ends Descriptor;
    FdRipName "fd.rip.name" Text None Ends Descriptor;
    FdIp "fd.ip" Address None Ends Descriptor;
    FdCip "fd.cip" Address None One Descriptor;
    FdSip "fd.sip" Address None One Descriptor;
    FdLip "fd.lip" Address None One Descriptor;
    FdRip "fd.rip" Address None One Descriptor;
    FdPort "fd.port" Port None Ends Descriptor;
    FdProto "fd.proto" Port None Ends Descriptor;
    FdCport "fd.cport" Port None One Descriptor;
    FdSport "fd.sport" Port None One Descriptor;
    FdLport "fd.lport" Port None One Descriptor;
    FdRport "fd.rport" Port None One Descriptor;
    FdNet "fd.net" Network None Ends Descriptor;
    FdCnet "fd.cnet" Network None One Descriptor;
    FdSnet "fd.snet" Network None One Descriptor;
    FdLnet "fd.lnet" Network None One Descriptor;
    FdRnet "fd.rnet" Network None One Descriptor;
    FdIsServer "fd.is_server" Boolean None One Descriptor;
    FdConnected "fd.connected" Boolean None One Descriptor;
    FdNameChanged "fd.name_changed" Boolean None One Descriptor;
    FdIsUpperLayer "fd.is_upper_layer" Boolean None One Descriptor;
    FdIsLowerLayer "fd.is_lower_layer" Boolean None One Descriptor;
    FdTypes "fd.types" Text Index List Every;
    FsPathName "fs.path.name" Text None One Path;
    FsPathNameraw "fs.path.nameraw" Text None One Path;
    FsPathSource "fs.path.source" Text None One Path;
    FsPathSourceraw "fs.path.sourceraw" Text None One Path;
    FsPathTarget "fs.path.target" Text None One Path;
    FsPathTargetraw "fs.path.targetraw" Text None One Path;
    ContainerId "container.id" Text None One Every;
    ContainerFullId "container.full_id" Text None One Every;
    ContainerName "container.name" Text None One Every;
    ContainerImage "container.image" Text None One Every;
    ContainerImageId "container.image.id" Text None One Every;
    ContainerType "container.type" Text None One Every;
    ContainerMounts "container.mounts" Text None One Every;
    ContainerImageRepository "container.image.repository" Text None One Every;
    ContainerImageTag "container.image.tag" Text None One Every;
    ContainerImageDigest "container.image.digest" Text None One Every;
    ContainerHealthcheck "container.healthcheck" Text None One Every;
    ContainerLivenessProbe "container.liveness_probe" Text None One Every;
    ContainerReadinessProbe "container.readiness_probe" Text None One Every;
    ContainerIp "container.ip" Text None One Every;
    ContainerCniJson "container.cni.json" Text None One Every;
    ContainerLabels "container.labels" Text None One Every;
    ContainerPrivileged "container.privileged" Boolean None One Every;
    ContainerHostPid "container.host_pid" Boolean None One Every;
    ContainerHostNetwork "container.host_network" Boolean None One Every;
    ContainerHostIpc "container.host_ipc" Boolean None One Every;
    ContainerMount "container.mount" Text Required One Every;
    ContainerMountSource "container.mount.source" Text Required One Every;
    ContainerMountDest "container.mount.dest" Text Required One Every;
    ContainerMountMode "container.mount.mode" Text Required One Every;
    ContainerMountRdwr "container.mount.rdwr" Text Required One Every;
    ContainerMountPropagation "container.mount.propagation" Text Required One Every;
    ContainerLabel "container.label" Text Required One Every;
    ContainerStartTs "container.start_ts" Time None One Every;
    ContainerDuration "container.duration" Time None One Every;
    K8sNsName "k8s.ns.name" Text None One Every;
    K8sNsId "k8s.ns.id" Text None One Every;
    K8sNsLabels "k8s.ns.labels" Text None One Every;
    K8sPodName "k8s.pod.name" Text None One Every;
    K8sPodId "k8s.pod.id" Text None One Every;
    K8sPodUid "k8s.pod.uid" Text None One Every;
    K8sPodSandboxId "k8s.pod.sandbox_id" Text None One Every;
    K8sPodFullSandboxId "k8s.pod.full_sandbox_id" Text None One Every;
    K8sPodLabels "k8s.pod.labels" Text None One Every;
    K8sPodIp "k8s.pod.ip" Text None One Every;
    K8sPodCniJson "k8s.pod.cni.json" Text None One Every;
    K8sRcName "k8s.rc.name" Text None One Every;
    K8sRcId "k8s.rc.id" Text None One Every;
    K8sRcLabels "k8s.rc.labels" Text None One Every;
    K8sRsName "k8s.rs.name" Text None One Every;
    K8sRsId "k8s.rs.id" Text None One Every;
    K8sRsLabels "k8s.rs.labels" Text None One Every;
    K8sSvcName "k8s.svc.name" Text None One Every;
    K8sSvcId "k8s.svc.id" Text None One Every;
    K8sSvcLabels "k8s.svc.labels" Text None One Every;
    K8sDeploymentName "k8s.deployment.name" Text None One Every;
    K8sDeploymentId "k8s.deployment.id" Text None One Every;
    K8sDeploymentLabels "k8s.deployment.labels" Text None One Every;
    K8sNsLabel "k8s.ns.label" Text Required One Every;
    K8sPodLabel "k8s.pod.label" Text Required One Every;
    K8sRcLabel "k8s.rc.label" Text Required One Every;
    K8sRsLabel "k8s.rs.label" Text Required One Every;
    K8sSvcLabel "k8s.svc.label" Text Required One Every;
    K8sDeploymentLabel "k8s.deployment.label" Text Required One Every;
}
