//! The section `kernel`: what containers rarely need, refused as a whole.

use palisade_model::event::{Activity, ModuleOperation};

use super::effect::{Clause, Effect, Reason, Section};
use super::reader::{Reader, Value};

/// The section. Everything is disabled by default: detection rules tell of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KernelSection {
    pub(crate) mount: Effect,
    pub(crate) ptrace: Effect,
    pub(crate) bpf: Effect,
    pub(crate) module: Effect,
}

impl KernelSection {
    pub(crate) fn off() -> Self {
        let off = Effect::Disable;
        Self { mount: off, ptrace: off, bpf: off, module: off }
    }

    pub(crate) fn read<'t>(value: &Value<'t>, reader: &mut Reader<'t>) -> Self {
        let Some(table) = reader.table(value) else { return Self::off() };
        reader.keys(table, &["mount", "ptrace", "bpf", "module"]);
        let mut effect = |key| reader.effect(table, key).unwrap_or(Effect::Disable);
        Self {
            mount: effect("mount"),
            ptrace: effect("ptrace"),
            bpf: effect("bpf"),
            module: effect("module"),
        }
    }

    pub(crate) fn judge(&self, activity: &Activity) -> Option<Reason> {
        let (clause, effect, text) = match activity {
            Activity::Mount { target, .. } => {
                (Clause::Mount, self.mount, format!("the mount tree may not be changed: {target}"))
            }
            Activity::Ptrace { target, .. } | Activity::Memory { target, writes: true, .. } => {
                let text = format!("process {} may not be traced or written to", target.key);
                (Clause::Ptrace, self.ptrace, text)
            }
            Activity::Bpf { .. } => (Clause::Bpf, self.bpf, "BPF may not be used".to_owned()),
            Activity::Module { operation: ModuleOperation::Load, name, .. } => {
                (Clause::Module, self.module, format!("the module {name} may not be loaded"))
            }
            _ => return None,
        };
        (effect > Effect::Disable).then(|| Reason::new(Section::Kernel, clause, None, effect, text))
    }
}
