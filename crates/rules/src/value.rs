//! Values of fields, and where they come from.

use std::borrow::Cow;
use std::net::IpAddr;
use std::ops::ControlFlow;

use crate::field::Argument;
use crate::field_table::FieldId;

/// The value of a field on one event, borrowed from it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Value<'a> {
    /// There is none: every comparison with it is false, `!=` too, and so is `exists`.
    #[default]
    Absent,
    /// Text or a buffer; bytes, since the kernel's paths are.
    Text(&'a [u8]),
    /// A number that may be negative.
    Signed(i64),
    /// A number from 0.
    Unsigned(u64),
    /// A number with a fraction.
    Real(f64),
    /// True or false.
    Boolean(bool),
    /// An IP address; one inside IPv6 (`::ffff:0:0/96`) is the IPv4 address.
    Address(IpAddr),
    /// Several values. An empty list counts as absent.
    List(&'a [Value<'a>]),
}

impl<'a> Value<'a> {
    /// The text to show, or nothing if there is no value.
    pub fn to_text(self) -> Option<Cow<'a, str>> {
        Some(match self {
            Value::Absent => return None,
            Value::Text(text) => String::from_utf8_lossy(text),
            Value::Signed(number) => number.to_string().into(),
            Value::Unsigned(number) => number.to_string().into(),
            Value::Real(number) => number.to_string().into(),
            Value::Boolean(true) => "true".into(),
            Value::Boolean(false) => "false".into(),
            Value::Address(address) => address.to_canonical().to_string().into(),
            Value::List([]) => return None,
            Value::List(values) => {
                let parts: Vec<_> = values.iter().filter_map(|value| value.to_text()).collect();
                format!("({})", parts.join(",")).into()
            }
        })
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(text.as_bytes())
    }
}

/// An event as rules see it.
///
/// Laws: asking twice about one event gives the same answer; a value has the type that
/// [`FieldId::info`] says (a field of type `Dynamic`: text or a number); asking for a field that
/// this event has no value for gives [`Value::Absent`] and never panics.
pub trait Fields {
    /// The value of a field.
    fn get(&self, field: FieldId, argument: Argument<'_>) -> Value<'_>;

    /// Hands out each value of a field that has several ([`Spread`](crate::Spread)), until told to
    /// stop. The default takes [`Value::List`] apart; one that walks ancestors needs no list.
    fn each(
        &self,
        field: FieldId,
        argument: Argument<'_>,
        visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>,
    ) {
        match self.get(field, argument) {
            Value::Absent => {}
            Value::List(values) => {
                for value in values {
                    if visit(*value).is_break() {
                        return;
                    }
                }
            }
            value => {
                let _ = visit(value);
            }
        }
    }
}
