/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The layout of abi.h, said twice: the C compiler refuses the object when one line is wrong, and
 * a test in src/layout.rs compares each with the Rust struct of the same name. */
#ifndef PALISADE_LAYOUT_H
#define PALISADE_LAYOUT_H

#define SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)
#define OFFSET(type, field, bytes) _Static_assert(__builtin_offsetof(struct type, field) == (bytes), #type "." #field)

SIZE(text, 4);
OFFSET(text, offset, 0);
OFFSET(text, length, 2);

SIZE(path_text, 8);
OFFSET(path_text, offset, 0);
OFFSET(path_text, length, 2);
OFFSET(path_text, flags, 4);
OFFSET(path_text, components, 6);

SIZE(event_header, 128);
OFFSET(event_header, version, 0);
OFFSET(event_header, kind, 2);
OFFSET(event_header, size, 4);
OFFSET(event_header, sequence, 8);
OFFSET(event_header, time, 16);
OFFSET(event_header, cpu, 24);
OFFSET(event_header, flags, 28);
OFFSET(event_header, tgid, 32);
OFFSET(event_header, tid, 36);
OFFSET(event_header, start, 40);
OFFSET(event_header, cgroup, 48);
OFFSET(event_header, uid, 56);
OFFSET(event_header, gid, 60);
OFFSET(event_header, euid, 64);
OFFSET(event_header, egid, 68);
OFFSET(event_header, capabilities, 72);
OFFSET(event_header, mount_namespace, 80);
OFFSET(event_header, pid_namespace, 84);
OFFSET(event_header, network_namespace, 88);
OFFSET(event_header, user_namespace, 92);
OFFSET(event_header, parent_tgid, 96);
OFFSET(event_header, inner_tgid, 100);
OFFSET(event_header, parent_start, 104);
OFFSET(event_header, name, 112);

SIZE(file_ref, 64);
OFFSET(file_ref, inode, 0);
OFFSET(file_ref, size, 8);
OFFSET(file_ref, changed, 16);
OFFSET(file_ref, modified, 24);
OFFSET(file_ref, device, 32);
OFFSET(file_ref, mode, 36);
OFFSET(file_ref, uid, 40);
OFFSET(file_ref, gid, 44);
OFFSET(file_ref, filesystem, 48);
OFFSET(file_ref, flags, 52);
OFFSET(file_ref, path, 56);

SIZE(ancestor, 16);
OFFSET(ancestor, start, 0);
OFFSET(ancestor, tgid, 8);
OFFSET(ancestor, pad, 12);

SIZE(fork_event, 168);
OFFSET(fork_event, header, 0);
OFFSET(fork_event, child_start, 128);
OFFSET(fork_event, child_cgroup, 136);
OFFSET(fork_event, child_tgid, 144);
OFFSET(fork_event, child_inner_tgid, 148);
OFFSET(fork_event, child_mount_namespace, 152);
OFFSET(fork_event, child_pid_namespace, 156);
OFFSET(fork_event, child_network_namespace, 160);
OFFSET(fork_event, child_user_namespace, 164);

SIZE(exec_event, 544);
OFFSET(exec_event, header, 0);
OFFSET(exec_event, executable, 128);
OFFSET(exec_event, directory, 192);
OFFSET(exec_event, invoked, 200);
OFFSET(exec_event, interpreter, 204);
OFFSET(exec_event, arguments, 208);
OFFSET(exec_event, environment, 212);
OFFSET(exec_event, permitted, 216);
OFFSET(exec_event, inheritable, 224);
OFFSET(exec_event, ambient, 232);
OFFSET(exec_event, bounding, 240);
OFFSET(exec_event, argument_bytes, 248);
OFFSET(exec_event, old_tid, 252);
OFFSET(exec_event, session, 256);
OFFSET(exec_event, group, 260);
OFFSET(exec_event, terminal, 264);
OFFSET(exec_event, ancestors, 268);
OFFSET(exec_event, saved_uid, 272);
OFFSET(exec_event, saved_gid, 276);
OFFSET(exec_event, login_uid, 280);
OFFSET(exec_event, flags, 284);
OFFSET(exec_event, ancestor, 288);

