//! The laws of [`crate::Records`].
