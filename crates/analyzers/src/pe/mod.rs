//! Windows programs, libraries and drivers.
