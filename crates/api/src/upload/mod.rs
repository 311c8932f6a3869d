//! An upload: what its headers ask for, and its bytes on their way into the object store.

mod body;
mod headers;
mod multipart;
mod text;

pub(crate) use body::receive;
pub(crate) use headers::{Asked, parse};