SIZE(exit_event, 152);
OFFSET(exit_event, header, 0);
OFFSET(exit_event, code, 128);
OFFSET(exit_event, pad, 132);
OFFSET(exit_event, user_time, 136);
OFFSET(exit_event, system_time, 144);

SIZE(file_event, 216);
OFFSET(file_event, header, 0);
OFFSET(file_event, file, 128);
OFFSET(file_event, result, 192);
OFFSET(file_event, suppressed, 200);
OFFSET(file_event, open_flags, 208);
OFFSET(file_event, syscall, 212);

SIZE(call_event, 288);
OFFSET(call_event, header, 0);
OFFSET(call_event, suppressed, 128);
OFFSET(call_event, result, 136);
OFFSET(call_event, argument, 144);
OFFSET(call_event, file, 192);
OFFSET(call_event, base, 256);
OFFSET(call_event, base2, 264);
OFFSET(call_event, path, 272);
OFFSET(call_event, path2, 276);
OFFSET(call_event, syscall, 280);
OFFSET(call_event, extra, 284);

SIZE(socket_address, 24);
OFFSET(socket_address, family, 0);
OFFSET(socket_address, port, 2);
OFFSET(socket_address, scope, 4);
OFFSET(socket_address, address, 8);

SIZE(socket_event, 232);
OFFSET(socket_event, header, 0);
OFFSET(socket_event, suppressed, 128);
OFFSET(socket_event, result, 136);
OFFSET(socket_event, cookie, 144);
OFFSET(socket_event, inode, 152);
OFFSET(socket_event, family, 160);
OFFSET(socket_event, type, 162);
OFFSET(socket_event, protocol, 164);
OFFSET(socket_event, state, 168);
OFFSET(socket_event, flags, 172);
OFFSET(socket_event, local, 176);
OFFSET(socket_event, remote, 200);
OFFSET(socket_event, path, 224);
OFFSET(socket_event, verdict, 228);

SIZE(dns_event, 704);
OFFSET(dns_event, header, 0);
OFFSET(dns_event, cookie, 128);
OFFSET(dns_event, local, 136);
OFFSET(dns_event, remote, 160);
OFFSET(dns_event, outgoing, 184);
OFFSET(dns_event, protocol, 186);
OFFSET(dns_event, length, 188);
OFFSET(dns_event, captured, 190);
OFFSET(dns_event, payload, 192);

SIZE(signal_event, 160);
OFFSET(signal_event, header, 0);
OFFSET(signal_event, target_start, 128);
OFFSET(signal_event, target_cgroup, 136);
OFFSET(signal_event, target_tgid, 144);
OFFSET(signal_event, signal, 148);
OFFSET(signal_event, code, 152);
OFFSET(signal_event, result, 156);

SIZE(io_uring_event, 144);
OFFSET(io_uring_event, header, 0);
OFFSET(io_uring_event, suppressed, 128);
OFFSET(io_uring_event, opcode, 136);
OFFSET(io_uring_event, request_flags, 140);

SIZE(sequence_event, 136);
OFFSET(sequence_event, header, 0);
OFFSET(sequence_event, call, 128);
OFFSET(sequence_event, pad, 134);

SIZE(cgroup_event, 160);
OFFSET(cgroup_event, header, 0);
OFFSET(cgroup_event, cgroup, 128);
OFFSET(cgroup_event, parent, 136);
OFFSET(cgroup_event, change, 144);
OFFSET(cgroup_event, level, 148);
OFFSET(cgroup_event, hierarchy, 152);
OFFSET(cgroup_event, path, 156);

