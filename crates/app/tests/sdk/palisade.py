"""The unmodified SDK, pointed at one server, and the little that the tests do beside it."""

import json
import time
from typing import Any
from urllib.parse import quote

from mcl_platform_sdk import ApiClient, Configuration
from mcl_platform_sdk.api import (
    AnalysisApi,
    ApikeyApi,
    ApplicationInformationApi,
    BatchApi,
    FileScanningApi,
    HashLookupsApi,
    MultipartApi,
    StatsApi,
    StatusEndpointsApi,
)

PATIENCE = 60.0
"""Seconds that a scan may take here before a test gives up."""


class Palisade:
    """One caller of one server."""

    def __init__(self, host: str, key: str | None) -> None:
        self.client = ApiClient(Configuration(host=host), api_key=key)
        self.files = FileScanningApi(self.client)
        self.analysis = AnalysisApi(self.client)
        self.hashes = HashLookupsApi(self.client)
        self.keys = ApikeyApi(self.client)
        self.stats = StatsApi(self.client)
        self.status = StatusEndpointsApi(self.client)
        self.batches = BatchApi(self.client)
        self.parts = MultipartApi(self.client)
        self.details = ApplicationInformationApi(self.client)

    def result(self, data_id: str) -> tuple[Any, dict]:
        """A result, as the SDK reads it and as it was on the wire.

        Both, because the SDK's model keeps no engine but one called ClamAV.
        """
        response = self.files.get_file_analysis(data_id, response_type="http")
        return response.data, json.loads(response.raw_data)

    def finished(self, data_id: str) -> tuple[Any, dict]:
        """Polls until the progress is 100 %, checking what is said until then."""
        give_up = time.monotonic() + PATIENCE
        while True:
            model, wire = self.result(data_id)
            percent = model.scan_results.progress_percentage
            if percent == 100:
                return model, wire
            assert 0 <= percent < 100
            # The SDK's own polling ends at any other text than this one.
            assert model.scan_results.scan_all_result_a == "In Progress"
            assert model.scan_results.scan_all_result_i == 255
            assert time.monotonic() < give_up, f"{data_id} is at {percent} % after {PATIENCE} s"
            time.sleep(0.1)

    def batch(self, batch_id: str) -> Any:
        """Polls a closed batch until it is done."""
        give_up = time.monotonic() + PATIENCE
        while True:
            model = self.batches.get_batch_status(batch_id)
            if model.scan_results.scan_all_result_i != 255:
                return model
            assert time.monotonic() < give_up, f"{batch_id} is not done after {PATIENCE} s"
            time.sleep(0.1)

    def scan(self, content, **headers: str) -> tuple[Any, dict]:
        """Sends a file through the SDK and waits for its result."""
        return self.finished(self.files.analyze_file(content, headers=headers).data_id)

    def tree(self, data_id: str) -> dict[str, dict]:
        """Everything below a node: path from the node (`inner.zip/eicar.com`) to its entry.

        A server may list all that is below a node, or its children, each of which lists its own.
        """
        found: dict[str, dict] = {}
        open_nodes = [(data_id, "")]
        visited = set()
        while open_nodes:
            node, above = open_nodes.pop()
            if node in visited:
                continue
            visited.add(node)
            assert len(visited) < 100, "the tree does not end"
            _, wire = self.finished(node)
            for entry in (wire.get("extracted_files") or {}).get("files_in_archive", []):
                path = entry["display_name"].strip("/")
                if above and not path.startswith(above + "/"):
                    path = f"{above}/{path}"
                found.setdefault(path, entry)
                open_nodes.append((entry["data_id"], path))
        return found

    def call(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> tuple[int, dict]:
        """A request of our own over the SDK's connection, for what it has no method for."""
        url = self.client.configuration.host + path
        response = self.client.call_api(method, url, header_params=dict(headers or {}), body=body)
        return response.status, json.loads(response.read())

    def post_raw(self, content: bytes, name: str) -> tuple[int, dict]:
        """A file as the request's body, the way most clients other than the SDK send it."""
        headers = {"Content-Type": "application/octet-stream", "filename": quote(name)}
        return self.call("POST", "/file", headers, content)
