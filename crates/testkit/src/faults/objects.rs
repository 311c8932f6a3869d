use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use palisade_model::{Sha256, UnixMillis};
use palisade_ports::PortResult;
use palisade_ports::objects::{Object, ObjectWriter, Objects};

use super::Port;

pub(super) struct FaultyObjects {
    port: Port,
    objects: Arc<dyn Objects>,
}

impl FaultyObjects {
    pub(super) fn new(port: Port, objects: Arc<dyn Objects>) -> Self {
        Self { port, objects }
    }
}

#[async_trait]
impl Objects for FaultyObjects {
    async fn writer(&self) -> PortResult<Box<dyn ObjectWriter>> {
        let inner = self.port.read("objects.writer", self.objects.writer()).await?;
        Ok(Box::new(FaultyWriter { port: self.port.clone(), inner }))
    }

    async fn derived_writer(&self) -> PortResult<Box<dyn ObjectWriter>> {
        let inner = self.port.read("objects.writer", self.objects.derived_writer()).await?;
        Ok(Box::new(FaultyWriter { port: self.port.clone(), inner }))
    }

    async fn open(&self, name: Sha256) -> PortResult<Option<Object>> {
        self.port.read("objects.open", self.objects.open(name)).await
    }

    async fn touch(&self, name: Sha256) -> PortResult<bool> {
        self.port.read("objects.touch", self.objects.touch(name)).await
    }

    async fn remove_older(&self, before: UnixMillis) -> PortResult<(u64, u64)> {
        self.port.read("objects.remove_older", self.objects.remove_older(before)).await
    }

    async fn remove_derived(&self, before: UnixMillis) -> PortResult<(u64, u64)> {
        self.port.read("objects.remove_derived", self.objects.remove_derived(before)).await
    }
}

struct FaultyWriter {
    port: Port,
    inner: Box<dyn ObjectWriter>,
}

#[async_trait]
impl ObjectWriter for FaultyWriter {
    async fn write(&mut self, bytes: Bytes) -> PortResult<()> {
        let Self { port, inner } = self;
        port.read("objects.write", inner.write(bytes)).await
    }

    async fn commit(self: Box<Self>, name: Sha256) -> PortResult<()> {
        let Self { port, inner } = *self;
        port.write("objects.commit", inner.commit(name)).await
    }
}