SIZE(task_snapshot, 208);
OFFSET(task_snapshot, header, 0);
OFFSET(task_snapshot, executable, 128);
OFFSET(task_snapshot, reader_tgid, 192);
OFFSET(task_snapshot, group, 196);
OFFSET(task_snapshot, session, 200);
OFFSET(task_snapshot, terminal, 204);

SIZE(file_snapshot, 256);
OFFSET(file_snapshot, header, 0);
OFFSET(file_snapshot, file, 128);
OFFSET(file_snapshot, local, 192);
OFFSET(file_snapshot, remote, 216);
OFFSET(file_snapshot, descriptor, 240);
OFFSET(file_snapshot, state, 244);
OFFSET(file_snapshot, family, 248);
OFFSET(file_snapshot, type, 250);
OFFSET(file_snapshot, protocol, 252);

SIZE(lsm_event, 1272);
OFFSET(lsm_event, header, 0);
OFFSET(lsm_event, file, 128);
OFFSET(lsm_event, remote, 192);
OFFSET(lsm_event, hook, 216);
OFFSET(lsm_event, verdict, 220);
OFFSET(lsm_event, argument, 224);
OFFSET(lsm_event, path2, 240);
OFFSET(lsm_event, leaf, 244);
OFFSET(lsm_event, bytes, 248);

SIZE(watch, 24);
OFFSET(watch, kinds, 0);
OFFSET(watch, id, 8);
OFFSET(watch, flags, 16);
OFFSET(watch, told, 20);

SIZE(settings, 80);
OFFSET(settings, mode, 0);
OFFSET(settings, self_tgid, 4);
OFFSET(settings, cgroup_key, 8);
OFFSET(settings, host_mount_namespace, 12);
OFFSET(settings, dedup_window, 16);
OFFSET(settings, rate_limit, 24);
OFFSET(settings, signal_mask, 32);
OFFSET(settings, host, 40);
OFFSET(settings, hash_key, 64);

SIZE(syscall_shape, 8);
OFFSET(syscall_shape, kind, 0);
OFFSET(syscall_shape, flags, 2);
OFFSET(syscall_shape, fd, 3);
OFFSET(syscall_shape, path, 4);
OFFSET(syscall_shape, directory, 5);
OFFSET(syscall_shape, path2, 6);
OFFSET(syscall_shape, directory2, 7);

SIZE(loss_key, 16);
OFFSET(loss_key, cgroup, 0);
OFFSET(loss_key, kind, 8);
OFFSET(loss_key, reason, 10);
OFFSET(loss_key, pad, 12);

SIZE(loss, 24);
OFFSET(loss, count, 0);
OFFSET(loss, first, 8);
OFFSET(loss, last, 16);

SIZE(exec_key, 24);
OFFSET(exec_key, cgroup, 0);
OFFSET(exec_key, inode, 8);
OFFSET(exec_key, device, 16);

SIZE(exec_path_key, 24);
OFFSET(exec_path_key, cgroup, 0);
OFFSET(exec_path_key, hash, 8);

SIZE(exec_verdict, 16);
OFFSET(exec_verdict, effect, 0);
OFFSET(exec_verdict, rule, 4);
OFFSET(exec_verdict, changed, 8);

SIZE(net_key, 32);
OFFSET(net_key, prefix, 0);
OFFSET(net_key, direction, 4);
OFFSET(net_key, cgroup, 8);
OFFSET(net_key, address, 16);

SIZE(net_range, 8);
OFFSET(net_range, low, 0);
OFFSET(net_range, high, 2);
OFFSET(net_range, rule, 4);

SIZE(net_verdict, 136);
OFFSET(net_verdict, ranges, 0);
OFFSET(net_verdict, pad, 4);
OFFSET(net_verdict, range, 8);

SIZE(leaf_key, 32);
OFFSET(leaf_key, name, 0);

#undef SIZE
#undef OFFSET

#endif
